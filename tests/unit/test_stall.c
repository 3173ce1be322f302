#include "core/stall.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#define MS 1000000LL

enum { PERIOD_MS = 25 };

static struct stall stall;
static struct stall_look at;

static int setup(void **state)
{
    (void)state;
    stall_init(&stall, PERIOD_MS * MS);
    at = (struct stall_look){.now_ns = 5000 * MS, .cpu_ns = 700 * MS};
    return 0;
}

/* The next look: what has gone by on the clock, and on the thread's CPU clock. */
static int64_t look(int64_t wall_ms, int64_t cpu_ms)
{
    at.now_ns += wall_ms * MS;
    at.cpu_ns += cpu_ms * MS;
    return stall_look(&stall, &at) / MS;
}

static void begin_turn(uint64_t turn)
{
    at.turn = turn;
    at.woke_ns = at.now_ns;
}

static void test_turn_that_computes_is_seen_to_stand_still(void **state)
{
    (void)state;
    begin_turn(1);
    assert_int_equal(look(10, 10), 10);
    for (int i = 1; i <= 4; i++)
        assert_int_equal(look(25, 25), 10 + 25 * i);
}

static void test_turn_that_is_blocked_counts_by_the_clock(void **state)
{
    (void)state;
    begin_turn(1);
    at.blocked = true;
    assert_int_equal(look(10, 1), 10);
    assert_int_equal(look(25, 0), 35);
    assert_int_equal(look(30, 0), 65);
}

static void test_waiting_for_a_cpu_does_not_count(void **state)
{
    (void)state;
    begin_turn(1);
    look(10, 1);
    for (int i = 1; i <= 40; i++)
        assert_int_equal(look(25, 2), 10 + 2 * i);
}

static void test_time_before_the_turn_does_not_count(void **state)
{
    (void)state;
    begin_turn(1);
    look(20, 20);
    look(25, 25);
    at.now_ns += 20 * MS;
    begin_turn(3);
    assert_int_equal(look(5, 25), 5);
}

static void test_each_turn_counts_anew(void **state)
{
    (void)state;
    for (uint64_t turn = 1; turn < 100; turn += 2) {
        begin_turn(turn);
        assert_int_equal(look(15, 15), 15);
        assert_int_equal(look(25, 25), 40);
    }
}

/* The one who looks is stopped with the process: SIGSTOP, a debugger, a machine that sleeps. */
static void test_being_stopped_counts_for_two_looks_at_most(void **state)
{
    (void)state;
    begin_turn(1);
    look(10, 10);
    at.blocked = true;
    assert_int_equal(look(3600 * 1000, 0), 10 + 2 * PERIOD_MS);
    at.blocked = false;
    assert_int_equal(look(3600 * 1000, 3), 10 + 2 * PERIOD_MS + 3);
}

static void test_stopped_before_the_first_look(void **state)
{
    (void)state;
    begin_turn(1);
    assert_int_equal(look(3600 * 1000, 1), PERIOD_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_turn_that_computes_is_seen_to_stand_still, setup),
        cmocka_unit_test_setup(test_turn_that_is_blocked_counts_by_the_clock, setup),
        cmocka_unit_test_setup(test_waiting_for_a_cpu_does_not_count, setup),
        cmocka_unit_test_setup(test_time_before_the_turn_does_not_count, setup),
        cmocka_unit_test_setup(test_each_turn_counts_anew, setup),
        cmocka_unit_test_setup(test_being_stopped_counts_for_two_looks_at_most, setup),
        cmocka_unit_test_setup(test_stopped_before_the_first_look, setup),
    };
    return cmocka_run_group_tests_name("stall", tests, NULL, NULL);
}
