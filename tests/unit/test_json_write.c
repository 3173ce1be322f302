#include "core/json_write.h"
#include "core/utf8.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void nested_values_get_their_commas(void **state)
{
    struct buf b;
    struct json_write w;
    (void)state;
    buf_init(&b);
    json_write_init(&w, &b);
    json_write_object(&w, NULL);
    json_write_str(&w, "id", "x");
    json_write_array(&w, "list");
    json_write_int(&w, NULL, INT64_MIN);
    json_write_object(&w, NULL);
    json_write_end(&w);
    json_write_array(&w, NULL);
    json_write_end(&w);
    json_write_null(&w, NULL);
    json_write_end(&w);
    json_write_bool(&w, "yes", true);
    json_write_double(&w, "d", 2);
    json_write_double(&w, "nan", NAN);
    json_write_str(&w, "no\n", NULL);
    json_write_time(&w, "at", 1234);
    json_write_time(&w, "never", 0);
    json_write_raw(&w, "raw", bytes_of("{\"a\":1}"));
    json_write_end(&w);
    assert_string_equal(buf_cstr(&b), "{\"id\":\"x\",\"list\":[-9223372036854775808,{},[],null],\"yes\":true,\"d\":2.0,"
                                      "\"nan\":null,\"no\\n\":null,\"at\":\"1970-01-01T00:00:01.234Z\",\"never\":null,"
                                      "\"raw\":{\"a\":1}}");
    buf_fini(&b);
}

static void a_text_becomes_its_lines(void **state)
{
    struct buf out;
    struct json_write w;
    (void)state;
    buf_init(&out);
    json_write_init(&w, &out);
    json_write_object(&w, NULL);
    json_write_lines(&w, "a", bytes_of("one\n\ntwo \"2\"\nlast"));
    json_write_lines(&w, "b", bytes_of("end\n"));
    json_write_lines(&w, "c", bytes_of(""));
    json_write_end(&w);
    assert_string_equal(buf_cstr(&out), "{\"a\":[\"one\",\"\",\"two \\\"2\\\"\",\"last\"],\"b\":[\"end\"],\"c\":[]}");
    buf_fini(&out);
}

static void wrong_nesting_fails_the_buffer(void **state)
{
    struct buf b;
    struct json_write w;
    (void)state;
    buf_init(&b);
    json_write_init(&w, &b);
    for (int i = 0; i < JSON_WRITE_DEPTH; i++)
        json_write_array(&w, NULL);
    assert_false(buf_failed(&b));
    json_write_array(&w, NULL);
    assert_true(buf_failed(&b));
    buf_clear(&b);
    json_write_init(&w, &b);
    json_write_end(&w);
    assert_true(buf_failed(&b));
    buf_fini(&b);
}

static void check_escape(struct bytes in, const char *want)
{
    struct buf b;
    buf_init(&b);
    assert_int_equal(json_escape(&b, in), 0);
    assert_string_equal(buf_cstr(&b), want);
    buf_fini(&b);
}

static void escapes_what_must_be(void **state)
{
    (void)state;
    check_escape(bytes_of(""), "");
    check_escape((struct bytes){NULL, 0}, "");
    check_escape(bytes_of("plain /\x7F \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
                 "plain /\x7F \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    check_escape(bytes_of("\"\\\b\f\n\r\t"), "\\\"\\\\\\b\\f\\n\\r\\t");
    check_escape((struct bytes){"a\0\x1F", 3}, "a\\u0000\\u001f");
}

static void each_byte_is_looked_at_wherever_it_stands(void **state)
{
    static const char odd[] = {'"', '\\', '\x1F', '\x80'};
    struct buf b;
    (void)state;
    buf_init(&b);
    for (size_t len = 0; len <= 35; len++) {
        char text[35];
        memset(text, '~', sizeof text);
        buf_clear(&b);
        json_quote(&b, (struct bytes){text, len});
        assert_int_equal(b.len, len + 2);
        for (size_t at = 0; at < len; at++)
            for (size_t i = 0; i < sizeof odd; i++) {
                text[at] = odd[i];
                buf_clear(&b);
                json_quote(&b, (struct bytes){text, len});
                assert_true(b.len > len + 2);
                assert_int_equal(b.data[at + 1], odd[i] == '\x80' ? '\xEF' : '\\');
                text[at] = '~';
            }
    }
    buf_fini(&b);
}

static const char *const invalid[] = {
    "\x80",
    "\xC0\x80",
    "\xC1\xBF",
    "\xC3",
    "\xE0\x80\x80",
    "\xE0\x9F\xBF",
    "\xED\xA0\x80",
    "\xED\xBF\xBF",
    "\xE2\x82",
    "\xF0\x80\x80\x80",
    "\xF0\x8F\xBF\xBF",
    "\xF4\x90\x80\x80",
    "\xF5\x80\x80\x80",
    "\xFF",
    "\xF0\x9F\x98",
    "\xE2(\xA1",
};

static void invalid_utf8_is_refused(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        assert_int_equal(json_escape(&b, bytes_of(invalid[i])), -1);
        assert_int_equal(b.len, 0);
        for (size_t pad = 0; pad < 20; pad++) { /* across the eight-byte steps */
            char text[64];
            memset(text, 'a', pad);
            strcpy(text + pad, invalid[i]);
            assert_int_equal(utf8_valid_prefix(bytes_of(text)), pad);
        }
    }
    assert_int_equal(utf8_valid_prefix(bytes_of("\xF4\x8F\xBF\xBF\xED\x9F\xBF\xEE\x80\x80")), 10);
    assert_int_equal(utf8_count(bytes_of("aä€\xF0\x9F\x98\x80")), 4);
    buf_fini(&b);
}

static void invalid_utf8_is_replaced_by_the_writer(void **state)
{
    struct buf b;
    struct json_write w;
    (void)state;
    buf_init(&b);
    json_write_init(&w, &b);
    json_write_str(&w, NULL, "a\xFFz\n\xC3");
    assert_string_equal(buf_cstr(&b), "\"a\xEF\xBF\xBDz\\n\xEF\xBF\xBD\"");
    buf_fini(&b);
}

static void numbers_are_short_and_exact(void **state)
{
    static const struct {
        double n;
        const char *text;
    } cases[] = {
        {19.99, "19.99"},
        {0.1, "0.1"},
        {1e300, "1e+300"},
        {5e-324, "5e-324"},
        {-0.0, "-0.0"},
        {0.0, "0.0"},
        {1.0, "1.0"},
        {1e15, "1e+15"},
        {-1.5, "-1.5"},
        {1e14, "100000000000000.0"},
        {999999999999999.0, "999999999999999.0"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {0.30000000000000004, "0.30000000000000004"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(json_number(text, cases[i].n), 0);
        assert_string_equal(text, cases[i].text);
        assert_true(strtod(text, NULL) == cases[i].n);
    }
    assert_int_equal(json_number(text, NAN), -1);
    assert_int_equal(json_number(text, INFINITY), -1);
    assert_int_equal(json_number(text, -INFINITY), -1);
}

static void any_double_reads_back(void **state)
{
    uint64_t x = 88172645463325252u;
    char text[32];
    (void)state;
    for (int i = 0; i < 100000; i++) {
        double n;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&n, &x, sizeof n);
        if (!isfinite(n))
            continue;
        assert_int_equal(json_number(text, n), 0);
        assert_true(strtod(text, NULL) == n);
        assert_non_null(strpbrk(text, ".e"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_values_get_their_commas),
        cmocka_unit_test(a_text_becomes_its_lines),
        cmocka_unit_test(wrong_nesting_fails_the_buffer),
        cmocka_unit_test(escapes_what_must_be),
        cmocka_unit_test(each_byte_is_looked_at_wherever_it_stands),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(invalid_utf8_is_replaced_by_the_writer),
        cmocka_unit_test(numbers_are_short_and_exact),
        cmocka_unit_test(any_double_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
