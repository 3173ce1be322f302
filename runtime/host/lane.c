#include "host/lane.h"

#include "core/units.h"

#include <stdlib.h>
#include <string.h>

enum { READ_AGAIN_MS = 1000, LOOK_AGAIN_MS = 50, DUE_AT_A_TIME = 256 };

static void on_due(struct timer *t, int64_t now_ns);
static void refill(struct lane *lane);
static void arm_due(struct lane *lane);

/* The limiter allows the next, or a read that failed is due again. */
static void on_wake(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct lane *lane = (struct lane *)((char *)t - offsetof(struct lane, wake));
    refill(lane);
    lane->on_supply(lane);
}

int lane_init(struct lane *lane, struct env *env, struct bytes name)
{
    *lane = (struct lane){.env = env, .concurrency = 64, .rewind = INT64_MAX};
    lane->name = strndup(name.data, name.len);
    if (lane->name == NULL)
        return -1;
    timer_init(&lane->wake, on_wake);
    timer_init(&lane->due, on_due);
    live_queue_init(&lane->marked);
    live_queue_init(&lane->retries);
    live_queue_init(&lane->ready);
    live_queue_init(&lane->settled);
    limiter_init(&lane->limiter, 0, 0, env->mono_ns());
    return 0;
}

static void drop(struct lane *lane, struct live *l)
{
    live_table_remove(lane->live, l);
    live_free(l);
}

static void empty(struct lane *lane, struct live_queue *q)
{
    for (struct live *l; (l = live_queue_pop(q)) != NULL;)
        drop(lane, l);
}

void lane_fini(struct lane *lane)
{
    timer_stop(lane->env->timers, &lane->wake);
    timer_stop(lane->env->timers, &lane->due);
    empty(lane, &lane->marked);
    empty(lane, &lane->retries);
    empty(lane, &lane->ready);
    empty(lane, &lane->settled);
    free(lane->name);
}

void lane_settle(struct lane *lane, struct live *l)
{
    if (lane->due_reading || lane->ready_reading)
        live_queue_push(&lane->settled, l);
    else
        drop(lane, l);
}

static void read_ended(struct lane *lane, struct store_read *r)
{
    store_read_fini(r);
    if (!lane->due_reading && !lane->ready_reading)
        empty(lane, &lane->settled);
}

void lane_set_rate(struct lane *lane, double rate, int64_t per_ms, int concurrency)
{
    if (rate != lane->rate || per_ms != lane->per_ms)
        limiter_set_rate(&lane->limiter, rate, per_ms * NS_PER_MS, lane->env->mono_ns());
    lane->rate = rate;
    lane->per_ms = per_ms;
    lane->concurrency = concurrency;
}

void lane_pause(struct lane *lane, int64_t until_ns)
{
    lane->paused = until_ns == INT64_MAX;
    if (!lane->paused)
        limiter_pause(&lane->limiter, until_ns);
    lane->on_supply(lane); /* an earlier pause may have had no end */
}

void lane_resume(struct lane *lane)
{
    lane->paused = false;
    limiter_resume(&lane->limiter);
    lane->on_supply(lane);
}

bool lane_is_idle(const struct lane *lane)
{
    return lane->in_flight == 0 && lane->marking == 0 && lane->marked.count == 0;
}

bool lane_is_empty(const struct lane *lane)
{
    return !lane->uncounted && lane->queued_total == 0 && lane->waiting_total == 0 && lane_is_idle(lane) &&
           lane->recording == 0;
}

/* Keeps `l` in memory, known by its seq. -1: memory is short; it is freed and stays in the store. */
static int keep(struct lane *lane, struct live_queue *q, struct live *l)
{
    l->lane = lane;
    if (live_table_add(lane->live, l) != 0) {
        live_free(l);
        return -1;
    }
    lane->bytes += live_size(l);
    *lane->all_bytes += live_size(l);
    live_queue_push(q, l);
    return 0;
}

static bool window_full(const struct lane *lane)
{
    size_t held = lane->ready.count + lane->retries.count;
    if (held < LANE_WINDOW_MIN && lane->bytes < LANE_WINDOW_MIN_BYTES)
        return false;
    return held >= LANE_WINDOW || lane->bytes >= LANE_WINDOW_BYTES || *lane->all_bytes >= LANE_ALL_BYTES;
}

/* `seq` stays in the store. */
static void spill(struct lane *lane, int64_t seq)
{
    lane->spilled = true;
    if (seq > lane->spill_high)
        lane->spill_high = seq;
    if (seq <= lane->rewind)
        lane->rewind = seq - 1;
}

/* One that is sent again by hand is behind the cursor, or may be when the read under way ends: the cursor has to go
 * back for it, unless it finds a place in memory at once. */
static bool is_behind(const struct lane *lane, int64_t seq)
{
    return seq <= lane->cursor || (lane->ready_reading && seq <= lane->ready_read_high);
}

void lane_offer(struct lane *lane, struct live *l)
{
    int64_t seq = l->seq;
    bool behind = is_behind(lane, seq);
    lane->queued_total++;
    if (window_full(lane) || (lane->spilled && !behind)) {
        spill(lane, seq);
        live_free(l);
    } else if (keep(lane, &lane->ready, l) != 0)
        spill(lane, seq);
    else if (!behind)
        lane->cursor = seq;
    refill(lane);
    lane->on_supply(lane);
}

struct live *lane_peek(const struct lane *lane)
{
    if (lane->marked.head != NULL)
        return lane->marked.head;
    return lane->retries.head != NULL ? lane->retries.head : lane->ready.head;
}

struct live *lane_pop(struct lane *lane)
{
    struct live_queue *q = lane->marked.head != NULL    ? &lane->marked
                           : lane->retries.head != NULL ? &lane->retries
                                                        : &lane->ready;
    struct live *l = live_queue_pop(q);
    if (l != NULL && q != &lane->marked) { /* marked ones were counted out when they were popped to be marked */
        lane->bytes -= live_size(l);
        *lane->all_bytes -= live_size(l);
        refill(lane);
        if (q == &lane->retries && q->count == DUE_AT_A_TIME / 2 && !lane->due_reading)
            arm_due(lane);
    }
    return l;
}

/* A row of the store as a delivery in memory. NULL: memory. */
static struct live *from_row(const struct store_delivery *row, bool retry)
{
    struct live *l = live_new(&row->id, row->seq, row->webhook, row->request);
    if (l == NULL)
        return NULL;
    l->attempts = row->attempts;
    l->tries = row->tries;
    l->created_ms = row->created_ms;
    l->first_ms = row->first_ms;
    l->run = row->run;
    l->step = row->step;
    l->script = row->script;
    l->retry = retry;
    return l;
}

static void log_read_failure(struct lane *lane, const struct err *failure)
{
    log_line(lane->env->log, LOG_ERROR, "store.read", LOG_STR("integration", lane->name),
             LOG_STR("error", failure->message));
}

static void wake_later(struct lane *lane)
{
    timer_start(lane->env->timers, &lane->wake, lane->env->mono_ns() + READ_AGAIN_MS * NS_PER_MS);
}

/* Returns false when memory ran short: the rest is read again later. */
static bool take_rows(struct lane *lane, const struct store_read *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct store_delivery *row = &r->rows[i];
        if (live_table_find(lane->live, row->seq) == NULL) {
            struct live *l = from_row(row, false);
            if (l == NULL || keep(lane, &lane->ready, l) != 0)
                return false;
        }
        lane->cursor = row->seq;
    }
    return true;
}

static void on_ready_read(struct store_read *r, const struct err *failure)
{
    struct lane *lane = (struct lane *)((char *)r - offsetof(struct lane, ready_read));
    lane->ready_reading = false;
    if (failure != NULL)
        log_read_failure(lane, failure);
    bool taken = failure == NULL && take_rows(lane, r);
    if (taken && !r->more) {
        /* All that had been left in the store when the read was asked for is in memory now, or gone. */
        if (lane->ready_read_high > lane->cursor)
            lane->cursor = lane->ready_read_high;
        lane->spilled = lane->spill_high > lane->cursor || lane->rewind < lane->cursor;
    }
    read_ended(lane, r);
    if (taken)
        refill(lane); /* what was read may all have been in memory already */
    else
        wake_later(lane);
    lane->on_supply(lane);
}

static void refill(struct lane *lane)
{
    if (!lane->spilled || lane->ready_reading || lane->ready.count > LANE_WINDOW / 4 ||
        (lane->ready.count > 0 && window_full(lane)))
        return;
    if (lane->rewind < lane->cursor)
        lane->cursor = lane->rewind;
    lane->rewind = INT64_MAX;
    lane->ready_reading = true;
    lane->ready_read_high = lane->spill_high;
    lane->ready_read = (struct store_read){
        .kind = STORE_READ_READY,
        .done = on_ready_read,
        .integration = bytes_of(lane->name),
        .after_seq = lane->cursor,
        .limit = LANE_WINDOW / 2,
        .limit_bytes = LANE_WINDOW_BYTES / 2,
    };
    store_query(lane->env->store, &lane->ready_read);
}

static void arm_due(struct lane *lane)
{
    if (lane->next_due_ms == 0) {
        timer_stop(lane->env->timers, &lane->due);
        return;
    }
    int64_t ms = lane->next_due_ms - lane->env->wall_ms();
    int64_t now = lane->env->mono_ns();
    timer_start(lane->env->timers, &lane->due, ms > 0 ? now + ms * NS_PER_MS : now);
}

void lane_wait(struct lane *lane, int64_t due_ms)
{
    lane->waiting_total++;
    if (lane->next_due_ms == 0 || due_ms < lane->next_due_ms)
        lane->next_due_ms = due_ms;
    if (!lane->due_reading)
        arm_due(lane);
}

/* Keeps those that are not in memory yet. Returns how many, or -1: memory ran short. */
static int take_due(struct lane *lane, const struct store_read *r)
{
    int taken = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (live_table_find(lane->live, r->rows[i].seq) != NULL)
            continue;
        struct live *l = from_row(&r->rows[i], true);
        if (l == NULL || keep(lane, &lane->retries, l) != 0)
            return -1;
        taken++;
    }
    return taken;
}

static void on_due_read(struct store_read *r, const struct err *failure)
{
    struct lane *lane = (struct lane *)((char *)r - offsetof(struct lane, due_read));
    lane->due_reading = false;
    if (failure != NULL)
        log_read_failure(lane, failure);
    int taken = failure != NULL ? -1 : take_due(lane, r);
    int64_t now_ms = lane->env->wall_ms();
    int64_t next_ms = r->next_due_ms;
    if (taken < 0)
        next_ms = now_ms + READ_AGAIN_MS;
    else if (taken == 0 && next_ms != 0 && next_ms <= now_ms)
        next_ms = now_ms + LOOK_AGAIN_MS; /* all of it is being recorded */
    /* next_due_ms is by now of one that came to wait while the read was under way. */
    if (lane->next_due_ms == 0 || (next_ms != 0 && next_ms < lane->next_due_ms))
        lane->next_due_ms = next_ms;
    arm_due(lane);
    read_ended(lane, r);
    lane->on_supply(lane);
}

static void on_due(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct lane *lane = (struct lane *)((char *)t - offsetof(struct lane, due));
    int64_t now_ms = lane->env->wall_ms();
    if (lane->due_reading || lane->next_due_ms == 0 || lane->retries.count >= DUE_AT_A_TIME)
        return; /* armed again when the read ends, one comes to wait, or few enough are left in memory */
    if (lane->next_due_ms > now_ms) { /* the wall clock was set back */
        arm_due(lane);
        return;
    }
    lane->due_reading = true;
    lane->next_due_ms = 0;
    /* Those in memory still stand as waiting in the store: leave room for them in the answer. */
    size_t room =
        lane->retries.count + (size_t)(lane->in_flight + lane->marking + lane->recording) + lane->marked.count;
    lane->due_read = (struct store_read){
        .kind = STORE_READ_DUE,
        .done = on_due_read,
        .integration = bytes_of(lane->name),
        .now_ms = now_ms,
        .limit = DUE_AT_A_TIME + (int)room,
        .limit_bytes = LANE_WINDOW_BYTES,
    };
    store_query(lane->env->store, &lane->due_read);
}

void lane_set_backlog(struct lane *lane, bool queued, int64_t first_due_ms)
{
    lane->uncounted = true;
    lane->next_due_ms = first_due_ms;
    arm_due(lane);
    if (queued) {
        spill(lane, lane->env->last_seq);
        refill(lane);
    }
}

void lane_counted(struct lane *lane, int64_t queued, int64_t waiting)
{
    lane->queued_total += queued;
    lane->waiting_total += waiting;
    lane->uncounted = false;
}
