/*
 * control_case: what the tests of the control socket share: a loop, a socket in a folder of its own, a host that does
 * as it is told and notes what it was asked, and people who attach.
 */
#ifndef ANZOL_TESTS_CONTROL_CASE_H
#define ANZOL_TESTS_CONTROL_CASE_H

#include "folder.h"

#include "core/json_write.h"
#include "net/control.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define EVAL_1 "{\"id\":1,\"op\":\"eval\",\"code\":\"x\"}"

enum { PATIENCE_MS = 20000, SESSIONS_MAX = 64 };

static const struct bytes NONE;

struct session {
    struct control_client *client; /* NULL: closed */
    struct control_peer peer;
};

static struct ev_loop *loop;
static struct control *control;
static struct session sessions[SESSIONS_MAX];
static int opened, closed;
static struct buf asked; /* what the host was asked, a line each */

/* What the host does beside noting; NULL: refuse nobody, answer an eval with its code, and nothing else. */
static bool (*host_open)(struct session *s, struct err *why);
static void (*host_eval)(struct session *s, int64_t id, struct bytes code);
static void (*host_complete)(struct session *s, int64_t id, struct bytes code);
static void (*host_cancel)(struct session *s, int64_t target);
static void (*host_close)(struct session *s);

/* --- the host ------------------------------------------------------------------------------------------------- */

static void *on_open(void *ud, struct control_client *c, const struct control_peer *peer, struct json_write *hello,
                     struct err *why)
{
    assert_ptr_equal(ud, sessions);
    assert_true(opened < SESSIONS_MAX);
    struct session *s = &sessions[opened];
    *s = (struct session){.client = c, .peer = *peer};
    control_note(c, bytes_of("too early"));
    if (host_open != NULL && !host_open(s, why))
        return NULL;
    json_write_str(hello, "version", "9.9");
    json_write_int(hello, "session", opened++);
    return s;
}

static void on_eval(void *session, int64_t id, struct bytes code, int width, bool json)
{
    struct session *s = session;
    assert_non_null(s->client);
    buf_printf(&asked, "eval %lld %d%s %.*s\n", (long long)id, width, json ? " json" : "", (int)code.len, code.data);
    if (host_eval != NULL)
        host_eval(s, id, code);
    else
        control_end(s->client, id, CONTROL_OK, code, json ? bytes_of("[1,{}]") : NONE);
}

static void on_complete(void *session, int64_t id, struct bytes code, size_t cursor)
{
    struct session *s = session;
    assert_non_null(s->client);
    buf_printf(&asked, "complete %lld %zu %.*s\n", (long long)id, cursor, (int)code.len, code.data);
    if (host_complete != NULL)
        host_complete(s, id, code);
}

static void on_cancel(void *session, int64_t target)
{
    struct session *s = session;
    assert_non_null(s->client);
    buf_printf(&asked, "cancel %lld\n", (long long)target);
    if (host_cancel != NULL)
        host_cancel(s, target);
}

static void on_close(void *session)
{
    struct session *s = session;
    assert_non_null(s->client); /* once */
    s->client = NULL;
    closed++;
    if (host_close != NULL)
        host_close(s);
}

static inline void answer_nothing(struct session *s, int64_t id, struct bytes code)
{
    (void)s, (void)id, (void)code;
}

static const struct control_ops OPS = {on_open, on_eval, on_complete, on_cancel, on_close};

static struct control *case_control(const char *folder, struct err *e)
{
    return control_new(&(struct control_options){.loop = loop, .folder = folder, .ops = &OPS, .ud = sessions}, e);
}

static inline void assert_asked(const char *want)
{
    if (strcmp(buf_cstr(&asked), want) != 0)
        print_error("asked \"%s\"\nwant  \"%s\"\n", buf_cstr(&asked), want);
    assert_string_equal(buf_cstr(&asked), want);
    buf_clear(&asked);
}

/* --- people --------------------------------------------------------------------------------------------------- */

struct person {
    int fd;
    struct buf in;
    size_t read; /* of `in`, by the test */
};

static int64_t case_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A turn of the loop, and at most a millisecond for somebody else. */
static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
    (void)poll(NULL, 0, 1);
}

/* Until it holds; the test fails when it never does. */
#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        bool holds;                                                                                                    \
        for (int64_t until_ms = case_now_ms() + PATIENCE_MS; !(holds = (condition)) && case_now_ms() < until_ms;)      \
            turn();                                                                                                    \
        assert_true(holds);                                                                                            \
    } while (0)

static inline void idle(int ms)
{
    for (int64_t until_ms = case_now_ms() + ms; case_now_ms() < until_ms;)
        turn();
}

static int person_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static int person_connect(int fd, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof a.sun_path);
    strcpy(a.sun_path, path);
    return connect(fd, (struct sockaddr *)&a, sizeof a);
}

static void person_come(struct person *p)
{
    *p = (struct person){.fd = person_socket()};
    assert_int_equal(person_connect(p->fd, path_of("control")), 0);
}

static void person_leave(struct person *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    buf_fini(&p->in);
}

static void say_bytes(struct person *p, const char *data, size_t len)
{
    for (int64_t until_ms = case_now_ms() + PATIENCE_MS; len > 0; turn()) {
        ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL);
        assert_true(n >= 0 || errno == EAGAIN);
        assert_true(case_now_ms() < until_ms);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
}

/* With a newline after it. */
static inline void say(struct person *p, const char *line)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s\n", line);
    say_bytes(p, b.data, b.len);
    buf_fini(&b);
}

/* Reads what is there: 1, 0 at the end, -1 when nothing is there yet. */
static int person_read(struct person *p)
{
    static char piece[1 << 16];
    ssize_t n = recv(p->fd, piece, sizeof piece, 0);
    if (n > 0)
        assert_int_equal(buf_append(&p->in, piece, (size_t)n), 0);
    assert_true(n >= 0 || errno == EAGAIN);
    return n > 0 ? 1 : n == 0 ? 0 : -1;
}

/* The next line without its newline; data NULL: the end. Valid until the next call. */
static struct bytes next_line(struct person *p)
{
    for (int64_t until_ms = case_now_ms() + PATIENCE_MS; case_now_ms() < until_ms;) {
        char *from = p->in.data + p->read;
        char *end = p->in.len > p->read ? memchr(from, '\n', p->in.len - p->read) : NULL;
        if (end != NULL) {
            p->read = (size_t)(end + 1 - p->in.data);
            return (struct bytes){from, (size_t)(end - from)};
        }
        int rc = person_read(p);
        if (rc == 0) {
            assert_int_equal(p->in.len, p->read); /* no half line */
            return NONE;
        }
        if (rc < 0)
            turn();
    }
    fail_msg("nothing comes");
    return NONE;
}

static inline void assert_line(struct person *p, const char *want)
{
    struct bytes line = next_line(p);
    if (line.data == NULL || !bytes_equal(line, bytes_of(want)))
        print_error("have \"%.*s\"\nwant \"%s\"\n", (int)line.len, line.data == NULL ? "" : line.data, want);
    assert_true(line.data != NULL && bytes_equal(line, bytes_of(want)));
}

static inline bool line_has(struct bytes line, const char *want)
{
    return line.data != NULL && memmem(line.data, line.len, want, strlen(want)) != NULL;
}

static inline void assert_has(struct bytes line, const char *want)
{
    if (!line_has(line, want))
        print_error("have \"%.*s\"\nwant \"%s\" in it\n", (int)line.len, line.data == NULL ? "" : line.data, want);
    assert_true(line_has(line, want));
}

static inline void assert_line_has(struct person *p, const char *want)
{
    assert_has(next_line(p), want);
}

static inline void assert_end(struct person *p)
{
    struct bytes line = next_line(p);
    if (line.data != NULL)
        print_error("have \"%.*s\"\nwant the end\n", (int)line.len, line.data);
    assert_null(line.data);
}

static inline void attach(struct person *p)
{
    person_come(p);
    assert_line_has(p, "{\"hello\":\"anzol\",\"version\":\"9.9\",\"session\":");
}

/* A request of that many bytes. */
static inline void put_long(struct buf *b, size_t len)
{
    static const char head[] = "{\"id\":1,\"op\":\"eval\",\"code\":\"", tail[] = "\"}";
    buf_clear(b);
    buf_append_str(b, head);
    while (b->len < len - strlen(tail))
        buf_append_char(b, 'x');
    buf_append_str(b, tail);
    assert_false(buf_failed(b));
    assert_int_equal(b->len, len);
    buf_append_char(b, '\n');
}

/* --- set-up --------------------------------------------------------------------------------------------------- */

static int case_setup(void **state)
{
    (void)state;
    struct err e = {0};
    loop = ev_loop_new(EVFLAG_AUTO);
    opened = closed = 0;
    host_open = NULL;
    host_eval = host_complete = NULL;
    host_cancel = NULL;
    host_close = NULL;
    buf_init(&asked);
    if (folder_make("control") != 0)
        return -1;
    control = case_control(dir, &e);
    if (control == NULL)
        print_error("%s\n", e.message);
    return control == NULL ? -1 : 0;
}

static int case_teardown(void **state)
{
    (void)state;
    control_free(control);
    control = NULL;
    int left = opened - closed;
    buf_fini(&asked);
    ev_loop_destroy(loop);
    return folder_remove() != 0 ? -1 : left;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

#endif
