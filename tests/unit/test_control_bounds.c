/* The control socket: what is bounded, and what happens at the bounds. */
#include "control_case.h"

#include "core/utf8.h"

#include <sys/resource.h>

/* --- how many ------------------------------------------------------------------------------------------------- */

static void test_too_many_clients(void **state)
{
    (void)state;
    struct person p[CONTROL_CLIENTS_MAX], next;
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        attach(&p[i]);
    for (int i = 0; i < 3; i++) {
        person_come(&next);
        assert_line(&next, "{\"problem\":\"32 consoles are attached, the most there can be; leave one first\"}");
        assert_end(&next);
        person_leave(&next);
    }
    say(&p[31], EVAL_1);
    assert_line(&p[31], "{\"id\":1,\"end\":\"ok\",\"text\":\"x\"}");
    person_leave(&p[7]);
    WAIT_FOR(closed == 1);
    attach(&p[7]);
    for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
        person_leave(&p[i]);
    WAIT_FOR(closed == CONTROL_CLIENTS_MAX + 1);
}

static void on_enough(struct ev_loop *l, struct ev_timer *timer, int events)
{
    (void)timer, (void)events;
    ev_break(l, EVBREAK_ALL);
}

/* No descriptor for the next one: it waits, the loop does not spin, those who are attached go on. */
static void test_no_descriptor_left(void **state)
{
    (void)state;
    struct person p, waiting = {0};
    struct rlimit had, none;
    if (getenv("WRAP_UNIT") != NULL) /* valgrind accepts such a connection, and closes it */
        skip();
    waiting.fd = person_socket();
    attach(&p);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
    none = had;
    int free_fd = dup(0);
    close(free_fd);
    none.rlim_cur = (rlim_t)free_fd;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(person_connect(waiting.fd, path_of("control")), 0);
    unsigned before = ev_iteration(loop);
    struct ev_timer enough;
    ev_timer_init(&enough, on_enough, .4, 0.);
    ev_timer_start(loop, &enough);
    ev_run(loop, 0); /* sleeps while there is nothing to do */
    unsigned turns = ev_iteration(loop) - before;
    say(&p, EVAL_1);
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"x\"}");
    assert_int_equal(opened, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
    assert_true(turns < 20);
    assert_line_has(&waiting, "{\"hello\"");
    person_leave(&p);
    person_leave(&waiting);
}

/* What waits is bounded, in number and in bytes; it is said, and the rest goes on. */
static void test_too_much_waits(void **state)
{
    (void)state;
    struct person p;
    struct buf lines;
    char want[80];
    buf_init(&lines);
    host_eval = answer_nothing;
    attach(&p);
    for (int id = 1; id <= CONTROL_OPEN_MAX + 1; id++)
        buf_printf(&lines, "{\"id\":%d,\"op\":\"eval\",\"code\":\"\"}\n", id);
    say_bytes(&p, lines.data, lines.len);
    snprintf(want, sizeof want, "{\"id\":%d,\"end\":\"error\",\"text\":\"%d requests of this connection wait;",
             CONTROL_OPEN_MAX + 1, CONTROL_OPEN_MAX);
    assert_line_has(&p, want);
    for (int id = 1; id <= CONTROL_OPEN_MAX; id++)
        control_end(sessions[0].client, id, CONTROL_MORE, NONE, NONE);
    for (int id = 1; id <= CONTROL_OPEN_MAX; id++)
        assert_line_has(&p, "\"end\":\"more\"}");
    put_long(&lines, CONTROL_LINE_MAX - 8);
    lines.len--;
    for (int id = 1; id <= 5; id++) {
        buf_clear(&asked);
        lines.data[6] = (char)('0' + id);
        say_bytes(&p, lines.data, lines.len);
        say_bytes(&p, "\n", 1);
    }
    assert_line_has(&p, "{\"id\":5,\"end\":\"error\",\"text\":\"4194152 bytes of code wait in this connection;");
    buf_fini(&lines);
    person_leave(&p);
}

/* --- who does not read ---------------------------------------------------------------------------------------- */

static struct buf big;

static void flood(struct session *s, int64_t id, struct bytes code)
{
    if (code.data[0] != 'f') {
        control_end(s->client, id, CONTROL_OK, code, NONE);
        return;
    }
    while (big.len < (64 << 10))
        buf_append_char(&big, 'y');
    for (int i = 0; i < 200; i++) /* 12 MiB, without a turn of the loop */
        control_text(s->client, id, buf_view(&big));
    control_end(s->client, id, CONTROL_OK, NONE, NONE);
}

static void test_who_does_not_read_is_closed(void **state)
{
    (void)state;
    struct person p, other;
    host_eval = flood;
    attach(&p);
    attach(&other);
    say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"flood\"}\n{\"id\":2,\"op\":\"eval\",\"code\":\"never\"}");
    say(&other, EVAL_1);
    assert_line(&other, "{\"id\":1,\"end\":\"ok\",\"text\":\"x\"}");
    WAIT_FOR(closed == 1);
    assert_null(sessions[0].client);
    assert_asked("eval 1 80 flood\neval 1 80 x\n");
    size_t got = 0;
    for (ssize_t n; (n = recv(p.fd, big.data, big.len, 0)) > 0;)
        got += (size_t)n;
    assert_true(got < CONTROL_UNSENT_MAX); /* what the kernel had, and the end */
    buf_fini(&big);
    person_leave(&p);
    person_leave(&other);
}

/* 3 MiB that nobody reads yet are kept, and come whole. */
static void test_who_reads_late_gets_all(void **state)
{
    (void)state;
    struct person p;
    struct buf text;
    buf_init(&text);
    host_eval = answer_nothing;
    attach(&p);
    say(&p, EVAL_1);
    WAIT_FOR(asked.len > 0);
    for (int i = 0; i < (3 << 20) / 16; i++)
        buf_append_str(&text, "0123456789abcdef");
    control_text(sessions[0].client, 1, buf_view(&text));
    idle(30);
    control_end(sessions[0].client, 1, CONTROL_OK, bytes_of("done"), NONE);
    size_t got = 0;
    for (struct bytes line; !line_has(line = next_line(&p), "\"end\"");)
        got += line.len - strlen("{\"id\":1,\"text\":\"\"}");
    assert_int_equal(got, text.len);
    assert_int_equal(closed, 0);
    buf_fini(&text);
    person_leave(&p);
}

/* --- what is too long, or no text ----------------------------------------------------------------------------- */

static struct bytes many(struct buf *b, const char *text, size_t count)
{
    buf_clear(b);
    while (count-- > 0)
        buf_append_str(b, text);
    assert_false(buf_failed(b));
    return buf_view(b);
}

static void ask_for(struct person *p, const char *op)
{
    char line[80];
    snprintf(line, sizeof line, "{\"id\":1,\"op\":\"%s\",\"code\":\"\"%s}", op,
             op[0] == 'c' ? ",\"cursor\":0" : ",\"json\":true");
    buf_clear(&asked);
    say(p, line);
    WAIT_FOR(asked.len > 0);
}

static void test_text_that_is_not_utf8(void **state)
{
    (void)state;
    struct person p;
    host_eval = answer_nothing;
    attach(&p);
    ask_for(&p, "eval");
    control_text(sessions[0].client, 1, bytes_of("a\xFF\xC3"));
    control_note(sessions[0].client, bytes_of("\x80"));
    control_end(sessions[0].client, 1, CONTROL_ERROR, bytes_of("\xC3\xA9\xF0\x9F"), NONE);
    assert_line(&p, "{\"id\":1,\"text\":\"a\xEF\xBF\xBD\xEF\xBF\xBD\"}");
    assert_line(&p, "{\"note\":\"\xEF\xBF\xBD\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"error\",\"text\":\"\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\"}");
    person_leave(&p);
}

/* In several lines, none of which cuts a character, and all of which hold what was printed. */
static void test_long_text(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    struct person p;
    struct buf text;
    size_t signs = 0;
    buf_init(&text);
    host_eval = answer_nothing;
    attach(&p);
    ask_for(&p, "eval");
    control_text(sessions[0].client, 1, many(&text, "\xE2\x82\xAC", COUNT));
    control_end(sessions[0].client, 1, CONTROL_MORE, NONE, NONE);
    for (struct bytes line; !line_has(line = next_line(&p), "\"end\"");) {
        assert_true(line_has(line, "{\"id\":1,\"text\":\"\xE2\x82\xAC") && line_has(line, "\xE2\x82\xAC\"}"));
        assert_true(line.len <= CONTROL_LINE_MAX);
        assert_int_equal(utf8_valid_prefix(line), line.len);
        assert_false(line_has(line, "\xEF\xBF\xBD"));
        signs += (line.len - strlen("{\"id\":1,\"text\":\"\"}")) / 3;
    }
    assert_int_equal(signs, COUNT);
    buf_fini(&text);
    person_leave(&p);
}

static void end_with(struct person *p, struct bytes text, struct bytes values)
{
    ask_for(p, "eval");
    control_end(sessions[0].client, 1, CONTROL_OK, text, values);
}

static void test_long_end(void **state)
{
    (void)state;
    struct person p;
    struct buf text, values;
    buf_init(&text);
    buf_init(&values);
    host_eval = answer_nothing;
    attach(&p);
    end_with(&p, many(&text, "x", 1000000), NONE); /* fits */
    assert_int_equal(next_line(&p).len, 1000000 + strlen("{\"id\":1,\"end\":\"ok\",\"text\":\"\"}"));
    end_with(&p, many(&text, "\x01", 2000000), bytes_of("[7]"));
    struct bytes line = next_line(&p);
    assert_true(line.len > 100000 && line.len <= CONTROL_LINE_MAX);
    assert_true(line_has(line, "{\"id\":1,\"end\":\"ok\",\"text\":\"\\u0001"));
    assert_true(line_has(line, "\\n… (cut; it has 2000000 bytes)\",\"values\":[7]}"));
    many(&values, "1,", 600000);
    values.data[0] = '[', values.data[values.len - 1] = ']';
    end_with(&p, bytes_of("short"), buf_view(&values));
    assert_line_has(&p, "{\"id\":1,\"end\":\"error\",\"text\":\"the values are too long for an answer: found 1200000 ");
    buf_fini(&text);
    buf_fini(&values);
    person_leave(&p);
}

static void complete_long(struct session *s, int64_t id, struct bytes code)
{
    (void)code;
    static char name[101];
    static struct bytes items[20000];
    memset(name, 'n', sizeof name - 1);
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        items[i] = bytes_of(name);
    control_items(s->client, id, 0, items, sizeof items / sizeof *items);
}

static void test_many_items(void **state)
{
    (void)state;
    struct person p;
    host_complete = complete_long;
    attach(&p);
    ask_for(&p, "complete");
    struct bytes line = next_line(&p);
    assert_true(line.len > CONTROL_LINE_MAX / 4 && line.len <= CONTROL_LINE_MAX);
    assert_true(line_has(line, "{\"id\":1,\"from\":0,\"items\":[\"nnn") && line_has(line, "nnn\"]}"));
    person_leave(&p);
}

/* --- many ----------------------------------------------------------------------------------------------------- */

static void test_ten_thousand(void **state)
{
    (void)state;
    enum { COUNT = 10000, PEOPLE = 8, AHEAD = 100 };
    struct person p[PEOPLE];
    char line[200];
    int sent[PEOPLE] = {0};
    for (int i = 0; i < PEOPLE; i++)
        attach(&p[i]);
    for (int done = 0; done < COUNT; done++) {
        int i = done % PEOPLE, id = done / PEOPLE + 1;
        for (; sent[i] < id + AHEAD && sent[i] < COUNT / PEOPLE; sent[i]++) {
            snprintf(line, sizeof line, "{\"id\":%d,\"op\":\"eval\",\"code\":\"%d\"}\n", sent[i] + 1, i);
            assert_int_equal(send(p[i].fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
        }
        snprintf(line, sizeof line, "{\"id\":%d,\"end\":\"ok\",\"text\":\"%d\"}", id, i);
        assert_line(&p[i], line);
        buf_clear(&asked);
    }
    for (int i = 0; i < PEOPLE; i++)
        person_leave(&p[i]);
    WAIT_FOR(closed == PEOPLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_too_many_clients),
        CASE(test_no_descriptor_left),
        CASE(test_too_much_waits),
        CASE(test_who_does_not_read_is_closed),
        CASE(test_who_reads_late_gets_all),
        CASE(test_text_that_is_not_utf8),
        CASE(test_long_text),
        CASE(test_long_end),
        CASE(test_many_items),
        CASE(test_ten_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
