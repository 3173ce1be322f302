/*
 * origins: where requests go (scheme, host, port), taken apart by libcurl once and kept.
 *
 * An origin is held by each handle that uses it; the table holds one at each of its places, the last that was asked
 * for there. On the loop only.
 */
#ifndef ANZOL_NET_ORIGINS_H
#define ANZOL_NET_ORIGINS_H

#include "core/buf.h"

#include <curl/curl.h>

enum { ORIGINS_KEPT = 256 };

struct origin {
    CURLU *url;
    int refs;
    size_t hash, len; /* of the text */
    char text[];
};

struct origins {
    struct origin *kept[ORIGINS_KEPT];
};

void origins_init(struct origins *o);
void origins_fini(struct origins *o);
/* Held for the caller. NULL: memory, or libcurl makes nothing of it. `text` has nothing private in it. */
struct origin *origins_get(struct origins *o, struct bytes text);
/* NULL does nothing. */
void origin_unref(struct origin *origin);

/* RFC 6454. `location` may be relative to `url`. False when anything about it is unclear, or memory is short. */
bool origin_same(const char *url, const char *location);

#endif
