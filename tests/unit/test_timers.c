#include "core/timers.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

enum { MANY = 500 };

struct waiter {
    struct timer timer;
    int id;
};

static struct timers heap;
static struct waiter waiters[MANY];
static int fired[4 * MANY];
static int fired_count;

static int setup(void **state)
{
    (void)state;
    timers_init(&heap);
    fired_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timers_fini(&heap);
    return 0;
}

static void on_record(struct timer *t, int64_t now_ns)
{
    assert_true(t->due_ns <= now_ns);
    assert_false(timer_started(t));
    fired[fired_count++] = ((struct waiter *)t)->id;
}

static void prepare(int count, void (*on_due)(struct timer *, int64_t))
{
    for (int i = 0; i < count; i++) {
        waiters[i].id = i;
        timer_init(&waiters[i].timer, on_due);
    }
}

static void start(int i, int64_t due)
{
    timer_start(&heap, &waiters[i].timer, due);
}

static void empty_heap(void **state)
{
    (void)state;
    assert_true(timers_next(&heap) == INT64_MAX);
    timers_run(&heap, INT64_MAX);
    prepare(1, on_record);
    timer_stop(&heap, &waiters[0].timer);
    assert_false(timer_started(&waiters[0].timer));
}

static void fires_in_order(void **state)
{
    (void)state;
    prepare(5, on_record);
    start(0, 30);
    start(1, 10);
    start(2, 20);
    start(3, 10);
    start(4, 40);
    assert_int_equal(timers_next(&heap), 10);
    timers_run(&heap, 9);
    assert_int_equal(fired_count, 0);
    timers_run(&heap, 30);
    assert_int_equal(fired_count, 4);
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 3);
    assert_int_equal(fired[2], 2);
    assert_int_equal(fired[3], 0);
    assert_int_equal(timers_next(&heap), 40);
}

static void random_starts_moves_and_stops(void **state)
{
    static int64_t due[MANY]; /* -1: not started */
    (void)state;
    srand(3);
    prepare(MANY, on_record);
    for (int i = 0; i < MANY; i++)
        due[i] = -1;
    for (int step = 0; step < 20000; step++) {
        int i = rand() % MANY;
        if (rand() % 3 == 0) {
            timer_stop(&heap, &waiters[i].timer);
            due[i] = -1;
        } else {
            due[i] = 1 + rand() % 100;
            start(i, due[i]);
        }
        int64_t least = INT64_MAX;
        for (int j = 0; step % 100 == 0 && j < MANY; j++)
            least = due[j] >= 0 && due[j] < least ? due[j] : least;
        assert_true(step % 100 != 0 || timers_next(&heap) == least);
    }
    timers_run(&heap, 50);
    for (int i = 1; i < fired_count; i++)
        assert_true(due[fired[i - 1]] <= due[fired[i]]);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(timer_started(&waiters[i].timer), due[i] > 50);
}

static void on_restart(struct timer *t, int64_t now_ns)
{
    on_record(t, now_ns);
    timer_start(&heap, t, now_ns - 100);
}

static void started_meanwhile_waits_for_the_next_run(void **state)
{
    (void)state;
    prepare(3, on_record);
    waiters[0].timer.on_due = on_restart; /* is put before the two others, which must still fire */
    start(0, 1);
    start(1, 2);
    start(2, 50);
    timers_run(&heap, 50);
    assert_int_equal(fired_count, 3);
    assert_int_equal(fired[2], 2);
    timers_run(&heap, 51);
    assert_int_equal(fired_count, 4);
    assert_int_equal(fired[3], 0);
}

static void on_stop_next(struct timer *t, int64_t now_ns)
{
    on_record(t, now_ns);
    timer_stop(&heap, &waiters[((struct waiter *)t)->id + 1].timer);
}

static void a_callback_stops_others(void **state)
{
    (void)state;
    prepare(6, on_stop_next);
    for (int i = 0; i < 5; i++)
        start(i, 5);
    timers_run(&heap, 5);
    assert_int_equal(fired_count, 3);
    assert_int_equal(fired[1], 2);
    assert_true(timers_next(&heap) == INT64_MAX);
}

static void on_free(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    fired_count++;
    free(t);
}

static void a_callback_frees_its_node(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct timer *t = malloc(sizeof *t);
        assert_non_null(t);
        timer_init(t, on_free);
        timer_start(&heap, t, i % 7);
    }
    timers_run(&heap, 7);
    assert_int_equal(fired_count, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_heap, setup, teardown),
        cmocka_unit_test_setup_teardown(fires_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(random_starts_moves_and_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(started_meanwhile_waits_for_the_next_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_callback_stops_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_callback_frees_its_node, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
