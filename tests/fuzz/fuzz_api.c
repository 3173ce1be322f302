/*
 * fuzz_api: bytes on a connection to the API's server, requests one behind the other, cut anywhere. Behind it stands a
 * host that answers at once or later, takes events or not for a while, and looks at what it is asked: nothing under /v1
 * without the token, whole bodies of the declared length, lines of batches as they were sent. Each call is answered,
 * and what comes back is HTTP, its JSON is JSON. An input is a byte of ways (enum way), one for the size of the pieces
 * (0: all at once), and the bytes.
 */
#include "answer.h"
#include "fuzz.h"
#include "net/call.h"
#include "rfc8259.h"
#include "sent.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN "sesame"

enum { EVENT_MOST = 256, BATCH_MOST = 1024, CALLS_MAX = 512, TURNS_MAX = 20000 };

enum way {
    LATER = 1,       /* calls are answered when all was read that there is */
    LINES_LATER = 2, /* those of batches too */
    REFUSING = 4,    /* now and then no event is taken */
    PROBLEMS = 8,    /* the answer is a problem */
    GONE = 16,       /* the client leaves before it is answered */
    CLOSING = 32,    /* its side of the connection is shut down before */
};

static struct ev_loop *loop;
static struct server *server;

/* One run. */
static struct {
    struct bytes sent; /* all that will be */
    unsigned way;
    struct api_call *calls[CALLS_MAX];
    struct {
        struct api_batch *batch;
        uint64_t line;
    } lines[CALLS_MAX];
    size_t call_count, line_count, asked, refusals;
    struct buf received;
} now;

/* --- what the host sees ----------------------------------------------------------------------------------------- */

static const char *header(const struct api_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, name);
}

static void check_body(const struct api_call *c, struct bytes body)
{
    const char *length = header(c, "Content-Length");
    FUZZ_CHECK(body.len <= EVENT_MOST);
    if (header(c, "Transfer-Encoding") != NULL) {
        FUZZ_CHECK(length == NULL && sent_has_within(now.sent, body));
        return;
    }
    FUZZ_CHECK(sent_has(now.sent, body));
    FUZZ_CHECK(length == NULL ? body.len == 0
                              : bytes_only(bytes_of(length), "0123456789") && strtoull(length, NULL, 10) == body.len);
}

static void check_token(const struct api_call *c)
{
    const char *given = header(c, "Authorization");
    FUZZ_CHECK(given != NULL && strncasecmp(given, "Bearer ", 7) == 0 && strcmp(given + 7, TOKEN) == 0);
}

/* There are never more calls than tokens sent, nor answers that tell something. A header may be folded anywhere. */
static size_t tokens_sent(void)
{
    bool folded = sent_count(now.sent, "\n ") + sent_count(now.sent, "\n\t") > 0;
    return folded ? SIZE_MAX : sent_count_ends(now.sent, TOKEN);
}

static void check_asked(const struct api_call *c)
{
    now.asked++;
    check_token(c);
    FUZZ_CHECK(now.asked <= tokens_sent());
}

/* Names and values of parameters arrive whole: an escaped NUL, which would end a text of C, stays escaped. */
static void check_name(const char *name)
{
    if (!sent_has_name(now.sent, name))
        fuzz_fail("the name '%s' is not what was sent", name);
}

static void answer(struct api_call *c)
{
    struct buf json;
    struct err e;
    if (now.way & PROBLEMS) {
        err_set(&e, now.asked % 2 == 0 ? ERR_STORE : ERR_INPUT, 422, "a \"problem\"\x01 \xff");
        api_problem(c, &e);
        return;
    }
    buf_init(&json);
    buf_append_str(&json, "{\"id\":1}");
    api_answer(c, 202, &json);
}

static void asked(struct api_call *c)
{
    check_asked(c);
    FUZZ_CHECK(!c->answered && c->body.len <= EVENT_MOST + 4096);
    if ((now.way & LATER) && now.call_count < CALLS_MAX)
        now.calls[now.call_count++] = c;
    else
        answer(c);
}

static void on_event(void *ud, struct bytes envelope, struct api_call *c)
{
    (void)ud;
    check_body(c, envelope);
    asked(c);
}

static void answer_line(struct api_batch *b, uint64_t line)
{
    struct err e;
    err_set(&e, line % 4 == 0 ? ERR_STORE : ERR_INPUT, 400, "line \xc3 \"%d\"", (int)line);
    api_batch_line(b, line, line % 3 == 0 ? API_LINE_REJECTED : (enum api_line_result)(line % 2), &e);
}

/* As it was sent: only the last may end before a line's end, where the body ends. */
static bool is_line(struct api_call *c, struct bytes line)
{
    enum sent_line found = sent_has_line(now.sent, line);
    if (found == SENT_BEGINNING)
        c->ud = c; /* who comes over HTTP has no other use for it */
    return found != SENT_NOT;
}

static struct api_call *call_of(const struct api_batch *b)
{
    struct api_call *c = server->calls;
    while (c != NULL && c->batch != b)
        c = c->next;
    FUZZ_CHECK(c != NULL);
    return c;
}

static void on_batch_line(void *ud, struct bytes envelope, struct api_batch *b, uint64_t line)
{
    (void)ud;
    struct api_call *c = call_of(b);
    FUZZ_CHECK(envelope.len > 0 && envelope.len <= EVENT_MOST && memchr(envelope.data, '\n', envelope.len) == NULL);
    FUZZ_CHECK(line >= 1 && line <= BATCH_MOST && c->ud == NULL);
    FUZZ_CHECK(header(c, "Transfer-Encoding") != NULL ? sent_has_within(now.sent, envelope) : is_line(c, envelope));
    check_token(c);
    if ((now.way & LINES_LATER) && now.line_count < CALLS_MAX) {
        now.lines[now.line_count].batch = b;
        now.lines[now.line_count++].line = line;
    } else
        answer_line(b, line);
}

static bool on_may_accept(void *ud, struct err *reason)
{
    (void)ud;
    if ((now.way & REFUSING) == 0 || now.refusals++ % 8 >= 3)
        return true;
    err_set(reason, ERR_STORE, 0, "full");
    return false;
}

static void on_webhook(void *ud, const char *name, struct bytes data, int64_t wait_ms, struct api_call *c)
{
    (void)ud;
    FUZZ_CHECK(wait_ms >= -1 && wait_ms <= API_WAIT_MAX_MS && *name != '\0' && strchr(name, '/') == NULL);
    check_name(name);
    check_body(c, data);
    asked(c);
}

static void on_preview(void *ud, const char *name, struct bytes data, struct api_call *c)
{
    on_webhook(ud, name, data, -1, c);
}

static void on_filter(void *ud, const struct api_filter *f, struct api_call *c)
{
    (void)ud;
    FUZZ_CHECK(f->limit >= 1 && f->limit <= API_PAGE_MAX && f->before_seq >= 0 && f->state >= -1 && f->state <= 7);
    if (f->name.data != NULL)
        check_name(f->name.data);
    asked(c);
}

static void on_id(void *ud, struct uuid id, struct api_call *c)
{
    char text[UUID_TEXT_SIZE];
    (void)ud;
    uuid_format(&id, text);
    asked(c);
}

static void on_order(void *ud, struct uuid id, enum api_order order, struct api_call *c)
{
    FUZZ_CHECK(order <= API_RESTART);
    on_id(ud, id, c);
}

static void on_listing(void *ud, enum api_listing what, struct api_call *c)
{
    (void)ud;
    FUZZ_CHECK(what <= API_STATUS);
    asked(c);
}

static void on_reload(void *ud, struct api_call *c)
{
    (void)ud;
    asked(c);
}

static int on_is_ready(void *ud, struct err *e)
{
    (void)ud;
    return now.way & REFUSING ? err_set(e, ERR_STORE, 0, "not yet") : 0;
}

static void on_metrics(void *ud, struct buf *out)
{
    (void)ud;
    buf_append_str(out, "anzol_up 1\n");
}

static const struct api_ops ops = {on_event,  on_batch_line, on_may_accept, on_webhook,  on_preview,
                                   on_filter, on_id,         on_id,         on_filter,   on_id,
                                   on_order,  on_listing,    on_reload,     on_is_ready, on_metrics};

/* --- what comes back -------------------------------------------------------------------------------------------- */

static bool is_json(const struct answer *a)
{
    struct bytes type = answer_header(a, "Content-Type");
    return type.len >= 4 && memcmp(type.data + type.len - 4, "json", 4) == 0;
}

static void check_content(const struct answer *a)
{
    if (is_json(a) && !a->bodiless && rfc8259_read(a->body) == NULL)
        fuzz_fail("no JSON: %.*s", (int)a->body.len, a->body.data);
}

/* Does it tell more of what is under /v1 than who has no token may know? */
static bool is_for_us(const struct answer *a)
{
    switch (a->status) {
    case 100:
    case 400: /* said of the framing too, and by libmicrohttpd itself */
    case 401:
    case 403: /* another Host */
    case 413: /* a body where none belongs */
    case 414:
    case 431:
    case 501:
    case 505:
        return false;
    case 200: /* what is open says so in plain text */
    case 503:
        return is_json(a);
    case 404:
    case 405:
        return sent_count(a->body, "nothing at /v1/") + sent_count(a->body, "is not for /v1/") > 0;
    default:
        return true;
    }
}

static void check_answers(void)
{
    struct bytes rest = buf_view(&now.received);
    size_t tokens = tokens_sent(), ours = 0;
    while (rest.len > 0) {
        struct answer a = answer_take(&rest, sent_count(now.sent, "HEAD") > 0);
        check_content(&a);
        FUZZ_CHECK((a.status == 401) == (answer_header(&a, "WWW-Authenticate").len > 0));
        ours += is_for_us(&a);
    }
    FUZZ_CHECK(ours <= tokens);
}

/* --- the connection --------------------------------------------------------------------------------------------- */

static bool receive(int fd)
{
    char piece[4096];
    ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n > 0)
        buf_append(&now.received, piece, (size_t)n);
    return n > 0;
}

/* Answers the last that waits. */
static bool answer_one(void)
{
    if (now.line_count > 0) {
        now.line_count--;
        answer_line(now.lines[now.line_count].batch, now.lines[now.line_count].line);
    } else if (now.call_count > 0)
        answer(now.calls[--now.call_count]);
    else
        return false;
    return true;
}

/* What on_ready() of httpd.c would be called for. */
static bool has_news(void)
{
    struct pollfd p = {.fd = server->httpd.ready.fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Until nothing happens any more. `fd` < 0: the client has gone. */
static void turn(int fd, bool answering)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        httpd_run(&server->httpd);
        bool more = fd >= 0 && receive(fd);
        more |= has_news();
        more |= ev_is_active(&server->httpd.soon);
        if (!more && answering) {
            size_t before = now.refusals;
            server_resume(server);
            more = answer_one() || before != now.refusals;
        }
        if (!more)
            return;
    }
    fuzz_fail("it goes on for ever");
}

static void connect_to(int *fd)
{
    int both[2];
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    FUZZ_CHECK(MHD_add_connection(server->httpd.mhd, both[0], (struct sockaddr *)&from, sizeof from) == MHD_YES);
    *fd = both[1];
}

static void start(void)
{
    struct err e;
    struct server_options o = {.listen = "127.0.0.1:0", .token = TOKEN, .ops = &ops};
    o.event_max = EVENT_MOST;
    o.batch_max = BATCH_MOST;
    o.loop = loop = ev_loop_new(EVBACKEND_SELECT);
    if ((server = server_new(&o, &e)) == NULL)
        fuzz_fail("%s", e.message);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes rest = {(const char *)input, size};
    int fd;
    if (server == NULL)
        start();
    now.way = fuzz_byte(&rest);
    size_t step = fuzz_byte(&rest);
    now.sent = rest;
    now.asked = now.refusals = 0;
    buf_clear(&now.received);
    connect_to(&fd);
    while (rest.len > 0) {
        struct bytes piece = fuzz_take(&rest, step == 0 ? rest.len : step);
        if (send(fd, piece.data, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            break;
        turn(fd, (now.way & LATER) == 0);
    }
    if (now.way & CLOSING)
        (void)shutdown(fd, SHUT_WR);
    if ((now.way & GONE) == 0)
        turn(fd, true);
    close(fd);
    turn(-1, true);
    FUZZ_CHECK(server_open_calls(server) == 0 && server->left == NULL);
    FUZZ_CHECK(now.call_count == 0 && now.line_count == 0);
    check_answers();
    return 0;
}
