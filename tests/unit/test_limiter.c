#include "core/limiter.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SENT_MAX = 200000 };

static const int64_t MS = 1000000, S = 1000000000;
static int64_t sent[SENT_MAX];

/* Lateness of a wake-up: 0 to 3 ms, and, when asked, a stall of 50 ms now and then. */
static int64_t lateness(bool stalls)
{
    if (stalls && rand() % 50 == 0)
        return 50 * MS;
    return (int64_t)rand() % (3 * MS);
}

/* A sender with an endless backlog; returns how many it sent. */
static size_t run(struct limiter *l, int64_t from, int64_t until, bool stalls)
{
    size_t n = 0;
    for (int64_t now = from; now < until && n < SENT_MAX;) {
        int64_t wait = limiter_take(l, now);
        if (wait == 0)
            sent[n++] = now;
        now += wait == 0 ? rand() % 20000 : wait + lateness(stalls);
    }
    return n;
}

/* No half-open window of `per` holds more than `count`. */
static void check_promise(size_t n, size_t count, int64_t per)
{
    for (size_t i = 0; i + count < n; i++)
        assert_true(sent[i + count] - sent[i] >= per);
}

static const struct {
    double count;
    int64_t per, lasting;
} rates[] = {
    {1, 1000000000, 500000000000},  {3, 1000000000, 200000000000},   {10, 1000000000, 200000000000},
    {50, 1000000000, 100000000000}, {1000, 1000000000, 60000000000}, {100, 60000000000, 6000000000000},
    {5, 100000000, 100000000000},
};

static void promise_holds_under_lateness(void **state)
{
    (void)state;
    srand(7);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        for (int stalls = 0; stalls < 2; stalls++) {
            struct limiter l;
            limiter_init(&l, rates[i].count, rates[i].per, 5 * S);
            size_t n = run(&l, 5 * S, 5 * S + rates[i].lasting, stalls);
            assert_true(n < SENT_MAX && n > 0);
            assert_true(sent[0] - 5 * S >= (int64_t)((double)rates[i].per / rates[i].count));
            check_promise(n, (size_t)rates[i].count, rates[i].per);
        }
    }
}

static void backlog_is_served_at_98_percent(void **state)
{
    (void)state;
    srand(8);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct limiter l;
        limiter_init(&l, rates[i].count, rates[i].per, 0);
        if (l.slack_ns < 3 * MS) /* the lateness of this sender is beyond what the slack makes up for */
            continue;
        size_t n = run(&l, 0, rates[i].lasting, false);
        double ideal = rates[i].count * (double)rates[i].lasting / (double)rates[i].per;
        assert_true((double)n >= 0.98 * ideal);
        assert_true((double)n <= ideal);
    }
}

static void promise_holds_after_idling_and_pauses(void **state)
{
    struct limiter l;
    size_t n = 0;
    (void)state;
    srand(9);
    limiter_init(&l, 10, S, 0);
    for (int64_t now = 0; now < 2000 * S && n < SENT_MAX;) {
        if (limiter_take(&l, now) == 0)
            sent[n++] = now;
        if (rand() % 100 == 0)
            limiter_pause(&l, now + (int64_t)rand() % (3 * S));
        now += rand() % 20 == 0 ? (int64_t)rand() % (2 * S) : limiter_wait(&l, now) + lateness(true);
    }
    check_promise(n, 10, S);
}

static void wait_counts_nothing(void **state)
{
    struct limiter l;
    (void)state;
    limiter_init(&l, 10, S, 0);
    assert_int_equal(l.interval_ns, 101 * MS);
    assert_int_equal(l.slack_ns, 5 * MS);
    assert_int_equal(limiter_wait(&l, 0), 101 * MS);
    assert_int_equal(limiter_wait(&l, 0), 101 * MS);
    assert_int_equal(limiter_take(&l, 100 * MS), MS);
    assert_int_equal(limiter_wait(&l, 101 * MS), 0);
    assert_int_equal(limiter_take(&l, 101 * MS), 0);
    assert_int_equal(limiter_take(&l, 101 * MS), 101 * MS);
}

static void lateness_beyond_the_slack_is_lost(void **state)
{
    struct limiter l;
    (void)state;
    limiter_init(&l, 10, S, 0);
    assert_int_equal(limiter_take(&l, 103 * MS), 0); /* 2 ms late: made up for */
    assert_int_equal(limiter_wait(&l, 103 * MS), 99 * MS);
    assert_int_equal(limiter_take(&l, 302 * MS), 0); /* 100 ms late: 5 ms are */
    assert_int_equal(limiter_wait(&l, 302 * MS), 96 * MS);
}

static void pauses(void **state)
{
    struct limiter l;
    (void)state;
    limiter_init(&l, 0, 0, 0);
    limiter_pause(&l, 10 * S);
    limiter_pause(&l, 5 * S);
    assert_int_equal(limiter_take(&l, 3 * S), 7 * S);
    assert_int_equal(limiter_pause_left(&l, 3 * S), 7 * S);
    assert_int_equal(limiter_pause_left(&l, 10 * S), 0);
    assert_int_equal(limiter_wait(&l, 10 * S), 0);
    limiter_resume(&l);
    assert_int_equal(limiter_pause_left(&l, 3 * S), 0);
    assert_int_equal(limiter_take(&l, 3 * S), 0);
    limiter_set_rate(&l, 1, S, 3 * S);
    limiter_pause(&l, 20 * S);
    limiter_set_rate(&l, 2, S, 3 * S);
    assert_int_equal(limiter_wait(&l, 3 * S), 17 * S);
}

static void no_rate_is_no_limit(void **state)
{
    static const double counts[] = {0, -1, NAN, -INFINITY};
    struct limiter l;
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        limiter_init(&l, counts[i], S, 0);
        for (int k = 0; k < 100; k++)
            assert_int_equal(limiter_take(&l, 1), 0);
    }
    limiter_init(&l, 1, -5, 0);
    assert_int_equal(limiter_take(&l, 0), 0);
}

static void huge_numbers_do_not_overflow(void **state)
{
    static const double counts[] = {1e-300, 1e-9, 1, 1e300};
    static const int64_t pers[] = {1, 1000000000, INT64_MAX};
    static const int64_t nows[] = {INT64_MIN, 0, INT64_MAX};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 3; j++)
            for (size_t k = 0; k < 3; k++) {
                struct limiter l;
                limiter_init(&l, counts[i], pers[j], nows[k]);
                assert_true(l.interval_ns > 0 && l.slack_ns >= 0);
                limiter_pause(&l, nows[2 - k]);
                assert_true(limiter_take(&l, nows[k]) >= 0);
                limiter_set_rate(&l, counts[3 - i], pers[2 - j], nows[k]);
                assert_true(limiter_take(&l, nows[2 - k]) >= 0);
            }
}

static void a_new_rate_cannot_burst(void **state)
{
    struct limiter l;
    (void)state;
    srand(10);
    limiter_init(&l, 50, S, 0);
    size_t n = 0;
    for (int64_t now = 0; now < 300 * S && n < SENT_MAX;) {
        if (rand() % 10 == 0) /* a reload before every tenth request, the rate jumping */
            limiter_set_rate(&l, rand() % 2 ? 50 : 1 + rand() % 50, rand() % 2 ? S : 2 * S, now);
        if (limiter_take(&l, now) == 0)
            sent[n++] = now;
        now += limiter_wait(&l, now) + lateness(true);
    }
    assert_true(n > 100);
    check_promise(n, 50, S);
}

static void a_new_rate_counts_from_the_last_request(void **state)
{
    struct limiter l;
    (void)state;
    limiter_init(&l, 10, S, 0);
    assert_int_equal(limiter_take(&l, S), 0);
    limiter_set_rate(&l, 1, S, S + 500 * MS); /* slower */
    assert_in_range(limiter_wait(&l, S + 500 * MS), 505 * MS, 515 * MS);
    limiter_set_rate(&l, 10, S, S + 500 * MS); /* faster: long ago by its measure */
    assert_int_equal(limiter_wait(&l, S + 500 * MS), 0);
    for (int i = 0; i < 10000; i++) /* reloads alone do not put it off */
        limiter_set_rate(&l, 1, S, S + 500 * MS + i);
    assert_in_range(limiter_wait(&l, S + 500 * MS), 505 * MS, 1015 * MS);
    limiter_init(&l, 0, 0, 0); /* none before */
    assert_int_equal(limiter_take(&l, S), 0);
    limiter_set_rate(&l, 10, S, S);
    assert_int_equal(limiter_wait(&l, S), 101 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promise_holds_under_lateness),
        cmocka_unit_test(backlog_is_served_at_98_percent),
        cmocka_unit_test(promise_holds_after_idling_and_pauses),
        cmocka_unit_test(wait_counts_nothing),
        cmocka_unit_test(lateness_beyond_the_slack_is_lost),
        cmocka_unit_test(pauses),
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(huge_numbers_do_not_overflow),
        cmocka_unit_test(a_new_rate_cannot_burst),
        cmocka_unit_test(a_new_rate_counts_from_the_last_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
