#include "host/api_runs.h"

#include "host/api_read.h"
#include "host/scripts.h"
#include "host/views.h"

#include <stdlib.h>
#include <string.h>

/* A call that waits for a read. */
struct asked {
    struct store_read_runs read; /* first: a read's callback gets it */
    struct api *api;
    struct api_call *call;
    char *flow; /* the filter's, copied */
    enum api_order order;
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
    q->read.base.kind = kind;
    q->read.base.done = done;
    return q;
}

static void asked_free(struct asked *q)
{
    store_read_fini(&q->read.base);
    free(q->flow);
    free(q);
}

static void ask(struct asked *q)
{
    store_query(q->api->env->store, &q->read.base);
}

/* --- looking ---------------------------------------------------------------------------------------------------- */

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
    struct asked *q = asked_new(a, c, STORE_READ_RUN_LIST, on_list);
    if (q == NULL)
        return;
    q->flow = f->name.len > 0 ? strndup(f->name.data, f->name.len) : NULL;
    q->read.limit = f->limit;
    q->read.filter = (struct store_run_filter){
        .flow = bytes_of(q->flow),
        .state = f->state,
        .since_ms = f->since_ms,
        .until_ms = f->until_ms,
        .before_seq = f->before_seq,
    };
    ask(q);
}

/* The run that was asked for; NULL: the call is answered with why there is none. */
static const struct store_run *found(const struct asked *q, const struct err *failure)
{
    char text[UUID_TEXT_SIZE];
    struct err e;
    if (failure == NULL && q->read.count > 0)
        return &q->read.runs[0];
    if (failure == NULL) {
        uuid_format(&q->read.id, text);
        err_set(&e, ERR_INPUT, 404, "no run %s", text);
        failure = &e;
    }
    api_problem(q->call, failure);
    return NULL;
}

static void on_one(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    struct buf json;
    buf_init(&json);
    if (found(q, failure) != NULL) {
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
    q->read.id = *id;
    ask(q);
}

/* --- acting ----------------------------------------------------------------------------------------------------- */

static int refuse(struct err *e, enum api_order order, enum run_state state)
{
    const char *name = run_state_name(state);
    if (order == API_CANCEL)
        return err_set(e, ERR_INPUT, 409, "it is %s: only a run that has not ended can be canceled", name);
    if (order == API_RESTART)
        return err_set(e, ERR_INPUT, 409, "it is %s: only a run that has ended can be restarted; cancel it first",
                       name);
    return err_set(e, ERR_INPUT, 409, "it is %s: only a failed or parked run can be resumed", name);
}

/* What was done by hand is worth a line in the log. */
static void log_order(const struct asked *q, enum log_level level, const char *event)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&q->read.id, id);
    log_line(q->api->env->log, level, event, LOG_BYTES("flow", q->read.runs[0].flow), LOG_STR("run", id));
}

static void accept(const struct asked *q, const struct uuid *id, enum run_state state)
{
    struct buf json;
    buf_init(&json);
    view_id(&json, id, run_state_name(state));
    api_reply(q->call, 202, &json);
}

static void on_changed(void *ud, const struct store_run_change *c, const struct err *failure)
{
    struct asked *q = ud;
    struct err e;
    if (failure != NULL)
        api_problem(q->call, failure);
    else if (!c->changed) {
        refuse(&e, q->order, c->state);
        api_problem(q->call, &e);
    } else {
        if (q->order == API_CANCEL)
            log_order(q, LOG_WARN, "run.canceled");
        else
            log_order(q, LOG_INFO, "run.resumed");
        accept(q, &q->read.id, c->state);
    }
    asked_free(q);
}

static void on_restarted(void *ud, const struct intake_result *r, const struct err *failure)
{
    struct asked *q = ud;
    if (failure != NULL)
        api_problem(q->call, failure);
    else {
        log_order(q, LOG_INFO, "run.restarted");
        accept(q, &r->runs[0], r->run_state);
    }
    asked_free(q);
}

static int no_flow(struct err *e, const struct store_run *run)
{
    return err_set(e, ERR_INPUT, 409, "the scripts of now have no flow '%.*s'", (int)run->flow.len, run->flow.data);
}

static bool is_missing(const struct err *e)
{
    return e->domain == ERR_INPUT && e->code == 404;
}

static int restart(struct asked *q, const struct store_run *run, struct err *e)
{
    if (!run_state_final(run->state))
        return refuse(e, API_RESTART, run->state);
    if (intake_restart(q->api->intake, run, on_restarted, q, e) == 0)
        return 0;
    return is_missing(e) ? no_flow(e, run) : -1;
}

/* Started for nobody: the scripts say whether they could. */
static bool has_flow(const struct scripts *s, const struct store_run *run)
{
    static const struct render_sink nobody = {.on_run = NULL};
    struct err e;
    return s->seq != 0 && (generation_start(s->current, run->flow, run->input, &nobody, &e) == 0 || !is_missing(&e));
}

/* It failed as it was accepted (intake): going on, it would do so without the key that keeps it from others. */
static bool never_began(const struct store_run *run)
{
    return run->state == RUN_FAILED && run->steps == 0 && run->finished_ms == run->created_ms;
}

static int may_resume(const struct asked *q, const struct store_run *run, struct err *e)
{
    if (run->state != RUN_FAILED && run->state != RUN_PARKED)
        return refuse(e, q->order, run->state);
    if (never_began(run))
        return err_set(e, ERR_INPUT, 409, "it never began, because its key could not be had: restart it instead");
    if (q->order == API_RESUME_CURRENT && !has_flow(q->api->intake->scripts, run))
        return no_flow(e, run);
    return 0;
}

static int change(struct asked *q, const struct store_run *run, struct err *e)
{
    struct intake *in = q->api->intake;
    bool current = q->order == API_RESUME_CURRENT;
    if (q->order != API_CANCEL && may_resume(q, run, e) != 0)
        return -1;
    return runs_change(in->runs, q->order == API_CANCEL ? STORE_RUN_CANCEL : STORE_RUN_RESUME, run->seq, current,
                       on_changed, q, e);
}

static void on_order_read(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    const struct store_run *run = found(q, failure);
    struct err e;
    if (run != NULL) {
        if ((q->order == API_RESTART ? restart(q, run, &e) : change(q, run, &e)) == 0)
            return;
        api_problem(q->call, &e);
    }
    asked_free(q);
}

void api_runs_order(struct api *a, const struct uuid *id, enum api_order order, struct api_call *c)
{
    struct asked *q = asked_new(a, c, STORE_READ_RUN, on_order_read);
    if (q == NULL)
        return;
    q->read.id = *id;
    q->order = order;
    ask(q);
}
