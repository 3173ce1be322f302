#include "host/resend.h"

#include "core/request.h"

#include <stdlib.h>

/* A delivery is read, queued again in the store, and offered to its lane. */
struct resend {
    struct store_update update;
    struct dispatch *dispatch;
    struct live *live;
    struct lane *lane;
    resend_done *done;
    void *ud;
};

static void on_queued_again(struct store_write *w, const struct err *failure)
{
    struct resend *s = (struct resend *)w;
    s->done(s->ud, failure);
    /* A second request for the same delivery may have been under way: one is enough. */
    if (failure != NULL || live_table_find(&s->dispatch->live, s->live->seq) != NULL)
        live_free(s->live);
    else {
        log_line(s->dispatch->env->log, LOG_INFO, "delivery.resend", LOG_STR("integration", s->lane->name),
                 LOG_BYTES("webhook", s->live->webhook), LOG_UUID("delivery", &s->live->id));
        lane_offer(s->lane, s->live);
    }
    free(s);
}

static int may_resend(const struct dispatch *d, const struct store_delivery *row, struct err *e)
{
    if (!delivery_state_final(row->state) || live_table_find(&d->live, row->seq) != NULL)
        return err_set(e, ERR_INPUT, 409, "it is still %s: only a finished delivery can be sent again",
                       delivery_state_name(row->state));
    if (row->request.len == 0)
        return err_set(e, ERR_INPUT, 409, "it was never rendered, so there is nothing to send again: %.*s",
                       (int)row->message.len, row->message.data == NULL ? "" : row->message.data);
    return 0;
}

int resend(struct dispatch *d, const struct store_delivery *row, resend_done *done, void *ud, struct err *e)
{
    struct request_options options;
    if (may_resend(d, row, e) != 0 || request_options_read(&options, row->request, e) != 0)
        return -1;
    struct resend *s = calloc(1, sizeof *s);
    struct live *l = live_new(&row->id, row->seq, row->webhook, row->request);
    struct lane *lane = dispatch_lane(d, row->integration);
    if (s == NULL || l == NULL || lane == NULL) {
        free(s);
        live_free(l);
        return err_memory(e);
    }
    l->attempts = row->attempts;
    l->created_ms = row->created_ms;
    l->has_key = (options.flags & REQUEST_HAS_KEY) != 0;
    *s = (struct resend){.dispatch = d, .live = l, .lane = lane, .done = done, .ud = ud};
    s->update.base = (struct store_write){.kind = STORE_UPDATE, .done = on_queued_again};
    s->update.row = (struct store_delivery){
        .seq = row->seq, .id = row->id, .state = DELIVERY_QUEUED, .attempts = row->attempts, .status = row->status};
    store_submit(d->env->store, &s->update.base);
    return 0;
}
