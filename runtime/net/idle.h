/*
 * idle: the kept connections while no request is on them.
 *
 * A response may only follow its request. What a receiver sends into an idle connection (a 408 before it closes, as RFC
 * 9110 section 15.5.9 has it, or an answer it made up) libcurl would take for the response to what is sent next. So the
 * first byte that comes, and the end of the connection too, closes it; libcurl finds it dead and opens another.
 */
#ifndef ANZOL_NET_IDLE_H
#define ANZOL_NET_IDLE_H

#include "core/err.h"

#include <stddef.h>

struct ev_loop;
struct idle_watch;

struct idle {
    struct ev_loop *loop;
    struct idle_watch **by_fd; /* made when needed, kept for the next socket of that number */
    size_t size;
    int ended; /* a socket whose other side is closed */
};

int idle_init(struct idle *i, struct ev_loop *loop, struct err *e);
void idle_fini(struct idle *i);
/* A request is on `fd`. Without memory it will never be watched. */
void idle_take(struct idle *i, int fd);
/* None is any more, or it is about to be closed. */
void idle_release(struct idle *i, int fd);
/* It is a connection, and kept: watched until it is taken or released, if no request is on it by now. */
void idle_watch(struct idle *i, int fd);

#endif
