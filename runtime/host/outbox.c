#include "host/outbox.h"

#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *o, struct dispatch *d)
{
    o->dispatch = d;
    o->now_ms = d->env->wall_ms();
    o->event_seq = o->run = o->script = 0;
    o->rows = &o->first;
    o->ways = &o->first_way;
    o->count = 0;
    o->cap = 1;
}

void outbox_fini(struct outbox *o)
{
    for (size_t i = 0; i < o->count; i++) {
        live_free(o->ways[i].live);
        if (o->ways[i].live == NULL)
            free((char *)o->rows[i].webhook.data);
    }
    if (o->rows != &o->first)
        free(o->rows);
}

static int grow(struct outbox *o)
{
    size_t cap = o->cap * 4;
    struct store_delivery *rows = malloc(cap * (sizeof *rows + sizeof *o->ways));
    if (rows == NULL)
        return -1;
    struct outbox_way *ways = (struct outbox_way *)(rows + cap);
    memcpy(rows, o->rows, o->count * sizeof *rows);
    memcpy(ways, o->ways, o->count * sizeof *ways);
    if (o->rows != &o->first)
        free(o->rows);
    o->rows = rows;
    o->ways = ways;
    o->cap = cap;
    return 0;
}

/* The texts of a failed one are one allocation. */
static int add_failed(struct outbox *o, struct store_delivery *row, const struct rendered *r)
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
    row->finished_ms = o->now_ms;
    o->ways[o->count].live = NULL;
    return 0;
}

static int add_queued(struct outbox *o, struct store_delivery *row, const struct rendered *r)
{
    struct live *l = live_new(&r->id, row->seq, r->webhook, r->request);
    if (l == NULL)
        return -1;
    l->created_ms = o->now_ms;
    l->run = o->run;
    l->script = o->script;
    row->webhook = l->webhook;
    row->request = l->request;
    row->state = DELIVERY_QUEUED;
    o->ways[o->count].live = l;
    return 0;
}

int outbox_add(struct outbox *o, const struct rendered *r)
{
    struct lane *lane = dispatch_lane(o->dispatch, r->integration);
    if (lane == NULL || (o->count == o->cap && grow(o) != 0))
        return -1;
    struct store_delivery *row = &o->rows[o->count];
    *row = (struct store_delivery){
        .seq = env_new_seq(o->dispatch->env),
        .id = r->id,
        .event_seq = o->event_seq,
        .run = o->run,
        .created_ms = o->now_ms,
        .integration = bytes_of(lane->name),
    };
    o->ways[o->count].lane = lane;
    if ((r->error != NULL ? add_failed(o, row, r) : add_queued(o, row, r)) != 0)
        return -1;
    o->count++;
    return 0;
}

static void tell_failed(struct outbox *o, size_t i)
{
    struct env *env = o->dispatch->env;
    env->counters.render_errors++;
    env->counters.failed++;
    log_line(env->log, LOG_ERROR, "delivery.failed", LOG_STR("integration", o->ways[i].lane->name),
             LOG_BYTES("webhook", o->rows[i].webhook), LOG_UUID("delivery", &o->rows[i].id),
             LOG_STR("error", attempt_error_name(ATTEMPT_RENDER)), LOG_BYTES("message", o->rows[i].message));
}

void outbox_offer(struct outbox *o)
{
    o->dispatch->env->counters.deliveries += o->count;
    for (size_t i = 0; i < o->count; i++) {
        struct live *l = o->ways[i].live;
        if (l == NULL) {
            tell_failed(o, i);
            free((char *)o->rows[i].webhook.data);
            continue;
        }
        l->step = o->rows[i].step;
        /* From here it is the lane's; the row's texts, in the same memory, are needed no more. */
        lane_offer(o->ways[i].lane, l);
    }
    o->count = 0;
}
