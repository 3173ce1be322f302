/*
 * receiver: an HTTP server that shows what it gets and answers as told: `anzol listen`, and the receivers of
 * `anzol dev` and `anzol repl`.
 */
#ifndef ANZOL_NET_RECEIVER_H
#define ANZOL_NET_RECEIVER_H

#include "core/buf.h"
#include "core/err.h"

struct ev_loop;
struct receiver;

struct receiver_request {      /* views valid during the callback */
    uint64_t number;           /* 1, 2, … */
    const char *method, *path; /* path with its query */
    const char *headers;       /* "Name: value\n" lines */
    struct bytes body;
    int status; /* what it will be answered; 0: closed without an answer */
};

struct receiver_options {
    struct ev_loop *loop;
    const char *listen;  /* as of the server */
    const int *statuses; /* answered in turn, the last one from then on; count 0: 200 */
    size_t status_count;
    int64_t delay_ms;           /* before each answer */
    bool close;                 /* close the connection without an answer */
    const char *const *headers; /* extra response headers "Name: value" */
    size_t header_count;
    struct bytes body; /* answered body; empty: {"ok":true,"number":N} as JSON */
    void (*on_request)(void *ud, const struct receiver_request *r); /* NULL: only counted */
    void *ud;
};

struct receiver *receiver_new(const struct receiver_options *o, struct err *e);
void receiver_free(struct receiver *r);
const char *receiver_address(const struct receiver *r);
uint64_t receiver_count(const struct receiver *r);

#endif
