/* meter: how often something happened in the last second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/meter.h"
#include "core/units.h"

static const int64_t START = 1000 * NS_PER_S;

static void it_counts_one_second(void **state)
{
    (void)state;
    struct meter m = {0};
    assert_int_equal(meter_read(&m, START), 0);
    for (int i = 0; i < 20; i++)
        meter_add(&m, START + i * 50 * NS_PER_MS);
    assert_int_equal(meter_read(&m, START + 950 * NS_PER_MS), 20);
    assert_int_equal(meter_read(&m, START + 1450 * NS_PER_MS), 10);
    assert_int_equal(meter_read(&m, START + 1949 * NS_PER_MS), 0);
    assert_int_equal(meter_read(&m, START + 3600 * NS_PER_S), 0);
}

static void what_is_old_is_forgotten(void **state)
{
    (void)state;
    struct meter m = {0};
    for (int second = 0; second < 100; second++) {
        for (int i = 0; i < second; i++)
            meter_add(&m, START + second * 7 * NS_PER_S);
        assert_int_equal(meter_read(&m, START + second * 7 * NS_PER_S), second);
    }
    for (int i = 0; i < 1000; i++) { /* a steady rate of 100 a second */
        meter_add(&m, START + 800 * NS_PER_S + i * 10 * NS_PER_MS);
        if (i > 100)
            assert_in_range(meter_read(&m, START + 800 * NS_PER_S + i * 10 * NS_PER_MS), 90, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_counts_one_second),
        cmocka_unit_test(what_is_old_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
