/*
 * loop: what ties the threads of the store and the builder, and the heap of timers to the event loop.
 */
#ifndef ANZOL_HOST_LOOP_H
#define ANZOL_HOST_LOOP_H

#include "core/err.h"
#include "core/timers.h"

#include <ev.h>

struct log;
struct watchdog;

struct loop {
    struct ev_loop *ev;
    struct timers *timers;
    struct log *log;
    struct watchdog *watchdog;      /* is told when it works */
    void (*on_woken)(void *ud);     /* by loop_wake() */
    void (*before_sleep)(void *ud); /* once a turn, after the timers are set */
    void (*on_idle)(void *ud);      /* by loop_tell_idle() */
    void *ud;
    int64_t longest_ns; /* of the turns so far: how long something that was ready may have waited */
    struct ev_async woken;
    struct ev_io timer_fired;
    struct ev_check waking;
    struct ev_prepare sleeping;
    struct ev_idle idle;
    struct ev_timer log_again; /* a turn, for a log that could not be written */
    struct ev_periodic never;
    int64_t woke_ns;      /* 0: it has not slept yet */
    int timer_fd;         /* -1: not started */
    int64_t timer_set_ns; /* what it is set to; INT64_MAX: nothing */
};

/* The fields up to `ud` are set. */
int loop_start(struct loop *l, struct err *e);
/* Not started is fine. */
void loop_stop(struct loop *l);
/* On any thread: on_woken will be called. */
void loop_wake(struct loop *l);
/* on_idle will be called, once, as soon as a turn finds nothing to do. */
void loop_tell_idle(struct loop *l);

#endif
