/*
 * apply_run: the rows of runs as writes find and leave them: begun, woken, behind one another by key.
 *
 * Of one flow and key at most one run is at work (READY, WAITING, SLEEPING); the others are QUEUED, and the one that
 * ends hands on to the first of them. A run that may be resumed (FAILED, PARKED) is not at work, but its steps end as
 * before, so that it goes on with what came meanwhile; it just is not woken by it.
 */
#ifndef ANZOL_STORE_APPLY_RUN_H
#define ANZOL_STORE_APPLY_RUN_H

#include "store/apply.h"

/* What its row says. */
struct run_row {
    bool found;
    enum run_state state;
    int steps, woken;
    int64_t mark;
};

int apply_run_prepare(struct apply *a, struct err *e);
/* All return rc. A new run with its input (of the event, unless it has its own); r->state tells READY or QUEUED. */
int apply_run_add(struct apply *a, struct store_run *r, const struct store_event *event);
int apply_run_find(struct apply *a, int64_t seq, struct run_row *row);
/* True when nothing can make it go on: its open steps are nobody's. */
bool apply_run_over(enum run_state s);
/* When a run is due: only WAITING or SLEEPING, and the latter always. */
int64_t apply_run_due(enum run_state s, int64_t due_ms);
/* One more step has ended from outside: `row` is what was found, and says afterwards what is written. */
int apply_run_wake(struct apply *a, int64_t seq, struct run_row *row);
/* Ends an open call. *woken: it has ended by this, and the run is READY. */
int apply_run_end_call(struct apply *a, const struct store_step_end *end, bool *woken);
/* The open waits of a run wait no more. */
int apply_run_close_waits(struct apply *a, int64_t seq);
/* The first run at work or else queued of the same flow and key, itself left out when it is final; *seq 0: none. */
int apply_run_first_of_key(struct apply *a, int64_t run, int64_t *seq, enum run_state *state);
/*
 * A run has become final: the next of its key is READY; *next 0: there is none. `again`: it may have been made so by
 * an earlier try.
 */
int apply_run_hand_on(struct apply *a, int64_t run, bool again, int64_t *next);

#endif
