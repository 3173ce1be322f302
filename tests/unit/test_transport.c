/* How exchanges end: what a receiver does and how the attempt reads it. */
#include "transport_case.h"

/* --- answers -------------------------------------------------------------------------------------------------- */

static void test_answers(void **state)
{
    static const int statuses[] = {200, 201, 204, 301, 304, 404, 429, 500, 599};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char path[32];
        struct sent s;
        snprintf(path, sizeof path, "/status/%d", statuses[i]);
        sent_run(&s, &(struct call){.url = path});
        assert_answered(&s, statuses[i]);
        bool bodiless = statuses[i] == 204 || statuses[i] == 304;
        assert_text(buf_view(&s.exchange.attempt.body), bodiless ? "" : "ok");
        assert_text(buf_view(&s.exchange.attempt.headers), bodiless ? "" : "Content-Length: 2\n");
        sent_fini(&s);
    }
    assert_int_equal(misbehave_connections(receiver), 1);
}

static int64_t some_time(void)
{
    return 1700000000123;
}

static void test_times(void **state)
{
    (void)state;
    struct sent s;
    transport_free(transport);
    transport =
        transport_new(&(struct transport_options){.loop = loop, .secrets = secrets, .wall_ms = some_time}, NULL);
    sent_run(&s, &(struct call){.url = "/slow/5"});
    assert_answered(&s, 200);
    assert_int_equal(s.exchange.attempt.started_ms, some_time());
    assert_true(s.exchange.attempt.duration_us >= 50000);
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = "gopher://x/"});
    assert_int_equal(s.exchange.attempt.started_ms, some_time());
    sent_fini(&s);
}

static void test_bodies(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/body/200000"});
    assert_answered(&s, 200);
    assert_int_equal(s.exchange.attempt.body.len, 200000);
    assert_false(s.exchange.attempt.truncated);
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = "/chunked"});
    assert_answered(&s, 200);
    assert_text(buf_view(&s.exchange.attempt.body), "hello, world");
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = "/body/0"});
    assert_answered(&s, 200);
    assert_int_equal(s.exchange.attempt.body.len, 0);
    sent_fini(&s);
}

static void test_the_cap(void **state)
{
    static const struct {
        const char *path;
        size_t kept;
        bool truncated;
    } cases[] = {{"/body/262143", 262143, false},
                 {"/body/262144", 262144, false},
                 {"/body/262145", 262144, true},
                 {"/body/300000", 262144, true},
                 {"/endless", 262144, true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        sent_run(&s, &(struct call){.url = cases[i].path});
        assert_answered(&s, 200);
        assert_int_equal(s.exchange.attempt.body.len, cases[i].kept);
        assert_int_equal(s.exchange.attempt.truncated, cases[i].truncated);
        sent_fini(&s);
    }
}

static void test_a_cap_of_its_own(void **state)
{
    (void)state;
    struct sent s;
    transport_free(transport);
    transport = transport_new(&(struct transport_options){.loop = loop, .secrets = secrets, .body_cap = 100}, NULL);
    sent_run(&s, &(struct call){.url = "/body/101"});
    assert_answered(&s, 200);
    assert_int_equal(s.exchange.attempt.body.len, 100);
    assert_true(s.exchange.attempt.truncated);
    sent_fini(&s);
}

static void test_headers(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/interim"});
    assert_answered(&s, 200);
    assert_text(buf_view(&s.exchange.attempt.headers), "X-Late: 1\nContent-Length: 2\n");
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = "/repeat"});
    assert_text(buf_view(&s.exchange.attempt.headers), "X-A: 1\nX-B: one two\nx-a: 2\nX-Empty:\nContent-Length: 2\n");
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = "/trailer"});
    assert_answered(&s, 200);
    assert_text(buf_view(&s.exchange.attempt.headers), "Transfer-Encoding: chunked\nX-Head: 1\n");
    assert_int_equal(s.exchange.attempt.retry_after_ms, -1);
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = "/retry-after/7"});
    assert_answered(&s, 429);
    assert_int_equal(s.exchange.attempt.retry_after_ms, 7000);
    sent_fini(&s);
}

static void test_many_headers(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/heads/70"});
    assert_answered(&s, 200);
    assert_true(s.exchange.attempt.headers.len <= 64 << 10);
    assert_true(s.exchange.attempt.headers.len > 60 << 10);
    assert_text(attempt_header(&s.exchange.attempt, "x-first"), "1");
    assert_text(buf_view(&s.exchange.attempt.body), "ok");
    sent_fini(&s);
}

static void test_trailers_that_never_end(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/endless-trailers"});
    assert_answered(&s, 200);
    assert_true(s.exchange.attempt.truncated);
    assert_text(buf_view(&s.exchange.attempt.body), "ok");
    sent_fini(&s);
}

static void test_early_answer_to_a_long_body(void **state)
{
    (void)state;
    char *body = malloc(2000001);
    struct sent s;
    memset(body, 'x', 2000000);
    body[2000000] = '\0';
    sent_run(&s, &(struct call){.url = "/status/200", .body = body});
    assert_answered(&s, 200);
    const char *got = strstr(misbehave_request(receiver, 0), "\r\n\r\n");
    assert_string_equal(got + 4, body);
    sent_fini(&s);
    free(body);
}

/* --- what may have been processed ----------------------------------------------------------------------------- */

static void test_ambiguous(void **state)
{
    static const struct {
        const char *path;
        enum attempt_error error;
        int status;
    } cases[] = {
        {"/close", ATTEMPT_RESET, 0},
        {"/reset", ATTEMPT_RESET, 0},
        {"/partial", ATTEMPT_RESET, 200},
        {"/partial-chunked", ATTEMPT_RESET, 200},
        {"/garbage", ATTEMPT_PROTOCOL, 0},
        {"/line/120", ATTEMPT_INTERNAL, 200},
        {"/endless-interim", ATTEMPT_PROTOCOL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        sent_run(&s, &(struct call){.url = cases[i].path, .body = "{}"});
        assert_ended(&s, cases[i].error, ATTEMPT_AMBIGUOUS);
        assert_int_equal(s.exchange.attempt.status, cases[i].status);
        assert_int_equal(misbehave_requests(receiver), i + 1);
        sent_fini(&s);
    }
}

static void test_timeouts(void **state)
{
    static const struct {
        const char *path;
        int status;
    } cases[] = {{"/hang", 0}, {"/slow/100", 200}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        sent_run(&s, &(struct call){.url = cases[i].path, .timeout_ms = 200});
        assert_ended(&s, ATTEMPT_TIMEOUT, ATTEMPT_AMBIGUOUS);
        assert_int_equal(s.exchange.attempt.status, cases[i].status);
        assert_true(s.exchange.attempt.duration_us >= 190000);
        sent_fini(&s);
    }
}

static void test_doors(void **state)
{
    static const struct {
        enum misbehave_door door;
        enum attempt_error error;
    } cases[] = {{DOOR_CLOSED, ATTEMPT_RESET}, {DOOR_RESET, ATTEMPT_RESET}, {DOOR_MUTE, ATTEMPT_TIMEOUT}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        misbehave_stop(receiver);
        receiver = misbehave_start(cases[i].door);
        sent_run(&s, &(struct call){.url = "/", .timeout_ms = 200});
        /* A reset can be there before libcurl has seen the connection stand: then nothing was sent. */
        if (s.exchange.attempt.class == ATTEMPT_NEVER_LEFT)
            assert_int_equal(s.exchange.attempt.error, ATTEMPT_CONNECT);
        else
            assert_ended(&s, cases[i].error, ATTEMPT_AMBIGUOUS);
        sent_fini(&s);
    }
}

/* --- what never left ------------------------------------------------------------------------------------------ */

static void test_refused(void **state)
{
    (void)state;
    int port;
    char url[64];
    struct sent s;
    close(misbehave_listen(1, &port));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    sent_run(&s, &(struct call){.url = url});
    assert_ended(&s, ATTEMPT_CONNECT, ATTEMPT_NEVER_LEFT);
    assert_int_equal(s.exchange.attempt.status, 0);
    assert_non_null(strstr(s.exchange.attempt.message, "Failed to connect to "));
    sent_fini(&s);
}

/* A listener with a full queue: Linux drops what else wants in. */
static void test_connect_timeout(void **state)
{
    (void)state;
    int port, fds[8];
    char url[64];
    struct sent s;
    int listener = misbehave_listen(0, &port);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&a, sizeof a);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    sent_run(&s, &(struct call){.url = url, .connect_ms = 150});
    assert_ended(&s, ATTEMPT_CONNECT, ATTEMPT_NEVER_LEFT);
    sent_fini(&s);
    sent_run(&s, &(struct call){.url = url, .timeout_ms = 150});
    assert_ended(&s, ATTEMPT_CONNECT, ATTEMPT_NEVER_LEFT);
    sent_fini(&s);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    close(listener);
}

static void test_requests_that_cannot_be_made(void **state)
{
    static const struct {
        struct call call;
        const char *words;
    } cases[] = {
        {{.url = "ftp://127.0.0.1/"}, "http:// or https://"},
        {{.url = "file:///etc/passwd"}, "http:// or https://"},
        {{.url = "127.0.0.1/x"}, "http:// or https://"},
        {{.url = ""}, "http:// or https://"},
        {{.url = "http://127.0.0.1:99999/"}, "not a URL"},
        {{.url = "http://[::1/"}, "not a URL"},
        {{.url = "http:///x"}, "names no host"},
        {{.url = "https://?x"}, "names no host"},
        {{.url = "http://"}, "http:// or https://"},
        {{.url = "/a b"}, "a space or a control character"},
        {{.url = "/a\r\nX: y"}, "a space or a control character"},
        {{.url = "/x", .method = "HEAD"}, "\"HEAD\" is not one of"},
        {{.url = "/x", .method = "CONNECT"}, "is not one of"},
        {{.url = "/x", .method = "post"}, "is not one of"},
        {{.url = "/x", .headers = {"A", "{GONE}"}}, "\"GONE\" is not set"},
        {{.url = "/{GONE:url}"}, "\"GONE\" is not set"},
        {{.url = "/x", .body = "{GONE:json}"}, "\"GONE\" is not set"},
        {{.url = "/x", .headers = {"A", "{EVIL}"}}, "has a line break"},
        {{.url = "/x", .headers = {"A", "{EVIL:header}"}}, "EVIL"},
        {{.url = "/{EVIL}"}, "a space or a control character"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        sent_run(&s, &cases[i].call);
        if (strstr(s.exchange.attempt.message, cases[i].words) == NULL)
            print_error("%zu: \"%s\"\n", i, s.exchange.attempt.message);
        assert_ended(&s, ATTEMPT_REQUEST, ATTEMPT_PERMANENT);
        assert_non_null(strstr(s.exchange.attempt.message, cases[i].words));
        assert_null(strstr(s.exchange.attempt.message, "X-Injected"));
        assert_int_equal(s.exchange.attempt.status, 0);
        assert_int_equal(s.exchange.attempt.retry_after_ms, -1);
        sent_fini(&s);
    }
    assert_int_equal(misbehave_requests(receiver), 0);
}

/* The core writes no such request; the bytes in the database could still be others. */
static void test_forged_headers(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {{"Name", "A\r\nB"},  {"Name", "A: B"},        {"value", "a\r\nB:"},
                 {"value", "a\nB:c"}, {"value", "\v\v\v\v\v"}, {"value", "a\x01\x02\x03\x7F"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        sent_init(&s, &(struct call){.url = "/x", .headers = {"Name", "value"}});
        char *at = memmem(s.stored.data, s.stored.len, cases[i].from, strlen(cases[i].from));
        memcpy(at, cases[i].to, strlen(cases[i].from));
        sent_start(&s);
        case_run();
        assert_ended(&s, ATTEMPT_REQUEST, ATTEMPT_PERMANENT);
        sent_fini(&s);
    }
    assert_int_equal(misbehave_requests(receiver), 0);
}

static void test_damaged_request(void **state)
{
    (void)state;
    struct sent s;
    sent_init(&s, &(struct call){.url = "/x"});
    s.exchange.request.len -= 3;
    sent_start(&s);
    assert_int_equal(s.done, 0);
    case_run();
    assert_ended(&s, ATTEMPT_REQUEST, ATTEMPT_PERMANENT);
    sent_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_answers),
        CASE(test_times),
        CASE(test_bodies),
        CASE(test_the_cap),
        CASE(test_a_cap_of_its_own),
        CASE(test_headers),
        CASE(test_many_headers),
        CASE(test_trailers_that_never_end),
        CASE(test_early_answer_to_a_long_body),
        CASE(test_ambiguous),
        CASE(test_timeouts),
        CASE(test_doors),
        CASE(test_refused),
        CASE(test_connect_timeout),
        CASE(test_requests_that_cannot_be_made),
        CASE(test_forged_headers),
        CASE(test_damaged_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
