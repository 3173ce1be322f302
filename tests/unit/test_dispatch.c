/*
 * The way of a delivery under a virtual clock: the real lanes, limiter, retry rule and dispatch on a store and a
 * transport made of arrays. What the arrays hold is the truth: the store's rows are what a restart would find.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/request.h"
#include "core/units.h"
#include "host/dispatch.h"
#include "host/resend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20000 };

/* --- the world ------------------------------------------------------------------------------------------------ */

struct row {
    char integration[16]; /* its own: rows outlive lanes */
    struct store_delivery d;
    struct buf request;
};

static struct world {
    int64_t now_ns, wall_ms;
    struct row rows[ROWS + 1]; /* by seq */
    int64_t last;
    struct store_write *writes, **writes_tail;
    struct store_read *reads, **reads_tail;
    struct exchange *open[ROWS];
    int open_count;
    char body[64 << 10];
    size_t body_len; /* of the requests to come */
    int64_t sent_seq[4 * ROWS], sent_ns[4 * ROWS];
    int sent;
    int status; /* what the receiver answers */
    size_t answer_len;
    enum attempt_class class;
    int64_t retry_after_ms;
    struct retry_judgement judgement; /* what the scripts say of each answer */
    const char *judged_message;
    int judge_rc, judged;
    bool no_memory;    /* is why judging fails */
    char message[192]; /* of the last update */
    const char *said;  /* of what failed */
    const char *room;  /* for the result of a step that was sent last */
    char result[2048]; /* of the last step that ended */
    bool store_refuses;
    int final[ROWS + 1];
} * w;

static struct env env;
static struct dispatch dispatch;
static struct timers timers;
static struct log quiet;
static uint8_t more_flags; /* of the requests to come */
static uint32_t within_ms; /* the retry window of these */

static int64_t mono(void)
{
    return w->now_ns;
}

static int64_t wall(void)
{
    return w->wall_ms + w->now_ns / NS_PER_MS;
}

static void zeros(void *out, size_t len)
{
    memset(out, 0, len);
}

/* The store: `store.h` as the lanes see it. These take the place of the library's. */
void store_submit(struct store *s, struct store_write *write)
{
    (void)s;
    write->next = NULL;
    *w->writes_tail = write;
    w->writes_tail = &write->next;
}

void store_query(struct store *s, struct store_read *r)
{
    (void)s;
    r->next = NULL;
    *w->reads_tail = r;
    w->reads_tail = &r->next;
}

void store_read_fini(struct store_read *r)
{
    free(r->rows);
    r->rows = NULL;
}

size_t store_pending(const struct store *s)
{
    (void)s;
    return w->writes != NULL;
}

static void apply(struct store_write *write)
{
    assert_int_equal(write->kind, STORE_UPDATE);
    struct store_update *u = (struct store_update *)write;
    struct store_delivery *d = &w->rows[u->row.seq].d;
    d->state = u->row.state;
    d->attempts = u->row.attempts;
    d->tries = u->row.tries;
    d->first_ms = u->row.first_ms;
    d->due_ms = u->row.due_ms;
    d->finished_ms = u->row.finished_ms;
    d->error = u->row.error;
    snprintf(w->message, sizeof w->message, "%.*s", (int)u->row.message.len, u->row.message.data);
    if (u->attempt != NULL)
        assert_int_equal(u->attempt->number, d->attempts);
    if (u->step != NULL) {
        assert_ptr_equal(u->step->result.data, w->room);
        snprintf(w->result, sizeof w->result, "%.*s", (int)u->step->result.len, u->step->result.data);
    }
}

static bool wanted(const struct store_read *r, const struct store_delivery *d)
{
    if (!bytes_equal(d->integration, r->integration))
        return false;
    return r->kind == STORE_READ_READY ? d->state == DELIVERY_QUEUED && d->seq > r->after_seq
                                       : d->state == DELIVERY_WAITING && d->due_ms <= r->now_ms;
}

static bool has_room(const struct store_read *r, size_t bytes)
{
    return r->count == 0 || (r->count < (size_t)r->limit && (r->limit_bytes == 0 || bytes <= r->limit_bytes));
}

static void look_up(struct store_read *r)
{
    size_t bytes = 0;
    r->rows = calloc((size_t)r->limit, sizeof *r->rows);
    for (int64_t i = 1; i <= w->last; i++) {
        struct store_delivery *d = &w->rows[i].d;
        if (!wanted(r, d)) {
            if (r->kind == STORE_READ_DUE && d->state == DELIVERY_WAITING &&
                (r->next_due_ms == 0 || d->due_ms < r->next_due_ms))
                r->next_due_ms = d->due_ms;
        } else if (!has_room(r, bytes += w->rows[i].request.len)) {
            r->more = true;
            if (r->kind == STORE_READ_READY)
                break;
            if (r->next_due_ms == 0 || d->due_ms < r->next_due_ms)
                r->next_due_ms = d->due_ms;
        } else {
            r->rows[r->count] = *d;
            r->rows[r->count++].request = buf_view(&w->rows[i].request);
        }
    }
}

/* One turn of the store: reads see what was committed before them. */
static void turn_store(void)
{
    struct store_read *reads = w->reads;
    w->reads = NULL;
    w->reads_tail = &w->reads;
    for (struct store_read *r = reads; r != NULL; r = r->next)
        look_up(r);
    struct store_write *writes = w->store_refuses ? NULL : w->writes;
    if (!w->store_refuses) {
        w->writes = NULL;
        w->writes_tail = &w->writes;
    }
    for (struct store_write *x = writes, *next; x != NULL; x = next) {
        next = x->next;
        apply(x);
        x->done(x, NULL);
    }
    /* The answers come after commits that happened meanwhile: what they show is old. */
    for (struct store_read *r = reads, *next; r != NULL; r = next) {
        next = r->next;
        r->done(r, NULL);
    }
}

static void on_start(struct transport *t, struct exchange *x)
{
    (void)t;
    struct flight *f = (struct flight *)((char *)x - offsetof(struct flight, exchange));
    const struct store_delivery *d = &w->rows[f->live->seq].d;
    /* Without the key it stands as sending before it leaves. */
    assert_true(f->live->has_key || d->state == DELIVERY_SENDING);
    assert_false(delivery_state_final(d->state));
    w->room = f->result.data;
    w->sent_seq[w->sent] = f->live->seq;
    w->sent_ns[w->sent++] = w->now_ns;
    w->open[w->open_count++] = x;
}

static void on_cancel(struct transport *t, struct exchange *x)
{
    (void)t;
    for (int i = 0; i < w->open_count; i++)
        if (w->open[i] == x)
            w->open[i] = w->open[--w->open_count];
}

static struct transport transport = {.start = on_start, .cancel = on_cancel};

static void answer_all(void)
{
    int n = w->open_count;
    struct exchange **open = calloc((size_t)n + 1, sizeof(struct exchange *));
    memcpy(open, w->open, (size_t)n * sizeof *open);
    w->open_count = 0;
    for (int i = 0; i < n; i++) {
        struct attempt *a = &open[i]->attempt;
        a->started_ms = wall();
        a->status = w->class == ATTEMPT_ANSWERED ? w->status : 0;
        a->class = w->class;
        a->error = w->class == ATTEMPT_ANSWERED ? ATTEMPT_OK : ATTEMPT_TIMEOUT;
        a->retry_after_ms = w->retry_after_ms;
        attempt_set_message(a, bytes_of(w->said));
        for (size_t len = 0; len < w->answer_len; len += sizeof w->body)
            assert_int_equal(buf_append(&a->body, w->body, sizeof w->body), 0);
        open[i]->done(open[i]);
    }
    free(open);
}

static void run_for(int64_t ms, int64_t step_us, bool answers)
{
    for (int64_t end = w->now_ns + ms * NS_PER_MS; w->now_ns < end; w->now_ns += step_us * 1000) {
        timers_run(&timers, w->now_ns);
        turn_store();
        if (answers)
            answer_all();
    }
}

static void on_final(void *ud, int64_t seq)
{
    (void)ud;
    w->final[seq]++;
}

static int on_judge(void *ud, const struct flight *f, struct retry_judgement *out, struct buf *message, struct err *e)
{
    const struct attempt *a = &f->exchange.attempt;
    (void)ud;
    assert_true(f->live->attempts == a->number && a->status == w->status);
    w->judged++;
    *out = w->judgement;
    buf_append_str(message, w->judged_message);
    return w->judge_rc == 0 ? 0 : w->no_memory ? err_memory(e) : err_set(e, ERR_SCRIPT, 0, "a.lua:1: no");
}

static int setup(void **state)
{
    (void)state;
    w = calloc(1, sizeof *w);
    w->now_ns = 1000 * NS_PER_S;
    w->wall_ms = 1700000000000;
    w->status = 200;
    w->retry_after_ms = -1;
    w->judged_message = w->said = "";
    more_flags = 0;
    within_ms = 60000;
    w->writes_tail = &w->writes;
    w->reads_tail = &w->reads;
    quiet = (struct log){.outlet = {.fd = -1}, .level = LOG_ERROR + 1};
    timers_init(&timers);
    env = (struct env){
        .mono_ns = mono, .wall_ms = wall, .random = zeros, .log = &quiet, .timers = &timers, .transport = &transport};
    dispatch_init(&dispatch, &env);
    dispatch.on_final = on_final;
    dispatch.judge = on_judge;
    dispatch_begin(&dispatch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dispatch_fini(&dispatch);
    timers_fini(&timers);
    for (int64_t i = 1; i <= w->last; i++)
        buf_fini(&w->rows[i].request);
    free(w);
    return 0;
}

static void put_request(struct buf *out, bool key, int delays)
{
    struct request_options o = {
        .flags = (uint8_t)(more_flags | (key ? REQUEST_HAS_KEY : 0)), .timeout_ms = 1000, .connect_ms = 1000};
    o.retry = (struct retry_policy){.delay_count = (uint8_t)delays,
                                    .on = RETRY_ON_5XX | RETRY_ON_TIMEOUT,
                                    .within_ms = within_ms,
                                    .delays_ms = {1000, 2000, 4000},
                                    .codes = {429},
                                    .code_count = 1};
    struct request_piece url = {.literal = bytes_of("http://h/")};
    assert_int_equal(request_put_head(out, &o, bytes_of("POST"), NULL), 0);
    assert_int_equal(request_put_url(out, (struct request_text){&url, 1}, NULL), 0);
    assert_int_equal(request_put_header_count(out, 0, NULL), 0);
    struct request_piece body = {.literal = {w->body, w->body_len}};
    assert_int_equal(request_put_body(out, (struct request_text){&body, w->body_len > 0}, NULL), 0);
}

/* A committed delivery, for which the run waits. */
static int64_t accept_of_run(struct lane *lane, bool key, int delays, int64_t run)
{
    struct row *r = &w->rows[++w->last];
    put_request(&r->request, key, delays);
    assert_true(snprintf(r->integration, sizeof r->integration, "%s", lane->name) < (int)sizeof r->integration);
    r->d = (struct store_delivery){.seq = w->last,
                                   .state = DELIVERY_QUEUED,
                                   .created_ms = wall(),
                                   .webhook = bytes_of("w"),
                                   .integration = bytes_of(r->integration)};
    struct live *l = live_new(&r->d.id, r->d.seq, r->d.webhook, buf_view(&r->request));
    l->created_ms = r->d.created_ms;
    l->has_key = key;
    l->run = run;
    env.last_seq = w->last;
    lane_offer(lane, l);
    return w->last;
}

static int64_t accept(struct lane *lane, bool key, int delays)
{
    return accept_of_run(lane, key, delays, 0);
}

static struct lane *shop(double rate, int concurrency)
{
    struct lane *lane = dispatch_lane(&dispatch, bytes_of("shop"));
    assert_non_null(lane);
    lane_set_rate(lane, rate, 1000, concurrency);
    return lane;
}

/* --- the tests ------------------------------------------------------------------------------------------------ */

static void test_backlog_beyond_the_window_goes_out_once_and_in_order(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    for (int i = 0; i < ROWS; i++)
        accept(lane, true, 3);
    assert_true(lane->spilled);
    assert_true(dispatch.live.count <= LANE_WINDOW + 64);
    run_for(2000, 1000, true);
    assert_int_equal(w->sent, ROWS);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(w->sent_seq[i], i + 1);
        assert_int_equal(w->final[i + 1], 1);
    }
    assert_false(lane->spilled);
    assert_int_equal(dispatch.live.count, 0);
    assert_int_equal(dispatch.bytes, 0);
    assert_int_equal(lane->queued_total, 0);
}

/* Many dead receivers with big bodies: what is in memory stays bounded, and each goes on when it answers again. */
static void test_memory_is_bounded_over_all_lanes(void **state)
{
    (void)state;
    enum { LANES = 400, EACH = 5 };
    w->body_len = sizeof w->body;
    for (int i = 0; i < EACH; i++)
        for (int n = 0; n < LANES; n++) {
            char name[16];
            snprintf(name, sizeof name, "i%d", n);
            struct lane *lane = dispatch_lane(&dispatch, bytes_of(name));
            lane_set_rate(lane, 0, 1000, 1);
            accept(lane, true, 3);
        }
    run_for(100, 1000, false);
    assert_int_equal(w->sent, LANES); /* one at a time */
    assert_true(dispatch.bytes <= LANE_ALL_BYTES + LANES * (sizeof w->body + 1024));
    run_for(200, 1000, true);
    assert_int_equal(w->sent, LANES * EACH);
    assert_int_equal(dispatch.bytes, 0);
}

static void test_concurrency_is_kept(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 7);
    for (int i = 0; i < 100; i++)
        accept(lane, i % 2 == 0, 3);
    run_for(50, 1000, false);
    assert_int_equal(w->open_count, 7);
}

static void test_rate_holds_over_every_window(void **state)
{
    (void)state;
    struct lane *lane = shop(50, 64);
    for (int i = 0; i < 500; i++)
        accept(lane, i % 3 != 0, 3); /* some without the key: marked first */
    run_for(10300, 100, true);
    assert_int_equal(w->sent, 500);
    for (int i = 0; i + 50 < w->sent; i++)
        assert_true(w->sent_ns[i + 50] - w->sent_ns[i] >= NS_PER_S);
}

static void test_waiting_is_not_in_memory_and_comes_back(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->status = 503;
    int64_t seq = accept(lane, true, 3);
    run_for(100, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_WAITING);
    assert_int_equal(dispatch.live.count, 0);
    run_for(10000, 1000, true);
    assert_int_equal(w->sent, 4);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_FAILED);
    assert_int_equal(w->rows[seq].d.attempts, 4);
    assert_int_equal(w->final[seq], 1);
    assert_true(w->sent_ns[1] - w->sent_ns[0] >= 950 * NS_PER_MS);
    assert_true(w->sent_ns[3] - w->sent_ns[2] >= 3800 * NS_PER_MS);
}

static void test_due_retries_go_before_a_backlog(void **state)
{
    (void)state;
    struct lane *lane = shop(10, 64);
    w->status = 503;
    int64_t first = accept(lane, true, 3);
    run_for(300, 1000, true);
    w->status = 200;
    for (int i = 0; i < 200; i++)
        accept(lane, true, 3);
    run_for(2000, 1000, true);
    assert_int_equal(w->rows[first].d.state, DELIVERY_SUCCEEDED);
}

static void test_thousands_of_retries_are_each_sent_once_a_round(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->status = 500;
    for (int i = 0; i < 3000; i++)
        accept(lane, true, 1);
    run_for(20000, 1000, true);
    assert_int_equal(w->sent, 6000);
    for (int i = 1; i <= 3000; i++) {
        assert_int_equal(w->rows[i].d.attempts, 2);
        assert_int_equal(w->final[i], 1);
    }
}

static void test_ambiguous_without_the_key_is_unknown(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->class = ATTEMPT_AMBIGUOUS;
    int64_t keyless = accept(lane, false, 3), keyed = accept(lane, true, 3);
    run_for(100, 1000, true);
    assert_int_equal(w->rows[keyless].d.state, DELIVERY_UNKNOWN);
    assert_int_equal(w->rows[keyed].d.state, DELIVERY_WAITING);
}

static void test_retry_after_pauses_the_lane(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->status = 429;
    w->retry_after_ms = 5000;
    accept(lane, true, 3);
    run_for(10, 1000, true);
    w->status = 200;
    accept(lane, true, 3);
    run_for(4900, 1000, true);
    assert_int_equal(w->sent, 1);
    run_for(1000, 1000, true);
    assert_int_equal(w->sent, 3);
}

static void test_a_lane_is_paused_by_hand(void **state)
{
    (void)state;
    struct lane *lane = shop(100, 2);
    for (int i = 0; i < 4; i++)
        accept(lane, i % 2 == 0, 3); /* some without the key: marked first */
    run_for(25, 1000, false);
    assert_int_equal(w->sent, 2);
    lane_pause(lane, INT64_MAX);
    run_for(1000, 1000, true);
    assert_int_equal(w->sent, 2);
    assert_true(lane_is_idle(lane));
    assert_int_equal(lane->queued_total, 2);
    lane_resume(lane);
    run_for(1000, 1000, true);
    assert_int_equal(w->sent, 4);
    lane_pause(lane, w->now_ns + 3 * NS_PER_S);
    accept(lane, true, 3);
    run_for(2900, 1000, true);
    assert_int_equal(w->sent, 4);
    run_for(200, 1000, true);
    assert_int_equal(w->sent, 5);
}

static void test_a_pause_lets_what_is_marked_go(void **state)
{
    (void)state;
    struct lane *lane = shop(10, 64);
    int64_t seq = accept(lane, false, 3);
    run_for(97, 1000, false); /* marked, not yet allowed to leave */
    lane_pause(lane, INT64_MAX);
    assert_false(lane_is_idle(lane));
    run_for(100, 1000, true);
    assert_int_equal(w->sent, 1);
    assert_int_equal(w->final[seq], 1);
    assert_true(lane_is_idle(lane));
}

static void test_window_that_passed_gives_up_without_sending(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->status = 503;
    int64_t seq = accept(lane, true, 3);
    run_for(20, 1000, true);
    limiter_pause(&lane->limiter, w->now_ns + 100 * NS_PER_S);
    run_for(101000, 10000, true);
    assert_int_equal(w->sent, 1);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_FAILED);
    assert_int_equal(w->rows[seq].d.error, ATTEMPT_WINDOW);
    assert_int_equal(w->final[seq], 1);
}

/* Due a twentieth of the window before its end, however late the look at what is due. */
static void test_a_retry_that_is_cut_to_the_window_leaves(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->status = 503;
    within_ms = 2000;
    int64_t seq = accept(lane, true, 3); /* its second retry would come after some 2.9 s */
    run_for(4000, 10000, true);
    assert_int_equal(w->sent, 3);
    assert_in_range(w->sent_ns[2] - w->sent_ns[0], 1900 * NS_PER_MS, 2000 * NS_PER_MS);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_FAILED);
}

static void test_refusing_store_bounds_what_is_sent(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    for (int i = 0; i < 2000; i++)
        accept(lane, true, 3);
    w->store_refuses = true;
    run_for(1000, 1000, true);
    assert_true(w->sent <= 256 + 64);
    w->store_refuses = false;
    run_for(2000, 1000, true);
    assert_int_equal(w->sent, 2000);
}

/* Long answers that cannot be recorded would fill the memory, lane by lane. */
static void test_refusing_store_bounds_long_answers(void **state)
{
    (void)state;
    enum { LANES = 8, EACH = 250, LONG = 256 << 10, IN_FLIGHT = 4, BOUND = 16 << 20 };
    for (int i = 0; i < LANES; i++) {
        char name[16];
        snprintf(name, sizeof name, "shop%d", i);
        struct lane *lane = dispatch_lane(&dispatch, bytes_of(name));
        lane_set_rate(lane, 0, 1000, IN_FLIGHT);
        for (int n = 0; n < EACH; n++)
            accept(lane, true, 3);
    }
    w->answer_len = LONG;
    w->store_refuses = true;
    run_for(1000, 1000, true);
    assert_true(w->sent >= LANES); /* none is held up by the others from the first */
    assert_true((size_t)w->sent * LONG <= BOUND + LANES * IN_FLIGHT * LONG);
    w->store_refuses = false;
    run_for(2000, 1000, true);
    assert_int_equal(w->sent, LANES * EACH);
    assert_int_equal(dispatch.answers, 0);
}

static void test_drain_puts_marked_ones_back(void **state)
{
    (void)state;
    struct lane *lane = shop(10, 64);
    int64_t seq = accept(lane, false, 3);
    run_for(97, 1000, false); /* marked, not yet allowed to leave */
    assert_int_equal(w->rows[seq].d.state, DELIVERY_SENDING);
    assert_int_equal(w->sent, 0);
    dispatch_drain(&dispatch);
    run_for(500, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_QUEUED);
    assert_int_equal(w->sent, 0);
    assert_int_equal(dispatch.in_flight, 0);
    assert_int_equal(w->final[seq], 0);
}

static void on_resent(void *ud, const struct err *failure)
{
    assert_null(failure);
    ++*(int *)ud;
}

static void test_resend_goes_out_again_once(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    int64_t seq = accept(lane, true, 3);
    int resent = 0;
    struct err e;
    run_for(100, 1000, true);
    struct store_delivery row = w->rows[seq].d;
    row.request = buf_view(&w->rows[seq].request);
    /* Twice at the same time: one sending. */
    assert_int_equal(resend(&dispatch, &row, on_resent, &resent, &e), 0);
    assert_int_equal(resend(&dispatch, &row, on_resent, &resent, &e), 0);
    run_for(100, 1000, true);
    assert_int_equal(resent, 2);
    assert_int_equal(w->sent, 2);
    assert_int_equal(w->rows[seq].d.attempts, 2);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_SUCCEEDED);
    row.state = DELIVERY_WAITING;
    assert_int_equal(resend(&dispatch, &row, on_resent, &resent, &e), -1);
    assert_int_equal(e.code, 409);
}

/* Written down as sending in time, but the disk took too long: the window is over all the same. */
static void test_window_that_passes_while_it_is_marked(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 64);
    w->class = ATTEMPT_NEVER_LEFT;
    int64_t seq = accept(lane, false, 3);
    run_for(20, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_WAITING);
    int64_t left_ms = w->rows[seq].d.first_ms + 60000 - wall();
    limiter_pause(&lane->limiter, w->now_ns + (left_ms - 2) * NS_PER_MS);
    run_for(left_ms - 20, 1000, true);
    w->store_refuses = true; /* the mark is on its way from 7 ms before the end on */
    run_for(40, 1000, true);
    w->store_refuses = false;
    run_for(100, 1000, true);
    assert_int_equal(w->sent, 1);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_FAILED);
    assert_int_equal(w->rows[seq].d.error, ATTEMPT_WINDOW);
    assert_int_equal(w->final[seq], 1);
    assert_int_equal(dispatch.in_flight, 0);
}

/* Behind the cursor, more than the window holds, while fresh ones come: nothing is kept beyond it, nothing left behind.
 */
static void test_many_resends_stay_in_the_store_and_each_goes_out_once(void **state)
{
    (void)state;
    enum { MANY = 2500 };
    struct lane *lane = shop(0, 64);
    int resent = 0;
    for (int i = 0; i < MANY; i++)
        accept(lane, true, 3);
    run_for(500, 1000, true);
    assert_int_equal(w->sent, MANY);
    for (int i = MANY; i >= 1; i--) {
        struct err e;
        struct store_delivery row = w->rows[i].d;
        row.request = buf_view(&w->rows[i].request);
        assert_int_equal(resend(&dispatch, &row, on_resent, &resent, &e), 0);
        if (i % 100 != 0)
            continue;
        accept(lane, true, 3);
        run_for(2, 1000, false); /* the receiver hangs */
        assert_true(dispatch.live.count <= LANE_WINDOW + 64);
    }
    run_for(1000, 1000, true);
    assert_int_equal(resent, MANY);
    assert_int_equal(w->sent, 2 * MANY + MANY / 100);
    for (int i = 1; i <= MANY; i++)
        assert_int_equal(w->rows[i].d.attempts, 2);
    assert_int_equal(lane->queued_total, 0);
    assert_false(lane->spilled);
}

static void test_rule_decides_where_the_request_says_so(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 4);
    w->status = 404;
    w->judgement.kind = JUDGED_OK;
    int64_t plain = accept(lane, true, 3);
    run_for(10, 1000, true);
    assert_int_equal(w->judged, 0);
    assert_int_equal(w->rows[plain].d.state, DELIVERY_FAILED);
    more_flags = REQUEST_JUDGED;
    int64_t good = accept(lane, true, 3);
    run_for(10, 1000, true);
    assert_int_equal(w->judged, 1);
    assert_int_equal(w->rows[good].d.state, DELIVERY_SUCCEEDED);
    assert_int_equal(w->rows[good].d.error, ATTEMPT_OK);
    w->status = 200;
    w->judgement.kind = JUDGED_FAILED;
    w->judged_message = "not 201";
    int64_t bad = accept(lane, true, 3);
    run_for(10, 1000, true);
    assert_int_equal(w->rows[bad].d.state, DELIVERY_FAILED);
    assert_int_equal(w->rows[bad].d.error, ATTEMPT_RULE);
    assert_string_equal(w->message, "not 201");
}

static void test_rule_is_asked_of_answers_alone(void **state)
{
    (void)state;
    more_flags = REQUEST_JUDGED;
    w->class = ATTEMPT_AMBIGUOUS;
    w->judgement.kind = JUDGED_OK;
    int64_t seq = accept(shop(0, 4), false, 3);
    run_for(20, 1000, true);
    assert_int_equal(w->judged, 0);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_UNKNOWN);
}

static void test_rule_asks_for_another_attempt(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 4);
    more_flags = REQUEST_JUDGED;
    w->judgement = (struct retry_judgement){.kind = JUDGED_RETRY, .retry_ms = 500};
    w->judged_message = "later";
    w->now_ns += NS_PER_MS - 100000; /* a millisecond of the wall clock is nearly over */
    int64_t seq = accept(lane, true, 0);
    run_for(2750, 100, true);
    assert_int_equal(w->sent, 6);
    assert_true(w->sent_ns[5] - w->sent_ns[0] >= 2500 * NS_PER_MS);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_WAITING);
    assert_string_equal(w->message, "later");
    w->judgement.kind = JUDGED_OK;
    run_for(1000, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_SUCCEEDED);
    w->judgement = (struct retry_judgement){.kind = JUDGED_RETRY, .retry_ms = 500};
    seq = accept(lane, false, 3);
    run_for(20, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_FAILED);
    assert_int_equal(w->rows[seq].d.error, ATTEMPT_RULE);
    assert_string_equal(w->message, "not sent again, as the request has no transactional id: later");
    w->judgement.retry_ms = 60001;
    (void)accept(lane, true, 3);
    run_for(10, 1000, true);
    assert_string_equal(w->message, "not sent again after 1m0.001s, as the retry window of 1m ends before: later");
}

static void test_rule_pauses_the_lane_and_may_fail(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 4);
    more_flags = REQUEST_JUDGED;
    w->judge_rc = -1;
    w->judgement = (struct retry_judgement){.kind = JUDGED_DEFAULT, .pause_ms = 5000};
    int64_t seq = accept(lane, true, 3);
    run_for(20, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_SUCCEEDED);
    seq = accept(lane, true, 3);
    run_for(4900, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_QUEUED);
    run_for(200, 1000, true);
    assert_int_equal(w->rows[seq].d.state, DELIVERY_SUCCEEDED);
}

/* It came to a decision, and then there was no memory to say why. */
static void test_a_rule_without_memory_decides_nothing(void **state)
{
    static const enum retry_judged kinds[] = {JUDGED_OK, JUDGED_FAILED, JUDGED_FINAL, JUDGED_RETRY};
    (void)state;
    struct lane *lane = shop(0, 4);
    more_flags = REQUEST_JUDGED;
    w->judge_rc = -1;
    w->no_memory = true;
    w->judged_message = "half a mess";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        w->judgement = (struct retry_judgement){.kind = kinds[i], .retry_ms = 50000, .pause_ms = 50000};
        int64_t seq = accept(lane, true, 3), keyless = accept(lane, false, 3);
        run_for(20, 1000, true);
        assert_int_equal(w->rows[keyless].d.state, DELIVERY_UNKNOWN);
        assert_int_equal(w->rows[seq].d.state, DELIVERY_WAITING);
        assert_int_equal(w->rows[seq].d.error, ATTEMPT_INTERNAL);
        assert_string_equal(w->message, "answered, and no memory to judge the answer");
        assert_in_range(w->rows[seq].d.due_ms - wall(), 1, 1050);
    }
}

static void test_a_rule_without_memory_keeps_the_pause_that_was_asked_for(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 4);
    more_flags = REQUEST_JUDGED;
    w->judge_rc = -1;
    w->no_memory = true;
    w->status = 429;
    w->retry_after_ms = 5000;
    accept(lane, true, 3);
    run_for(10, 1000, true);
    w->judge_rc = 0;
    accept(lane, true, 3);
    run_for(4900, 1000, true);
    assert_int_equal(w->sent, 1);
    run_for(200, 1000, true);
    assert_int_equal(w->sent, 3);
}

/* What the run is to learn needs no memory once it was sent, however long it is written. */
static void test_a_step_has_room_for_its_result_before_it_is_sent(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 4);
    char said[192], *want = w->body;
    memset(said, 1, sizeof said - 1);
    said[sizeof said - 1] = '\0';
    w->said = said;
    w->class = ATTEMPT_PERMANENT;
    (void)accept_of_run(lane, true, 0, 5);
    run_for(10, 1000, true);
    want += sprintf(want, "{\"ok\":false,\"attempts\":1,\"error\":{\"kind\":\"timeout\",\"message\":\"");
    for (size_t i = 0; i < sizeof said - 1; i++)
        want += sprintf(want, "\\u0001");
    strcpy(want, "\"}}");
    assert_string_equal(w->result, w->body);
    w->class = ATTEMPT_ANSWERED;
    (void)accept_of_run(lane, true, 0, 5);
    run_for(10, 1000, true);
    assert_string_equal(w->result, "{\"ok\":true,\"attempts\":1}");
}

static void test_restart_goes_on_with_what_the_store_holds(void **state)
{
    (void)state;
    struct lane *lane = shop(0, 4);
    for (int i = 0; i < 3000; i++)
        accept(lane, true, 3);
    run_for(20, 1000, true);
    int before = w->sent;
    assert_true(before < 3000);
    /* The process dies: only the rows are left. */
    w->open_count = 0;
    w->writes = NULL;
    w->writes_tail = &w->writes;
    w->reads = NULL;
    w->reads_tail = &w->reads;
    dispatch_fini(&dispatch);
    dispatch_init(&dispatch, &env);
    dispatch.on_final = on_final;
    int64_t queued = 0;
    for (int i = 1; i <= 3000; i++)
        queued += w->rows[i].d.state == DELIVERY_QUEUED;
    lane = shop(0, 64);
    lane_set_backlog(lane, queued > 0, 0);
    lane_counted(lane, queued, 0);
    dispatch_begin(&dispatch);
    run_for(1000, 1000, true);
    assert_true(w->sent <= 3000 + 4 + 4); /* again: those in flight, and those being recorded */
    for (int i = 1; i <= 3000; i++)
        assert_int_equal(w->rows[i].d.state, DELIVERY_SUCCEEDED);
}

static void test_many_lanes_by_name(void **state)
{
    enum { MANY = 1000 };
    static struct lane *lanes[MANY];
    char name[16];
    (void)state;
    assert_null(dispatch_find_lane(&dispatch, bytes_of("n0")));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "n%d", i);
        lanes[i] = dispatch_lane(&dispatch, bytes_of(name));
        assert_string_equal(lanes[i]->name, name);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_ptr_equal(dispatch_lane(&dispatch, bytes_of(name)), lanes[i]);
        assert_ptr_equal(dispatch_find_lane(&dispatch, bytes_of(name)), lanes[i]);
    }
    assert_null(dispatch_find_lane(&dispatch, bytes_of("n1000")));
    assert_null(dispatch_find_lane(&dispatch, bytes_of("")));
    int walked = 0;
    for (const struct lane *lane = dispatch.lanes; lane != NULL; lane = lane->next)
        walked++;
    assert_int_equal(walked, MANY);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_backlog_beyond_the_window_goes_out_once_and_in_order),
        test(test_many_lanes_by_name),
        test(test_memory_is_bounded_over_all_lanes),
        test(test_concurrency_is_kept),
        test(test_rate_holds_over_every_window),
        test(test_waiting_is_not_in_memory_and_comes_back),
        test(test_due_retries_go_before_a_backlog),
        test(test_thousands_of_retries_are_each_sent_once_a_round),
        test(test_ambiguous_without_the_key_is_unknown),
        test(test_retry_after_pauses_the_lane),
        test(test_a_lane_is_paused_by_hand),
        test(test_a_pause_lets_what_is_marked_go),
        test(test_window_that_passed_gives_up_without_sending),
        test(test_a_retry_that_is_cut_to_the_window_leaves),
        test(test_window_that_passes_while_it_is_marked),
        test(test_refusing_store_bounds_what_is_sent),
        test(test_refusing_store_bounds_long_answers),
        test(test_drain_puts_marked_ones_back),
        test(test_resend_goes_out_again_once),
        test(test_many_resends_stay_in_the_store_and_each_goes_out_once),
        test(test_rule_decides_where_the_request_says_so),
        test(test_rule_is_asked_of_answers_alone),
        test(test_rule_asks_for_another_attempt),
        test(test_rule_pauses_the_lane_and_may_fail),
        test(test_a_rule_without_memory_decides_nothing),
        test(test_a_rule_without_memory_keeps_the_pause_that_was_asked_for),
        test(test_a_step_has_room_for_its_result_before_it_is_sent),
        test(test_restart_goes_on_with_what_the_store_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
