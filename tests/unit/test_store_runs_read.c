/* Loading runs, their log, and that neither scans nor sorts. */
#include "store/apply.h"
#include "store/listing.h"
#include "store/purge.h"
#include "store/query.h"
#include "store/query_run.h"
#include "test_store_runs.h"

/* --- loads ---------------------------------------------------------------------------------------------------- */

static void test_load_ready(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 1; run <= 7; run++)
        begin(f, run, run == 6 || run == 7 ? "k" : "");
    wait_for(f, 2, "a", 0);
    advance(f, 3, RUN_SUCCEEDED, NULL, 0);
    expect_runs(load(f, (struct store_read_runs){.what = STORE_LOAD_READY}), SEQS(1, 4, 5, 6), false);
    expect_runs(load(f, (struct store_read_runs){.what = STORE_LOAD_READY, .base.limit = 2}), SEQS(1, 4), true);
    expect_runs(load(f, (struct store_read_runs){.what = STORE_LOAD_READY, .base.after_seq = 4}), SEQS(5, 6), false);
    expect_runs(load(f, (struct store_read_runs){.what = STORE_LOAD_READY, .base.after_seq = 6}), NULL, 0, false);
    expect_runs(load(f, (struct store_read_runs){.what = STORE_LOAD_READY, .base.limit = -1}), NULL, 0, true);
    emit(f, 10, "a");
    struct store_read_runs q = load(f, (struct store_read_runs){.what = STORE_LOAD_READY, .base.limit = 3});
    assert_bytes(q.runs[1].input, "{\"data\":1}");
    assert_int_equal(q.runs[0].step_count, 0);
    assert_int_equal(q.runs[1].step_count, 1);
    assert_int_equal(q.steps[q.runs[1].first_step].ref, 10);
    assert_int_equal(q.step_count, 1);
    expect_runs(q, SEQS(1, 2, 4), true);
}

static void test_load_these(void **state)
{
    struct fixture *f = *state;
    static const int64_t seqs[] = {5, 99, 1, 2, 4};
    struct store_read_runs ask = {.what = STORE_LOAD_THESE, .seqs = seqs, .seq_count = 5};
    for (int64_t run = 1; run <= 5; run++)
        begin(f, run, "");
    wait_for(f, 2, "a", 0);
    expect_runs(load(f, ask), SEQS(5, 1, 4), false);
    ask.base.limit = 2;
    expect_runs(load(f, ask), SEQS(5, 1), true);
    ask.base.limit = 3;
    expect_runs(load(f, ask), SEQS(5, 1, 4), false);
    ask.seq_count = 0;
    expect_runs(load(f, ask), NULL, 0, false);
}

static void test_load_due(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_ms;
    for (int64_t run = 1; run <= 6; run++)
        begin(f, run, "");
    for (int64_t run = 5; run >= 2; run--) {
        struct store_advance v = advance_of(run, run % 2 ? RUN_SLEEPING : RUN_WAITING, NULL, 0);
        v.run.due_ms = now + run;
        write_one(f, &v.base);
    }
    wait_for(f, 6, "a", 0); /* without a time */
    struct store_read_runs q = load(f, (struct store_read_runs){.what = STORE_LOAD_DUE, .base.now_ms = now + 3});
    assert_int_equal(q.base.next_due_ms, now + 4);
    assert_bytes(q.runs[0].input, "{\"data\":1}");
    expect_runs(q, SEQS(2, 3), false);
    q = load(f, (struct store_read_runs){.what = STORE_LOAD_DUE, .base.now_ms = now + 5, .base.limit = 1});
    assert_int_equal(q.base.next_due_ms, now + 3);
    expect_runs(q, SEQS(2), true);
    q = load(f, (struct store_read_runs){.what = STORE_LOAD_DUE, .base.now_ms = now + 5});
    assert_int_equal(q.base.next_due_ms, 0);
    expect_runs(q, SEQS(2, 3, 4, 5), false);
    q = load(f, (struct store_read_runs){.what = STORE_LOAD_DUE, .base.now_ms = now});
    assert_int_equal(q.base.next_due_ms, now + 2);
    expect_runs(q, NULL, 0, false);
}

/* Inputs of 10 bytes; run 2 has a result of 11 and an answer of 11 besides. */
static void test_limit_bytes(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 1; run <= 5; run++)
        begin(f, run, "");
    call_one(f, 2, 50);
    end_call(f, 50, 2, 1);
    struct store_read_runs ask = {.what = STORE_LOAD_READY, .base.limit_bytes = 1};
    expect_runs(load(f, ask), SEQS(1), true);
    ask.base.limit_bytes = 10;
    expect_runs(load(f, ask), SEQS(1, 2), true);
    ask.base.limit_bytes = 41;
    expect_runs(load(f, ask), SEQS(1, 2), true);
    ask.base.limit_bytes = 42;
    expect_runs(load(f, ask), SEQS(1, 2, 3), true);
    ask.base.limit_bytes = 1000;
    expect_runs(load(f, ask), SEQS(1, 2, 3, 4, 5), false);
}

/* Many steps with answers: what points into the answer stays where it is while it grows. */
static void test_many_steps(void **state)
{
    enum { RUNS = 5, STEPS = 100 };
    struct fixture *f = *state;
    for (int64_t run = 1; run <= RUNS; run++) {
        struct store_step s[STEPS];
        struct store_delivery d[STEPS];
        begin(f, run, "");
        for (int i = 0; i < STEPS; i++) {
            s[i] = call_of(run, i + 1, run * 1000 + i);
            d[i] = delivery_of(run * 1000 + i, run, i + 1);
        }
        struct store_advance v = advance_of(run, RUN_WAITING, s, STEPS);
        v.deliveries = d;
        v.delivery_count = STEPS;
        write_one(f, &v.base);
        for (int i = 0; i < STEPS; i += 2)
            end_call(f, run * 1000 + i, run, i + 1);
    }
    struct store_read_runs q = load(f, (struct store_read_runs){.what = STORE_LOAD_READY});
    assert_int_equal(q.step_count, RUNS * STEPS);
    for (size_t i = 0; i < q.step_count; i++) {
        const struct store_step *s = &q.steps[i];
        struct uuid id = uuid_of(s->run * 1000 + s->number - 1);
        assert_int_equal(s->run, (int64_t)i / STEPS + 1);
        assert_int_equal(s->number, (int)i % STEPS + 1);
        assert_memory_equal(&s->delivery, &id, UUID_SIZE);
        assert_int_equal(s->answer != NULL, i % 2 == 0);
        if (s->answer != NULL)
            assert_bytes(buf_view(&s->answer->body), "answer");
    }
    for (size_t i = 0; i < RUNS; i++)
        assert_int_equal(q.runs[i].first_step, i * STEPS);
    expect_runs(q, SEQS(1, 2, 3, 4, 5), false);
}

static void test_script(void **state)
{
    struct fixture *f = *state;
    struct store_read_script q = {.base = {.kind = STORE_READ_SCRIPT}};
    read_one(f, &q.base);
    assert_int_equal(q.found, 0);
    for (int64_t seq = 5; seq <= 7; seq += 2) {
        struct store_script_write w = {.base = {.kind = STORE_SCRIPT},
                                       .seq = seq,
                                       .hash = {"\0h", 2},
                                       .archive = bytes_of(seq == 5 ? "five" : "seven")};
        write_one(f, &w.base);
    }
    fixture_reopen(f);
    assert_int_equal(store_last_seq(f->s), 7);
    for (int64_t seq = 0; seq <= 6; seq++) {
        q = (struct store_read_script){.base = {.kind = STORE_READ_SCRIPT}, .seq = seq};
        read_one(f, &q.base);
        assert_int_equal(q.found, seq == 0 ? 7 : seq == 5 ? 5 : 0);
        if (q.found != 0) {
            assert_bytes(q.archive, seq == 0 ? "seven" : "five");
            assert_int_equal(q.hash.len, 2);
        }
        store_read_fini(&q.base);
    }
}

/* --- the log -------------------------------------------------------------------------------------------------- */

static struct store_read_runs list(struct fixture *f, struct store_run_filter filter, int limit)
{
    struct store_read_runs q = {.base.kind = STORE_READ_RUN_LIST, .base.limit = limit, .filter = filter};
    read_one(f, &q.base);
    return q;
}

static void test_list(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 1; run <= 8; run++) {
        struct store_run r = run_of(run, run >= 7 ? "k" : "");
        r.flow = bytes_of(run % 2 ? "odd" : "even");
        if (run == 8)
            r.flow = bytes_of("odd");
        struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = &r, .run_count = 1};
        write_one(f, &a.base);
    }
    advance(f, 2, RUN_FAILED, NULL, 0);
    advance(f, 3, RUN_FAILED, NULL, 0);
    advance(f, 4, RUN_PARKED, NULL, 0);
    advance(f, 5, RUN_SUCCEEDED, NULL, 0);
    wait_for(f, 6, "a", 0);
    struct store_run_filter any = {.state = -1};
    struct store_read_runs q = list(f, any, 3);
    any.before_seq = q.base.next_before_seq;
    assert_bytes(q.runs[1].flow, "odd");
    assert_bytes(q.runs[1].key, "k");
    assert_int_equal(q.runs[1].input.len, 0);
    expect_runs(q, SEQS(8, 7, 6), true);
    q = list(f, any, 3);
    any.before_seq = q.base.next_before_seq;
    expect_runs(q, SEQS(5, 4, 3), true);
    q = list(f, any, 3);
    assert_int_equal(q.base.next_before_seq, 0);
    expect_runs(q, SEQS(2, 1), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_READY}, 9), SEQS(7, 1), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_WAITING}, 9), SEQS(6), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_QUEUED}, 9), SEQS(8), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_SUCCEEDED}, 9), SEQS(5), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_FAILED}, 9), SEQS(3, 2), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_FAILED}, 1), SEQS(3), true);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_FAILED, .before_seq = 3}, 1), SEQS(2), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_PARKED}, 9), SEQS(4), false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_CANCELED}, 9), NULL, 0, false);
    expect_runs(list(f, (struct store_run_filter){.state = RUN_FAILED, .flow = bytes_of("odd")}, 9), SEQS(3), false);
    expect_runs(list(f, (struct store_run_filter){.state = -1, .flow = bytes_of("even")}, 2), SEQS(6, 4), true);
    expect_runs(list(f, (struct store_run_filter){.state = -1, .flow = bytes_of("eve")}, 9), NULL, 0, false);
}

static void test_list_times(void **state)
{
    struct fixture *f = *state;
    int64_t start = clock_ms;
    for (int64_t run = 10; run <= 80; run += 10) { /* two at each second, gaps between the seqs */
        begin(f, run, "");
        if (run % 20 == 0)
            clock_ms += 1000;
    }
    struct store_run_filter t = {.state = -1, .since_ms = start + 1000, .until_ms = start + 3000};
    expect_runs(list(f, t, 9), SEQS(60, 50, 40, 30), false);
    t.before_seq = 40;
    expect_runs(list(f, t, 9), SEQS(30), false);
    expect_runs(list(f, (struct store_run_filter){.state = -1, .since_ms = start + 4000}, 9), NULL, 0, false);
    expect_runs(list(f, (struct store_run_filter){.state = -1, .until_ms = start + 1}, 9), SEQS(20, 10), false);
}

/* --- very many that sleep ------------------------------------------------------------------------------------- */

/* `count` runs that sleep, made as a write would make them: due at seq. */
static void sleep_many(struct fixture *f, int count)
{
    char text[900];
    sqlite3 *db;
    fixture_close(f);
    snprintf(
        text, sizeof text,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO runs(seq, id, event, event_id, script, state, steps, woken, mark, created_ms, due_ms, "
        "finished_ms, flow, key, message, result) "
        "SELECT i, printf('%%016d', i), 0, '', 1, 2, 1, 0, 0, 1700000000000, i, 0, 'checkout', NULL, '', '' FROM n;"
        "INSERT INTO inputs SELECT seq, '{}' FROM runs;"
        "INSERT INTO steps(key, kind, path, name, match, ref, attempt, due_ms, started_ms, ended_ms, result) "
        "SELECT seq * 65536 + 1, 3, '1', '30d', NULL, 0, 0, seq, 1, 0, '' FROM runs;",
        count);
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* Steps of SQLite's machine from here on, over all statements of the connection. */
static int machine_steps(sqlite3 *db, bool reset)
{
    int n = 0;
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db, st)) != NULL;)
        n += sqlite3_stmt_status(st, SQLITE_STMTSTATUS_VM_STEP, reset);
    return n;
}

static void reader_make(struct fixture *f, struct reader *rd)
{
    struct err e;
    *rd = (struct reader){.c = {.folder = f->folder, .path = fixture_path(f, "anzol.db")}};
    assert_int_equal(sqlite_open(&rd->c, SQLITE_READER, &e), 0);
    assert_int_equal(query_prepare(rd, &e), 0);
    assert_int_equal(query_run_prepare(rd, &e), 0);
    assert_int_equal(listing_prepare(rd, &e), 0);
}

static void test_very_many_sleep(void **state)
{
    enum { SLEEPERS = 100000 };
    struct fixture *f = *state;
    struct reader rd;
    sleep_many(f, SLEEPERS);
    reader_make(f, &rd);
    struct store_read_runs q = {.base.kind = STORE_READ_RUNS,
                                .what = STORE_LOAD_DUE,
                                .base.now_ms = 20,
                                .base.limit = 10,
                                .base.limit_bytes = 1000};
    machine_steps(rd.c.db, true);
    assert_int_equal(query_run_load(&rd, &q), SQLITE_OK);
    assert_true(machine_steps(rd.c.db, true) < 2000);
    assert_int_equal(q.base.next_due_ms, 11);
    assert_int_equal(q.step_count, 10);
    expect_runs(q, SEQS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), true);
    q = (struct store_read_runs){.base.kind = STORE_READ_RUNS, .what = STORE_LOAD_READY, .base.limit = 10};
    assert_int_equal(query_run_load(&rd, &q), SQLITE_OK);
    assert_true(machine_steps(rd.c.db, true) < 100);
    expect_runs(q, NULL, 0, false);
    sqlite_close(&rd.c);
    fixture_open(f);
    assert_int_equal(store_last_seq(f->s), SLEEPERS);
    q = load(f, (struct store_read_runs){.what = STORE_LOAD_DUE, .base.now_ms = 3});
    assert_int_equal(q.base.next_due_ms, 4);
    expect_runs(q, SEQS(1, 2, 3), false);
}

/* --- plans ---------------------------------------------------------------------------------------------------- */

static void expect_plan(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    int rc = sqlite3_prepare_v2(db, text, -1, &st, NULL);
    assert_int_equal(rc, SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *plan = (const char *)sqlite3_column_text(st, 3);
        bool bounded = strstr(plan, "CONSTANT ROW") != NULL || strstr(plan, "SCAN new_") != NULL /* a feed */ ||
                       strstr(sql, "LIMIT 1 OFFSET") != NULL;
        bool scan = strstr(plan, "SCAN") != NULL && !bounded;
        if (scan || strstr(plan, "TEMP B-TREE") != NULL || strstr(plan, "LIST SUBQUERY") != NULL)
            fail_msg("%s\n%s", plan, sql);
    }
    sqlite3_finalize(st);
    sqlite3_free(text);
}

/* All that the writer does: at the end of a number, or by a key or an index. */
static void test_writes_use_indexes(void **state)
{
    struct fixture *f = *state;
    struct sqlite c = {.folder = f->folder, .path = fixture_path(f, "anzol.db")};
    struct apply a = {0};
    struct purge p = {0};
    struct err e;
    int count = 0;
    fixture_close(f);
    assert_int_equal(sqlite_open(&c, SQLITE_WRITER, &e), 0);
    assert_int_equal(apply_prepare(&a, &c, &e), 0);
    assert_int_equal(purge_prepare(&p, &c, &e), 0);
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(c.db, st)) != NULL; count++) {
        const char *sql = sqlite3_sql(st);
        if (strncmp(sql, "PRAGMA", 6) != 0)
            expect_plan(c.db, sql);
    }
    assert_true(count > 40);
    sqlite_close(&c);
}

static void test_reads_use_indexes(void **state)
{
    struct fixture *f = *state;
    struct reader rd;
    begin(f, 1, "");
    reader_make(f, &rd);
    sqlite3_stmt *const hot[] = {rd.these_runs,      rd.ready_runs,    rd.due_runs,  rd.one_run,
                                 rd.steps,           rd.script,        rd.list_runs, rd.list_runs_state,
                                 rd.list_runs_ready, rd.first_run_from};
    for (size_t i = 0; i < sizeof hot / sizeof hot[0]; i++)
        expect_plan(rd.c.db, sqlite3_sql(hot[i]));
    sqlite_close(&rd.c);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_load_ready),
        WITH_STORE(test_load_these),
        WITH_STORE(test_load_due),
        WITH_STORE(test_limit_bytes),
        WITH_STORE(test_many_steps),
        WITH_STORE(test_script),
        WITH_STORE(test_list),
        WITH_STORE(test_list_times),
        WITH_STORE(test_very_many_sleep),
        WITH_STORE(test_writes_use_indexes),
        WITH_STORE(test_reads_use_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
