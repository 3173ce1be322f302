#include "net/origins.h"

#include "core/memory.h"

#include <stdlib.h>
#include <strings.h>

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

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return same;
}

bool origin_same(const char *url, const char *location)
{
    CURLU *from = curl_url();
    CURLU *to = NULL;
    bool same = from != NULL && curl_url_set(from, CURLUPART_URL, url, 0) == CURLUE_OK &&
                (to = curl_url_dup(from)) != NULL &&
                curl_url_set(to, CURLUPART_URL, location, CURLU_URLENCODE | CURLU_ALLOW_SPACE) == CURLUE_OK &&
                same_part(from, to, CURLUPART_SCHEME) && same_part(from, to, CURLUPART_HOST) &&
                same_part(from, to, CURLUPART_PORT);
    curl_url_cleanup(from);
    curl_url_cleanup(to);
    return same;
}
