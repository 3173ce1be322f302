#include "host/backlog.h"

static void told(const struct dispatch *d, const struct store_backlog *b)
{
    struct lane *lane = dispatch_find_lane(d, b->integration);
    if (lane == NULL)
        return;
    lane_counted(lane, b->queued, b->waiting);
    log_line(d->env->log, LOG_INFO, "backlog", LOG_STR("integration", lane->name), LOG_INT("queued", b->queued),
             LOG_INT("waiting", b->waiting));
}

static void on_counted(struct store_read *r, const struct err *failure)
{
    const struct dispatch *d = ((struct backlog *)r)->dispatch;
    for (size_t i = 0; i < r->backlog_count; i++)
        told(d, &r->backlogs[i]);
    if (failure != NULL)
        log_line(d->env->log, LOG_ERROR, "store.read", LOG_STR("what", "backlog"), LOG_STR("error", failure->message));
    store_read_fini(r);
}

void backlog_ask(struct backlog *b, struct dispatch *d)
{
    *b = (struct backlog){.read = {.kind = STORE_READ_BACKLOG, .done = on_counted}, .dispatch = d};
    store_query(d->env->store, &b->read);
}
