/*
 * turn: what a run does from when it goes on until it waits or ends, as one write: the steps it asked for with their
 * deliveries, what has ended meanwhile, its new face.
 */
#ifndef ANZOL_HOST_TURN_H
#define ANZOL_HOST_TURN_H

#include "host/outbox.h"
#include "host/run.h"

/* What is being committed of a run. */
struct turn {
    struct store_advance advance; /* first: the write's callback gets it */
    struct run *run;
    struct outbox outbox;
    struct store_step *steps; /* their texts are allocated, path first */
    size_t count, cap;
    struct bytes *forms;         /* pairs, allocated each */
    size_t form_count, form_cap; /* of pairs */
    struct buf text;             /* the message or the result */
    bool no_memory;
};

/* What came of one: it is being written; or the task is of no use, as its scripts have come to their cap, or the
 * process has no memory. */
enum turn_end { TURN_WRITTEN, TURN_FULL, TURN_STARVED };
/* Goes as far as it can and submits what it did; `done` when that is committed. */
enum turn_end turn_go(struct run *r, void (*done)(struct store_write *w, const struct err *failure));
/* Instead of going on: parks or fails it with a message. -1: memory. */
int turn_stop(struct run *r, enum task_end end, const char *message,
              void (*done)(struct store_write *w, const struct err *failure));
void turn_free(struct turn *t);

#endif
