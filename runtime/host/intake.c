#include "host/intake.h"

#include "core/request.h"

#include <stdlib.h>
#include <string.h>

/* One event or call on its way into the store. */
struct admission {
    struct store_accept accept;
    struct store_event event;
    struct intake *intake;
    intake_done *done;
    void *ud;
    int64_t now_ms;
    size_t count, cap;
    struct store_delivery *rows;
    struct live **lives; /* NULL for one that failed to render */
    struct lane **lanes;
    bool no_memory;
    char *text; /* key, name and envelope of the event */
};

static void admission_free(struct admission *a)
{
    for (size_t i = 0; i < a->count; i++) {
        live_free(a->lives[i]);
        if (a->lives[i] == NULL)
            free((char *)a->rows[i].webhook.data);
    }
    free(a->rows);
    free(a->lives);
    free(a->lanes);
    free(a->text);
    buf_fini(&a->accept.first_ids);
    free(a);
}

static int grow(struct admission *a)
{
    size_t cap = a->cap == 0 ? 2 : a->cap * 2;
    struct store_delivery *rows = realloc(a->rows, cap * sizeof *rows);
    if (rows != NULL)
        a->rows = rows;
    struct live **lives = realloc(a->lives, cap * sizeof(struct live *));
    if (lives != NULL)
        a->lives = lives;
    struct lane **lanes = realloc(a->lanes, cap * sizeof(struct lane *));
    if (lanes != NULL)
        a->lanes = lanes;
    if (rows == NULL || lives == NULL || lanes == NULL)
        return -1;
    a->cap = cap;
    return 0;
}

/* A delivery that could not be rendered is kept as failed, so that the log shows it. Its texts are one allocation. */
static int add_failed(struct admission *a, struct store_delivery *row, const struct rendered *r)
{
    size_t message_len = strlen(r->error);
    char *text = malloc(r->webhook.len + message_len + 1);
    if (text == NULL)
        return -1;
    memcpy(text, r->webhook.data, r->webhook.len);
    memcpy(text + r->webhook.len, r->error, message_len);
    row->webhook.data = text;
    row->webhook.len = r->webhook.len;
    row->message = (struct bytes){text + r->webhook.len, message_len};
    row->state = DELIVERY_FAILED;
    row->error = ATTEMPT_RENDER;
    row->finished_ms = a->now_ms;
    a->lives[a->count] = NULL;
    return 0;
}

static int add_queued(struct admission *a, struct store_delivery *row, const struct rendered *r)
{
    struct live *l = live_new(&r->id, row->seq, r->webhook, r->request);
    if (l == NULL)
        return -1;
    struct request_options options;
    l->created_ms = a->now_ms;
    l->has_key = request_options_read(&options, r->request, NULL) == 0 && (options.flags & REQUEST_HAS_KEY) != 0;
    row->webhook = l->webhook;
    row->request = l->request;
    row->state = DELIVERY_QUEUED;
    a->lives[a->count] = l;
    return 0;
}

static int add_delivery(struct admission *a, const struct rendered *r)
{
    struct lane *lane = dispatch_lane(a->intake->dispatch, r->integration);
    if (lane == NULL || (a->count == a->cap && grow(a) != 0))
        return -1;
    struct store_delivery *row = &a->rows[a->count];
    *row = (struct store_delivery){
        .seq = env_new_seq(a->intake->env),
        .id = r->id,
        .event_seq = a->event.seq,
        .created_ms = a->now_ms,
        .integration = bytes_of(lane->name),
    };
    a->lanes[a->count] = lane;
    if ((r->error != NULL ? add_failed(a, row, r) : add_queued(a, row, r)) != 0)
        return -1;
    a->count++;
    return 0;
}

static void on_delivery(void *ud, const struct rendered *r)
{
    struct admission *a = ud;
    if (!a->no_memory && add_delivery(a, r) != 0)
        a->no_memory = true;
}

/* The event's texts are copied behind the envelope, which stands in a->text already. */
static void on_event(void *ud, const struct event_head *h)
{
    struct admission *a = ud;
    size_t body_len = a->event.body.len;
    char *text = realloc(a->text, body_len + h->name.len + h->key.len + 1);
    if (text == NULL) {
        a->no_memory = true;
        return;
    }
    memcpy(text + body_len, h->name.data, h->name.len);
    if (h->key.len > 0)
        memcpy(text + body_len + h->name.len, h->key.data, h->key.len);
    a->text = text;
    a->event = (struct store_event){
        .seq = env_new_seq(a->intake->env),
        .id = env_new_id(a->intake->env),
        .name = {text + body_len, h->name.len},
        .key = {text + body_len + h->name.len, h->key.len},
        .body = {text, body_len},
        .received_ms = a->now_ms,
    };
    a->accept.event = &a->event;
}

static void log_accepted(const struct admission *a)
{
    char id[UUID_TEXT_SIZE];
    struct log *log = a->intake->env->log;
    if (a->accept.event != NULL) {
        uuid_format(&a->event.id, id);
        log_line(log, LOG_INFO, "event.accepted", LOG_BYTES("name", a->event.name), LOG_STR("event", id),
                 LOG_INT("deliveries", (int64_t)a->count));
    }
    for (size_t i = 0; i < a->count; i++)
        if (a->lives[i] == NULL) {
            uuid_format(&a->rows[i].id, id);
            log_line(log, LOG_ERROR, "delivery.failed", LOG_STR("integration", a->lanes[i]->name),
                     LOG_BYTES("webhook", a->rows[i].webhook), LOG_STR("delivery", id),
                     LOG_STR("error", attempt_error_name(ATTEMPT_RENDER)), LOG_BYTES("message", a->rows[i].message));
        }
}

static void count_accepted(const struct admission *a)
{
    struct counters *c = &a->intake->env->counters;
    c->events += a->accept.event != NULL;
    c->deliveries += a->count;
    for (size_t i = 0; i < a->count; i++)
        if (a->lives[i] == NULL) {
            c->render_errors++;
            c->failed++;
        }
}

static int tell_duplicate(struct admission *a)
{
    size_t n = a->accept.first_ids.len / UUID_SIZE;
    const struct uuid *ids = (const struct uuid *)a->accept.first_ids.data;
    struct intake_result r = {.duplicate = true, .event = a->accept.first_event, .ids = ids, .count = n};
    a->intake->env->counters.duplicates++;
    a->done(a->ud, &r, NULL);
    return 0;
}

static int tell_accepted(struct admission *a)
{
    struct uuid *ids = calloc(a->count + 1, sizeof *ids);
    int64_t *seqs = calloc(a->count + 1, sizeof *seqs);
    int rc = -1;
    if (ids != NULL && seqs != NULL) {
        for (size_t i = 0; i < a->count; i++) {
            ids[i] = a->rows[i].id;
            seqs[i] = a->rows[i].seq;
        }
        struct intake_result r = {.event = a->event.id, .ids = ids, .seqs = seqs, .count = a->count};
        a->done(a->ud, &r, NULL);
        rc = 0;
    }
    free(ids);
    free(seqs);
    return rc;
}

static void offer_all(struct admission *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->lives[i] != NULL) {
            struct live *l = a->lives[i];
            /* From here it is the lane's; the row's texts, in the same memory, are needed no more. */
            a->lives[i] = NULL;
            a->rows[i].webhook = (struct bytes){0};
            lane_offer(a->lanes[i], l);
        }
}

static void on_committed(struct store_write *w, const struct err *failure)
{
    struct admission *a = (struct admission *)w;
    struct err e;
    if (failure != NULL)
        a->done(a->ud, NULL, failure);
    else if (a->accept.duplicate)
        (void)tell_duplicate(a);
    else {
        count_accepted(a);
        log_accepted(a);
        if (tell_accepted(a) != 0) {
            err_memory(&e);
            a->done(a->ud, NULL, &e); /* accepted all the same: the client may ask again under its id */
        }
        offer_all(a);
    }
    admission_free(a);
}

static struct admission *admission_new(struct intake *in, intake_done *done, void *ud)
{
    struct admission *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->intake = in;
    a->done = done;
    a->ud = ud;
    a->now_ms = in->env->wall_ms();
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
    a->accept.deliveries = a->rows;
    a->accept.count = a->count;
    store_submit(a->intake->env->store, &a->accept.base);
    return 0;
}

int intake_event(struct intake *in, struct bytes envelope, intake_done *done, void *ud, struct err *e)
{
    struct admission *a = admission_new(in, done, ud);
    if (a == NULL)
        return err_memory(e);
    a->text = malloc(envelope.len + 1);
    if (a->text == NULL)
        return submit(a, err_memory(e), e);
    if (envelope.len > 0)
        memcpy(a->text, envelope.data, envelope.len);
    a->event.body = (struct bytes){a->text, envelope.len};
    struct render_sink sink = {.on_event = on_event, .on_delivery = on_delivery, .ud = a};
    return submit(a, generation_event(in->generation, envelope, &sink, e), e);
}

int intake_call(struct intake *in, const char *webhook, struct bytes data, intake_done *done, void *ud, struct err *e)
{
    struct admission *a = admission_new(in, done, ud);
    if (a == NULL)
        return err_memory(e);
    struct render_sink sink = {.on_delivery = on_delivery, .ud = a};
    return submit(a, generation_call(in->generation, webhook, data, &sink, e), e);
}
