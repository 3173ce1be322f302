/*
 * easy: one libcurl easy handle, making one exchange after another: set up from the stored request, its callbacks,
 * and the attempt filled from how it ended. The transport owns these and drives them.
 *
 * What never changes is set once, what seldom does when it does; at the end the handle lets go of everything that
 * belongs to the exchange.
 */
#ifndef ANZOL_NET_EASY_H
#define ANZOL_NET_EASY_H

#include "net/origins.h"
#include "net/transport.h"
#include "net/wire.h"

#include <curl/curl.h>

struct spoke;

struct easy {
    struct spoke *spoke;      /* the transport's: where it is open */
    struct easy *next, *prev; /* the transport's: idle ones, open ones */
    CURL *curl;
    struct curl_slist *connect_to;           /* when requests are diverted */
    const struct transport_options *options; /* the transport's, with every default filled in */
    struct origins *origins;                 /* the transport's */
    struct origin *origin;                   /* what the handle has; NULL: a URL, or nothing */
    const char *method;                      /* … */
    long timeout_ms, connect_ms, follows;    /* … */
    struct exchange *exchange;
    struct wire wire;
    int64_t started_ns;
    long sends;             /* how often the request began to leave */
    bool has_target;        /* the handle has origin and target of what was filled last */
    bool head_done;         /* the head of the final response is there: what still comes as headers are trailers */
    bool left_origin;       /* a redirect led elsewhere */
    size_t head_bytes;      /* of every head, interim ones and trailers too: libcurl keeps them all in memory */
    unsigned long failures; /* memory_failures() when it began */
    bool starved;           /* not sent: libcurl was short of memory before */
    char words[CURL_ERROR_SIZE];
};

/* NULL: memory. */
struct easy *easy_new(const struct transport_options *o, struct origins *origins);
void easy_free(struct easy *x);
/* Makes the handle ready to be added to the multi. -1: the request cannot be made; the attempt says why. */
int easy_begin(struct easy *x, struct exchange *exchange);
/* A number of where it goes, once it is ready. */
size_t easy_place(const struct easy *x);
/* Fills the attempt from how the transfer ended; the handle is still what it was. */
void easy_read(struct easy *x, CURLcode code);
/* Lets go of the exchange and wipes what was filled. Not while the handle is in the multi. */
void easy_end(struct easy *x);

/* An exchange that fails before there is a transfer: the attempt's times and words. */
void easy_refuse(struct exchange *exchange, const struct transport_options *o, enum attempt_error error,
                 enum attempt_class class, const char *words);

#endif
