#include "host/api_runs.h"

#include "host/asked.h"
#include "host/orders.h"
#include "host/views.h"

/* --- looking ------------------------------------------------------------------------------------------------------ */

static void on_list(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(q->call, failure);
    else {
        view_runs(&json, &q->read);
        api_reply(q->call, 200, &json);
    }
    asked_free(q);
}

void api_runs_list(struct api *a, const struct api_filter *f, struct api_call *c)
{
    struct asked *q = asked_list_new(a, f, c, STORE_READ_RUN_LIST, on_list);
    if (q == NULL)
        return;
    q->read.base.limit = f->limit;
    q->read.filter = (struct store_run_filter){
        .flow = bytes_of(q->name),
        .state = f->state,
        .since_ms = f->since_ms,
        .until_ms = f->until_ms,
        .before_seq = f->before_seq,
    };
    asked_go(q);
}

static void on_one(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    struct buf json;
    struct err e;
    buf_init(&json);
    if (failure != NULL)
        api_problem(q->call, failure);
    else if (q->read.count == 0) {
        orders_no_run(&q->read.base.id, &e);
        api_problem(q->call, &e);
    } else {
        view_run(&json, &q->read);
        api_reply(q->call, 200, &json);
    }
    asked_free(q);
}

void api_runs_one(struct api *a, const struct uuid *id, struct api_call *c)
{
    struct asked *q = asked_new(a, c, STORE_READ_RUN, on_one);
    if (q == NULL)
        return;
    q->read.base.id = *id;
    asked_go(q);
}

/* --- acting ------------------------------------------------------------------------------------------------------- */

static void on_ordered(void *ud, const struct uuid *id, enum run_state state, const struct err *failure)
{
    struct api_call *c = ud;
    struct buf json;
    if (failure != NULL) {
        api_problem(c, failure);
        return;
    }
    buf_init(&json);
    view_id(&json, id, run_state_name(state));
    api_reply(c, 202, &json);
}

void api_runs_order(struct api *a, const struct uuid *id, enum api_order order, struct api_call *c)
{
    struct err e;
    if (orders_give(a->intake, id, order, NULL, on_ordered, c, &e) != 0)
        api_problem(c, &e);
}
