#include "core/delivery.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static void names_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++) {
        enum delivery_state s = DELIVERY_STATE_COUNT;
        assert_int_equal(delivery_state_parse(bytes_of(delivery_state_name((enum delivery_state)i)), &s), 0);
        assert_int_equal(s, i);
    }
    assert_string_equal(delivery_state_name(DELIVERY_SUCCEEDED), "succeeded");
}

static void other_names_are_refused(void **state)
{
    enum delivery_state s;
    (void)state;
    assert_int_equal(delivery_state_parse(bytes_of("Queued"), &s), -1);
    assert_int_equal(delivery_state_parse(bytes_of(""), &s), -1);
    assert_int_equal(delivery_state_parse(bytes_of("queued "), &s), -1);
    assert_string_equal(delivery_state_name(DELIVERY_STATE_COUNT), "invalid");
    assert_string_equal(delivery_state_name((enum delivery_state) - 1), "invalid");
}

static void four_are_final(void **state)
{
    (void)state;
    assert_false(delivery_state_final(DELIVERY_QUEUED));
    assert_false(delivery_state_final(DELIVERY_SENDING));
    assert_false(delivery_state_final(DELIVERY_WAITING));
    assert_true(delivery_state_final(DELIVERY_SUCCEEDED));
    assert_true(delivery_state_final(DELIVERY_FAILED));
    assert_true(delivery_state_final(DELIVERY_UNKNOWN));
    assert_true(delivery_state_final(DELIVERY_CANCELED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_read_back),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(four_are_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
