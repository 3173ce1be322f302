#include "core/pulse.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

static struct pulse pulse;

static int setup(void **state)
{
    (void)state;
    pulse_init(&pulse);
    pulse_attach(&pulse);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pulse_attach(NULL);
    return 0;
}

static void test_turns_are_odd_while_it_works(void **state)
{
    (void)state;
    assert_true(pulse_is_asleep(pulse_turn(&pulse)));
    pulse_begin(&pulse, 7);
    uint64_t first = pulse_turn(&pulse);
    assert_false(pulse_is_asleep(first));
    pulse_begin(&pulse, 8); /* without an end: the same */
    assert_int_equal(pulse_turn(&pulse), first);
    pulse_end(&pulse);
    assert_true(pulse_is_asleep(pulse_turn(&pulse)));
    pulse_end(&pulse);
    assert_true(pulse_is_asleep(pulse_turn(&pulse)));
    pulse_begin(&pulse, 9);
    assert_int_equal(pulse_turn(&pulse), first + 2);
}

static void test_phases_nest(void **state)
{
    (void)state;
    enum phase outer = phase_enter(PHASE_HTTP);
    enum phase inner = phase_enter(PHASE_SCRIPT);
    assert_int_equal(pulse_phase(&pulse), PHASE_SCRIPT);
    phase_leave(inner);
    assert_int_equal(pulse_phase(&pulse), PHASE_HTTP);
    phase_leave(outer);
    assert_int_equal(pulse_phase(&pulse), PHASE_LOOP);
}

static void *mark(void *arg)
{
    (void)arg;
    (void)phase_enter(PHASE_SCRIPT);
    pulse_about(bytes_of("stranger"));
    return pulse_is_asked() ? &pulse : NULL;
}

static void test_other_threads_have_none(void **state)
{
    (void)state;
    pthread_t t;
    void *asked;
    pulse_ask(&pulse);
    assert_int_equal(pthread_create(&t, NULL, mark, NULL), 0);
    assert_int_equal(pthread_join(t, &asked), 0);
    assert_null(asked);
    assert_int_equal(pulse_phase(&pulse), PHASE_LOOP);
    assert_true(pulse_is_asked());
}

static void test_place_is_given_once_it_is_asked_for(void **state)
{
    (void)state;
    assert_false(pulse_is_asked());
    pulse_about(bytes_of("order_paid"));
    pulse_ask(&pulse);
    assert_true(pulse_is_asked());
    assert_false(pulse_answered(&pulse));
    pulse_answer("shop.lua:12");
    assert_false(pulse_is_asked());
    assert_true(pulse_answered(&pulse));
    assert_string_equal(pulse.place, "shop.lua:12");
    assert_string_equal(pulse.about, "order_paid");
    pulse_about((struct bytes){0});
    assert_string_equal(pulse.about, "order_paid");
    pulse_ask(&pulse);
    assert_false(pulse_answered(&pulse));
    pulse_answer("");
    assert_string_equal(pulse.about, "");
}

static void test_long_names_are_cut(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    pulse_about(bytes_of(name));
    pulse_ask(&pulse);
    pulse_answer(name);
    assert_int_equal(strlen(pulse.about), PULSE_ABOUT_SIZE - 1);
    assert_int_equal(strlen(pulse.place), PULSE_PLACE_SIZE - 1);
}

static void test_every_phase_has_a_name(void **state)
{
    (void)state;
    for (int p = 0; p < PHASE_COUNT; p++)
        for (int q = 0; q < p; q++)
            assert_string_not_equal(phase_name((enum phase)p), phase_name((enum phase)q));
    assert_string_equal(phase_name(PHASE_LOG), "log");
    assert_string_equal(phase_name(PHASE_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_turns_are_odd_while_it_works, setup, teardown),
        cmocka_unit_test_setup_teardown(test_phases_nest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_threads_have_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_place_is_given_once_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_names_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_phase_has_a_name, setup, teardown),
    };
    return cmocka_run_group_tests_name("pulse", tests, NULL, NULL);
}
