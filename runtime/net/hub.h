/*
 * hub: libcurl's multi handles on the loop: their sockets, their timers, what has ended.
 *
 * There are several, made when they are needed, for libcurl walks through all connections of a host, and of a handle,
 * for each request: a few in each keep that short. What goes to one place fills one handle before the next, so a
 * connection is used again where it can be.
 *
 * What becomes due during a turn of the loop is done once, before the loop sleeps. A handle that has nothing to do for
 * as long as a connection may be used again closes those it has: libcurl itself would look at them with its next
 * request.
 */
#ifndef ANZOL_NET_HUB_H
#define ANZOL_NET_HUB_H

#include "core/err.h"
#include "net/sockets.h"

#include <curl/curl.h>
#include <ev.h>
#include <stdbool.h>

enum {
    HUB_SPOKES = 8,        /* each reads certificates and resolves names for itself */
    HUB_FILL = 8,          /* transfers at a time in each, until all have so many */
    HUB_CONNECTIONS = 128, /* kept in each */
};

struct hub;

/* One multi handle. */
struct spoke {
    CURLM *multi;
    struct hub *hub;
    struct ev_timer timeout; /* when libcurl wants to be called; or, if it is torn, when that is mended */
    double later_s;          /* by so much later than that libcurl wants to be called by now */
    bool torn;               /* it may have forgotten something */
    bool is_due;
    struct spoke *next_due;
    int transfers;
    double ended_s;         /* on the loop's clock, when the last transfer did */
    struct ev_timer expiry; /* of the connections, at the earliest */
};

struct hub {
    struct ev_loop *loop;
    struct sockets sockets;
    /* Outside of libcurl, so that it may add and remove as it likes. It has to remove this one. */
    void (*on_ended)(void *ud, CURL *easy, CURLcode code);
    void *ud;
    struct spoke *spokes[HUB_SPOKES]; /* NULL: not needed yet */
    struct spoke *due;
    double idle_s;                  /* for so long a connection is used again */
    struct ev_prepare before_sleep; /* something is due */
    struct ev_timer awake;          /* … and the loop must not sleep */
};

/* On the loop, with a first multi handle. `idle_s`: seconds. -1: memory, or no socket. */
int hub_init(struct hub *h, struct ev_loop *loop, int idle_s, void (*on_ended)(void *ud, CURL *easy, CURLcode code),
             void *ud, struct err *e);
/* No transfer is left in it. What is connected is closed. */
void hub_fini(struct hub *h);
/* Tells libcurl who is to close what the handle opens. False: it does not take it. */
bool hub_adopt(struct hub *h, CURL *easy);
/* Begins the transfer, before the loop sleeps. `place` is a number of where it goes. NULL: memory. */
struct spoke *hub_add(struct hub *h, size_t place, CURL *easy);
void hub_remove(struct spoke *s, CURL *easy);

#endif
