/* kill -9 at any moment: what was acknowledged is there, and what was in flight is settled when the store opens again.
 */
#include "test_store.h"

#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 20, STREAM = 64 };

/* --- the child ------------------------------------------------------------------------------------------------ */

static int ack_fd;

static void on_ack(struct store_write *w, const struct err *failure)
{
    int64_t seq = ((struct store_accept *)w)->deliveries->seq;
    ((struct written *)((char *)w - offsetof(struct written, accept)))->done = 1;
    if (failure != NULL || write(ack_fd, &seq, sizeof seq) != sizeof seq)
        _exit(3);
}

/* Keeps some writes under way, each with a request of its own size, until it is killed. */
static void submit_for_ever(struct fixture *f)
{
    static struct written w[STREAM];
    static char request[20000];
    for (int64_t seq = store_last_seq(f->s) + 1;; seq++) {
        struct written *mine = &w[seq % STREAM];
        while (mine->row.seq != 0 && !mine->done)
            fixture_turn(f);
        prepare_delivery(mine, seq, "shop");
        mine->accept.base.done = on_ack;
        mine->row.request = (struct bytes){request, (size_t)(seq * 37 % 3000 + (seq % 50 == 0 ? 15000 : 0))};
        submit(f, mine);
    }
}

static pid_t start_child(struct fixture *f, int *from)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        ack_fd = ends[1];
        struct err e;
        if (fixture_try_open(f, &e) == NULL)
            _exit(2);
        submit_for_ever(f);
    }
    close(ends[1]);
    *from = ends[0];
    return child;
}

/* --- the test ------------------------------------------------------------------------------------------------- */

static int64_t acknowledged[1000000];

static size_t run_and_kill(struct fixture *f, size_t count, size_t enough)
{
    int from;
    pid_t child = start_child(f, &from);
    size_t first = count;
    while (read(from, &acknowledged[count], sizeof(int64_t)) == sizeof(int64_t))
        if (++count == first + enough)
            kill(child, SIGKILL); /* what it still acknowledged is in the pipe */
    close(from);
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return count;
}

static void expect_all(struct fixture *f, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct asked q;
        struct store_read *r = answer_one(f, &q, acknowledged[i]);
        assert_int_equal(r->count, 1);
        assert_int_equal(r->rows[0].seq, acknowledged[i]);
        assert_int_equal(r->rows[0].request.len, acknowledged[i] * 37 % 3000 + (acknowledged[i] % 50 == 0 ? 15000 : 0));
        store_read_fini(r);
    }
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        size_t before = count;
        count = run_and_kill(f, count, 1 + (size_t)rand() % 400);
        fixture_open(f);
        assert_true(store_last_seq(f->s) >= acknowledged[count - 1]);
        expect_all(f, before, count);
        fixture_close(f);
    }
    fixture_open(f);
    expect_all(f, 0, count);
}

/* All attempts beyond the last number have one key: the one that was in flight takes it over. */
static void test_in_flight_beyond_the_last_number(void **state)
{
    struct fixture *f = *state;
    struct attempt a = {.number = 65535, .status = 500};
    struct written w;
    sqlite3 *db;
    fixture_open(f);
    accept_many(f, 1, 5, "shop");
    submit_update(f, &w, 3, DELIVERY_SENDING, &a);
    fixture_wait(f, &w.done);
    fixture_close(f);
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE deliveries SET attempts = 65535 WHERE seq = 3", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    fixture_open(f);
    assert_int_equal(f->unknown_count, 1);
}

static void test_in_flight_becomes_unknown(void **state)
{
    struct fixture *f = *state;
    struct asked q;
    fixture_open(f);
    accept_many(f, 1, 5, "shop");
    update_one(f, 2, DELIVERY_WAITING);
    struct written w;
    struct attempt a = {.number = 1, .status = 500};
    submit_update(f, &w, 3, DELIVERY_SENDING, &a);
    fixture_wait(f, &w.done);
    fixture_close(f);

    clock_ms += 5000;
    fixture_open(f);
    struct uuid id = uuid_of(3);
    assert_int_equal(f->unknown_count, 1);
    assert_memory_equal(&f->unknown_id, &id, sizeof id);
    struct store_read *r = answer_one(f, &q, 3);
    assert_int_equal(r->rows[0].state, DELIVERY_UNKNOWN);
    assert_int_equal(r->rows[0].attempts, 2);
    assert_int_equal(r->rows[0].tries, 2);
    assert_int_equal(r->rows[0].error, ATTEMPT_CRASH);
    assert_int_equal(r->rows[0].finished_ms, clock_ms);
    assert_int_equal(r->rows[0].due_ms, 0);
    assert_true(r->rows[0].message.len > 0);
    assert_bytes(r->rows[0].request, "the request");
    assert_int_equal(r->attempt_count, 2);
    assert_int_equal(r->attempts[1].number, 2);
    assert_int_equal(r->attempts[1].error, ATTEMPT_CRASH);
    assert_int_equal(r->attempts[1].class, ATTEMPT_AMBIGUOUS);
    assert_int_equal(r->attempts[1].started_ms, clock_ms);
    store_read_fini(r);
    assert_int_equal(state_of(f, 1), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 2), DELIVERY_WAITING);
    fixture_reopen(f);
    assert_int_equal(f->unknown_count, 1);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_kill),
        WITH_FOLDER(test_in_flight_becomes_unknown),
        WITH_FOLDER(test_in_flight_beyond_the_last_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
