/*
 * recover: what a crash left behind, settled while the store opens, before any thread runs.
 */
#ifndef ANZOL_STORE_RECOVER_H
#define ANZOL_STORE_RECOVER_H

#include "store/apply.h"
#include "store/store.h"

/*
 * Deliveries that were being sent become `unknown`, with an attempt that says so, and the step of the run that waits
 * for one ends by it; o->on_unknown hears of each once it is committed. Takes as long as there are such deliveries,
 * however large the database.
 */
int recover_sending(struct apply *a, const struct store_options *o, int64_t now_ms, struct err *e);
/* The highest seq of deliveries, events, runs and scripts, those that are purged too. */
int recover_last_seq(struct sqlite *c, int64_t *seq, struct err *e);

#endif
