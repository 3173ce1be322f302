#include "core/attempt.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static void starts_empty(void **state)
{
    struct attempt a;
    (void)state;
    attempt_init(&a, 3);
    assert_int_equal(a.number, 3);
    assert_int_equal(a.retry_after_ms, -1);
    assert_string_equal(a.message, "");
    assert_int_equal(attempt_header(&a, "Any").len, 0);
    attempt_fini(&a);
}

static void every_error_has_its_own_name(void **state)
{
    (void)state;
    assert_string_equal(attempt_error_name(ATTEMPT_OK), "");
    assert_string_equal(attempt_error_name(ATTEMPT_CRASH), "crash");
    assert_string_equal(attempt_error_name(ATTEMPT_RULE), "rule");
    assert_int_equal(ATTEMPT_RULE, 13); /* stored */
    for (int i = 0; i < ATTEMPT_ERROR_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(attempt_error_name((enum attempt_error)i),
                                    attempt_error_name((enum attempt_error)j));
    assert_string_equal(attempt_error_name(ATTEMPT_ERROR_COUNT), "unknown");
    assert_string_equal(attempt_error_name((enum attempt_error) - 1), "unknown");
}

static void a_message_is_cut_between_characters(void **state)
{
    struct attempt a;
    char text[300];
    (void)state;
    attempt_init(&a, 1);
    attempt_set_message(&a, bytes_of("no"));
    assert_string_equal(a.message, "no");
    memset(text, 'x', sizeof text);
    attempt_set_message(&a, (struct bytes){text, sizeof text});
    assert_int_equal(strlen(a.message), sizeof a.message - 1);
    memcpy(text + sizeof a.message - 2, "\xC3\xA9", 2); /* an e with its accent, across the end */
    attempt_set_message(&a, (struct bytes){text, sizeof text});
    assert_int_equal(strlen(a.message), sizeof a.message - 2);
    attempt_set_message(&a, (struct bytes){NULL, 0});
    assert_string_equal(a.message, "");
    attempt_fini(&a);
}

static void success_is_an_answered_2xx(void **state)
{
    struct attempt a;
    (void)state;
    attempt_init(&a, 1);
    for (int status = 0; status < 600; status++) {
        a.status = status;
        assert_int_equal(attempt_succeeded(&a), status >= 200 && status < 300);
    }
    a.status = 200;
    a.truncated = true;
    assert_true(attempt_succeeded(&a));
    a.class = ATTEMPT_AMBIGUOUS; /* the connection died in the middle of the body */
    assert_false(attempt_succeeded(&a));
    attempt_fini(&a);
}

static void check_header(const struct attempt *a, const char *name, const char *want)
{
    struct bytes v = attempt_header(a, name);
    assert_int_equal(v.len, strlen(want));
    assert_memory_equal(v.data, want, v.len);
}

static void headers_are_found(void **state)
{
    struct attempt a;
    (void)state;
    attempt_init(&a, 1);
    buf_append_str(&a.headers,
                   "Date: x\nContent-Type:  text/plain \t\r\nX-A:1\nx-a: 2\nEmpty:\nno colon\nContent: c\nLast: l");
    check_header(&a, "content-type", "text/plain");
    check_header(&a, "X-A", "1");
    check_header(&a, "Content", "c");
    check_header(&a, "LAST", "l");
    check_header(&a, "Empty", "");
    assert_int_equal(attempt_header(&a, "no colon").len, 0);
    assert_int_equal(attempt_header(&a, "Missing").len, 0);
    attempt_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),
        cmocka_unit_test(every_error_has_its_own_name),
        cmocka_unit_test(a_message_is_cut_between_characters),
        cmocka_unit_test(success_is_an_answered_2xx),
        cmocka_unit_test(headers_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
