/*
 * client: one blocking HTTP call from a subcommand to the daemon, over loopback. The address is read from STATE/address
 * and the token from STATE/token, both written by the daemon.
 */
#ifndef ANZOL_NET_CLIENT_H
#define ANZOL_NET_CLIENT_H

#include "core/buf.h"
#include "core/err.h"

struct client_answer {
    int status;
    struct buf body;
};

/*
 * `path` begins with "/"; `type` is the Content-Type, NULL without a body. timeout_ms 0: 30 s. 0 when an answer came,
 * whatever its status; -1 with ERR_NET when the daemon cannot be reached (exit code 69): the message says where it was
 * looked for.
 */
int client_call(const char *state, const char *method, const char *path, const char *type, struct bytes body,
                int64_t timeout_ms, struct client_answer *a, struct err *e);

#endif
