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
    return retry_decide(&policy, key, &a, NULL, tries, elapsed, random);
}

static struct retry_decision judged(bool key, struct attempt a, struct retry_judgement j, int tries, int64_t elapsed)
{
    return retry_decide(&policy, key, &a, &j, tries, elapsed, 0.5);
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
            assert_int_equal(d.verdict, elapsed < 359000 ? RETRY_AGAIN : RETRY_FAILED);
            assert_true(d.verdict != RETRY_AGAIN || elapsed + d.delay_ms <= 359000);
        }
    assert_int_equal(decide(true, a, 3, 300000, 0.5).delay_ms, 59000);
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
        d = decide(true, asking(503, 60000), 2, 299000, random); /* to the end of the window exactly */
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

static void a_rule_calls_any_status_a_success(void **state)
{
    struct retry_judgement ok = {.kind = JUDGED_OK};
    (void)state;
    for (int status = 200; status < 600; status++)
        for (int key = 0; key < 2; key++) {
            struct retry_decision d = judged(key != 0, ended(ATTEMPT_ANSWERED, status), ok, 1, 0);
            assert_int_equal(d.verdict, RETRY_SUCCEEDED);
            assert_int_equal(d.delay_ms, 0);
            assert_int_equal(d.pause_ms, 0);
        }
    assert_int_equal(judged(true, asking(429, 5000), ok, 1, 0).pause_ms, 5000); /* the receiver's word stands */
}

static void a_rule_without_an_opinion_changes_nothing(void **state)
{
    struct retry_judgement none = {.kind = JUDGED_DEFAULT};
    (void)state;
    for (int status = 200; status < 600; status++) {
        struct attempt a = ended(ATTEMPT_ANSWERED, status);
        struct retry_decision with = judged(true, a, none, 1, 0), without = decide(true, a, 1, 0, 0.5);
        assert_int_equal(with.verdict, without.verdict);
        assert_int_equal(with.delay_ms, without.delay_ms);
    }
}

static void what_a_rule_fails_is_retried_as_its_status_says(void **state)
{
    struct retry_judgement failed = {.kind = JUDGED_FAILED}, last = {.kind = JUDGED_FINAL};
    (void)state;
    for (int status = 200; status < 600; status++) {
        bool again = status == 429 || status >= 500;
        struct attempt a = ended(ATTEMPT_ANSWERED, status);
        assert_int_equal(judged(true, a, failed, 1, 0).verdict, again ? RETRY_AGAIN : RETRY_FAILED);
        assert_int_equal(judged(false, a, failed, 1, 0).verdict, RETRY_FAILED);
        assert_int_equal(judged(true, a, failed, 4, 0).verdict, RETRY_FAILED);
        assert_int_equal(judged(true, a, last, 1, 0).verdict, RETRY_FAILED);
    }
}

static void a_rule_asks_for_another_attempt(void **state)
{
    struct retry_judgement again = {.kind = JUDGED_RETRY, .retry_ms = 30000};
    (void)state;
    for (int status = 200; status < 600; status += 100) {
        struct attempt a = ended(ATTEMPT_ANSWERED, status);
        struct retry_decision d = judged(true, a, again, 1, 0);
        assert_int_equal(d.verdict, RETRY_AGAIN);
        assert_in_range(d.delay_ms, 30000, 31000);
        assert_int_equal(judged(true, a, again, 1000, 0).verdict, RETRY_AGAIN); /* the delays do not bound it */
        assert_int_equal(judged(false, a, again, 1, 0).verdict, RETRY_FAILED);
        assert_int_equal(judged(true, a, again, 1, 329000).delay_ms, 30000); /* to the end of the window exactly */
        assert_int_equal(judged(true, a, again, 1, 330001).verdict, RETRY_FAILED);
    }
    policy.delay_count = 0;
    assert_int_equal(judged(true, ended(ATTEMPT_ANSWERED, 200), again, 1, 0).verdict, RETRY_AGAIN);
    policy.within_ms = 0;
    again.retry_ms = 0;
    assert_int_equal(judged(true, ended(ATTEMPT_ANSWERED, 200), again, 1, 0).verdict, RETRY_FAILED);
}

static void a_rule_pauses_whatever_it_decides(void **state)
{
    static const enum retry_judged kinds[] = {JUDGED_DEFAULT, JUDGED_OK, JUDGED_FAILED, JUDGED_FINAL, JUDGED_RETRY};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct retry_judgement j = {.kind = kinds[i], .retry_ms = 1000, .pause_ms = 86400000};
        assert_int_equal(judged(true, ended(ATTEMPT_ANSWERED, 200), j, 1, 0).pause_ms, 86400000);
        j.pause_ms = 7;
        assert_int_equal(judged(true, asking(429, 5000), j, 1, 0).pause_ms, 7);
    }
}

static void a_rule_is_not_heard_without_an_answer(void **state)
{
    static const enum attempt_class classes[] = {ATTEMPT_NEVER_LEFT, ATTEMPT_AMBIGUOUS, ATTEMPT_PERMANENT};
    struct retry_judgement ok = {.kind = JUDGED_OK, .pause_ms = 5};
    (void)state;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        struct attempt a = ended(classes[i], 200);
        assert_int_equal(judged(false, a, ok, 1, 0).verdict, decide(false, a, 1, 0, 0.5).verdict);
        assert_int_equal(judged(false, a, ok, 1, 0).pause_ms, 0);
    }
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
        cmocka_unit_test_setup(a_rule_calls_any_status_a_success, fresh_policy),
        cmocka_unit_test_setup(a_rule_without_an_opinion_changes_nothing, fresh_policy),
        cmocka_unit_test_setup(what_a_rule_fails_is_retried_as_its_status_says, fresh_policy),
        cmocka_unit_test_setup(a_rule_asks_for_another_attempt, fresh_policy),
        cmocka_unit_test_setup(a_rule_pauses_whatever_it_decides, fresh_policy),
        cmocka_unit_test_setup(a_rule_is_not_heard_without_an_answer, fresh_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
