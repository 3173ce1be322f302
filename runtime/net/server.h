/*
 * server: HTTP in: libmicrohttpd in external epoll mode inside the libev loop, with the API's routes (api.c) on it.
 *
 * The server reads and checks (token, Host, sizes, types, paths, parameters) and calls `struct api_ops`; whoever
 * implements that answers each `struct api_call` exactly once, at once or later (the connection is suspended
 * meanwhile). A call stays valid until it is answered, also when the client has gone.
 */
#ifndef ANZOL_NET_SERVER_H
#define ANZOL_NET_SERVER_H

#include "core/buf.h"
#include "core/err.h"
#include "core/uuid.h"

enum { API_PAGE_MAX = 1000, API_WAIT_MAX_MS = 300000 };

struct ev_loop;
struct server;
struct api_call;
struct api_batch;

struct api_filter {    /* of deliveries or runs */
    struct bytes name; /* of the webhook or flow; empty: any */
    int state;         /* enum delivery_state or run_state, -1: any */
    int64_t since_ms, until_ms, before_seq;
    int limit;
};

enum api_listing { API_INTEGRATIONS, API_WEBHOOKS, API_FLOWS, API_STATUS };

enum api_order {
    API_CANCEL,
    API_RESUME,         /* under the scripts it is pinned to */
    API_RESUME_CURRENT, /* under those of now */
    API_RESTART,        /* a new run, from the same event */
};

/* Views are valid during the call only. */
struct api_ops {
    /* One event envelope: {"name", "id"?, "data"}. Answer 202. */
    void (*event)(void *ud, struct bytes envelope, struct api_call *c);
    /* One line of a batch. Answer with api_batch_line() once, at once or later; `line` counts from 1. */
    void (*batch_line)(void *ud, struct bytes envelope, struct api_batch *b, uint64_t line);
    /* False: take no new event just now. Single calls get 503 with Retry-After; a batch waits until server_resume(). */
    bool (*may_accept)(void *ud, struct err *reason);
    /* A direct call; wait_ms < 0: do not wait for the outcome. */
    void (*webhook)(void *ud, const char *name, struct bytes data, int64_t wait_ms, struct api_call *c);
    void (*preview)(void *ud, const char *name, struct bytes data, struct api_call *c);
    void (*deliveries)(void *ud, const struct api_filter *f, struct api_call *c);
    void (*delivery)(void *ud, struct uuid id, struct api_call *c);
    void (*resend)(void *ud, struct uuid id, struct api_call *c);
    void (*runs)(void *ud, const struct api_filter *f, struct api_call *c);
    void (*run)(void *ud, struct uuid id, struct api_call *c);
    /* 202 with how it stands then. */
    void (*run_order)(void *ud, struct uuid id, enum api_order order, struct api_call *c);
    void (*listing)(void *ud, enum api_listing what, struct api_call *c);
    /* Loads the scripts anew: 200 with what they hold, 422 with what is wrong with them. */
    void (*reload)(void *ud, struct api_call *c);
    /* 0 ready, -1 with the reason. */
    int (*ready)(void *ud, struct err *e);
    /* Prometheus text. */
    void (*metrics)(void *ud, struct buf *out);
};

struct server_options {
    struct ev_loop *loop;
    const char *listen; /* "127.0.0.1:8020", "[::1]:8020", ":8020" is loopback too; port 0: any */
    const char *token;  /* copied; every /v1 call needs it */
    const struct api_ops *ops;
    void *ud;
    size_t event_max; /* bytes of one event; 0: 1 MiB */
    size_t batch_max; /* bytes of a batch; 0: 16 MiB */
};

struct server *server_new(const struct server_options *o, struct err *e);
/* Accepts no new connection; what is being answered is answered. */
void server_stop(struct server *s);
/* Closes everything. Calls not yet answered are answered 503 by the server; answering them afterwards is not allowed.
 */
void server_free(struct server *s);
/* "127.0.0.1:8020": what it really listens on. */
const char *server_address(const struct server *s);
/* may_accept() may say yes again: waiting batches go on. */
void server_resume(struct server *s);
/* What has been answered since the last turn goes out now. */
void server_answer(struct server *s);
/* Requests being served. */
size_t server_open_calls(const struct server *s);

/* Answers with JSON; takes the buffer's memory. `retry_after_s` < 0: no such header. */
void api_answer(struct api_call *c, int status, struct buf *json);
/* Answers with application/problem+json (RFC 9457): the status from e->code when domain is ERR_INPUT, 503 with
 * Retry-After: 1 for ERR_STORE and ERR_MEMORY, else 500. */
void api_problem(struct api_call *c, const struct err *e);
/* The status of that problem. */
static inline int api_problem_status(const struct err *e)
{
    if (e->domain == ERR_STORE || e->domain == ERR_MEMORY)
        return 503;
    return e->domain == ERR_INPUT && e->code >= 400 && e->code <= 599 ? e->code : 500;
}
/* The same with a member "errors": the lines, each a text. */
void api_problem_lines(struct api_call *c, const struct err *e, struct bytes lines);

/*
 * A call that did not come over HTTP, for the same ops: `done` gets the answer (a problem too), once, at once or later,
 * and the call is gone then. NULL: memory.
 */
typedef void api_done(void *ud, int status, struct bytes json);
struct api_call *api_call_local(api_done *done, void *ud);
bool api_call_is_local(const struct api_call *c);

enum api_line_result { API_LINE_ACCEPTED, API_LINE_DUPLICATE, API_LINE_REJECTED };
void api_batch_line(struct api_batch *b, uint64_t line, enum api_line_result result, const struct err *e);

#endif
