/*
 * client: who talks to the daemon: one call on one connection, blocking, given up after CLIENT_PATIENCE_S.
 */
#ifndef ALLOC_CLIENT_H
#define ALLOC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

enum { CLIENT_PATIENCE_S = 20, CLIENT_ANSWER = 1 << 18 };
enum { CLIENT_CLOSED = 0, CLIENT_SILENT = -1 }; /* instead of a status: the connection ended; nothing came in time */

struct client {
    char state[256]; /* the daemon's folder */
    int port;
    char token[128];
    int status;
    char body[CLIENT_ANSWER]; /* of the last answer; NUL-terminated */
};

/* Reads address and token. False: not there yet. */
bool client_find(struct client *c, const char *state);
/* `type` NULL: no body. Returns the status. */
int client_call(struct client *c, const char *method, const char *path, const char *type, const char *body);
/* Attaches to the control socket and sends one line, whose id must be 1. 200: `body` has all that came until its end.
 */
int client_console(struct client *c, const char *line);

#endif
