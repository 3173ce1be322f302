#include "host/dispatch.h"

#include "core/request.h"
#include "core/units.h"
#include "host/outcome.h"

#include <stdlib.h>

/* A delivery without the key is marked at most this long before the limiter lets it go: what is marked when the machine
 * dies counts as unknown, so no more than needed to hide the commit's latency. */
static const int64_t MARK_AHEAD_NS = 5 * NS_PER_MS;
/* Attempts of a lane whose record is not committed: bounds memory while the store refuses. */
enum { RECORDING_MAX = 256, MEMORY_RETRY_MS = 100, LANES_AT_FIRST = 64 };
/* … of all lanes, in bytes of answers; beyond it a lane of which nothing is under way sends one. What is in flight when
 * it is reached comes on top. */
static const size_t ANSWERS_MAX = 16 << 20;
/* What a run's journal gets of the outcome, had before it is sent: a message of which each byte is escaped, and what is
 * around it. */
enum { ESCAPED_BYTE = 6, RESULT_MAX = 256 + ESCAPED_BYTE * sizeof((struct flight *)0)->message };

static void pump(struct lane *lane);

void dispatch_init(struct dispatch *d, struct env *env)
{
    *d = (struct dispatch){.env = env, .held = true};
    live_table_init(&d->live);
}

/* What the lanes' queues do not hold: in flight, marking or recording when everything stopped. */
static void free_flights(struct dispatch *d)
{
    for (size_t i = 0; i < d->live.size; i++)
        for (struct live *l = d->live.buckets[i]; l != NULL; l = l->chain)
            if (l->flight != NULL)
                flight_free(l->flight);
    flight_drop_spare(d);
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
    free(d->by_name);
    live_table_fini(&d->live);
}

/* --- lanes by name -------------------------------------------------------------------------------------------- */

static struct lane **bucket(const struct dispatch *d, size_t hash)
{
    return &d->by_name[hash & (d->by_name_size - 1)];
}

static void index_lane(struct dispatch *d, struct lane *lane)
{
    struct lane **b = bucket(d, lane->hash);
    lane->chain = *b;
    *b = lane;
}

static int grow_index(struct dispatch *d)
{
    size_t size = d->by_name_size == 0 ? LANES_AT_FIRST : d->by_name_size * 2;
    struct lane **bigger = calloc(size, sizeof(struct lane *));
    if (bigger == NULL)
        return d->by_name_size == 0 ? -1 : 0; /* a crowded table still works */
    free(d->by_name);
    d->by_name = bigger;
    d->by_name_size = size;
    for (struct lane *lane = d->lanes; lane != NULL; lane = lane->next)
        index_lane(d, lane);
    return 0;
}

static struct lane *find_lane(const struct dispatch *d, struct bytes integration, size_t hash)
{
    struct lane *lane = d->by_name_size == 0 ? NULL : *bucket(d, hash);
    while (lane != NULL && (lane->hash != hash || !bytes_equal(bytes_of(lane->name), integration)))
        lane = lane->chain;
    return lane;
}

struct lane *dispatch_find_lane(const struct dispatch *d, struct bytes integration)
{
    return find_lane(d, integration, bytes_hash(integration));
}

struct lane *dispatch_lane(struct dispatch *d, struct bytes integration)
{
    size_t hash = bytes_hash(integration);
    struct lane *lane = find_lane(d, integration, hash);
    if (lane != NULL)
        return lane;
    if (d->lane_count >= d->by_name_size && grow_index(d) != 0)
        return NULL;
    lane = malloc(sizeof *lane);
    if (lane == NULL || lane_init(lane, d->env, integration) != 0) {
        free(lane);
        return NULL;
    }
    lane->dispatch = d;
    lane->live = &d->live;
    lane->all_bytes = &d->bytes;
    lane->on_supply = pump;
    lane->hash = hash;
    lane->next = d->lanes;
    d->lanes = lane;
    d->lane_count++;
    index_lane(d, lane);
    return lane;
}

bool dispatch_sending(const struct dispatch *d, int64_t seq)
{
    const struct live *l = live_table_find(&d->live, seq);
    return l != NULL && l->flight != NULL;
}

/* --- sending -------------------------------------------------------------------------------------------------- */

static struct flight *begin_flight(struct dispatch *d, struct live *l)
{
    struct flight *f = flight_take(d);
    if (f == NULL)
        return NULL;
    if (l->run != 0 && buf_reserve(&f->result, RESULT_MAX) != 0) {
        flight_free(f);
        return NULL;
    }
    f->live = l;
    f->exchange.done = outcome_of_exchange;
    f->exchange.request = l->request;
    f->exchange.attempt.number = l->attempts + 1;
    l->flight = f;
    return f;
}

/* `judging` may be NULL; they may be let go of elsewhere while the request takes its time. */
static void send_now(struct lane *lane, struct live *l, struct generation *judging, int64_t now_ns)
{
    generation_ref(judging);
    l->flight->judging = judging;
    lane->in_flight++;
    meter_add(&lane->sent, now_ns);
    l->flight->sending = true;
    transport_start(lane->env->transport, &l->flight->exchange);
}

/* Marked and not sent, because the host stops: it did not leave, so it is queued again. */
static void unmark(struct live *l)
{
    outcome_fill(l->flight, l->retry ? DELIVERY_WAITING : DELIVERY_QUEUED);
    if (l->retry)
        l->flight->update.row.due_ms = l->lane->env->wall_ms();
    outcome_record(l->flight);
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
    outcome_fill(f, DELIVERY_SENDING);
    f->update.base.done = on_marked;
    store_submit(lane->env->store, &f->update.base);
}

static bool window_passed(const struct lane *lane, const struct live *l)
{
    struct request_options o;
    return l->retry && request_options_read(&o, l->request, NULL) == 0 &&
           lane->env->wall_ms() - l->first_ms > (int64_t)o.retry.within_ms;
}

static void wake_in(struct lane *lane, int64_t now_ns, int64_t wait_ns)
{
    timer_start(lane->env->timers, &lane->wake, now_ns + wait_ns);
}

/* Takes `l` off the queues and gives it what a flight needs. False when memory is short: it stays where it is. */
static bool take(struct lane *lane, struct live *l)
{
    if (l->flight == NULL && begin_flight(lane->dispatch, l) == NULL) {
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
    if (lane->paused && !marked) /* what is written down as sending goes */
        return false;
    if (window_passed(lane, l)) {
        if (!take(lane, l))
            return false;
        outcome_give_up(lane, l);
        return true;
    }
    struct generation *judging = NULL;
    if (lane->dispatch->can_judge != NULL && !lane->dispatch->can_judge(lane->dispatch->ud, l, &judging))
        return false; /* dispatch_go_on() follows */
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
    send_now(lane, l, judging, now);
    return true;
}

static bool has_room(const struct lane *lane)
{
    bool marked = lane->marked.head != NULL; /* has its place already */
    int held = lane->in_flight + lane->marking + (marked ? 0 : (int)lane->marked.count);
    bool may_record = lane->recording + lane->in_flight == 0 ||
                      (lane->recording < RECORDING_MAX && lane->dispatch->answers < ANSWERS_MAX);
    return held < lane->concurrency && may_record;
}

static void pump(struct lane *lane)
{
    while (!lane->dispatch->held && has_room(lane) && step(lane))
        ;
}

/* --- beginning and stopping -------------------------------------------------------------------------------------- */

void dispatch_go_on(struct dispatch *d)
{
    for (struct lane *lane = d->lanes; lane != NULL; lane = lane->next)
        pump(lane);
}

void dispatch_begin(struct dispatch *d)
{
    d->held = false;
    dispatch_go_on(d);
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
