/*
 * Every operation on the disk fails once: while the store opens, commits, purges, checkpoints, settles, closes. It goes
 * on, and what it holds at the end is what it holds when nothing fails: nothing that was acknowledged is lost, nothing
 * is there twice; and a power cut right after the last acknowledgement changes nothing. Reads of the store's fail in
 * the same way; those of the test do not.
 *
 *   EVERY=1 (as `make prefixes`) takes every operation, else some, and all reads; SEED=n takes others.
 *
 * The store waits 250 ms before it tries again: its clock runs faster here.
 */
#include "sim/disk.h"
#include "store_dump.h"
#include "store_work.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

enum { EVERY_USUALLY = 41 };

static int number_of(const char *variable, int usual)
{
    const char *text = getenv(variable);
    return text != NULL ? atoi(text) : usual;
}

/* --- a monotonic clock that runs faster ----------------------------------------------------------------------- */

static const int64_t FASTER = 50, S = 1000000000;
static _Atomic int64_t began_ns;

static int64_t real_ns(void)
{
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * S + t.tv_nsec;
}

static int64_t began(void)
{
    int64_t none = 0;
    if (began_ns == 0)
        atomic_compare_exchange_strong(&began_ns, &none, real_ns());
    return began_ns;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (clock == CLOCK_MONOTONIC && rc == 0) {
        int64_t ns = began() + (real_ns() - began()) * FASTER;
        *t = (struct timespec){ns / S, ns % S};
    }
    return rc;
}

/* Waiting by that clock. It may end early, as a wait may. */
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until)
{
    int64_t ns = began() + (until->tv_sec * S + until->tv_nsec - began()) / FASTER;
    return pthread_cond_clockwait(c, m, CLOCK_MONOTONIC, &(struct timespec){ns / S, ns % S});
}

/* --- faults --------------------------------------------------------------------------------------------------- */

/* What fails, and how. */
static const struct fault {
    const char *name;
    int write, truncate, sync, remove, create;
    bool torn, read; /* a write in part; it is reads that fail */
} FAULTS[] = {
    {"input/output error", SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_DELETE,
     SQLITE_CANTOPEN, false, false},
    {"torn write", SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_DELETE, SQLITE_CANTOPEN,
     true, false},
    {"full disk", SQLITE_FULL, SQLITE_FULL, SQLITE_FULL, SQLITE_IOERR_DELETE, SQLITE_FULL, true, false},
    {.name = "input/output error of a read", .read = true},
};

static struct {
    const struct fault *fault;
    uint64_t at; /* operations before it, or reads */
    enum disk_op_kind kind;
    _Atomic uint64_t reads;
    pthread_t test;
    _Atomic bool happened;
} now;

static int fail_op(const struct fault *f, struct disk_op *op)
{
    now.happened = true;
    now.kind = op->kind;
    op->landed = f->torn ? op->len / 2 : 0;
    switch (op->kind) {
    case DISK_CREATE:
        return f->create;
    case DISK_DELETE:
        return f->remove;
    case DISK_WRITE:
        return f->write;
    case DISK_TRUNCATE:
        return f->truncate;
    case DISK_READ:
        return SQLITE_IOERR_READ;
    case DISK_SYNC:
        break;
    }
    return f->sync;
}

static int before(void *ud, struct disk_op *op)
{
    bool read = op->kind == DISK_READ;
    (void)ud;
    if (read && pthread_equal(pthread_self(), now.test))
        return SQLITE_OK;
    uint64_t number = read ? now.reads++ : op->number;
    if (now.fault == NULL || read != now.fault->read || number != now.at)
        return SQLITE_OK;
    return fail_op(now.fault, op);
}

static uint64_t same(void *ud)
{
    return *(uint64_t *)ud;
}

/* --- one time ------------------------------------------------------------------------------------------------- */

static struct store_dump dump_of(struct fixture *f, int flags)
{
    sqlite3 *db;
    struct store_dump dump;
    int64_t half = 0;
    assert_int_equal(sqlite3_open_v2(fixture_path(f, "anzol.db"), &db, flags, NULL), SQLITE_OK);
    dump_expect_sound(db);
    int rc = dump_take(db, 0, &dump);
    if (rc != SQLITE_OK || dump_number(db, WORK_HALF, &half) != SQLITE_OK || half != 0)
        fail_msg("at %llu: %s, %lld rows without the rest of their transaction", (unsigned long long)now.at,
                 sqlite3_errmsg(db), (long long)half);
    sqlite3_close(db);
    return dump;
}

static void expect_same(const struct store_dump *is, const struct store_dump *was, const char *when)
{
    if (is->hash != was->hash || is->in_flight != was->in_flight || is->in_flight_runs != was->in_flight_runs)
        fail_msg("%s at %llu (kind %d): %s something is lost, or is there twice", now.fault->name,
                 (unsigned long long)now.at, now.kind, when);
}

/* What the power takes that was not synced. */
static struct store_dump dump_after_power_cut(struct fixture *f, struct disk *d)
{
    uint64_t none = 0;
    struct disk *copy = disk_copy(d);
    disk_crash(copy, DISK_POWER, &(struct disk_random){same, &none});
    disk_up(copy);
    disk_use(copy);
    struct store_dump dump = dump_of(f, SQLITE_OPEN_READWRITE);
    disk_use(d);
    disk_free(copy);
    return dump;
}

static struct {
    struct store_dump open, cut, closed;
    uint64_t operations, reads;
} end;

/* From an empty disk. */
static void do_work(struct fixture *f)
{
    struct disk *d = disk_new();
    disk_set_hooks(d, &(struct disk_hooks){.before = before});
    disk_use(d);
    now.happened = false;
    now.reads = 0;
    now.test = pthread_self();
    work_first_life(f);
    work_second_life(f);
    end.open = dump_of(f, SQLITE_OPEN_READONLY);
    end.cut = dump_after_power_cut(f, d);
    assert_int_equal(store_health(f->s, NULL), 0);
    work_close(f);
    end.operations = disk_changes(d);
    end.reads = now.reads;
    now.fault = NULL;
    end.closed = dump_of(f, SQLITE_OPEN_READWRITE);
    disk_free(d);
}

/* Returns whether there was such an operation. */
static bool do_failing(struct fixture *f, const struct fault *fault, uint64_t at, const struct store_dump *want)
{
    now.fault = fault;
    now.at = at;
    do_work(f);
    now.fault = fault;
    expect_same(&end.open, want, "open,");
    expect_same(&end.cut, want, "after a power cut,");
    expect_same(&end.closed, want, "closed,");
    return now.happened;
}

static void test_each_operation_fails(void **state)
{
    struct fixture *f = *state;
    size_t failed = 0, every = (size_t)number_of("EVERY", EVERY_USUALLY);
    work.patient = true;
    do_work(f);
    struct store_dump want = end.closed;
    uint64_t operations = end.operations, reads = end.reads;
    for (size_t kind = 0; kind < sizeof FAULTS / sizeof *FAULTS; kind++) {
        size_t of_kind = 0, step = FAULTS[kind].read ? 1 : every; /* there are few reads: pages stay in memory */
        uint64_t most = FAULTS[kind].read ? reads : operations;
        for (uint64_t at = (uint64_t)number_of("SEED", 1) % step; at < most; at += step)
            of_kind += do_failing(f, &FAULTS[kind], at, &want);
        assert_true(of_kind > 0);
        failed += of_kind;
    }
    print_message("%llu operations, %llu reads, %zu times one failed\n", (unsigned long long)operations,
                  (unsigned long long)reads, failed);
}

static int teardown(void **state)
{
    int rc = fixture_teardown(state);
    disk_use(NULL);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_operation_fails, fixture_make, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
