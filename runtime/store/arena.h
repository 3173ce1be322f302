/*
 * arena: memory given out piece by piece and released at once: what the views of one read point into.
 *
 * The arena is its newest chunk; an empty one is NULL.
 */
#ifndef ANZOL_STORE_ARENA_H
#define ANZOL_STORE_ARENA_H

#include "core/buf.h"

struct arena;

/* A copy of `len` bytes with a NUL after them. 0, or -1: memory. */
int arena_copy(struct arena **a, const void *data, size_t len, struct bytes *out);
/* Zeroed memory for a struct; NULL: memory. */
void *arena_new(struct arena **a, size_t size);
void arena_free(struct arena *a); /* NULL is fine */

#endif
