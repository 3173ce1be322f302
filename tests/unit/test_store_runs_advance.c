/* What a run writes when it comes to wait or end, whatever crosses it, and when it is written twice. */
#include "store/apply.h"
#include "test_store_runs.h"

/* --- what is written ------------------------------------------------------------------------------------------ */

static void test_every_field(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_step s[] = {call_of(1, 1, 50), step_of(1, 2, STEP_SEND), step_of(1, 3, STEP_SLEEP)};
    struct store_delivery d[] = {delivery_of(50, 1, 1), delivery_of(51, 1, 2)};
    s[0].path = bytes_of("4.2.1");
    s[0].name = bytes_of("order_paid");
    s[1].ref = 51;
    s[1].ended_ms = clock_ms + 1;
    s[2].due_ms = clock_ms + 9000;
    d[1].state = DELIVERY_FAILED;
    d[1].request = bytes_of("");
    d[1].finished_ms = clock_ms;
    struct store_advance v = advance_of(1, RUN_WAITING, s, 3);
    v.run.due_ms = clock_ms + 9000;
    v.run.script = 8;
    v.run.message = bytes_of("words");
    v.run.result = bytes_of("[1]");
    v.deliveries = d;
    v.delivery_count = 2;
    write_one(f, &v.base);
    assert_false(v.woken);
    assert_false(v.superseded);
    assert_int_equal(store_last_seq(f->s), 51);
    assert_int_equal(state_of(f, 50), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 51), DELIVERY_FAILED);
    clock_ms += 20;
    assert_true(end_call(f, 50, 1, 1));
    fixture_reopen(f);

    struct asked a;
    struct store_read *r = answer_one(f, &a, 50);
    assert_int_equal(r->rows[0].run, 1);
    assert_int_equal(r->rows[0].step, 1);
    assert_bytes(r->rows[0].request, "the request");
    store_read_fini(r);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_READY);
    assert_int_equal(q.runs[0].script, 8);
    assert_int_equal(q.runs[0].steps, 3);
    assert_int_equal(q.runs[0].woken, 1);
    assert_int_equal(q.runs[0].due_ms, 0);
    assert_bytes(q.runs[0].message, "words");
    assert_bytes(q.runs[0].result, "[1]");
    assert_int_equal(q.step_count, 3);
    const struct store_step *t = q.steps;
    assert_int_equal(t[0].run, 1);
    assert_int_equal(t[0].number, 1);
    assert_int_equal(t[0].kind, STEP_CALL);
    assert_bytes(t[0].path, "4.2.1");
    assert_bytes(t[0].name, "order_paid");
    assert_int_equal(t[0].ref, 50);
    assert_int_equal(t[0].attempt, 1);
    assert_int_equal(t[0].started_ms, clock_ms - 20);
    assert_int_equal(t[0].ended_ms, clock_ms);
    assert_bytes(t[0].result, "{\"ok\":true}");
    assert_memory_equal(&t[0].delivery, &d[0].id, UUID_SIZE);
    assert_non_null(t[0].answer);
    assert_int_equal(t[0].answer->number, 1);
    assert_int_equal(t[0].answer->status, 200);
    assert_bytes(buf_view(&t[0].answer->headers), "A: b\n");
    assert_bytes(buf_view(&t[0].answer->body), "answer");
    assert_int_equal(t[1].kind, STEP_SEND);
    assert_int_equal(t[1].ended_ms, s[1].ended_ms);
    assert_memory_equal(&t[1].delivery, &d[1].id, UUID_SIZE);
    assert_null(t[1].answer);
    assert_int_equal(t[2].kind, STEP_SLEEP);
    assert_int_equal(t[2].due_ms, s[2].due_ms);
    assert_int_equal(t[2].ended_ms, 0);
    store_read_fini(&q.base);
}

/* The indexes are read by these: a run that is not waiting is never due, and one that sleeps always is. */
static void test_due_times(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum run_state state;
        int64_t due_ms, want;
    } cases[] = {{RUN_READY, 7, 0},    {RUN_WAITING, 7, 7}, {RUN_WAITING, 0, 0}, {RUN_SLEEPING, 7, 7},
                 {RUN_SLEEPING, 0, 1}, {RUN_FAILED, 7, 0},  {RUN_PARKED, 7, 0}};
    for (int64_t i = 0; i < 7; i++) {
        begin(f, i + 1, "");
        struct store_advance v = advance_of(i + 1, cases[i].state, NULL, 0);
        v.run.due_ms = cases[i].due_ms;
        v.run.finished_ms = 0; /* the clock's, then, where it must be one */
        write_one(f, &v.base);
        struct store_read_runs q = look(f, i + 1);
        assert_int_equal(q.runs[0].due_ms, cases[i].want);
        assert_int_equal(q.runs[0].finished_ms, run_state_final(cases[i].state) ? clock_ms : 0);
        store_read_fini(&q.base);
    }
}

static void test_ended_steps(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_step s = step_of(1, 1, STEP_SLEEP);
    s.due_ms = clock_ms + 100;
    advance(f, 1, RUN_SLEEPING, &s, 1);
    clock_ms += 100;
    struct store_step more[] = {s, step_of(1, 2, STEP_MANAGE)};
    more[0].ended_ms = more[1].ended_ms = clock_ms;
    more[0].result = bytes_of("true");
    more[0].ref = 6;
    more[0].attempt = 7;
    advance(f, 1, RUN_SUCCEEDED, more, 2);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.step_count, 2);
    assert_int_equal(q.steps[0].ended_ms, clock_ms);
    assert_int_equal(q.steps[0].due_ms, clock_ms);
    assert_int_equal(q.steps[0].ref, 6);
    assert_int_equal(q.steps[0].attempt, 7);
    assert_bytes(q.steps[0].result, "true");
    assert_int_equal(q.steps[1].kind, STEP_MANAGE);
    assert_int_equal(q.runs[0].steps, 2);
    store_read_fini(&q.base);
}

static void test_what_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    begin(f, 2, "");
    static const int numbers[] = {0, -1, RUN_STEPS_MAX + 1};
    struct store_step ok = step_of(1, RUN_STEPS_MAX, STEP_SLEEP);
    advance(f, 1, RUN_SLEEPING, &ok, 1);
    for (int i = 0; i < 3; i++) {
        struct store_step s = step_of(1, numbers[i], STEP_SLEEP);
        struct store_advance v = advance_of(1, RUN_SUCCEEDED, &s, 1);
        try_write(f, &v.base);
        assert_true(last.failed);
        assert_says(last.why, "no room for a step");
    }
    assert_int_equal(run_state(f, 1), RUN_SLEEPING);
    assert_int_equal(run_state(f, 2), RUN_READY);
    struct store_advance v = advance_of(99, RUN_WAITING, NULL, 0);
    try_write(f, &v.base);
    assert_true(last.failed);
    assert_says(last.why, "run number 99 is not in the database");
    assert_int_equal(number(f, "SELECT count(*) FROM steps"), 1);
}

/* An id that is taken: the whole advance fails, and alone. */
static void test_advance_is_whole(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    accept_one(f, 40, "shop");
    struct store_step s = call_of(1, 1, 50);
    struct store_delivery d = delivery_of(50, 1, 1);
    struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
    v.deliveries = &d;
    v.delivery_count = 1;
    d.id = uuid_of(40);
    try_write(f, &v.base);
    assert_true(last.failed);
    assert_says(last.why, "UNIQUE");
    assert_int_equal(run_state(f, 1), RUN_READY);
    assert_int_equal(number(f, "SELECT count(*) FROM steps"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM requests"), 1);
}

static void test_forms(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct bytes forms[] = {bytes_of("b"), bytes_of("2"), bytes_of("a"), bytes_of("1"),
                            bytes_of("b"), bytes_of("1"), bytes_of("b"), bytes_of("2")};
    struct store_advance v = advance_of(1, RUN_WAITING, NULL, 0);
    v.forms = forms;
    v.form_count = 4;
    write_one(f, &v.base);
    write_one(f, &v.base);
    fixture_reopen(f);
    struct store_read_forms q = {.base = {.kind = STORE_READ_FORMS}};
    read_one(f, &q.base);
    assert_int_equal(q.count, 3);
    assert_bytes(q.forms[0].name, "a");
    assert_bytes(q.forms[0].form, "1");
    assert_bytes(q.forms[2].name, "b");
    assert_bytes(q.forms[2].form, "2");
    store_read_fini(&q.base);
    assert_null(q.forms);
}

/* --- what crosses it ------------------------------------------------------------------------------------------ */

/* The outcome is committed after the run was loaded and before its advance, which knows nothing of it. */
static void test_no_wake_up_is_lost(void **state)
{
    struct fixture *f = *state;
    for (int seen = 0; seen <= 1; seen++) {
        int64_t run = 1 + seen, delivery = 50 + seen;
        begin(f, run, "");
        call_one(f, run, delivery);
        assert_true(end_call(f, delivery, run, 1));
        struct store_step s = wait_of(run, 2, "a");
        struct store_advance v = advance_of(run, RUN_WAITING, &s, 1);
        v.seen = seen;
        v.run.due_ms = clock_ms + 1000;
        write_one(f, &v.base);
        assert_int_equal(v.woken, seen == 0);
        struct store_read_runs q = look(f, run);
        assert_int_equal(q.runs[0].state, seen == 0 ? RUN_READY : RUN_WAITING);
        assert_int_equal(q.runs[0].due_ms, seen == 0 ? 0 : clock_ms + 1000);
        store_read_fini(&q.base);
    }
    emit(f, 90, "a");
    assert_int_equal(woken.count, 2);
    assert_int_equal(woken.runs[1], 2);
}

/* Both in one commit, in either order. */
static void test_no_wake_up_is_lost_in_one_commit(void **state)
{
    struct fixture *f = *state;
    for (int first = 0; first <= 1; first++) {
        int64_t run = 1 + first, delivery = 50 + first;
        begin(f, run, "");
        call_one(f, run, delivery);
        struct store_step_end end = {.run = run, .step = 1, .attempt = 1, .ended_ms = clock_ms};
        struct store_update u = {.base = {.kind = STORE_UPDATE, .done = on_last},
                                 .row = {.seq = delivery, .state = DELIVERY_SUCCEEDED},
                                 .step = &end};
        struct store_step s = step_of(run, 2, STEP_SLEEP);
        struct store_advance v = advance_of(run, RUN_SLEEPING, &s, 1);
        v.base.done = on_last;
        last.done = 0;
        store_submit(f->s, first == 0 ? &u.base : &v.base);
        store_submit(f->s, first == 0 ? &v.base : &u.base);
        while (last.done < 2)
            fixture_turn(f);
        assert_true(u.woken);
        assert_int_equal(v.woken, first == 0);
        assert_int_equal(run_state(f, run), RUN_READY);
    }
}

static void test_superseded_by_cancel(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "k");
    begin(f, 2, "k");
    change(f, 1, STORE_RUN_CANCEL, 0);
    for (int i = 0; i < 2; i++) {
        struct bytes forms[] = {bytes_of("b"), bytes_of("2")};
        struct store_step s = call_of(1, 1, 50);
        struct store_delivery d = delivery_of(50, 1, 1);
        struct store_advance v = advance_of(1, i == 0 ? RUN_WAITING : RUN_SUCCEEDED, &s, 1);
        v.deliveries = &d;
        v.delivery_count = 1;
        v.forms = forms;
        v.form_count = 1;
        write_one(f, &v.base);
        assert_true(v.superseded);
        assert_false(v.woken);
        assert_int_equal(v.next_of_key, 0);
    }
    assert_int_equal(run_state(f, 1), RUN_CANCELED);
    assert_int_equal(state_of(f, 50), -1);
    assert_int_equal(number(f, "SELECT (SELECT count(*) FROM steps) + (SELECT count(*) FROM forms)"), 0);
}

/* Another end than the one that is written, of the same kind. */
/* Whoever began from an old answer would do again what has been done. */
static void test_superseded_by_its_own_advance(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    struct store_step first = step_of(1, 1, STEP_SLEEP), again = call_of(1, 1, 50), wait = wait_of(1, 2, "a");
    struct store_delivery d = delivery_of(50, 1, 1);
    struct store_advance v = advance(f, 1, RUN_SLEEPING, &first, 1);
    int64_t mark = v.mark;
    struct store_advance old = advance_of(1, RUN_WAITING, &again, 1);
    old.run.mark = 0;
    old.deliveries = &d;
    old.delivery_count = 1;
    write_one(f, &old.base);
    assert_true(old.superseded);
    assert_int_equal(number(f, "SELECT count(*) FROM deliveries"), 0);
    *mark_of(1) = mark;
    v = advance(f, 1, RUN_WAITING, &wait, 1);
    assert_false(v.superseded);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].mark, v.mark);
    assert_int_equal(q.step_count, 2);
    assert_int_equal(q.steps[0].kind, STEP_SLEEP);
    store_read_fini(&q.base);
}

static void test_superseded_by_another_end(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    call_one(f, 1, 50);
    end_call(f, 50, 1, 1);
    for (int i = 0; i < 3; i++) {
        struct store_advance v = advance_of(1, RUN_FAILED, NULL, 0);
        v.run.steps = i == 2 ? 2 : 1;
        v.seen = i == 1 ? 1 : 0;
        write_one(f, &v.base);
        assert_int_equal(v.superseded, i != 0);
    }
}

static void test_the_end_goes_before_what_wakes(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    call_one(f, 1, 50);
    end_call(f, 50, 1, 1);
    struct store_advance v = advance(f, 1, RUN_SUCCEEDED, NULL, 0);
    assert_false(v.woken);
    assert_int_equal(run_state(f, 1), RUN_SUCCEEDED);
}

/* Time was up: the event comes too late, or a moment before the run has written that. */
static void test_wait_ends_by_time(void **state)
{
    struct fixture *f = *state;
    for (int64_t early = 0; early <= 1; early++) {
        int64_t run = 1 + early;
        begin(f, run, "");
        wait_for(f, run, "a", 100 * early);
        if (early)
            emit(f, 150, "a");
        struct store_step s = wait_of(run, 1, "a");
        s.ended_ms = clock_ms + 7;
        s.result = bytes_of("null");
        struct store_advance v = advance_of(run, RUN_SLEEPING, &s, 1);
        v.run.due_ms = clock_ms + 50;
        write_one(f, &v.base);
        assert_int_equal(v.woken, early);
        emit(f, 60 + 100 * early, "a");
        assert_int_equal(woken.count, 0);
        struct store_read_runs q = look(f, run);
        assert_int_equal(q.steps[0].ended_ms, clock_ms + 7);
        assert_bytes(q.steps[0].result, "null");
        assert_int_equal(q.steps[0].ref, 0);
        store_read_fini(&q.base);
    }
}

static void test_ends_that_come_to_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    call_one(f, 1, 50);
    accept_one(f, 60, "shop");
    assert_false(end_call(f, 60, 99, 1)); /* no such run */
    assert_false(end_call(f, 60, 1, 9));  /* no such step */
    assert_int_equal(run_state(f, 1), RUN_WAITING);
    assert_true(end_call(f, 50, 1, 1));
    clock_ms += 1000;
    assert_false(end_call(f, 50, 1, 1)); /* sent again by hand: the step has ended */
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].woken, 1);
    assert_int_equal(q.steps[0].ended_ms, clock_ms - 1000);
    store_read_fini(&q.base);

    begin(f, 2, "");
    call_one(f, 2, 70);
    change(f, 2, STORE_RUN_CANCEL, 0);
    assert_false(end_call(f, 70, 2, 1));
    assert_int_equal(state_of(f, 70), DELIVERY_SUCCEEDED);
    q = look(f, 2);
    assert_int_equal(q.runs[0].state, RUN_CANCELED);
    assert_int_equal(q.steps[0].ended_ms, 0);
    store_read_fini(&q.base);
}

/* --- written twice: a commit that failed may be on the disk all the same -------------------------------------- */

/* Another way into the database, while the store is closed. */
struct direct {
    struct sqlite c;
    struct apply a;
};

static void direct_open(struct fixture *f, struct direct *d)
{
    struct err e;
    fixture_close(f);
    *d = (struct direct){.c = {.folder = f->folder, .path = fixture_path(f, "anzol.db")}};
    assert_int_equal(sqlite_open(&d->c, SQLITE_WRITER, &e), 0);
    assert_int_equal(apply_prepare(&d->a, &d->c, &e), 0);
}

static void direct_close(struct fixture *f, struct direct *d)
{
    sqlite_close(&d->c);
    apply_fini(&d->a);
    fixture_open(f);
}

static void apply(struct direct *d, struct store_write *w)
{
    assert_int_equal(apply_write(&d->a, w, clock_ms), SQLITE_OK);
    assert_int_equal(apply_flush(&d->a, true), SQLITE_OK);
    assert_null(w->failure);
}

static void test_advance_again(void **state)
{
    struct fixture *f = *state;
    struct direct d;
    begin(f, 1, "");
    emit(f, 10, "early");
    struct store_step s[] = {call_of(1, 1, 50), wait_of(1, 2, "early"), wait_of(1, 3, "b"), step_of(1, 4, STEP_SEND)};
    struct store_delivery rows[] = {delivery_of(50, 1, 1), delivery_of(51, 1, 4)};
    struct store_step_end end = {.run = 1, .step = 1, .attempt = 1, .ended_ms = clock_ms, .result = bytes_of("1")};
    struct store_update u = {
        .base = {.kind = STORE_UPDATE}, .row = {.seq = 50, .state = DELIVERY_SUCCEEDED}, .step = &end};
    struct store_advance v = advance_of(1, RUN_WAITING, s, 4);
    v.deliveries = rows;
    v.delivery_count = 2;
    s[3].ended_ms = clock_ms;
    direct_open(f, &d);
    for (int i = 0; i < 3; i++) {
        apply(&d, &v.base);
        assert_true(v.woken);
        assert_false(v.superseded);
        apply(&d, &u.base);
        assert_true(u.woken);
    }
    direct_close(f, &d);
    assert_int_equal(state_of(f, 50), DELIVERY_SUCCEEDED);
    assert_int_equal(state_of(f, 51), DELIVERY_QUEUED);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_READY);
    assert_int_equal(q.runs[0].woken, 2);
    assert_int_equal(q.step_count, 4);
    assert_bytes(q.steps[0].result, "1");
    assert_int_equal(q.steps[1].ref, 10);
    assert_bytes(q.steps[2].match, "b");
    store_read_fini(&q.base);
}

/* An event whose accept was reported as failed, and is on the disk. */
static void test_advance_again_after_an_event(void **state)
{
    struct fixture *f = *state;
    struct direct d;
    struct bytes keys[] = {bytes_of("a")};
    struct store_event e = {.seq = 20, .id = uuid_of(20), .body = bytes_of("{}"), .received_ms = clock_ms};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &e, .keys = keys, .key_count = 1};
    struct store_step s = wait_of(1, 1, "a");
    begin(f, 1, "");
    struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
    direct_open(f, &d);
    apply(&d, &v.base);
    assert_false(v.woken);
    apply(&d, &a.base);
    buf_fini(&a.woken);
    apply(&d, &v.base);
    assert_true(v.woken);
    direct_close(f, &d);
    struct store_read_runs q = look(f, 1);
    assert_int_equal(q.runs[0].state, RUN_READY);
    assert_int_equal(q.runs[0].woken, 1);
    assert_int_equal(q.steps[0].ref, 20);
    store_read_fini(&q.base);
}

/* The end is told as at the first try, and the key is handed on once. */
static void test_end_again(void **state)
{
    static const enum run_state ends[] = {RUN_SUCCEEDED, RUN_FAILED, RUN_PARKED};
    struct fixture *f = *state;
    struct direct d;
    for (int64_t i = 0; i < 3; i++) {
        int64_t run = 10 * i + 1;
        char key[] = {(char)('a' + i), '\0'};
        for (int k = 0; k < 3; k++)
            begin(f, run + k, key);
        struct store_advance v = advance_of(run, ends[i], NULL, 0);
        direct_open(f, &d);
        for (int k = 0; k < 3; k++) {
            apply(&d, &v.base);
            assert_false(v.superseded);
            assert_int_equal(v.next_of_key, run + 1);
        }
        direct_close(f, &d);
        assert_int_equal(run_state(f, run), ends[i]);
        assert_int_equal(run_state(f, run + 1), RUN_READY);
        assert_int_equal(run_state(f, run + 2), RUN_QUEUED);
    }
}

static void test_script_again(void **state)
{
    struct fixture *f = *state;
    write_script(f, 7);
    write_script(f, 7);
    assert_int_equal(number(f, "SELECT count(*) FROM scripts"), 1);
    assert_int_equal(store_last_seq(f->s), 7);
}

/* --- while the database refuses ------------------------------------------------------------------------------- */

static void on_kept(struct store_write *w, const struct err *failure)
{
    (void)w;
    assert_null(failure);
    read_done++;
}

static void test_refusal(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    begin(f, 1, "");
    struct store_step s = wait_of(1, 1, "a");
    struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
    struct store_script_write script = {.base = {.kind = STORE_SCRIPT, .done = on_kept}, .seq = 7};
    struct store_run_change c = {.base = {.kind = STORE_RUN_CHANGE}, .run = 1, .now_ms = clock_ms};
    v.base.done = on_kept;
    read_done = 0;
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    store_submit(f->s, &v.base);
    store_submit(f->s, &script.base);
    try_write(f, &c.base);
    assert_true(last.failed);
    assert_says(last.why, "locked by another program");
    assert_int_equal(read_done, 0);
    assert_int_equal(store_health(f->s, NULL), -1);
    assert_int_equal(store_pending(f->s), 2);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    while (read_done < 2)
        fixture_turn(f);
    assert_int_equal(run_state(f, 1), RUN_WAITING);
    assert_int_equal(number(f, "SELECT seq FROM scripts"), 7);
    assert_int_equal(store_pending_bytes(f->s), 0);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_every_field),
        WITH_STORE(test_due_times),
        WITH_STORE(test_ended_steps),
        WITH_STORE(test_what_cannot_be_written),
        WITH_STORE(test_advance_is_whole),
        WITH_STORE(test_forms),
        WITH_STORE(test_no_wake_up_is_lost),
        WITH_STORE(test_no_wake_up_is_lost_in_one_commit),
        WITH_STORE(test_superseded_by_cancel),
        WITH_STORE(test_superseded_by_its_own_advance),
        WITH_STORE(test_superseded_by_another_end),
        WITH_STORE(test_the_end_goes_before_what_wakes),
        WITH_STORE(test_wait_ends_by_time),
        WITH_STORE(test_ends_that_come_to_nothing),
        WITH_STORE(test_advance_again),
        WITH_STORE(test_advance_again_after_an_event),
        WITH_STORE(test_end_again),
        WITH_STORE(test_script_again),
        WITH_STORE(test_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
