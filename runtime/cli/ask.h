/*
 * ask: one call to the daemon's API, its problems said on stderr.
 */
#ifndef ANZOL_CLI_ASK_H
#define ANZOL_CLI_ASK_H

#include "core/buf.h"
#include "net/client.h"

struct json_t; /* Jansson's */

struct ask {
    const char *command; /* for messages */
    const char *state;
    const char *method;
    const char *type; /* of the body; NULL: none */
    struct bytes body;
    int64_t timeout_ms; /* 0: 30 s */
    const char *about;  /* what a problem is about, before its words; NULL: that is clear */
    int fine;           /* another status that is an answer, as 404 */
};

/* 0 unless surely no daemon runs in the folder: ERR_NET, with what to do. */
int ask_runs(const char *state, struct err *e);
/* Any answer in `a` (buf_fini(&a->body) it), nothing said; -1: there is none. Every call goes through here. */
int ask_call(const struct ask *q, const char *path, struct client_answer *a, struct err *e);
/* An answer's JSON (json_decref() it); NULL: it is none. */
struct json_t *ask_parse(const struct client_answer *a);
/* EXIT_OK with a 2xx answer, or one that is fine, in `a` (buf_fini(&a->body) it); else the exit code, everything said,
 * nothing to release. */
int ask(const struct ask *q, const char *path, struct client_answer *a);
/* The same with the answer parsed (json_decref() it). */
int ask_json(const struct ask *q, const char *path, struct client_answer *a, struct json_t **root);
/* The answer as it is, and a line break: for --json. */
void ask_print(const struct client_answer *a);
/* The string at `key`; "" when there is none. */
const char *ask_text(const struct json_t *object, const char *key);
/* The same of a string itself. */
const char *ask_text_of(const struct json_t *string);
/* Appends `text` percent-encoded, for a path or a query. */
int ask_append(struct buf *path, const char *text);

#endif
