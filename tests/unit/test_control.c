/* The control socket: what is asked, and what is answered. */
#include "control_case.h"

#include <pwd.h>

/* --- asking --------------------------------------------------------------------------------------------------- */

static void test_hello_and_peer(void **state)
{
    (void)state;
    struct person p;
    person_come(&p);
    assert_line(&p, "{\"hello\":\"anzol\",\"version\":\"9.9\",\"session\":0}");
    assert_int_equal(sessions[0].peer.uid, geteuid());
    assert_int_equal(sessions[0].peer.pid, getpid());
    const struct passwd *me = getpwuid(geteuid());
    char number[16];
    snprintf(number, sizeof number, "%u", (unsigned)geteuid());
    assert_string_equal(sessions[0].peer.user, me != NULL ? me->pw_name : number);
    person_leave(&p);
    WAIT_FOR(closed == 1);
}

static void test_eval(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"1+1\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"1+1\"}");
    say(&p, "{\"json\":true,\"width\":20,\"code\":\"\",\"op\":\"eval\",\"id\":9223372036854775807}");
    assert_line(&p, "{\"id\":9223372036854775807,\"end\":\"ok\",\"text\":\"\",\"values\":[1,{}]}");
    say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"a\\nb\\u00e9\",\"json\":false,\"width\":400}");
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"a\\nb\xC3\xA9\"}");
    assert_asked("eval 1 80 1+1\neval 9223372036854775807 20 json \neval 1 400 a\nb\xC3\xA9\n");
    person_leave(&p);
}

static void keep_nul(struct session *s, int64_t id, struct bytes code)
{
    assert_int_equal(code.len, 3);
    assert_memory_equal(code.data, "a\0b", 3);
    control_end(s->client, id, CONTROL_OK, code, NONE);
}

static void test_code_with_nul(void **state)
{
    (void)state;
    struct person p;
    host_eval = keep_nul;
    attach(&p);
    say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"a\\u0000b\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"a\\u0000b\"}");
    person_leave(&p);
}

static void test_every_end(void **state)
{
    (void)state;
    struct person p;
    host_eval = answer_nothing;
    attach(&p);
    for (int id = 1; id <= 4; id++) {
        char line[80];
        snprintf(line, sizeof line, "{\"id\":%d,\"op\":\"eval\",\"code\":\"x\"}", id);
        say(&p, line);
    }
    WAIT_FOR(asked.len >= 4 * strlen("eval 1 80 x\n"));
    struct control_client *c = sessions[0].client;
    control_text(c, 3, bytes_of("one\ntw"));
    control_text(c, 3, bytes_of("")); /* nothing: no line */
    control_text(c, 3, bytes_of("o\n"));
    control_end(c, 3, CONTROL_ERROR, bytes_of("a:1: \"no\""), bytes_of("[1]"));
    control_end(c, 1, CONTROL_MORE, bytes_of("not sent"), NONE);
    control_end(c, 2, CONTROL_CANCELED, NONE, NONE);
    control_note(c, bytes_of("scripts reloaded"));
    control_end(c, 4, CONTROL_OK, NONE, bytes_of("[]"));
    assert_line(&p, "{\"id\":3,\"text\":\"one\\ntw\"}");
    assert_line(&p, "{\"id\":3,\"text\":\"o\\n\"}");
    assert_line(&p, "{\"id\":3,\"end\":\"error\",\"text\":\"a:1: \\\"no\\\"\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"more\"}");
    assert_line(&p, "{\"id\":2,\"end\":\"canceled\"}");
    assert_line(&p, "{\"note\":\"scripts reloaded\"}");
    assert_line(&p, "{\"id\":4,\"end\":\"ok\",\"text\":\"\",\"values\":[]}");
    person_leave(&p);
}

static void complete_two(struct session *s, int64_t id, struct bytes code)
{
    (void)code;
    const struct bytes items[] = {bytes_of("webhooks()"), bytes_of("when\xFF")};
    control_items(s->client, id, 2, items, id == 1 ? 2 : 0);
}

static void test_complete(void **state)
{
    (void)state;
    struct person p;
    host_complete = complete_two;
    attach(&p);
    say(&p, "{\"id\":1,\"op\":\"complete\",\"code\":\"\xC3\xA9 w\",\"cursor\":4}");
    assert_line(&p, "{\"id\":1,\"from\":2,\"items\":[\"webhooks()\",\"when\xEF\xBF\xBD\"]}");
    say(&p, "{\"id\":2,\"op\":\"complete\",\"code\":\"\",\"cursor\":0}");
    assert_line(&p, "{\"id\":2,\"from\":2,\"items\":[]}");
    assert_asked("complete 1 4 \xC3\xA9 w\ncomplete 2 0 \n");
    person_leave(&p);
}

static void cancel_it(struct session *s, int64_t target)
{
    control_end(s->client, target, CONTROL_CANCELED, NONE, NONE);
}

static void test_cancel(void **state)
{
    (void)state;
    struct person p;
    host_eval = answer_nothing;
    host_cancel = cancel_it;
    attach(&p);
    say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"x\"}\n{\"id\":7,\"op\":\"cancel\",\"target\":1}");
    assert_line(&p, "{\"id\":1,\"end\":\"canceled\"}");
    say(&p, "{\"id\":8,\"op\":\"cancel\",\"target\":1}\n{\"id\":8,\"op\":\"cancel\",\"target\":2}"); /* too late */
    say(&p, "{\"id\":2,\"op\":\"eval\",\"code\":\"y\"}\n{\"id\":2,\"op\":\"cancel\",\"target\":2}");
    assert_line(&p, "{\"id\":2,\"end\":\"canceled\"}");
    assert_asked("eval 1 80 x\ncancel 1\neval 2 80 y\ncancel 2\n");
    person_leave(&p);
}

/* Neither what was answered nor what was never asked. */
static void test_answers_nobody_waits_for(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    say(&p, "{\"id\":5,\"op\":\"eval\",\"code\":\"x\"}");
    assert_line(&p, "{\"id\":5,\"end\":\"ok\",\"text\":\"x\"}");
    struct control_client *c = sessions[0].client;
    control_text(c, 5, bytes_of("late"));
    control_end(c, 5, CONTROL_OK, bytes_of("twice"), NONE);
    control_items(c, 6, 0, NULL, 0);
    control_text(c, 0, bytes_of("no id"));
    control_note(c, bytes_of("the next"));
    assert_line(&p, "{\"note\":\"the next\"}");
    person_leave(&p);
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

static void test_byte_by_byte(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    static const char text[] = "{\"id\":1,\"op\":\"eval\",\"code\":\"\xE2\x82\xAC\"}\r\n"
                               "\n \t\r\n{\"id\":2,\"op\":\"eval\",\"code\":\"b\"}\n";
    for (const char *b = text; *b != '\0'; b++)
        say_bytes(&p, b, 1);
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"\xE2\x82\xAC\"}");
    assert_line(&p, "{\"id\":2,\"end\":\"ok\",\"text\":\"b\"}");
    person_leave(&p);
}

static void test_many_in_one_write(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct person p;
    struct buf all;
    char want[80];
    buf_init(&all);
    for (int id = 1; id <= COUNT; id++)
        buf_printf(&all, "{\"id\":%d,\"op\":\"eval\",\"code\":\"%d\"}\n", id, id);
    attach(&p);
    say_bytes(&p, all.data, all.len);
    for (int id = 1; id <= COUNT; id++) {
        snprintf(want, sizeof want, "{\"id\":%d,\"end\":\"ok\",\"text\":\"%d\"}", id, id);
        assert_line(&p, want);
    }
    buf_fini(&all);
    person_leave(&p);
}

static void answer_size(struct session *s, int64_t id, struct bytes code)
{
    char text[24];
    snprintf(text, sizeof text, "%zu", code.len);
    control_end(s->client, id, CONTROL_OK, bytes_of(text), NONE);
}

static void test_longest_line(void **state)
{
    (void)state;
    struct person p;
    struct buf line;
    buf_init(&line);
    host_eval = answer_size;
    attach(&p);
    put_long(&line, CONTROL_LINE_MAX);
    say_bytes(&p, line.data, line.len);
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"1048546\"}");
    put_long(&line, CONTROL_LINE_MAX + 1);
    say_bytes(&p, line.data, line.len); /* all of it, although its end is not wanted any more */
    assert_line_has(&p, "{\"problem\":\"the line is longer than 1048576 bytes; expected a newline before\"}");
    assert_end(&p);
    assert_int_equal(send(p.fd, "x", 1, MSG_NOSIGNAL), 1); /* it is still listened to, so that nothing is lost */
    assert_int_equal(closed, 1);
    buf_fini(&line);
    person_leave(&p);
}

/* --- what is wrong -------------------------------------------------------------------------------------------- */

static void test_problems(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"hello", "the line is no JSON: column 5: "},
        {"{\"id\":1,\"op\":\"eval\",\"code\":\"1\"", "the line is no JSON"},
        {"{\"id\":1,\"op\":\"eval\",\"code\":\"1\"} {}", "the line is no JSON"},
        {"{\"id\":1,\"id\":2,\"op\":\"eval\",\"code\":\"1\"}", "duplicate object key"},
        {"[1]", "the line is an array; expected an object"},
        {"{}", "'op' is missing; expected \\\"eval\\\", \\\"complete\\\" or \\\"cancel\\\""},
        {"{\"id\":1,\"op\":\"evil\",\"code\":\"1\"}", "'op' is \\\"evil\\\"; expected \\\"eval\\\""},
        {"{\"id\":1,\"op\":\"eval\\u0000\",\"code\":\"1\"}", "'op' is \\\"eval\\\"; expected"},
        {"{\"id\":1,\"op\":7,\"code\":\"1\"}", "'op' is 7; expected \\\"eval\\\""},
        {"{\"op\":\"eval\",\"code\":\"1\"}", "'id' is missing; expected a positive integer"},
        {"{\"id\":0,\"op\":\"eval\",\"code\":\"1\"}", "'id' is 0; expected a positive integer"},
        {"{\"id\":-1,\"op\":\"cancel\",\"target\":1}", "'id' is -1; expected a positive integer"},
        {"{\"id\":\"1\",\"op\":\"eval\",\"code\":\"1\"}", "'id' is \\\"1\\\"; expected a positive integer"},
        {"{\"id\":1.5,\"op\":\"eval\",\"code\":\"1\"}", "'id' is a number with a fraction; expected a positive"},
        {"{\"id\":9223372036854775808,\"op\":\"eval\",\"code\":\"1\"}", "too big integer"},
        {"{\"ID\":1,\"op\":\"eval\",\"code\":\"1\"}", "'id' is missing"},
        {"{\"id\":1,\"op\":\"eval\",\"code\":\"\xC3(\"}", "the line is not UTF-8 from byte 29 on"},
        {"{\"id\":1,\"op\":\"eval\",\"code\":\"\xED\xA0\x80\"}", "the line is not UTF-8 from byte 29 on"},
        {"{\"id\":1,\"op\":\"eval\",\"code\":\"\\ud800\"}", "the line is no JSON"},
        {"\xEF\xBB\xBF{\"id\":1,\"op\":\"eval\",\"code\":\"1\"}", "the line is no JSON"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct person p;
        attach(&p);
        say(&p, wrong[i][0]);
        say(&p, "{\"id\":9,\"op\":\"eval\",\"code\":\"after it\"}");
        struct bytes line = next_line(&p);
        assert_has(line, "{\"problem\":\"");
        assert_has(line, wrong[i][1]);
        assert_end(&p);
        assert_int_equal(closed, (int)i + 1);
        person_leave(&p);
    }
    assert_asked("");
}

/* The id is usable: it is answered, and the connection stays. */
static void test_wrong_fields(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"\"op\":\"eval\"", "'code' is missing; expected a string"},
        {"\"op\":\"eval\",\"code\":null", "'code' is null; expected a string"},
        {"\"op\":\"eval\",\"code\":{}", "'code' is an object; expected a string"},
        {"\"op\":\"eval\",\"code\":\"\",\"width\":19", "'width' is 19; expected an integer from 20 to 400"},
        {"\"op\":\"eval\",\"code\":\"\",\"width\":401", "'width' is 401; expected"},
        {"\"op\":\"eval\",\"code\":\"\",\"width\":\"80\"", "'width' is \\\"80\\\"; expected"},
        {"\"op\":\"eval\",\"code\":\"\",\"width\":null", "'width' is null; expected"},
        {"\"op\":\"eval\",\"code\":\"\",\"json\":1", "'json' is 1; expected true or false"},
        {"\"op\":\"eval\",\"cod\":\"\"", "unknown member 'cod' of eval; expected id, op, code, width, json"},
        {"\"op\":\"cancel\",\"target\":1,\"code\":\"\"", "unknown member 'code' of cancel; expected id, op, target"},
        {"\"op\":\"cancel\"", "'target' is missing; expected a positive integer"},
        {"\"op\":\"cancel\",\"target\":0", "'target' is 0; expected"},
        {"\"op\":\"complete\",\"code\":\"abc\"", "'cursor' is missing; expected an integer from 0 to 3"},
        {"\"op\":\"complete\",\"code\":\"abc\",\"cursor\":4", "'cursor' is 4; expected an integer from 0 to 3"},
        {"\"op\":\"complete\",\"code\":\"abc\",\"cursor\":-1", "'cursor' is -1; expected"},
        {"\"op\":\"complete\",\"code\":\"a\xC3\xA9\",\"cursor\":2", "'cursor' is 2, inside a character"},
        {"\"op\":\"eval\",\"code\":\"\",\"0123456789012345678901234567890123456789x\":1",
         "unknown member '0123456789012345678901234567890123456789' of eval"},
    };
    struct person p;
    attach(&p);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[256], begin[64];
        snprintf(line, sizeof line, "{\"id\":%zu,%s}", i + 1, wrong[i][0]);
        snprintf(begin, sizeof begin, "{\"id\":%zu,\"end\":\"error\",\"text\":\"", i + 1);
        say(&p, line);
        struct bytes answer = next_line(&p);
        assert_has(answer, begin);
        assert_has(answer, wrong[i][1]);
    }
    assert_asked("");
    assert_int_equal(closed, 0);
    say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"fine\"}");
    assert_line(&p, "{\"id\":1,\"end\":\"ok\",\"text\":\"fine\"}");
    person_leave(&p);
}

static void test_id_in_use(void **state)
{
    (void)state;
    static const char *const again[] = {"{\"id\":1,\"op\":\"eval\",\"code\":\"y\"}", "{\"id\":1,\"op\":\"eval\"}",
                                        "{\"id\":1,\"op\":\"complete\",\"code\":\"\",\"cursor\":0}"};
    host_eval = answer_nothing;
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        struct person p;
        attach(&p);
        say(&p, "{\"id\":1,\"op\":\"eval\",\"code\":\"x\"}");
        say(&p, again[i]);
        assert_line(&p, "{\"problem\":\"id 1 is not answered yet; expected another one\"}");
        assert_end(&p);
        person_leave(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_hello_and_peer),
        CASE(test_eval),
        CASE(test_code_with_nul),
        CASE(test_every_end),
        CASE(test_complete),
        CASE(test_cancel),
        CASE(test_answers_nobody_waits_for),
        CASE(test_byte_by_byte),
        CASE(test_many_in_one_write),
        CASE(test_longest_line),
        CASE(test_problems),
        CASE(test_wrong_fields),
        CASE(test_id_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
