/*
 * httpd: a libmicrohttpd daemon inside the libev loop: what the API server and the receiver stand on.
 *
 * libmicrohttpd runs in external epoll mode: its epoll descriptor is watched, and after each run its own timeout is
 * honoured, or a resumed connection would stall until the next packet.
 *
 * A request whose answer is not known yet may be suspended, or held: libmicrohttpd then asks for the answer in each
 * run. That is cheaper where runs are few until it is known (two epoll_ctl and a recv less), but its timeout is always
 * 0 meanwhile. So while requests are held it is run again when the last run moved something, or after a few
 * milliseconds.
 */
#ifndef ANZOL_NET_HTTPD_H
#define ANZOL_NET_HTTPD_H

#include "core/buf.h"
#include "core/err.h"

#include <ev.h>
#include <microhttpd.h>

struct httpd {
    struct ev_loop *loop;
    struct MHD_Daemon *mhd;
    unsigned connections; /* after the last run */
    unsigned held;        /* requests that are ready for an answer that is not known yet */
    bool moved;           /* in this run something was asked, answered or ended */
    struct ev_io ready;
    struct ev_idle soon;   /* there is more to do: on the loop's next turn */
    struct ev_timer later; /* a connection that times out */
    char address[96];      /* "127.0.0.1:8020" */
    char host[64];         /* the host part, without brackets */
};

struct httpd_options {
    struct ev_loop *loop;
    const char *listen; /* "HOST:PORT", "[V6]:PORT", ":PORT" (loopback) */
    /* The target as it came, percent-encoding, query and all; gives the request's first state. NULL: not asked for. */
    void *(*on_target)(void *ud, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback on_request;
    MHD_RequestCompletedCallback on_completed;
    void *ud; /* the first argument of each */
};

int httpd_start(struct httpd *h, const struct httpd_options *o, struct err *e);
/* Takes no new connection. */
void httpd_quiesce(struct httpd *h);
/* Ends all connections. Suspended ones must have been resumed. */
void httpd_stop(struct httpd *h);
/* A connection was resumed, or an answer is known: have it served on the loop's next turn. */
void httpd_kick(struct httpd *h);
/* Serves now what would be served on the next turn. */
void httpd_serve(struct httpd *h);
/* Serves now what can be served. */
void httpd_run(struct httpd *h);

#endif
