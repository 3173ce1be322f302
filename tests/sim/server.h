/*
 * server: the API's door, in the place of net/server.c and net/batch.c: calls come from clients and their like instead
 * of sockets.
 *
 * A call is answered once by `done`; status 0: it never will be, the host died or ended first. It is a violation when a
 * sound host answers late, or with a fault of its own, or refuses what it has room for.
 */
#ifndef ANZOL_SIM_SERVER_H
#define ANZOL_SIM_SERVER_H

#include "net/server.h"

typedef void server_done(void *ud, int status, struct bytes json);

/* The door is open. */
bool server_is_open(void);
/* What the host does with calls; ops() and ops_ud() while it is open. */
const struct api_ops *server_ops(void);
void *server_ops_ud(void);
/* A call, to be handed to one of the ops. */
struct api_call *server_call(server_done *done, void *ud);
/* It may take that long until it is answered, … */
void server_call_waits(struct api_call *c, int64_t ms);
/* It takes new work now; else the call is answered 503, and is gone. */
bool server_may_accept(struct api_call *c);

/* One line of a batch has its answer. */
typedef void server_line_done(void *ud, size_t line, enum api_line_result result);
/* Lines of NDJSON. `each` for each line, then `done` with 202; or `done` with 0, and what has no answer has none. */
void server_batch(const struct bytes *lines, size_t count, server_line_done *each, server_done *done, void *ud);
/* Every call that is open is lost. */
void server_lose(void);

#endif
