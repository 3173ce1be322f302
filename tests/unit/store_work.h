/*
 * store_work: a little of everything that a store writes, in two lives of it: accepts with events and keys, in batches;
 * updates through all states with their attempts; runs with calls, waits, keys, and what people do to them; scripts;
 * a crash's settlement; what is purged by age. It is the same each time.
 */
#ifndef STORE_WORK_H
#define STORE_WORK_H

#include "test_store_runs.h"

enum { WORK_BATCH = 12, WORK_TRIES = 1000, WORK_KEPT_MS = 1000 };

static struct {
    bool patient;                   /* what fails is tried again */
    size_t big;                     /* bytes of a request that makes the log long; 0: none */
    bool (*shows)(const char *sql); /* whether the number is 1, when a write is acknowledged; NULL: not asked */
    void (*opening)(void), (*opened)(void), (*closing)(void);
} work;

/* --- writes that are waited for ------------------------------------------------------------------------------- */

static struct tracked {
    struct store_write *w;
    char shown[256];
    int done;
    bool failed;
    struct err why;
} tracked[2 * WORK_BATCH];
static size_t tracked_count;

static inline void on_tracked(struct store_write *w, const struct err *failure)
{
    struct tracked *t = tracked;
    while (t->w != w)
        t++;
    t->done = 1;
    t->failed = failure != NULL;
    if (failure != NULL)
        t->why = *failure;
    else if (work.shows != NULL && !work.shows(t->shown))
        fail_msg("acknowledged, and not there: %s", t->shown);
}

/* `shown`: a query whose number is 1 once it is written. */
static inline void work_submit(struct fixture *f, struct store_write *w, const char *shown, ...)
    __attribute__((format(printf, 3, 4)));
static inline void work_submit(struct fixture *f, struct store_write *w, const char *shown, ...)
{
    struct tracked *t = &tracked[tracked_count++];
    va_list args;
    *t = (struct tracked){.w = w};
    va_start(args, shown);
    vsnprintf(t->shown, sizeof t->shown, shown, args);
    va_end(args);
    w->done = on_tracked;
    store_submit(f->s, w);
}

static inline void work_wait(struct fixture *f)
{
    for (size_t i = 0; i < tracked_count; i++) {
        struct tracked *t = &tracked[i];
        for (int tries = 1; fixture_wait(f, &t->done), t->failed; tries++) {
            if (!work.patient || tries == WORK_TRIES)
                fail_msg("%s: %s", t->shown, t->why.message);
            poll(NULL, 0, 1);
            t->done = 0;
            store_submit(f->s, t->w);
        }
    }
    tracked_count = 0;
}

/* --- deliveries ----------------------------------------------------------------------------------------------- */

static char work_bytes[20000];

static inline void work_accept(struct fixture *f, struct written *w, int64_t seq, const char *key, size_t size)
{
    if (key[0] != '\0')
        prepare_event(w, seq, key);
    else
        prepare_delivery(w, seq, "shop");
    w->row.request = (struct bytes){work_bytes, size};
    work_submit(f, &w->accept.base,
                "SELECT count(*) FROM deliveries d JOIN requests r USING (seq) LEFT JOIN events e ON e.seq = d.event "
                "WHERE d.seq = %lld AND length(r.request) = %zu AND ifnull(e.key, '') = '%s'",
                (long long)seq, size, key);
}

static inline void work_update(struct fixture *f, struct written *w, int64_t seq, enum delivery_state state,
                               const struct attempt *attempt)
{
    prepare_update(w, seq, state, attempt);
    work_submit(f, &w->update.base,
                "SELECT count(*) FROM deliveries WHERE seq = %lld AND state = %d AND attempts = (SELECT count(*) FROM "
                "attempts WHERE key / 65536 = %lld)",
                (long long)seq, state, (long long)seq);
}

static inline void work_batch(struct fixture *f, int64_t first)
{
    static struct written w[WORK_BATCH];
    static char keys[WORK_BATCH][32];
    for (int i = 0; i < WORK_BATCH; i++) {
        snprintf(keys[i], sizeof keys[i], "key %lld", (long long)(first + 2 * i));
        work_accept(f, &w[i], first + 2 * i, keys[i], (size_t)(i * 137 + 1) + (i == 7 ? 15000 : 0));
    }
    work_wait(f);
}

/* Those of a batch, into each of the states, while others are accepted; two stay in flight. */
static inline void work_through_states(struct fixture *f, int64_t first, int64_t fresh)
{
    static const enum delivery_state TO[] = {DELIVERY_SENDING, DELIVERY_SENDING, DELIVERY_WAITING, DELIVERY_SUCCEEDED,
                                             DELIVERY_FAILED,  DELIVERY_UNKNOWN, DELIVERY_CANCELED};
    enum { N = sizeof TO / sizeof *TO };
    static struct written w[2 * N];
    struct attempt t = {.number = 1, .started_ms = 5, .status = 503, .retry_after_ms = -1};
    buf_append_str(&t.headers, "Content-Type: text/plain\n");
    buf_append_str(&t.body, "not now");
    for (int i = 0; i < N; i++)
        work_update(f, &w[i], first + 2 * i, TO[i], TO[i] == DELIVERY_SENDING ? NULL : &t);
    for (int i = 0; i < 4; i++)
        work_accept(f, &w[N + i], fresh + i, "", 100);
    work_wait(f);
    buf_fini(&t.headers);
    buf_fini(&t.body);
}

static inline void work_duplicate(struct fixture *f, int64_t seq, int64_t of)
{
    static struct written w;
    char key[32];
    snprintf(key, sizeof key, "key %lld", (long long)of);
    prepare_event(&w, seq, key);
    work_submit(f, &w.accept.base, "SELECT count(*) = 0 FROM deliveries WHERE seq = %lld", (long long)seq);
    work_wait(f);
    assert_true(w.accept.duplicate);
    buf_fini(&w.accept.first_ids);
    buf_fini(&w.accept.first_runs);
}

/* --- runs ----------------------------------------------------------------------------------------------------- */

static inline void work_run(struct fixture *f, int64_t seq, const char *key)
{
    struct store_run r = run_of(seq, key);
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = &r, .run_count = 1};
    work_submit(f, &a.base, "SELECT count(*) FROM runs JOIN inputs ON run = seq WHERE seq = %lld", (long long)seq);
    work_wait(f);
}

static inline void work_advance(struct fixture *f, struct store_advance *v)
{
    work_submit(f, &v->base, "SELECT count(*) FROM runs WHERE seq = %lld AND mark = %lld", (long long)v->run.seq,
                (long long)v->mark);
    work_wait(f);
    assert_false(v->superseded);
}

/* It has `steps` behind it. */
static inline void work_to_state(struct fixture *f, int64_t run, enum run_state state, int steps)
{
    struct store_step s = step_of(run, 1, STEP_SLEEP);
    struct store_advance v = advance_of(run, state, &s, state == RUN_SLEEPING ? 1 : 0);
    s.due_ms = v.run.due_ms = state == RUN_SLEEPING ? INT64_MAX / 2 : 0;
    v.run.steps += steps;
    v.run.message = bytes_of(state == RUN_PARKED ? "another step" : "");
    work_advance(f, &v);
}

/* The run waits for a delivery that its step 1 makes, which is being sent. */
static inline void work_call(struct fixture *f, int64_t run, int64_t delivery)
{
    static struct written w;
    struct store_step s = call_of(run, 1, delivery);
    struct store_delivery d = delivery_of(delivery, run, 1);
    struct store_advance v = advance_of(run, RUN_WAITING, &s, 1);
    const struct bytes forms[] = {bytes_of("order.paid"), bytes_of("Id")};
    v.deliveries = &d;
    v.delivery_count = 1;
    v.forms = forms;
    v.form_count = 1;
    work_advance(f, &v);
    work_update(f, &w, delivery, DELIVERY_SENDING, NULL);
    work_wait(f);
}

static inline void work_end_call(struct fixture *f, int64_t delivery, int64_t run)
{
    struct ended_call c;
    prepare_end(&c, delivery, run, 1);
    work_submit(f, &c.update.base,
                "SELECT count(*) FROM deliveries d JOIN steps s ON s.ref = d.seq JOIN runs r ON r.seq = d.run "
                "WHERE d.seq = %lld AND d.state = 3 AND s.ended_ms > 0 AND r.state = 0 AND r.woken = 1",
                (long long)delivery);
    work_wait(f);
    assert_true(c.update.woken || work.patient); /* a try that was undone may have told it already */
}

/* Step 2 of a run waits for the event, which comes. */
static inline void work_wake(struct fixture *f, int64_t run, int64_t event)
{
    struct store_step s = wait_of(run, 2, "match");
    struct store_advance v = advance_of(run, RUN_WAITING, &s, 1);
    v.seen = 1;
    work_advance(f, &v);
    struct bytes keys[] = {bytes_of("match")};
    struct store_event e = {.seq = event,
                            .id = uuid_of(event),
                            .name = bytes_of("order.paid"),
                            .body = bytes_of("{\"data\":7}"),
                            .received_ms = clock_ms};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &e, .keys = keys, .key_count = 1};
    work_submit(f, &a.base,
                "SELECT count(*) FROM runs r JOIN steps s ON s.key = r.seq * 65536 + 2, arrivals v "
                "WHERE r.seq = %lld AND r.state = 0 AND r.woken = 2 AND s.ref = %lld AND v.event = s.ref",
                (long long)run, (long long)event);
    work_wait(f);
    buf_fini(&a.woken);
}

static inline void work_change(struct fixture *f, int64_t run, enum store_run_order order, enum run_state to)
{
    struct store_run_change c = {.base = {.kind = STORE_RUN_CHANGE},
                                 .order = order,
                                 .run = run,
                                 .script = 2,
                                 .now_ms = clock_ms,
                                 .message = bytes_of("by hand")};
    work_submit(f, &c.base, "SELECT count(*) FROM runs WHERE seq = %lld AND state = %d", (long long)run, to);
    work_wait(f);
}

static inline void work_script(struct fixture *f, int64_t seq)
{
    struct store_script_write w = {
        .base = {.kind = STORE_SCRIPT}, .seq = seq, .hash = bytes_of("hash"), .archive = bytes_of("archive")};
    work_submit(f, &w.base, "SELECT count(*) FROM scripts WHERE seq = %lld", (long long)seq);
    work_wait(f);
}

static inline void work_runs(struct fixture *f)
{
    work_run(f, 100, "a");
    work_run(f, 101, "a"); /* queued behind it */
    work_run(f, 102, "");
    work_run(f, 103, "");
    work_run(f, 104, "b");
    work_call(f, 100, 110);
    work_end_call(f, 110, 100);
    work_wake(f, 100, 111);
    work_to_state(f, 100, RUN_SUCCEEDED, 2); /* 101 is next */
    work_to_state(f, 101, RUN_PARKED, 0);
    work_change(f, 101, STORE_RUN_RESUME, RUN_READY);
    work_change(f, 101, STORE_RUN_CANCEL, RUN_CANCELED);
    work_to_state(f, 102, RUN_SLEEPING, 0);
    work_to_state(f, 103, RUN_FAILED, 0);
    work_call(f, 104, 112); /* stays in flight */
}

/* --- two lives ------------------------------------------------------------------------------------------------ */

/* Who is patient opens it again until it opens. */
static inline void work_open(struct fixture *f)
{
    struct err e;
    if (work.opening != NULL)
        work.opening();
    for (int tries = 1; fixture_try_open(f, &e) == NULL; tries++)
        if (!work.patient || tries == WORK_TRIES)
            fail_msg("store_open: %s", e.message);
    if (work.opened != NULL)
        work.opened();
}

static inline void work_close(struct fixture *f)
{
    if (work.closing != NULL)
        work.closing();
    fixture_close(f);
}

static inline void work_first_life(struct fixture *f)
{
    clock_ms = 1700000000000;
    last_mark = 0;
    f->keep_ms = 0;
    work_open(f);
    work_script(f, 1);
    work_script(f, 2);
    work_batch(f, 10);
    work_duplicate(f, 60, 10);
    work_through_states(f, 10, 50);
    work_runs(f);
    work_close(f);
}

/* Of what has ended a call of a run that goes on is left; and the runs that go on, and the scripts. */
static const char WORK_PURGED[] = "SELECT (SELECT count(*) FROM events) = 0 AND (SELECT count(*) FROM scripts) = 1 AND "
                                  "(SELECT count(*) FROM runs) = 2 "
                                  "AND (SELECT count(*) FROM deliveries WHERE state > 2) = 1";

/* What of a transaction could be there without the rest: as many rows. In the first life and the second, each event has
 * a delivery until they are purged. */
static const char WORK_HALF[] =
    "SELECT (SELECT count(*) FROM deliveries d LEFT JOIN requests r USING (seq) WHERE r.seq IS NULL) "
    "+ (SELECT count(*) FROM requests r LEFT JOIN deliveries d USING (seq) WHERE d.seq IS NULL) "
    "+ (SELECT count(*) FROM deliveries d WHERE attempts <> (SELECT count(*) FROM attempts WHERE key / 65536 = d.seq)) "
    "+ (SELECT count(*) FROM attempts WHERE key / 65536 NOT IN (SELECT seq FROM deliveries)) "
    "+ (SELECT count(*) FROM runs LEFT JOIN inputs ON run = seq WHERE run IS NULL) "
    "+ (SELECT count(*) FROM inputs LEFT JOIN runs ON run = seq WHERE seq IS NULL) "
    "+ (SELECT count(*) FROM runs r WHERE steps <> (SELECT count(*) FROM steps WHERE key / 65536 = r.seq)) "
    "+ (SELECT count(*) FROM steps WHERE key / 65536 NOT IN (SELECT seq FROM runs)) "
    "+ (SELECT count(*) FROM steps s JOIN deliveries d ON d.seq = s.ref WHERE s.kind = 1 "
    "   AND (d.state > 2) <> (s.ended_ms > 0)) "
    "+ (SELECT count(*) FROM steps s JOIN runs r ON r.seq = s.key / 65536 WHERE s.kind IN (1, 4) AND s.ended_ms > 0 "
    "   AND r.woken = 0) "
    "+ (SELECT count(*) FROM arrivals WHERE event NOT IN (SELECT seq FROM events)) "
    "+ (SELECT count(*) FROM events WHERE length(deliveries) > 0 AND seq NOT IN (SELECT event FROM deliveries) "
    "   AND NOT EXISTS (SELECT 1 FROM deliveries WHERE seq = 900)) "
    /* Each is on its shelf, unless it is fresh; and each is found by its id. */
    "+ (SELECT count(*) FROM deliveries d, fresh f WHERE NOT (d.state = 0 AND d.shelf = 0 AND d.seq > f.above) "
    "   AND d.shelf <> CASE d.state WHEN 0 THEN 1 WHEN 1 THEN 3 WHEN 3 THEN 0 ELSE d.state END) "
    "+ (SELECT count(*) FROM strays s LEFT JOIN deliveries d ON d.seq = s.seq AND d.id = s.id WHERE d.seq IS NULL) "
    "+ (SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY seq) AS before FROM deliveries "
    "   WHERE seq NOT IN (SELECT seq FROM strays)) WHERE before >= id)";

/* Turns meanwhile: the purge itself tells nobody. */
static inline void work_until(struct fixture *f, const char *query)
{
    for (int i = 0; number(f, query) != 1; i++) {
        if (i == PATIENCE_MS)
            fail_msg("not so: %s", query);
        if (poll(&(struct pollfd){.fd = f->wake_fd, .events = POLLIN}, 1, 1) == 1)
            fixture_turn(f);
    }
}

/* Opening settles what was in flight. At the end it is still open. */
static inline void work_second_life(struct fixture *f)
{
    static struct written w;
    clock_ms += 1000;
    f->keep_ms = WORK_KEPT_MS;
    work_open(f);
    work_batch(f, 200);
    work_through_states(f, 200, 250);
    if (work.big > 0) {
        prepare_delivery(&w, 260, "shop");
        w.row.request = (struct bytes){calloc(1, work.big), work.big};
        work_submit(f, &w.accept.base, "SELECT count(*) FROM deliveries WHERE seq = 260");
        work_wait(f);
        free((char *)w.row.request.data);
        work_batch(f, 300); /* the log is moved, and starts over */
        work_batch(f, 400);
    }
    clock_ms += 25 * 3600 * 1000LL; /* all that has ended is old now, and goes */
    work_accept(f, &w, 900, "", 3000);
    work_wait(f);
    work_until(f, WORK_PURGED);
    work_accept(f, &w, 902, "last", 3000);
    work_wait(f);
}

#endif
