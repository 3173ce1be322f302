#include "core/mask.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static void check(const char *value, const char *text, size_t want)
{
    assert_int_equal(mask_match(bytes_of(value), text, strlen(text)), want);
}

static void as_it_is(void **state)
{
    (void)state;
    check("hunter2", "hunter2 and more", 7);
    check("hunter2", "hunter", 0);
    check("hunter2", "Hunter2", 0);
    check("100%25+x", "100%25+x", 8); /* looks encoded, is not */
}

static void percent_and_form_encoded(void **state)
{
    (void)state;
    check("p@ss w/rd", "p%40ss%20w%2Frd", 15);
    check("p@ss w/rd", "p%40ss%20w%2frd", 15);
    check("p@ss w/rd", "p%40ss+w/rd", 11);
    check("p@ss w/rd", "p@ss%20w/rd!", 11);
    check("a+b c", "a%2Bb+c", 7);
    check("a+b c", "a+b%20c", 7);
    check("p@ss w/rd", "p%4", 0);
    check("p@ss w/rd", "p%4zss", 0);
    check("\xC3\xA9t\xC3\xA9", "%C3%A9t%c3%a9", 13);
}

static void json_escaped(void **state)
{
    (void)state;
    check("a\"b\\c/d", "a\\\"b\\\\c/d", 9);
    check("a\"b\\c/d", "a\\\"b\\\\c\\/d", 10);
    check("a\"b\\c/d", "a\\u0022b\\u005Cc/d", 17);
    check("li\nne", "li\\nne", 6);
    check("li\nne", "li\\u000Ane", 10);
    check("a<b>&'", "a\\u003cb\\u003e\\u0026\\u0027", 26);
    check("caf\xC3\xA9", "caf\\u00e9", 9);
    check("k\xF0\x9F\x98\x80k", "k\\uD83D\\uDE00k", 14);
    check("k\xF0\x9F\x98\x80k", "k\\uD83D", 0);
    check("abcd", "ab\\", 0);
    check("abcd", "ab\\q", 0);
    check("abcd", "ab\\u00", 0);
}

static void xml_entities(void **state)
{
    (void)state;
    check("a<b&\"c'", "a&lt;b&amp;&quot;c&apos;", 24);
    check("a<b&\"c'", "a&lt;b&#38;&#x22;c&#39;", 23);
    check("a<b&\"c'", "a&lt", 0);
    check("a<b&\"c'", "a&#", 0);
    check("a<b&\"c'", "a&#99999999999;", 0);
    check("a<b&\"c'", "a&#x;", 0);
}

static void plain_values(void **state)
{
    (void)state;
    assert_true(mask_is_plain(bytes_of("aZ09-_.")));
    assert_false(mask_is_plain(bytes_of("a b")));
    assert_false(mask_is_plain(bytes_of("a~b")));
    assert_false(mask_is_plain(bytes_of("\xC3\xA9")));
}

static void base64_forms_are_what_the_value_determines(void **state)
{
    char form[64];
    (void)state;
    /* base64("abcd") = YWJjZA==, ("xabcd") = eGFiY2Q=, ("xxabcd") = eHhhYmNk */
    assert_int_equal(mask_base64(form, bytes_of("abcd"), 0), 5);
    assert_memory_equal(form, "YWJjZ", 5);
    assert_int_equal(mask_base64(form, bytes_of("abcd"), 1), 4);
    assert_memory_equal(form, "FiY2", 4);
    assert_int_equal(mask_base64(form, bytes_of("abcd"), 2), 5);
    assert_memory_equal(form, "hYmNk", 5);
    assert_int_equal(mask_base64(form, bytes_of("abcd"), 3), 8);
    assert_memory_equal(form, "YWJjZA==", 8);
    assert_int_equal(mask_base64(form, bytes_of("abcd"), 4), 6);
    assert_memory_equal(form, "FiY2Q=", 6);
    assert_true(mask_base64_room(4) <= sizeof form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_is),     cmocka_unit_test(percent_and_form_encoded),
        cmocka_unit_test(json_escaped), cmocka_unit_test(xml_entities),
        cmocka_unit_test(plain_values), cmocka_unit_test(base64_forms_are_what_the_value_determines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
