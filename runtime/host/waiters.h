/*
 * waiters: API calls that wait for the outcome of a delivery (?wait=10s), by its seq.
 */
#ifndef ANZOL_HOST_WAITERS_H
#define ANZOL_HOST_WAITERS_H

#include "core/timers.h"
#include "core/uuid.h"

struct waiter {
    struct waiter *next;
    struct waiters *owner;
    struct timer timeout;
    int64_t seq;
    struct uuid id;
    void *call; /* whoever waits */
};

enum { WAITERS_BUCKETS = 256 };

struct waiters {
    struct waiter *buckets[WAITERS_BUCKETS];
    struct timers *timers;
    /* The delivery ended (`ended`), or the time is up. The waiter is gone when this returns. */
    void (*on_end)(void *ud, const struct waiter *w, bool ended);
    void *ud;
};

void waiters_init(struct waiters *ws, struct timers *timers);
/* Forgets them all, without a call. */
void waiters_fini(struct waiters *ws);
/* -1: memory. */
int waiters_add(struct waiters *ws, int64_t seq, const struct uuid *id, void *call, int64_t until_ns);
/* Time is up for all. */
void waiters_end(struct waiters *ws);
/* The delivery has its final state. */
void waiters_final(struct waiters *ws, int64_t seq);

#endif
