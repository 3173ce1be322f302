/* tracing: exchanges as they happen, for the lines of a console that ask for them. */
#include "core/units.h"
#include "host/session.h"
#include "host/view_parts.h"

#include <stdlib.h>
#include <string.h>

/* With more than a line has taken so far, the rest is counted; of bodies the beginning is enough. */
enum { GATHERED_MAX = 200, GATHERED_BYTES = 4 << 20, BODY_MAX = 16 << 10 };

struct trace_entry {
    struct trace_entry *next;
    struct buf json; /* without "missed" and the end of the object */
};

static void entry_free(struct trace_entry *x)
{
    buf_fini(&x->json);
    free(x);
}

void tracing_fini(struct tracing *t)
{
    while (t->first != NULL) {
        struct trace_entry *x = t->first;
        t->first = x->next;
        entry_free(x);
    }
    t->end = &t->first;
    free((char *)t->webhook.data);
    t->webhook = (struct bytes){0};
    t->count = t->bytes = t->missed = 0;
    t->on = t->waits = false;
}

/* --- what has happened -------------------------------------------------------------------------------------------- */

static void put_answer(struct json_write *w, const struct attempt *a)
{
    struct attempt cut = *a; /* views what `a` owns */
    if (cut.body.len > BODY_MAX) {
        cut.body.len = BODY_MAX;
        cut.truncated = true;
    }
    view_put_response(w, &cut);
}

static void put_exchange(struct json_write *w, const struct flight *f)
{
    const struct live *l = f->live;
    const struct attempt *a = &f->exchange.attempt;
    view_put_id(w, "delivery", &l->id);
    json_write_bytes(w, "webhook", l->webhook);
    json_write_str(w, "integration", l->lane->name);
    json_write_int(w, "number", a->number);
    json_write_time(w, "started_at", a->started_ms);
    json_write_double(w, "duration_ms", (double)a->duration_us / 1000);
    view_put_status(w, a->status);
    view_put_error(w, a->error, bytes_of(a->message));
    view_put_request(w, l->request, "request_headers", "request_body", BODY_MAX);
    put_answer(w, a);
}

static struct trace_entry *entry_new(const struct flight *f)
{
    struct json_write w;
    struct trace_entry *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    buf_init(&x->json);
    json_write_init(&w, &x->json);
    json_write_object(&w, NULL);
    put_exchange(&w, f);
    if (!buf_failed(&x->json))
        return x;
    entry_free(x);
    return NULL;
}

/* The oldest, to who asked. */
static void answer(struct session *s)
{
    struct tracing *t = &s->tracing;
    struct trace_entry *x = t->first;
    struct asking *q = s->asking;
    t->first = x->next;
    if (x->next == NULL)
        t->end = &t->first;
    t->count--;
    t->bytes -= x->json.len;
    t->waits = false;
    buf_printf(&x->json, ",\"missed\":%zu}", t->missed);
    t->missed = 0;
    if (buf_failed(&x->json))
        asking_answer(q, false, bytes_of("out of memory"));
    else
        asking_answer(q, true, buf_view(&x->json));
    entry_free(x);
}

static void gather(struct session *s, const struct flight *f)
{
    struct tracing *t = &s->tracing;
    if (!t->on || (t->webhook.len > 0 && !bytes_equal(t->webhook, f->live->webhook)))
        return;
    bool room = t->count < GATHERED_MAX && t->bytes < GATHERED_BYTES;
    struct trace_entry *x = room ? entry_new(f) : NULL;
    if (x == NULL) {
        t->missed++;
        return;
    }
    *t->end = x;
    t->end = &x->next;
    t->count++;
    t->bytes += x->json.len;
    if (t->waits)
        answer(s);
}

/* From the dispatch, while anybody traces. */
static void on_exchange(void *ud, const struct flight *f)
{
    struct sessions *all = ud;
    for (struct session *s = all->first; s != NULL; s = s->next)
        gather(s, f);
}

/* --- who wants to know -------------------------------------------------------------------------------------------- */

static void look_on(struct sessions *all)
{
    bool any = false;
    for (struct session *s = all->first; s != NULL; s = s->next)
        any = any || s->tracing.on;
    all->api->dispatch->on_exchange = any ? on_exchange : NULL;
    all->api->dispatch->on_exchange_ud = all;
}

int tracing_ask(struct session *s, struct bytes webhook)
{
    struct tracing *t = &s->tracing;
    if (!t->on || !bytes_equal(t->webhook, webhook)) {
        tracing_fini(t);
        t->webhook = bytes_copy(webhook);
        if (t->webhook.data == NULL)
            return -1;
        t->on = true;
        look_on(s->all);
    }
    t->waits = t->first == NULL;
    if (!t->waits)
        answer(s);
    return 0;
}

void tracing_end(struct session *s)
{
    if (!s->tracing.on)
        return;
    tracing_fini(&s->tracing);
    look_on(s->all);
}
