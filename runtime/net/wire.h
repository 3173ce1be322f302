/*
 * wire: a stored request as libcurl takes it: URL, method, header lines and body, secrets filled in.
 *
 * Everything with a secret in it is in one buffer, which wire_wipe() overwrites; a body without slots is not copied: it
 * points into the stored request, which has to live as long. A request that has nothing private leaves its URL and
 * lines behind: the next one whose stored bytes are the same up to the body finds them done, as most of a webhook do.
 */
#ifndef ANZOL_NET_WIRE_H
#define ANZOL_NET_WIRE_H

#include "core/request.h"

#include <curl/curl.h>

struct secrets;

enum { WIRE_LINES_MAX = REQUEST_HEADERS_MAX + 4 /* our own, and those that silence libcurl's */ };

enum wire_body { WIRE_EMPTY, WIRE_SMALL, WIRE_LARGE }; /* they have different lines */

struct wire {
    struct buf text; /* "url\0line\0line\0…body" */
    struct buf head; /* the stored bytes, up to the body, that the text was made of; empty: they are not kept */
    bool same;       /* as last time: URL and lines */
    const char *url;
    size_t origin_len;  /* of the URL: scheme, host and port, nothing private in them; 0: only libcurl can tell */
    const char *target; /* when there is an origin_len: what follows it, as it is sent */
    const char *method; /* one of few: the same text has the same address */
    struct curl_slist *headers; /* NULL: none; made of `lines` */
    struct bytes body;
    enum wire_body body_size;
    bool has_body;       /* a Content-Length is sent, be it 0 */
    bool url_is_private; /* a part of it */
    bool hides_host;     /* the scheme, host or port are private: libcurl's words would show a part of them */
    struct request_options options;
    struct curl_slist lines[WIRE_LINES_MAX];
};

void wire_init(struct wire *w);
void wire_fini(struct wire *w);
/*
 * Fills it. -1: the request cannot be made: damaged, a secret is gone, not an http or https URL, a header that would
 * break the message (ERR_MEMORY: memory). Content-Length and Transfer-Encoding of the request are left out: libcurl
 * counts.
 */
int wire_fill(struct wire *w, struct bytes stored, const struct secrets *secrets, struct err *e);
/* Forgets what was filled, and overwrites what is private. Nobody may point into it any more. */
void wire_wipe(struct wire *w);
/* An https URL becomes an http one. */
void wire_make_plain(struct wire *w);

#endif
