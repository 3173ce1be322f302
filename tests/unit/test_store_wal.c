/* The log in long pieces (store/wal.h): what is written when, and that nobody else sees a difference. */
#include "store/wal.h"

#include "folder.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/syscall.h>

static int log_writes;           /* calls that wrote to a log */
static int refuse, refuse_moves; /* the errno of those to come, to the log and to the database; 0: they go well */

static bool ends(int fd, const char *end)
{
    char link[64], name[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1), len = (ssize_t)strlen(end);
    return n > len && memcmp(name + n - len, end, (size_t)len) == 0;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at);
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    int number = refuse_moves != 0 && ends(fd, "test.db") ? refuse_moves : 0;
    if (ends(fd, "test.db-wal")) {
        log_writes++;
        number = refuse;
    }
    errno = number;
    return number != 0 ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

struct scene {
    struct wal wal;
    sqlite3 *db, *other; /* by way of the wal, and as any program would */
};

static void run(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_int_equal(folder_make("wal"), 0);
    assert_int_equal(wal_register(&s->wal), SQLITE_OK);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(sqlite3_open_v2(path_of("test.db"), &s->db, flags, s->wal.name), SQLITE_OK);
    wal_follow(&s->wal, s->db);
    run(s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
               "CREATE TABLE t(n INTEGER PRIMARY KEY, body)");
    assert_int_equal(sqlite3_open_v2(path_of("test.db"), &s->other, flags, NULL), SQLITE_OK);
    log_writes = refuse = refuse_moves = 0;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    sqlite3_close(s->other);
    assert_int_equal(sqlite3_close(s->db), SQLITE_OK);
    wal_fini(&s->wal);
    assert_null(sqlite3_vfs_find(s->wal.name));
    free(s);
    return folder_remove();
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    struct sqlite c = {.db = db};
    struct err e;
    int64_t n;
    assert_int_equal(sqlite_number(&c, sql, &n, &e), 0);
    return n;
}

/* `n` rows of 1,000 bytes each. */
static void add(sqlite3 *db, int n)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) "
             "INSERT INTO t(body) SELECT zeroblob(1000) FROM c",
             n);
    run(db, sql);
}

static void expect_rows(struct scene *s, int64_t n)
{
    assert_int_equal(ask(s->db, "SELECT count(*) FROM t"), n);
    assert_int_equal(ask(s->other, "SELECT count(*) FROM t"), n);
    assert_int_equal(ask(s->other, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

static void test_one_call_a_commit(void **state)
{
    struct scene *s = *state;
    add(s->db, 50);
    assert_int_equal(log_writes, 1);
    expect_rows(s, 50);
    log_writes = 0;
    add(s->db, 1000); /* a megabyte and more, in pieces that SQLite can write */
    assert_in_range(log_writes, 9, 13);
    expect_rows(s, 1050);
}

static void test_the_log_starts_over(void **state)
{
    struct scene *s = *state;
    add(s->db, 100);
    run(s->db, "PRAGMA wal_checkpoint(RESTART)");
    add(s->db, 10);
    expect_rows(s, 110);
    run(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    add(s->db, 1);
    expect_rows(s, 111);
}

/* Pages that the cache has no room for go to the log before the commit, and are read from it. */
static void test_a_large_transaction(void **state)
{
    struct scene *s = *state;
    add(s->db, 10);
    run(s->db, "PRAGMA cache_size = 10; BEGIN");
    add(s->db, 500);
    assert_int_equal(ask(s->db, "SELECT sum(length(body)) FROM t"), 510000);
    assert_int_equal(ask(s->other, "SELECT count(*) FROM t"), 10);
    run(s->db, "ROLLBACK");
    expect_rows(s, 10);
    run(s->db, "BEGIN");
    add(s->db, 500);
    run(s->db, "COMMIT");
    expect_rows(s, 510);
}

/* What was rolled back is not written over what another program commits there. */
static void test_rolled_back(void **state)
{
    struct scene *s = *state;
    add(s->db, 10);
    run(s->db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = 10; BEGIN");
    add(s->db, 500);
    run(s->db, "ROLLBACK");
    add(s->other, 1000);
    add(s->db, 1);
    expect_rows(s, 1011);
}

static void test_a_write_that_fails(void **state)
{
    struct scene *s = *state;
    add(s->db, 10);
    refuse = ENOSPC;
    assert_int_equal(sqlite3_exec(s->db, "INSERT INTO t(body) VALUES ('no')", NULL, NULL, NULL), SQLITE_FULL);
    refuse = 0;
    expect_rows(s, 10);
    add(s->db, 5);
    expect_rows(s, 15);
}

/* One that a reader keeps from moving all is not synced: what is not written must be told by the write itself. */
static void test_a_checkpoint_in_part_that_fails(void **state)
{
    struct scene *s = *state;
    add(s->db, 20);
    run(s->other, "BEGIN; SELECT count(*) FROM t");
    add(s->db, 1);
    refuse_moves = EIO;
    assert_int_equal(sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) & 0xff,
                     SQLITE_IOERR);
    refuse_moves = 0;
    run(s->other, "COMMIT");
    expect_rows(s, 21);
    run(s->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    expect_rows(s, 21);
}

static void test_no_file(void **state)
{
    struct scene *s = *state;
    sqlite3 *db;
    assert_int_not_equal(sqlite3_open_v2(path_of("nowhere/test.db"), &db, SQLITE_OPEN_READWRITE, s->wal.name),
                         SQLITE_OK);
    sqlite3_close(db);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_call_a_commit), TEST(test_the_log_starts_over), TEST(test_a_large_transaction),
        TEST(test_rolled_back),       TEST(test_a_write_that_fails),  TEST(test_a_checkpoint_in_part_that_fails),
        TEST(test_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
