#include "host/api_read.h"

#include "host/asked.h"
#include "host/resend.h"
#include "host/scripts.h"
#include "host/views.h"

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
    struct asked *q = asked_list_new(a, f, c, STORE_READ_LIST, on_list);
    if (q == NULL)
        return;
    q->read.base.limit = f->limit;
    q->read.base.filter = (struct store_filter){
        .webhook = bytes_of(q->name),
        .state = f->state,
        .since_ms = f->since_ms,
        .until_ms = f->until_ms,
        .before_seq = f->before_seq,
    };
    asked_go(q);
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
    q->read.base.id = *id;
    q->late = late;
    asked_go(q);
}

static void on_queued_again(void *ud, const struct err *failure)
{
    struct asked *q = ud;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(q->call, failure);
    else {
        view_id(&json, &q->read.base.id, delivery_state_name(DELIVERY_QUEUED));
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
    q->read.base.id = *id;
    asked_go(q);
}
