#include "store/arena.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 << 10 };

struct arena {
    struct arena *older;
    size_t len, cap;
    _Alignas(max_align_t) char data[];
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
    if (a != NULL && a->len <= a->cap && len <= a->cap - a->len)
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

/* Texts leave the next free byte anywhere. */
static void align(struct arena *a)
{
    size_t over = a == NULL ? 0 : a->len % _Alignof(max_align_t);
    if (over != 0)
        a->len += _Alignof(max_align_t) - over;
}

void *arena_new(struct arena **a, size_t size)
{
    align(*a);
    void *p = alloc(a, size);
    return p == NULL ? NULL : memset(p, 0, size);
}

void arena_free(struct arena *a)
{
    while (a != NULL) {
        struct arena *older = a->older;
        free(a);
        a = older;
    }
}
