#include "core/timers.h"

void timers_init(struct timers *h)
{
    *h = (struct timers){.running_ns = INT64_MIN};
}

void timers_fini(struct timers *h)
{
    timers_init(h);
}

void timer_init(struct timer *t, void (*on_due)(struct timer *, int64_t))
{
    *t = (struct timer){.on_due = on_due};
}

bool timer_started(const struct timer *t)
{
    return t->started;
}

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

/* The earlier of two heaps takes the other for its first child. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (before(b, a)) {
        struct timer *later = a;
        a = b;
        b = later;
    }
    b->next = a->child;
    if (b->next != NULL)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* One heap of siblings: melded in pairs from the left, then the pairs from the right; linked by `next` in between. */
static struct timer *meld_all(struct timer *t)
{
    struct timer *pairs = NULL, *all = NULL;
    while (t != NULL) {
        struct timer *a = t, *b = t->next;
        t = b != NULL ? b->next : NULL;
        a->next = NULL;
        if (b != NULL)
            b->next = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct timer *a = pairs;
        pairs = a->next;
        a->next = NULL;
        all = meld(a, all);
    }
    if (all != NULL)
        all->prev = NULL;
    return all;
}

void timer_stop(struct timers *h, struct timer *t)
{
    if (!t->started)
        return;
    struct timer *children = meld_all(t->child);
    if (t == h->first)
        h->first = children;
    else {
        *(t->prev->child == t ? &t->prev->child : &t->prev->next) = t->next;
        if (t->next != NULL)
            t->next->prev = t->prev;
        h->first = meld(h->first, children);
    }
    t->started = false;
    t->child = t->next = t->prev = NULL;
}

void timer_start(struct timers *h, struct timer *t, int64_t due_ns)
{
    timer_stop(h, t);
    /* Just beyond the run that is under way: it waits for the next one and stands behind all that are due in this one.
     */
    if (due_ns <= h->running_ns && h->running_ns < INT64_MAX)
        due_ns = h->running_ns + 1;
    t->due_ns = due_ns;
    t->order = h->order++;
    t->started = true;
    h->first = meld(h->first, t);
}

int64_t timers_next(const struct timers *h)
{
    return h->first == NULL ? INT64_MAX : h->first->due_ns;
}

void timers_run(struct timers *h, int64_t now_ns)
{
    int64_t outer = h->running_ns;
    h->running_ns = now_ns;
    while (h->first != NULL && h->first->due_ns <= now_ns) {
        struct timer *t = h->first;
        timer_stop(h, t);
        t->on_due(t, now_ns);
    }
    h->running_ns = outer;
}
