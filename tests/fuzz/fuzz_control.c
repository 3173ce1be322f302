/*
 * fuzz_control: bytes of an attached console, cut anywhere, into the daemon's end of the control socket. What the
 * session is asked is what a line says by RFC 8259; each request is answered once, what the client is told are lines of
 * JSON, and a wrong line ends it. An input is a byte of ways (enum way), one for the size of the pieces (0: all at
 * once), and the bytes.
 */
#include "fuzz.h"
#include "net/control_client.h"
#include "rfc8259.h"

#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPEN_MAX = 256, TURNS_MAX = 5000 };

enum way {
    LATER = 1,   /* requests are answered when all was read */
    TALKING = 2, /* each is told a text and a note first */
    GONE = 4,    /* the client leaves before it is answered */
};

static struct {
    struct control control;
    struct control_client *client;
    struct bytes sent;
    unsigned way;
    int64_t open[OPEN_MAX];
    size_t open_count, asked, closed;
    struct buf received;
} now;

static char session; /* its address is one */

/* --- the session ------------------------------------------------------------------------------------------------ */

static void answer(int64_t id)
{
    static const struct bytes items[] = {{"one", 3}, {"\xff", 1}};
    struct bytes text = {"text \xc3 \"\n", 9}, values = {"[1,{}]", 6};
    if (now.way & TALKING) {
        control_text(now.client, id, text);
        control_note(now.client, bytes_of("note"));
    }
    if (id % 3 == 0)
        control_items(now.client, id, 0, items, 2);
    else
        control_end(now.client, id, (enum control_end)((uint64_t)id % 4), text, values);
    control_end(now.client, id, CONTROL_OK, text, values); /* not open any more: nothing is sent */
}

static void asked(int64_t id)
{
    now.asked++;
    FUZZ_CHECK(id > 0 && now.closed == 0 && control_client_is_open(now.client, id));
    for (size_t i = 0; i < now.open_count; i++)
        FUZZ_CHECK(now.open[i] != id);
    if ((now.way & LATER) && now.open_count < OPEN_MAX)
        now.open[now.open_count++] = id;
    else
        answer(id);
}

static bool has_a_name_twice(const struct rfc8259_value *o)
{
    for (const struct rfc8259_value *one = o->first; one != NULL; one = one->next)
        if (rfc8259_member(o, one->name) != one)
            return true;
    return false;
}

/* Some line of those sent says so. */
static void check_said(const char *op, int64_t id, struct bytes code)
{
    struct bytes rest = now.sent, line;
    while (bytes_next_line(&rest, &line)) {
        const struct rfc8259_value *o = rfc8259_read(line), *one;
        if (o == NULL || o->kind != RFC8259_OBJECT || has_a_name_twice(o) ||
            (one = rfc8259_member(o, bytes_of("op"))) == NULL || !bytes_equal(one->text, bytes_of(op)))
            continue;
        one = rfc8259_member(o, bytes_of("id"));
        if (one == NULL || !rfc8259_is_integer(one) || strtoll(one->written.data, NULL, 10) != id)
            continue;
        one = rfc8259_member(o, bytes_of("code"));
        if (one != NULL && one->kind == RFC8259_STRING && bytes_equal(one->text, code))
            return;
    }
    fuzz_fail("nobody asked to %s '%.*s' as %lld", op, (int)code.len, code.data, (long long)id);
}

static void on_eval(void *ud, int64_t id, struct bytes code, int width, bool json)
{
    (void)json;
    FUZZ_CHECK(ud == &session && width >= CONTROL_WIDTH_MIN && width <= CONTROL_WIDTH_MAX);
    check_said("eval", id, code);
    asked(id);
}

static void on_complete(void *ud, int64_t id, struct bytes code, size_t cursor)
{
    FUZZ_CHECK(ud == &session && cursor <= code.len);
    FUZZ_CHECK(rfc8259_utf8((struct bytes){code.data, cursor}) == cursor);
    check_said("complete", id, code);
    asked(id);
}

static void on_cancel(void *ud, int64_t target)
{
    FUZZ_CHECK(ud == &session && control_client_is_open(now.client, target));
    for (size_t i = 0; i < now.open_count; i++)
        if (now.open[i] == target) {
            now.open[i] = now.open[--now.open_count];
            control_end(now.client, target, CONTROL_CANCELED, (struct bytes){NULL, 0}, (struct bytes){NULL, 0});
        }
}

static void on_close(void *ud)
{
    FUZZ_CHECK(ud == &session && now.closed++ == 0);
    now.open_count = 0;
}

static const struct control_ops ops = {
    .eval = on_eval, .complete = on_complete, .cancel = on_cancel, .close = on_close};

/* --- the client ------------------------------------------------------------------------------------------------- */

static void check_received(void)
{
    struct bytes rest = buf_view(&now.received), line;
    while (bytes_next_whole_line(&rest, &line)) {
        const struct rfc8259_value *v = rfc8259_read(line);
        if (v == NULL || v->kind != RFC8259_OBJECT || line.len > CONTROL_LINE_MAX)
            fuzz_fail("no object: %.*s", (int)line.len, line.data);
    }
    FUZZ_CHECK(rest.len == 0);
}

static void receive(int fd)
{
    char piece[4096];
    ssize_t n;
    while ((n = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
        buf_append(&now.received, piece, (size_t)n);
}

/* The client's events as the loop would bring them; the client may be gone afterwards. */
static void turn(int fd)
{
    if (now.control.clients == NULL)
        return;
    ev_invoke(now.control.loop, &now.client->io, EV_READ | EV_WRITE);
    receive(fd);
}

/* The daemon's end as control.c leaves it once the hello is written. */
static int attach(void)
{
    int both[2];
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    now.client = control_client_new(&now.control, both[0]);
    FUZZ_CHECK(now.client != NULL);
    now.client->session = &session;
    now.closed = now.asked = now.open_count = 0;
    buf_clear(&now.received);
    return both[1];
}

static void leave(int fd)
{
    if ((now.way & GONE) == 0) {
        (void)shutdown(fd, SHUT_WR);
        for (int i = 0; now.control.clients != NULL && now.closed == 0 && i < TURNS_MAX; i++) {
            turn(fd); /* a last line without its newline is asked now */
            while (now.open_count > 0 && now.closed == 0)
                answer(now.open[--now.open_count]);
        }
        FUZZ_CHECK(now.closed == 1);
    }
    if (now.control.clients != NULL) {
        control_enter(&now.control);
        control_client_close(now.control.clients);
        control_leave(&now.control);
    }
    receive(fd);
    close(fd);
    FUZZ_CHECK(now.closed == 1 && now.control.count == 0 && now.control.gone == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes rest = {(const char *)input, size};
    if (now.control.loop == NULL) {
        now.control.loop = ev_loop_new(EVBACKEND_SELECT);
        now.control.ops = &ops;
    }
    now.way = fuzz_byte(&rest);
    size_t step = fuzz_byte(&rest);
    now.sent = rest;
    int fd = attach();
    while (rest.len > 0 && now.closed == 0) {
        struct bytes piece = fuzz_take(&rest, step == 0 ? rest.len : step);
        FUZZ_CHECK(send(fd, piece.data, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)piece.len);
        turn(fd);
    }
    leave(fd);
    check_received();
    return 0;
}
