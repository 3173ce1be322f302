#include "host/waiters.h"

#include <stddef.h>
#include <stdlib.h>

void waiters_init(struct waiters *ws, struct timers *timers)
{
    *ws = (struct waiters){.timers = timers};
}

static struct waiter **bucket(struct waiters *ws, int64_t seq)
{
    return &ws->buckets[(size_t)seq % WAITERS_BUCKETS];
}

static void end(struct waiter **at, bool ended)
{
    struct waiter *w = *at;
    *at = w->next;
    timer_stop(w->owner->timers, &w->timeout);
    w->owner->on_end(w->owner->ud, w, ended);
    free(w);
}

void waiters_fini(struct waiters *ws)
{
    for (size_t i = 0; i < WAITERS_BUCKETS; i++)
        while (ws->buckets[i] != NULL) {
            struct waiter *w = ws->buckets[i];
            ws->buckets[i] = w->next;
            timer_stop(ws->timers, &w->timeout);
            free(w);
        }
}

static void on_timeout(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct waiter *w = (struct waiter *)((char *)t - offsetof(struct waiter, timeout));
    for (struct waiter **p = bucket(w->owner, w->seq); *p != NULL; p = &(*p)->next)
        if (*p == w) {
            end(p, false);
            return;
        }
}

int waiters_add(struct waiters *ws, int64_t seq, const struct uuid *id, void *call, int64_t until_ns)
{
    struct waiter *w = malloc(sizeof *w);
    if (w == NULL)
        return -1;
    *w = (struct waiter){.owner = ws, .seq = seq, .id = *id, .call = call};
    timer_init(&w->timeout, on_timeout);
    timer_start(ws->timers, &w->timeout, until_ns);
    struct waiter **b = bucket(ws, seq);
    w->next = *b;
    *b = w;
    return 0;
}

void waiters_end(struct waiters *ws)
{
    for (size_t i = 0; i < WAITERS_BUCKETS; i++)
        while (ws->buckets[i] != NULL)
            end(&ws->buckets[i], false);
}

void waiters_final(struct waiters *ws, int64_t seq)
{
    for (struct waiter **p = bucket(ws, seq); *p != NULL;) {
        if ((*p)->seq == seq)
            end(p, true);
        else
            p = &(*p)->next;
    }
}
