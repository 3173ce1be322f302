#include "host/api.h"

#include "core/units.h"
#include "host/api_read.h"
#include "host/api_runs.h"
#include "host/scripts.h"
#include "host/views.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void api_reply(struct api_call *c, int status, struct buf *json)
{
    struct err e;
    if (buf_failed(json)) {
        err_memory(&e);
        api_problem(c, &e);
        buf_fini(json);
    } else
        api_answer(c, status, json);
}

static void on_waited(void *ud, const struct waiter *w, bool ended)
{
    api_read_one(ud, &w->id, w->call, !ended);
}

static void on_deliveries(void *ud, const struct api_filter *f, struct api_call *c)
{
    api_read_list(ud, f, c);
}

static void on_delivery(void *ud, struct uuid id, struct api_call *c)
{
    api_read_one(ud, &id, c, false);
}

static void on_resend(void *ud, struct uuid id, struct api_call *c)
{
    api_read_and_resend(ud, &id, c);
}

static void on_runs(void *ud, const struct api_filter *f, struct api_call *c)
{
    api_runs_list(ud, f, c);
}

static void on_run(void *ud, struct uuid id, struct api_call *c)
{
    api_runs_one(ud, &id, c);
}

static void on_run_order(void *ud, struct uuid id, enum api_order order, struct api_call *c)
{
    api_runs_order(ud, &id, order, c);
}

/* --- what enters ---------------------------------------------------------------------------------------------- */

/* A call whose commit (or, of a reload, whose build) is awaited. */
struct entering {
    struct api *api;
    struct api_call *call;
    int64_t wait_ms;
};

static struct entering *entering_new(struct api *a)
{
    struct entering *x = calloc(1, sizeof *x);
    if (x != NULL)
        x->api = a;
    return x;
}

static void on_event_done(const struct intake_asker *by, const struct intake_result *r, const struct err *failure)
{
    struct api_call *c = by->ud;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(c, failure);
    else {
        view_event(&json, r);
        api_reply(c, 202, &json);
    }
}

static void on_event(void *ud, struct bytes envelope, struct api_call *c)
{
    struct api *a = ud;
    struct err e;
    if (intake_event(a->intake, envelope, (struct intake_asker){.done = on_event_done, .ud = c}, &e) != 0)
        api_problem(c, &e);
}

static void on_line_done(const struct intake_asker *by, const struct intake_result *r, const struct err *failure)
{
    enum api_line_result result = failure != NULL ? API_LINE_REJECTED
                                  : r->duplicate  ? API_LINE_DUPLICATE
                                                  : API_LINE_ACCEPTED;
    api_batch_line(by->ud, by->line, result, failure);
}

static void on_batch_line(void *ud, struct bytes envelope, struct api_batch *b, uint64_t line)
{
    struct api *a = ud;
    struct intake_asker by = {.done = on_line_done, .ud = b, .line = line};
    struct err e;
    if (intake_event(a->intake, envelope, by, &e) != 0)
        api_batch_line(b, line, API_LINE_REJECTED, &e);
}

static void wait_for_outcome(struct entering *x, const struct intake_result *r)
{
    struct api *a = x->api;
    struct err e;
    int64_t until = a->env->mono_ns() + x->wait_ms * NS_PER_MS;
    if (waiters_add(&a->waiters, r->seqs[0], &r->ids[0], x->call, until) != 0) {
        err_memory(&e);
        api_problem(x->call, &e);
    }
}

static void on_call_done(const struct intake_asker *by, const struct intake_result *r, const struct err *failure)
{
    struct entering *x = by->ud;
    struct buf json;
    buf_init(&json);
    if (failure != NULL)
        api_problem(x->call, failure);
    else if (x->wait_ms >= 0)
        wait_for_outcome(x, r);
    else {
        view_id(&json, &r->ids[0], NULL);
        api_reply(x->call, 202, &json);
    }
    free(x);
}

static void on_webhook(void *ud, const char *name, struct bytes data, int64_t wait_ms, struct api_call *c)
{
    struct api *a = ud;
    struct entering *x = entering_new(a);
    struct err e;
    if (x != NULL) {
        x->call = c;
        x->wait_ms = wait_ms;
    }
    struct intake_asker by = {.done = on_call_done, .ud = x};
    if ((x == NULL ? err_memory(&e) : intake_call(a->intake, name, data, by, &e)) != 0) {
        free(x);
        api_problem(c, &e);
    }
}

static bool may_accept(void *ud, struct err *reason)
{
    struct api *a = ud;
    if (a->stopping)
        err_set(reason, ERR_STORE, 0, "the runtime is stopping");
    else if (store_pending(a->env->store) < API_WRITES_MAX && store_pending_bytes(a->env->store) < API_WRITES_BYTES_MAX)
        return true;
    else
        err_set(reason, ERR_STORE, 0, "more events arrive than the disk takes; try again in a moment");
    a->holding = true;
    return false;
}

void api_stop(struct api *a)
{
    a->stopping = true;
    waiters_end(&a->waiters);
}

void api_relax(struct api *a)
{
    /* Half empty, so that a batch goes on for a while before it is held again. */
    if (!a->holding || a->stopping || store_pending(a->env->store) > API_WRITES_MAX / 2 ||
        store_pending_bytes(a->env->store) > API_WRITES_BYTES_MAX / 2)
        return;
    a->holding = false;
    server_resume(a->server);
}

/* --- the rest ------------------------------------------------------------------------------------------------- */

static void on_preview(void *ud, const char *name, struct bytes data, struct api_call *c)
{
    struct api *a = ud;
    struct buf json;
    struct err e;
    buf_init(&json);
    if (generation_preview(a->intake->scripts->current, name, data, &json, &e) != 0) {
        buf_fini(&json);
        api_problem(c, &e);
    } else
        api_reply(c, 200, &json);
}

static int ready(void *ud, struct err *e)
{
    const struct api *a = ud;
    if (a->stopping)
        return err_set(e, ERR_STORE, 0, "the runtime is stopping");
    return store_health(a->env->store, e);
}

static struct view_status status_of(struct api *a, struct err *reason)
{
    return (struct view_status){
        .version = ANZOL_VERSION,
        .pid = (int)getpid(),
        .started_ms = a->started_ms,
        .scripts = a->intake->scripts,
        .reload = a->reload,
        .not_ready = ready(a, reason) == 0 ? NULL : reason->message,
        .dispatch = a->dispatch,
        .runs = a->intake->runs,
        .turns = a->turns,
    };
}

static void on_listing(void *ud, enum api_listing what, struct api_call *c)
{
    struct api *a = ud;
    struct buf json;
    struct err e;
    static const char *const names[] = {
        [API_INTEGRATIONS] = "integrations", [API_WEBHOOKS] = "webhooks", [API_FLOWS] = "flows"};
    int rc = 0;
    buf_init(&json);
    if (what == API_STATUS) {
        struct view_status s = status_of(a, &e);
        view_status(&json, &s);
    } else
        rc = generation_list(a->intake->scripts->current, names[what], &json, &e);
    if (rc != 0) {
        buf_fini(&json);
        api_problem(c, &e);
    } else
        api_reply(c, 200, &json);
}

static void on_reloaded(void *ud, const struct reload_result *r)
{
    struct entering *x = ud;
    struct api_call *c = x->call;
    const struct scripts *s = x->api->intake->scripts;
    struct buf json;
    free(x);
    if (r->failure != NULL) {
        api_problem_lines(c, r->failure, r->lines);
        return;
    }
    buf_init(&json);
    view_loaded(&json, s, r);
    api_reply(c, 200, &json);
}

static void on_reload(void *ud, struct api_call *c)
{
    struct api *a = ud;
    struct entering *x = entering_new(a);
    const char *by = api_call_is_local(c) ? "console" : "api";
    struct err e;
    if (x != NULL)
        x->call = c;
    if ((x == NULL ? err_memory(&e) : reload_ask(a->reload, by, on_reloaded, free, x, &e)) != 0) {
        free(x);
        api_problem(c, &e);
    }
}

static void on_metrics(void *ud, struct buf *out)
{
    struct err e;
    struct view_status s = status_of(ud, &e);
    view_metrics(out, &s);
}

const struct api_ops api_ops = {
    .event = on_event,
    .batch_line = on_batch_line,
    .may_accept = may_accept,
    .webhook = on_webhook,
    .preview = on_preview,
    .deliveries = on_deliveries,
    .delivery = on_delivery,
    .resend = on_resend,
    .runs = on_runs,
    .run = on_run,
    .run_order = on_run_order,
    .listing = on_listing,
    .reload = on_reload,
    .ready = ready,
    .metrics = on_metrics,
};

void api_init(struct api *a, struct env *env, struct dispatch *dispatch, struct intake *intake, struct reload *reload)
{
    *a = (struct api){
        .env = env, .dispatch = dispatch, .intake = intake, .reload = reload, .started_ms = env->wall_ms()};
    waiters_init(&a->waiters, env->timers);
    a->waiters.on_end = on_waited;
    a->waiters.ud = a;
}

void api_fini(struct api *a)
{
    waiters_fini(&a->waiters);
}
