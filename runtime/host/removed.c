#include "host/removed.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASKED_MAX = 100, COUNT_MAX = 1000 };

/* One webhook: its queued deliveries are counted, then its waiting ones. */
struct removed {
    struct store_read read; /* first: a read's callback gets it */
    struct intake *intake;
    struct bytes webhook; /* allocated */
    size_t pending;
    bool more;
};

static void removed_free(struct removed *r)
{
    store_read_fini(&r->read);
    free((char *)r->webhook.data);
    free(r);
}

static void say(const struct removed *r)
{
    char pending[32];
    snprintf(pending, sizeof pending, "%zu%s", r->pending, r->more ? " or more" : "");
    if (r->pending == 0)
        log_line(r->intake->env->log, LOG_INFO, "webhook.removed", LOG_BYTES("webhook", r->webhook));
    else
        log_line(r->intake->env->log, LOG_WARN, "webhook.removed", LOG_BYTES("webhook", r->webhook),
                 LOG_STR("pending", pending),
                 LOG_STR("message", "its deliveries were rendered when they were accepted: they go out as they are"));
}

static void on_counted(struct store_read *read, const struct err *failure);

static void count(struct removed *r, enum delivery_state state)
{
    r->read = (struct store_read){.kind = STORE_READ_LIST, .done = on_counted, .limit = COUNT_MAX};
    r->read.filter = (struct store_filter){.webhook = r->webhook, .state = (int)state};
    store_query(r->intake->env->store, &r->read);
}

static void on_counted(struct store_read *read, const struct err *failure)
{
    struct removed *r = (struct removed *)read;
    bool was_queued = r->read.filter.state == DELIVERY_QUEUED;
    if (failure != NULL) {
        log_line(r->intake->env->log, LOG_ERROR, "store.read", LOG_STR("error", failure->message));
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

static void ask(struct intake *in, struct bytes webhook)
{
    struct removed *r = calloc(1, sizeof *r);
    if (r != NULL)
        r->webhook = bytes_copy(webhook);
    if (r == NULL || r->webhook.data == NULL) {
        free(r);
        log_line(in->env->log, LOG_INFO, "webhook.removed", LOG_BYTES("webhook", webhook));
        return;
    }
    r->intake = in;
    count(r, DELIVERY_QUEUED);
}

void removed_tell(struct intake *in, const struct changes *c)
{
    struct bytes left = buf_view(&c->of[0].removed.lines), webhook;
    for (int n = 0; bytes_next_line(&left, &webhook); n++)
        if (n < ASKED_MAX)
            ask(in, webhook);
        else
            log_line(in->env->log, LOG_INFO, "webhook.removed", LOG_BYTES("webhook", webhook));
}
