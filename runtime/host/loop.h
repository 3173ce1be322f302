/*
 * loop: what ties the store's threads and the heap of timers to the event loop.
 */
#ifndef ANZOL_HOST_LOOP_H
#define ANZOL_HOST_LOOP_H

#include "core/err.h"
#include "core/timers.h"

#include <ev.h>

struct log;

struct loop {
    struct ev_loop *ev;
    struct timers *timers;
    struct log *log;
    void (*on_store)(void *ud);     /* the store has completed something */
    void (*before_sleep)(void *ud); /* once a turn, after the timers are set */
    void *ud;
    struct ev_async store_woken;
    struct ev_io timer_fired;
    struct ev_prepare sleeping;
    int timer_fd;         /* -1: not started */
    int64_t timer_set_ns; /* what it is set to; INT64_MAX: nothing */
};

/* The fields up to `ud` are set. */
int loop_start(struct loop *l, struct err *e);
/* Not started is fine. */
void loop_stop(struct loop *l);
/* On any thread: on_store will be called. */
void loop_wake(struct loop *l);

#endif
