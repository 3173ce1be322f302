#include "net/control.h"

#include "net/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_AT_ONCE = 16 };

#define PAUSE_S .25

/* --- memory that somebody up the stack may hold --------------------------------------------------------------- */

void control_enter(struct control *c)
{
    if (c->depth++ == 0)
        c->before = phase_enter(PHASE_CONTROL);
}

void control_leave(struct control *c)
{
    if (--c->depth > 0)
        return;
    phase_leave(c->before);
    for (struct control_client *one; (one = c->gone) != NULL; free(one))
        c->gone = one->next;
    if (c->freed)
        free(c);
}

/* --- who may come --------------------------------------------------------------------------------------------- */

/* Without reading what it may have sent already its end would be an error to it, perhaps before it has read why. */
static void refuse(int fd, const struct err *e)
{
    char forgotten[4096];
    struct buf line;
    buf_init(&line);
    control_answer_problem(&line, e);
    if (!buf_failed(&line))
        (void)send(fd, line.data, line.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_fini(&line);
    (void)shutdown(fd, SHUT_RDWR);
    while (recv(fd, forgotten, sizeof forgotten, MSG_DONTWAIT) > 0)
        continue;
    close(fd);
}

static int may_come(const struct control *c, int fd, struct control_peer *peer, struct err *e)
{
    if (control_peer_check(fd, peer, e) != 0)
        return -1;
    if (c->count >= CONTROL_CLIENTS_MAX)
        return err_set(e, ERR_INPUT, 503, "%zu consoles are attached, the most there can be; leave one first",
                       c->count);
    return 0;
}

/* The hello is the first that it gets; nothing is sent to it while there is no session. */
static void greet(struct control *c, struct control_client *client, const struct control_peer *peer)
{
    struct err why = {.message = "refused"};
    struct buf hello;
    struct json_write w;
    buf_init(&hello);
    json_write_init(&w, &hello);
    json_write_object(&w, NULL);
    json_write_str(&w, "hello", "anzol");
    void *session = c->ops->open(c->ud, client, peer, &w, &why);
    json_write_end(&w);
    buf_append_char(&hello, '\n');
    if (client->closed && session != NULL)
        c->ops->close(session);
    else if (!client->closed && session == NULL)
        control_client_problem(client, &why);
    else if (!client->closed) {
        client->out = hello;
        buf_init(&hello);
        client->session = session;
        control_client_send(client);
    }
    buf_fini(&hello);
}

static void receive(struct control *c, int fd)
{
    struct control_peer peer;
    struct control_client *client;
    struct err e;
    if (may_come(c, fd, &peer, &e) != 0)
        refuse(fd, &e);
    else if ((client = control_client_new(c, fd)) == NULL) {
        err_memory(&e);
        refuse(fd, &e);
    } else
        greet(c, client, &peer);
}

/* One who waits for a descriptor that we do not have would wake us for ever. */
static void pause_coming(struct control *c)
{
    ev_io_stop(c->loop, &c->coming);
    ev_timer_set(&c->pause, PAUSE_S, 0.);
    ev_timer_start(c->loop, &c->pause);
}

static void on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)events;
    struct control *c = timer->data;
    ev_io_start(loop, &c->coming);
}

static void on_coming(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    struct control *c = io->data;
    control_enter(c);
    for (int i = 0; i < ACCEPT_AT_ONCE && !c->freed; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            receive(c, fd);
        else if (errno != EINTR && errno != ECONNABORTED) {
            if (errno != EAGAIN)
                pause_coming(c);
            break;
        }
    }
    control_leave(c);
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

struct control *control_new(const struct control_options *o, struct err *e)
{
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        err_memory(e);
        return NULL;
    }
    c->loop = o->loop;
    c->ops = o->ops;
    c->ud = o->ud;
    if (control_socket_open(&c->socket, o->folder, e) != 0) {
        free(c);
        return NULL;
    }
    ev_io_init(&c->coming, on_coming, c->socket.fd, EV_READ);
    ev_init(&c->pause, on_pause_over);
    c->coming.data = c->pause.data = c;
    ev_io_start(c->loop, &c->coming);
    return c;
}

void control_free(struct control *c)
{
    if (c == NULL || c->freed)
        return;
    control_enter(c);
    c->freed = true;
    ev_io_stop(c->loop, &c->coming);
    ev_timer_stop(c->loop, &c->pause);
    control_socket_close(&c->socket);
    while (c->clients != NULL)
        control_client_close(c->clients);
    control_leave(c);
}
