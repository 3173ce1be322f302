/* What stays of runs: over a crash, a migration, and the purge. */
#include "test_store_runs.h"

#include <signal.h>
#include <sys/wait.h>

static const int64_t HOUR = 3600 * 1000;

/* --- a database of version 1 ---------------------------------------------------------------------------------- */

static const char VERSION_1[] =
    "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
    "CREATE TABLE deliveries (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, event INTEGER NOT NULL, state INTEGER NOT "
    "NULL,"
    "  attempts INTEGER NOT NULL, tries INTEGER NOT NULL, created_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    "  due_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL, status INTEGER NOT NULL, error INTEGER NOT NULL,"
    "  webhook TEXT NOT NULL, integration TEXT NOT NULL, message TEXT NOT NULL);"
    "CREATE UNIQUE INDEX deliveries_id ON deliveries(id);"
    "CREATE INDEX deliveries_pending ON deliveries(integration, state, due_ms) WHERE state IN (0, 2);"
    "CREATE INDEX deliveries_notable ON deliveries(state) WHERE state NOT IN (0, 3);"
    "CREATE TABLE requests (seq INTEGER PRIMARY KEY, request BLOB NOT NULL);"
    "CREATE TABLE attempts (key INTEGER PRIMARY KEY, started_ms INTEGER NOT NULL, duration_us INTEGER NOT NULL,"
    "  status INTEGER NOT NULL, error INTEGER NOT NULL, class INTEGER NOT NULL, truncated INTEGER NOT NULL,"
    "  message TEXT NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, key TEXT, name TEXT NOT NULL,"
    "  received_ms INTEGER NOT NULL, deliveries BLOB NOT NULL, body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX events_key ON events(key) WHERE key IS NOT NULL;"
    "INSERT INTO events VALUES (1, x'616e7a6f6c7473740000000000000001', 'k', 'order.paid', 1700000000000,"
    "  x'616e7a6f6c7473740000000000000002', '{}');"
    "INSERT INTO deliveries VALUES (2, x'616e7a6f6c7473740000000000000002', 1, 0, 0, 0, 1700000000000, 0, 0, 0, 0, 0,"
    "  'order_paid', 'shop', ''),"
    "  (3, x'616e7a6f6c7473740000000000000003', 0, 1, 0, 0, 1700000000000, 0, 0, 0, 0, 0, 'order_paid', 'shop', ''),"
    /* The clock was set back. */
    "  (4, x'616e7a6f6c7473740000000000000001', 0, 2, 1, 1, 1700000000000, 1, 9, 0, 503, 0, 'order_paid', 'shop', '');"
    "INSERT INTO requests VALUES (2, 'the request');"
    "PRAGMA user_version = 1; PRAGMA application_id = 1634630252;";

static void test_migration(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, VERSION_1, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    fixture_open(f);
    assert_int_equal(number(f, "PRAGMA user_version"), 4);
    struct asked a;
    struct store_read *r = answer_one(f, &a, 2);
    assert_int_equal(r->rows[0].state, DELIVERY_QUEUED);
    assert_int_equal(r->rows[0].run, 0);
    assert_int_equal(r->rows[0].step, 0);
    assert_bytes(r->rows[0].webhook, "order_paid");
    assert_bytes(r->rows[0].request, "the request");
    assert_bytes(r->event.name, "order.paid");
    store_read_fini(r);
    assert_int_equal(state_of(f, 3), DELIVERY_UNKNOWN); /* settled as ever */
    assert_int_equal(state_of(f, 1), DELIVERY_WAITING); /* by the id of number 4 */
    assert_int_equal(number(f, "SELECT count(*) FROM strays"), 1);
    assert_int_equal(number(f, "SELECT group_concat(shelf, '') FROM deliveries"), 152);

    struct written w; /* its event is still known, and made no run */
    prepare_event(&w, 5, "k");
    submit_and_wait(f, &w);
    assert_true(w.accept.duplicate);
    assert_int_equal(w.accept.first_ids.len, UUID_SIZE);
    assert_int_equal(w.accept.first_runs.len, 0);
    buf_fini(&w.accept.first_ids);
    begin(f, 6, "key");
    call_one(f, 6, 7);
    assert_true(end_call(f, 7, 6, 1));
    fixture_reopen(f);
    assert_int_equal(run_state(f, 6), RUN_READY);
    assert_int_equal(store_last_seq(f->s), 7);
}

/* --- a crash -------------------------------------------------------------------------------------------------- */

static void send_now(struct fixture *f, int64_t delivery)
{
    struct store_update u = {.base = {.kind = STORE_UPDATE}, .row = {.seq = delivery, .state = DELIVERY_SENDING}};
    write_one(f, &u.base);
}

/* In flight when it died: the outcome is unknown, and the run that waits for it gets to know that. */
static void test_unknown_ends_the_call(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    call_one(f, 1, 50);
    send_now(f, 50);
    begin(f, 2, "");
    struct store_step s[] = {step_of(2, 1, STEP_SEND), wait_of(2, 2, "a")};
    struct store_delivery d = delivery_of(51, 2, 1);
    s[0].ref = 51;
    s[0].ended_ms = clock_ms;
    struct store_advance v = advance_of(2, RUN_WAITING, s, 2);
    v.deliveries = &d;
    v.delivery_count = 1;
    write_one(f, &v.base);
    send_now(f, 51);
    clock_ms += 9;
    fixture_reopen(f);
    assert_int_equal(f->unknown_count, 2);
    assert_int_equal(state_of(f, 50), DELIVERY_UNKNOWN);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_READY);
    assert_int_equal(q.runs[0].woken, 1);
    assert_int_equal(q.steps[0].ended_ms, clock_ms);
    assert_int_equal(q.steps[0].attempt, 1);
    assert_int_equal(q.steps[0].answer->error, ATTEMPT_CRASH);
    assert_bytes(q.steps[0].result,
                 "{\"ok\":false,\"attempts\":1,\"error\":{\"kind\":\"crash\",\"message\":\"the runtime died while the "
                 "request was in flight: the receiver may have processed it\"}}");
    store_read_fini(&q.base);
    q = look(f, 2);
    assert_int_equal(q.runs[0].state, RUN_WAITING); /* a send is not waited for */
    assert_int_equal(q.steps[0].ended_ms, clock_ms - 9);
    store_read_fini(&q.base);
}

/* The child: runs that begin, make a call, and get its end, one after the other; tells of each when it is committed. */
static void live(struct fixture *f, int to)
{
    struct err e;
    if (fixture_try_open(f, &e) == NULL)
        _exit(2);
    for (int64_t run = store_last_seq(f->s) + 1;; run += 2) {
        begin(f, run, "");
        call_one(f, run, run + 1);
        if (!end_call(f, run + 1, run, 1) || write(to, &run, sizeof run) != sizeof run)
            _exit(3);
    }
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 8; round++) {
        int ends[2], status;
        int64_t run, count = 0, told[500];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            live(f, ends[1]);
        close(ends[1]);
        while (read(ends[0], &run, sizeof run) == sizeof run && count < 500) {
            told[count++] = run;
            if (count == 10 + 7 * round)
                kill(child, SIGKILL);
        }
        close(ends[0]);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        fixture_open(f);
        for (int64_t i = 0; i < count; i++) {
            struct store_read_runs q = look(f, told[i]);
            assert_int_equal(q.runs[0].state, RUN_READY);
            assert_int_equal(q.runs[0].woken, 1);
            assert_bytes(q.steps[0].result, "{\"ok\":true}");
            assert_non_null(q.steps[0].answer);
            store_read_fini(&q.base);
        }
        /* Whatever the moment was, the counts agree with the journal. */
        assert_int_equal(number(f, "SELECT count(*) FROM runs r WHERE steps <> (SELECT count(*) FROM steps "
                                   "WHERE key / 65536 = r.seq) OR woken <> (SELECT count(*) FROM steps "
                                   "WHERE key / 65536 = r.seq AND ended_ms > 0)"),
                         0);
        fixture_close(f);
    }
    fixture_open(f);
}

/* --- the purge ------------------------------------------------------------------------------------------------ */

static int setup_keeping_an_hour(void **state)
{
    if (fixture_make(state) != 0)
        return -1;
    ((struct fixture *)*state)->keep_ms = HOUR;
    fixture_open(*state);
    return 0;
}

static void test_old_runs_go(void **state)
{
    struct fixture *f = *state;
    static const enum run_state states[] = {RUN_SUCCEEDED, RUN_FAILED,   RUN_PARKED,
                                            RUN_WAITING,   RUN_SLEEPING, RUN_READY};
    for (int64_t i = 0; i < 6; i++) {
        begin(f, 10 + i, "");
        call_one(f, 10 + i, 50 + i);
        end_call(f, 50 + i, 10 + i, 1);
        struct store_advance v = advance_of(10 + i, states[i], NULL, 0);
        v.run.steps = 1;
        v.seen = 1;
        write_one(f, &v.base);
    }
    begin(f, 16, "");
    change(f, 16, STORE_RUN_CANCEL, 0);
    accept_one(f, 56, "shop");
    update_one(f, 56, DELIVERY_SUCCEEDED);
    clock_ms += HOUR / 2;
    begin(f, 17, "");
    call_one(f, 17, 57);
    end_call(f, 57, 17, 1);
    advance(f, 17, RUN_SUCCEEDED, NULL, 0);
    clock_ms += HOUR / 2 + 1;
    fixture_reopen(f);
    /* Gone: succeeded, failed, canceled, and their deliveries with them. */
    expect_soon(f, "SELECT count(*) FROM deliveries", 5);
    static const int left[] = {-1, -1, RUN_PARKED, RUN_WAITING, RUN_SLEEPING, RUN_READY, -1, RUN_SUCCEEDED};
    for (int64_t i = 0; i < 8; i++)
        assert_int_equal(run_state(f, 10 + i), left[i]);
    assert_int_equal(number(f, "SELECT count(*) FROM inputs"), 5);
    assert_int_equal(number(f, "SELECT count(*) FROM steps"), 5);
    assert_int_equal(number(f, "SELECT count(*) FROM attempts"), 5);
    assert_int_equal(number(f, "SELECT count(*) FROM requests"), 5);
    struct store_read_runs q = look(f, 12); /* a replay finds what it got */
    assert_non_null(q.steps[0].answer);
    store_read_fini(&q.base);

    advance(f, 13, RUN_SUCCEEDED, NULL, 0); /* however late: an hour from now */
    clock_ms += HOUR + 1;
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM deliveries", 3);
    assert_int_equal(run_state(f, 13), -1);
    assert_int_equal(run_state(f, 12), RUN_PARKED);
}

static void test_arrivals_go_with_their_event(void **state)
{
    struct fixture *f = *state;
    emit(f, 1, "a");
    emit(f, 2, "a");
    clock_ms += 24 * HOUR;
    emit(f, 3, "b");
    clock_ms += 1;
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM events", 1);
    assert_int_equal(number(f, "SELECT count(*) FROM arrivals"), 1);
    begin(f, 4, "");
    assert_false(wait_for(f, 4, "a", 0).woken);
}

static void test_scripts_go_when_nobody_needs_them(void **state)
{
    struct fixture *f = *state;
    for (int64_t seq = 10; seq <= 60; seq += 10)
        write_script(f, seq);
    begin(f, 15, ""); /* stays */
    begin(f, 35, ""); /* ends */
    begin(f, 45, ""); /* stays, under others */
    advance(f, 35, RUN_SUCCEEDED, NULL, 0);
    advance(f, 45, RUN_PARKED, NULL, 0);
    change(f, 45, STORE_RUN_RESUME, 20);
    clock_ms += HOUR + 1;
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM scripts", 4);
    assert_int_equal(number(f, "SELECT sum(seq) FROM scripts"), 10 + 20 + 40 + 60);
    advance(f, 15, RUN_SUCCEEDED, NULL, 0);
    clock_ms += HOUR + 1;
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM scripts", 3);
    assert_int_equal(number(f, "SELECT sum(seq) FROM scripts"), 20 + 40 + 60);
}

/* Far more of them than a step looks at: what lies behind them goes all the same. */
static void test_sleepers_do_not_hold_up_the_purge(void **state)
{
    enum { SLEEPERS = 30000 };
    struct fixture *f = *state;
    struct store_run *runs = calloc(1000, sizeof *runs);
    for (int64_t first = 1; first < SLEEPERS; first += 1000) {
        for (int64_t i = 0; i < 1000; i++) {
            runs[i] = run_of(first + i, "");
            runs[i].state = RUN_SLEEPING;
            runs[i].due_ms = clock_ms + 1000 * HOUR;
        }
        struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = runs, .run_count = 1000};
        write_one(f, &a.base);
    }
    free(runs);
    accept_many(f, SLEEPERS + 1, 10, "shop");
    for (int64_t seq = SLEEPERS + 1; seq <= SLEEPERS + 10; seq++)
        update_one(f, seq, DELIVERY_SUCCEEDED);
    begin(f, SLEEPERS + 20, "");
    advance(f, SLEEPERS + 20, RUN_SUCCEEDED, NULL, 0);
    clock_ms += HOUR + 1;
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM deliveries", 0);
    assert_int_equal(number(f, "SELECT count(*) FROM runs WHERE state = 2"), SLEEPERS);
    assert_int_equal(number(f, "SELECT count(*) FROM runs"), SLEEPERS);
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(fixture_make, test_migration),
        WITH(fixture_setup, test_unknown_ends_the_call),
        WITH(fixture_make, test_kill),
        WITH(setup_keeping_an_hour, test_old_runs_go),
        WITH(setup_keeping_an_hour, test_arrivals_go_with_their_event),
        WITH(setup_keeping_an_hour, test_scripts_go_when_nobody_needs_them),
        WITH(setup_keeping_an_hour, test_sleepers_do_not_hold_up_the_purge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
