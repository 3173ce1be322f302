#include "host/api_read.h"

#include "host/resend.h"
#include "host/scripts.h"
#include "host/views.h"

#include <stdlib.h>
#include <string.h>

/* A call that waits for a read. */
struct asked {
    struct store_read read;
    struct api *api;
    struct api_call *call;
    char *webhook; /* the filter's, copied */
    bool late;     /* of a ?wait= whose time was up */
};

static struct asked *asked_new(struct api *a, struct api_call *c, enum store_read_kind kind,
                               void (*done)(struct store_read *, const struct err *))
{
    struct asked *q = calloc(1, sizeof *q);
    struct err e;
    if (q == NULL) {
        err_memory(&e);
        api_problem(c, &e);
        return NULL;
    }
    q->api = a;
    q->call = c;
    q->read.kind = kind;
    q->read.done = done;
    return q;
}

static void asked_free(struct asked *q)
{
    store_read_fini(&q->read);
    free(q->webhook);
    free(q);
}

static void ask(struct asked *q)
{
    store_query(q->api->env->store, &q->read);
}

static void on_list(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(q->call, failure);
    else {
        view_deliveries(&json, q->api->dispatch, r);
        api_reply(q->call, 200, &json);
    }
    asked_free(q);
}

void api_read_list(struct api *a, const struct api_filter *f, struct api_call *c)
{
    struct asked *q = asked_new(a, c, STORE_READ_LIST, on_list);
    if (q == NULL)
        return;
    q->webhook = f->name.len > 0 ? strndup(f->name.data, f->name.len) : NULL;
    q->read.limit = f->limit;
    q->read.filter = (struct store_filter){
        .webhook = bytes_of(q->webhook),
        .state = f->state,
        .since_ms = f->since_ms,
        .until_ms = f->until_ms,
        .before_seq = f->before_seq,
    };
    ask(q);
}

static void problem_no_delivery(struct api_call *c, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    struct err e;
    uuid_format(id, text);
    err_set(&e, ERR_INPUT, 404, "no delivery %s", text);
    api_problem(c, &e);
}

static void on_one(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(q->call, failure);
    else if (r->count == 0)
        problem_no_delivery(q->call, &r->id);
    else if (q->late) {
        view_id(&json, &r->id, view_state(q->api->dispatch, &r->rows[0]));
        api_reply(q->call, 202, &json);
    } else {
        view_delivery(&json, q->api->dispatch, q->api->intake->scripts->current, r);
        api_reply(q->call, 200, &json);
    }
    asked_free(q);
}

void api_read_one(struct api *a, const struct uuid *id, struct api_call *c, bool late)
{
    struct asked *q = asked_new(a, c, STORE_READ_ONE, on_one);
    if (q == NULL)
        return;
    q->read.id = *id;
    q->late = late;
    ask(q);
}

static void on_queued_again(void *ud, const struct err *failure)
{
    struct asked *q = ud;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(q->call, failure);
    else {
        view_id(&json, &q->read.id, delivery_state_name(DELIVERY_QUEUED));
        api_reply(q->call, 202, &json);
    }
    asked_free(q);
}

static void on_resend_read(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    struct err e;
    if (failure != NULL)
        api_problem(q->call, failure);
    else if (r->count == 0)
        problem_no_delivery(q->call, &r->id);
    else if (resend(q->api->dispatch, &r->rows[0], on_queued_again, q, &e) == 0)
        return;
    else
        api_problem(q->call, &e);
    asked_free(q);
}

void api_read_and_resend(struct api *a, const struct uuid *id, struct api_call *c)
{
    struct asked *q = asked_new(a, c, STORE_READ_ONE, on_resend_read);
    if (q == NULL)
        return;
    q->read.id = *id;
    ask(q);
}
