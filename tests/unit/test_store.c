#include "test_store.h"

#include <sys/stat.h>

static void fill_attempt(struct attempt *a)
{
    *a = (struct attempt){
        .number = 1,
        .started_ms = 1700000000500,
        .duration_us = 123456789012,
        .status = 503,
        .error = ATTEMPT_RESET,
        .class = ATTEMPT_AMBIGUOUS,
        .retry_after_ms = 7,
        .truncated = true,
        .message = "it died",
    };
    buf_append_str(&a->headers, "Server: x\n");
    buf_append(&a->body, "\0body\0", 6);
}

static void test_every_field(void **state)
{
    struct fixture *f = *state;
    struct written w, u;
    struct attempt a;
    struct asked q;
    fill_attempt(&a);
    prepare_event(&w, 10, "key-1");
    w.row.request = (struct bytes){"a\0b", 3};
    w.row.message = bytes_of("first words");
    submit_and_wait(f, &w);
    assert_false(w.failed);
    assert_false(w.accept.duplicate);

    u = (struct written){.update = {.base = {.kind = STORE_UPDATE, .done = on_updated},
                                    .row = {.seq = 10,
                                            .state = DELIVERY_WAITING,
                                            .attempts = 7,
                                            .tries = 3,
                                            .first_ms = 1700000000501,
                                            .due_ms = 1700000009999,
                                            .finished_ms = 5,
                                            .status = 503,
                                            .error = ATTEMPT_RESET,
                                            .message = bytes_of("words")},
                                    .attempt = &a}};
    store_submit(f->s, &u.update.base);
    fixture_wait(f, &u.done);
    assert_false(u.failed);
    fixture_reopen(f);

    struct store_read *r = answer_one(f, &q, 10);
    assert_int_equal(r->count, 1);
    const struct store_delivery *d = &r->rows[0];
    assert_int_equal(d->seq, 10);
    assert_memory_equal(&d->id, &w.row.id, sizeof d->id);
    assert_int_equal(d->event_seq, 9);
    assert_int_equal(d->state, DELIVERY_WAITING);
    assert_int_equal(d->attempts, 7);
    assert_int_equal(d->tries, 3);
    assert_int_equal(d->created_ms, 1700000000000);
    assert_int_equal(d->first_ms, 1700000000501);
    assert_int_equal(d->due_ms, 1700000009999);
    assert_int_equal(d->finished_ms, 5);
    assert_int_equal(d->status, 503);
    assert_int_equal(d->error, ATTEMPT_RESET);
    assert_bytes(d->message, "words");
    assert_bytes(d->webhook, "order_paid");
    assert_bytes(d->integration, "shop");
    assert_int_equal(d->request.len, 3);
    assert_memory_equal(d->request.data, "a\0b", 3);

    assert_int_equal(r->attempt_count, 1);
    const struct attempt *t = &r->attempts[0];
    assert_int_equal(t->number, 1);
    assert_int_equal(t->started_ms, a.started_ms);
    assert_int_equal(t->duration_us, a.duration_us);
    assert_int_equal(t->status, 503);
    assert_int_equal(t->error, ATTEMPT_RESET);
    assert_int_equal(t->class, ATTEMPT_AMBIGUOUS);
    assert_int_equal(t->retry_after_ms, -1);
    assert_true(t->truncated);
    assert_string_equal(t->message, "it died");
    assert_bytes(buf_view(&t->headers), "Server: x\n");
    assert_int_equal(t->body.len, 6);
    assert_memory_equal(t->body.data, "\0body\0", 6);

    assert_int_equal(r->event.seq, 9);
    assert_memory_equal(&r->event.id, &w.event.id, sizeof w.event.id);
    assert_bytes(r->event.key, "key-1");
    assert_bytes(r->event.name, "order.paid");
    assert_bytes(r->event.body, "{\"data\":1}");
    assert_int_equal(r->event.received_ms, 1700000000000);
    store_read_fini(r);
    assert_null(r->rows);
    buf_fini(&a.headers);
    buf_fini(&a.body);
}

static void test_unknown_id(void **state)
{
    assert_int_equal(state_of(*state, 999), -1);
}

/* What a failed rendering leaves: a finished delivery without a request, with empty texts. */
static void test_empty_fields(void **state)
{
    struct fixture *f = *state;
    struct written w;
    struct asked q;
    prepare_delivery(&w, 1, "");
    w.row.state = DELIVERY_FAILED;
    w.row.webhook = w.row.request = (struct bytes){NULL, 0};
    submit_and_wait(f, &w);
    assert_false(w.failed);
    struct store_read *r = answer_one(f, &q, 1);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->rows[0].request.len, 0);
    assert_int_equal(r->rows[0].integration.len, 0);
    assert_int_equal(r->event.seq, 0);
    assert_int_equal(r->attempt_count, 0);
    store_read_fini(r);
}

static void test_ten_thousand_writes_in_order(void **state)
{
    enum { N = 10000 };
    struct fixture *f = *state;
    struct written *w = calloc(N, sizeof *w);
    for (int i = 0; i < N; i++) {
        prepare_delivery(&w[i], i + 1, "shop");
        submit(f, &w[i]);
    }
    assert_int_equal(store_pending(f->s), N);
    assert_true(store_pending_bytes(f->s) > N * strlen("the request"));
    fixture_wait(f, &w[N - 1].done);
    for (int i = 0; i < N; i++) {
        assert_int_equal(w[i].done, 1);
        assert_false(w[i].failed);
        assert_int_equal(w[i].order, (size_t)i + 1);
    }
    assert_int_equal(store_pending(f->s), 0);
    assert_int_equal(store_pending_bytes(f->s), 0);
    assert_int_equal(store_last_seq(f->s), N);
    free(w);
    fixture_reopen(f);
    assert_int_equal(store_last_seq(f->s), N);
    assert_int_equal(state_of(f, N / 2), DELIVERY_QUEUED);
}

static void test_ten_thousand_deliveries_in_one_write(void **state)
{
    struct fixture *f = *state;
    accept_many(f, 1, 10000, "shop");
    assert_int_equal(state_of(f, 1), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 10000), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 10001), -1);
}

static void test_close_commits_what_was_submitted(void **state)
{
    struct fixture *f = *state;
    static struct written w[300];
    for (int i = 0; i < 300; i++) {
        prepare_delivery(&w[i], i + 1, "shop");
        submit(f, &w[i]);
    }
    fixture_reopen(f);
    assert_int_equal(w[299].done, 0);
    assert_int_equal(state_of(f, 300), DELIVERY_QUEUED);
}

static void test_close_with_reads_under_way(void **state)
{
    struct fixture *f = *state;
    static struct asked q[50];
    accept_many(f, 1, 1000, "shop");
    for (int i = 0; i < 50; i++) {
        q[i] = (struct asked){.read = {.kind = STORE_READ_LIST, .limit = 1000, .filter = {.state = -1}}};
        ask(f, &q[i]);
    }
    fixture_reopen(f);
    assert_int_equal(q[0].done, 0);
}

/* --- duplicates ----------------------------------------------------------------------------------------------- */

static void expect_duplicate(struct fixture *f, int64_t seq, const char *key, int64_t first)
{
    struct written w;
    struct uuid event = uuid_of(first - 1), id = uuid_of(first);
    prepare_event(&w, seq, key);
    submit_and_wait(f, &w);
    assert_false(w.failed);
    assert_true(w.accept.duplicate);
    assert_memory_equal(&w.accept.first_event, &event, sizeof event);
    assert_int_equal(w.accept.first_ids.len, UUID_SIZE);
    assert_memory_equal(w.accept.first_ids.data, &id, sizeof id);
    buf_fini(&w.accept.first_ids);
    assert_int_equal(state_of(f, seq), -1);
}

static void expect_accepted(struct fixture *f, int64_t seq, const char *key)
{
    struct written w;
    prepare_event(&w, seq, key);
    submit_and_wait(f, &w);
    assert_false(w.failed);
    assert_false(w.accept.duplicate);
    assert_int_equal(w.accept.first_ids.len, 0);
    buf_fini(&w.accept.first_ids);
    assert_int_equal(state_of(f, seq), DELIVERY_QUEUED);
}

static void test_duplicate(void **state)
{
    struct fixture *f = *state;
    expect_accepted(f, 2, "k");
    expect_duplicate(f, 4, "k", 2);
    expect_accepted(f, 6, "other");
    expect_accepted(f, 8, "");
    expect_accepted(f, 10, "");
    fixture_reopen(f);
    expect_duplicate(f, 12, "k", 2);
}

static void test_duplicate_ends_after_a_day(void **state)
{
    struct fixture *f = *state;
    expect_accepted(f, 2, "k");
    clock_ms += 24 * 3600 * 1000 - 1;
    expect_duplicate(f, 4, "k", 2);
    clock_ms += 1;
    expect_accepted(f, 6, "k");
    expect_duplicate(f, 8, "k", 6);
    assert_int_equal(state_of(f, 2), DELIVERY_QUEUED);
}

static void test_duplicate_in_one_batch(void **state)
{
    struct fixture *f = *state;
    struct written w[3];
    for (int i = 0; i < 3; i++) {
        prepare_event(&w[i], 2 * i + 2, "k");
        submit(f, &w[i]);
    }
    fixture_wait(f, &w[2].done);
    assert_false(w[0].accept.duplicate);
    for (int i = 1; i < 3; i++) {
        assert_true(w[i].accept.duplicate);
        assert_memory_equal(&w[i].accept.first_event, &w[0].event.id, UUID_SIZE);
        buf_fini(&w[i].accept.first_ids);
    }
}

/* --- failures of a write's own -------------------------------------------------------------------------------- */

static void test_bad_write_fails_alone(void **state)
{
    struct fixture *f = *state;
    static struct written w[20], u;
    struct store_delivery rows[2];
    for (int i = 0; i < 20; i++)
        prepare_event(&w[i], 2 * i + 2, "");
    w[5].row.id = w[4].row.id; /* an id that is taken */
    rows[0] = rows[1] = w[9].row;
    rows[1].seq = w[3].row.seq; /* the second row of a write, after its first went in */
    rows[1].id = uuid_of(77);
    w[9].accept.deliveries = rows;
    w[9].accept.count = 2;
    for (int i = 0; i < 20; i++) {
        submit(f, &w[i]);
        if (i == 12)
            submit_update(f, &u, 8, DELIVERY_CANCELED, NULL);
    }
    fixture_wait(f, &w[19].done);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(w[i].done, 1);
        assert_int_equal(w[i].failed, i == 5 || i == 9);
        assert_true(i == 0 || w[i].order > w[i - 1].order);
        assert_int_equal(state_of(f, 2 * i + 2), w[i].failed ? -1 : i == 3 ? DELIVERY_CANCELED : DELIVERY_QUEUED);
    }
    assert_false(u.failed);
    assert_int_equal(w[5].why.domain, ERR_STORE);
    assert_says(w[5].why, "UNIQUE");
    assert_int_equal(store_health(f->s, NULL), 0);
}

static void test_update_of_a_row_that_is_gone(void **state)
{
    struct fixture *f = *state;
    struct written u;
    struct attempt a = {.number = 1};
    submit_update(f, &u, 5, DELIVERY_SUCCEEDED, &a);
    fixture_wait(f, &u.done);
    assert_true(u.failed);
    assert_says(u.why, "not in the database");
    assert_int_equal(store_health(f->s, NULL), 0);
}

/* Sent again by hand: attempts go on counting, tries start anew. */
static void test_resend_adds_attempts(void **state)
{
    struct fixture *f = *state;
    struct written u[3];
    struct attempt a[3];
    struct asked q;
    accept_one(f, 1, "shop");
    for (int i = 0; i < 3; i++) {
        a[i] = (struct attempt){.number = i + 1, .status = 500 + i};
        submit_update(f, &u[i], 1, DELIVERY_FAILED, &a[i]);
    }
    fixture_wait(f, &u[2].done);
    struct store_read *r = answer_one(f, &q, 1);
    assert_int_equal(r->attempt_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(r->attempts[i].number, i + 1);
        assert_int_equal(r->attempts[i].status, 500 + i);
    }
    store_read_fini(r);
}

static void test_files_are_private(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"anzol.db", "anzol.db-wal", "anzol.db-shm", "lock"};
    struct stat st;
    accept_one(f, 1, "shop");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(stat(fixture_path(f, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_every_field),
        WITH_STORE(test_unknown_id),
        WITH_STORE(test_empty_fields),
        WITH_STORE(test_ten_thousand_writes_in_order),
        WITH_STORE(test_ten_thousand_deliveries_in_one_write),
        WITH_STORE(test_close_commits_what_was_submitted),
        WITH_STORE(test_close_with_reads_under_way),
        WITH_STORE(test_duplicate),
        WITH_STORE(test_duplicate_ends_after_a_day),
        WITH_STORE(test_duplicate_in_one_batch),
        WITH_STORE(test_bad_write_fails_alone),
        WITH_STORE(test_update_of_a_row_that_is_gone),
        WITH_STORE(test_resend_adds_attempts),
        WITH_STORE(test_files_are_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
