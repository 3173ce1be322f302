/*
 * The database refuses: full disk, failing disk, damaged pages, a lock held elsewhere.
 *
 * SQLite's system calls come by here first: a definition in the program goes before the C library's.
 */
#include "test_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <time.h>

/* --- a disk that fails on demand ------------------------------------------------------------------------------ */

static _Atomic int write_errno, sync_errno; /* 0: works */
static _Atomic size_t bytes_before;         /* so many are still written first */
static const char *_Atomic only;            /* files whose name ends so; NULL: all of the database */
static _Atomic int refusals;

static bool concerns(int fd)
{
    char link[64], name[256];
    const char *end = only;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    if (n <= 0)
        return false;
    name[n] = '\0';
    size_t len = end != NULL ? strlen(end) : 0;
    return strstr(name, "anzol.db") != NULL && (size_t)n >= len && (len == 0 || strcmp(name + n - len, end) == 0);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    int number = write_errno;
    if (number == 0 || !concerns(fd))
        return syscall(SYS_pwrite64, fd, data, len, at);
    if (bytes_before == 0) {
        refusals++;
        errno = number;
        return -1;
    }
    size_t some = len < bytes_before ? len : bytes_before;
    bytes_before -= some;
    return syscall(SYS_pwrite64, fd, data, some, at);
}

int fdatasync(int fd)
{
    int number = sync_errno;
    if (number != 0 && concerns(fd)) {
        refusals++;
        errno = number;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void works(void)
{
    write_errno = sync_errno = 0;
    bytes_before = 0;
    only = NULL;
}

static int setup(void **state)
{
    works();
    refusals = 0;
    return fixture_setup(state);
}

static int teardown(void **state)
{
    works();
    return fixture_teardown(state);
}

/* Accepts until one succeeds: the database is probed four times a second. */
static void accept_again(struct fixture *f, int64_t seq)
{
    struct written w;
    struct err e;
    do {
        prepare_delivery(&w, seq++, "shop");
        submit_and_wait(f, &w);
        if (w.failed)
            poll(NULL, 0, 20);
    } while (w.failed);
    assert_int_equal(store_health(f->s, &e), 0);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- refusals ------------------------------------------------------------------------------------------------- */

static void expect_refusal(struct fixture *f, int64_t seq, const char *words)
{
    struct written w;
    struct err e = {0};
    prepare_delivery(&w, seq, "shop");
    submit_and_wait(f, &w);
    assert_true(w.failed);
    assert_int_equal(w.why.domain, ERR_STORE);
    assert_says(w.why, "anzol.db");
    assert_says(w.why, words);
    assert_int_equal(store_health(f->s, &e), -1);
    assert_string_equal(e.message, w.why.message);
}

static void test_disk_full(void **state)
{
    struct fixture *f = *state;
    char advice[128];
    accept_one(f, 1, "shop");
    write_errno = ENOSPC;
    snprintf(advice, sizeof advice, "the disk is full: free some space under %s", f->folder);
    expect_refusal(f, 2, advice);
    expect_refusal(f, 3, advice);
    works();
    accept_again(f, 4);
    assert_int_equal(state_of(f, 1), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 2), -1);
    assert_int_equal(state_of(f, 3), -1);
}

/* The log holds a part of a transaction, which must never show. */
static void test_disk_full_half_way(void **state)
{
    struct fixture *f = *state;
    enum { STEP = 12345, ALL = 200000 };
    static char request[100000];
    for (size_t before = STEP; before <= ALL; before += STEP) {
        struct written w;
        prepare_delivery(&w, (int64_t)(10 + before), "shop");
        w.row.request = (struct bytes){request, sizeof request};
        bytes_before = before;
        write_errno = ENOSPC;
        submit_and_wait(f, &w);
        works();
        assert_true(w.failed || before > sizeof request);
        accept_again(f, (int64_t)(1000 * before));
        assert_int_equal(state_of(f, w.row.seq), w.failed ? -1 : DELIVERY_QUEUED);
    }
    fixture_reopen(f);
    assert_int_equal(state_of(f, 10 + STEP), -1);
}

static void test_other_reasons(void **state)
{
    struct fixture *f = *state;
    write_errno = EDQUOT;
    expect_refusal(f, 1, "the disk quota is used up");
    works();
    accept_again(f, 10);
    write_errno = EFBIG;
    expect_refusal(f, 2, "ulimit -f");
    works();
    accept_again(f, 100);
    write_errno = EIO;
    expect_refusal(f, 3, "Input/output error");
    works();
    accept_again(f, 1000);
    sync_errno = EIO;
    expect_refusal(f, 4, "check the disk");
    works();
    accept_again(f, 10000);
    fixture_reopen(f);
    assert_int_equal(state_of(f, 3), -1);
}

static void test_refusal_is_quick(void **state)
{
    struct fixture *f = *state;
    write_errno = ENOSPC;
    expect_refusal(f, 1, "full");
    int64_t start = now_ms();
    for (int i = 0; i < 1000; i++)
        expect_refusal(f, 2 + i, "full");
    assert_true(now_ms() - start < 10000); /* had each been tried after its 250 ms: 250 s */
    assert_true(refusals < 200);
}

/* Nobody writes: the database comes back by itself all the same. */
static void test_health_returns_by_itself(void **state)
{
    struct fixture *f = *state;
    struct err e;
    write_errno = ENOSPC;
    expect_refusal(f, 1, "full");
    works();
    for (int i = 0; store_health(f->s, &e) != 0; i++) {
        assert_true(i < PATIENCE_MS / 5);
        poll(NULL, 0, 5);
    }
    accept_one(f, 2, "shop");
}

/* --- updates are kept ----------------------------------------------------------------------------------------- */

static void test_updates_are_kept_in_order(void **state)
{
    enum { N = 3000 };
    struct fixture *f = *state;
    static struct written u[N], late[10], a;
    accept_many(f, 1, N, "shop");
    write_errno = ENOSPC;
    expect_refusal(f, N + 1, "full");
    for (int i = 0; i < N; i++)
        submit_update(f, &u[i], i + 1, DELIVERY_WAITING, NULL);
    for (int i = 0; i < 10; i++)
        submit_update(f, &late[i], i + 1, DELIVERY_SUCCEEDED, NULL);
    prepare_delivery(&a, N + 2, "shop");
    submit_and_wait(f, &a); /* refused at once, before those that wait */
    assert_true(a.failed);
    assert_int_equal(u[0].done, 0);
    assert_int_equal(store_pending(f->s), N + 10);
    works();
    fixture_wait(f, &late[9].done);
    for (int i = 0; i < N; i++) {
        assert_false(u[i].failed);
        assert_true(i == 0 || u[i].order > u[i - 1].order);
        assert_true(late[0].order > u[i].order);
    }
    assert_int_equal(state_of(f, 10), DELIVERY_SUCCEEDED);
    assert_int_equal(state_of(f, 11), DELIVERY_WAITING);
    assert_int_equal(state_of(f, N), DELIVERY_WAITING);
    assert_int_equal(store_pending(f->s), 0);
}

/* The accept of a batch fails, the update of its row stays, and finds no row when it is its turn. */
static void test_update_of_a_refused_accept(void **state)
{
    struct fixture *f = *state;
    struct written a, u, v;
    accept_one(f, 1, "shop");
    write_errno = ENOSPC;
    prepare_delivery(&a, 2, "shop");
    submit(f, &a);
    submit_update(f, &u, 2, DELIVERY_SUCCEEDED, NULL);
    submit_update(f, &v, 1, DELIVERY_SUCCEEDED, NULL);
    fixture_wait(f, &a.done);
    assert_true(a.failed);
    assert_int_equal(u.done, 0);
    works();
    fixture_wait(f, &v.done);
    assert_int_equal(u.done, 1);
    assert_true(u.failed);
    assert_says(u.why, "not in the database");
    assert_false(v.failed);
    assert_int_equal(state_of(f, 1), DELIVERY_SUCCEEDED);
}

/* A disk that fails as the commit is synced: the update is tried again, and may be in the log twice. */
static void test_attempt_is_not_lost_when_a_sync_fails(void **state)
{
    struct fixture *f = *state;
    struct written u;
    struct attempt t = {.number = 1, .status = 200};
    struct asked q;
    accept_one(f, 1, "shop");
    sync_errno = EIO;
    submit_update(f, &u, 1, DELIVERY_SUCCEEDED, &t);
    while (store_health(f->s, NULL) == 0)
        poll(NULL, 0, 1);
    assert_int_equal(store_dispatch(f->s), 0);
    works();
    fixture_wait(f, &u.done);
    assert_false(u.failed);
    struct store_read *r = answer_one(f, &q, 1);
    assert_int_equal(r->rows[0].state, DELIVERY_SUCCEEDED);
    assert_int_equal(r->attempt_count, 1);
    store_read_fini(r);
}

static void test_close_gives_up(void **state)
{
    struct fixture *f = *state;
    static struct written a[5], u[5];
    accept_many(f, 1, 5, "shop");
    write_errno = ENOSPC;
    for (int i = 0; i < 5; i++) {
        submit_update(f, &u[i], i + 1, DELIVERY_SUCCEEDED, NULL);
        prepare_delivery(&a[i], i + 10, "shop");
        submit(f, &a[i]);
    }
    fixture_close(f);
    works();
    fixture_open(f);
    assert_int_equal(state_of(f, 1), DELIVERY_QUEUED);
    assert_int_equal(u[0].done, 0);
}

/* Commits go on while the log cannot be moved into the file. */
static void test_checkpoint_fails(void **state)
{
    struct fixture *f = *state;
    static char request[500000];
    only = "anzol.db";
    write_errno = ENOSPC;
    for (int64_t seq = 1; seq <= 100; seq++) {
        struct written w;
        prepare_delivery(&w, seq, "shop");
        w.row.request = (struct bytes){request, sizeof request};
        submit_and_wait(f, &w);
        assert_false(w.failed);
    }
    assert_true(refusals > 0);
    works();
    fixture_reopen(f);
    assert_int_equal(state_of(f, 100), DELIVERY_QUEUED);
}

/* --- damage, locks -------------------------------------------------------------------------------------------- */

/* Overwrites the pages that `which` of SQLite's own table of pages selects. */
static void damage(struct fixture *f, const char *which)
{
    char query[200], garbage[8192];
    sqlite3 *db;
    sqlite3_stmt *st;
    int fd = open(fixture_path(f, "anzol.db"), O_RDWR), count = 0;
    memset(garbage, 'g', sizeof garbage);
    snprintf(query, sizeof query, "SELECT pgoffset, pgsize FROM dbstat WHERE %s", which);
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW && ++count) {
        size_t size = (size_t)sqlite3_column_int(st, 1);
        assert_true(size <= sizeof garbage);
        assert_int_equal(pwrite(fd, garbage, size, sqlite3_column_int64(st, 0)), size);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    close(fd);
    assert_true(count > 0);
}

static void test_damaged_pages(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    accept_many(f, 1, 5000, "shop");
    fixture_close(f);
    damage(f, "name = 'deliveries' AND pagetype = 'leaf' AND path LIKE '/005/'");
    damage(f, "name = 'requests' AND path = (SELECT max(path) FROM dbstat WHERE name = 'requests')");
    fixture_open(f);
    for (int i = 0; i < 2; i++) {
        q = (struct asked){.read = {.kind = STORE_READ_LIST, .limit = 10000, .filter = {.state = -1}}};
        answer(f, &q);
        assert_true(q.failed);
        assert_says(q.why, "is damaged");
        assert_says(q.why, "backup");
        assert_int_equal(q.read.count, 0);
        assert_null(q.read.rows);
    }
    expect_refusal(f, 5001, "is damaged");
    expect_refusal(f, 5002, "is damaged");
    assert_int_equal(state_of(f, 4000), DELIVERY_QUEUED);
}

static void test_locked_by_another_program(void **state)
{
    struct fixture *f = *state;
    struct written u;
    sqlite3 *db;
    accept_one(f, 1, "shop");
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    expect_refusal(f, 2, "locked by another program");
    submit_update(f, &u, 1, DELIVERY_SUCCEEDED, NULL);
    assert_int_equal(state_of(f, 1), DELIVERY_QUEUED); /* reading goes on */
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    fixture_wait(f, &u.done);
    assert_false(u.failed);
    assert_int_equal(store_health(f->s, NULL), 0);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_disk_full),
        WITH_STORE(test_disk_full_half_way),
        WITH_STORE(test_other_reasons),
        WITH_STORE(test_refusal_is_quick),
        WITH_STORE(test_health_returns_by_itself),
        WITH_STORE(test_updates_are_kept_in_order),
        WITH_STORE(test_update_of_a_refused_accept),
        WITH_STORE(test_attempt_is_not_lost_when_a_sync_fails),
        WITH_STORE(test_close_gives_up),
        WITH_STORE(test_checkpoint_fails),
        WITH_STORE(test_damaged_pages),
        WITH_STORE(test_locked_by_another_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
