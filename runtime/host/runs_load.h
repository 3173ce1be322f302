/*
 * runs_load: which runs are read from the store, and when; the part of runs that runs.c calls, and what it calls back.
 */
#ifndef ANZOL_HOST_RUNS_LOAD_H
#define ANZOL_HOST_RUNS_LOAD_H

#include "host/runs.h"

void runs_load_init(struct runs *rs);
/* The run `seq` is READY in the store alone. */
void runs_load_wake(struct runs *rs, int64_t seq);
/* `seq`, and perhaps others above it, were left READY in the store. */
void runs_load_left(struct runs *rs, int64_t seq);
/* … and its scripts are being read: runs_scripts_found() follows. */
void runs_load_blocked(struct runs *rs, int64_t seq);
/* … or something did not go well: nothing more is read for a moment. */
void runs_load_later(struct runs *rs, int64_t seq);
/* One waits in the store until then. */
void runs_load_due(struct runs *rs, int64_t due_ms);
/* A write of the run is committed: a read under way may have seen it as it was before. */
void runs_load_passed(struct runs *rs, int64_t seq);
/* Reads the next that may go on, when there is room and no read under way. */
void runs_load_next(struct runs *rs);
/* Tells the task of a run its journal, and notes what it waits for. */
int runs_load_journal(struct run *r, const struct store_step *steps, size_t count, struct err *e);

#endif
