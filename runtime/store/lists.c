#include "store/lists.h"

static size_t accept_rows(const struct store_accept *a)
{
    size_t n = a->count + a->run_count + a->key_count + (a->event != NULL ? 1 : 0);
    return n > 0 ? n : 1;
}

size_t write_rows(const struct store_write *w)
{
    const struct store_advance *v = (const struct store_advance *)w;
    switch (w->kind) {
    case STORE_ACCEPT:
        return accept_rows((const struct store_accept *)w);
    case STORE_ADVANCE:
        return 1 + v->step_count + v->delivery_count + v->form_count;
    case STORE_UPDATE:
        return ((const struct store_update *)w)->step != NULL ? 2 : 1;
    case STORE_SCRIPT:
    case STORE_RUN_CHANGE:
        break;
    }
    return 1;
}

static size_t deliveries_bytes(const struct store_delivery *d, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += sizeof *d + d[i].request.len + d[i].message.len;
    return n;
}

static size_t run_bytes(const struct store_run *r)
{
    return sizeof *r + r->key.len + r->message.len + r->result.len + r->input.len;
}

static size_t accept_bytes(const struct store_accept *a)
{
    size_t n = sizeof *a + deliveries_bytes(a->deliveries, a->count);
    if (a->event != NULL)
        n += sizeof *a->event + a->event->key.len + a->event->name.len + a->event->body.len;
    for (size_t i = 0; i < a->run_count; i++)
        n += run_bytes(&a->runs[i]);
    for (size_t i = 0; i < a->key_count; i++)
        n += a->keys[i].len;
    return n;
}

static size_t update_bytes(const struct store_update *u)
{
    size_t n = sizeof *u + u->row.message.len;
    if (u->attempt != NULL)
        n += sizeof *u->attempt + u->attempt->headers.len + u->attempt->body.len;
    return u->step != NULL ? n + sizeof *u->step + u->step->result.len : n;
}

static size_t advance_bytes(const struct store_advance *v)
{
    size_t n = sizeof *v + run_bytes(&v->run) + deliveries_bytes(v->deliveries, v->delivery_count);
    for (size_t i = 0; i < v->step_count; i++)
        n += sizeof *v->steps + v->steps[i].path.len + v->steps[i].name.len + v->steps[i].match.len +
             v->steps[i].result.len;
    for (size_t i = 0; i < 2 * v->form_count; i++)
        n += v->forms[i].len;
    return n;
}

size_t write_bytes(const struct store_write *w)
{
    switch (w->kind) {
    case STORE_ACCEPT:
        return accept_bytes((const struct store_accept *)w);
    case STORE_UPDATE:
        return update_bytes((const struct store_update *)w);
    case STORE_ADVANCE:
        return advance_bytes((const struct store_advance *)w);
    case STORE_SCRIPT:
        return sizeof(struct store_script_write) + ((const struct store_script_write *)w)->archive.len;
    case STORE_RUN_CHANGE:
        break;
    }
    return sizeof(struct store_run_change);
}

bool write_may_fail(const struct store_write *w)
{
    return w->kind == STORE_ACCEPT || w->kind == STORE_RUN_CHANGE;
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
