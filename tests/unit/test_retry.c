#include "core/retry.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>

static struct retry_policy policy;

static int fresh_policy(void **state)
{
    (void)state;
    retry_policy_default(&policy);
    return 0;
}

static struct attempt ended(enum attempt_class class, int status)
{
    struct attempt a;
    attempt_init(&a, 1);
    a.class = class;
    a.status = status;
    return a;
}

static struct retry_decision decide(bool key, struct attempt a, int tries, int64_t elapsed, double random)
{
    return retry_decide(&policy, key, &a, tries, elapsed, random);
}

static enum retry_verdict verdict(bool key, enum attempt_class class, int status, int tries)
{
    return decide(key, ended(class, status), tries, 0, 0.5).verdict;
}

static void the_default_is_three_within_six_minutes(void **state)
{
    (void)state;
    assert_int_equal(policy.delay_count, 3);
    assert_int_equal(policy.delays_ms[2], 240000);
    assert_int_equal(policy.within_ms, 360000);
    assert_int_equal(policy.codes[0], 429);
}

static void statuses_with_the_key(void **state)
{
    (void)state;
    for (int status = 100; status < 600; status++) {
        enum retry_verdict want = status >= 200 && status < 300    ? RETRY_SUCCEEDED
                                  : status == 429 || status >= 500 ? RETRY_AGAIN
                                                                   : RETRY_FAILED;
        assert_int_equal(verdict(true, ATTEMPT_ANSWERED, status, 1), want);
        if (want == RETRY_AGAIN)
            want = RETRY_FAILED;
        assert_int_equal(verdict(false, ATTEMPT_ANSWERED, status, 1), want);
    }
}

static void classes_and_single_codes(void **state)
{
    (void)state;
    policy.on = RETRY_ON_4XX;
    policy.code_count = 1;
    policy.codes[0] = 302;
    assert_int_equal(verdict(true, ATTEMPT_ANSWERED, 404, 1), RETRY_AGAIN);
    assert_int_equal(verdict(true, ATTEMPT_ANSWERED, 302, 1), RETRY_AGAIN);
    assert_int_equal(verdict(true, ATTEMPT_ANSWERED, 500, 1), RETRY_FAILED);
    assert_int_equal(verdict(true, ATTEMPT_ANSWERED, 301, 1), RETRY_FAILED);
}

static void never_left_needs_no_key(void **state)
{
    (void)state;
    assert_int_equal(verdict(false, ATTEMPT_NEVER_LEFT, 0, 1), RETRY_AGAIN);
    assert_int_equal(verdict(true, ATTEMPT_NEVER_LEFT, 0, 3), RETRY_AGAIN);
    assert_int_equal(verdict(false, ATTEMPT_NEVER_LEFT, 0, 4), RETRY_FAILED);
    policy.on = 0;
    assert_int_equal(verdict(false, ATTEMPT_NEVER_LEFT, 0, 1), RETRY_AGAIN);
    policy.delay_count = 0;
    assert_int_equal(verdict(true, ATTEMPT_NEVER_LEFT, 0, 1), RETRY_FAILED);
}

static void ambiguous_needs_the_key(void **state)
{
    (void)state;
    assert_int_equal(verdict(false, ATTEMPT_AMBIGUOUS, 0, 1), RETRY_UNKNOWN);
    assert_int_equal(verdict(false, ATTEMPT_AMBIGUOUS, 200, 1), RETRY_UNKNOWN);
    assert_int_equal(verdict(true, ATTEMPT_AMBIGUOUS, 0, 1), RETRY_AGAIN);
    assert_int_equal(verdict(true, ATTEMPT_AMBIGUOUS, 200, 1), RETRY_AGAIN);
    assert_int_equal(verdict(true, ATTEMPT_AMBIGUOUS, 0, 4), RETRY_FAILED);
    policy.on = RETRY_ON_5XX;
    assert_int_equal(verdict(true, ATTEMPT_AMBIGUOUS, 503, 1), RETRY_UNKNOWN);
}

static void permanent_ends_it(void **state)
{
    (void)state;
    assert_int_equal(verdict(true, ATTEMPT_PERMANENT, 0, 1), RETRY_FAILED);
    assert_int_equal(verdict(true, ATTEMPT_PERMANENT, 503, 1), RETRY_FAILED);
}

static void delays_follow_the_policy(void **state)
{
    static const int64_t delays[] = {20000, 80000, 240000};
    (void)state;
    for (int k = 1; k <= 3; k++) {
        struct attempt a = ended(ATTEMPT_ANSWERED, 500);
        assert_int_equal(decide(true, a, k, 0, 0).delay_ms, delays[k - 1] * 95 / 100);
        assert_in_range(decide(true, a, k, 0, 0.5).delay_ms, delays[k - 1] - 1, delays[k - 1]);
        assert_in_range(decide(true, a, k, 0, 0.9999).delay_ms, delays[k - 1] * 104 / 100, delays[k - 1] * 105 / 100);
        assert_int_equal(decide(true, a, k, 0, 0).pause_ms, 0);
    }
    assert_int_equal(decide(true, ended(ATTEMPT_ANSWERED, 500), 1, 0, NAN).delay_ms, 19000);
    assert_int_equal(verdict(true, ATTEMPT_ANSWERED, 500, 4), RETRY_FAILED);
    assert_int_equal(verdict(true, ATTEMPT_ANSWERED, 500, 0), RETRY_AGAIN);
}

static void the_window_holds(void **state)
{
    struct attempt a = ended(ATTEMPT_ANSWERED, 500);
    (void)state;
    for (int64_t elapsed = 0; elapsed < 361000; elapsed += 7)
        for (int k = 1; k <= 3; k++) {
            struct retry_decision d = decide(true, a, k, elapsed, 0.999);
            assert_int_equal(d.verdict, elapsed < 360000 ? RETRY_AGAIN : RETRY_FAILED);
            assert_true(d.verdict != RETRY_AGAIN || elapsed + d.delay_ms <= 360000);
        }
    assert_int_equal(decide(true, a, 3, 300000, 0.5).delay_ms, 60000);
    assert_int_equal(decide(false, ended(ATTEMPT_AMBIGUOUS, 0), 1, 400000, 0).verdict, RETRY_UNKNOWN);
    assert_int_equal(decide(true, a, 1, -5, 0).verdict, RETRY_AGAIN);
}

static struct attempt asking(int status, int64_t retry_after_ms)
{
    struct attempt a = ended(ATTEMPT_ANSWERED, status);
    a.retry_after_ms = retry_after_ms;
    return a;
}

static void retry_after_takes_the_place(void **state)
{
    (void)state;
    for (double random = 0; random < 1; random += 0.01) {
        struct retry_decision d = decide(true, asking(429, 5000), 1, 0, random);
        assert_int_equal(d.verdict, RETRY_AGAIN);
        assert_int_equal(d.pause_ms, 5000);
        assert_in_range(d.delay_ms, 5000, 5250);
        assert_in_range(decide(true, asking(503, 100000), 1, 0, random).delay_ms, 100000, 101000);
        d = decide(true, asking(503, 60000), 2, 300000, random); /* to the end of the window exactly */
        assert_int_equal(d.delay_ms, 60000);
    }
}

static void retry_after_beyond_the_window_ends_it(void **state)
{
    (void)state;
    struct retry_decision d = decide(true, asking(429, 61000), 1, 300000, 0);
    assert_int_equal(d.verdict, RETRY_FAILED);
    assert_int_equal(d.pause_ms, 61000);
    d = decide(true, asking(429, 86400000), 1, 0, 0);
    assert_int_equal(d.verdict, RETRY_FAILED);
    assert_int_equal(d.pause_ms, 360000);
    d = decide(true, asking(429, INT64_MAX), 1, 0, 0);
    assert_int_equal(d.pause_ms, 360000);
}

static void retry_after_pauses_without_a_retry(void **state)
{
    (void)state;
    struct retry_decision d = decide(false, asking(503, 5000), 1, 0, 0);
    assert_int_equal(d.verdict, RETRY_FAILED);
    assert_int_equal(d.pause_ms, 5000);
    policy.within_ms = 0;
    policy.delay_count = 0;
    assert_int_equal(decide(true, asking(429, 5000), 1, 0, 0).pause_ms, 5000);
}

static void retry_after_elsewhere_says_nothing(void **state)
{
    (void)state;
    struct retry_decision d = decide(true, asking(500, 5000), 1, 0, 0);
    assert_int_equal(d.delay_ms, 19000);
    assert_int_equal(d.pause_ms, 0);
    assert_int_equal(decide(true, asking(429, 0), 1, 0, 0).delay_ms, 19000);
    assert_int_equal(decide(true, asking(429, -1), 1, 0, 0).delay_ms, 19000);
    assert_int_equal(decide(true, asking(200, 5000), 1, 0, 0).pause_ms, 0);
    struct attempt cut = asking(503, 5000);
    cut.class = ATTEMPT_AMBIGUOUS;
    assert_int_equal(decide(true, cut, 1, 0, 0).pause_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_default_is_three_within_six_minutes, fresh_policy),
        cmocka_unit_test_setup(statuses_with_the_key, fresh_policy),
        cmocka_unit_test_setup(classes_and_single_codes, fresh_policy),
        cmocka_unit_test_setup(never_left_needs_no_key, fresh_policy),
        cmocka_unit_test_setup(ambiguous_needs_the_key, fresh_policy),
        cmocka_unit_test_setup(permanent_ends_it, fresh_policy),
        cmocka_unit_test_setup(delays_follow_the_policy, fresh_policy),
        cmocka_unit_test_setup(the_window_holds, fresh_policy),
        cmocka_unit_test_setup(retry_after_takes_the_place, fresh_policy),
        cmocka_unit_test_setup(retry_after_beyond_the_window_ends_it, fresh_policy),
        cmocka_unit_test_setup(retry_after_pauses_without_a_retry, fresh_policy),
        cmocka_unit_test_setup(retry_after_elsewhere_says_nothing, fresh_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
