#include "host/loop.h"

#include "core/log.h"
#include "core/pulse.h"
#include "core/units.h"
#include "host/env.h"
#include "host/watchdog.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Often enough for a reader to get a few MB/s of what was kept, 64 KiB (what a pipe holds) at a time. */
#define LOG_AGAIN_S 0.05
#define NEVER_S     1e11 /* some three thousand years */

void loop_wake(struct loop *l)
{
    ev_async_send(l->ev, &l->woken);
}

static void on_async(struct ev_loop *ev, struct ev_async *w, int events)
{
    (void)ev, (void)events;
    struct loop *l = w->data;
    l->on_woken(l->ud);
}

static void on_timer(struct ev_loop *ev, struct ev_io *w, int events)
{
    (void)ev, (void)events;
    struct loop *l = w->data;
    uint64_t expirations;
    if (read(l->timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        log_line(l->log, LOG_ERROR, "timer", LOG_STR("error", strerror(errno)));
    l->timer_set_ns = INT64_MAX;
    enum phase before = phase_enter(PHASE_TIMERS);
    timers_run(l->timers, env_mono_ns());
    phase_leave(before);
}

/* libev's own timers have the grain of epoll's, a millisecond: too coarse to pace a thousand requests a second. */
static void set_timer(struct loop *l)
{
    int64_t next = timers_next(l->timers);
    if (next == l->timer_set_ns)
        return;
    int64_t at = next == INT64_MAX ? 0 : next > 0 ? next : 1;
    struct itimerspec when = {.it_value = {.tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S}};
    if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        l->timer_set_ns = next;
    else
        log_line(l->log, LOG_ERROR, "timer", LOG_STR("error", strerror(errno)));
}

static void on_waking(struct ev_loop *ev, struct ev_check *w, int events)
{
    (void)ev, (void)events;
    struct loop *l = w->data;
    l->woke_ns = env_mono_ns();
    watchdog_turn_begins(l->watchdog, l->woke_ns);
}

static void note_turn(struct loop *l)
{
    int64_t ns = l->woke_ns == 0 ? 0 : env_mono_ns() - l->woke_ns;
    if (ns > l->longest_ns)
        l->longest_ns = ns;
}

static void on_log_again(struct ev_loop *ev, struct ev_timer *w, int events)
{
    (void)ev, (void)w, (void)events; /* before_sleep() flushes once a turn */
}

/* libev's: timers in the heap are set by now, and what the watchdog logs is late. */
static void flush_again_if_needed(struct loop *l)
{
    if (!log_waits(l->log) || ev_is_active(&l->log_again))
        return;
    ev_timer_set(&l->log_again, LOG_AGAIN_S, 0.);
    ev_timer_start(l->ev, &l->log_again);
}

/* Once a turn: whatever the turn decided takes effect before the loop sleeps. */
static void on_sleeping(struct ev_loop *ev, struct ev_prepare *w, int events)
{
    (void)ev, (void)events;
    struct loop *l = w->data;
    set_timer(l);
    l->before_sleep(l->ud);
    note_turn(l);
    watchdog_turn_ends(l->watchdog);
    flush_again_if_needed(l);
}

static void on_idle(struct ev_loop *ev, struct ev_idle *w, int events)
{
    (void)events;
    struct loop *l = w->data;
    ev_idle_stop(ev, w);
    l->on_idle(l->ud);
}

void loop_tell_idle(struct loop *l)
{
    ev_idle_start(l->ev, &l->idle);
}

static void on_never(struct ev_loop *ev, struct ev_periodic *w, int events)
{
    (void)ev, (void)w, (void)events;
}

/* Without a watcher of the wall clock libev wakes once a minute, to see whether that has been set; for one it has the
 * kernel tell it. */
static void sleep_long(struct loop *l)
{
    ev_periodic_init(&l->never, on_never, NEVER_S, 0., NULL);
    ev_periodic_start(l->ev, &l->never);
}

int loop_start(struct loop *l, struct err *e)
{
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->timer_fd < 0)
        return err_system(e, errno, "cannot make a timer");
    l->timer_set_ns = INT64_MAX;
    ev_async_init(&l->woken, on_async);
    ev_io_init(&l->timer_fired, on_timer, l->timer_fd, EV_READ);
    ev_prepare_init(&l->sleeping, on_sleeping);
    ev_check_init(&l->waking, on_waking);
    ev_timer_init(&l->log_again, on_log_again, LOG_AGAIN_S, 0.);
    ev_idle_init(&l->idle, on_idle);
    ev_set_priority(&l->waking, EV_MAXPRI); /* before what has happened is looked at */
    ev_set_priority(&l->idle, EV_MINPRI);
    l->idle.data = l->woken.data = l->timer_fired.data = l->sleeping.data = l->waking.data = l;
    ev_async_start(l->ev, &l->woken);
    ev_io_start(l->ev, &l->timer_fired);
    ev_prepare_start(l->ev, &l->sleeping);
    ev_check_start(l->ev, &l->waking);
    sleep_long(l);
    return 0;
}

void loop_stop(struct loop *l)
{
    if (l->timer_fd < 0)
        return;
    ev_async_stop(l->ev, &l->woken);
    ev_io_stop(l->ev, &l->timer_fired);
    ev_prepare_stop(l->ev, &l->sleeping);
    ev_check_stop(l->ev, &l->waking);
    ev_idle_stop(l->ev, &l->idle);
    ev_timer_stop(l->ev, &l->log_again);
    ev_periodic_stop(l->ev, &l->never);
    close(l->timer_fd);
    l->timer_fd = -1;
}
