#include "core/buf.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void views(void **state)
{
    (void)state;
    assert_int_equal(bytes_of(NULL).len, 0);
    assert_int_equal(bytes_of("abc").len, 3);
    assert_true(bytes_equal(bytes_of("abc"), bytes_of("abc")));
    assert_false(bytes_equal(bytes_of("abc"), bytes_of("abd")));
    assert_false(bytes_equal(bytes_of("abc"), bytes_of("ab")));
    assert_true(bytes_equal(bytes_of(NULL), bytes_of("")));
}

static void appends_grow(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    assert_int_equal(buf_append(&b, NULL, 0), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&b, "%03d,", i), 0);
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.data + 3996, "999,", 4);
    buf_clear(&b);
    buf_append_str(&b, "ab");
    buf_append_char(&b, 'c');
    buf_append_bytes(&b, bytes_of("de"));
    assert_string_equal(buf_cstr(&b), "abcde");
    assert_int_equal(buf_view(&b).len, 5);
    buf_fini(&b);
}

static void numbers_are_decimal(void **state)
{
    static const int64_t numbers[] = {0, 7, -7, 10, 1234567890, INT64_MAX, INT64_MIN};
    struct buf b;
    char want[32];
    (void)state;
    buf_init(&b);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        buf_clear(&b);
        assert_int_equal(buf_append_int(&b, numbers[i]), 0);
        snprintf(want, sizeof want, "%lld", (long long)numbers[i]);
        assert_string_equal(buf_cstr(&b), want);
    }
    buf_fini(&b);
}

static void take_hands_over(void **state)
{
    struct buf b;
    size_t len = 9;
    (void)state;
    buf_init(&b);
    char *empty = buf_take(&b, &len);
    assert_non_null(empty);
    assert_int_equal(len, 0);
    free(empty);
    buf_append_str(&b, "x");
    char *s = buf_take(&b, NULL);
    assert_string_equal(s, "x");
    assert_null(b.data);
    free(s);
}

static void failure_is_sticky(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    buf_append_str(&b, "x");
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
    assert_true(buf_failed(&b));
    assert_int_equal(buf_append_str(&b, "y"), -1);
    assert_null(buf_cstr(&b));
    assert_int_equal(b.len, 1);
    buf_clear(&b);
    assert_false(buf_failed(&b));
    assert_int_equal(buf_append_str(&b, "z"), 0);
    buf_fini(&b);
}

static void numbers_are_little_endian(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    buf_put_u8(&b, 0xFE);
    buf_put_u16(&b, 0x1234);
    buf_put_u32(&b, 0x89ABCDEF);
    assert_int_equal(b.len, 7);
    assert_memory_equal(b.data, "\xFE\x34\x12\xEF\xCD\xAB\x89", 7);
    buf_fini(&b);
}

static void test_bytes_copy(void **state)
{
    (void)state;
    struct bytes v = bytes_copy((struct bytes){"a\0b", 3}), none = bytes_copy((struct bytes){NULL, 0});
    assert_int_equal(v.len, 3);
    assert_memory_equal(v.data, "a\0b", 4);
    assert_int_equal(none.len, 0);
    assert_string_equal(none.data, "");
    free((char *)v.data);
    free((char *)none.data);
}

static void lines_are_taken_off(void **state)
{
    (void)state;
    struct bytes rest = bytes_of("one\n\nthree\n"), line;
    static const char *const wanted[] = {"one", "", "three"};
    for (int i = 0; i < 3; i++) {
        assert_true(bytes_next_line(&rest, &line));
        assert_true(bytes_equal(line, bytes_of(wanted[i])));
    }
    assert_false(bytes_next_line(&rest, &line));
    rest = bytes_of("no newline");
    assert_true(bytes_next_line(&rest, &line));
    assert_true(bytes_equal(line, bytes_of("no newline")));
    assert_false(bytes_next_line(&rest, &line));
    rest = (struct bytes){NULL, 0};
    assert_false(bytes_next_line(&rest, &line));
}

static void whole_lines_are_taken_off(void **state)
{
    (void)state;
    struct bytes rest = bytes_of("one\n\nthr"), line;
    assert_true(bytes_next_whole_line(&rest, &line));
    assert_true(bytes_equal(line, bytes_of("one")));
    assert_true(bytes_next_whole_line(&rest, &line));
    assert_int_equal(line.len, 0);
    assert_false(bytes_next_whole_line(&rest, &line));
    assert_true(bytes_equal(rest, bytes_of("thr")));
    rest = (struct bytes){NULL, 0};
    assert_false(bytes_next_whole_line(&rest, &line));
}

static void only_some_bytes(void **state)
{
    (void)state;
    assert_true(bytes_only((struct bytes){NULL, 0}, " \t"));
    assert_true(bytes_only(bytes_of(" \t "), " \t"));
    assert_false(bytes_only(bytes_of(" \r"), " \t"));
    assert_false(bytes_only((struct bytes){" \0", 2}, " \t"));
}

static void bytes_have_an_order(void **state)
{
    (void)state;
    assert_true(bytes_compare(bytes_of("a"), bytes_of("b")) < 0);
    assert_true(bytes_compare(bytes_of("a"), bytes_of("ab")) < 0);
    assert_true(bytes_compare(bytes_of("\xFF"), bytes_of("a")) > 0);
    assert_true(bytes_compare((struct bytes){NULL, 0}, bytes_of("a")) < 0);
    assert_int_equal(bytes_compare((struct bytes){NULL, 0}, bytes_of("")), 0);
}

static void the_front_is_dropped(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b);
    buf_drop(&b, 0);
    assert_int_equal(buf_append_str(&b, "abcdef"), 0);
    buf_drop(&b, 4);
    assert_true(bytes_equal(buf_view(&b), bytes_of("ef")));
    buf_drop(&b, 2);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views),
        cmocka_unit_test(appends_grow),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(take_hands_over),
        cmocka_unit_test(failure_is_sticky),
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(test_bytes_copy),
        cmocka_unit_test(lines_are_taken_off),
        cmocka_unit_test(whole_lines_are_taken_off),
        cmocka_unit_test(only_some_bytes),
        cmocka_unit_test(bytes_have_an_order),
        cmocka_unit_test(the_front_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
