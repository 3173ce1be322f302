/* Retention, and files that do not grow for ever. */
#include "test_store.h"

#include "core/units.h"

#include <sys/stat.h>

static const int64_t HOUR = 3600 * 1000;

static off_t size_of(struct fixture *f, const char *name)
{
    struct stat st;
    return stat(fixture_path(f, name), &st) == 0 ? st.st_size : 0;
}

static int setup_keeping_an_hour(void **state)
{
    if (fixture_make(state) != 0)
        return -1;
    ((struct fixture *)*state)->keep_ms = HOUR;
    fixture_open(*state);
    return 0;
}

static void finish_many(struct fixture *f, int64_t first, int count)
{
    struct attempt a = {.number = 1, .status = 200};
    struct written *w = calloc((size_t)count, sizeof *w);
    for (int i = 0; i < count; i++)
        submit_update(f, &w[i], first + i, DELIVERY_SUCCEEDED, &a);
    fixture_wait(f, &w[count - 1].done);
    free(w);
}

static void test_old_ones_go(void **state)
{
    struct fixture *f = *state;
    struct written event;
    prepare_event(&event, 2, "k");
    submit_and_wait(f, &event);
    accept_many(f, 3, 1000, "shop");
    finish_many(f, 2, 500);
    clock_ms += HOUR / 2;
    finish_many(f, 502, 100); /* finished later */
    accept_many(f, 2000, 10, "shop");
    finish_many(f, 2000, 5);
    clock_ms += HOUR / 2 + 1;
    fixture_reopen(f); /* a round begins at once */
    expect_soon(f, "SELECT count(*) FROM deliveries", 1011 - 500);
    assert_int_equal(number(f, "SELECT count(*) FROM attempts"), 105);
    assert_int_equal(number(f, "SELECT count(*) FROM requests"), 1011 - 500);
    assert_int_equal(number(f, "SELECT count(*) FROM events"), 1);
    assert_int_equal(state_of(f, 2), -1);
    assert_int_equal(state_of(f, 502), DELIVERY_SUCCEEDED);
    assert_int_equal(state_of(f, 1002), DELIVERY_QUEUED);

    clock_ms += 24 * HOUR; /* pending ones stay however old they are; events have a day */
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM events", 0);
    expect_soon(f, "SELECT count(*) FROM deliveries", 1011 - 500 - 105);
    assert_int_equal(number(f, "SELECT count(*) FROM attempts"), 0);
    assert_int_equal(store_last_seq(f->s), 2009);
}

/* A run that sleeps has seen events that are gone: those to come must come after them. */
static void test_sequence_goes_on_after_all_went(void **state)
{
    struct fixture *f = *state;
    struct written event;
    prepare_event(&event, 2, "k");
    submit_and_wait(f, &event);
    accept_many(f, 3, 500, "shop");
    finish_many(f, 2, 501);
    clock_ms += 25 * HOUR;
    fixture_reopen(f);
    expect_soon(f, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM deliveries)", 0);
    fixture_reopen(f);
    assert_int_equal(store_last_seq(f->s), 502);
    fixture_reopen(f);
    assert_int_equal(store_last_seq(f->s), 502);
    accept_one(f, 503, "shop");
    fixture_reopen(f);
    assert_int_equal(store_last_seq(f->s), 503);
}

static void test_kept_for_ever(void **state)
{
    struct fixture *f = *state;
    accept_many(f, 1, 10, "shop");
    finish_many(f, 1, 10);
    clock_ms += 10000 * HOUR;
    fixture_reopen(f);
    accept_many(f, 11, 10, "shop");
    assert_int_equal(number(f, "SELECT count(*) FROM deliveries"), 20);
}

/* While rows keep coming. */
static void test_purge_under_load(void **state)
{
    struct fixture *f = *state;
    enum { N = 20000 };
    for (int64_t first = 1; first < N; first += 5000) {
        accept_many(f, first, 5000, "shop");
        finish_many(f, first, 5000);
    }
    clock_ms += HOUR + 1;
    fixture_reopen(f);
    int64_t seq = N;
    while (number(f, "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 3)"))
        accept_many(f, (seq += 100) - 99, 100, "shop");
    assert_int_equal(number(f, "SELECT count(*) FROM deliveries"), seq - N);
    assert_int_equal(number(f, "PRAGMA integrity_check"), 0); /* "ok" as a number */
}

/* What much has needed once is given back: the file becomes small again, but for what the next rows will take. */
/* Another program puts the file together anew. */
static void make_it_keep_pages(struct fixture *f)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    const char *sql = "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM";
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* A file that another program has put together anew may keep its free pages: then there is nothing to be done, and
 * the removal goes on all the same. */
static void test_a_file_that_keeps_its_pages(void **state)
{
    enum { N = 1500, SIZE = 16000, FEW = 10 };
    struct fixture *f = *state;
    static char request[SIZE];
    static struct written w[N];
    fixture_close(f);
    make_it_keep_pages(f);
    f->keep_ms = MS_PER_S; /* a round every tenth of a second */
    fixture_open(f);
    for (int count = N; count >= FEW; count = count == N ? FEW : 0) {
        for (int i = 0; i < count; i++) {
            prepare_delivery(&w[i], store_last_seq(f->s) + 1 + i, "shop");
            w[i].row.request = (struct bytes){request, sizeof request};
        }
        for (int i = 0; i < count; i++)
            submit(f, &w[i]);
        for (int i = 0; i < count; i++)
            fixture_wait(f, &w[i].done);
        finish_many(f, w[0].row.seq, count);
        clock_ms += HOUR;
        expect_soon(f, "SELECT count(*) FROM deliveries", 0);
    }
    assert_true(number(f, "PRAGMA freelist_count") > 1024);
    fixture_close(f);
}

static void test_pages_are_given_back(void **state)
{
    enum { N = 3000, SIZE = 16000, PAGE = 8192 };
    struct fixture *f = *state;
    static char request[SIZE];
    static struct written w[N];
    for (int i = 0; i < N; i++) {
        prepare_delivery(&w[i], i + 1, "shop");
        w[i].row.request = (struct bytes){request, sizeof request};
        submit(f, &w[i]);
    }
    for (int i = 0; i < N; i++)
        fixture_wait(f, &w[i].done);
    finish_many(f, 1, N);
    int64_t before = number(f, "PRAGMA page_count");
    assert_true(before > N * SIZE / PAGE);
    clock_ms += HOUR + 1;
    fixture_reopen(f);
    expect_soon(f, "SELECT count(*) FROM deliveries", 0);
    expect_soon(f, "SELECT freelist_count > 1024 FROM pragma_freelist_count", 0);
    assert_true(number(f, "PRAGMA page_count") < before / 3);
    assert_int_equal(number(f, "PRAGMA integrity_check"), 0);
    fixture_close(f);
    assert_true(size_of(f, "anzol.db") < before / 3 * PAGE);
}

/* Writes without end, readers all the time: the log starts over again and again. */
static void test_log_is_bounded(void **state)
{
    struct fixture *f = *state;
    static char request[8000];
    static struct written w[200];
    struct asked q = {.done = 1};
    off_t most = 0;
    for (int round = 0; round < 60; round++) { /* some 100 MB in all */
        for (int i = 0; i < 200; i++) {
            prepare_delivery(&w[i], round * 200 + i + 1, "shop");
            w[i].row.request = (struct bytes){request, sizeof request};
            submit(f, &w[i]);
        }
        while (!w[199].done) {
            if (q.done) {
                store_read_fini(&q.read);
                q = (struct asked){.read = {.kind = STORE_READ_READY, .integration = bytes_of("shop"), .limit = 1000}};
                ask(f, &q);
            }
            fixture_turn(f);
        }
        off_t size = size_of(f, "anzol.db-wal");
        most = size > most ? size : most;
    }
    fixture_wait(f, &q.done);
    store_read_fini(&q.read);
    assert_true(most > 0 && most < 64 << 20);
    fixture_close(f);
    assert_int_equal(size_of(f, "anzol.db-wal"), 0);
    assert_true(size_of(f, "anzol.db") > 60 * 200 * 8000);
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(setup_keeping_an_hour, test_old_ones_go),
        WITH(setup_keeping_an_hour, test_sequence_goes_on_after_all_went),
        WITH(fixture_setup, test_kept_for_ever),
        WITH(setup_keeping_an_hour, test_purge_under_load),
        WITH(setup_keeping_an_hour, test_pages_are_given_back),
        WITH(setup_keeping_an_hour, test_a_file_that_keeps_its_pages),
        WITH(fixture_setup, test_log_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
