/*
 * transport_case: what the tests of the transport share: a loop, a vault with a few secrets, requests written in one
 * line
 * ("{TOKEN}" and "{TOKEN:url}" are slots), and exchanges that are run to their end.
 */
#ifndef ANZOL_TESTS_TRANSPORT_CASE_H
#define ANZOL_TESTS_TRANSPORT_CASE_H

#include "core/request.h"
#include "core/secrets.h"
#include "net/transport.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dirent.h>
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "misbehave.h"

#define TOKEN "s3cr3t-t0k3n/+="

enum { CALL_HEADERS_MAX = 16 };

struct call {
    const char *method;                    /* NULL: POST */
    const char *url;                       /* "/path": at the receiver */
    const char *headers[CALL_HEADERS_MAX]; /* "Name", "value", …, NULL */
    const char *body;                      /* NULL: none */
    uint8_t flags;
    uint32_t timeout_ms, connect_ms;
};

struct sent {
    struct exchange exchange; /* first */
    struct buf stored;
    int done; /* how often */
};

static struct ev_loop *loop;
static struct secrets *secrets;
static struct transport *transport;
static struct misbehave *receiver;
static int waiting; /* exchanges without their done */

/* --- requests ------------------------------------------------------------------------------------------------- */

static enum slot_encoding case_encoding(const char *name, size_t len)
{
    static const struct {
        const char *name;
        enum slot_encoding encoding;
    } all[] = {{"url", SLOT_URL}, {"json", SLOT_JSON}, {"base64", SLOT_BASE64}, {"header", SLOT_HEADER}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (len == strlen(all[i].name) && memcmp(name, all[i].name, len) == 0)
            return all[i].encoding;
    return SLOT_RAW;
}

/* JSON has braces too: a slot is one that begins with a capital. */
static const char *case_next_slot(const char *p)
{
    while ((p = strchr(p, '{')) != NULL && !(p[1] >= 'A' && p[1] <= 'Z'))
        p++;
    return p;
}

static size_t case_pieces(struct request_piece *pieces, const char *text)
{
    size_t n = 0;
    for (const char *open; (open = case_next_slot(text)) != NULL;) {
        const char *close = strchr(open, '}');
        const char *colon = memchr(open, ':', (size_t)(close - open));
        const char *end = colon != NULL ? colon : close;
        pieces[n++] = (struct request_piece){.literal = {text, (size_t)(open - text)}};
        pieces[n++] = (struct request_piece){
            .secret = {open + 1, (size_t)(end - open - 1)},
            .encoding = colon == NULL ? SLOT_RAW : case_encoding(colon + 1, (size_t)(close - colon - 1)),
        };
        text = close + 1;
    }
    pieces[n++] = (struct request_piece){.literal = bytes_of(text)};
    return n;
}

#define CASE_TEXT(pieces, text) ((struct request_text){(pieces), case_pieces((pieces), (text))})

static void case_store(struct buf *out, const struct call *c)
{
    struct request_piece pieces[16];
    char url[8192];
    size_t headers = 0;
    struct request_options o = {
        .flags = (uint8_t)(c->flags | (c->body != NULL ? REQUEST_HAS_BODY : 0)),
        .timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : 20000,
        .connect_ms = c->connect_ms > 0 ? c->connect_ms : 10000,
    };
    retry_policy_default(&o.retry);
    while (c->headers[headers * 2] != NULL)
        headers++;
    snprintf(url, sizeof url, "%s", c->url);
    if (c->url[0] == '/')
        snprintf(url, sizeof url, "http://127.0.0.1:%d%s", receiver->port, c->url);
    buf_init(out);
    assert_int_equal(request_put_head(out, &o, bytes_of(c->method != NULL ? c->method : "POST"), NULL), 0);
    assert_int_equal(request_put_url(out, CASE_TEXT(pieces, url), NULL), 0);
    assert_int_equal(request_put_header_count(out, headers, NULL), 0);
    for (size_t i = 0; i < headers; i++)
        assert_int_equal(
            request_put_header(out, bytes_of(c->headers[i * 2]), CASE_TEXT(pieces, c->headers[i * 2 + 1]), NULL), 0);
    assert_int_equal(request_put_body(out, CASE_TEXT(pieces, c->body != NULL ? c->body : ""), NULL), 0);
}

/* --- exchanges ------------------------------------------------------------------------------------------------ */

static void on_case_done(struct exchange *x)
{
    struct sent *s = (struct sent *)x;
    s->done++;
    if (--waiting == 0)
        ev_break(loop, EVBREAK_ALL);
}

static void sent_init(struct sent *s, const struct call *c)
{
    *s = (struct sent){.exchange.done = on_case_done};
    case_store(&s->stored, c);
    s->exchange.request = buf_view(&s->stored);
    attempt_init(&s->exchange.attempt, 1);
}

static inline void sent_start(struct sent *s)
{
    waiting++;
    transport_start(transport, &s->exchange);
}

static void sent_fini(struct sent *s)
{
    attempt_fini(&s->exchange.attempt);
    buf_fini(&s->stored);
}

static inline void case_run(void)
{
    if (waiting > 0)
        ev_run(loop, 0);
    assert_int_equal(waiting, 0);
}

/* Sends and waits for the end. sent_fini() it. */
static inline void sent_run(struct sent *s, const struct call *c)
{
    sent_init(s, c);
    sent_start(s);
    assert_int_equal(s->done, 0);
    case_run();
    assert_int_equal(s->done, 1);
    assert_null(s->exchange.state);
}

/* Some turns of the loop, for what happens by itself. */
static inline void case_idle(int ms)
{
    for (; ms > 0; ms -= 5) {
        ev_run(loop, EVRUN_NOWAIT);
        misbehave_pause(5);
    }
}

static inline void assert_ended(const struct sent *s, enum attempt_error error, enum attempt_class class)
{
    const struct attempt *a = &s->exchange.attempt;
    if (a->error != error || a->class != class)
        print_error("ended as %s, class %d: %s\n", attempt_error_name(a->error), (int)a->class, a->message);
    assert_int_equal(a->error, error);
    assert_int_equal(a->class, class);
    assert_int_equal(error == ATTEMPT_OK, a->message[0] == '\0');
}

static inline void assert_answered(const struct sent *s, int status)
{
    assert_ended(s, ATTEMPT_OK, ATTEMPT_ANSWERED);
    assert_int_equal(s->exchange.attempt.status, status);
}

static inline void assert_text(struct bytes have, const char *want)
{
    if (!bytes_equal(have, bytes_of(want)))
        print_error("have \"%.*s\"\nwant \"%s\"\n", (int)have.len, have.data, want);
    assert_true(bytes_equal(have, bytes_of(want)));
}

static inline int case_open_files(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

/* --- set-up --------------------------------------------------------------------------------------------------- */

static int case_setup(void **state)
{
    (void)state;
    struct err e;
    signal(SIGPIPE, SIG_IGN);
    loop = ev_loop_new(EVFLAG_AUTO);
    secrets = secrets_new(&e);
    waiting = 0;
    assert_int_equal(secrets_set(secrets, bytes_of("TOKEN"), bytes_of(TOKEN), &e), 0);
    assert_int_equal(secrets_set(secrets, bytes_of("EVIL"), bytes_of("a\r\nX-Injected: 1"), &e), 0);
    struct transport_options o = {.loop = loop, .secrets = secrets};
    transport = transport_new(&o, &e);
    assert_non_null(transport);
    receiver = misbehave_start(DOOR_OPEN);
    return 0;
}

static int case_teardown(void **state)
{
    (void)state;
    transport_free(transport);
    misbehave_stop(receiver);
    secrets_free(secrets);
    ev_loop_destroy(loop);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

#endif
