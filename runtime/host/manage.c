#include "host/manage.h"

#include "host/orders.h"
#include "host/views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One that is under way. */
struct managed {
    struct store_read_runs read; /* first: a read's callback gets it */
    struct intake *intake;
    struct uuid id; /* of the run that asks */
    int64_t run;
    int step;
    char flow[128];
    bool cancels;
    struct uuid restarted; /* the run that is started again */
};

/* Journaled as the result of the step, it would be its end: it stays open. */
static const struct bytes no_memory = {NULL, 0};

static void end(struct managed *m, struct bytes result)
{
    runs_managed(m->intake->runs, m->run, m->step, result);
    store_read_fini(&m->read.base);
    free(m);
}

static void tell(struct managed *m, struct buf *result)
{
    end(m, buf_failed(result) ? no_memory : buf_view(result));
    buf_fini(result);
}

static void tell_failure(struct managed *m, const struct err *e)
{
    if (e->domain == ERR_MEMORY) {
        end(m, no_memory);
        return;
    }
    struct json_write w;
    struct buf result;
    buf_init(&result);
    json_write_init(&w, &result);
    json_write_object(&w, NULL);
    json_write_bool(&w, "ok", false);
    json_write_str(&w, "error", e->message);
    json_write_end(&w);
    tell(m, &result);
}

static void tell_value(struct managed *m, struct buf *value)
{
    struct buf result;
    buf_init(&result);
    result.failed = buf_failed(value);
    buf_append_str(&result, "{\"ok\":true,\"value\":");
    buf_append_bytes(&result, buf_view(value));
    buf_append_char(&result, '}');
    tell(m, &result);
}

static void on_ordered(void *ud, const struct uuid *id, enum run_state state, const struct err *failure)
{
    struct managed *m = ud;
    struct buf value;
    bool done_before = m->cancels && state == RUN_CANCELED; /* as before a crash */
    if (failure != NULL && !done_before) {
        tell_failure(m, failure);
        return;
    }
    buf_init(&value);
    view_id(&value, id, run_state_name(state));
    tell_value(m, &value);
    buf_fini(&value);
}

static void on_read(struct store_read *r, const struct err *failure)
{
    struct managed *m = (struct managed *)r;
    struct buf value;
    struct err e;
    if (failure == NULL && r->kind == STORE_READ_RUN && m->read.count == 0) {
        orders_no_run(&m->read.base.id, &e);
        failure = &e;
    }
    if (failure != NULL) {
        tell_failure(m, failure);
        return;
    }
    buf_init(&value);
    if (r->kind == STORE_READ_RUN)
        view_run(&value, &m->read);
    else
        view_runs(&value, &m->read);
    tell_value(m, &value);
    buf_fini(&value);
}

static void ask(struct managed *m, enum store_read_kind kind, void (*done)(struct store_read *, const struct err *))
{
    m->read.base.kind = kind;
    m->read.base.done = done;
    store_query(m->intake->env->store, &m->read.base);
}

/* The id of the run that a step starts: the same whenever the step is done. */
static struct uuid heir_of(const struct uuid *run, int step)
{
    struct uuid id = *run;
    for (int i = 0; i < 4; i++)
        id.b[UUID_SIZE - 1 - i] ^= (uint8_t)(step >> 8 * i);
    id.b[9] ^= 0xff;
    return id;
}

/* Was it started before the last crash? */
static void on_heir_read(struct store_read *r, const struct err *failure)
{
    struct managed *m = (struct managed *)r;
    struct uuid heir = m->read.base.id;
    struct err e;
    if (failure != NULL)
        tell_failure(m, failure);
    else if (m->read.count > 0)
        on_ordered(m, &heir, m->read.runs[0].state, NULL);
    else if (orders_give(m->intake, &m->restarted, API_RESTART, &heir, on_ordered, m, &e) != 0)
        tell_failure(m, &e);
}

static int list(struct managed *m, const char *arguments, struct err *e)
{
    char state[16];
    enum run_state wanted;
    m->read.filter.state = -1;
    if (sscanf(arguments, "%15s %d %127s", state, &m->read.base.limit, m->flow) != 3)
        return err_set(e, ERR_INPUT, 400, "runs.list: expected a state, a limit and a flow");
    if (strcmp(state, "-") != 0) {
        if (run_state_parse(bytes_of(state), &wanted) != 0)
            return err_set(e, ERR_INPUT, 400, "runs.list: no state '%s'", state);
        m->read.filter.state = (int)wanted;
    }
    if (strcmp(m->flow, "-") != 0)
        m->read.filter.flow = bytes_of(m->flow);
    ask(m, STORE_READ_RUN_LIST, on_read);
    return 0;
}

static int one(struct managed *m, const char *verb, const char *id_text, struct err *e)
{
    static const struct {
        const char *verb;
        enum api_order order;
    } orders[] = {{"cancel", API_CANCEL}, {"resume", API_RESUME}, {"resume_current", API_RESUME_CURRENT}};
    struct uuid id;
    if (uuid_parse(bytes_of(id_text), &id) != 0)
        return err_set(e, ERR_INPUT, 400, "'%.80s' is no run's id; expected a UUID", id_text);
    if (strcmp(verb, "get") == 0) {
        m->read.base.id = id;
        ask(m, STORE_READ_RUN, on_read);
        return 0;
    }
    m->cancels = strcmp(verb, "cancel") == 0;
    if (strcmp(verb, "restart") == 0) {
        m->restarted = id;
        m->read.base.id = heir_of(&m->id, m->step);
        ask(m, STORE_READ_RUN, on_heir_read);
        return 0;
    }
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (strcmp(verb, orders[i].verb) == 0)
            return orders_give(m->intake, &id, orders[i].order, NULL, on_ordered, m, e);
    return err_set(e, ERR_INPUT, 400, "runs.%s: there is nothing of that name", verb);
}

void manage(struct intake *in, int64_t run, const struct uuid *id, int step, struct bytes name)
{
    char text[256], verb[24] = "";
    int at = 0;
    struct err e;
    struct managed *m = calloc(1, sizeof *m);
    if (m == NULL) {
        runs_managed(in->runs, run, step, no_memory);
        return;
    }
    *m = (struct managed){.intake = in, .id = *id, .run = run, .step = step};
    snprintf(text, sizeof text, "%.*s", (int)name.len, name.len == 0 ? "" : name.data);
    (void)sscanf(text, "%23s %n", verb, &at);
    if ((strcmp(verb, "list") == 0 ? list(m, text + at, &e) : one(m, verb, text + at, &e)) != 0)
        tell_failure(m, &e);
}
