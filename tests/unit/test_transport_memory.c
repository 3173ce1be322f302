/* libcurl without memory: each allocation that it makes for an exchange fails once. The allocators are the test's. */
#include "transport_case.h"

#include "core/memory.h"

enum { POINTS_MAX = 2000 };

static unsigned long failures;
static int left; /* allocations until one fails; 0: none does */

static bool fails(void)
{
    bool now = left > 0 && --left == 0;
    failures += now;
    return now;
}

void *memory_alloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *memory_zeroed(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

void *memory_resize(void *block, size_t size)
{
    return size > 0 && fails() ? NULL : realloc(block, size);
}

char *memory_copy(const char *text)
{
    return fails() ? NULL : strdup(text);
}

unsigned long memory_failures(void)
{
    return failures;
}

void *memory_insist(void *block, size_t size)
{
    return realloc(block, size);
}

/* What may be said of an exchange in which one allocation failed. */
static void check(const struct attempt *a, int hops)
{
    if (a->class == ATTEMPT_ANSWERED) {
        assert_int_equal(a->status, 200); /* and not what a redirect on the way to it was */
        assert_int_equal(misbehave_requests(receiver), hops + 1);
        return;
    }
    assert_int_not_equal(a->class, ATTEMPT_PERMANENT); /* it is no mistake of the request, nor of the receiver */
    assert_string_equal(a->message, "out of memory");
    if (a->class == ATTEMPT_NEVER_LEFT)
        assert_int_equal(misbehave_requests(receiver), 0);
}

/* With a new transport and receiver each time: connections and caches are to be had too. False: not so many. */
static bool run_with(int point, const char *path, int hops)
{
    struct sent s;
    misbehave_stop(receiver);
    receiver = misbehave_start(DOOR_OPEN);
    transport_free(transport);
    transport = transport_new(&(struct transport_options){.loop = loop, .secrets = secrets}, NULL);
    left = point;
    sent_run(&s, &(struct call){.url = path, .flags = REQUEST_FOLLOW_REDIRECTS});
    bool reached = left == 0;
    left = 0;
    check(&s.exchange.attempt, hops);
    sent_fini(&s);
    return reached;
}

static void sweep(const char *path, int hops)
{
    int point = 1;
    while (run_with(point, path, hops))
        assert_true(++point < POINTS_MAX);
    assert_true(point > 50); /* what libcurl makes at least */
}

static void test_an_exchange(void **state)
{
    (void)state;
    sweep("/status/200?and=a&query=too", 0);
}

static void test_redirects_followed(void **state)
{
    (void)state;
    sweep("/redirect/2", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_exchange),
        CASE(test_redirects_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
