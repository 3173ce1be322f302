#include "net/origins.h"

#include "core/memory.h"

#include <stdlib.h>

void origins_init(struct origins *o)
{
    *o = (struct origins){0};
}

void origins_fini(struct origins *o)
{
    for (size_t i = 0; i < ORIGINS_KEPT; i++)
        origin_unref(o->kept[i]);
}

void origin_unref(struct origin *origin)
{
    if (origin == NULL || --origin->refs > 0)
        return;
    curl_url_cleanup(origin->url);
    free(origin);
}

static struct origin *make(struct bytes text, size_t hash)
{
    struct origin *origin = memory_zeroed(1, sizeof *origin + text.len + 1);
    if (origin == NULL)
        return NULL;
    *origin = (struct origin){.url = curl_url(), .refs = 1, .hash = hash, .len = text.len};
    memcpy(origin->text, text.data, text.len);
    if (origin->url != NULL && curl_url_set(origin->url, CURLUPART_URL, origin->text, 0) == CURLUE_OK)
        return origin;
    origin_unref(origin);
    return NULL;
}

struct origin *origins_get(struct origins *o, struct bytes text)
{
    size_t hash = bytes_hash(text);
    struct origin **kept = &o->kept[hash % ORIGINS_KEPT];
    if (*kept == NULL || !bytes_equal((struct bytes){(*kept)->text, (*kept)->len}, text)) {
        struct origin *origin = make(text, hash);
        if (origin == NULL)
            return NULL;
        origin_unref(*kept);
        *kept = origin;
    }
    (*kept)->refs++;
    return *kept;
}
