#include "host/removed.h"

#include <stdlib.h>

enum { ASKED_MAX = 100, COUNT_MAX = 1000 };

/* One webhook: its queued deliveries are counted, then its waiting ones. */
struct removed {
    struct store_read read; /* first: a read's callback gets it */
    struct removed *next;
    struct reload *reload;
    struct bytes webhook; /* allocated */
    size_t pending;
    bool more;
};

static void removed_free(struct removed *r)
{
    struct removed **at = &r->reload->removed;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    store_read_fini(&r->read);
    free((char *)r->webhook.data);
    free(r);
}

static void say(const struct removed *r)
{
    if (r->pending == 0 && !r->more)
        log_line(r->reload->env->log, LOG_INFO, "webhook.removed", LOG_BYTES("webhook", r->webhook));
    else
        log_line(r->reload->env->log, LOG_WARN, "webhook.removed", LOG_BYTES("webhook", r->webhook),
                 LOG_INT("pending", (int64_t)r->pending),
                 LOG_STR("message",
                         r->more
                             ? "at least so many; they were rendered when they were accepted, and go out as they are"
                             : "they were rendered when they were accepted, and go out as they are"));
}

static void on_counted(struct store_read *read, const struct err *failure);

static void count(struct removed *r, enum delivery_state state)
{
    r->read = (struct store_read){.kind = STORE_READ_LIST, .done = on_counted, .limit = COUNT_MAX};
    r->read.filter = (struct store_filter){.webhook = r->webhook, .state = (int)state};
    store_query(r->reload->env->store, &r->read);
}

static void on_counted(struct store_read *read, const struct err *failure)
{
    struct removed *r = (struct removed *)read;
    bool was_queued = r->read.filter.state == DELIVERY_QUEUED;
    if (failure != NULL) {
        log_line(r->reload->env->log, LOG_ERROR, "store.read", LOG_STR("error", failure->message));
        removed_free(r);
        return;
    }
    r->pending += r->read.count;
    r->more = r->more || r->read.more;
    store_read_fini(read);
    if (was_queued)
        count(r, DELIVERY_WAITING);
    else {
        say(r);
        removed_free(r);
    }
}

static void ask(struct reload *reload, struct bytes webhook)
{
    struct removed *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->webhook = bytes_copy(webhook);
    if (r == NULL || r->webhook.data == NULL) {
        free(r);
        log_line(reload->env->log, LOG_INFO, "webhook.removed", LOG_BYTES("webhook", webhook));
        return;
    }
    r->reload = reload;
    r->next = reload->removed;
    reload->removed = r;
    count(r, DELIVERY_QUEUED);
}

void removed_fini(struct reload *r)
{
    while (r->removed != NULL)
        removed_free(r->removed);
}

void removed_tell(struct reload *r, const struct changes *c)
{
    struct bytes left = buf_view(&c->of[CHANGES_WEBHOOKS].removed.lines), webhook;
    for (int n = 0; bytes_next_line(&left, &webhook); n++)
        if (n < ASKED_MAX)
            ask(r, webhook);
        else
            log_line(r->env->log, LOG_INFO, "webhook.removed", LOG_BYTES("webhook", webhook));
}
