#include "core/nearest.h"
#include "net/call.h"

#include <string.h>

enum { LIMIT_DEFAULT = 100, NEAR_SIZE = 160 };

enum name_kind { NAME_NONE, NAME_WEBHOOK, NAME_DELIVERY, NAME_RUN };

struct route {
    const char *method, *path; /* "*" stands for one segment */
    enum name_kind name;
    enum body_kind body;
    bool open;                     /* needs no token */
    const char *const *parameters; /* ends with NULL */
    int (*ask)(struct api_call *c, struct err *e);
};

static const struct api_ops *ops(const struct api_call *c)
{
    return c->server->options.ops;
}

static void *ud(const struct api_call *c)
{
    return c->server->options.ud;
}

/* --- what each route asks ------------------------------------------------------------------------------------- */

static int ask_events(struct api_call *c, struct err *e)
{
    if (!ops(c)->may_accept(ud(c), e))
        return -1;
    c->brief = true;
    ops(c)->event(ud(c), buf_view(&c->body), c);
    return 0;
}

static int ask_webhook(struct api_call *c, struct err *e)
{
    int64_t wait_ms = -1;
    if (params_wait(c, &wait_ms, e) != 0)
        return -1;
    if (!ops(c)->may_accept(ud(c), e))
        return -1;
    c->brief = wait_ms < 0;
    ops(c)->webhook(ud(c), c->name, buf_view(&c->body), wait_ms, c);
    return 0;
}

static int ask_preview(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->preview(ud(c), c->name, buf_view(&c->body), c);
    return 0;
}

/* What the two logs share: a page of a time. */
static int read_page(const struct api_call *c, struct api_filter *f, struct err *e)
{
    int64_t limit = LIMIT_DEFAULT;
    if (params_time(c, "since", &f->since_ms, e) != 0 || params_time(c, "until", &f->until_ms, e) != 0 ||
        params_number(c, "limit", API_PAGE_MAX, &limit, e) != 0 ||
        params_number(c, "cursor", INT64_MAX, &f->before_seq, e) != 0)
        return -1;
    f->limit = (int)limit;
    return 0;
}

static int ask_deliveries(struct api_call *c, struct err *e)
{
    struct api_filter f = {.name = bytes_of(params_text(c, "webhook")), .state = -1};
    if (params_state(c, &f.state, e) != 0 || read_page(c, &f, e) != 0)
        return -1;
    ops(c)->deliveries(ud(c), &f, c);
    return 0;
}

static int ask_delivery(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->delivery(ud(c), c->id, c);
    return 0;
}

static int ask_resend(struct api_call *c, struct err *e)
{
    if (!ops(c)->may_accept(ud(c), e))
        return -1;
    ops(c)->resend(ud(c), c->id, c);
    return 0;
}

static int ask_runs(struct api_call *c, struct err *e)
{
    struct api_filter f = {.name = bytes_of(params_text(c, "flow")), .state = -1};
    if (params_run_state(c, &f.state, e) != 0 || read_page(c, &f, e) != 0)
        return -1;
    ops(c)->runs(ud(c), &f, c);
    return 0;
}

static int ask_run(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->run(ud(c), c->id, c);
    return 0;
}

static int ask_order(struct api_call *c, enum api_order order, struct err *e)
{
    if (!ops(c)->may_accept(ud(c), e))
        return -1;
    ops(c)->run_order(ud(c), c->id, order, c);
    return 0;
}

static int ask_cancel(struct api_call *c, struct err *e)
{
    return ask_order(c, API_CANCEL, e);
}

static int ask_resume(struct api_call *c, struct err *e)
{
    bool current;
    if (params_only(c, "scripts", "current", &current, e) != 0)
        return -1;
    return ask_order(c, current ? API_RESUME_CURRENT : API_RESUME, e);
}

static int ask_restart(struct api_call *c, struct err *e)
{
    return ask_order(c, API_RESTART, e);
}

static int ask_integrations(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->listing(ud(c), API_INTEGRATIONS, c);
    return 0;
}

static int ask_webhooks(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->listing(ud(c), API_WEBHOOKS, c);
    return 0;
}

static int ask_flows(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->listing(ud(c), API_FLOWS, c);
    return 0;
}

static int ask_reload(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->reload(ud(c), c);
    return 0;
}

static int ask_status(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->listing(ud(c), API_STATUS, c);
    return 0;
}

static void answer_plain(struct api_call *c, int status, const char *text)
{
    struct buf b;
    buf_init(&b);
    buf_printf(&b, "%s\n", text);
    call_answer_text(c, status, "text/plain; charset=utf-8", &b);
}

static int ask_live(struct api_call *c, struct err *e)
{
    (void)e;
    answer_plain(c, 200, "live");
    return 0;
}

static int ask_ready(struct api_call *c, struct err *e)
{
    if (ops(c)->ready(ud(c), e) == 0)
        answer_plain(c, 200, "ready");
    else
        answer_plain(c, 503, e->message);
    return 0;
}

static int ask_metrics(struct api_call *c, struct err *e)
{
    (void)e;
    struct buf b;
    buf_init(&b);
    ops(c)->metrics(ud(c), &b);
    call_answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
    return 0;
}

static const char *const wait_only[] = {"wait", NULL};
static const char *const log_filters[] = {"webhook", "state", "since", "until", "limit", "cursor", NULL};
static const char *const run_filters[] = {"flow", "state", "since", "until", "limit", "cursor", NULL};
static const char *const scripts_only[] = {"scripts", NULL};

static const struct route routes[] = {
    {"POST", "/v1/events", NAME_NONE, BODY_EVENT, false, NULL, ask_events},
    {"POST", "/v1/webhooks/*", NAME_WEBHOOK, BODY_DATA, false, wait_only, ask_webhook},
    {"POST", "/v1/webhooks/*/preview", NAME_WEBHOOK, BODY_DATA, false, NULL, ask_preview},
    {"GET", "/v1/deliveries", NAME_NONE, BODY_NONE, false, log_filters, ask_deliveries},
    {"GET", "/v1/deliveries/*", NAME_DELIVERY, BODY_NONE, false, NULL, ask_delivery},
    {"POST", "/v1/deliveries/*/resend", NAME_DELIVERY, BODY_NONE, false, NULL, ask_resend},
    {"GET", "/v1/runs", NAME_NONE, BODY_NONE, false, run_filters, ask_runs},
    {"GET", "/v1/runs/*", NAME_RUN, BODY_NONE, false, NULL, ask_run},
    {"POST", "/v1/runs/*/cancel", NAME_RUN, BODY_NONE, false, NULL, ask_cancel},
    {"POST", "/v1/runs/*/resume", NAME_RUN, BODY_NONE, false, scripts_only, ask_resume},
    {"POST", "/v1/runs/*/restart", NAME_RUN, BODY_NONE, false, NULL, ask_restart},
    {"GET", "/v1/integrations", NAME_NONE, BODY_NONE, false, NULL, ask_integrations},
    {"GET", "/v1/webhooks", NAME_NONE, BODY_NONE, false, NULL, ask_webhooks},
    {"GET", "/v1/flows", NAME_NONE, BODY_NONE, false, NULL, ask_flows},
    {"POST", "/v1/reload", NAME_NONE, BODY_NONE, false, NULL, ask_reload},
    {"GET", "/v1/status", NAME_NONE, BODY_NONE, false, NULL, ask_status},
    {"GET", "/livez", NAME_NONE, BODY_NONE, true, NULL, ask_live},
    {"GET", "/readyz", NAME_NONE, BODY_NONE, true, NULL, ask_ready},
    {"GET", "/metrics", NAME_NONE, BODY_NONE, true, NULL, ask_metrics},
};
enum { ROUTES = sizeof routes / sizeof *routes };

/* --- finding the route ---------------------------------------------------------------------------------------- */

/* Compares segment by segment; what "*" stands for goes to `name`. */
static bool matches(const char *pattern, const char *path, char *name, size_t size)
{
    while (*pattern != '\0') {
        if (*pattern != '*') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0 || len >= size)
            return false;
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
        pattern++;
    }
    return *path == '\0';
}

static bool method_fits(const struct route *r, const char *method)
{
    return strcmp(r->method, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(r->method, "GET") == 0);
}

/* The pattern with the path's own segment in the place of "*". */
static void fill_in(const struct route *r, const char *path, char out[NEAR_SIZE])
{
    size_t n = 0;
    for (const char *p = r->path; *p != '\0' && n < NEAR_SIZE - 1; p++) {
        if (*p == '*') {
            size_t len = strcspn(path, "/");
            struct bytes own = len > 0 ? (struct bytes){path, len} : bytes_of(r->name == NAME_WEBHOOK ? "NAME" : "ID");
            len = own.len < NEAR_SIZE - 1 - n ? own.len : NEAR_SIZE - 1 - n;
            memcpy(out + n, own.data, len);
            n += len;
            continue;
        }
        out[n++] = *p;
        if (*p == '/') {
            path += strcspn(path, "/");
            path += *path == '/';
        }
    }
    out[n] = '\0';
}

static int not_found(const char *path, struct err *e)
{
    char filled[ROUTES][NEAR_SIZE];
    const char *known[ROUTES];
    for (size_t i = 0; i < ROUTES; i++) {
        fill_in(&routes[i], path, filled[i]);
        known[i] = filled[i];
    }
    const char *near = nearest(path, known, ROUTES);
    if (near == NULL)
        return err_set(e, ERR_INPUT, 404, "nothing at %.120s", path);
    return err_set(e, ERR_INPUT, 404, "nothing at %.120s; did you mean %s?", path, near);
}

static int find(struct api_call *c, const char *method, const char *path, struct err *e, const char **allow)
{
    for (size_t i = 0; i < ROUTES; i++) {
        if (!matches(routes[i].path, path, c->name, sizeof c->name))
            continue;
        c->route = &routes[i];
        if (method_fits(&routes[i], method))
            return 0;
        *allow = strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method;
    }
    if (*allow != NULL)
        return err_set(e, ERR_INPUT, 405, "%.20s is not for %.120s; expected %s", method, path, *allow);
    return not_found(path, e);
}

/* --- what is asked -------------------------------------------------------------------------------------------- */

static int read_id(struct api_call *c, struct err *e)
{
    enum name_kind kind = c->route->name;
    if ((kind != NAME_DELIVERY && kind != NAME_RUN) || uuid_parse(bytes_of(c->name), &c->id) == 0)
        return 0;
    return err_set(e, ERR_INPUT, 400, "'%.80s' is no %s's id; expected a UUID", c->name,
                   kind == NAME_RUN ? "run" : "delivery");
}

int call_route(struct api_call *c, const char *method, const char *path, struct err *e, const char **allow)
{
    struct err missing;
    *allow = NULL;
    if (guard_framing(c, e) != 0 || guard_host(c, e) != 0)
        return -1;
    int found = find(c, method, path, &missing, allow);
    bool open = c->route != NULL ? c->route->open : strncmp(path, "/v1/", 4) != 0;
    if (!open && guard_token(c, e) != 0) {
        *allow = NULL; /* who may not ask does not learn what there is */
        return -1;
    }
    if (found != 0) {
        *e = missing;
        return -1;
    }
    if (params_check(c, c->route->parameters, e) != 0)
        return -1;
    if (read_id(c, e) != 0)
        return -1;
    return guard_body(c, c->route->body, e);
}

int call_ask(struct api_call *c, struct err *e)
{
    return c->route->ask(c, e);
}
