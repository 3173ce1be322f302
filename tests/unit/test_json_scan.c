#include "core/json_scan.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define ASSERT_TEXT(view, text) assert_true(bytes_equal(view, bytes_of(text)))

static void members_come_as_they_stand_there(void **state)
{
    struct bytes o =
        bytes_of(" { \"a\" : 1.50 , \"b\":{\"a\":[2, \"}\"]},\n\"c\" : \"x\\\"},y\" , \"n\":null,\"e\":[] } ");
    (void)state;
    ASSERT_TEXT(json_scan_member(o, "a"), "1.50");
    ASSERT_TEXT(json_scan_member(o, "b"), "{\"a\":[2, \"}\"]}");
    ASSERT_TEXT(json_scan_member(o, "c"), "\"x\\\"},y\"");
    ASSERT_TEXT(json_scan_member(o, "n"), "null");
    ASSERT_TEXT(json_scan_member(o, "e"), "[]");
    assert_null(json_scan_member(o, "x").data);
    assert_null(json_scan_member(o, "").data);
}

static void names_are_read_whatever_their_form(void **state)
{
    (void)state;
    ASSERT_TEXT(json_scan_member(bytes_of("{\"d\\u0061ta\":1}"), "data"), "1");
    ASSERT_TEXT(json_scan_member(bytes_of("{\"data\":1,\"data\":2}"), "data"), "2");
    assert_null(json_scan_member(bytes_of("{\"data2\":1,\"dat\":2,\"d\\u0161ta\":3}"), "data").data);
    assert_null(json_scan_member(bytes_of("[\"data\"]"), "data").data);
    assert_null(json_scan_member(bytes_of(""), "data").data);
    assert_null(json_scan_member(bytes_of("{}"), "data").data);
}

static void elements_come_one_after_another(void **state)
{
    struct bytes rest = bytes_of("[ 1, \"a,b]\" ,{\"x\":[1,2]},[] ]"), one;
    static const char *const expected[] = {"1", "\"a,b]\"", "{\"x\":[1,2]}", "[]"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(json_scan_next(&rest, &one));
        ASSERT_TEXT(one, expected[i]);
    }
    assert_false(json_scan_next(&rest, &one));
    rest = bytes_of(" [ ] ");
    assert_false(json_scan_next(&rest, &one));
    rest = (struct bytes){NULL, 0};
    assert_false(json_scan_next(&rest, &one));
}

/* What is not valid ends somewhere: nothing is read behind its end. */
static void cut_texts_are_survived(void **state)
{
    static const char text[] = "{\"a\":\"\\u0061\",\"b\":[1,{\"c\":2}]}";
    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        struct bytes rest = {text, n}, one;
        (void)json_scan_member(rest, "b");
        for (int i = 0; i < 100 && json_scan_next(&rest, &one); i++)
            assert_true(one.data + one.len <= text + n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_as_they_stand_there),
        cmocka_unit_test(names_are_read_whatever_their_form),
        cmocka_unit_test(elements_come_one_after_another),
        cmocka_unit_test(cut_texts_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
