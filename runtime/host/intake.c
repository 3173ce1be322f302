#include "host/intake.h"

#include "host/outbox.h"
#include "host/scripts.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 2 * 255 /* bytes of an event's name and key */, FEW = 8 };

/* One event or call on its way into the store. */
struct admission {
    struct store_accept accept;
    struct store_event event;
    struct intake *intake;
    struct intake_asker by;
    struct store_run *runs; /* their texts are allocated */
    size_t run_cap;
    const struct uuid *as; /* of a restart: the id to have; NULL: a fresh one */
    struct bytes *keys;    /* allocated, each */
    size_t key_cap;
    bool no_memory;
    size_t names;         /* bytes of room for them */
    struct outbox outbox; /* from here on nothing is cleared */
    char text[];          /* the envelope, and room for name and key of the event */
};

static void run_fini(struct store_run *r)
{
    free((char *)r->flow.data);
    free((char *)r->key.data);
    free((char *)r->message.data);
}

static void tell(const struct admission *a, const struct intake_result *r, const struct err *failure)
{
    a->by.done(&a->by, r, failure);
}

static void admission_free(struct admission *a)
{
    outbox_fini(&a->outbox);
    for (size_t i = 0; i < a->accept.run_count; i++)
        run_fini(&a->runs[i]);
    for (size_t i = 0; i < a->accept.key_count; i++)
        free((char *)a->keys[i].data);
    free(a->runs);
    free(a->keys);
    buf_fini(&a->accept.first_ids);
    buf_fini(&a->accept.first_runs);
    buf_fini(&a->accept.woken);
    free(a);
}

/* --- what the scripts make of it ------------------------------------------------------------------------------- */

static void on_delivery(void *ud, const struct rendered *r)
{
    struct admission *a = ud;
    if (!a->no_memory && outbox_add(&a->outbox, r) != 0)
        a->no_memory = true;
}

static struct store_run *new_run(struct admission *a)
{
    size_t n = a->accept.run_count;
    if (n == a->run_cap) {
        size_t cap = n == 0 ? 1 : n * 2;
        struct store_run *more = realloc(a->runs, cap * sizeof *more);
        if (more == NULL)
            return NULL;
        a->runs = more;
        a->run_cap = cap;
    }
    a->accept.run_count = n + 1;
    a->runs[n] = (struct store_run){.seq = 0};
    return &a->runs[n];
}

static int add_run(struct admission *a, const struct started *s)
{
    struct store_run *r = new_run(a);
    struct env *env = a->intake->env;
    if (r == NULL)
        return -1;
    struct bytes error = bytes_of(s->error);
    *r = (struct store_run){
        .seq = env_new_seq(env),
        .id = a->as != NULL ? *a->as : env_new_id(env),
        .event_seq = a->event.seq,
        .event_id = a->event.id,
        .script = a->intake->scripts->seq,
        .state = s->error == NULL ? RUN_READY : RUN_FAILED,
        .created_ms = a->outbox.now_ms,
        .finished_ms = s->error == NULL ? 0 : a->outbox.now_ms,
        .flow = bytes_copy(s->flow),
        .key = bytes_copy(s->key),
        .message = bytes_copy(error),
        .input = a->event.body,
    };
    return r->flow.len == s->flow.len && r->key.len == s->key.len && r->message.len == error.len ? 0 : -1;
}

static void on_run(void *ud, const struct started *s)
{
    struct admission *a = ud;
    if (!a->no_memory && add_run(a, s) != 0)
        a->no_memory = true;
}

static int add_key(struct admission *a, struct bytes key)
{
    size_t n = a->accept.key_count;
    if (n == a->key_cap) {
        size_t cap = n == 0 ? 2 : n * 2;
        struct bytes *more = realloc(a->keys, cap * sizeof *more);
        if (more == NULL)
            return -1;
        a->keys = more;
        a->key_cap = cap;
    }
    a->keys[n] = bytes_copy(key);
    if (a->keys[n].data == NULL)
        return -1;
    a->accept.key_count = n + 1;
    return 0;
}

static void on_key(void *ud, struct bytes key)
{
    struct admission *a = ud;
    if (!a->no_memory && add_key(a, key) != 0)
        a->no_memory = true;
}

/* The texts stand in the envelope too, and never shorter: there is room for them behind it. */
static void on_event(void *ud, const struct event_head *h)
{
    struct admission *a = ud;
    size_t body_len = a->event.body.len;
    if (h->name.len + h->key.len > a->names) {
        a->no_memory = true;
        return;
    }
    char *name = a->text + body_len, *key = name + h->name.len;
    memcpy(name, h->name.data, h->name.len);
    if (h->key.len > 0)
        memcpy(key, h->key.data, h->key.len);
    a->event.seq = env_new_seq(a->intake->env);
    a->event.id = env_new_id_at(a->intake->env, a->outbox.now_ms);
    a->event.name = (struct bytes){name, h->name.len};
    a->event.key = (struct bytes){key, h->key.len};
    a->event.received_ms = a->outbox.now_ms;
    a->outbox.event_seq = a->event.seq;
    a->accept.event = &a->event;
}

/* --- what the store makes of it -------------------------------------------------------------------------------- */

static void log_accepted(const struct admission *a)
{
    if (a->accept.event == NULL)
        return;
    log_line(a->intake->env->log, LOG_INFO, "event.accepted", LOG_BYTES("name", a->event.name),
             LOG_UUID("id", &a->event.id), LOG_INT("deliveries", (int64_t)a->outbox.count),
             LOG_INT("runs", (int64_t)a->accept.run_count));
}

static void tell_duplicate(struct admission *a)
{
    struct intake_result r = {
        .duplicate = true,
        .event = a->accept.first_event,
        .ids = (const struct uuid *)a->accept.first_ids.data,
        .count = a->accept.first_ids.len / UUID_SIZE,
        .runs = (const struct uuid *)a->accept.first_runs.data,
        .run_count = a->accept.first_runs.len / UUID_SIZE,
    };
    a->intake->env->counters.duplicates++;
    tell(a, &r, NULL);
}

/* Of its deliveries, and their seqs, then of its runs. */
static void put_ids(const struct admission *a, struct uuid *ids, int64_t *seqs)
{
    size_t count = a->outbox.count;
    for (size_t i = 0; i < count; i++) {
        ids[i] = a->outbox.rows[i].id;
        seqs[i] = a->outbox.rows[i].seq;
    }
    for (size_t i = 0; i < a->accept.run_count; i++)
        ids[count + i] = a->runs[i].id;
}

static int tell_accepted(struct admission *a)
{
    size_t count = a->outbox.count, run_count = a->accept.run_count, all = count + run_count;
    struct uuid few_ids[FEW], *ids = few_ids;
    int64_t few_seqs[FEW], *seqs = few_seqs;
    if (all > FEW) {
        ids = calloc(all, sizeof *ids + sizeof *seqs);
        if (ids == NULL)
            return -1;
        seqs = (int64_t *)(ids + all);
    }
    put_ids(a, ids, seqs);
    struct intake_result r = {.event = a->event.id,
                              .ids = ids,
                              .seqs = seqs,
                              .count = count,
                              .runs = ids + count,
                              .run_count = run_count,
                              .run_state = run_count > 0 ? a->runs[0].state : RUN_READY,
                              .woken = a->accept.woken.len / sizeof(struct store_woken)};
    tell(a, &r, NULL);
    if (ids != few_ids)
        free(ids);
    return 0;
}

static void wake_runs(struct admission *a)
{
    const struct buf *woken = &a->accept.woken;
    struct buf result;
    buf_init(&result);
    bool composed = woken->len > 0 && run_wait_result(&result, &a->event.id, a->event.body) == 0;
    for (size_t at = 0; at < woken->len; at += sizeof(struct store_woken)) {
        struct store_woken w;
        memcpy(&w, woken->data + at, sizeof w);
        if (composed)
            runs_event(a->intake->runs, &w, a->event.seq, a->event.received_ms, buf_view(&result));
        else
            runs_wake(a->intake->runs, w.run);
    }
    buf_fini(&result);
}

static void accepted(struct admission *a)
{
    struct err e;
    a->intake->env->counters.events += a->accept.event != NULL;
    log_accepted(a);
    if (tell_accepted(a) != 0) {
        err_memory(&e);
        tell(a, NULL, &e); /* accepted all the same: the client may ask again under its id */
    }
    outbox_offer(&a->outbox);
    wake_runs(a);
    for (size_t i = 0; i < a->accept.run_count; i++)
        runs_accepted(a->intake->runs, &a->runs[i]);
}

static void on_committed(struct store_write *w, const struct err *failure)
{
    struct admission *a = (struct admission *)w;
    if (failure != NULL)
        tell(a, NULL, failure);
    else if (a->accept.duplicate)
        tell_duplicate(a);
    else
        accepted(a);
    admission_free(a);
}

/* --- the ways in ------------------------------------------------------------------------------------------------ */

/* `envelope`: it is copied; empty for none. */
static struct admission *admission_new(struct intake *in, struct bytes envelope, struct intake_asker by)
{
    size_t names = envelope.len < NAMES_MAX ? envelope.len : NAMES_MAX;
    struct admission *a = malloc(sizeof *a + envelope.len + names);
    if (a == NULL)
        return NULL;
    memset(a, 0, offsetof(struct admission, outbox));
    a->intake = in;
    a->by = by;
    a->names = names;
    if (envelope.len > 0)
        memcpy(a->text, envelope.data, envelope.len);
    a->event.body = (struct bytes){a->text, envelope.len};
    outbox_init(&a->outbox, in->dispatch);
    a->accept.base = (struct store_write){.kind = STORE_ACCEPT, .done = on_committed};
    return a;
}

static int submit(struct admission *a, int rc, struct err *e)
{
    if (rc == 0 && a->no_memory)
        rc = err_memory(e);
    if (rc != 0) {
        admission_free(a);
        return -1;
    }
    a->accept.deliveries = a->outbox.rows;
    a->accept.count = a->outbox.count;
    a->accept.runs = a->runs;
    a->accept.keys = a->keys;
    store_submit(a->intake->env->store, &a->accept.base);
    return 0;
}

static struct render_sink sink_of(struct admission *a)
{
    return (struct render_sink){
        .on_event = on_event, .on_delivery = on_delivery, .on_run = on_run, .on_key = on_key, .ud = a};
}

int intake_event(struct intake *in, struct bytes envelope, struct intake_asker by, struct err *e)
{
    struct admission *a = admission_new(in, envelope, by);
    if (a == NULL)
        return err_memory(e);
    struct render_sink sink = sink_of(a);
    return submit(a, generation_event(in->scripts->current, envelope, &sink, e), e);
}

int intake_call(struct intake *in, const char *webhook, struct bytes data, struct intake_asker by, struct err *e)
{
    struct admission *a = admission_new(in, (struct bytes){0}, by);
    if (a == NULL)
        return err_memory(e);
    struct render_sink sink = sink_of(a);
    return submit(a, generation_call(in->scripts->current, webhook, data, &sink, e), e);
}

int intake_restart(struct intake *in, const struct store_run *old, const struct uuid *as, struct intake_asker by,
                   struct err *e)
{
    struct admission *a = admission_new(in, old->input, by);
    if (a == NULL)
        return err_memory(e);
    a->event.seq = old->event_seq;
    a->event.id = old->event_id;
    a->as = as;
    struct render_sink sink = sink_of(a);
    return submit(a, generation_start(in->scripts->current, old->flow, a->event.body, &sink, e), e);
}
