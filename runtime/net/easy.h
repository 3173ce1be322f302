/*
 * easy: one libcurl easy handle making one exchange: set up from the stored request, secrets filled in, and read out at
 * the end. The transport owns these and uses them again.
 */
#ifndef ANZOL_NET_EASY_H
#define ANZOL_NET_EASY_H

#include "net/transport.h"

#include <curl/curl.h>

struct easy {
    struct easy *next; /* in the transport's pool, or among those to finish */
    CURL *curl;
    struct exchange *exchange;
    struct request_view view;
    struct curl_slist *headers;
    struct buf url, body, scratch; /* filled: wiped at the end */
    const struct transport_options *options;
    int64_t started_ns;
    long sends;   /* how often the request began to leave */
    bool foreign; /* a redirect led to another origin */
    bool full;    /* stopped at the cap */
    char words[CURL_ERROR_SIZE];
};

struct easy *easy_new(const struct transport_options *o);
void easy_free(struct easy *x);
/* Makes the handle ready to be added to the multi. -1: the request cannot be made; the attempt says why. */
int easy_begin(struct easy *x, struct exchange *exchange);
/* Fills the attempt from how the transfer ended. */
void easy_read(struct easy *x, CURLcode code);
/* Wipes what was filled; the handle can be used again. */
void easy_end(struct easy *x);

#endif
