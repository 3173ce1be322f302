/*
 * failure: why a write or a read failed, kept until its done() is told; one is shared by all that failed together.
 *
 * Used by one thread at a time: the store's, then the loop.
 */
#ifndef ANZOL_STORE_FAILURE_H
#define ANZOL_STORE_FAILURE_H

#include "core/err.h"

#include <stddef.h>

struct store_failure {
    size_t refs;
    struct err err;
};

/* One that nobody holds yet; NULL when memory is short, which is then what the holders tell. */
struct store_failure *failure_new(const struct err *e);
/* Frees one that nobody took. NULL is fine. */
void failure_settle(struct store_failure *f);
/* Makes *slot hold `f` (NULL: out of memory) instead of what it held. */
void failure_set(struct store_failure **slot, struct store_failure *f);
void failure_clear(struct store_failure **slot);
/* NULL: none. */
const struct err *failure_err(const struct store_failure *f);

#endif
