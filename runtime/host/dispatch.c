#include "host/dispatch.h"

#include "core/request.h"
#include "core/retry.h"
#include "core/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A delivery without the key is marked at most this long before the limiter lets it go: what is marked when the machine
 * dies counts as unknown, so no more than needed to hide the commit's latency. */
static const int64_t MARK_AHEAD_NS = 5 * NS_PER_MS;
/* Attempts of a lane whose record is not committed: bounds memory while the store refuses. */
enum { RECORDING_MAX = 256, MEMORY_RETRY_MS = 100 };

static void pump(struct lane *lane);

void dispatch_init(struct dispatch *d, struct env *env)
{
    *d = (struct dispatch){.env = env, .held = true};
    live_table_init(&d->live);
}

static void flight_free(struct flight *f)
{
    attempt_fini(&f->exchange.attempt);
    free(f);
}

/* What the lanes' queues do not hold: in flight, marking or recording when everything stopped. */
static void free_flights(struct dispatch *d)
{
    for (size_t i = 0; i < d->live.size; i++)
        for (struct live *l = d->live.buckets[i]; l != NULL; l = l->chain)
            if (l->flight != NULL)
                flight_free(l->flight);
}

void dispatch_fini(struct dispatch *d)
{
    free_flights(d);
    while (d->lanes != NULL) {
        struct lane *lane = d->lanes;
        d->lanes = lane->next;
        lane_fini(lane);
        free(lane);
    }
    live_table_fini(&d->live);
}

struct lane *dispatch_lane(struct dispatch *d, struct bytes integration)
{
    for (struct lane *lane = d->lanes; lane != NULL; lane = lane->next)
        if (bytes_equal(bytes_of(lane->name), integration))
            return lane;
    struct lane *lane = malloc(sizeof *lane);
    if (lane == NULL || lane_init(lane, d->env, integration) != 0) {
        free(lane);
        return NULL;
    }
    lane->dispatch = d;
    lane->live = &d->live;
    lane->all_bytes = &d->bytes;
    lane->on_supply = pump;
    lane->next = d->lanes;
    d->lanes = lane;
    return lane;
}

bool dispatch_sending(const struct dispatch *d, int64_t seq)
{
    const struct live *l = live_table_find(&d->live, seq);
    return l != NULL && l->flight != NULL;
}

/* --- the end of an attempt ------------------------------------------------------------------------------------ */

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
    d->in_flight--;
    if (row->state == DELIVERY_WAITING)
        lane_wait(lane, row->due_ms);
    else if (delivery_state_final(row->state)) {
        count_final(&d->env->counters, row->state);
        if (d->on_final != NULL)
            d->on_final(d->ud, l->seq);
    }
    flight_free(f);
    l->flight = NULL;
    lane_settle(lane, l);
    pump(lane);
}

static void fill_row(struct flight *f, enum delivery_state state)
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

static void record(struct flight *f)
{
    f->live->lane->recording++;
    store_submit(f->dispatch->env->store, &f->update.base);
}

static void log_attempt(const struct flight *f, enum delivery_state state, int64_t delay_ms)
{
    const struct live *l = f->live;
    const struct attempt *a = &f->exchange.attempt;
    char id[UUID_TEXT_SIZE], retry_in[32] = "";
    uuid_format(&l->id, id);
    if (state == DELIVERY_WAITING)
        units_format_duration(delay_ms, retry_in);
    log_line(f->dispatch->env->log, state == DELIVERY_SUCCEEDED ? LOG_INFO : LOG_WARN, "delivery.attempt",
             LOG_STR("integration", l->lane->name), LOG_BYTES("webhook", l->webhook), LOG_STR("delivery", id),
             LOG_INT("attempt", a->number), LOG_INT("status", a->status), LOG_DURATION_US("duration", a->duration_us),
             LOG_STR("state", delivery_state_name(state)), LOG_STR("retry_in", retry_in),
             LOG_STR("error", attempt_error_name(a->error)), LOG_STR("message", a->message));
}

static void pause_lane(struct lane *lane, int64_t pause_ms)
{
    char text[32];
    units_format_duration(pause_ms, text);
    limiter_pause(&lane->limiter, lane->env->mono_ns() + pause_ms * NS_PER_MS);
    log_line(lane->env->log, LOG_WARN, "integration.paused", LOG_STR("integration", lane->name), LOG_STR("for", text),
             LOG_STR("reason", "the receiver asked for it (Retry-After)"));
}

static struct retry_decision decide(const struct flight *f, const struct attempt *a, int64_t now_ms)
{
    const struct live *l = f->live;
    struct request_options o;
    if (request_options_read(&o, l->request, NULL) != 0)
        return (struct retry_decision){.verdict = RETRY_FAILED};
    return retry_decide(&o.retry, l->has_key, a, l->tries, now_ms - l->first_ms, env_fraction(f->dispatch->env));
}

static void count_attempt(struct counters *c, const struct live *l)
{
    c->attempts++;
    if (l->tries > 1)
        c->retries++;
}

static void on_exchange_done(struct exchange *x)
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

    struct retry_decision r = decide(f, a, now_ms);
    enum delivery_state state = state_after(r.verdict);
    fill_row(f, state);
    if (state == DELIVERY_WAITING)
        f->update.row.due_ms = now_ms + r.delay_ms;
    else
        f->update.row.finished_ms = now_ms;
    f->update.row.status = a->status;
    f->update.row.error = a->error;
    f->update.row.message = bytes_of(a->message);
    f->update.attempt = a;
    log_attempt(f, state, r.delay_ms);
    if (r.pause_ms > 0)
        pause_lane(lane, r.pause_ms);
    record(f);
    pump(lane);
}

/* --- sending -------------------------------------------------------------------------------------------------- */

static struct flight *flight_new(struct dispatch *d, struct live *l)
{
    struct flight *f = calloc(1, sizeof *f);
    if (f == NULL)
        return NULL;
    f->live = l;
    f->dispatch = d;
    f->exchange.done = on_exchange_done;
    f->exchange.request = l->request;
    attempt_init(&f->exchange.attempt, l->attempts + 1);
    l->flight = f;
    return f;
}

static void send_now(struct lane *lane, struct live *l)
{
    lane->in_flight++;
    l->flight->sending = true;
    transport_start(lane->env->transport, &l->flight->exchange);
}

/* Marked and not sent, because the host stops: it did not leave, so it is queued again. */
static void unmark(struct live *l)
{
    fill_row(l->flight, l->retry ? DELIVERY_WAITING : DELIVERY_QUEUED);
    if (l->retry)
        l->flight->update.row.due_ms = l->lane->env->wall_ms();
    record(l->flight);
}

static void on_marked(struct store_write *w, const struct err *failure)
{
    struct flight *f = (struct flight *)((char *)w - offsetof(struct flight, update));
    struct live *l = f->live;
    struct lane *lane = l->lane;
    lane->marking--;
    if (failure != NULL)
        log_line(lane->env->log, LOG_ERROR, "store.mark", LOG_STR("integration", lane->name),
                 LOG_STR("error", failure->message));
    if (lane->dispatch->held)
        unmark(l);
    else
        live_queue_push(&lane->marked, l);
    pump(lane);
}

static void mark(struct lane *lane, struct live *l)
{
    struct flight *f = l->flight;
    lane->marking++;
    fill_row(f, DELIVERY_SENDING);
    f->update.base.done = on_marked;
    store_submit(lane->env->store, &f->update.base);
}

static bool window_passed(const struct lane *lane, const struct live *l)
{
    struct request_options o;
    return l->retry && request_options_read(&o, l->request, NULL) == 0 &&
           lane->env->wall_ms() - l->first_ms > (int64_t)o.retry.within_ms;
}

static void give_up(struct lane *lane, struct live *l)
{
    struct flight *f = l->flight;
    struct request_options o = {0};
    char within[32], id[UUID_TEXT_SIZE];
    (void)request_options_read(&o, l->request, NULL);
    units_format_duration(o.retry.within_ms, within);
    snprintf(f->message, sizeof f->message, "the retry window of %s passed before attempt %d could be made", within,
             l->attempts + 1);
    fill_row(f, DELIVERY_FAILED);
    f->update.row.finished_ms = lane->env->wall_ms();
    f->update.row.error = ATTEMPT_WINDOW;
    f->update.row.message = bytes_of(f->message);
    uuid_format(&l->id, id);
    log_line(lane->env->log, LOG_WARN, "delivery.failed", LOG_STR("integration", lane->name),
             LOG_BYTES("webhook", l->webhook), LOG_STR("delivery", id),
             LOG_STR("error", attempt_error_name(ATTEMPT_WINDOW)), LOG_STR("message", f->message));
    record(f);
}

static void wake_in(struct lane *lane, int64_t now_ns, int64_t wait_ns)
{
    (void)timer_start(lane->env->timers, &lane->wake, now_ns + wait_ns);
}

/* Takes `l` off the queues and gives it what a flight needs. False when memory is short: it stays where it is. */
static bool take(struct lane *lane, struct live *l)
{
    if (l->flight == NULL && flight_new(lane->dispatch, l) == NULL) {
        wake_in(lane, lane->env->mono_ns(), MEMORY_RETRY_MS * NS_PER_MS);
        return false;
    }
    bool marked = l == lane->marked.head;
    (void)lane_pop(lane);
    if (!marked) {
        lane->dispatch->in_flight++;
        if (l->retry)
            lane->waiting_total--;
        else
            lane->queued_total--;
    }
    return true;
}

/* How long until `l` may be marked: as the limiter says, behind those marked before it. */
static int64_t mark_wait(const struct lane *lane, int64_t now_ns)
{
    int64_t ahead = (int64_t)(lane->marking + (int)lane->marked.count) * lane->limiter.interval_ns;
    int64_t wait = limiter_wait(&lane->limiter, now_ns) + ahead - MARK_AHEAD_NS;
    return wait > 0 ? wait : 0;
}

/* Sends, marks or gives up one delivery. False when there is nothing to do now. */
static bool step(struct lane *lane)
{
    struct live *l = lane_peek(lane);
    if (l == NULL)
        return false;
    int64_t now = lane->env->mono_ns();
    bool marked = l == lane->marked.head;
    if (!marked && window_passed(lane, l)) {
        if (!take(lane, l))
            return false;
        give_up(lane, l);
        return true;
    }
    bool to_mark = !marked && !l->has_key;
    int64_t wait = to_mark ? mark_wait(lane, now) : limiter_wait(&lane->limiter, now);
    if (wait > 0) {
        wake_in(lane, now, wait);
        return false;
    }
    if (!take(lane, l))
        return false;
    if (to_mark) {
        mark(lane, l);
        return true;
    }
    (void)limiter_take(&lane->limiter, now);
    send_now(lane, l);
    return true;
}

static bool has_room(const struct lane *lane)
{
    bool marked = lane->marked.head != NULL; /* has its place already */
    int held = lane->in_flight + lane->marking + (marked ? 0 : (int)lane->marked.count);
    return held < lane->concurrency && lane->recording < RECORDING_MAX;
}

static void pump(struct lane *lane)
{
    while (!lane->dispatch->held && has_room(lane) && step(lane))
        ;
}

/* --- beginning and stopping
 * ------------------------------------------------------------------------------------------------- */

void dispatch_begin(struct dispatch *d)
{
    d->held = false;
    for (struct lane *lane = d->lanes; lane != NULL; lane = lane->next)
        pump(lane);
}

void dispatch_drain(struct dispatch *d)
{
    d->held = true;
    for (struct lane *lane = d->lanes; lane != NULL; lane = lane->next)
        for (struct live *l; (l = live_queue_pop(&lane->marked)) != NULL;)
            unmark(l);
}

void dispatch_abort(struct dispatch *d)
{
    d->held = true;
    for (size_t i = 0; i < d->live.size; i++)
        for (struct live *l = d->live.buckets[i]; l != NULL; l = l->chain)
            if (l->flight != NULL && l->flight->sending)
                transport_cancel(d->env->transport, &l->flight->exchange);
}
