/*
 * call: one request to the API, from its first header to its answer. Shared by server.c (its life), routes.c (what it
 * asks) and batch.c (events, one a line); nobody else's business.
 */
#ifndef ANZOL_NET_CALL_H
#define ANZOL_NET_CALL_H

#include "net/httpd.h"
#include "net/server.h"

struct route;
struct api_batch;

struct api_call {
    struct api_call *next, **link; /* among the server's */
    struct server *server;
    struct MHD_Connection *connection;
    const struct route *route;
    const char *kind; /* the Content-Type asked for, without parameters */
    char name[256];   /* the path's own part: a webhook's name or an id */
    struct uuid id;
    struct buf body;
    size_t body_max, discarded;
    struct api_batch *batch;
    struct MHD_Response *response; /* set: answered, to be queued when libmicrohttpd asks */
    int status;
    bool asked; /* handed to the ops */
    bool suspended;
    bool in_handler; /* libmicrohttpd is calling us: what is answered now needs no resume */
};

struct server {
    struct httpd httpd;
    struct server_options options;
    char *token;
    struct api_call *calls;
    size_t open;
    bool stopping;
};

/* --- server.c */
/* Answers with text of any kind. */
void call_answer_text(struct api_call *c, int status, const char *type, struct buf *text);
void call_suspend(struct api_call *c);
void call_resume(struct api_call *c);

/* --- routes.c: what is asked for */
/*
 * Finds the route, checks Host, token, method, type and declared size. 0: go on and read the body, c->body_max is set.
 * -1: `e` is the problem, with `allow` set for a 405.
 */
int call_route(struct api_call *c, const char *method, const char *path, struct err *e, const char **allow);
/* The whole body is there: parameters are read and the ops are called. -1: the problem. */
int call_ask(struct api_call *c, struct err *e);
bool call_is_batch(const struct api_call *c);

/* --- batch.c */
struct api_batch *batch_new(struct api_call *c);
void batch_free(struct api_batch *b);
/* Takes lines out of the piece; returns how many bytes were taken. Fewer than all: no room now, the call is to be
 * suspended. */
size_t batch_feed(struct api_batch *b, const char *data, size_t len);
/* No more bytes come. True: the answer is set; false: it waits for its lines. */
bool batch_end(struct api_batch *b);
/* May it go on after it was suspended? */
bool batch_may_resume(const struct api_batch *b);

#endif
