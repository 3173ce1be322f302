#include "net/sockets.h"

#include "core/memory.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GROWTH = 64 };

enum socket_state {
    UNKNOWN,  /* it may be closed: the watcher is stopped */
    BUSY,     /* a request waits */
    RELEASED, /* none does */
    IDLE,     /* … and it is kept */
};

struct socket {
    struct ev_io io;
    struct sockets *owner;
    void *ud;
    const void *user;
    struct socket *next; /* in `released` */
    enum socket_state state;
    bool stands;
    bool is_listed; /* in `released` */
};

int sockets_init(struct sockets *s, struct ev_loop *loop, void (*on_ready)(void *ud, int fd, int events), struct err *e)
{
    int pair[2];
    *s = (struct sockets){.loop = loop, .on_ready = on_ready, .ended = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_system(e, errno, "cannot make a socket");
    close(pair[1]);
    s->ended = pair[0];
    return 0;
}

void sockets_fini(struct sockets *s)
{
    for (size_t fd = 0; fd < s->size; fd++) {
        if (s->by_fd[fd] != NULL)
            ev_io_stop(s->loop, &s->by_fd[fd]->io);
        free(s->by_fd[fd]);
    }
    free(s->by_fd);
    if (s->ended >= 0)
        close(s->ended);
}

static void forget(struct socket *k)
{
    ev_io_stop(k->owner->loop, &k->io);
    k->state = UNKNOWN;
}

/*
 * The descriptor is libcurl's: it may not be closed, and of a connection that was merely shut down libcurl would still
 * read what came. So the descriptor becomes one on which nothing comes but the end.
 */
static void end_connection(struct socket *k, int events)
{
    int fd = k->io.fd;
    forget(k);
    if (!(events & EV_ERROR))
        (void)dup3(k->owner->ended, fd, O_CLOEXEC);
}

static void on_event(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct socket *k = (struct socket *)io;
    (void)loop;
    if (k->state == BUSY)
        k->owner->on_ready(k->ud, io->fd, events);
    else if (k->state == IDLE)
        end_connection(k, events);
    else
        forget(k);
}

static void grow(struct sockets *s, size_t size)
{
    s->by_fd = memory_insist(s->by_fd, size * sizeof(struct socket *));
    memset(s->by_fd + s->size, 0, (size - s->size) * sizeof(struct socket *));
    s->size = size;
}

static struct socket *find(const struct sockets *s, int fd)
{
    return fd >= 0 && (size_t)fd < s->size ? s->by_fd[fd] : NULL;
}

static struct socket *make(struct sockets *s, int fd)
{
    if ((size_t)fd >= s->size)
        grow(s, (size_t)fd + GROWTH);
    struct socket *k = memory_insist(NULL, sizeof *k);
    *k = (struct socket){.owner = s};
    ev_init(&k->io, on_event);
    s->by_fd[fd] = k;
    return k;
}

static struct socket *get(struct sockets *s, int fd)
{
    struct socket *k = find(s, fd);
    return k != NULL ? k : make(s, fd);
}

void sockets_closed(struct sockets *s, int fd)
{
    struct socket *k = find(s, fd);
    if (k == NULL)
        return;
    forget(k);
    k->stands = false;
    k->user = NULL;
}

/* One that does not stand may have been closed and opened anew: libev has to look at it afresh. */
static void watch(struct socket *k, int fd, int events)
{
    struct ev_loop *loop = k->owner->loop;
    bool known = k->stands && ev_is_active(&k->io);
    if (known && k->io.events == events)
        return;
    ev_io_stop(loop, &k->io);
    if (known)
        ev_io_modify(&k->io, events);
    else
        ev_io_set(&k->io, fd, events);
    ev_io_start(loop, &k->io);
}

void sockets_want(struct sockets *s, int fd, int events, const void *user, void *ud)
{
    struct socket *k = get(s, fd);
    watch(k, fd, events);
    k->ud = ud;
    k->user = user;
    k->state = BUSY;
}

void sockets_release(struct sockets *s, int fd)
{
    struct socket *k = find(s, fd);
    if (k == NULL || k->state != BUSY)
        return;
    if (!k->stands) {
        s->in_doubt = true;
        forget(k);
        return;
    }
    k->state = RELEASED;
    if (k->is_listed)
        return;
    k->is_listed = true;
    k->next = s->released;
    s->released = k;
}

bool sockets_may_stand(const struct sockets *s, const void *user)
{
    for (const struct socket *k = s->in_doubt ? s->released : NULL; k != NULL; k = k->next)
        if (k->user == user && k->state == RELEASED)
            return false;
    return s->in_doubt;
}

static void keep(struct socket *k, int fd)
{
    watch(k, fd, EV_READ);
    ev_clear_pending(k->owner->loop, &k->io); /* that was for libcurl; if there is something, it is said again */
    k->state = IDLE;
}

void sockets_stands(struct sockets *s, int fd, const void *user)
{
    struct socket *k = find(s, fd);
    if (k == NULL || k->user != user)
        return;
    k->stands = true;
    if (k->state == UNKNOWN)
        keep(k, fd);
}

void sockets_settle(struct sockets *s)
{
    s->in_doubt = false;
    for (struct socket *k; (k = s->released) != NULL;) {
        s->released = k->next;
        k->is_listed = false;
        if (k->state == RELEASED)
            keep(k, k->io.fd);
    }
}
