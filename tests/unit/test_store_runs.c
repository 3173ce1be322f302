/* Runs as they begin, wait for events, queue by key, and as people change them. */
#include "test_store_runs.h"

/* --- beginning ------------------------------------------------------------------------------------------------ */

static void test_every_field(void **state)
{
    struct fixture *f = *state;
    struct store_event v = {.seq = 3, .id = uuid_of(3), .name = bytes_of("order.paid"), .body = bytes_of("{\"e\":1}")};
    struct store_run r = run_of(4, "k");
    r.event_seq = 3;
    r.event_id = v.id;
    r.script = 2;
    r.input = (struct bytes){"{\0}", 3};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &v, .runs = &r, .run_count = 1};
    write_one(f, &a.base);
    assert_int_equal(r.state, RUN_READY);
    assert_int_equal(store_last_seq(f->s), 4);
    fixture_reopen(f);
    assert_int_equal(store_last_seq(f->s), 4);

    struct store_read_runs q = look(f, 4);
    const struct store_run *got = &q.runs[0];
    assert_int_equal(got->seq, 4);
    assert_memory_equal(&got->id, &r.id, UUID_SIZE);
    assert_memory_equal(&got->event_id, &v.id, UUID_SIZE);
    assert_int_equal(got->event_seq, 3);
    assert_int_equal(got->script, 2);
    assert_int_equal(got->state, RUN_READY);
    assert_int_equal(got->steps, 0);
    assert_int_equal(got->woken, 0);
    assert_int_equal(got->created_ms, clock_ms);
    assert_int_equal(got->due_ms, 0);
    assert_int_equal(got->finished_ms, 0);
    assert_bytes(got->flow, "checkout");
    assert_bytes(got->key, "k");
    assert_int_equal(got->message.len, 0);
    assert_int_equal(got->result.len, 0);
    assert_int_equal(got->input.len, 3);
    assert_memory_equal(got->input.data, "{\0}", 3);
    assert_int_equal(got->step_count, 0);
    assert_int_equal(q.base.event.seq, 3);
    assert_bytes(q.base.event.body, "{\"e\":1}");
    store_read_fini(&q.base);
    assert_null(q.runs);
}

/* The envelope is the event's, when the run does not bring its own. */
static void test_input_of_the_event(void **state)
{
    struct fixture *f = *state;
    struct store_event v = {.seq = 1, .id = uuid_of(1), .body = bytes_of("{\"e\":1}")};
    struct store_run r = run_of(2, "");
    r.input = (struct bytes){NULL, 0};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &v, .runs = &r, .run_count = 1};
    write_one(f, &a.base);
    struct store_read_runs q = look(f, 2);
    assert_bytes(q.runs[0].input, "{\"e\":1}");
    assert_int_equal(q.runs[0].key.len, 0);
    store_read_fini(&q.base);
    begin(f, 3, ""); /* a restart: an input without an event */
    q = look(f, 3);
    assert_bytes(q.runs[0].input, "{\"data\":1}");
    assert_int_equal(q.base.event.seq, 0);
    store_read_fini(&q.base);
}

static void test_duplicate_makes_no_run(void **state)
{
    struct fixture *f = *state;
    struct bytes keys[] = {bytes_of("paid")};
    struct uuid first[] = {uuid_of(2), uuid_of(3)};
    begin(f, 90, "");
    wait_for(f, 90, "late", 0);
    for (int64_t seq = 1; seq <= 11; seq += 10) {
        struct store_event v = {
            .seq = seq, .id = uuid_of(seq), .key = bytes_of("key"), .body = bytes_of("{}"), .received_ms = clock_ms};
        struct store_run runs[] = {run_of(seq + 1, ""), run_of(seq + 2, "")};
        struct store_accept a = {
            .base = {.kind = STORE_ACCEPT}, .event = &v, .runs = runs, .run_count = 2, .keys = keys, .key_count = 1};
        keys[0] = bytes_of(seq == 1 ? "paid" : "late");
        write_one(f, &a.base);
        assert_int_equal(a.duplicate, seq != 1);
        assert_int_equal(a.first_runs.len, seq == 1 ? 0 : sizeof first);
        if (seq != 1)
            assert_memory_equal(a.first_runs.data, first, sizeof first);
        assert_int_equal(a.woken.len, 0);
        buf_fini(&a.first_runs);
    }
    assert_int_equal(run_state(f, 2), RUN_READY);
    assert_int_equal(run_state(f, 12), -1);
    assert_int_equal(run_state(f, 90), RUN_WAITING);
    assert_int_equal(number(f, "SELECT count(*) FROM arrivals"), 1);
}

/* All or nothing: the second run's id is taken. */
static void test_accept_is_whole(void **state)
{
    struct fixture *f = *state;
    struct store_run runs[] = {run_of(2, ""), run_of(3, "")};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = runs, .run_count = 2};
    begin(f, 1, "");
    runs[1].id = uuid_of(1);
    try_write(f, &a.base);
    assert_true(last.failed);
    assert_says(last.why, "UNIQUE");
    assert_int_equal(run_state(f, 2), -1);
    assert_int_equal(number(f, "SELECT count(*) FROM inputs"), 1);
}

/* --- waiting for events --------------------------------------------------------------------------------------- */

static void test_event_ends_a_wait(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_step s = wait_of(1, 1, "paid 7");
    s.due_ms = clock_ms + 5000;
    struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
    v.run.due_ms = s.due_ms;
    write_one(f, &v.base);
    assert_false(v.woken);
    emit(f, 10, "paid 8");
    assert_int_equal(woken.count, 0);
    assert_int_equal(run_state(f, 1), RUN_WAITING);
    clock_ms += 100;
    emit(f, 11, "paid 7");
    assert_int_equal(woken.count, 1);
    assert_int_equal(woken.runs[0], 1);

    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_READY);
    assert_int_equal(q.runs[0].due_ms, 0);
    assert_int_equal(q.runs[0].woken, 1);
    assert_int_equal(q.step_count, 1);
    assert_int_equal(q.steps[0].ref, 11);
    assert_int_equal(q.steps[0].ended_ms, clock_ms);
    assert_int_equal(q.steps[0].due_ms, clock_ms + 4900);
    assert_bytes(q.steps[0].match, "paid 7");
    assert_bytes(q.steps[0].result, "{\"id\":\"616e7a6f-6c74-7374-0000-00000000000b\",\"event\":{\"data\":7}}");
    store_read_fini(&q.base);
    emit(f, 12, "paid 7"); /* it is ended once */
    assert_int_equal(woken.count, 0);
    q = look(f, 1);
    assert_int_equal(q.steps[0].ref, 11);
    assert_int_equal(q.runs[0].woken, 1);
    store_read_fini(&q.base);
}

/* One event for many runs, and for two steps of one. */
static void test_event_ends_many_waits(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 1; run <= 10; run++) {
        begin(f, run, "");
        struct store_step s[] = {wait_of(run, 1, "a"), wait_of(run, 2, run == 5 ? "a" : "b"), wait_of(run, 3, "c")};
        advance(f, run, RUN_WAITING, s, 3);
    }
    emit(f, 20, "a");
    assert_int_equal(woken.count, 11);
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(woken.runs[i], i < 5 ? i + 1 : i);
        assert_int_equal(woken.steps[i], i == 5 ? 2 : 1);
    }
    struct store_read_runs q = look(f, 5);
    assert_int_equal(q.runs[0].woken, 2);
    assert_true(q.steps[0].ended_ms > 0 && q.steps[1].ended_ms > 0 && q.steps[2].ended_ms == 0);
    assert_bytes(q.steps[2].match, "c");
    store_read_fini(&q.base);
}

/* The keys of one event end different steps of one run. */
static void test_event_with_many_keys(void **state)
{
    struct fixture *f = *state;
    struct bytes keys[] = {bytes_of("a"), bytes_of("b"), bytes_of("a")};
    struct store_event v = {.seq = 9, .id = uuid_of(9), .body = bytes_of("{}"), .received_ms = clock_ms};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &v, .keys = keys, .key_count = 3};
    begin(f, 1, "");
    struct store_step s[] = {wait_of(1, 1, "a"), wait_of(1, 2, "b")};
    advance(f, 1, RUN_WAITING, s, 2);
    write_one(f, &a.base);
    assert_int_equal(a.woken.len, 2 * sizeof(struct store_woken));
    buf_fini(&a.woken);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].woken, 2);
    assert_true(q.steps[0].ended_ms > 0 && q.steps[1].ended_ms > 0);
    store_read_fini(&q.base);
    assert_int_equal(number(f, "SELECT count(*) FROM arrivals"), 2);
}

/* A run that is READY already is told too: it may be in memory, and go on at once. */
static void test_event_meets_a_ready_run(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_step s[] = {wait_of(1, 1, "a"), wait_of(1, 2, "b")};
    advance(f, 1, RUN_WAITING, s, 2);
    emit(f, 10, "a");
    emit(f, 11, "b");
    assert_int_equal(woken.count, 1);
    assert_int_equal(woken.steps[0], 2);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].woken, 2);
    assert_int_equal(q.steps[1].ref, 11);
    store_read_fini(&q.base);
}

/* --- a wait that comes after its event ------------------------------------------------------------------------ */

static void test_event_came_before_the_wait(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    emit(f, 10, "a");
    emit(f, 11, "a");
    emit(f, 12, "a");
    int64_t received = clock_ms;
    clock_ms += 50;
    struct store_advance v = wait_for(f, 1, "a", 10);
    assert_true(v.woken);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_READY);
    assert_int_equal(q.runs[0].woken, 1);
    assert_int_equal(q.steps[0].ref, 11); /* the earliest after 10 */
    assert_int_equal(q.steps[0].ended_ms, received + 50);
    assert_bytes(q.steps[0].match, "a");
    assert_bytes(q.steps[0].result, "{\"id\":\"616e7a6f-6c74-7374-0000-00000000000b\",\"event\":{\"data\":7}}");
    store_read_fini(&q.base);
    emit(f, 13, "a");
    assert_int_equal(woken.count, 0);
}

/* Above the last that ended one of the run: `ref` says which. */
static void test_an_event_ends_one_wait_after_the_other(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    emit(f, 10, "a");
    emit(f, 11, "a");
    int64_t before = 0;
    for (int i = 1; i <= 3; i++) {
        struct store_step s = wait_of(1, i, "a");
        s.ref = before;
        struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
        v.seen = i - 1;
        write_one(f, &v.base);
        assert_int_equal(v.woken, i < 3);
        struct store_read_runs q = look(f, 1);
        assert_int_equal(q.steps[i - 1].ref, i == 1 ? 10 : i == 2 ? 11 : 0);
        assert_int_equal(q.steps[i - 1].ended_ms != 0, i < 3);
        before = q.steps[i - 1].ref;
        store_read_fini(&q.base);
    }
}

static void test_older_events_do_not_count(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    emit(f, 10, "a");
    emit(f, 11, "b");
    struct store_advance v = wait_for(f, 1, "a", 10);
    assert_false(v.woken);
    assert_int_equal(run_state(f, 1), RUN_WAITING);
    emit(f, 12, "a");
    assert_int_equal(woken.count, 1);
}

/* --- keys ----------------------------------------------------------------------------------------------------- */

static void test_one_of_a_key_at_a_time(void **state)
{
    struct fixture *f = *state;
    static const enum run_state ends[] = {RUN_SUCCEEDED, RUN_FAILED, RUN_PARKED};
    assert_int_equal(begin(f, 1, "k"), RUN_READY);
    for (int64_t run = 2; run <= 5; run++)
        assert_int_equal(begin(f, run, "k"), RUN_QUEUED);
    assert_int_equal(begin(f, 6, "other"), RUN_READY);
    assert_int_equal(begin(f, 7, ""), RUN_READY);
    struct store_run other_flow = run_of(8, "k");
    other_flow.flow = bytes_of("refund");
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = &other_flow, .run_count = 1};
    write_one(f, &a.base);
    assert_int_equal(other_flow.state, RUN_READY);
    assert_int_equal(run_state(f, 2), RUN_QUEUED);

    wait_for(f, 1, "a", 0);
    assert_int_equal(begin(f, 9, "k"), RUN_QUEUED); /* behind one that waits, too */
    for (int64_t run = 1; run <= 3; run++) {
        struct store_advance v = advance(f, run, ends[run - 1], NULL, 0);
        assert_int_equal(v.next_of_key, run + 1);
        assert_int_equal(run_state(f, run + 1), RUN_READY);
        assert_int_equal(run_state(f, run + 2), RUN_QUEUED);
    }
    struct store_run_change c = change(f, 4, STORE_RUN_CANCEL, 0);
    assert_int_equal(c.next_of_key, 5);
    assert_int_equal(advance(f, 5, RUN_SUCCEEDED, NULL, 0).next_of_key, 9);
    assert_int_equal(advance(f, 9, RUN_SUCCEEDED, NULL, 0).next_of_key, 0);
    assert_int_equal(begin(f, 10, "k"), RUN_READY);
    assert_int_equal(advance(f, 7, RUN_SUCCEEDED, NULL, 0).next_of_key, 0);
}

/* Two of one key in one write. */
static void test_key_within_one_accept(void **state)
{
    struct fixture *f = *state;
    struct store_run runs[] = {run_of(1, "k"), run_of(2, "k"), run_of(3, "j")};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = runs, .run_count = 3};
    write_one(f, &a.base);
    assert_int_equal(runs[0].state, RUN_READY);
    assert_int_equal(runs[1].state, RUN_QUEUED);
    assert_int_equal(runs[2].state, RUN_READY);
}

/* One that is canceled in the queue hands nothing on. */
static void test_cancel_in_the_queue(void **state)
{
    struct fixture *f = *state;
    for (int64_t run = 1; run <= 3; run++)
        begin(f, run, "k");
    assert_int_equal(change(f, 2, STORE_RUN_CANCEL, 0).next_of_key, 0);
    assert_int_equal(run_state(f, 3), RUN_QUEUED);
    assert_int_equal(advance(f, 1, RUN_SUCCEEDED, NULL, 0).next_of_key, 3);
}

/* --- orders --------------------------------------------------------------------------------------------------- */

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    wait_for(f, 1, "a", 0);
    clock_ms += 5;
    struct store_run_change c = change(f, 1, STORE_RUN_CANCEL, 0);
    assert_true(c.changed);
    assert_int_equal(c.state, RUN_CANCELED);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_CANCELED);
    assert_int_equal(q.runs[0].finished_ms, clock_ms);
    assert_bytes(q.runs[0].message, "by hand");
    assert_int_equal(q.steps[0].match.len, 0);
    store_read_fini(&q.base);
    emit(f, 10, "a");
    assert_int_equal(woken.count, 0);
    q = look(f, 1);
    assert_int_equal(q.steps[0].ended_ms, 0);
    store_read_fini(&q.base);
}

static void test_orders_that_states_refuse(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum run_state state;
        bool cancel, resume;
    } cases[] = {{RUN_READY, true, false},      {RUN_WAITING, true, false}, {RUN_SLEEPING, true, false},
                 {RUN_SUCCEEDED, false, false}, {RUN_FAILED, false, true},  {RUN_PARKED, true, true}};
    for (int64_t i = 0; i < 6; i++) {
        begin(f, 10 + i, "");
        begin(f, 20 + i, "");
        advance(f, 10 + i, cases[i].state, NULL, 0);
        advance(f, 20 + i, cases[i].state, NULL, 0);
        struct store_run_change c = change(f, 10 + i, STORE_RUN_CANCEL, 0);
        assert_int_equal(c.changed, cases[i].cancel);
        assert_int_equal(c.state, cases[i].cancel ? RUN_CANCELED : cases[i].state);
        assert_int_equal(run_state(f, 10 + i), c.state);
        c = change(f, 20 + i, STORE_RUN_RESUME, 0);
        assert_int_equal(c.changed, cases[i].resume);
        assert_int_equal(c.state, cases[i].resume ? RUN_READY : cases[i].state);
        assert_int_equal(run_state(f, 20 + i), c.state);
    }
    assert_false(change(f, 10, STORE_RUN_CANCEL, 0).changed);
    assert_false(change(f, 10, STORE_RUN_RESUME, 0).changed);
    struct store_run_change c = {.base = {.kind = STORE_RUN_CHANGE}, .run = 99};
    try_write(f, &c.base);
    assert_true(last.failed);
    assert_false(c.changed);
    assert_says(last.why, "run number 99 is not in the database");
}

static void test_resume(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_advance v = advance_of(1, RUN_PARKED, NULL, 0);
    v.run.message = bytes_of("why");
    write_one(f, &v.base);
    write_script(f, 5);
    write_script(f, 6);
    assert_int_equal(change(f, 1, STORE_RUN_RESUME, 0).state, RUN_READY);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].script, 1);
    assert_int_equal(q.runs[0].finished_ms, 0);
    assert_int_equal(q.runs[0].message.len, 0);
    store_read_fini(&q.base);
    advance(f, 1, RUN_FAILED, NULL, 0);
    change(f, 1, STORE_RUN_RESUME, 5);
    q = look(f, 1);
    assert_int_equal(q.runs[0].script, 5);
    store_read_fini(&q.base);
    assert_int_equal(number(f, "SELECT sum(kept * seq) FROM scripts"), 5);
}

/* It queues like any other of its key, also before those that came later. */
static void test_resume_with_a_key(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "k");
    begin(f, 2, "k");
    begin(f, 3, "k");
    assert_int_equal(advance(f, 1, RUN_PARKED, NULL, 0).next_of_key, 2);
    struct store_run_change c = change(f, 1, STORE_RUN_RESUME, 0);
    assert_true(c.changed);
    assert_int_equal(c.state, RUN_QUEUED);
    assert_int_equal(advance(f, 2, RUN_SUCCEEDED, NULL, 0).next_of_key, 1);
    assert_int_equal(run_state(f, 3), RUN_QUEUED);
    assert_int_equal(advance(f, 1, RUN_FAILED, NULL, 0).next_of_key, 3);
    assert_int_equal(advance(f, 3, RUN_SUCCEEDED, NULL, 0).next_of_key, 0);
    assert_int_equal(change(f, 1, STORE_RUN_RESUME, 0).state, RUN_READY);
}

/* What came while it was parked is there when it goes on: an event, and an outcome. */
static void test_parked_run_misses_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_step s[] = {wait_of(1, 1, "a"), call_of(1, 2, 50)};
    struct store_delivery d = delivery_of(50, 1, 2);
    struct store_advance v = advance_of(1, RUN_PARKED, s, 2);
    v.deliveries = &d;
    v.delivery_count = 1;
    write_one(f, &v.base);
    emit(f, 60, "a");
    assert_int_equal(woken.count, 0);
    assert_false(end_call(f, 50, 1, 2));
    assert_int_equal(run_state(f, 1), RUN_PARKED);
    change(f, 1, STORE_RUN_RESUME, 0);
    struct store_read_runs q = load(f, (struct store_read_runs){.what = STORE_LOAD_READY});
    assert_int_equal(q.count, 1);
    assert_int_equal(q.runs[0].woken, 2);
    assert_int_equal(q.steps[0].ref, 60);
    assert_true(q.steps[1].ended_ms > 0);
    store_read_fini(&q.base);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_every_field),
        WITH_STORE(test_input_of_the_event),
        WITH_STORE(test_duplicate_makes_no_run),
        WITH_STORE(test_accept_is_whole),
        WITH_STORE(test_event_ends_a_wait),
        WITH_STORE(test_event_ends_many_waits),
        WITH_STORE(test_event_with_many_keys),
        WITH_STORE(test_event_meets_a_ready_run),
        WITH_STORE(test_event_came_before_the_wait),
        WITH_STORE(test_an_event_ends_one_wait_after_the_other),
        WITH_STORE(test_older_events_do_not_count),
        WITH_STORE(test_one_of_a_key_at_a_time),
        WITH_STORE(test_key_within_one_accept),
        WITH_STORE(test_cancel_in_the_queue),
        WITH_STORE(test_cancel),
        WITH_STORE(test_orders_that_states_refuse),
        WITH_STORE(test_resume),
        WITH_STORE(test_resume_with_a_key),
        WITH_STORE(test_parked_run_misses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
