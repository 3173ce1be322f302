#include "host/outcome.h"

#include "core/request.h"
#include "core/retry.h"
#include "core/run.h"
#include "core/units.h"
#include "host/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE_MAX = 128, SPARE_BYTES = 2 << 10 };

struct flight *flight_take(struct dispatch *d)
{
    struct flight *f = d->spare;
    if (f != NULL) {
        d->spare = f->next;
        d->spare_count--;
    } else if ((f = calloc(1, sizeof *f)) != NULL)
        attempt_init(&f->exchange.attempt, 0);
    else
        return NULL;
    f->dispatch = d;
    return f;
}

static void free_flight(struct flight *f)
{
    attempt_fini(&f->exchange.attempt);
    buf_fini(&f->result);
    free(f);
}

/* Emptied, and its memory kept. */
static struct buf emptied(struct buf *b)
{
    if (b->cap > SPARE_BYTES)
        buf_fini(b);
    buf_clear(b);
    return *b;
}

void flight_free(struct flight *f)
{
    struct dispatch *d = f->dispatch;
    struct attempt *a = &f->exchange.attempt;
    struct buf headers = emptied(&a->headers), body = emptied(&a->body), result = emptied(&f->result);
    generation_unref(f->judging);
    *f = (struct flight){.next = d->spare, .result = result};
    attempt_init(a, 0);
    a->headers = headers;
    a->body = body;
    if (d->spare_count >= SPARE_MAX) {
        free_flight(f);
        return;
    }
    d->spare = f;
    d->spare_count++;
}

void flight_drop_spare(struct dispatch *d)
{
    for (struct flight *f; (f = d->spare) != NULL; free_flight(f))
        d->spare = f->next;
    d->spare_count = 0;
}

static enum delivery_state state_after(enum retry_verdict v)
{
    switch (v) {
    case RETRY_SUCCEEDED:
        return DELIVERY_SUCCEEDED;
    case RETRY_UNKNOWN:
        return DELIVERY_UNKNOWN;
    case RETRY_AGAIN:
        return DELIVERY_WAITING;
    case RETRY_FAILED:
        break;
    }
    return DELIVERY_FAILED;
}

static void count_final(struct counters *c, enum delivery_state s)
{
    if (s == DELIVERY_SUCCEEDED)
        c->succeeded++;
    else if (s == DELIVERY_UNKNOWN)
        c->unknown++;
    else
        c->failed++;
}

static size_t answer_bytes(const struct attempt *a)
{
    return a->headers.cap + a->body.cap;
}

/* The update of `f` is committed: the delivery leaves memory. */
static void on_recorded(struct store_write *w, const struct err *failure)
{
    struct flight *f = (struct flight *)((char *)w - offsetof(struct flight, update));
    struct dispatch *d = f->dispatch;
    struct live *l = f->live;
    struct lane *lane = l->lane;
    struct store_delivery *row = &f->update.row;
    if (failure != NULL)
        log_line(d->env->log, LOG_ERROR, "store.record", LOG_STR("integration", lane->name),
                 LOG_BYTES("webhook", l->webhook), LOG_STR("error", failure->message));
    lane->recording--;
    d->answers -= answer_bytes(&f->exchange.attempt);
    d->in_flight--;
    if (row->state == DELIVERY_WAITING)
        lane_wait(lane, row->due_ms);
    else if (delivery_state_final(row->state)) {
        count_final(&d->env->counters, row->state);
        if (d->on_final != NULL)
            d->on_final(d->ud, l->seq);
        if (f->update.woken && d->on_step_end != NULL)
            d->on_step_end(d->ud, l, &f->end,
                           f->exchange.attempt.number == f->end.attempt ? &f->exchange.attempt : NULL);
    }
    flight_free(f);
    l->flight = NULL;
    lane_settle(lane, l);
    lane->on_supply(lane);
}

void outcome_fill(struct flight *f, enum delivery_state state)
{
    struct live *l = f->live;
    f->update.base = (struct store_write){.kind = STORE_UPDATE, .done = on_recorded};
    f->update.row = (struct store_delivery){
        .seq = l->seq,
        .id = l->id,
        .state = state,
        .attempts = l->attempts,
        .tries = l->tries,
        .created_ms = l->created_ms,
        .first_ms = l->first_ms,
    };
}

/* What the run that waits for it is to learn. */
static void end_step(struct flight *f)
{
    const struct live *l = f->live;
    const struct store_delivery *row = &f->update.row;
    char answered[64] = "";
    const char *kind = attempt_error_name(row->error);
    struct bytes message = row->message;
    bool ok = row->state == DELIVERY_SUCCEEDED;
    if (!ok && *kind == '\0') {
        kind = "status";
        snprintf(answered, sizeof answered, "the receiver answered %d", row->status);
        message = bytes_of(answered);
    }
    buf_clear(&f->result); /* it has room: without memory the run would go on with half of it */
    (void)run_call_result(&f->result, ok, l->attempts, ok ? NULL : kind, message, (struct bytes){0});
    f->end = (struct store_step_end){
        .run = l->run,
        .step = l->step,
        .attempt = l->attempts,
        .ended_ms = row->finished_ms,
        .result = buf_view(&f->result),
    };
    f->update.step = &f->end;
}

void outcome_record(struct flight *f)
{
    if (f->live->run != 0 && delivery_state_final(f->update.row.state))
        end_step(f);
    f->live->lane->recording++;
    f->dispatch->answers += answer_bytes(&f->exchange.attempt);
    store_submit(f->dispatch->env->store, &f->update.base);
}

static void log_attempt(const struct flight *f, enum delivery_state state, int64_t delay_ms)
{
    const struct live *l = f->live;
    const struct attempt *a = &f->exchange.attempt;
    struct log_field status = a->status > 0 ? LOG_INT("status", a->status) : LOG_STR("status", "");
    char retry_in[32] = "";
    if (state == DELIVERY_WAITING)
        units_format_duration(delay_ms, retry_in);
    log_line(f->dispatch->env->log, state == DELIVERY_SUCCEEDED ? LOG_INFO : LOG_WARN, "delivery.attempt",
             LOG_STR("integration", l->lane->name), LOG_BYTES("webhook", l->webhook), LOG_UUID("delivery", &l->id),
             LOG_INT("attempt", a->number), status, LOG_DURATION_US("duration", a->duration_us),
             LOG_STR("state", delivery_state_name(state)), LOG_STR("retry_in", retry_in),
             LOG_STR("error", attempt_error_name(a->error)), LOG_STR("message", a->message));
}

static void pause_lane(struct lane *lane, int64_t pause_ms, const char *reason)
{
    char text[32];
    units_format_duration(pause_ms, text);
    limiter_pause(&lane->limiter, lane->env->mono_ns() + pause_ms * NS_PER_MS);
    log_line(lane->env->log, LOG_WARN, "integration.paused", LOG_STR("integration", lane->name), LOG_STR("for", text),
             LOG_STR("reason", reason));
}

/* By the webhook's own rule, where it has one (`j` is what it says), and the retry rule. */
static struct retry_decision decide(struct flight *f, int64_t now_ms, struct retry_judgement *j)
{
    const struct live *l = f->live;
    struct request_options o;
    *j = (struct retry_judgement){.kind = JUDGED_DEFAULT};
    if (request_options_read(&o, l->request, NULL) != 0)
        return (struct retry_decision){.verdict = RETRY_FAILED};
    int64_t asked_ms = retry_pause(&o.retry, &f->exchange.attempt);
    judge_attempt(f, &o, j);
    struct retry_decision d = retry_decide(&o.retry, l->has_key, &f->exchange.attempt, j, l->tries,
                                           now_ms - l->first_ms, env_fraction(f->dispatch->env));
    if (d.pause_ms == 0)
        d.pause_ms = asked_ms; /* it was answered so, even if there was no memory to judge the answer */
    judge_explain(f, &o, j, &d);
    return d;
}

static void count_attempt(struct counters *c, const struct live *l)
{
    c->attempts++;
    if (l->tries > 1)
        c->retries++;
}

void outcome_of_exchange(struct exchange *x)
{
    struct flight *f = (struct flight *)((char *)x - offsetof(struct flight, exchange));
    struct live *l = f->live;
    struct lane *lane = l->lane;
    struct env *env = f->dispatch->env;
    const struct attempt *a = &x->attempt;
    int64_t now_ms = env->wall_ms();

    f->sending = false;
    lane->in_flight--;
    l->attempts = a->number;
    l->tries++;
    if (l->first_ms == 0)
        l->first_ms = a->started_ms;
    count_attempt(&env->counters, l);

    struct retry_judgement j;
    struct retry_decision r = decide(f, now_ms, &j);
    generation_unref(f->judging);
    f->judging = NULL;
    enum delivery_state state = state_after(r.verdict);
    outcome_fill(f, state);
    if (state == DELIVERY_WAITING)
        f->update.row.due_ms = now_ms + 1 + r.delay_ms; /* now_ms is rounded down, and a delay is never cut short */
    else
        f->update.row.finished_ms = now_ms;
    f->update.row.status = a->status;
    f->update.row.error = a->error;
    f->update.row.message = bytes_of(a->message);
    f->update.attempt = a;
    log_attempt(f, state, r.delay_ms);
    if (r.pause_ms > 0)
        pause_lane(lane, r.pause_ms,
                   j.pause_ms > 0 ? "on_response asked for it" : "the receiver asked for it (Retry-After)");
    if (f->dispatch->on_exchange != NULL)
        f->dispatch->on_exchange(f->dispatch->on_exchange_ud, f);
    outcome_record(f);
    lane->on_supply(lane);
}

void outcome_give_up(struct lane *lane, struct live *l)
{
    struct flight *f = l->flight;
    struct request_options o = {0};
    char within[32];
    (void)request_options_read(&o, l->request, NULL);
    units_format_duration(o.retry.within_ms, within);
    snprintf(f->message, sizeof f->message, "the retry window of %s passed before attempt %d could be made", within,
             l->attempts + 1);
    outcome_fill(f, DELIVERY_FAILED);
    f->update.row.finished_ms = lane->env->wall_ms();
    f->update.row.error = ATTEMPT_WINDOW;
    f->update.row.message = bytes_of(f->message);
    log_line(lane->env->log, LOG_WARN, "delivery.failed", LOG_STR("integration", lane->name),
             LOG_BYTES("webhook", l->webhook), LOG_UUID("delivery", &l->id),
             LOG_STR("error", attempt_error_name(ATTEMPT_WINDOW)), LOG_STR("message", f->message));
    outcome_record(f);
}
