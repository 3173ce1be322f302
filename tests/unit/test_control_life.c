/* The control socket: how people go, and what the host may do meanwhile. */
#include "control_case.h"

/* --- how they go ---------------------------------------------------------------------------------------------- */

static struct buf big;

static void test_vanishes_in_an_answer(void **state)
{
    (void)state;
    struct person p;
    struct buf text;
    buf_init(&text);
    host_eval = answer_nothing;
    for (int i = 0; i < 1 << 20; i++)
        buf_append_char(&text, 'z');
    for (int round = 0; round < 2; round++) {
        attach(&p);
        buf_clear(&asked);
        say(&p, EVAL_1);
        WAIT_FOR(asked.len > 0);
        struct control_client *c = sessions[round].client;
        control_text(c, 1, buf_view(&text)); /* more than the kernel takes */
        idle(5);
        person_leave(&p);
        if (round == 1) /* before the loop knows */
            control_text(c, 1, buf_view(&text));
        WAIT_FOR(closed == round + 1);
    }
    buf_fini(&text);
}

static void ask_and_close_half(struct person *p)
{
    host_eval = answer_nothing;
    attach(p);
    say(p, EVAL_1);
    assert_int_equal(shutdown(p->fd, SHUT_WR), 0);
    WAIT_FOR(asked.len > 0);
}

/* It has asked, and only listens now. */
static void test_half_closed(void **state)
{
    (void)state;
    struct person p;
    host_eval = answer_nothing;
    attach(&p);
    say_bytes(&p, EVAL_1 "\n{\"id\":2,\"op\":\"eval\",\"code\":\"y\"}", 2 * strlen(EVAL_1) + 1);
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    WAIT_FOR(asked.len >= 2 * strlen("eval 1 80 x\n")); /* the last line has no newline */
    idle(600);
    assert_int_equal(closed, 0);
    control_text(sessions[0].client, 1, bytes_of("text"));
    control_end(sessions[0].client, 1, CONTROL_OK, bytes_of("one"), NONE);
    assert_line(&p, "{\"id\":1,\"text\":\"text\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"one\"}");
    control_end(sessions[0].client, 2, CONTROL_OK, bytes_of("two"), NONE);
    assert_line(&p, "{\"id\":2,\"end\":\"ok\",\"text\":\"two\"}");
    assert_end(&p);
    assert_int_equal(closed, 1);
    person_leave(&p);
}

/* A hundred kilobytes are answered: sent at once as far as it goes, and closed after the rest. */
static void test_half_closed_with_much(void **state)
{
    (void)state;
    struct person p;
    ask_and_close_half(&p);
    idle(10);
    for (int i = 0; i < 100000; i++)
        buf_append_char(&big, 'y');
    control_end(sessions[0].client, 1, CONTROL_OK, buf_view(&big), NONE);
    assert_int_equal(next_line(&p).len, 100000 + strlen("{\"id\":1,\"end\":\"ok\",\"text\":\"\"}"));
    assert_end(&p);
    buf_fini(&big);
    person_leave(&p);
}

static void test_half_closed_without_a_question(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    assert_end(&p);
    assert_int_equal(closed, 1);
    person_leave(&p);
}

/* Half of it first, then the rest: what it asked runs for nobody. */
static void test_half_closed_hangs_up(void **state)
{
    (void)state;
    struct person p;
    ask_and_close_half(&p);
    idle(20);
    assert_int_equal(closed, 0);
    person_leave(&p);
    WAIT_FOR(closed == 1);
}

static void test_leaves_while_it_runs(void **state)
{
    (void)state;
    struct person p;
    host_eval = answer_nothing;
    attach(&p);
    say(&p, EVAL_1);
    WAIT_FOR(asked.len > 0);
    person_leave(&p);
    WAIT_FOR(closed == 1);
}

static void test_half_a_line_at_the_end(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    say_bytes(&p, "{\"id\":1,", 8);
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    assert_line_has(&p, "{\"problem\":\"the line is no JSON: ");
    assert_end(&p);
    person_leave(&p);
}

/* Told a problem, it neither reads nor leaves. */
static void test_lingers_for_a_moment_only(void **state)
{
    (void)state;
    struct person p, q;
    int had = 0;
    attach(&p);
    say(&p, "what?");
    WAIT_FOR(closed == 1);
    for (int64_t until_ms = case_now_ms() + PATIENCE_MS; had >= 0 && case_now_ms() < until_ms; turn())
        had = (int)send(p.fd, "more\n", 5, MSG_NOSIGNAL) < 0 && errno == EPIPE ? -1 : 0;
    assert_int_equal(had, -1);
    assert_line_has(&p, "{\"problem\":");
    attach(&q);
    person_leave(&p);
    person_leave(&q);
}

/* --- what the ops may do -------------------------------------------------------------------------------------- */

static void tell_everybody(struct session *s, int64_t id, struct bytes code)
{
    for (int i = 0; i < opened; i++)
        if (sessions[i].client != NULL)
            control_note(sessions[i].client, code);
    control_end(s->client, id, CONTROL_OK, code, NONE);
}

static void test_ops_tell_others(void **state)
{
    (void)state;
    struct person p, other, gone;
    host_eval = tell_everybody;
    attach(&p);
    attach(&other);
    attach(&gone);
    person_leave(&gone); /* perhaps not noticed yet */
    say(&p, EVAL_1);
    assert_line(&p, "{\"note\":\"x\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"x\"}");
    assert_line(&other, "{\"note\":\"x\"}");
    person_leave(&p);
    person_leave(&other);
}

static void free_all(void)
{
    control_free(control);
    control_free(control); /* again, from within: nothing */
    control = NULL;
}

static bool free_in_open(struct session *s, struct err *why)
{
    (void)s, (void)why;
    free_all();
    return true;
}

static void free_in_eval(struct session *s, int64_t id, struct bytes code)
{
    control_end(s->client, id, CONTROL_OK, code, NONE);
    free_all();
    assert_memory_equal(code.data, "x", 1); /* the view lasts as long as the call */
}

static void free_in_cancel(struct session *s, int64_t target)
{
    (void)s, (void)target;
    free_all();
}

static void free_in_close(struct session *s)
{
    (void)s;
    host_close = NULL;
    free_all();
}

static void free_within(const char *lines)
{
    struct person p, other;
    struct err e;
    opened = closed = 0;
    control = control != NULL ? control : case_control(dir, &e);
    attach(&other);
    person_come(&p);
    say(&p, lines);
    WAIT_FOR(control == NULL);
    idle(10);
    assert_int_equal(closed, opened);
    assert_end(&other);
    person_leave(&p);
    person_leave(&other);
    host_eval = answer_nothing;
    host_cancel = NULL;
    host_close = NULL;
}

static void test_ops_free_everything(void **state)
{
    (void)state;
    host_eval = free_in_eval;
    free_within(EVAL_1 "\n{\"id\":2,\"op\":\"eval\",\"code\":\"never\"}");
    assert_asked("eval 1 80 x\n");
    host_complete = free_in_eval;
    free_within("{\"id\":2,\"op\":\"complete\",\"code\":\"x\",\"cursor\":0}\n" EVAL_1);
    host_cancel = free_in_cancel;
    free_within(EVAL_1 "\n{\"id\":2,\"op\":\"cancel\",\"target\":1}\n" EVAL_1);
    host_close = free_in_close;
    free_within("what?\n" EVAL_1);
}

static void test_open_frees_everything(void **state)
{
    (void)state;
    struct person p;
    host_open = free_in_open;
    person_come(&p);
    WAIT_FOR(control == NULL);
    assert_int_equal(opened, 1);
    assert_int_equal(closed, 1);
    assert_end(&p);
    person_leave(&p);
}

/* What was said last still comes. */
static void test_free_sends_what_it_can(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    control_note(sessions[0].client, bytes_of("the runtime ends"));
    control_free(control);
    control = NULL;
    assert_int_equal(closed, 1);
    assert_line(&p, "{\"note\":\"the runtime ends\"}");
    assert_end(&p);
    person_leave(&p);
}

/* --- many ----------------------------------------------------------------------------------------------------- */

/* Each of them a connection of its own. */
static void test_many_come_and_go(void **state)
{
    (void)state;
    struct person p;
    for (int i = 0; i < 1000; i++) {
        attach(&p);
        say(&p, i % 3 == 0 ? EVAL_1 : i % 3 == 1 ? "{\"id\":1}" : "{\"id\":1,\"op\":\"eval\",\"code\":\"\"");
        if (i % 2 == 0)
            assert_non_null(next_line(&p).data);
        person_leave(&p);
        WAIT_FOR(closed == i % SESSIONS_MAX + 1);
        if (opened == SESSIONS_MAX)
            opened = closed = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_vanishes_in_an_answer),  CASE(test_half_closed),
        CASE(test_half_closed_with_much),  CASE(test_half_closed_without_a_question),
        CASE(test_half_closed_hangs_up),   CASE(test_leaves_while_it_runs),
        CASE(test_half_a_line_at_the_end), CASE(test_lingers_for_a_moment_only),
        CASE(test_ops_tell_others),        CASE(test_ops_free_everything),
        CASE(test_open_frees_everything),  CASE(test_free_sends_what_it_can),
        CASE(test_many_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
