#include "host/watching.h"

#include "core/pulse.h"
#include "core/units.h"
#include "host/scripts.h"

/* An editor writes in several steps; while changes go on and on, they are looked at all the same. */
static const int64_t QUIET_NS = 50 * NS_PER_MS, PATIENCE_NS = 1000 * NS_PER_MS, BLIND_NS = 2000 * NS_PER_MS;
enum { PUT_OFF_MAX = 3 }; /* loads in a row */

static void look_in(struct watching *w, int64_t wait_ns)
{
    timer_start(w->env->timers, &w->settled, w->env->mono_ns() + wait_ns);
}

static void on_settled(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct watching *w = (struct watching *)((char *)t - offsetof(struct watching, settled));
    w->first_ns = 0;
    reload_look(w->reload);
    if (w->blind)
        look_in(w, BLIND_NS);
}

static void let_settle(struct watching *w)
{
    int64_t now = w->env->mono_ns();
    if (w->first_ns == 0)
        w->first_ns = now;
    int64_t left = w->first_ns + PATIENCE_NS - now;
    look_in(w, left < QUIET_NS ? (left > 0 ? left : 0) : QUIET_NS);
}

static void look_for_changes(struct watching *w)
{
    enum phase before = phase_enter(PHASE_FILES);
    if (watch_read(w->watch))
        let_settle(w);
    phase_leave(before);
}

static void on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    look_for_changes(io->data);
}

bool watching_unsettled(struct watching *w)
{
    if (w->watch == NULL)
        return false;
    look_for_changes(w);
    bool changed = w->first_ns != 0 || w->reload->look; /* the latter: they settled while it was read */
    bool unsettled = changed && w->put_off < PUT_OFF_MAX;
    w->put_off = unsettled ? w->put_off + 1 : 0;
    return unsettled;
}

void watching_set(struct watching *w, bool read)
{
    if (w->watch == NULL)
        return;
    struct err e;
    const struct generation_options *o = &w->reload->intake->scripts->options;
    const struct seen *seen = &w->reload->seen;
    bool was_blind = w->blind;
    w->blind =
        watch_set(w->watch, o->paths, o->path_count, (const char *const *)seen->looked, seen->looked_count, &e) != 0;
    if (w->blind && !was_blind) {
        log_line(w->env->log, LOG_WARN, "watch", LOG_STR("error", e.message),
                 LOG_STR("message", "the files are looked at every 2 s instead"));
        look_in(w, BLIND_NS);
    }
    if (read)
        let_settle(w); /* what changed since, where nobody looked yet */
}

int watching_start(struct watching *w, struct reload *r, struct ev_loop *loop, struct err *e)
{
    *w = (struct watching){.env = r->env, .reload = r, .loop = loop};
    w->watch = watch_new(e);
    if (w->watch == NULL)
        return -1;
    timer_init(&w->settled, on_settled);
    ev_io_init(&w->readable, on_readable, watch_fd(w->watch), EV_READ);
    w->readable.data = w;
    ev_io_start(loop, &w->readable);
    watching_set(w, true);
    return 0;
}

void watching_stop(struct watching *w)
{
    if (w->watch == NULL)
        return;
    timer_stop(w->env->timers, &w->settled);
    ev_io_stop(w->loop, &w->readable);
    watch_free(w->watch);
    w->watch = NULL;
}
