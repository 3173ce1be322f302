#include "core/nearest.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static const char *const fields[] = {"integration", "method",   "url",   "headers", "body",
                                     NULL,          "response", "retry", "on"};

static const char *near(const char *typed)
{
    return nearest(typed, fields, sizeof fields / sizeof *fields);
}

static void typing_errors_are_recognised(void **state)
{
    (void)state;
    assert_string_equal(near("metod"), "method");
    assert_string_equal(near("methodd"), "method");
    assert_string_equal(near("mehtod"), "method");
    assert_string_equal(near("integartion"), "integration");
    assert_string_equal(near("HEADER"), "headers");
    assert_string_equal(near("Url"), "url");
    assert_string_equal(near("ulr"), "url");
    assert_string_equal(near("bdoy"), "body");
    assert_string_equal(near("retyr"), "retry");
}

static void strangers_are_not(void **state)
{
    char longer[200];
    (void)state;
    assert_null(near("xyz"));
    assert_null(near("timeout"));
    assert_null(near(""));
    assert_null(near(NULL));
    assert_null(near("no"));
    assert_null(nearest("a", NULL, 0));
    memset(longer, 'm', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(near(longer));
    const char *const candidates[] = {longer, ""};
    assert_null(nearest("m", candidates, 2));
}

static void the_closest_wins(void **state)
{
    static const char *const names[] = {"order_paid_eu", "order_paid", "order_sent"};
    (void)state;
    assert_string_equal(nearest("order_payd", names, 3), "order_paid");
    assert_string_equal(nearest("order_paid_e", names, 3), "order_paid_eu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typing_errors_are_recognised),
        cmocka_unit_test(strangers_are_not),
        cmocka_unit_test(the_closest_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
