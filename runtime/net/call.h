/*
 * call: one request to the API, from its first header to its answer. Shared by server.c (its life), await.c, guard.c
 * (may it), routes.c (what it asks) and batch.c (events, one a line); nobody else's business.
 */
#ifndef ANZOL_NET_CALL_H
#define ANZOL_NET_CALL_H

#include "core/json_write.h"
#include "net/httpd.h"
#include "net/server.h"

struct route;
struct api_batch;

#define CALL_PROBLEM_TYPE "application/problem+json"

enum { CALL_HOST_SIZE = 256 };

enum body_kind { BODY_NONE, BODY_DATA, BODY_EVENT };

/* One that matters here: the first value, NULL when there is none. */
struct call_header {
    const char *value;
    int count;
};

struct call_headers {
    struct call_header host, authorization, type, length, encoding, expect;
};

struct api_call {
    struct api_call *next, **link; /* among the server's */
    struct server *server;
    struct MHD_Connection *connection; /* NULL: it has ended, the answer is still awaited */
    struct call_headers headers;       /* as long as the connection is in this request */
    const struct route *route;
    bool is_batch;
    struct uuid id;
    struct buf body;
    size_t body_max, discarded;
    bool unframed; /* nobody can say where its body ends: answered at once, then closed */
    struct api_batch *batch;
    bool answered;                 /* to be queued when libmicrohttpd asks */
    struct MHD_Response *response; /* NULL though answered: memory was short */
    int status;
    bool asked; /* handed to the ops */
    bool brief; /* its answer comes with the next commit: not worth a suspension */
    bool held, suspended;
    double held_at;
    bool in_handler; /* libmicrohttpd is calling us: what is answered now needs no resume */
    api_done *done;  /* of a local one, which has none of the above; NULL: it came over HTTP */
    void *ud;
    char name[256]; /* the path's own part: a webhook's name or an id; last, for most have none */
};

struct server {
    struct httpd httpd;
    struct server_options options;
    char *token;
    char good_host[CALL_HOST_SIZE]; /* the last Host header that was ours */
    struct api_call *calls;
    struct api_batch *left; /* batches whose client has gone while lines are unanswered */
    size_t open;
    int lines;                /* of batches, taken in this turn of the loop */
    struct ev_idle next_turn; /* to begin anew */
    bool stopping;
};

/* --- server.c */
/* Begins a problem (RFC 9457): the caller may add members, ends the object and answers. */
void call_problem_begin(struct json_write *w, struct buf *text, int status, const char *detail);
/* Answers with text of any kind; takes the buffer's memory. */
void call_answer_text(struct api_call *c, int status, const char *type, struct buf *text);

/* --- await.c: a call that waits: suspended, or held (net/httpd.h) */
void call_suspend(struct api_call *c);
/* Until it is answered; each time it is asked for the answer. */
void call_await(struct api_call *c);
/* It is not held any more. */
void call_release(struct api_call *c);
/* Has it served again, whichever it is; neither is fine. */
void call_resume(struct api_call *c);

/* --- routes.c: what is asked for */
/*
 * Finds the route, checks framing, Host, token, method, type and declared size. 0: go on and read the body, c->body_max
 * is set. -1: `e` is the problem, with `allow` set for a 405.
 */
int call_route(struct api_call *c, const char *method, const char *path, struct err *e, const char **allow);
/* The whole body is there: parameters are read and the ops are called. -1: the problem. */
int call_ask(struct api_call *c, struct err *e);

/* --- guard.c: may it be asked */
/* Reads the headers. Is it one request, and clear where it ends (RFC 9112 sections 3.2, 6.1 and 6.3)? 400, with
 * c->unframed set. */
int guard_framing(struct api_call *c, struct err *e);
/* Was the name we were called by one of ours? 403. */
int guard_host(const struct api_call *c, struct err *e);
int guard_token(const struct api_call *c, struct err *e);
/* Type and declared size of what comes along; sets c->is_batch and c->body_max. */
int guard_body(struct api_call *c, enum body_kind kind, struct err *e);

/* --- params.c: the query, read strictly. What is not given leaves `out` as it is. */
/* `known` ends with NULL and may be NULL; 32 names at most. */
int params_check(const struct api_call *c, const char *const *known, struct err *e);
/* NULL: not given. */
const char *params_text(const struct api_call *c, const char *name);
/* From 1 to `most`. */
int params_number(const struct api_call *c, const char *name, int64_t most, int64_t *out, struct err *e);
int params_time(const struct api_call *c, const char *name, int64_t *wall_ms, struct err *e);
int params_wait(const struct api_call *c, int64_t *ms, struct err *e);
/* A state of deliveries or of runs. */
int params_state(const struct api_call *c, int *out, struct err *e);
int params_run_state(const struct api_call *c, int *out, struct err *e);
/* `given`: it is there, and is `only`, the one value that it may have. */
int params_only(const struct api_call *c, const char *name, const char *only, bool *given, struct err *e);

/* --- batch.c */
struct api_batch *batch_new(struct api_call *c);
/* The call has ended. The batch stays until its lines are answered. NULL is fine. */
void batch_leave(struct api_batch *b);
/* The server ends: no line will be answered any more. */
void batch_free_left(struct server *s);
/* What comes is not for it any more. */
bool batch_is_cut(const struct api_batch *b);
/* Takes lines out of the piece; returns how many bytes were taken. Fewer than all: no room now, or enough for this turn
 * of the loop; the call is to be suspended. */
size_t batch_feed(struct api_batch *b, const char *data, size_t len);
/* No more bytes come. True: the answer is set; false: it waits for its lines. */
bool batch_end(struct api_batch *b);
/* May it go on after it was suspended? */
bool batch_may_resume(const struct api_batch *b);

#endif
