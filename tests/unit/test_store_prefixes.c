/*
 * A power cut, or kill -9, at every single operation on the disk. A store's work is recorded on a disk in memory, with
 * what it had committed by each operation; then each beginning of the record is what a crash left, and a store is
 * opened on it. What it holds must be the last state that was committed by then, or the one that was being committed:
 * so nothing that was acknowledged is lost, and no transaction shows in part.
 *
 *   EVERY=1 (as `make prefixes`) takes every operation, else some; SEED=n draws others.
 */
#include "sim/disk.h"
#include "store_dump.h"
#include "store_work.h"

#include <pthread.h>

/* When the store opens after the crash. */
static const int64_t SETTLED_MS = 1900000000000;

enum {
    EVERY_USUALLY = 37, /* a prime: no pattern of the log is passed over */
    LONG = 500,         /* so many writes in a row are all alike: … */
    LESS_IN_LONG = 53,  /* … fewer of them are taken */
    LESS_OF_BIG = 4,    /* with a big log a crash takes longer to look at */
    BIG = 9 << 20,      /* beyond what makes a checkpoint: 8 MB */
    POWER_CUTS = 3,
};

static int number_of(const char *variable, int usual)
{
    const char *text = getenv(variable);
    return text != NULL ? atoi(text) : usual;
}

/* --- the record ----------------------------------------------------------------------------------------------- */

static struct {
    struct disk_op *ops;
    size_t count, room;
    struct {
        struct store_dump dump;
        size_t at; /* operations that were begun when it showed */
    } states[1000];
    size_t state_count;
} record;

static struct {
    struct fixture *f;
    struct disk *disk;
    sqlite3 *db; /* looks on; NULL: not yet */
    int64_t version;
    pthread_t loop;
    pthread_mutex_t mutex;
    pthread_cond_t seen;
    bool asked;   /* an operation waits until the loop has looked */
    bool alone;   /* closing: no loop to ask */
    bool looking; /* the loop's own reads are not of the record */
} recorder = {.mutex = PTHREAD_MUTEX_INITIALIZER, .seen = PTHREAD_COND_INITIALIZER};

static void keep_op(const struct disk_op *op)
{
    if (record.count == record.room) {
        record.room = record.room * 2 + 64;
        record.ops = realloc(record.ops, record.room * sizeof *record.ops);
        assert_non_null(record.ops);
    }
    struct disk_op *mine = &record.ops[record.count++];
    *mine = *op;
    mine->name = strdup(op->name);
    if (op->kind == DISK_WRITE) {
        void *data = malloc(op->len);
        memcpy(data, op->data, op->len);
        mine->data = data;
    }
}

static size_t begun(void)
{
    pthread_mutex_lock(&recorder.mutex);
    size_t n = record.count;
    pthread_mutex_unlock(&recorder.mutex);
    return n;
}

static void keep_state(const struct store_dump *dump, size_t at)
{
    size_t n = record.state_count;
    if (n > 0 && record.states[n - 1].dump.hash == dump->hash && record.states[n - 1].dump.in_flight == dump->in_flight)
        return;
    assert_true(n < sizeof record.states / sizeof *record.states);
    record.states[n].dump = *dump;
    record.states[n].at = at;
    record.state_count++;
}

static void expect_whole(sqlite3 *db)
{
    int64_t half = 0;
    if (dump_number(db, WORK_HALF, &half) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    if (half != 0)
        fail_msg("%lld rows are there without the rest of their transaction", (long long)half);
}

/* What another connection sees now; the writer may hold the whole file just then. */
static void look_on(void)
{
    int64_t version = 0;
    struct store_dump dump;
    bool was = recorder.looking;
    recorder.looking = true;
    if (recorder.db == NULL) {
        const char *path = fixture_path(recorder.f, "anzol.db");
        assert_int_equal(sqlite3_open_v2(path, &recorder.db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        recorder.version = -1;
    }
    int rc = dump_number(recorder.db, "PRAGMA data_version", &version);
    if (rc == SQLITE_OK && version != recorder.version) {
        rc = dump_take(recorder.db, 0, &dump);
        if (rc == SQLITE_OK) {
            keep_state(&dump, begun());
            if (dump.last_seq > 0)
                expect_whole(recorder.db);
            recorder.version = version;
        }
    }
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        fail_msg("looking on: %s", sqlite3_errmsg(recorder.db));
    recorder.looking = was;
}

static void look_no_more(void)
{
    recorder.looking = true;
    sqlite3_close(recorder.db);
    recorder.db = NULL;
    recorder.looking = false;
}

/* On the writer's thread: no operation begins before the loop has dispatched, and has seen what is committed. */
static void ask_loop(void)
{
    recorder.asked = !recorder.alone;
    if (recorder.asked)
        on_wake(recorder.f);
    while (recorder.asked)
        pthread_cond_wait(&recorder.seen, &recorder.mutex);
}

static void let_go(bool alone)
{
    pthread_mutex_lock(&recorder.mutex);
    recorder.asked = false;
    recorder.alone = alone;
    pthread_cond_broadcast(&recorder.seen);
    pthread_mutex_unlock(&recorder.mutex);
}

static void on_turn(void)
{
    look_on();
    let_go(false);
}

static int on_op(void *ud, struct disk_op *op)
{
    bool mine = pthread_equal(pthread_self(), recorder.loop);
    (void)ud;
    if (op->kind == DISK_READ || (mine && recorder.looking))
        return SQLITE_OK;
    pthread_mutex_lock(&recorder.mutex);
    if (!mine)
        ask_loop();
    keep_op(op);
    pthread_mutex_unlock(&recorder.mutex);
    return SQLITE_OK;
}

static bool shows(const char *sql)
{
    int64_t n = 0;
    bool was = recorder.looking;
    recorder.looking = true;
    if (dump_number(recorder.db, sql, &n) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(recorder.db));
    recorder.looking = was;
    return n == 1;
}

/* On opening, the loop's thread does the work. */
static void on_opening(void)
{
    recorder.looking = false; /* and the writer waits until it is open */
    let_go(false);
}

static void on_closing(void)
{
    let_go(true);
    look_no_more(); /* the last to close is the store, which empties the log */
}

static void on_opened(void)
{
    look_on();
    recorder.looking = true; /* from here on the loop only reads */
    let_go(false);
}

/* The last commit, if it came between looking and closing. */
static void look_once_more(void)
{
    struct disk *copy = disk_copy(recorder.disk);
    sqlite3 *db;
    struct store_dump dump;
    disk_use(copy);
    assert_int_equal(sqlite3_open_v2(fixture_path(recorder.f, "anzol.db"), &db, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(dump_take(db, 0, &dump), SQLITE_OK);
    keep_state(&dump, begun());
    sqlite3_close(db);
    disk_free(copy);
}

static void make_record(struct fixture *f)
{
    recorder.f = f;
    recorder.loop = pthread_self();
    recorder.disk = disk_new();
    f->after_turn = on_turn;
    work.shows = shows;
    work.opening = on_opening;
    work.opened = on_opened;
    work.closing = on_closing;
    disk_set_hooks(recorder.disk, &(struct disk_hooks){.before = on_op});
    disk_use(recorder.disk);
    keep_state(&(struct store_dump){0}, 0); /* nothing */
    work_first_life(f);
    work_second_life(f);
    work_close(f);
    f->after_turn = NULL;
    look_once_more();
    disk_free(recorder.disk);
}

static void forget_record(void)
{
    for (size_t i = 0; i < record.count; i++) {
        free((char *)record.ops[i].name);
        if (record.ops[i].kind == DISK_WRITE)
            free((void *)record.ops[i].data);
    }
    free(record.ops);
    memset(&record, 0, sizeof record);
}

/* --- after a crash -------------------------------------------------------------------------------------------- */

static struct {
    size_t at;
    const char *crash;
} now;

/* Which state was committed last when `at` operations had been begun. */
static size_t committed_at(size_t at)
{
    size_t n = 0;
    while (n + 1 < record.state_count && record.states[n + 1].at <= at)
        n++;
    return n;
}

static bool is_state(const struct store_dump *dump, size_t n)
{
    if (n == 0)
        n = 1; /* nothing: opening has made the tables */
    if (n >= record.state_count)
        return false;
    const struct store_dump *want = &record.states[n].dump;
    return dump->hash == want->hash && dump->in_flight == want->in_flight &&
           dump->in_flight_runs == want->in_flight_runs;
}

static sqlite3 *open_beside(struct fixture *f)
{
    sqlite3 *db;
    int rc = sqlite3_open_v2(fixture_path(f, "anzol.db"), &db, SQLITE_OPEN_READWRITE, NULL);
    if (rc != SQLITE_OK)
        fail_msg("%s at %zu: %s", now.crash, now.at, sqlite3_errmsg(db));
    return db;
}

static void expect_state(struct fixture *f)
{
    struct store_dump dump;
    sqlite3 *db = open_beside(f);
    dump_expect_sound(db);
    expect_whole(db);
    assert_int_equal(dump_take(db, SETTLED_MS, &dump), SQLITE_OK);
    sqlite3_close(db);
    size_t n = committed_at(now.at);
    if (!is_state(&dump, n) && !is_state(&dump, n + 1))
        fail_msg("%s at %zu: neither state %zu nor the next (of %zu)", now.crash, now.at, n, record.state_count);
    if (f->unknown_count != (size_t)dump.in_flight)
        fail_msg("%s at %zu: told of %zu in flight", now.crash, now.at, f->unknown_count);
    if (store_last_seq(f->s) < record.states[n].dump.last_seq || store_last_seq(f->s) < dump.last_seq)
        fail_msg("%s at %zu: the sequence has gone back to %lld", now.crash, now.at, (long long)store_last_seq(f->s));
}

/* It goes on as if nothing had been. */
static void expect_work(struct fixture *f)
{
    struct written w;
    int64_t seq = store_last_seq(f->s) + 2;
    prepare_event(&w, seq, "after the crash");
    submit_and_wait(f, &w);
    if (w.failed)
        fail_msg("%s at %zu: %s", now.crash, now.at, w.why.message);
    fixture_close(f);
    sqlite3 *db = open_beside(f);
    int64_t found = 0;
    assert_int_equal(
        dump_number(db, "SELECT event FROM deliveries WHERE seq = (SELECT max(seq) FROM deliveries)", &found),
        SQLITE_OK);
    dump_expect_sound(db);
    sqlite3_close(db);
    assert_int_equal(found, seq - 1);
}

/* The disk is used up. */
static void expect_recovery(struct fixture *f, struct disk *d, enum disk_crash kind, const struct disk_random *random,
                            const char *name)
{
    struct err e;
    now.crash = name;
    disk_crash(d, kind, random);
    disk_up(d);
    disk_use(d);
    clock_ms = SETTLED_MS;
    f->keep_ms = 0;
    f->unknown_count = 0;
    if (fixture_try_open(f, &e) == NULL)
        fail_msg("%s at %zu: %s", name, now.at, e.message);
    expect_state(f);
    expect_work(f);
    disk_free(d);
}

static uint64_t same(void *ud)
{
    return *(uint64_t *)ud;
}

static uint64_t drawn(void *ud)
{
    uint64_t *x = ud;
    *x ^= *x << 13; /* xorshift64 */
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 8;
}

/* The operation that was under way came through in part. */
static struct disk *copy_with_part(struct disk *mirror)
{
    struct disk *d = disk_copy(mirror);
    struct disk_op op = record.ops[now.at];
    op.len /= 2;
    disk_apply(d, &op);
    return d;
}

static size_t expect_recoveries(struct fixture *f, struct disk *mirror, uint64_t *seed)
{
    uint64_t none = 0;
    expect_recovery(f, disk_copy(mirror), DISK_KILL, NULL, "killed");
    expect_recovery(f, disk_copy(mirror), DISK_POWER, &(struct disk_random){same, &none},
                    "all that is not synced lost");
    for (int i = 0; i < POWER_CUTS; i++)
        expect_recovery(f, disk_copy(mirror), DISK_POWER, &(struct disk_random){drawn, seed}, "power cut");
    if (now.at == record.count || record.ops[now.at].kind != DISK_WRITE)
        return 2 + POWER_CUTS;
    expect_recovery(f, copy_with_part(mirror), DISK_KILL, NULL, "killed in a write");
    return 3 + POWER_CUTS;
}

/* Where the row of writes ends in which an operation stands. */
static size_t end_of_row(size_t i)
{
    while (i < record.count && record.ops[i].kind == DISK_WRITE)
        i++;
    return i;
}

/* One of so many is taken, of each row of writes that is not as long as a big log makes it. */
static bool is_taken(size_t i, size_t every)
{
    static size_t row_from, row_to;
    if (i == 0 || i == record.count)
        row_from = row_to = i;
    if (i >= row_to) {
        row_from = i;
        row_to = end_of_row(i) + 1;
    }
    if (row_to - row_from > LONG && i > row_from + LESS_IN_LONG && i + LESS_IN_LONG < row_to)
        every *= LESS_IN_LONG;
    return i == 0 || i == record.count || i % every == (size_t)number_of("SEED", 1) % every;
}

static void expect_all_recoveries(struct fixture *f, size_t every)
{
    struct disk *mirror = disk_new();
    uint64_t seed = 0x5eed + (uint64_t)number_of("SEED", 1);
    size_t crashes = 0, prefixes = 0;
    for (now.at = 0; now.at <= record.count; now.at++) {
        if (is_taken(now.at, every)) {
            crashes += expect_recoveries(f, mirror, &seed);
            prefixes++;
        }
        if (now.at < record.count)
            disk_apply(mirror, &record.ops[now.at]);
    }
    disk_free(mirror);
    print_message("%zu operations, %zu states: %zu crashes at %zu operations\n", record.count, record.state_count,
                  crashes, prefixes);
}

/* --- the tests ------------------------------------------------------------------------------------------------ */

static int teardown(void **state)
{
    work.shows = NULL;
    work.opening = work.opened = work.closing = NULL;
    work.big = 0;
    forget_record();
    int rc = fixture_teardown(state);
    disk_use(NULL);
    return rc;
}

static void test_every_prefix(void **state)
{
    make_record(*state);
    expect_all_recoveries(*state, (size_t)number_of("EVERY", EVERY_USUALLY));
}

/* A log so long that it is moved into the file while the store works, and starts over. */
static void test_every_prefix_of_a_long_log(void **state)
{
    work.big = BIG;
    make_record(*state);
    expect_all_recoveries(*state, (size_t)number_of("EVERY", EVERY_USUALLY) * LESS_OF_BIG);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_make, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_every_prefix),
        WITH_FOLDER(test_every_prefix_of_a_long_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
