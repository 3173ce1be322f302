#include "host/live.h"

#include "core/request.h"

#include <stdlib.h>
#include <string.h>

struct live *live_new(const struct uuid *id, int64_t seq, struct bytes webhook, struct bytes request)
{
    struct live *l = malloc(sizeof *l + webhook.len + request.len);
    if (l == NULL)
        return NULL;
    *l = (struct live){.id = *id, .seq = seq};
    if (webhook.len > 0)
        memcpy(l->text, webhook.data, webhook.len);
    if (request.len > 0)
        memcpy(l->text + webhook.len, request.data, request.len);
    l->webhook = (struct bytes){l->text, webhook.len};
    l->request = (struct bytes){l->text + webhook.len, request.len};
    uint8_t flags = request_flags(l->request);
    l->has_key = (flags & REQUEST_HAS_KEY) != 0;
    l->judged = (flags & REQUEST_JUDGED) != 0;
    return l;
}

void live_free(struct live *l)
{
    free(l);
}

size_t live_size(const struct live *l)
{
    return sizeof *l + l->webhook.len + l->request.len;
}

void live_table_init(struct live_table *t)
{
    *t = (struct live_table){0};
}

void live_table_fini(struct live_table *t)
{
    for (size_t i = 0; i < t->size; i++)
        while (t->buckets[i] != NULL) {
            struct live *l = t->buckets[i];
            t->buckets[i] = l->chain;
            live_free(l);
        }
    free(t->buckets);
    *t = (struct live_table){0};
}

static struct live **bucket(const struct live_table *t, int64_t seq)
{
    /* Seqs are consecutive: their low bits spread them evenly as they are. */
    return &t->buckets[(size_t)seq & (t->size - 1)];
}

static int grow(struct live_table *t)
{
    struct live_table bigger = {.size = t->size == 0 ? 256 : t->size * 2};
    bigger.buckets = calloc(bigger.size, sizeof *bigger.buckets);
    if (bigger.buckets == NULL)
        return t->size == 0 ? -1 : 0; /* a crowded table still works */
    for (size_t i = 0; i < t->size; i++)
        for (struct live *l = t->buckets[i], *next; l != NULL; l = next) {
            next = l->chain;
            struct live **b = bucket(&bigger, l->seq);
            l->chain = *b;
            *b = l;
        }
    bigger.count = t->count;
    free(t->buckets);
    *t = bigger;
    return 0;
}

int live_table_add(struct live_table *t, struct live *l)
{
    if (t->count >= t->size && grow(t) != 0)
        return -1;
    struct live **b = bucket(t, l->seq);
    l->chain = *b;
    *b = l;
    t->count++;
    return 0;
}

void live_table_remove(struct live_table *t, struct live *l)
{
    if (t->size == 0)
        return;
    for (struct live **p = bucket(t, l->seq); *p != NULL; p = &(*p)->chain)
        if (*p == l) {
            *p = l->chain;
            t->count--;
            return;
        }
}

struct live *live_table_find(const struct live_table *t, int64_t seq)
{
    if (t->size == 0)
        return NULL;
    for (struct live *l = *bucket(t, seq); l != NULL; l = l->chain)
        if (l->seq == seq)
            return l;
    return NULL;
}

void live_queue_init(struct live_queue *q)
{
    *q = (struct live_queue){.tail = &q->head};
}

void live_queue_push(struct live_queue *q, struct live *l)
{
    l->next = NULL;
    *q->tail = l;
    q->tail = &l->next;
    q->count++;
}

struct live *live_queue_pop(struct live_queue *q)
{
    struct live *l = q->head;
    if (l == NULL)
        return NULL;
    q->head = l->next;
    if (q->head == NULL)
        q->tail = &q->head;
    q->count--;
    l->next = NULL;
    return l;
}
