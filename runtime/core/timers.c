#include "core/timers.h"

#include <stdlib.h>

void timers_init(struct timers *h)
{
    *h = (struct timers){.running_ns = INT64_MIN};
}

void timers_fini(struct timers *h)
{
    free(h->heap);
    timers_init(h);
}

void timer_init(struct timer *t, void (*on_due)(struct timer *, int64_t))
{
    *t = (struct timer){.on_due = on_due};
}

bool timer_started(const struct timer *t)
{
    return t->index != 0;
}

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void place(struct timers *h, size_t slot, struct timer *t)
{
    h->heap[slot] = t;
    t->index = slot + 1;
}

static size_t sift_up(struct timers *h, size_t slot, const struct timer *t)
{
    while (slot > 0 && before(t, h->heap[(slot - 1) / 2])) {
        place(h, slot, h->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    return slot;
}

static size_t sift_down(struct timers *h, size_t slot, const struct timer *t)
{
    for (;;) {
        size_t child = slot * 2 + 1;
        if (child + 1 < h->count && before(h->heap[child + 1], h->heap[child]))
            child++;
        if (child >= h->count || !before(h->heap[child], t))
            return slot;
        place(h, slot, h->heap[child]);
        slot = child;
    }
}

/* Puts `t` where it belongs, `slot` being free. */
static void settle(struct timers *h, size_t slot, struct timer *t)
{
    slot = sift_up(h, slot, t);
    slot = sift_down(h, slot, t);
    place(h, slot, t);
}

static int grow(struct timers *h)
{
    size_t cap = h->cap == 0 ? 16 : h->cap * 2;
    if (cap > SIZE_MAX / sizeof *h->heap)
        return -1;
    struct timer **heap = realloc(h->heap, cap * sizeof *heap);
    if (heap == NULL)
        return -1;
    h->heap = heap;
    h->cap = cap;
    return 0;
}

int timer_start(struct timers *h, struct timer *t, int64_t due_ns)
{
    if (!timer_started(t) && h->count == h->cap && grow(h) != 0)
        return -1;
    /* Just beyond the run that is under way: it waits for the next one and stands behind all that are due in this one.
     */
    if (due_ns <= h->running_ns && h->running_ns < INT64_MAX)
        due_ns = h->running_ns + 1;
    t->due_ns = due_ns;
    t->order = h->order++;
    settle(h, timer_started(t) ? t->index - 1 : h->count++, t);
    return 0;
}

void timer_stop(struct timers *h, struct timer *t)
{
    if (!timer_started(t))
        return;
    size_t slot = t->index - 1;
    struct timer *last = h->heap[--h->count];
    t->index = 0;
    if (last != t)
        settle(h, slot, last);
}

int64_t timers_next(const struct timers *h)
{
    return h->count == 0 ? INT64_MAX : h->heap[0]->due_ns;
}

void timers_run(struct timers *h, int64_t now_ns)
{
    int64_t outer = h->running_ns;
    h->running_ns = now_ns;
    while (h->count > 0 && h->heap[0]->due_ns <= now_ns) {
        struct timer *t = h->heap[0];
        timer_stop(h, t);
        t->on_due(t, now_ns);
    }
    h->running_ns = outer;
}
