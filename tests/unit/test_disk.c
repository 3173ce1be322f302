/* The disk of the simulator, and SQLite on it. */
#include "sim/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char NAME[] = "/nowhere/test.db", LOG[] = "/nowhere/test.db-wal";

/* --- what the hook does --------------------------------------------------------------------------------------- */

static struct {
    enum disk_op_kind kind; /* fails … */
    const char *name;       /* … of this file … */
    int rc;                 /* … with this; SQLITE_OK: nothing fails */
    size_t landed;
    bool crash;
    struct disk *d;
    int seen[DISK_READ + 1];
} fault;

static uint64_t from_ud(void *ud)
{
    return *(uint64_t *)ud;
}

static uint64_t nothing = 0, everything = 1;
static const struct disk_random LOSE = {from_ud, &nothing}, KEEP = {from_ud, &everything};

static int before(void *ud, struct disk_op *op)
{
    (void)ud;
    fault.seen[op->kind]++;
    if (op->kind != fault.kind || strcmp(op->name, fault.name) != 0)
        return SQLITE_OK;
    if (fault.crash)
        disk_crash(fault.d, DISK_KILL, NULL);
    op->landed = fault.landed;
    return fault.rc;
}

static uint64_t seven(void *ud)
{
    (void)ud;
    return 7;
}

static int64_t at_noon(void *ud)
{
    (void)ud;
    return 1700000000123;
}

/* --- files through the VFS ------------------------------------------------------------------------------------ */

static int setup(void **state)
{
    memset(&fault, 0, sizeof fault);
    fault.name = "";
    fault.d = disk_new();
    disk_set_hooks(fault.d, &(struct disk_hooks){.before = before, .random = seven, .now_ms = at_noon});
    disk_use(fault.d);
    *state = fault.d;
    return 0;
}

static int teardown(void **state)
{
    disk_crash(*state, DISK_KILL, NULL); /* what a failed test has left open */
    disk_free(*state);
    return 0;
}

/* Each `n` apart. */
static sqlite3_file *open_handle(int n)
{
    static union {
        sqlite3_file file;
        char room[256];
    } files[4];
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    assert_true((size_t)vfs->szOsFile <= sizeof files[0]);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB;
    assert_int_equal(vfs->xOpen(vfs, NAME, &files[n].file, flags, NULL), SQLITE_OK);
    return &files[n].file;
}

static void put(sqlite3_file *f, int64_t offset, char c, int len)
{
    char data[4096];
    memset(data, c, (size_t)len);
    assert_int_equal(f->pMethods->xWrite(f, data, len, offset), SQLITE_OK);
}

static void put_sync(sqlite3_file *f)
{
    assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_OK);
}

/* The file is these characters, each 512 times. */
static void expect_sectors(sqlite3_file *f, const char *text)
{
    char data[512];
    sqlite3_int64 size;
    assert_int_equal(f->pMethods->xFileSize(f, &size), SQLITE_OK);
    assert_int_equal(size, 512 * strlen(text));
    for (int i = 0; text[i] != '\0'; i++) {
        assert_int_equal(f->pMethods->xRead(f, data, sizeof data, i * 512), SQLITE_OK);
        for (size_t at = 0; at < sizeof data; at++)
            assert_int_equal(data[at], text[i] == '0' ? 0 : text[i]);
    }
}

static void crash(struct disk *d, enum disk_crash kind, const struct disk_random *random, sqlite3_file *f)
{
    disk_crash(d, kind, random);
    assert_int_equal(f->pMethods->xClose(f), SQLITE_OK);
    disk_up(d);
}

static void test_crash_keeps_what_is_synced(void **state)
{
    struct disk *d = *state;
    sqlite3_file *f = open_handle(0);
    put(f, 0, 'a', 1024);
    put_sync(f);
    put(f, 512, 'b', 1024);
    expect_sectors(f, "abb");
    crash(d, DISK_KILL, NULL, f);
    f = open_handle(0);
    expect_sectors(f, "abb"); /* … and it is the synced content now */
    put(f, 0, 'c', 512);
    crash(d, DISK_POWER, &LOSE, f);
    f = open_handle(0);
    expect_sectors(f, "abb");
    put(f, 0, 'c', 512);
    f->pMethods->xTruncate(f, 512);
    assert_int_equal(disk_unsynced(d), 512);
    crash(d, DISK_POWER, &KEEP, f);
    f = open_handle(0);
    expect_sectors(f, "c");
    assert_int_equal(disk_used(d), 512);
    assert_int_equal(disk_unsynced(d), 0);
    f->pMethods->xClose(f);
}

static uint64_t next_of(void *ud)
{
    const uint64_t **at = ud;
    return *(*at)++;
}

static void test_sectors_land_one_by_one(void **state)
{
    struct disk *d = *state;
    sqlite3_file *f = open_handle(0);
    put(f, 0, 'a', 2048);
    put_sync(f);
    put(f, 256, 'b', 1024); /* parts of three sectors */
    f->pMethods->xTruncate(f, 512);
    put(f, 1024, 'd', 512);
    const uint64_t numbers[] = {2, 1, 0, 1, 4, 1}, *at = numbers;
    crash(d, DISK_POWER, &(struct disk_random){next_of, &at}, f);
    assert_ptr_equal(at, numbers + 6);
    f = open_handle(0);
    char data[2048];
    assert_int_equal(f->pMethods->xRead(f, data, sizeof data, 0), SQLITE_OK);
    assert_true(data[255] == 'a' && data[256] == 'b' && data[511] == 'b' && data[512] == 'a' && data[1023] == 'a');
    assert_true(data[1024] == 'd' && data[1535] == 'd' && data[1536] == 'a');
    f->pMethods->xClose(f);
}

static void test_reads_beyond_the_end_are_zeroes(void **state)
{
    char data[1024];
    (void)state;
    sqlite3_file *f = open_handle(0);
    put(f, 512, 'a', 512);
    expect_sectors(f, "0a");
    memset(data, 'x', sizeof data);
    assert_int_equal(f->pMethods->xRead(f, data, sizeof data, 512), SQLITE_IOERR_SHORT_READ);
    assert_true(data[511] == 'a' && data[512] == 0 && data[1023] == 0);
    assert_int_equal(f->pMethods->xRead(f, data, sizeof data, 5000), SQLITE_IOERR_SHORT_READ);
    assert_true(data[0] == 0);
    f->pMethods->xClose(f);
}

static void test_faults(void **state)
{
    struct disk *d = *state;
    sqlite3_file *f = open_handle(0);
    char data[512] = "x";
    put(f, 0, 'a', 1024);
    fault.name = NAME;
    fault.kind = DISK_WRITE;
    fault.rc = SQLITE_IOERR_WRITE;
    assert_int_equal(f->pMethods->xWrite(f, data, 512, 0), SQLITE_IOERR_WRITE);
    expect_sectors(f, "aa");
    fault.landed = 1;
    assert_int_equal(f->pMethods->xWrite(f, data, 512, 0), SQLITE_IOERR_WRITE);
    fault.kind = DISK_READ;
    fault.rc = SQLITE_IOERR_READ;
    assert_int_equal(f->pMethods->xRead(f, data, 512, 0), SQLITE_IOERR_READ);
    fault.rc = SQLITE_OK;
    assert_int_equal(f->pMethods->xRead(f, data, 512, 0), SQLITE_OK);
    assert_true(data[0] == 'x' && data[1] == 'a');
    fault.kind = DISK_TRUNCATE;
    fault.rc = SQLITE_IOERR_TRUNCATE;
    assert_int_equal(f->pMethods->xTruncate(f, 0), SQLITE_IOERR_TRUNCATE);
    fault.kind = DISK_DELETE;
    fault.rc = SQLITE_IOERR_DELETE;
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    assert_int_equal(vfs->xDelete(vfs, NAME, 0), SQLITE_IOERR_DELETE);
    assert_int_equal(disk_changes(d), 6);
    f->pMethods->xClose(f);
}

/* What was to be synced then is in doubt for ever. */
static void test_failed_sync(void **state)
{
    struct disk *d = *state;
    sqlite3_file *f = open_handle(0);
    put(f, 0, 'a', 1024);
    put_sync(f);
    put(f, 0, 'b', 512);
    fault.name = NAME;
    fault.kind = DISK_SYNC;
    fault.rc = SQLITE_IOERR_FSYNC;
    disk_set_hooks(d, &(struct disk_hooks){.before = before, .random = from_ud, .ud = &nothing});
    assert_int_equal(f->pMethods->xSync(f, SQLITE_SYNC_NORMAL), SQLITE_IOERR_FSYNC);
    fault.rc = SQLITE_OK;
    expect_sectors(f, "ba");
    put(f, 512, 'c', 512);
    put_sync(f);
    expect_sectors(f, "bc");
    crash(d, DISK_POWER, &KEEP, f);
    f = open_handle(0);
    expect_sectors(f, "ac");
    f->pMethods->xClose(f);
}

static void test_capacity(void **state)
{
    struct disk *d = *state;
    sqlite3_file *f = open_handle(0);
    char data[1024] = {0};
    disk_set_capacity(d, 1024);
    put(f, 0, 'a', 512);
    assert_int_equal(f->pMethods->xWrite(f, data, 1024, 512), SQLITE_FULL);
    expect_sectors(f, "a0");
    put(f, 0, 'b', 1024); /* what is there already may be written */
    assert_int_equal(f->pMethods->xTruncate(f, 2048), SQLITE_FULL);
    assert_int_equal(f->pMethods->xTruncate(f, 512), SQLITE_OK);
    put(f, 512, 'c', 512);
    expect_sectors(f, "bc");
    f->pMethods->xClose(f);
}

static void test_locks(void **state)
{
    (void)state;
    sqlite3_file *a = open_handle(0), *b = open_handle(1), *c = open_handle(2);
    const sqlite3_io_methods *m = a->pMethods;
    int reserved;
    assert_int_equal(m->xLock(a, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(m->xLock(b, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(m->xLock(a, SQLITE_LOCK_RESERVED), SQLITE_OK);
    assert_int_equal(m->xLock(b, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
    assert_int_equal(m->xCheckReservedLock(c, &reserved), SQLITE_OK);
    assert_true(reserved);
    assert_int_equal(m->xLock(a, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
    assert_int_equal(m->xLock(c, SQLITE_LOCK_SHARED), SQLITE_BUSY); /* a is pending */
    assert_int_equal(m->xUnlock(b, SQLITE_LOCK_NONE), SQLITE_OK);
    assert_int_equal(m->xLock(a, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    assert_int_equal(m->xLock(c, SQLITE_LOCK_SHARED), SQLITE_BUSY);
    assert_int_equal(m->xUnlock(a, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(m->xLock(c, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(m->xClose(a), SQLITE_OK);
    assert_int_equal(m->xLock(c, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
    assert_int_equal(m->xClose(b), SQLITE_OK);
    assert_int_equal(m->xClose(c), SQLITE_OK);
}

static void test_shared_memory(void **state)
{
    struct disk *d = *state;
    sqlite3_file *a = open_handle(0), *b = open_handle(1);
    const sqlite3_io_methods *m = a->pMethods;
    void volatile *mine, *theirs;
    assert_int_equal(m->xShmMap(a, 0, 32768, 0, &mine), SQLITE_OK);
    assert_null((void *)mine);
    assert_int_equal(m->xShmMap(a, 0, 32768, 1, &mine), SQLITE_OK);
    assert_int_equal(m->xShmMap(b, 0, 32768, 0, &theirs), SQLITE_OK);
    assert_ptr_equal(mine, theirs);
    int set = SQLITE_SHM_LOCK, shared = SQLITE_SHM_SHARED, alone = SQLITE_SHM_EXCLUSIVE;
    assert_int_equal(m->xShmLock(a, 3, 1, set | shared), SQLITE_OK);
    assert_int_equal(m->xShmLock(b, 3, 1, set | shared), SQLITE_OK);
    assert_int_equal(m->xShmLock(b, 4, 4, set | alone), SQLITE_OK);
    assert_int_equal(m->xShmLock(a, 3, 1, set | alone), SQLITE_BUSY);
    assert_int_equal(m->xShmLock(a, 5, 1, set | shared), SQLITE_BUSY);
    assert_int_equal(m->xShmLock(b, 3, 1, SQLITE_SHM_UNLOCK | shared), SQLITE_OK);
    assert_int_equal(m->xShmLock(a, 3, 1, SQLITE_SHM_UNLOCK | shared), SQLITE_OK);
    assert_int_equal(m->xShmLock(a, 2, 2, set | alone), SQLITE_OK);
    *(volatile char *)mine = 'x';
    disk_crash(d, DISK_KILL, NULL);
    assert_int_equal(*(volatile char *)theirs, 'x'); /* theirs until they close */
    assert_int_equal(m->xShmLock(a, 2, 2, set | alone), SQLITE_IOERR_SHMLOCK);
    disk_up(d);
    sqlite3_file *c = open_handle(2);
    assert_int_equal(m->xShmMap(c, 0, 32768, 1, &mine), SQLITE_OK);
    assert_ptr_not_equal(mine, theirs);
    assert_int_equal(*(volatile char *)mine, 0);
    assert_int_equal(m->xShmLock(c, 0, 8, set | alone), SQLITE_OK);
    m->xClose(a);
    m->xClose(b);
    m->xClose(c);
}

/* --- SQLite on it --------------------------------------------------------------------------------------------- */

static sqlite3 *open_db(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(NAME, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

static int exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static sqlite3 *make_table(void)
{
    sqlite3 *db = open_db();
    assert_int_equal(exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t(a, b);"
                              "INSERT INTO t VALUES (1, zeroblob(10000))"),
                     SQLITE_OK);
    return db;
}

static void test_two_connections(void **state)
{
    (void)state;
    sqlite3 *db = make_table(), *other;
    assert_int_equal(sqlite3_open_v2(NAME, &other, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(exec(other, "BEGIN"), SQLITE_OK);
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 1);
    assert_int_equal(exec(db, "INSERT INTO t VALUES (2, '')"), SQLITE_OK);
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 1);
    assert_int_equal(exec(other, "COMMIT"), SQLITE_OK);
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 2);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK); /* moves the log into the file */
    assert_true(fault.seen[DISK_DELETE] > 0);
    db = open_db();
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 2);
    assert_int_equal(number(db, "SELECT strftime('%s', 'now')"), 1700000000);
    sqlite3_randomness(0, NULL);
    int64_t first = number(db, "SELECT random()");
    sqlite3_randomness(0, NULL);
    assert_int_equal(number(db, "SELECT random()"), first);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_commits_survive_a_power_cut(void **state)
{
    struct disk *d = *state;
    sqlite3 *db = make_table();
    assert_int_equal(exec(db, "BEGIN; INSERT INTO t VALUES (2, '')"), SQLITE_OK);
    disk_crash(d, DISK_POWER, &LOSE);
    assert_int_equal(exec(db, "COMMIT") & 0xff, SQLITE_IOERR);
    sqlite3 *late;
    assert_int_equal(sqlite3_open_v2(NAME, &late, SQLITE_OPEN_READWRITE, NULL), SQLITE_CANTOPEN);
    sqlite3_close(late);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    disk_up(d);
    db = open_db();
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(exec(db, "PRAGMA synchronous = OFF; INSERT INTO t VALUES (2, '')"), SQLITE_OK);
    disk_crash(d, DISK_POWER, &LOSE);
    sqlite3_close(db);
    disk_up(d);
    db = open_db();
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1); /* not synced: that it can be lost at all */
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_crash_in_the_midst_of_an_operation(void **state)
{
    struct disk *d = *state;
    sqlite3 *db = make_table();
    fault.name = LOG;
    fault.kind = DISK_SYNC;
    fault.crash = true;
    assert_int_equal(exec(db, "INSERT INTO t VALUES (2, '')") & 0xff, SQLITE_IOERR);
    sqlite3_close(db);
    fault.crash = false;
    disk_up(d);
    db = open_db();
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 2); /* killed: what was written is there */
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_copy(void **state)
{
    struct disk *d = *state;
    sqlite3 *db = make_table();
    struct disk *copy = disk_copy(d);
    assert_int_equal(exec(db, "INSERT INTO t VALUES (2, '')"), SQLITE_OK);
    disk_use(copy);
    sqlite3 *other = open_db();
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 1);
    assert_int_equal(exec(db, "INSERT INTO t VALUES (3, '')"), SQLITE_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 3);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    disk_free(copy);
}

/* A disk on which every recorded operation is done is the same disk. */
static struct disk *mirror;

static int note_op(void *ud, struct disk_op *op)
{
    (void)ud;
    disk_apply(mirror, op);
    return SQLITE_OK;
}

static void test_apply(void **state)
{
    struct disk *d = *state;
    mirror = disk_new();
    disk_set_hooks(d, &(struct disk_hooks){.before = note_op});
    sqlite3 *db = make_table();
    assert_int_equal(exec(db, "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (2, '')"), SQLITE_OK);
    assert_int_equal(disk_used(mirror), disk_used(d));
    assert_int_equal(disk_changes(mirror), disk_changes(d));
    disk_use(mirror);
    sqlite3 *other = open_db();
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 2);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    disk_set_hooks(d, NULL);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    disk_free(mirror);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(test_crash_keeps_what_is_synced),
        ON_DISK(test_sectors_land_one_by_one),
        ON_DISK(test_reads_beyond_the_end_are_zeroes),
        ON_DISK(test_faults),
        ON_DISK(test_failed_sync),
        ON_DISK(test_capacity),
        ON_DISK(test_locks),
        ON_DISK(test_shared_memory),
        ON_DISK(test_two_connections),
        ON_DISK(test_commits_survive_a_power_cut),
        ON_DISK(test_crash_in_the_midst_of_an_operation),
        ON_DISK(test_copy),
        ON_DISK(test_apply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
