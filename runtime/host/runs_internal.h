/*
 * runs_internal: what the files of runs.h know of each other.
 */
#ifndef ANZOL_HOST_RUNS_INTERNAL_H
#define ANZOL_HOST_RUNS_INTERNAL_H

#include "host/run.h"

/* In memory; NULL: not. */
struct run *runs_find(const struct runs *rs, int64_t seq);
void runs_add(struct runs *rs, struct run *r);
/* Out of the list it is in. */
void runs_unlink(struct runs *rs, struct run *r);
/* Out of memory; the store has it. */
void runs_drop(struct runs *rs, struct run *r);
/* A run as it was read goes on. 1: its scripts are being read, it is to be read again then. */
int runs_resume(struct runs *rs, const struct store_run *row, const struct store_step *steps);
/* The same of one that is in the table, without a task. 1: as above, and it is gone. */
int runs_begin_one(struct runs *rs, struct run *r, const struct store_run *row, const struct store_step *steps);
/* Takes its turn. */
void runs_go(struct runs *rs, struct run *r);
/* What failed says `e`. Without memory it goes on in a moment. When its scripts have come to their cap, those that only
 * wait let go of theirs, and it tries again; but not for ever. */
void runs_short(struct runs *rs, struct run *r, const struct err *e);

#endif
