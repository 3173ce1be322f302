#include "net/control_client.h"

#include "net/control_request.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 1 << 16, KEPT_MAX = 1 << 16, EAGER = 1 << 16 };

#define LINGER_S 2.
#define LOOK_S   .25 /* libev cannot wait for a hang-up alone */

size_t control_unsent(const struct control_client *c)
{
    return c->out.len - c->sent;
}

bool control_client_listens(const struct control_client *c)
{
    return c->session != NULL && !c->failed;
}

static void set_timer(struct control_client *c, double after_s, double repeat_s)
{
    ev_timer_stop(c->control->loop, &c->timer);
    ev_timer_set(&c->timer, after_s, repeat_s);
    ev_timer_start(c->control->loop, &c->timer);
}

/* Not here and now: whoever is calling may go on to use it. */
static void fail(struct control_client *c)
{
    c->failed = true;
    c->sent = 0;
    buf_fini(&c->out);
    set_timer(c, 0., 0.);
}

/* --- the open requests ---------------------------------------------------------------------------------------- */

static size_t find(const struct control_client *c, int64_t id)
{
    size_t i = 0;
    while (i < c->open_count && c->open[i].id != id)
        i++;
    return i;
}

bool control_client_is_open(const struct control_client *c, int64_t id)
{
    return find(c, id) < c->open_count;
}

bool control_client_answered(struct control_client *c, int64_t id)
{
    size_t i = find(c, id);
    if (i == c->open_count)
        return false;
    c->open_bytes -= c->open[i].size;
    c->open[i] = c->open[--c->open_count];
    return true;
}

static int open_request(struct control_client *c, const struct control_request *r, struct err *e)
{
    if (c->open_count == CONTROL_OPEN_MAX)
        return err_set(e, ERR_INPUT, 429, "%zu requests of this connection wait; expected answers to be awaited",
                       c->open_count);
    if (c->open_bytes + r->code.len > CONTROL_OPEN_BYTES_MAX)
        return err_set(e, ERR_INPUT, 429, "%zu bytes of code wait in this connection; expected answers to be awaited",
                       c->open_bytes);
    c->open[c->open_count++] = (struct open_request){r->id, r->code.len};
    c->open_bytes += r->code.len;
    return 0;
}

/* --- out ------------------------------------------------------------------------------------------------------ */

/* Where everything is answered and sent, writing is what wakes us to close it. */
static void watch(struct control_client *c)
{
    struct ev_loop *loop = c->control->loop;
    bool done = c->has_ended && c->open_count == 0;
    int events = (c->has_ended ? 0 : EV_READ) | (control_unsent(c) > 0 || done ? EV_WRITE : 0);
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    if (events != 0)
        ev_io_start(loop, &c->io);
}

/* What has been sent goes, the memory of much too; moved only when that is less than what it makes room for. */
static void tidy(struct control_client *c)
{
    size_t left = control_unsent(c);
    if (c->sent < left || c->sent == 0)
        return;
    if (left == 0 && c->out.cap > KEPT_MAX)
        buf_fini(&c->out);
    else if (left > 0)
        memmove(c->out.data, c->out.data + c->sent, left);
    c->out.len = left;
    c->sent = 0;
}

/* Writes into the kernel what it takes. */
static void flush(struct control_client *c)
{
    while (control_unsent(c) > 0) {
        ssize_t n = send(c->io.fd, c->out.data + c->sent, control_unsent(c), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            c->sent += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR) {
            fail(c);
            return;
        }
    }
    tidy(c);
}

/* Much is sent at once: those who write it may be long in coming back to the loop. */
void control_client_send(struct control_client *c)
{
    if (!buf_failed(&c->out) && control_unsent(c) > EAGER)
        flush(c);
    if (buf_failed(&c->out) || control_unsent(c) > CONTROL_UNSENT_MAX)
        fail(c);
    if (!c->failed)
        watch(c);
}

/* --- in ------------------------------------------------------------------------------------------------------- */

static void ask(struct control_client *c, const struct control_request *r)
{
    const struct control_ops *ops = c->control->ops;
    if (r->op == CONTROL_EVAL)
        ops->eval(c->session, r->id, r->code, r->width, r->json);
    else if (r->op == CONTROL_COMPLETE)
        ops->complete(c->session, r->id, r->code, r->cursor);
    else if (control_client_is_open(c, r->target)) /* or else its answer has crossed this */
        ops->cancel(c->session, r->target);
}

/* An answer to an id that is open twice would be anybody's. */
static int take_request(struct control_client *c, struct control_request *r, struct bytes line, struct err *e)
{
    int rc = control_request_read(r, line, e);
    bool is_answered = rc != 0 || r->op != CONTROL_CANCEL;
    if (r->id > 0 && is_answered && control_client_is_open(c, r->id)) {
        rc = err_set(e, ERR_INPUT, 409, "id %lld is not answered yet; expected another one", (long long)r->id);
        r->id = 0;
    }
    return rc == 0 && is_answered ? open_request(c, r, e) : rc;
}

static void take_line(struct control_client *c, struct bytes line)
{
    struct control_request r;
    struct err e;
    if (bytes_only(line, " \t\r"))
        return;
    if (take_request(c, &r, line, &e) == 0)
        ask(c, &r);
    else if (r.id > 0)
        control_answer_refuse(c, r.id, &e);
    else
        control_client_problem(c, &e);
    control_request_fini(&r);
}

/* Adds to the beginning of a line. -1: told, and no more lines are taken. */
static int keep(struct control_client *c, const char *data, size_t len)
{
    struct err e;
    if (c->in.len + len > CONTROL_LINE_MAX)
        err_set(&e, ERR_INPUT, 413, "the line is longer than %d bytes; expected a newline before", CONTROL_LINE_MAX);
    else if (buf_append(&c->in, data, len) != 0)
        err_memory(&e);
    else
        return 0;
    control_client_problem(c, &e);
    return -1;
}

static void take_kept(struct control_client *c)
{
    struct buf line = c->in; /* whatever becomes of the client meanwhile */
    buf_init(&c->in);
    take_line(c, buf_view(&line));
    buf_fini(&line);
}

static void feed(struct control_client *c, struct bytes piece)
{
    while (piece.len > 0 && control_client_listens(c)) {
        const char *end = memchr(piece.data, '\n', piece.len);
        size_t len = end == NULL ? piece.len : (size_t)(end - piece.data);
        if (end != NULL && c->in.len == 0)
            take_line(c, (struct bytes){piece.data, len});
        else if (keep(c, piece.data, len) == 0 && end != NULL)
            take_kept(c);
        piece = (struct bytes){piece.data + len + (end != NULL), piece.len - len - (end != NULL)};
    }
}

/* Nothing more comes. Who has shut down one side only wants the answers still; who has left is found by the timer. */
static void end_input(struct control_client *c)
{
    c->has_ended = true;
    if (control_client_listens(c) && c->in.len > 0)
        take_kept(c);
    if (control_client_listens(c))
        set_timer(c, 0., LOOK_S);
}

static void read_some(struct control_client *c)
{
    char piece[PIECE];
    ssize_t n = recv(c->io.fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n > 0)
        feed(c, (struct bytes){piece, (size_t)n});
    else if (n == 0)
        end_input(c);
    else if (errno != EAGAIN && errno != EINTR)
        fail(c);
}

/* --- life ----------------------------------------------------------------------------------------------------- */

/* After anything that happened: goes on, or closes it. */
static void settle(struct control_client *c)
{
    if (c->closed)
        return;
    if (c->session == NULL && control_unsent(c) == 0)
        (void)shutdown(c->io.fd, SHUT_WR);
    if (c->failed || (c->has_ended && c->open_count == 0 && control_unsent(c) == 0))
        control_client_close(c);
    else
        watch(c);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    struct control_client *c = io->data;
    struct control *control = c->control;
    control_enter(control);
    if ((events & EV_WRITE) != 0)
        flush(c);
    if ((events & EV_READ) != 0 && !c->failed)
        read_some(c);
    settle(c);
    control_leave(control);
}

static bool has_hung_up(const struct control_client *c)
{
    struct pollfd p = {.fd = c->io.fd};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct control_client *c = timer->data;
    struct control *control = c->control;
    if (control_client_listens(c) && !has_hung_up(c))
        return;
    control_enter(control);
    control_client_close(c);
    control_leave(control);
}

static void link_into(struct control_client *c, struct control_client **list)
{
    c->next = *list;
    c->link = list;
    if (c->next != NULL)
        c->next->link = &c->next;
    *list = c;
}

static void unlink_from(struct control_client *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
}

struct control_client *control_client_new(struct control *control, int fd)
{
    struct control_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->control = control;
    ev_io_init(&c->io, on_io, fd, EV_READ);
    ev_init(&c->timer, on_timer);
    c->io.data = c->timer.data = c;
    link_into(c, &control->clients);
    control->count++;
    return c;
}

static void end_session(struct control_client *c)
{
    void *session = c->session;
    c->session = NULL;
    c->open_count = 0;
    if (session != NULL)
        c->control->ops->close(session);
}

void control_client_problem(struct control_client *c, const struct err *e)
{
    buf_fini(&c->in);
    control_answer_problem(&c->out, e);
    control_client_send(c);
    if (!c->failed)
        set_timer(c, LINGER_S, 0.);
    end_session(c);
}

void control_client_close(struct control_client *c)
{
    struct control *control = c->control;
    if (!c->failed)
        flush(c);
    ev_io_stop(control->loop, &c->io);
    ev_timer_stop(control->loop, &c->timer);
    close(c->io.fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    c->sent = 0;
    c->closed = true;
    control->count--;
    unlink_from(c);
    link_into(c, &control->gone);
    end_session(c);
}
