/* The life of exchanges: starting, cancelling, connections used again, and what must never happen twice. */
#include "transport_case.h"

/* --- done and cancel ------------------------------------------------------------------------------------------ */

static void test_cancel_in_flight(void **state)
{
    (void)state;
    struct sent a, b;
    sent_init(&a, &(struct call){.url = "/hang?a"});
    sent_init(&b, &(struct call){.url = "/status/200"});
    transport_start(transport, &a.exchange);
    while (misbehave_copies(receiver, "/hang?a") == 0)
        case_idle(5);
    transport_cancel(transport, &a.exchange);
    assert_null(a.exchange.state);
    sent_start(&b);
    case_run();
    assert_answered(&b, 200);
    case_idle(20);
    assert_int_equal(a.done, 0);
    transport_cancel(transport, &a.exchange); /* of nothing: nothing */
    transport_cancel(transport, &b.exchange);
    sent_fini(&a);
    sent_fini(&b);
}

static void test_cancel_at_once(void **state)
{
    (void)state;
    struct sent good, bad;
    sent_init(&good, &(struct call){.url = "/status/200"});
    sent_init(&bad, &(struct call){.url = "gopher://x/"});
    transport_start(transport, &good.exchange);
    transport_start(transport, &bad.exchange);
    transport_cancel(transport, &bad.exchange);
    transport_cancel(transport, &good.exchange);
    case_idle(30);
    assert_int_equal(good.done + bad.done, 0);
    assert_int_equal(misbehave_requests(receiver), 0);
    sent_fini(&good);
    sent_fini(&bad);
}

static struct sent pair[2];

static void on_done_cancel_other(struct exchange *x)
{
    struct sent *s = (struct sent *)x;
    s->done++;
    transport_cancel(transport, &pair[s == &pair[0]].exchange);
    ev_break(loop, EVBREAK_ALL);
}

static void cancel_each_other(const char *url)
{
    for (int i = 0; i < 2; i++) {
        sent_init(&pair[i], &(struct call){.url = url});
        pair[i].exchange.done = on_done_cancel_other;
        transport_start(transport, &pair[i].exchange);
    }
    ev_run(loop, 0);
    case_idle(30);
    assert_int_equal(pair[0].done + pair[1].done, 1);
    sent_fini(&pair[0]);
    sent_fini(&pair[1]);
}

static void test_cancel_from_done(void **state)
{
    (void)state;
    cancel_each_other("/status/200");
    cancel_each_other("gopher://x/");
}

static int chained;
static const char *chain_url;

static void on_done_start_next(struct exchange *x)
{
    struct sent *s = (struct sent *)x;
    bool inside = s->done > 100;
    assert_false(inside);
    sent_fini(s);
    if (++chained == 20) {
        ev_break(loop, EVBREAK_ALL);
        return;
    }
    sent_init(s, &(struct call){.url = chain_url});
    s->exchange.done = on_done_start_next;
    int before = chained;
    s->done = 101; /* while start() runs */
    transport_start(transport, &s->exchange);
    s->done = 0;
    assert_int_equal(chained, before);
}

static void test_start_from_done(void **state)
{
    static const char *const urls[] = {"/status/200", "gopher://x/"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct sent s;
        chained = 0;
        chain_url = urls[i];
        sent_init(&s, &(struct call){.url = chain_url});
        s.exchange.done = on_done_start_next;
        transport_start(transport, &s.exchange);
        assert_int_equal(chained, 0);
        ev_run(loop, 0);
        assert_int_equal(chained, 20);
    }
    assert_int_equal(misbehave_requests(receiver), 20);
}

static void test_free_with_exchanges(void **state)
{
    (void)state;
    struct sent hanging, fresh, refused;
    sent_init(&hanging, &(struct call){.url = "/hang"});
    sent_init(&fresh, &(struct call){.url = "/status/200"});
    sent_init(&refused, &(struct call){.url = "gopher://x/"});
    transport_start(transport, &hanging.exchange);
    while (misbehave_requests(receiver) == 0)
        case_idle(5);
    transport_start(transport, &fresh.exchange);
    transport_start(transport, &refused.exchange);
    transport_free(transport);
    transport = NULL;
    case_idle(20);
    assert_int_equal(hanging.done + fresh.done + refused.done, 0);
    sent_fini(&hanging);
    sent_fini(&fresh);
    sent_fini(&refused);
}

/* --- nothing is sent twice ------------------------------------------------------------------------------------ */

static void run(const char *url, int status)
{
    struct sent s;
    sent_run(&s, &(struct call){.url = url});
    assert_answered(&s, status);
    sent_fini(&s);
}

/*
 * A connection that was used before dies after the second request was read: libcurl by itself would send it again on a
 * new one.
 */
static void test_one_copy_when_the_connection_dies(void **state)
{
    static const char *const paths[] = {"/close?2", "/reset?2"};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int follow = 0; follow < 2; follow++) {
            struct sent s;
            misbehave_stop(receiver);
            receiver = misbehave_start(DOOR_OPEN);
            run("/status/200?1", 200);
            sent_run(&s, &(struct call){
                             .url = paths[i], .body = "{\"n\":2}", .flags = follow ? REQUEST_FOLLOW_REDIRECTS : 0});
            assert_ended(&s, ATTEMPT_RESET, ATTEMPT_AMBIGUOUS);
            assert_non_null(strstr(s.exchange.attempt.message, "the connection died before the response"));
            assert_int_equal(s.exchange.attempt.status, 0);
            case_idle(50);
            assert_int_equal(misbehave_copies(receiver, paths[i]), 1);
            sent_fini(&s);
            run("/status/200?3", 200);
        }
}

static void test_one_copy_in_the_middle_of_redirects(void **state)
{
    (void)state;
    struct sent s;
    run("/status/200", 200);
    sent_run(&s, &(struct call){.url = "/goto?/reset", .flags = REQUEST_FOLLOW_REDIRECTS});
    assert_ended(&s, ATTEMPT_RESET, ATTEMPT_AMBIGUOUS);
    assert_int_equal(misbehave_copies(receiver, "POST /goto"), 1);
    assert_int_equal(misbehave_copies(receiver, "POST /reset"), 1);
    sent_fini(&s);
}

/* libcurl wants to send again and finds nobody: it was sent all the same. */
static void test_ambiguous_when_nobody_is_there_any_more(void **state)
{
    (void)state;
    struct sent s;
    run("/status/200", 200);
    misbehave_refuse(receiver);
    sent_run(&s, &(struct call){.url = "/close"});
    assert_int_equal(s.exchange.attempt.class, ATTEMPT_AMBIGUOUS);
    assert_non_null(strstr(s.exchange.attempt.message, "the connection died before the response"));
    assert_int_equal(misbehave_copies(receiver, "/close"), 1);
    sent_fini(&s);
}

/* The receiver closes while the connection is idle: a new one is opened, and nobody notices. */
static void test_stale_connections(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        run("/bye", 200);
        case_idle(20);
    }
    assert_int_equal(misbehave_requests(receiver), 5);
    assert_int_equal(misbehave_connections(receiver), 5);
}

enum { TOGETHER = 20 }; /* more than two multi handles take */

static void run_together(void)
{
    static struct sent all[TOGETHER];
    for (int i = 0; i < TOGETHER; i++) {
        sent_init(&all[i], &(struct call){.url = "/status/200"});
        sent_start(&all[i]);
    }
    case_run();
    for (int i = 0; i < TOGETHER; i++)
        sent_fini(&all[i]);
}

/* Nobody asks libcurl for anything, and yet what it would not use again closes; beside what is in flight it stays. */
static void test_idle_connections_close(void **state)
{
    struct sent hanging;
    (void)state;
    transport_free(transport);
    transport = transport_new(&(struct transport_options){.loop = loop, .secrets = secrets, .idle_s = 1}, NULL);
    run_together();
    int connected = case_open_files(); /* both ends */
    case_idle(1500);
    int before = case_open_files();
    assert_int_equal(connected - before, 2 * TOGETHER);
    sent_init(&hanging, &(struct call){.url = "/hang"});
    transport_start(transport, &hanging.exchange);
    run_together();
    case_idle(1500);
    assert_in_range(case_open_files(), before + 2, before + 2 * 8);
    assert_non_null(hanging.exchange.state);
    transport_cancel(transport, &hanging.exchange);
    sent_fini(&hanging);
    case_idle(1500);
    assert_int_equal(case_open_files(), before + 1); /* the receiver still hangs */
    run("/status/200", 200);
}

/* What comes on an idle connection is no answer to the next request. */
static void test_unasked_answers(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        run("/unasked", 200);
        case_idle(60);
    }
    run("/status/204", 204);
    assert_int_equal(misbehave_requests(receiver), 6);
    assert_int_equal(misbehave_connections(receiver), 6);
}

/* --- many ----------------------------------------------------------------------------------------------------- */

enum { MANY = 1000, IN_FLIGHT = 64, AT_ONCE = 400 };

static int started, ended, highest;

static void start_next(struct sent *s);

static void on_done_of_many(struct exchange *x)
{
    struct sent *s = (struct sent *)x;
    assert_answered(s, 200);
    sent_fini(s);
    ended++;
    if (started < MANY)
        start_next(s);
    else if (ended == MANY)
        ev_break(loop, EVBREAK_ALL);
}

static void start_next(struct sent *s)
{
    char body[32];
    snprintf(body, sizeof body, "[%d]", started++);
    if (started - ended > highest)
        highest = started - ended;
    sent_init(s, &(struct call){.url = "/status/200", .body = body, .headers = {"Authorization", "{TOKEN}"}});
    s->exchange.done = on_done_of_many;
    transport_start(transport, &s->exchange);
}

static void test_many(void **state)
{
    static struct sent flights[IN_FLIGHT];
    char body[32];
    (void)state;
    started = ended = highest = 0;
    for (int i = 0; i < IN_FLIGHT; i++)
        start_next(&flights[i]);
    ev_run(loop, 0);
    assert_int_equal(ended, MANY);
    assert_int_equal(highest, IN_FLIGHT);
    assert_int_equal(misbehave_requests(receiver), MANY);
    assert_true(misbehave_connections(receiver) <= IN_FLIGHT);
    for (int i = 0; i < MANY; i++) {
        snprintf(body, sizeof body, "\r\n\r\n[%d]", i);
        assert_int_equal(misbehave_copies(receiver, body), 1);
    }
}

/* More at once than handles are kept. */
static void test_many_at_once(void **state)
{
    static struct sent flights[AT_ONCE];
    (void)state;
    for (int i = 0; i < AT_ONCE; i++) {
        sent_init(&flights[i], &(struct call){.url = i % 8 == 0 ? "gopher://x/" : "/status/200"});
        sent_start(&flights[i]);
    }
    case_run();
    for (int i = 0; i < AT_ONCE; i++) {
        if (i % 8 == 0)
            assert_ended(&flights[i], ATTEMPT_REQUEST, ATTEMPT_PERMANENT);
        else
            assert_answered(&flights[i], 200);
        assert_int_equal(flights[i].done, 1);
        sent_fini(&flights[i]);
    }
    run("/status/200", 200);
}

static void use_everything(void)
{
    static const char *const urls[] = {"/status/200",        "/close", "/reset", "/partial",  "/garbage",
                                       "/endless",           "/bye",   "/hang",  "/slow/100", "gopher://x/",
                                       "http://127.0.0.1:1/"};
    enum { URLS = sizeof urls / sizeof *urls };
    struct sent all[URLS], cancelled;
    sent_init(&cancelled, &(struct call){.url = "/hang?cancelled"});
    transport_start(transport, &cancelled.exchange);
    for (int i = 0; i < URLS; i++) {
        sent_init(&all[i], &(struct call){.url = urls[i], .timeout_ms = 200});
        sent_start(&all[i]);
    }
    case_run();
    transport_cancel(transport, &cancelled.exchange);
    sent_fini(&cancelled);
    for (int i = 0; i < URLS; i++) {
        assert_int_equal(all[i].done, 1);
        sent_fini(&all[i]);
    }
}

static void test_no_descriptor_is_left(void **state)
{
    (void)state;
    int before = 0;
    transport_free(transport);
    transport = NULL;
    for (int i = 0; i < 3; i++) {
        /* The receiver has descriptors too: it is not there when they are counted. */
        transport = transport_new(&(struct transport_options){.loop = loop, .secrets = secrets}, NULL);
        use_everything();
        transport_free(transport);
        transport = NULL;
        misbehave_stop(receiver);
        if (i == 0)
            before = case_open_files(); /* what the libraries open once is open now */
        assert_int_equal(case_open_files(), before);
        receiver = misbehave_start(DOOR_OPEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_cancel_in_flight),
        CASE(test_cancel_at_once),
        CASE(test_cancel_from_done),
        CASE(test_start_from_done),
        CASE(test_free_with_exchanges),
        CASE(test_one_copy_when_the_connection_dies),
        CASE(test_one_copy_in_the_middle_of_redirects),
        CASE(test_ambiguous_when_nobody_is_there_any_more),
        CASE(test_stale_connections),
        CASE(test_idle_connections_close),
        CASE(test_unasked_answers),
        CASE(test_many),
        CASE(test_many_at_once),
        CASE(test_no_descriptor_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
