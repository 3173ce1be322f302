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

/* Goes as far as it can and submits what it did; `done` when that is committed. -1: memory, and the task is of no use.
 */
int turn_go(struct run *r, void (*done)(struct store_write *w, const struct err *failure));
/* Instead of going on: parks or fails it with a message. */
int turn_stop(struct run *r, enum task_end end, const char *message,
              void (*done)(struct store_write *w, const struct err *failure));
void turn_free(struct turn *t);

#endif
