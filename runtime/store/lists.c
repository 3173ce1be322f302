#include "store/lists.h"

size_t write_rows(const struct store_write *w)
{
    if (w->kind == STORE_UPDATE)
        return 1;
    const struct store_accept *a = (const struct store_accept *)w;
    return a->count + (a->event != NULL || a->count == 0 ? 1 : 0);
}

static size_t accept_bytes(const struct store_accept *a)
{
    size_t n = sizeof *a;
    if (a->event != NULL)
        n += sizeof *a->event + a->event->key.len + a->event->name.len + a->event->body.len;
    for (size_t i = 0; i < a->count; i++)
        n += sizeof *a->deliveries + a->deliveries[i].request.len + a->deliveries[i].message.len;
    return n;
}

static size_t update_bytes(const struct store_update *u)
{
    size_t n = sizeof *u + u->row.message.len;
    if (u->attempt != NULL)
        n += sizeof *u->attempt + u->attempt->headers.len + u->attempt->body.len;
    return n;
}

size_t write_bytes(const struct store_write *w)
{
    return w->kind == STORE_UPDATE ? update_bytes((const struct store_update *)w)
                                   : accept_bytes((const struct store_accept *)w);
}

void write_list_push(struct write_list *l, struct store_write *w)
{
    w->next = NULL;
    if (l->head == NULL)
        l->head = w;
    else
        l->last->next = w;
    l->last = w;
    l->rows += write_rows(w);
}

struct store_write *write_list_pop(struct write_list *l)
{
    struct store_write *w = l->head;
    if (w == NULL)
        return NULL;
    l->head = w->next;
    if (l->head == NULL)
        l->last = NULL;
    l->rows -= write_rows(w);
    w->next = NULL;
    return w;
}

void write_list_append(struct write_list *to, struct write_list *from)
{
    if (from->head == NULL)
        return;
    if (to->head == NULL)
        to->head = from->head;
    else
        to->last->next = from->head;
    to->last = from->last;
    to->rows += from->rows;
    *from = (struct write_list){0};
}

void read_list_push(struct read_list *l, struct store_read *r)
{
    r->next = NULL;
    if (l->head == NULL)
        l->head = r;
    else
        l->last->next = r;
    l->last = r;
}

struct store_read *read_list_pop(struct read_list *l)
{
    struct store_read *r = l->head;
    if (r == NULL)
        return NULL;
    l->head = r->next;
    if (l->head == NULL)
        l->last = NULL;
    r->next = NULL;
    return r;
}

void read_list_append(struct read_list *to, struct read_list *from)
{
    if (from->head == NULL)
        return;
    if (to->head == NULL)
        to->head = from->head;
    else
        to->last->next = from->head;
    to->last = from->last;
    *from = (struct read_list){0};
}
