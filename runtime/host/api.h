/*
 * api: the host's side of the HTTP API: `struct api_ops` of the server.
 */
#ifndef ANZOL_HOST_API_H
#define ANZOL_HOST_API_H

#include "host/intake.h"
#include "host/reload.h"
#include "host/waiters.h"
#include "net/server.h"

enum { API_WRITES_MAX = 8192, API_WRITES_BYTES_MAX = 8 << 20 }; /* not yet committed: more get 503 */

struct loop;

struct api {
    struct env *env;
    struct dispatch *dispatch;
    struct intake *intake;
    struct reload *reload;
    struct waiters waiters;
    const struct loop *turns;
    struct server *server; /* to be told when it may accept again */
    bool holding;          /* may_accept() said no */
    bool stopping;
    int64_t started_ms;
};

void api_init(struct api *a, struct env *env, struct dispatch *dispatch, struct intake *intake, struct reload *reload);
/* After the server is freed. */
void api_fini(struct api *a);
extern const struct api_ops api_ops; /* ud: struct api */
/* Accepts no more; calls that wait for an outcome are answered with what is known. */
void api_stop(struct api *a);
/* After completions of the store: lets held batches go on. */
void api_relax(struct api *a);
/* Answers with JSON, or 500 when memory was short for it. */
void api_reply(struct api_call *c, int status, struct buf *json);

#endif
