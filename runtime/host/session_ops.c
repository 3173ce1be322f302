/* session_ops: what lines of a console ask the host for. Most of it is what the API offers too, and is asked of the
 * same ops; what changes something is logged with who did it. */
#include "host/session_ops.h"
#include "core/units.h"
#include "host/scripts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* --- answers ------------------------------------------------------------------------------------------------------ */

void asking_leave(struct asking *q)
{
    q->session = NULL;
    if (!q->ours)
        return; /* its answer will come, and find nobody */
    timer_stop(q->all->env->timers, &q->timer);
    q->all->asking--;
    free(q);
}

void asking_answer(struct asking *q, bool ok, struct bytes text)
{
    struct session *s = q->session;
    q->all->asking--;
    free(q);
    if (s != NULL)
        session_answered(s, ok, text);
}

const char *op_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* A problem as the API words it: its lines, or its detail. */
static void answer_problem(struct asking *q, struct bytes json)
{
    json_t *root = json_loadb(json.len == 0 ? "" : json.data, json.len, JSON_ALLOW_NUL, NULL);
    const json_t *lines = json_object_get(root, "errors");
    struct buf text;
    buf_init(&text);
    for (size_t i = 0; i < json_array_size(lines); i++)
        buf_printf(&text, "%s%s", i == 0 ? "" : "\n", json_string_value(json_array_get(lines, i)));
    if (text.len == 0 && root != NULL)
        buf_append_str(&text, op_text(root, "detail"));
    asking_answer(q, false, text.len > 0 ? buf_view(&text) : bytes_of("out of memory"));
    buf_fini(&text);
    json_decref(root);
}

static void on_answer(void *ud, int status, struct bytes json)
{
    struct asking *q = ud;
    if (status >= 200 && status < 300)
        asking_answer(q, true, json);
    else
        answer_problem(q, json);
}

/* --- what the API does -------------------------------------------------------------------------------------------- */

/* What is sent without them would be another request. */
static int data_of(const struct call *c, struct buf *out, struct err *e)
{
    json_t *data = json_object_get(c->args, "data");
    char *text = data == NULL ? NULL : json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
    bool lost = (data != NULL && text == NULL) || (text != NULL && buf_append_str(out, text) != 0);
    free(text);
    return lost ? err_memory(e) : 0;
}

static int read_id(const struct call *c, struct uuid *id, struct err *e)
{
    const char *text = op_text(c->args, "id");
    if (uuid_parse(bytes_of(text), id) == 0)
        return 0;
    return err_set(e, ERR_INPUT, 400, "'%.80s' is no id; expected a UUID", text);
}

static int list(struct call *c, enum api_listing what)
{
    api_ops.listing(c->api, what, c->call);
    return 0;
}

static int op_webhooks(struct call *c, struct err *e)
{
    (void)e;
    return list(c, API_WEBHOOKS);
}

static int op_flows(struct call *c, struct err *e)
{
    (void)e;
    return list(c, API_FLOWS);
}

static int op_status(struct call *c, struct err *e)
{
    (void)e;
    return list(c, API_STATUS);
}

static int read_time(const struct call *c, const char *name, int64_t *ms, struct err *e)
{
    const char *text = op_text(c->args, name);
    int64_t now_ms = c->api->env->wall_ms();
    if (*text == '\0' || units_parse_time(bytes_of(text), now_ms, ms) == 0)
        return 0;
    return err_set(e, ERR_INPUT, 400, "%s: '%.80s' is no time; expected one as in 2026-11-23T10:00:00Z", name, text);
}

static int read_filter(const struct call *c, const char *name, struct api_filter *f, struct err *e)
{
    json_int_t limit = json_integer_value(json_object_get(c->args, "limit"));
    *f = (struct api_filter){.name = bytes_of(op_text(c->args, name)), .state = -1, .limit = 20};
    if (limit > 0)
        f->limit = limit < API_PAGE_MAX ? (int)limit : API_PAGE_MAX;
    return read_time(c, "since", &f->since_ms, e) != 0 || read_time(c, "until", &f->until_ms, e) != 0 ? -1 : 0;
}

/* Of deliveries, or of runs. */
static int read_state(const struct call *c, bool of_runs, struct api_filter *f, struct err *e)
{
    const char *wanted = op_text(c->args, "state");
    enum delivery_state delivery = DELIVERY_QUEUED;
    enum run_state run = RUN_READY;
    if (*wanted == '\0')
        return 0;
    if ((of_runs ? run_state_parse(bytes_of(wanted), &run) : delivery_state_parse(bytes_of(wanted), &delivery)) != 0)
        return err_set(e, ERR_INPUT, 400, "no state '%.80s'", wanted);
    f->state = of_runs ? (int)run : (int)delivery;
    return 0;
}

static int op_deliveries(struct call *c, struct err *e)
{
    struct api_filter f;
    if (read_filter(c, "webhook", &f, e) != 0 || read_state(c, false, &f, e) != 0)
        return -1;
    api_ops.deliveries(c->api, &f, c->call);
    return 0;
}

static int op_runs(struct call *c, struct err *e)
{
    struct api_filter f;
    if (read_filter(c, "flow", &f, e) != 0 || read_state(c, true, &f, e) != 0)
        return -1;
    api_ops.runs(c->api, &f, c->call);
    return 0;
}

static int op_delivery(struct call *c, struct err *e)
{
    struct uuid id;
    if (read_id(c, &id, e) != 0)
        return -1;
    api_ops.delivery(c->api, id, c->call);
    return 0;
}

static int op_run(struct call *c, struct err *e)
{
    struct uuid id;
    if (read_id(c, &id, e) != 0)
        return -1;
    api_ops.run(c->api, id, c->call);
    return 0;
}

static int op_preview(struct call *c, struct err *e)
{
    struct buf data;
    buf_init(&data);
    int rc = data_of(c, &data, e);
    if (rc == 0)
        api_ops.preview(c->api, op_text(c->args, "webhook"), buf_view(&data), c->call);
    buf_fini(&data);
    return rc;
}

static int deliver(struct call *c, int64_t wait_ms, struct err *e)
{
    struct buf data;
    if (!api_ops.may_accept(c->api, e))
        return -1;
    buf_init(&data);
    int rc = data_of(c, &data, e);
    if (rc == 0)
        api_ops.webhook(c->api, op_text(c->args, "webhook"), buf_view(&data), wait_ms, c->call);
    buf_fini(&data);
    return rc;
}

static int op_send(struct call *c, struct err *e)
{
    return deliver(c, -1, e);
}

static int op_call(struct call *c, struct err *e)
{
    return deliver(c, OP_FOR_EVER_MS, e);
}

/* The arguments are an event's envelope as they are. */
static int op_emit(struct call *c, struct err *e)
{
    if (!api_ops.may_accept(c->api, e))
        return -1;
    char *envelope = json_dumps(c->args, JSON_COMPACT);
    if (envelope == NULL)
        return err_memory(e);
    api_ops.event(c->api, bytes_of(envelope), c->call);
    free(envelope);
    return 0;
}

static int op_resend(struct call *c, struct err *e)
{
    struct uuid id;
    if (read_id(c, &id, e) != 0 || !api_ops.may_accept(c->api, e))
        return -1;
    api_ops.resend(c->api, id, c->call);
    return 0;
}

static int order(struct call *c, enum api_order what, struct err *e)
{
    struct uuid id;
    if (read_id(c, &id, e) != 0 || !api_ops.may_accept(c->api, e))
        return -1;
    api_ops.run_order(c->api, id, what, c->call);
    return 0;
}

static int op_run_cancel(struct call *c, struct err *e)
{
    return order(c, API_CANCEL, e);
}

static int op_run_resume(struct call *c, struct err *e)
{
    return order(c, strcmp(op_text(c->args, "scripts"), "current") == 0 ? API_RESUME_CURRENT : API_RESUME, e);
}

static int op_run_restart(struct call *c, struct err *e)
{
    return order(c, API_RESTART, e);
}

static int op_reload(struct call *c, struct err *e)
{
    (void)e;
    c->asking->session->reloads = true;
    api_ops.reload(c->api, c->call);
    return 0;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

static void on_slept(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    asking_answer((struct asking *)((char *)t - offsetof(struct asking, timer)), true, bytes_of("{}"));
}

static int op_sleep(struct call *c, struct err *e)
{
    (void)e;
    struct asking *q = c->asking;
    struct env *env = q->all->env;
    json_int_t ms = json_integer_value(json_object_get(c->args, "ms"));
    q->ours = true;
    timer_init(&q->timer, on_slept);
    int64_t wait_ms = ms < 0 ? 0 : ms < OP_FOR_EVER_MS ? (int64_t)ms : OP_FOR_EVER_MS;
    int64_t until_ns = env->mono_ns() + wait_ms * NS_PER_MS;
    timer_start(env->timers, &q->timer, until_ns);
    return 0;
}

static int op_trace(struct call *c, struct err *e)
{
    struct bytes webhook = bytes_of(op_text(c->args, "webhook"));
    if (webhook.len > 0 && !changes_defined(c->api->intake->scripts->current, "webhook", webhook))
        return err_set(e, ERR_INPUT, 404, "no webhook '%.100s'", webhook.data);
    c->asking->ours = true;
    return tracing_ask(c->asking->session, webhook) != 0 ? err_memory(e) : 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static const struct op {
    const char *name;
    int (*start)(struct call *c, struct err *e);
    bool has_call;     /* it is answered by c->call */
    const char *about; /* it changes something: the argument that says of what; "" of none. NULL: it does not */
} known_ops[] = {
    {"webhooks", op_webhooks, true, NULL},
    {"flows", op_flows, true, NULL},
    {"integrations", op_integrations, false, NULL},
    {"status", op_status, true, NULL},
    {"deliveries", op_deliveries, true, NULL},
    {"delivery", op_delivery, true, NULL},
    {"preview", op_preview, true, NULL},
    {"send", op_send, true, "webhook"},
    {"call", op_call, true, "webhook"},
    {"emit", op_emit, true, "name"},
    {"resend", op_resend, true, "id"},
    {"pause", op_pause, false, "integration"},
    {"resume", op_resume, false, "integration"},
    {"drain", op_drain, false, "integration"},
    {"reload", op_reload, true, ""},
    {"runs", op_runs, true, NULL},
    {"run", op_run, true, NULL},
    {"run_cancel", op_run_cancel, true, "id"},
    {"run_resume", op_run_resume, true, "id"},
    {"run_restart", op_run_restart, true, "id"},
    {"trace", op_trace, false, NULL},
    {"sleep", op_sleep, false, NULL},
};

static const struct op *find_op(struct bytes name)
{
    for (size_t i = 0; i < sizeof known_ops / sizeof *known_ops; i++)
        if (bytes_equal(bytes_of(known_ops[i].name), name))
            return &known_ops[i];
    return NULL;
}

static void log_who(const struct session *s, const struct op *op, const json_t *args)
{
    char duration[32] = "";
    const json_t *ms = json_object_get(args, "ms");
    if (ms != NULL)
        units_format_duration((int64_t)json_integer_value(ms), duration);
    log_line(s->all->env->log, s->all->alone ? LOG_DEBUG : LOG_INFO, "console.did", LOG_STR("by", s->peer.user),
             LOG_INT("pid", s->peer.pid), LOG_STR("what", op->name), LOG_STR("about", op_text(args, op->about)),
             LOG_STR("for", duration));
}

static void refuse(struct asking *q, struct api_call *call, const struct err *e)
{
    if (call != NULL)
        api_problem(call, e); /* which answers */
    else
        asking_answer(q, false, bytes_of(e->message));
}

static void start(struct asking *q, const struct op *op, const json_t *args)
{
    struct err e;
    struct call c = {.asking = q, .api = q->all->api, .args = args};
    if (op->has_call && (c.call = api_call_local(on_answer, q)) == NULL) {
        err_memory(&e);
        refuse(q, NULL, &e);
        return;
    }
    if (op->about != NULL)
        log_who(q->session, op, args);
    if (op->start(&c, &e) != 0)
        refuse(q, c.call, &e);
}

int session_ask(struct session *s, struct bytes name, struct bytes args)
{
    struct asking *q = calloc(1, sizeof *q);
    if (q == NULL)
        return -1;
    const struct op *op = find_op(name);
    json_t *root = json_loadb(args.len == 0 ? "" : args.data, args.len, JSON_ALLOW_NUL, NULL);
    q->session = s;
    q->all = s->all;
    q->op = op != NULL ? op->name : "";
    s->asking = q;
    s->all->asking++;
    if (op == NULL)
        asking_answer(q, false, bytes_of("the daemon does not know how: it is of another version"));
    else if (root == NULL)
        asking_answer(q, false, bytes_of("out of memory"));
    else
        start(q, op, root);
    json_decref(root);
    return 0;
}
