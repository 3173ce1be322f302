#include "host/orders.h"

#include "host/scripts.h"

#include <stdlib.h>

/* One of them under way. */
struct ordered {
    struct store_read_runs read; /* first: a read's callback gets it */
    struct store_run_change change;
    struct intake *intake;
    enum api_order order;
    bool has_as;
    struct uuid as;
    orders_done *done;
    void *ud;
};

static void end(struct ordered *o, const struct uuid *id, enum run_state state, const struct err *failure)
{
    o->done(o->ud, id, state, failure);
    store_read_fini(&o->read.base);
    free(o);
}

int orders_no_run(const struct uuid *id, struct err *e)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return err_set(e, ERR_INPUT, 404, "no run %s", text);
}

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

/* What was asked for is worth a line in the log. */
static void tell(const struct ordered *o, enum log_level level, const char *event)
{
    log_line(o->intake->env->log, level, event, LOG_BYTES("flow", o->read.runs[0].flow),
             LOG_UUID("run", &o->read.base.id));
}

static void changed(const struct ordered *o)
{
    struct runs *rs = o->intake->runs;
    if (o->order == API_CANCEL) {
        tell(o, LOG_WARN, "run.canceled");
        runs_canceled(rs, o->change.run);
    } else {
        tell(o, LOG_INFO, "run.resumed");
        if (o->change.state == RUN_READY)
            runs_wake(rs, o->change.run);
    }
    if (o->change.next_of_key != 0)
        runs_wake(rs, o->change.next_of_key);
}

static void on_changed(struct store_write *w, const struct err *failure)
{
    struct ordered *o = (struct ordered *)((char *)w - offsetof(struct ordered, change));
    struct err e;
    if (failure == NULL && !o->change.changed) {
        refuse(&e, o->order, o->change.state);
        failure = &e;
    }
    if (failure == NULL)
        changed(o);
    end(o, &o->read.base.id, o->change.state, failure);
}

static void on_restarted(const struct intake_asker *by, const struct intake_result *r, const struct err *failure)
{
    struct ordered *o = by->ud;
    if (failure == NULL)
        tell(o, LOG_INFO, "run.restarted");
    end(o, failure == NULL ? &r->runs[0] : &o->read.base.id, failure == NULL ? r->run_state : RUN_READY, failure);
}

static int no_flow(struct err *e, const struct store_run *run)
{
    return err_set(e, ERR_INPUT, 409, "the scripts of now have no flow '%.*s'", (int)run->flow.len, run->flow.data);
}

static bool is_missing(const struct err *e)
{
    return e->domain == ERR_INPUT && e->code == 404;
}

static int restart(struct ordered *o, const struct store_run *run, struct err *e)
{
    if (!run_state_final(run->state))
        return refuse(e, API_RESTART, run->state);
    struct intake_asker by = {.done = on_restarted, .ud = o};
    if (intake_restart(o->intake, run, o->has_as ? &o->as : NULL, by, e) == 0)
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
    return run->state == RUN_FAILED && run->mark == 0;
}

static int may_resume(const struct ordered *o, const struct store_run *run, struct err *e)
{
    if (run->state != RUN_FAILED && run->state != RUN_PARKED)
        return refuse(e, o->order, run->state);
    if (never_began(run))
        return err_set(e, ERR_INPUT, 409, "it never began, because its key could not be had: restart it instead");
    if (o->order == API_RESUME_CURRENT && !has_flow(o->intake->scripts, run))
        return no_flow(e, run);
    return 0;
}

static int change(struct ordered *o, const struct store_run *run, struct err *e)
{
    if (o->order != API_CANCEL && may_resume(o, run, e) != 0)
        return -1;
    struct scripts *s = o->intake->scripts;
    o->change = (struct store_run_change){
        .base = {.kind = STORE_RUN_CHANGE, .done = on_changed},
        .order = o->order == API_CANCEL ? STORE_RUN_CANCEL : STORE_RUN_RESUME,
        .run = run->seq,
        .script = o->order == API_RESUME_CURRENT ? s->seq : 0,
        .now_ms = o->intake->env->wall_ms(),
    };
    if (o->order != API_CANCEL)
        scripts_forget_failures(s); /* what they lacked may be there now */
    store_submit(o->intake->env->store, &o->change.base);
    return 0;
}

static void on_read(struct store_read *r, const struct err *failure)
{
    struct ordered *o = (struct ordered *)r;
    const struct store_run *run = o->read.count > 0 ? &o->read.runs[0] : NULL;
    struct err e;
    int rc = -1;
    if (failure != NULL)
        e = *failure;
    else if (run == NULL)
        orders_no_run(&o->read.base.id, &e);
    else
        rc = o->order == API_RESTART ? restart(o, run, &e) : change(o, run, &e);
    if (rc != 0)
        end(o, &o->read.base.id, RUN_READY, &e);
}

int orders_give(struct intake *in, const struct uuid *id, enum api_order order, const struct uuid *as,
                orders_done *done, void *ud, struct err *e)
{
    struct ordered *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_memory(e);
    *o = (struct ordered){.intake = in, .order = order, .done = done, .ud = ud};
    o->has_as = as != NULL;
    if (as != NULL)
        o->as = *as;
    o->read.base = (struct store_read){.kind = STORE_READ_RUN, .done = on_read};
    o->read.base.id = *id;
    store_query(in->env->store, &o->read.base);
    return 0;
}
