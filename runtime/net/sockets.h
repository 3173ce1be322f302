/*
 * sockets: what libcurl has open, each with one watcher on the loop: for libcurl while a request is on it, for us while
 * it is kept for the next.
 *
 * A response may only follow its request. What a receiver sends into an idle connection (a 408 before it closes, as RFC
 * 9110 section 15.5.9 has it, or an answer it made up) libcurl would take for the response to what is sent next. So the
 * first byte that comes, and the end of the connection too, closes it; libcurl finds it dead and opens another.
 *
 * A watcher that waits for the same as before is left alone, so a request on a kept connection costs no system call
 * here. Memory that is short is waited for: libcurl asks once, and a socket that is not watched would stay so.
 */
#ifndef ANZOL_NET_SOCKETS_H
#define ANZOL_NET_SOCKETS_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

struct ev_loop;
struct socket;

struct sockets {
    struct ev_loop *loop;
    void (*on_ready)(void *ud, int fd, int events); /* as libev has them; `ud` of who waits */
    struct socket **by_fd;                          /* made when needed, kept for the next socket of that number */
    size_t size;
    struct socket *released; /* since the last settling */
    bool in_doubt;           /* one was released since then that is not known to stand */
    int ended;               /* a socket whose other side is closed */
};

int sockets_init(struct sockets *s, struct ev_loop *loop, void (*on_ready)(void *ud, int fd, int events),
                 struct err *e);
void sockets_fini(struct sockets *s);

/* `user` waits for `events`; `ud` is for on_ready(). */
void sockets_want(struct sockets *s, int fd, int events, const void *user, void *ud);
/* It does not any more: the connection is idle, or about to be closed, or closed without a word while it was made. */
void sockets_release(struct sockets *s, int fd);
/* Before a connection that stands is closed. */
void sockets_closed(struct sockets *s, int fd);

/* Whether `user` may have released a connection, since the last settling, that is not known to stand. */
bool sockets_may_stand(const struct sockets *s, const void *user);
/* `fd` is a connection that stands: from now on it is not closed without a word. Nothing, when `user` was not the last
 * to wait for it: then it is another's by now. */
void sockets_stands(struct sockets *s, int fd, const void *user);
/* After libcurl has returned, and what has ended was looked at: what was released and stands is idle now. */
void sockets_settle(struct sockets *s);

#endif
