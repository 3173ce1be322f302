#include "net/idle.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct idle_watch {
    struct ev_io io;
    struct idle *idle;
    bool taken;
};

int idle_init(struct idle *i, struct ev_loop *loop, struct err *e)
{
    int pair[2];
    *i = (struct idle){.loop = loop, .ended = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_system(e, errno, "cannot make a socket");
    close(pair[1]);
    i->ended = pair[0];
    return 0;
}

void idle_fini(struct idle *i)
{
    for (size_t fd = 0; fd < i->size; fd++) {
        idle_release(i, (int)fd);
        free(i->by_fd[fd]);
    }
    free(i->by_fd);
    if (i->ended >= 0)
        close(i->ended);
}

/*
 * The descriptor is libcurl's: it may not be closed, and of a connection that was merely shut down libcurl would still
 * read what came. So the descriptor becomes one on which nothing comes but the end.
 */
static void on_input(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)events;
    struct idle_watch *w = (struct idle_watch *)io;
    ev_io_stop(loop, io);
    (void)dup3(w->idle->ended, io->fd, O_CLOEXEC);
}

static int grow(struct idle *i, size_t size)
{
    struct idle_watch **more = realloc(i->by_fd, size * sizeof *more);
    if (more == NULL)
        return -1;
    memset(more + i->size, 0, (size - i->size) * sizeof *more);
    i->by_fd = more;
    i->size = size;
    return 0;
}

static struct idle_watch *find(const struct idle *i, int fd)
{
    return fd >= 0 && (size_t)fd < i->size ? i->by_fd[fd] : NULL;
}

static struct idle_watch *make(struct idle *i, int fd)
{
    if (fd < 0 || ((size_t)fd >= i->size && grow(i, (size_t)fd + 64) != 0))
        return NULL;
    struct idle_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->idle = i;
    ev_io_init(&w->io, on_input, fd, EV_READ);
    i->by_fd[fd] = w;
    return w;
}

void idle_take(struct idle *i, int fd)
{
    struct idle_watch *w = find(i, fd);
    if (w == NULL && (w = make(i, fd)) == NULL)
        return;
    w->taken = true;
    ev_io_stop(i->loop, &w->io);
}

void idle_release(struct idle *i, int fd)
{
    struct idle_watch *w = find(i, fd);
    if (w == NULL)
        return;
    w->taken = false;
    ev_io_stop(i->loop, &w->io);
}

void idle_watch(struct idle *i, int fd)
{
    struct idle_watch *w = find(i, fd);
    if (w != NULL && !w->taken)
        ev_io_start(i->loop, &w->io);
}
