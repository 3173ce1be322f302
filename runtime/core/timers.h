/*
 * timers: points in time, the earliest first: a pairing heap whose nodes are the caller's memory, embedded in what
 * waits. So it allocates nothing, and to start a timer cannot fail.
 *
 * Pure: whoever owns the heap asks timers_next() when to wake and calls timers_run() then. A callback may start and
 * stop any timer, its own included, and may free the struct its node sits in.
 */
#ifndef ANZOL_CORE_TIMERS_H
#define ANZOL_CORE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t due_ns;
    uint64_t order; /* equal times fire in the order they were started */
    bool started;
    struct timer *child, *next, *prev; /* its first child; siblings; `prev` of a first child is the parent */
    void (*on_due)(struct timer *t, int64_t now_ns);
};

struct timers {
    struct timer *first;
    uint64_t order;
    int64_t running_ns; /* while timers_run() runs: its `now_ns`; INT64_MIN otherwise */
};

void timers_init(struct timers *h);
void timers_fini(struct timers *h); /* the nodes are not touched */
void timer_init(struct timer *t, void (*on_due)(struct timer *, int64_t));
/* Starts, or moves one that is started. */
void timer_start(struct timers *h, struct timer *t, int64_t due_ns);
void timer_stop(struct timers *h, struct timer *t);
bool timer_started(const struct timer *t);
/* When the earliest is due; INT64_MAX: none. */
int64_t timers_next(const struct timers *h);
/* Fires all that are due at `now_ns`, earliest first; one started meanwhile for `now_ns` or before waits for the next
 * run. */
void timers_run(struct timers *h, int64_t now_ns);

#endif
