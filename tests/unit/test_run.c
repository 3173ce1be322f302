#include "core/run.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void check_out(const char *want)
{
    assert_non_null(buf_cstr(&out));
    assert_string_equal(out.data, want);
}

static void every_state_is_read_back_from_its_name(void **state)
{
    (void)state;
    for (int i = 0; i < RUN_STATE_COUNT; i++) {
        enum run_state back;
        assert_int_equal(run_state_parse(bytes_of(run_state_name((enum run_state)i)), &back), 0);
        assert_int_equal(back, i);
    }
    assert_string_equal(run_state_name(RUN_READY), "running");
}

static void other_names_are_no_states(void **state)
{
    enum run_state s = RUN_PARKED;
    (void)state;
    assert_int_equal(run_state_parse(bytes_of("succeed"), &s), -1);
    assert_int_equal(run_state_parse(bytes_of("Running"), &s), -1);
    assert_int_equal(run_state_parse(bytes_of(""), &s), -1);
    assert_int_equal(s, RUN_PARKED);
}

/* Stored by number: these may never change. */
static void numbers_stay(void **state)
{
    static const char *const states[] = {"running",   "waiting", "sleeping", "queued",
                                         "succeeded", "failed",  "parked",   "canceled"};
    static const char *const kinds[] = {"invalid", "call", "send", "sleep", "wait_event", "runs"};
    (void)state;
    for (int i = 0; i < RUN_STATE_COUNT; i++) {
        assert_string_equal(run_state_name((enum run_state)i), states[i]);
        assert_int_equal(run_state_final((enum run_state)i), i >= 4);
    }
    for (int i = 0; i < STEP_KIND_COUNT; i++)
        assert_string_equal(step_kind_name((enum step_kind)i), kinds[i]);
    assert_string_equal(step_kind_name(STEP_KIND_COUNT), "invalid");
}

static void a_call_that_went_well(void **state)
{
    (void)state;
    assert_int_equal(run_call_result(&out, true, 1, "", bytes_of(""), bytes_of("{\"crmId\":7}")), 0);
    check_out("{\"ok\":true,\"attempts\":1,\"vars\":{\"crmId\":7}}");
}

static void a_call_that_failed(void **state)
{
    (void)state;
    assert_int_equal(run_call_result(&out, false, 4, "status", bytes_of("503 \"busy\""), (struct bytes){0}), 0);
    check_out("{\"ok\":false,\"attempts\":4,\"error\":{\"kind\":\"status\",\"message\":\"503 \\\"busy\\\"\"}}");
    buf_clear(&out);
    assert_int_equal(run_call_result(&out, true, 1, NULL, bytes_of("unseen"), (struct bytes){0}), 0);
    check_out("{\"ok\":true,\"attempts\":1}");
}

static void an_event_that_was_waited_for(void **state)
{
    struct uuid id = {{0x01, 0x8f}};
    (void)state;
    assert_int_equal(run_wait_result(&out, &id, bytes_of("{\"name\":\"paid\"}")), 0);
    check_out("{\"id\":\"018f0000-0000-0000-0000-000000000000\",\"event\":{\"name\":\"paid\"}}");
    buf_clear(&out);
    assert_int_equal(run_wait_result(&out, &id, (struct bytes){0}), 0);
    check_out("{\"id\":\"018f0000-0000-0000-0000-000000000000\",\"event\":null}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_state_is_read_back_from_its_name),
        TEST(other_names_are_no_states),
        TEST(numbers_stay),
        TEST(a_call_that_went_well),
        TEST(a_call_that_failed),
        TEST(an_event_that_was_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
