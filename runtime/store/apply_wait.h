/*
 * apply_wait: events, and the runs that wait for them by key. An event ends the waits that are open, and leaves a trace
 * (an arrival) for those that are asked for a moment later.
 */
#ifndef ANZOL_STORE_APPLY_WAIT_H
#define ANZOL_STORE_APPLY_WAIT_H

#include "store/apply.h"

int apply_wait_prepare(struct apply *a, struct err *e);
/* What w's event brings to those who wait; adds to w->woken. rc. */
int apply_wait_arrive(struct apply *a, struct store_accept *w);
/*
 * Ends the new wait `s` if an event with its key has arrived after `after_seq` and s->ref: its ended_ms, ref and result
 * (which lives until the next call), no match then. rc.
 */
int apply_wait_meet(struct apply *a, struct store_step *s, int64_t after_seq);

#endif
