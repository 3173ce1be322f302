#include "store/arena.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 << 10 };

struct arena {
    struct arena *older;
    size_t len, cap;
    char data[];
};

static char *take(struct arena *a, size_t len)
{
    char *p = a->data + a->len;
    a->len += len;
    return p;
}

static struct arena *chunk_new(size_t cap)
{
    struct arena *a = malloc(sizeof *a + cap);
    if (a != NULL)
        *a = (struct arena){.cap = cap};
    return a;
}

static char *alloc(struct arena **top, size_t len)
{
    struct arena *a = *top;
    if (a != NULL && len <= a->cap - a->len)
        return take(a, len);
    a = chunk_new(len > CHUNK / 4 ? len : CHUNK);
    if (a == NULL)
        return NULL;
    if (len > CHUNK / 4 && *top != NULL) { /* a big one goes below: the chunk in use keeps its room */
        a->older = (*top)->older;
        (*top)->older = a;
    } else {
        a->older = *top;
        *top = a;
    }
    return take(a, len);
}

int arena_copy(struct arena **a, const void *data, size_t len, struct bytes *out)
{
    *out = (struct bytes){.data = "", .len = 0};
    if (len == 0)
        return 0;
    char *p = alloc(a, len + 1);
    if (p == NULL)
        return -1;
    memcpy(p, data, len);
    p[len] = '\0';
    *out = (struct bytes){.data = p, .len = len};
    return 0;
}

void arena_free(struct arena *a)
{
    while (a != NULL) {
        struct arena *older = a->older;
        free(a);
        a = older;
    }
}
