/* What arrives at the receiver, byte for byte; secrets; redirects. */
#include "transport_case.h"

#define AGENT "User-Agent: anzol/" ANZOL_VERSION "\r\n"
#define ANY   "Accept: */*\r\n"

/* The request as it must arrive: start line, Host, the rest. */
static void assert_request(int i, const char *start, const char *rest)
{
    char want[4096];
    snprintf(want, sizeof want, "%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s", start, receiver->port, rest);
    assert_string_equal(misbehave_request(receiver, i), want);
}

static void run(const struct call *c)
{
    struct sent s;
    sent_run(&s, c);
    assert_answered(&s, 200);
    sent_fini(&s);
}

/* --- bytes ---------------------------------------------------------------------------------------------------- */

static void test_methods(void **state)
{
    static const struct {
        const char *method, *body, *start, *rest;
    } cases[] = {
        {"GET", NULL, "GET /", AGENT ANY "\r\n"},
        {"GET", "{\"a\":1}", "GET /", AGENT ANY "Content-Length: 7\r\n\r\n{\"a\":1}"},
        {"POST", NULL, "POST /", AGENT ANY "Content-Length: 0\r\n\r\n"},
        {"POST", "", "POST /", AGENT ANY "Content-Length: 0\r\n\r\n"},
        {"POST", "x=1", "POST /", AGENT ANY "Content-Length: 3\r\n\r\nx=1"},
        {"PUT", NULL, "PUT /", AGENT ANY "Content-Length: 0\r\n\r\n"},
        {"PUT", "p", "PUT /", AGENT ANY "Content-Length: 1\r\n\r\np"},
        {"PATCH", NULL, "PATCH /", AGENT ANY "Content-Length: 0\r\n\r\n"},
        {"PATCH", "q", "PATCH /", AGENT ANY "Content-Length: 1\r\n\r\nq"},
        {"DELETE", NULL, "DELETE /", AGENT ANY "\r\n"},
        {"DELETE", "", "DELETE /", AGENT ANY "Content-Length: 0\r\n\r\n"},
        {"DELETE", "d", "DELETE /", AGENT ANY "Content-Length: 1\r\n\r\nd"},
        {"GET", NULL, "GET /", AGENT ANY "\r\n"},
    };
    (void)state;
    /* One handle makes all of them: nothing of one may show in the next. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run(&(struct call){.method = cases[i].method, .url = "/", .body = cases[i].body});
        assert_request((int)i, cases[i].start, cases[i].rest);
    }
}

static void test_headers(void **state)
{
    (void)state;
    run(&(struct call){.url = "/",
                       .headers = {"Content-Type", "application/json", "X-Empty", "", "X-Blank", " \t", "X-Twice", "1",
                                   "X-Twice", "2", "x-case", "a;b: c", "X-Bytes", "\xC3\xA9"},
                       .body = "{}"});
    assert_request(0, "POST /",
                   AGENT ANY "Content-Type: application/json\r\nX-Empty:\r\nX-Blank:\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
                             "x-case: a;b: c\r\nX-Bytes: \xC3\xA9\r\nContent-Length: 2\r\n\r\n{}");
    run(&(struct call){
        .url = "/", .headers = {"user-agent", "mine", "ACCEPT", "text/html", "content-type", ""}, .body = "-"});
    assert_request(1, "POST /", "user-agent: mine\r\nACCEPT: text/html\r\ncontent-type:\r\nContent-Length: 1\r\n\r\n-");
    run(&(struct call){.url = "/", .method = "GET", .headers = {"Host", "other.example"}});
    assert_string_equal(misbehave_request(receiver, 2), "GET / HTTP/1.1\r\nHost: other.example\r\n" AGENT ANY "\r\n");
}

/* A length that is not the length would let the receiver see another request behind this one. */
static void test_framing_is_ours(void **state)
{
    (void)state;
    run(&(struct call){.url = "/", .headers = {"Content-Length", "1", "X-A", "1"}, .body = "12345"});
    run(&(struct call){.url = "/", .headers = {"Transfer-Encoding", "chunked", "X-A", "1"}, .body = "12345"});
    run(&(struct call){.url = "/", .headers = {"transfer-encoding", "gzip", "X-A", "1"}, .body = "12345"});
    for (int i = 0; i < 3; i++)
        assert_request(i, "POST /", AGENT ANY "X-A: 1\r\nContent-Length: 5\r\n\r\n12345");
    assert_int_equal(misbehave_connections(receiver), 1);
}

static void test_no_expect(void **state)
{
    (void)state;
    char *body = malloc(1500001);
    memset(body, 'x', 1500000);
    body[1500000] = '\0';
    run(&(struct call){.url = "/", .body = body});
    assert_null(strstr(misbehave_request(receiver, 0), "Expect"));
    assert_int_equal(strlen(strstr(misbehave_request(receiver, 0), "\r\n\r\n") + 4), 1500000);
    free(body);
}

static void test_urls_stay_as_they_are(void **state)
{
    static const char *const paths[] = {"/a/../b/./c", "/a%2Fb?x=%20&y=[1]", "/?", "/a?q={\"j\":1}", "/x//y"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char start[64];
        snprintf(start, sizeof start, "GET %s", paths[i]);
        run(&(struct call){.method = "GET", .url = paths[i]});
        assert_request((int)i, start, AGENT ANY "\r\n");
    }
}

/* With redirects to follow libcurl takes the URL apart itself: what it sends must be the same without. */
static void test_urls_by_either_way(void **state)
{
    static const char *const urls[] = {
        "/",        "",     "?",           "?a=1",   "#f",   "/#",         "/a#f?b",  "/a?b#f", "/a?",
        "/a??b",    "/%",   "/%zz?%",      "/a;b=c", "/\\a", "/a|b^`{}",   "//",      "//h/a",  "/a:b@c",
        "/a@b?c@d", "?a@b", "/a?\xC3\xA9", "/../..", "/.",   "/a?b=/../c", "/\xFF#f",
    };
    static const char *const hosts[] = {"http://127.0.0.1", "HTTP://127.1", "http://u:p@127.0.0.1",
                                        "http://@127.0.0.1"};
    int n = 0;
    (void)state;
    for (size_t h = 0; h < sizeof hosts / sizeof *hosts; h++)
        for (size_t i = 0; i < sizeof urls / sizeof *urls; i++, n += 2) {
            char url[128];
            snprintf(url, sizeof url, "%s:%d%s", hosts[h], receiver->port, urls[i]);
            run(&(struct call){.url = url, .flags = REQUEST_FOLLOW_REDIRECTS, .body = "b"});
            run(&(struct call){.url = url, .body = "b"});
            assert_string_equal(misbehave_request(receiver, n), misbehave_request(receiver, n + 1));
        }
}

/* One handle makes all of them, and nothing of one goes where the next does. */
static void test_origins_in_turn(void **state)
{
    struct misbehave *other = misbehave_start(DOOR_OPEN);
    (void)state;
    for (int i = 0; i < 6; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%d", i % 3 == 0 ? receiver->port : other->port, i);
        run(&(struct call){.url = url, .flags = i % 2 == 0 ? 0 : REQUEST_FOLLOW_REDIRECTS});
    }
    assert_request(1, "POST /3", AGENT ANY "Content-Length: 0\r\n\r\n");
    assert_non_null(strstr(misbehave_request(other, 3), "POST /5 HTTP/1.1"));
    misbehave_stop(other);
}

/* Only a part that has nothing private in it is kept. */
static void test_a_private_part_of_the_url(void **state)
{
    struct err e;
    char port[16];
    (void)state;
    snprintf(port, sizeof port, ":%d/a", receiver->port);
    assert_int_equal(secrets_set(secrets, bytes_of("PLACE"), bytes_of(port), &e), 0);
    run(&(struct call){.url = "http://127.0.0.1{PLACE}/b?c"});
    run(&(struct call){.url = "/b{TOKEN:url}?{TOKEN:url}"});
    run(&(struct call){.url = "/b?c"});
    assert_request(0, "POST /a/b?c", AGENT ANY "Content-Length: 0\r\n\r\n");
    assert_request(1, "POST /bs3cr3t-t0k3n%2F%2B%3D?s3cr3t-t0k3n%2F%2B%3D", AGENT ANY "Content-Length: 0\r\n\r\n");
    assert_request(2, "POST /b?c", AGENT ANY "Content-Length: 0\r\n\r\n");
}

static void test_bytes_beyond_ascii(void **state)
{
    (void)state;
    run(&(struct call){.method = "GET", .url = "/\xC3\xA9"});
    assert_request(0, "GET /%c3%a9", AGENT ANY "\r\n");
}

static void test_attempts_are_equal(void **state)
{
    (void)state;
    struct sent a, b;
    struct call c = {.url = "/status/500?id=1",
                     .headers = {"Authorization", "Bearer {TOKEN:header}", "X-Empty", ""},
                     .body = "{\"key\":\"{TOKEN:json}\"}"};
    sent_run(&a, &c);
    sent_run(&b, &c);
    assert_answered(&b, 500);
    assert_string_equal(misbehave_request(receiver, 0), misbehave_request(receiver, 1));
    sent_fini(&a);
    sent_fini(&b);
}

static void test_environment_is_ignored(void **state)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        setenv(names[i], "http://127.0.0.1:1/", 1);
    run(&(struct call){.url = "/", .method = "GET"});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    assert_request(0, "GET /", AGENT ANY "\r\n");
}

/* --- secrets -------------------------------------------------------------------------------------------------- */

static void assert_hidden(const struct sent *s)
{
    const struct attempt *a = &s->exchange.attempt;
    if (a->headers.len > 0)
        assert_null(memmem(a->headers.data, a->headers.len, "s3cr3t", 6));
    if (a->body.len > 0)
        assert_null(memmem(a->body.data, a->body.len, "s3cr3t", 6));
    assert_null(strstr(a->message, "s3cr3t"));
    assert_null(memmem(s->stored.data, s->stored.len, "s3cr3t", 6));
}

static void test_secrets_are_sent_and_masked(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/echo?key={TOKEN:url}",
                                .headers = {"Authorization", "Bearer {TOKEN:header}", "X-Basic", "{TOKEN:base64}"},
                                .body = "{\"key\":\"{TOKEN:json}\"}"});
    assert_answered(&s, 200);
    assert_request(0, "POST /echo?key=s3cr3t-t0k3n%2F%2B%3D",
                   AGENT ANY "Authorization: Bearer " TOKEN "\r\nX-Basic: czNjcjN0LXQwazNuLys9\r\n"
                             "Content-Length: 25\r\n\r\n{\"key\":\"" TOKEN "\"}");
    assert_text(attempt_header(&s.exchange.attempt, "X-Echo"), "Bearer ***************");
    assert_non_null(
        memmem(s.exchange.attempt.body.data, s.exchange.attempt.body.len, "{\"key\":\"***************\"}", 25));
    assert_null(memmem(s.exchange.attempt.body.data, s.exchange.attempt.body.len, "czNjcjN0LXQwazNu", 16));
    assert_hidden(&s);
    sent_fini(&s);
}

/* The cap falls into the middle of an echoed value. */
static void test_a_secret_across_the_cap(void **state)
{
    (void)state;
    for (size_t cap = 100; cap < 165; cap++) {
        struct sent s;
        transport_free(transport);
        transport = transport_new(&(struct transport_options){.loop = loop, .secrets = secrets, .body_cap = cap}, NULL);
        sent_run(&s, &(struct call){.url = "/echo", .headers = {"X", "{TOKEN}{TOKEN}{TOKEN}{TOKEN}{TOKEN}{TOKEN}"}});
        assert_answered(&s, 200);
        assert_int_equal(s.exchange.attempt.body.len, cap);
        assert_true(s.exchange.attempt.truncated);
        assert_null(memmem(s.exchange.attempt.body.data, cap, "s3c", 3));
        assert_int_equal(s.exchange.attempt.body.data[cap - 1], '*');
        sent_fini(&s);
    }
}

static void test_messages_hide_secrets(void **state)
{
    static const char *const urls[] = {"http://{TOKEN:url}.invalid/", "http://127.0.0.1:{TOKEN:url}/",
                                       "http://{TOKEN}/"};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct sent s;
        sent_run(&s, &(struct call){.url = urls[i]});
        assert_int_not_equal(s.exchange.attempt.error, ATTEMPT_OK);
        assert_hidden(&s);
        sent_fini(&s);
    }
    /* Where it is not of the host, libcurl's words are welcome. */
    struct sent s;
    sent_run(&s, &(struct call){.url = "http://127.0.0.1:1/{TOKEN}"});
    assert_non_null(strstr(s.exchange.attempt.message, "127.0.0.1"));
    assert_hidden(&s);
    sent_fini(&s);
}

static void test_a_big_secret_body(void **state)
{
    (void)state;
    char *body = malloc(300100), *want = malloc(300200);
    memset(body, 'x', 300000);
    strcpy(body + 300000, "{TOKEN}");
    memset(want, 'x', 300000);
    strcpy(want + 300000, TOKEN);
    run(&(struct call){.url = "/", .headers = {"A", "{TOKEN}"}, .body = body});
    run(&(struct call){.url = "/", .headers = {"A", "{TOKEN}"}, .body = "{TOKEN}"});
    assert_string_equal(strstr(misbehave_request(receiver, 0), "\r\n\r\n") + 4, want);
    assert_request(1, "POST /", AGENT ANY "A: " TOKEN "\r\nContent-Length: 15\r\n\r\n" TOKEN);
    free(body);
    free(want);
}

/* What of the last request is used again is the next one's, whatever was between. */
static void test_heads_in_turn(void **state)
{
    static const struct {
        const char *url, *x, *body;
    } cases[] = {
        {"/a", "1", "b"},           {"/a", "1", "bc"},      {"/a", "1", ""},  {"/a", "1", NULL},      {"/a", "1", "b"},
        {"/a", "1", "LONG"},        {"/a", "1", "LONG"},    {"/a", "1", "b"}, {"/a", "12", "b"},      {"/ab", "1", "b"},
        {"/a", "1", "b"},           {"/a", "1", "{TOKEN}"}, {"/a", "1", "b"}, {"/a", "{TOKEN}", "b"}, {"/a", "1", "b"},
        {"/{TOKEN:url}", "1", "b"}, {"/a", "1", "b"},       {"/a", "1", "b"}, {"/a", "1", "{GONE}"},  {"/a", "1", "c"},
    };
    static char body[2000], want[4096];
    int n = 0;
    (void)state;
    memset(body, 'x', sizeof body - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sent s;
        const char *given = cases[i].body;
        bool is_long = given != NULL && strcmp(given, "LONG") == 0;
        sent_run(&s, &(struct call){.url = cases[i].url, .headers = {"X", cases[i].x}, .body = is_long ? body : given});
        bool left = s.exchange.attempt.error == ATTEMPT_OK;
        sent_fini(&s);
        assert_int_equal(left, given == NULL || strcmp(given, "{GONE}") != 0);
        if (!left)
            continue;
        const char *sent = given == NULL ? "" : is_long ? body : strcmp(given, "{TOKEN}") == 0 ? TOKEN : given;
        snprintf(want, sizeof want, AGENT ANY "X: %s\r\nContent-Length: %zu\r\n\r\n%s",
                 cases[i].x[0] == '{' ? TOKEN : cases[i].x, strlen(sent), sent);
        assert_request(n++,
                       cases[i].url[1] == '{'   ? "POST /s3cr3t-t0k3n%2F%2B%3D"
                       : cases[i].url[2] == 'b' ? "POST /ab"
                                                : "POST /a",
                       want);
    }
}

/* --- redirects ------------------------------------------------------------------------------------------------ */

static void test_redirects_are_not_followed(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/redirect/1"});
    assert_answered(&s, 303);
    assert_text(attempt_header(&s.exchange.attempt, "location"), "/redirect/0");
    assert_text(buf_view(&s.exchange.attempt.body), "here");
    assert_int_equal(misbehave_requests(receiver), 1);
    sent_fini(&s);
}

static void test_redirects_followed(void **state)
{
    static const char *const methods[] = {"POST", "GET", "PUT", "DELETE"};
    (void)state;
    for (int m = 0; m < 4; m++) {
        struct sent s;
        char start[64];
        sent_run(&s, &(struct call){.method = methods[m],
                                    .url = "/redirect/5",
                                    .body = m == 1 ? NULL : "{TOKEN}",
                                    .headers = {"Authorization", "{TOKEN}"},
                                    .flags = REQUEST_FOLLOW_REDIRECTS});
        assert_answered(&s, 200);
        assert_text(buf_view(&s.exchange.attempt.headers), "X-Last: 1\nContent-Length: 5\n");
        assert_text(buf_view(&s.exchange.attempt.body), "there");
        assert_int_equal(misbehave_requests(receiver), (m + 1) * 6);
        for (int i = 0; i < 6; i++) {
            snprintf(start, sizeof start, "%s /redirect/%d", methods[m], 5 - i);
            assert_request(m * 6 + i, start,
                           m == 1 ? AGENT ANY "Authorization: " TOKEN "\r\n\r\n"
                                  : AGENT ANY "Authorization: " TOKEN "\r\nContent-Length: 15\r\n\r\n" TOKEN);
        }
        sent_fini(&s);
    }
}

static void test_too_many_redirects(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/redirect/6", .flags = REQUEST_FOLLOW_REDIRECTS});
    assert_ended(&s, ATTEMPT_REDIRECT, ATTEMPT_PERMANENT);
    assert_int_equal(s.exchange.attempt.status, 303);
    assert_int_equal(misbehave_requests(receiver), 6);
    sent_fini(&s);
}

static void test_redirects_to_others(void **state)
{
    (void)state;
    struct misbehave *other = misbehave_start(DOOR_OPEN);
    char urls[7][128];
    snprintf(urls[0], sizeof *urls, "/goto?http://127.0.0.1:%d/status/200", other->port);
    snprintf(urls[1], sizeof *urls, "/goto?http://localhost:%d/status/200", receiver->port);
    snprintf(urls[2], sizeof *urls, "/goto?https://127.0.0.1:%d/status/200", receiver->port);
    snprintf(urls[3], sizeof *urls, "/goto?//127.0.0.1:%d/", other->port);
    snprintf(urls[4], sizeof *urls, "/goto?file:///etc/passwd");
    snprintf(urls[5], sizeof *urls, "/goto?http://127.0.0.1:%d@127.0.0.1:%d/", receiver->port, other->port);
    snprintf(urls[6], sizeof *urls, "/goto?http://[::1/");
    for (int i = 0; i < 7; i++) {
        struct sent s;
        sent_run(&s, &(struct call){.url = urls[i], .flags = REQUEST_FOLLOW_REDIRECTS});
        assert_ended(&s, ATTEMPT_REDIRECT, ATTEMPT_PERMANENT);
        assert_int_equal(s.exchange.attempt.status, 302);
        assert_text(attempt_header(&s.exchange.attempt, "X-After"), "1");
        sent_fini(&s);
    }
    /* The stranger was not even called. */
    assert_int_equal(misbehave_connections(other), 0);
    assert_int_equal(misbehave_requests(receiver), 7);
    misbehave_stop(other);
}

static void test_redirects_within_the_origin(void **state)
{
    (void)state;
    char urls[4][128];
    snprintf(urls[0], sizeof *urls, "/goto?http://127.0.0.1:%d/status/201", receiver->port);
    snprintf(urls[1], sizeof *urls, "/goto?HTTP://127.0.0.1:%d/status/201", receiver->port);
    snprintf(urls[2], sizeof *urls, "/goto?//127.0.0.1:%d/status/201", receiver->port);
    snprintf(urls[3], sizeof *urls, "/goto?status/201");
    for (int i = 0; i < 4; i++) {
        struct sent s;
        sent_run(&s, &(struct call){.url = urls[i], .flags = REQUEST_FOLLOW_REDIRECTS});
        assert_answered(&s, 201);
        sent_fini(&s);
    }
}

/* The redirect was an answer; what it led to gave none. */
static void test_a_redirect_into_nothing(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "/goto?/close", .flags = REQUEST_FOLLOW_REDIRECTS, .body = "x"});
    assert_ended(&s, ATTEMPT_RESET, ATTEMPT_AMBIGUOUS);
    assert_int_equal(s.exchange.attempt.status, 0);
    assert_int_equal(s.exchange.attempt.headers.len, 0);
    assert_int_equal(misbehave_copies(receiver, "POST /close"), 1);
    sent_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_methods),
        CASE(test_headers),
        CASE(test_framing_is_ours),
        CASE(test_no_expect),
        CASE(test_urls_stay_as_they_are),
        CASE(test_urls_by_either_way),
        CASE(test_origins_in_turn),
        CASE(test_a_private_part_of_the_url),
        CASE(test_bytes_beyond_ascii),
        CASE(test_attempts_are_equal),
        CASE(test_environment_is_ignored),
        CASE(test_secrets_are_sent_and_masked),
        CASE(test_a_secret_across_the_cap),
        CASE(test_messages_hide_secrets),
        CASE(test_a_big_secret_body),
        CASE(test_heads_in_turn),
        CASE(test_redirects_are_not_followed),
        CASE(test_redirects_followed),
        CASE(test_too_many_redirects),
        CASE(test_redirects_to_others),
        CASE(test_redirects_within_the_origin),
        CASE(test_a_redirect_into_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
