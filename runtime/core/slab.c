#include "core/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct slab_free {
    struct slab_free *next;
};

void slab_init(struct slab *s, size_t size)
{
    *s = (struct slab){.region = NULL};
    if (size == 0)
        return;
    void *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED)
        return;
    s->region = s->unused = region;
    s->end = s->region + size;
}

void slab_fini(struct slab *s)
{
    if (s->region != NULL)
        munmap(s->region, (size_t)(s->end - s->region));
    *s = (struct slab){.region = NULL};
}

static bool is_inside(const struct slab *s, const void *block)
{
    const char *p = block;
    return p >= s->region && p < s->end;
}

static size_t class_of(size_t size)
{
    return (size - 1) / SLAB_STEP;
}

static void *take(struct slab *s, size_t size)
{
    if (size > SLAB_MAX)
        return malloc(size);
    size_t class = class_of(size), whole = (class + 1) * SLAB_STEP;
    struct slab_free *block = s->free[class];
    if (block != NULL) {
        s->free[class] = block->next;
        return block;
    }
    if ((size_t)(s->end - s->unused) < whole)
        return malloc(size);
    s->unused += whole;
    return s->unused - whole;
}

void slab_give(struct slab *s, void *block, size_t size)
{
    if (!is_inside(s, block)) {
        free(block);
        return;
    }
    struct slab_free *freed = block;
    freed->next = s->free[class_of(size)];
    s->free[class_of(size)] = freed;
}

void *slab_resize(struct slab *s, void *block, size_t old, size_t size)
{
    if (block == NULL)
        return take(s, size);
    if (!is_inside(s, block))
        return realloc(block, size);
    if (size <= SLAB_MAX && class_of(size) == class_of(old))
        return block;
    void *moved = take(s, size);
    if (moved == NULL)
        return size < old ? block : NULL; /* Lua does not expect a block that shrinks to be lost */
    memcpy(moved, block, old < size ? old : size);
    slab_give(s, block, old);
    return moved;
}
