#include "host/views.h"

#include "core/units.h"
#include "host/view_parts.h"
#include "host/watchdog.h"

#include <inttypes.h>
#include <stdio.h>

static void put_counters(struct json_write *w, const struct counters *c)
{
    json_write_object(w, "counters");
    json_write_int(w, "events", (int64_t)c->events);
    json_write_int(w, "duplicates", (int64_t)c->duplicates);
    json_write_int(w, "deliveries", (int64_t)c->deliveries);
    json_write_int(w, "attempts", (int64_t)c->attempts);
    json_write_int(w, "retries", (int64_t)c->retries);
    json_write_int(w, "succeeded", (int64_t)c->succeeded);
    json_write_int(w, "failed", (int64_t)c->failed);
    json_write_int(w, "unknown", (int64_t)c->unknown);
    json_write_end(w);
}

static void put_runs(struct json_write *w, const struct runs *r)
{
    const struct counters *c = &r->env->counters;
    json_write_object(w, "runs");
    json_write_int(w, "started", (int64_t)c->runs);
    json_write_int(w, "succeeded", (int64_t)c->runs_succeeded);
    json_write_int(w, "failed", (int64_t)c->runs_failed);
    json_write_int(w, "parked", (int64_t)c->runs_parked);
    json_write_int(w, "canceled", (int64_t)c->runs_canceled);
    json_write_int(w, "in_memory", (int64_t)r->count);
    json_write_time(w, "next_due_at", r->next_due_ms > 1 ? r->next_due_ms : 0); /* 1: those that are due now */
    json_write_end(w);
}

/* null until the backlog is counted. */
static void put_total(struct json_write *w, const char *key, const struct lane *lane, int64_t total)
{
    if (lane->uncounted)
        json_write_null(w, key);
    else
        json_write_int(w, key, total);
}

/* What a lane is doing: the members of an object. */
static void put_state(struct json_write *w, const struct lane *lane)
{
    int64_t now_ns = lane->env->mono_ns(), pause_ns = limiter_pause_left(&lane->limiter, now_ns);
    json_write_bool(w, "removed", lane->removed);
    put_total(w, "queued", lane, lane->queued_total);
    put_total(w, "waiting", lane, lane->waiting_total);
    json_write_int(w, "in_flight", lane->in_flight);
    json_write_int(w, "used", meter_read(&lane->sent, now_ns));
    json_write_bool(w, "paused", lane->paused || pause_ns > 0);
    json_write_time(w, "paused_until", pause_ns > 0 && !lane->paused ? lane->env->wall_ms() + pause_ns / NS_PER_MS : 0);
}

static void put_lane(struct json_write *w, const struct lane *lane)
{
    json_write_object(w, NULL);
    json_write_str(w, "name", lane->name);
    if (lane->rate > 0)
        json_write_double(w, "rate", lane->rate * 1000 / (double)lane->per_ms);
    else
        json_write_null(w, "rate");
    put_state(w, lane);
    json_write_end(w);
}

void view_integration(struct buf *out, const struct lane *lane)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_str(&w, "integration", lane->name);
    put_state(&w, lane);
    json_write_end(&w);
}

static void put_changes(struct json_write *w, const struct changes *c)
{
    json_write_object(w, "changed");
    for (int i = 0; i < CHANGES_KINDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "%ss", c->of[i].kind);
        json_write_object(w, key);
        json_write_lines(w, "added", buf_view(&c->of[i].added.lines));
        json_write_lines(w, "changed", buf_view(&c->of[i].changed.lines));
        json_write_lines(w, "removed", buf_view(&c->of[i].removed.lines));
        json_write_end(w);
    }
    json_write_end(w);
}

void view_loaded(struct buf *out, const struct scripts *s, const struct reload_result *r)
{
    struct json_write w;
    struct buf changes;
    buf_init(&changes);
    changes_describe(r->changes, &changes);
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_int(&w, "generation", (int64_t)s->number);
    view_put_counts(&w, s->current);
    json_write_double(&w, "took_ms", (double)r->took_us / 1000);
    json_write_bytes(&w, "changes", buf_view(&changes));
    put_changes(&w, r->changes);
    json_write_lines(&w, "warnings", r->lines);
    json_write_end(&w);
    buf_fini(&changes);
}

static void put_generation(struct json_write *w, const struct scripts *s)
{
    json_write_object(w, "generation");
    json_write_int(w, "number", (int64_t)s->number);
    json_write_time(w, "loaded_at", s->loaded_ms);
    view_put_counts(w, s->current);
    json_write_end(w);
}

/* "failed_at" is null when the last one went well. */
static void put_reloads(struct json_write *w, const struct reload *r)
{
    json_write_object(w, "reloads");
    json_write_int(w, "loaded", (int64_t)r->loaded);
    json_write_int(w, "failed", (int64_t)r->failed);
    json_write_time(w, "failed_at", r->failed_ms);
    json_write_lines(w, "mistakes", buf_view(&r->mistakes));
    json_write_end(w);
}

void view_status(struct buf *out, const struct view_status *s)
{
    const struct env *env = s->dispatch->env;
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_str(&w, "version", s->version);
    json_write_int(&w, "pid", s->pid);
    json_write_time(&w, "started_at", s->started_ms);
    json_write_bool(&w, "ready", s->not_ready == NULL);
    json_write_str(&w, "reason", s->not_ready);
    put_generation(&w, s->scripts);
    put_reloads(&w, s->reload);
    put_counters(&w, &env->counters);
    put_runs(&w, s->runs);
    json_write_object(&w, "store");
    json_write_int(&w, "pending_writes", (int64_t)store_pending(env->store));
    json_write_end(&w);
    json_write_array(&w, "integrations");
    for (const struct lane *lane = s->dispatch->lanes; lane != NULL; lane = lane->next)
        if (!lane->removed || !lane_is_empty(lane))
            put_lane(&w, lane);
    json_write_end(&w);
    json_write_end(&w);
}

static void head(struct buf *out, const char *name, const char *help, const char *type)
{
    buf_printf(out, "# HELP anzol_%s %s\n# TYPE anzol_%s %s\n", name, help, name, type);
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, help, "counter");
    buf_printf(out, "anzol_%s %" PRIu64 "\n", name, value);
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, help, "gauge");
    buf_printf(out, "anzol_%s %" PRIu64 "\n", name, value);
}

/* One gauge with a line for each lane; `field` is the offset of an int64_t, or of an int when `wide` is false. */
/* `wide`: a total, which is left out as long as it is not known. */
static void lane_gauge(struct buf *out, const struct dispatch *d, const char *name, const char *help, size_t field,
                       bool wide)
{
    head(out, name, help, "gauge");
    for (const struct lane *lane = d->lanes; lane != NULL; lane = lane->next) {
        if (wide && lane->uncounted)
            continue;
        const char *at = (const char *)lane + field;
        int64_t value = wide ? *(const int64_t *)(const void *)at : *(const int *)(const void *)at;
        buf_printf(out, "anzol_%s{integration=\"", name);
        json_escape(out, bytes_of(lane->name));
        buf_printf(out, "\"} %" PRId64 "\n", value);
    }
}

static void put_stalls(struct buf *out, const struct watchdog *w)
{
    head(out, "loop_stalls_total", "Turns of the loop that took 100 ms or more of its own doing, by what it was at.",
         "counter");
    for (int p = 0; p < PHASE_COUNT; p++)
        buf_printf(out, "anzol_loop_stalls_total{phase=\"%s\"} %" PRIu64 "\n", phase_name((enum phase)p), w->stalls[p]);
    head(out, "loop_stalled_seconds_total", "How long these took.", "counter");
    buf_printf(out, "anzol_loop_stalled_seconds_total %.6f\n", (double)w->stalled_ns / NS_PER_S);
}

void view_metrics(struct buf *out, const struct view_status *s)
{
    const struct counters *c = &s->dispatch->env->counters;
    counter(out, "events_total", "Events accepted.", c->events);
    counter(out, "events_duplicate_total", "Events seen before under the same id.", c->duplicates);
    counter(out, "deliveries_total", "Deliveries accepted.", c->deliveries);
    counter(out, "attempts_total", "HTTP exchanges made.", c->attempts);
    counter(out, "retries_total", "Attempts beyond a delivery's first.", c->retries);
    counter(out, "deliveries_succeeded_total", "Deliveries that succeeded.", c->succeeded);
    counter(out, "deliveries_failed_total", "Deliveries given up.", c->failed);
    counter(out, "deliveries_unknown_total", "Deliveries whose outcome cannot be known.", c->unknown);
    counter(out, "render_errors_total", "Deliveries that could not be rendered.", c->render_errors);
    counter(out, "runs_total", "Runs of flows started.", c->runs);
    counter(out, "runs_succeeded_total", "Runs that returned.", c->runs_succeeded);
    counter(out, "runs_failed_total", "Runs that raised an error.", c->runs_failed);
    counter(out, "runs_parked_total", "Runs that wait for a person.", c->runs_parked);
    counter(out, "runs_canceled_total", "Runs canceled.", c->runs_canceled);
    counter(out, "log_dropped_total", "Log lines dropped because nobody took them.", s->dispatch->env->log->dropped);
    gauge(out, "ready", "1 when events are accepted.", s->not_ready == NULL);
    gauge(out, "generation", "Number of the scripts in force.", s->scripts->number);
    head(out, "turn_seconds_max", "The longest turn of the loop since the start: how long others may have waited.",
         "gauge");
    buf_printf(out, "anzol_turn_seconds_max %.6f\n", (double)s->turns->longest_ns / NS_PER_S);
    put_stalls(out, s->turns->watchdog);
    counter(out, "reloads_total", "Scripts loaded anew.", s->reload->loaded);
    counter(out, "reloads_failed_total", "Reloads that changed nothing, because of a mistake.", s->reload->failed);
    gauge(out, "reload_failed", "1 while the last reload is one that failed.", s->reload->failed_ms != 0);
    gauge(out, "store_pending_writes", "Writes not yet committed.", store_pending(s->dispatch->env->store));
    gauge(out, "runs_in_memory", "Runs in memory; those that sleep are in the store.", s->runs->count);
    lane_gauge(out, s->dispatch, "queued", "Deliveries not yet sent.", offsetof(struct lane, queued_total), true);
    lane_gauge(out, s->dispatch, "waiting", "Deliveries waiting for their next attempt.",
               offsetof(struct lane, waiting_total), true);
    lane_gauge(out, s->dispatch, "in_flight", "Exchanges under way.", offsetof(struct lane, in_flight), false);
}
