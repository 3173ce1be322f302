#include "core/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void set_fills_and_returns_minus_one(void **state)
{
    struct err e;
    (void)state;
    assert_int_equal(err_set(&e, ERR_INPUT, 422, "%s is %d", "x", 7), -1);
    assert_int_equal(e.domain, ERR_INPUT);
    assert_int_equal(e.code, 422);
    assert_string_equal(e.message, "x is 7");
    err_clear(&e);
    assert_int_equal(e.domain, ERR_NONE);
    assert_string_equal(e.message, "");
}

static void null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_INPUT, 1, "x"), -1);
    assert_int_equal(err_system(NULL, ENOENT, "x"), -1);
    assert_int_equal(err_memory(NULL), -1);
    err_clear(NULL);
}

static void system_appends_the_reason(void **state)
{
    struct err e;
    (void)state;
    err_system(&e, ENOENT, "cannot open %s", "f");
    assert_string_equal(e.message, "cannot open f: No such file or directory");
    assert_int_equal(e.code, ENOENT);
    err_memory(&e);
    assert_int_equal(e.domain, ERR_MEMORY);
}

static void long_messages_end_at_a_character(void **state)
{
    struct err e;
    char text[2000];
    (void)state;
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 'a', pad);
        for (size_t i = pad; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4);
        err_set(&e, ERR_INPUT, 0, "%s", text);
        size_t len = strlen(e.message);
        assert_true(len < sizeof e.message && len + 3 >= sizeof e.message - 1);
        assert_int_equal((len - pad) % 3, 0);
    }
    err_system(&e, ENOENT, "%s", text);
    assert_true(strlen(e.message) < sizeof e.message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_and_returns_minus_one),
        cmocka_unit_test(null_is_allowed),
        cmocka_unit_test(system_appends_the_reason),
        cmocka_unit_test(long_messages_end_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
