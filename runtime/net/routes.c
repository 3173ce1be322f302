#include "core/delivery.h"
#include "core/nearest.h"
#include "core/units.h"
#include "net/call.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { WAIT_MAX_MS = 300000, LIMIT_MAX = 1000, LIMIT_DEFAULT = 100 };

enum body_kind { BODY_NONE, BODY_DATA, BODY_EVENT };
enum name_kind { NAME_NONE, NAME_WEBHOOK, NAME_ID };

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

/* --- parameters ----------------------------------------------------------------------------------------------- */

static int wrong(struct err *e, const char *name, const char *found, const char *expected)
{
    return err_set(e, ERR_INPUT, 400, "parameter '%s': found '%.80s'; expected %s", name, found, expected);
}

static const char *parameter(const struct api_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct parameter_check {
    const char *const *known;
    struct err *e;
    int rc;
};

static enum MHD_Result check_parameter(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind, (void)value;
    struct parameter_check *p = data;
    size_t n = 0;
    for (; p->known != NULL && p->known[n] != NULL; n++)
        if (strcmp(p->known[n], name) == 0)
            return MHD_YES;
    const char *near = nearest(name, p->known, n);
    p->rc = err_set(p->e, ERR_INPUT, 400,
                    near == NULL ? "unknown parameter '%.80s'" : "unknown parameter '%.80s'; did you mean '%s'?", name,
                    near);
    return MHD_NO;
}

static int check_parameters(struct api_call *c, struct err *e)
{
    struct parameter_check p = {.known = c->route->parameters, .e = e};
    MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, check_parameter, &p);
    return p.rc;
}

static int read_number(const char *name, const char *text, int64_t least, int64_t most, int64_t *out, struct err *e)
{
    char *end;
    char expected[80];
    if (text == NULL)
        return 0;
    long long n = strtoll(text, &end, 10);
    snprintf(expected, sizeof expected, "a number from %" PRId64 " to %" PRId64, least, most);
    if (end == text || *end != '\0' || n < least || n > most)
        return wrong(e, name, text, expected);
    *out = n;
    return 0;
}

static int read_time(const struct api_call *c, const char *name, int64_t *out, struct err *e)
{
    const char *text = parameter(c, name);
    int64_t now_ms = (int64_t)time(NULL) * MS_PER_S;
    if (text == NULL || units_parse_time(bytes_of(text), now_ms, out) == 0)
        return 0;
    return wrong(e, name, text, "a time, as in 2026-11-23T10:00:00Z, 2026-11-23 or -1h");
}

static int read_state(const struct api_call *c, int *out, struct err *e)
{
    const char *text = parameter(c, "state");
    enum delivery_state state;
    *out = -1;
    if (text == NULL)
        return 0;
    if (delivery_state_parse(bytes_of(text), &state) != 0)
        return wrong(e, "state", text, "queued, sending, waiting, succeeded, failed, unknown or canceled");
    *out = (int)state;
    return 0;
}

/* --- what each route asks ------------------------------------------------------------------------------------- */

static int ask_events(struct api_call *c, struct err *e)
{
    if (!ops(c)->may_accept(ud(c), e))
        return -1;
    ops(c)->event(ud(c), buf_view(&c->body), c);
    return 0;
}

static int ask_webhook(struct api_call *c, struct err *e)
{
    const char *text = parameter(c, "wait");
    int64_t wait_ms = -1;
    if (text != NULL && (units_parse_duration(bytes_of(text), &wait_ms) != 0 || wait_ms > WAIT_MAX_MS))
        return wrong(e, "wait", text, "a duration of five minutes at most, as in 10s");
    if (!ops(c)->may_accept(ud(c), e))
        return -1;
    ops(c)->webhook(ud(c), c->name, buf_view(&c->body), wait_ms, c);
    return 0;
}

static int ask_preview(struct api_call *c, struct err *e)
{
    (void)e;
    ops(c)->preview(ud(c), c->name, buf_view(&c->body), c);
    return 0;
}

static int ask_deliveries(struct api_call *c, struct err *e)
{
    int64_t limit = LIMIT_DEFAULT;
    struct api_filter f = {.webhook = bytes_of(parameter(c, "webhook"))};
    if (read_state(c, &f.state, e) != 0 || read_time(c, "since", &f.since_ms, e) != 0 ||
        read_time(c, "until", &f.until_ms, e) != 0 ||
        read_number("limit", parameter(c, "limit"), 1, LIMIT_MAX, &limit, e) != 0 ||
        read_number("cursor", parameter(c, "cursor"), 1, INT64_MAX, &f.before_seq, e) != 0)
        return -1;
    f.limit = (int)limit;
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

static const struct route routes[] = {
    {"POST", "/v1/events", NAME_NONE, BODY_EVENT, false, NULL, ask_events},
    {"POST", "/v1/webhooks/*", NAME_WEBHOOK, BODY_DATA, false, wait_only, ask_webhook},
    {"POST", "/v1/webhooks/*/preview", NAME_WEBHOOK, BODY_DATA, false, NULL, ask_preview},
    {"GET", "/v1/deliveries", NAME_NONE, BODY_NONE, false, log_filters, ask_deliveries},
    {"GET", "/v1/deliveries/*", NAME_ID, BODY_NONE, false, NULL, ask_delivery},
    {"POST", "/v1/deliveries/*/resend", NAME_ID, BODY_NONE, false, NULL, ask_resend},
    {"GET", "/v1/integrations", NAME_NONE, BODY_NONE, false, NULL, ask_integrations},
    {"GET", "/v1/webhooks", NAME_NONE, BODY_NONE, false, NULL, ask_webhooks},
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

static int not_found(const char *path, struct err *e)
{
    const char *known[ROUTES];
    for (size_t i = 0; i < ROUTES; i++)
        known[i] = routes[i].path;
    const char *near = nearest(path, known, ROUTES);
    return err_set(e, ERR_INPUT, 404, near == NULL ? "nothing at %.120s" : "nothing at %.120s; did you mean %s?", path,
                   near);
}

static int find(struct api_call *c, const char *method, const char *path, struct err *e, const char **allow)
{
    for (size_t i = 0; i < ROUTES; i++) {
        if (!matches(routes[i].path, path, c->name, sizeof c->name))
            continue;
        c->route = &routes[i];
        if (method_fits(&routes[i], method))
            return 0;
        *allow = routes[i].method;
    }
    if (*allow != NULL)
        return err_set(e, ERR_INPUT, 405, "%.20s is not for %.120s; expected %s", method, path, *allow);
    return not_found(path, e);
}

/* --- who asks ------------------------------------------------------------------------------------------------- */

static bool is_address(const char *host)
{
    unsigned char out[16];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

/* A page of another site can make a browser call us under that site's name (DNS rebinding): such a Host is refused. */
static bool host_is_ours(const struct api_call *c)
{
    char host[256];
    const char *given = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Host");
    if (given == NULL || strlen(given) >= sizeof host)
        return given == NULL;
    strcpy(host, given + (given[0] == '['));
    char *end = given[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
    if (end != NULL)
        *end = '\0';
    size_t len = strlen(host);
    bool local = strcasecmp(host, "localhost") == 0 || (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0);
    return local || is_address(host) || strcasecmp(host, c->server->httpd.host) == 0;
}

/* As long for a wrong token as for the right one. */
static bool token_is_right(const struct api_call *c)
{
    const char *given = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Authorization");
    const char *token = c->server->token;
    if (given == NULL || strncasecmp(given, "Bearer ", 7) != 0)
        return false;
    given += 7;
    size_t len = strlen(given), expected = strlen(token);
    unsigned char differs = len != expected;
    for (size_t i = 0; i < expected; i++)
        differs |= (unsigned char)(token[i] ^ (i < len ? given[i] : 0));
    return differs == 0;
}

/* --- what comes with it --------------------------------------------------------------------------------------- */

/* "application/json; charset=utf-8" is application/json; anything+json is too. */
static bool type_is(const char *type, const char *wanted)
{
    size_t len = strcspn(type, "; ");
    return len == strlen(wanted) && strncasecmp(type, wanted, len) == 0;
}

static bool type_is_json(const char *type)
{
    size_t len = strcspn(type, "; ");
    return type_is(type, "application/json") || (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static int check_type(struct api_call *c, struct err *e)
{
    const char *type = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Content-Type");
    bool event = c->route->body == BODY_EVENT;
    if (c->route->body == BODY_NONE)
        return 0;
    if (type != NULL && (type_is_json(type) || (event && type_is(type, "application/x-ndjson")))) {
        c->kind = type_is_json(type) ? "json" : "ndjson";
        return 0;
    }
    const char *expected = event ? "application/json or application/x-ndjson" : "application/json";
    return err_set(e, ERR_INPUT, 415, "Content-Type is %.80s; expected %s", type == NULL ? "missing" : type, expected);
}

bool call_is_batch(const struct api_call *c)
{
    return c->kind != NULL && strcmp(c->kind, "ndjson") == 0;
}

static int check_size(struct api_call *c, struct err *e)
{
    const char *text = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Content-Length");
    const struct server_options *o = &c->server->options;
    c->body_max = c->route->body == BODY_NONE ? 4096 : call_is_batch(c) ? o->batch_max : o->event_max;
    if (text != NULL && strtoull(text, NULL, 10) > c->body_max)
        return err_set(e, ERR_INPUT, 413, "the body is %.20s bytes long; expected %zu at most", text, c->body_max);
    return 0;
}

int call_route(struct api_call *c, const char *method, const char *path, struct err *e, const char **allow)
{
    *allow = NULL;
    if (!host_is_ours(c))
        return err_set(e, ERR_INPUT, 403, "the Host header names another host");
    bool v1 = strncmp(path, "/v1/", 4) == 0;
    if (v1 && !token_is_right(c))
        return err_set(e, ERR_INPUT, 401, "expected 'Authorization: Bearer TOKEN' with the token of the state folder");
    if (find(c, method, path, e, allow) != 0 || check_parameters(c, e) != 0)
        return -1;
    if (c->route->name == NAME_ID && uuid_parse(bytes_of(c->name), &c->id) != 0)
        return err_set(e, ERR_INPUT, 400, "'%.80s' is no delivery's id; expected a UUID", c->name);
    return check_type(c, e) != 0 || check_size(c, e) != 0 ? -1 : 0;
}

int call_ask(struct api_call *c, struct err *e)
{
    return c->route->ask(c, e);
}
