/*
 * apply_advance: what a run did until it came to wait or end, as SQL.
 */
#ifndef ANZOL_STORE_APPLY_ADVANCE_H
#define ANZOL_STORE_APPLY_ADVANCE_H

#include "store/apply.h"

int apply_advance_prepare(struct apply *a, struct err *e);
/* rc. `now_ms`: when it ended, if it does not say. */
int apply_advance(struct apply *a, struct store_advance *v, int64_t now_ms);

#endif
