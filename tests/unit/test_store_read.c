#include "store/backlog.h"
#include "store/listing.h"
#include "store/query.h"
#include "store/shelf.h"
#include "test_store.h"

/* --- ready ---------------------------------------------------------------------------------------------------- */

static struct store_read *ready(struct fixture *f, struct asked *q, int64_t after, int limit, size_t limit_bytes)
{
    *q = (struct asked){.read = {.kind = STORE_READ_READY,
                                 .integration = bytes_of("shop"),
                                 .after_seq = after,
                                 .limit = limit,
                                 .limit_bytes = limit_bytes}};
    answer(f, q);
    assert_false(q->failed);
    return &q->read;
}

static void expect_rows(struct store_read *r, const int64_t *seqs, size_t count, bool more)
{
    assert_int_equal(r->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(r->rows[i].seq, seqs[i]);
    assert_int_equal(r->more, more);
    store_read_fini(r);
}

#define SEQS(...) (const int64_t[]){__VA_ARGS__}, sizeof(const int64_t[]){__VA_ARGS__} / sizeof(int64_t)

static void test_ready(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    for (int64_t seq = 1; seq <= 8; seq++)
        accept_one(f, seq, seq == 4 ? "other" : "shop");
    update_one(f, 2, DELIVERY_SUCCEEDED);
    update_one(f, 6, DELIVERY_WAITING);
    expect_rows(ready(f, &q, 0, 100, 0), SEQS(1, 3, 5, 7, 8), false);
    expect_rows(ready(f, &q, 3, 2, 0), SEQS(5, 7), true);
    expect_rows(ready(f, &q, 5, 2, 0), SEQS(7, 8), false);
    expect_rows(ready(f, &q, 8, 2, 0), NULL, 0, false);
    expect_rows(ready(f, &q, 0, 0, 0), NULL, 0, true);
    update_one(f, 2, DELIVERY_QUEUED);
    struct store_read *r = ready(f, &q, 0, 2, 0);
    assert_bytes(r->rows[1].request, "the request");
    assert_bytes(r->rows[1].integration, "shop");
    expect_rows(r, SEQS(1, 2), true);
}

static void test_limit_bytes(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    accept_many(f, 1, 10, "shop"); /* requests of 11 bytes */
    expect_rows(ready(f, &q, 0, 100, 1), SEQS(1), true);
    expect_rows(ready(f, &q, 0, 100, 10), SEQS(1), true);
    expect_rows(ready(f, &q, 0, 100, 11), SEQS(1, 2), true);
    expect_rows(ready(f, &q, 0, 100, 25), SEQS(1, 2, 3), true);
    expect_rows(ready(f, &q, 8, 100, 22), SEQS(9, 10), false);
}

/* --- due ------------------------------------------------------------------------------------------------------ */

static struct store_read *due(struct fixture *f, struct asked *q, int64_t now, int limit, size_t limit_bytes)
{
    *q = (struct asked){.read = {.kind = STORE_READ_DUE,
                                 .integration = bytes_of("shop"),
                                 .now_ms = now,
                                 .limit = limit,
                                 .limit_bytes = limit_bytes}};
    answer(f, q);
    assert_false(q->failed);
    return &q->read;
}

static void test_due(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    int64_t now = clock_ms;
    accept_many(f, 1, 6, "shop");
    for (int64_t seq = 5; seq >= 2; seq--)
        update_one(f, seq, DELIVERY_WAITING); /* due at now + seq */
    struct store_read *r = due(f, &q, now + 3, 100, 0);
    assert_int_equal(r->next_due_ms, now + 4);
    assert_bytes(r->rows[0].request, "the request");
    expect_rows(r, SEQS(2, 3), false);
    r = due(f, &q, now + 5, 1, 0);
    assert_int_equal(r->next_due_ms, now + 3);
    expect_rows(r, SEQS(2), true);
    r = due(f, &q, now + 5, 100, 12);
    assert_int_equal(r->next_due_ms, now + 4);
    expect_rows(r, SEQS(2, 3), true);
    r = due(f, &q, now + 5, 100, 0);
    assert_int_equal(r->next_due_ms, 0);
    expect_rows(r, SEQS(2, 3, 4, 5), false);
    r = due(f, &q, now, 100, 0);
    assert_int_equal(r->next_due_ms, now + 2);
    expect_rows(r, NULL, 0, false);
}

/* --- backlog -------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct store_backlog *)a)->integration.data,
                  ((const struct store_backlog *)b)->integration.data);
}

static struct store_read *by_name(struct store_read *r)
{
    qsort(r->backlogs, r->backlog_count, sizeof *r->backlogs, compare_names);
    return r;
}

static void test_lanes(void **state)
{
    struct fixture *f = *state;
    struct asked q = {.read = {.kind = STORE_READ_LANES}};
    assert_int_equal(answer(f, &q)->backlog_count, 0);
    accept_many(f, 1, 3, "shop");
    accept_many(f, 4, 2, "crm");
    accept_many(f, 6, 1, "done");
    accept_many(f, 7, 3, "late");
    update_one(f, 2, DELIVERY_WAITING);
    update_one(f, 3, DELIVERY_QUEUED); /* on its shelf: the others are fresh */
    update_one(f, 6, DELIVERY_SUCCEEDED);
    for (int64_t seq = 7; seq < 10; seq++)
        update_one(f, seq, DELIVERY_WAITING);
    for (int round = 0; round < 2; round++) {
        struct store_read *r = by_name(answer(f, &q));
        assert_int_equal(r->backlog_count, 3);
        assert_bytes(r->backlogs[0].integration, "crm");
        assert_int_equal(r->backlogs[0].queued, 1);
        assert_int_equal(r->backlogs[0].waiting, 0);
        assert_int_equal(r->backlogs[0].first_due_ms, 0);
        assert_bytes(r->backlogs[1].integration, "late");
        assert_int_equal(r->backlogs[1].queued, 0);
        assert_int_equal(r->backlogs[1].first_due_ms, clock_ms + 7);
        assert_bytes(r->backlogs[2].integration, "shop");
        assert_int_equal(r->backlogs[2].queued, 1);
        assert_int_equal(r->backlogs[2].waiting, 1);
        assert_int_equal(r->backlogs[2].first_due_ms, clock_ms + 2);
        store_read_fini(r);
        sql(f, "UPDATE deliveries SET shelf = 1 WHERE state = 0; UPDATE fresh SET above = 100"); /* as time does */
    }
}

static void test_backlog(void **state)
{
    struct fixture *f = *state;
    struct asked q = {.read = {.kind = STORE_READ_BACKLOG}};
    accept_many(f, 1, 5, "shop");
    accept_many(f, 6, 2, "crm");
    accept_many(f, 8, 2, "done");
    accept_many(f, 10, 1, "late");
    update_one(f, 2, DELIVERY_WAITING);
    update_one(f, 3, DELIVERY_WAITING);
    update_one(f, 8, DELIVERY_SUCCEEDED);
    update_one(f, 9, DELIVERY_FAILED);
    update_one(f, 10, DELIVERY_WAITING);
    fixture_reopen(f);
    accept_many(f, 20, 3, "shop"); /* later, and so is this: */
    update_one(f, 6, DELIVERY_SUCCEEDED);
    struct store_read *r = by_name(answer(f, &q));
    assert_int_equal(r->backlog_count, 3);
    assert_bytes(r->backlogs[0].integration, "crm");
    assert_int_equal(r->backlogs[0].queued, 2);
    assert_int_equal(r->backlogs[0].waiting, 0);
    assert_int_equal(r->backlogs[0].first_due_ms, 0);
    assert_bytes(r->backlogs[1].integration, "late");
    assert_int_equal(r->backlogs[1].queued, 0);
    assert_int_equal(r->backlogs[1].waiting, 1);
    assert_bytes(r->backlogs[2].integration, "shop");
    assert_int_equal(r->backlogs[2].queued, 3);
    assert_int_equal(r->backlogs[2].waiting, 2);
    assert_int_equal(r->backlogs[2].first_due_ms, clock_ms + 2);
    store_read_fini(r);
}

/* --- list ----------------------------------------------------------------------------------------------------- */

static struct store_read *list(struct fixture *f, struct asked *q, struct store_filter filter, int limit)
{
    *q = (struct asked){.read = {.kind = STORE_READ_LIST, .limit = limit, .filter = filter}};
    answer(f, q);
    assert_false(q->failed);
    return &q->read;
}

static void test_list_pages(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    struct store_filter any = {.state = -1};
    accept_many(f, 1, 7, "shop");
    expect_rows(list(f, &q, any, 3), SEQS(7, 6, 5), true);
    any.before_seq = q.read.next_before_seq;
    expect_rows(list(f, &q, any, 3), SEQS(4, 3, 2), true);
    any.before_seq = q.read.next_before_seq;
    expect_rows(list(f, &q, any, 3), SEQS(1), false);
    any.before_seq = 8;
    expect_rows(list(f, &q, any, 7), SEQS(7, 6, 5, 4, 3, 2, 1), false);
    any.before_seq = 1;
    expect_rows(list(f, &q, any, 7), NULL, 0, false);
}

static void test_list_filters(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    for (int64_t seq = 1; seq <= 8; seq++)
        accept_one(f, seq, seq % 2 == 0 ? "even" : "odd");
    update_one(f, 3, DELIVERY_FAILED);
    update_one(f, 4, DELIVERY_FAILED);
    update_one(f, 5, DELIVERY_WAITING);
    update_one(f, 6, DELIVERY_SUCCEEDED);
    update_one(f, 7, DELIVERY_FAILED);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_QUEUED}, 9), SEQS(8, 2, 1), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_FAILED}, 9), SEQS(7, 4, 3), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_FAILED}, 2), SEQS(7, 4), true);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_FAILED, .before_seq = 4}, 2), SEQS(3), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_FAILED, .integration = bytes_of("odd")}, 9),
                SEQS(7, 3), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_QUEUED}, 9), SEQS(8, 2, 1), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_WAITING}, 9), SEQS(5), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_SUCCEEDED}, 9), SEQS(6), false);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_UNKNOWN}, 9), NULL, 0, false);
    expect_rows(list(f, &q, (struct store_filter){.state = -1, .integration = bytes_of("even")}, 9), SEQS(8, 6, 4, 2),
                false);
    expect_rows(list(f, &q, (struct store_filter){.state = -1, .webhook = bytes_of("order_pai")}, 9), NULL, 0, false);
    struct store_read *r = list(f, &q, (struct store_filter){.state = -1, .webhook = bytes_of("order_paid")}, 2);
    assert_int_equal(r->rows[0].request.len, 0);
    expect_rows(r, SEQS(8, 7), true);
    for (int64_t seq = 1; seq <= 8; seq++)
        update_one(f, seq, DELIVERY_SUCCEEDED);
    expect_rows(list(f, &q, (struct store_filter){.state = DELIVERY_QUEUED}, 9), NULL, 0, false);
}

static void test_list_times(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    int64_t start = clock_ms;
    expect_rows(list(f, &q, (struct store_filter){.state = -1, .since_ms = start}, 9), NULL, 0, false);
    for (int64_t seq = 10; seq <= 80; seq += 10) { /* two at each second, gaps between the seqs */
        accept_one(f, seq, "shop");
        if (seq % 20 == 0)
            clock_ms += 1000;
    }
    struct store_filter t = {.state = -1, .since_ms = start + 1000, .until_ms = start + 3000};
    expect_rows(list(f, &q, t, 9), SEQS(60, 50, 40, 30), false);
    expect_rows(list(f, &q, t, 3), SEQS(60, 50, 40), true);
    t.before_seq = 40;
    expect_rows(list(f, &q, t, 3), SEQS(30), false);
    t = (struct store_filter){.state = -1, .since_ms = start + 1001};
    expect_rows(list(f, &q, t, 9), SEQS(80, 70, 60, 50), false);
    t = (struct store_filter){.state = -1, .until_ms = start + 1};
    expect_rows(list(f, &q, t, 9), SEQS(20, 10), false);
    t = (struct store_filter){.state = -1, .since_ms = start + 4000};
    expect_rows(list(f, &q, t, 9), NULL, 0, false);
    t = (struct store_filter){.state = -1, .until_ms = start};
    expect_rows(list(f, &q, t, 9), NULL, 0, false);
}

/* A search without an index ends after 200,000 rows and says where to go on. */
static void test_list_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    accept_one(f, 1, "rare");
    for (int64_t first = 2; first < 210002; first += 10000)
        accept_many(f, first, 10000, "shop");
    struct store_filter rare = {.state = -1, .integration = bytes_of("rare")};
    struct store_read *r = list(f, &q, rare, 10);
    assert_int_equal(r->next_before_seq, 10002);
    expect_rows(r, NULL, 0, true);
    rare.before_seq = 10002;
    expect_rows(list(f, &q, rare, 10), SEQS(1), false);
    struct store_filter failed = {.state = DELIVERY_FAILED};
    update_one(f, 1, DELIVERY_FAILED);
    expect_rows(list(f, &q, failed, 10), SEQS(1), false);
    struct store_filter queued = {.state = DELIVERY_QUEUED, .integration = bytes_of("nobody")};
    expect_rows(list(f, &q, queued, 10), NULL, 0, true);
}

/* --- what the dispatch relies on ------------------------------------------------------------------------------ */

static struct written stream[2000];

static void on_ready_read(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    assert_null(failure);
    for (size_t i = 0; i < r->count; i++)
        assert_int_equal(stream[r->rows[i].seq].done, 1);
    q->done = 1;
    store_read_fini(r);
}

/* A read may run while a commit is on its way: it must not tell of a row before the row's own done. */
static void test_read_never_overtakes_a_write(void **state)
{
    struct fixture *f = *state;
    struct asked q = {.done = 1};
    for (int64_t seq = 1; seq < 2000; seq++) {
        prepare_delivery(&stream[seq], seq, "shop");
        submit(f, &stream[seq]);
        if (q.done) {
            q = (struct asked){.read = {.kind = STORE_READ_READY,
                                        .done = on_ready_read,
                                        .integration = bytes_of("shop"),
                                        .after_seq = seq > 300 ? seq - 300 : 0,
                                        .limit = 1000}};
            store_query(f->s, &q.read);
        }
        if (seq % 7 == 0)
            fixture_turn(f);
    }
    fixture_wait(f, &stream[1999].done);
    fixture_wait(f, &q.done);
}

/* Many reads of all kinds while rows are written: each is answered once. */
static void test_reads_and_writes_together(void **state)
{
    enum { N = 300 };
    struct fixture *f = *state;
    static struct asked q[N];
    static struct written w[N];
    static const enum store_read_kind kinds[] = {STORE_READ_READY, STORE_READ_LIST, STORE_READ_DUE, STORE_READ_BACKLOG,
                                                 STORE_READ_ONE};
    for (int i = 0; i < N; i++) {
        prepare_delivery(&w[i], i + 1, "shop");
        submit(f, &w[i]);
        q[i] = (struct asked){.read = {.kind = kinds[i % 5],
                                       .integration = bytes_of("shop"),
                                       .limit = 50,
                                       .id = uuid_of(i + 1),
                                       .filter = {.state = -1}}};
        ask(f, &q[i]);
    }
    for (int i = 0; i < N; i++) {
        fixture_wait(f, &w[i].done);
        fixture_wait(f, &q[i].done);
        assert_false(q[i].failed);
        store_read_fini(&q[i].read);
    }
    assert_int_equal(completion_count, 2 * N);
}

/* --- plans ---------------------------------------------------------------------------------------------------- */

static void expect_index(sqlite3_stmt *st)
{
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_stmt_status(st, SQLITE_STMTSTATUS_SORT, 0), 0);
    assert_int_equal(sqlite3_stmt_status(st, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), 0);
}

/* A million may be pending: what the dispatch asks all the time must neither scan nor sort. */
static void test_queries_use_indexes(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct reader rd = {.c = {.folder = f->folder, .path = fixture_path(f, "anzol.db")}};
    accept_many(f, 1, 300, "shop");
    for (int64_t seq = 1; seq <= 10; seq++)
        update_one(f, seq, DELIVERY_WAITING);
    fixture_close(f);
    sql(f, "UPDATE deliveries SET shelf = 1 WHERE state = 0; UPDATE fresh SET above = 300"); /* as time does */
    fixture_open(f);
    assert_int_equal(sqlite_open(&rd.c, SQLITE_READER, &e), 0);
    assert_int_equal(query_prepare(&rd, &e), 0);
    assert_int_equal(listing_prepare(&rd, &e), 0);
    assert_int_equal(backlog_prepare(&rd, &e), 0);
    sqlite_bind_bytes(rd.ready, 1, bytes_of("shop"));
    sqlite3_bind_int64(rd.ready, 2, 0);
    sqlite3_bind_int64(rd.ready, 3, 300);
    expect_index(rd.ready);
    sqlite_bind_bytes(rd.due, 1, bytes_of("shop"));
    expect_index(rd.due);
    sqlite3_bind_int64(rd.list_state, 1, INT64_MAX);
    sqlite3_bind_int64(rd.list_state, 2, 0);
    sqlite3_bind_int64(rd.list_state, 3, SHELF_WAITING);
    expect_index(rd.list_state);
    sqlite3_stmt_status(rd.first_queued, SQLITE_STMTSTATUS_VM_STEP, 1);
    assert_int_equal(sqlite3_step(rd.first_queued), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(rd.first_queued, 0), 11);
    assert_true(sqlite3_stmt_status(rd.first_queued, SQLITE_STMTSTATUS_VM_STEP, 0) < 200);
    assert_int_equal(sqlite3_step(rd.lanes), SQLITE_ROW);
    assert_true(sqlite3_stmt_status(rd.lanes, SQLITE_STMTSTATUS_VM_STEP, 0) < 300);
    sqlite_close(&rd.c);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_ready),
        WITH_STORE(test_limit_bytes),
        WITH_STORE(test_due),
        WITH_STORE(test_lanes),
        WITH_STORE(test_backlog),
        WITH_STORE(test_list_pages),
        WITH_STORE(test_list_filters),
        WITH_STORE(test_list_times),
        WITH_STORE(test_list_is_bounded),
        WITH_STORE(test_read_never_overtakes_a_write),
        WITH_STORE(test_reads_and_writes_together),
        WITH_STORE(test_queries_use_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
