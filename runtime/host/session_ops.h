/*
 * session_ops: what the ops of a console share: session_ops.c (the table, and what the API does too) and
 * session_lanes.c (integrations).
 */
#ifndef ANZOL_HOST_SESSION_OPS_H
#define ANZOL_HOST_SESSION_OPS_H

#include "core/units.h"
#include "host/session.h"

struct json_t; /* Jansson's */

#define OP_FOR_EVER_MS (30LL * 24 * 3600 * MS_PER_S) /* the most that anybody waits for, or pauses */

struct call { /* what an op gets */
    struct asking *asking;
    struct api *api;
    const struct json_t *args;
    struct api_call *call; /* to be answered; made for those ops that say so */
};

/* The text at `key` of the arguments, or of another object; "" when there is none. */
const char *op_text(const struct json_t *object, const char *key);

/* Each answers c->asking, or c->call, once, at once or later; -1: it did not, and `e` says why not. */
int op_pause(struct call *c, struct err *e);
int op_resume(struct call *c, struct err *e);
int op_drain(struct call *c, struct err *e);
int op_integrations(struct call *c, struct err *e);

#endif
