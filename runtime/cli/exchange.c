#include "cli/exchange.h"

#include "cli/ask.h"
#include "core/json_scan.h"

#include <jansson.h>
#include <string.h>

static struct bytes string_at(const json_t *object, const char *key)
{
    const json_t *s = json_object_get(object, key);
    return (struct bytes){json_string_value(s), json_string_length(s)};
}

/* --- a request ------------------------------------------------------------------------------------------------- */

/* Where a header comes from is worth a word when it is inherited or takes an inherited one's place. */
static void print_header(const struct render *r, const json_t *header)
{
    render_header(r, string_at(header, "name"), string_at(header, "value"));
    if (json_is_true(json_object_get(header, "overrides")))
        render_text(r, STYLE_DIM, "  (overrides the integration's)");
    else if (strcmp(ask_text(header, "from"), "integration") == 0)
        render_text(r, STYLE_DIM, "  (from the integration)");
    fputc('\n', r->out);
}

static void print_headers(const struct render *r, const json_t *headers)
{
    for (size_t i = 0; i < json_array_size(headers); i++)
        print_header(r, json_array_get(headers, i));
}

void exchange_print_request(const struct render *r, const struct json_t *request)
{
    struct bytes body = string_at(request, "body");
    render_text(r, STYLE_BOLD, "%s %s", ask_text(request, "method"), ask_text(request, "url"));
    fputc('\n', r->out);
    print_headers(r, json_object_get(request, "headers"));
    if (body.len > 0)
        fputc('\n', r->out);
    render_body(r, body);
}

/* --- an attempt ------------------------------------------------------------------------------------------------ */

/* "503", or "timeout: no answer within 30s", or both. `good`: the delivery succeeded with it. */
static void print_outcome(const struct render *r, const json_t *of, bool good)
{
    const json_t *error = json_object_get(of, "error");
    int status = (int)json_integer_value(json_object_get(of, "status"));
    enum style style = good ? STYLE_GOOD : json_is_object(error) ? STYLE_BAD : style_of_status(status);
    if (status != 0)
        render_text(r, style, "%d", status);
    if (good && style_of_status(status) != STYLE_GOOD)
        render_text(r, STYLE_DIM, "  a success by the webhook's rule");
    if (!json_is_object(error))
        return;
    render_text(r, STYLE_BAD, "%s%s", status != 0 ? "  " : "", ask_text(error, "kind"));
    if (ask_text(error, "message")[0] != '\0')
        render_text(r, STYLE_PLAIN, ": %s", ask_text(error, "message"));
}

void exchange_print_response(const struct render *r, const json_t *response)
{
    struct bytes body = string_at(response, "body");
    print_headers(r, json_object_get(response, "headers"));
    if (body.len > 0)
        fputc('\n', r->out);
    render_body(r, body);
    if (json_is_true(json_object_get(response, "truncated")))
        render_text(r, STYLE_DIM, "(the rest of the body was not kept)\n");
}

static void print_attempt(const struct render *r, const json_t *attempt, bool good)
{
    char time[RENDER_TIME_SIZE], took[RENDER_TIME_SIZE];
    const json_t *response = json_object_get(attempt, "response");
    render_time_text(r, ask_text(attempt, "started_at"), time);
    fputc('\n', r->out);
    render_text(r, STYLE_BOLD, "attempt %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(attempt, "number")));
    fprintf(r->out, "  %s  ", time);
    render_duration(json_number_value(json_object_get(attempt, "duration_ms")), took);
    render_text(r, STYLE_DIM, "%s", took);
    fputs("  ", r->out);
    print_outcome(r, attempt, good);
    fputc('\n', r->out);
    if (json_is_object(response))
        exchange_print_response(r, response);
}

/* --- a delivery ------------------------------------------------------------------------------------------------ */

void exchange_print_label(const struct render *r, const char *label)
{
    render_text(r, STYLE_DIM, "%-10s", label);
}

void exchange_print_time(const struct render *r, const char *label, const json_t *of, const char *key)
{
    char time[RENDER_TIME_SIZE];
    if (ask_text(of, key)[0] == '\0')
        return;
    render_time_text(r, ask_text(of, key), time);
    exchange_print_label(r, label);
    fprintf(r->out, "%s\n", time);
}

void exchange_print_event(const struct render *r, const json_t *event)
{
    if (!json_is_object(event))
        return;
    exchange_print_label(r, "event");
    render_text(r, STYLE_PLAIN, "%s  %s", ask_text(event, "name"), ask_text(event, "id"));
    if (ask_text(event, "key")[0] != '\0')
        render_text(r, STYLE_PLAIN, "  (id %s)", ask_text(event, "key"));
    fputc('\n', r->out);
}

static void print_run(const struct render *r, const json_t *run)
{
    if (!json_is_object(run))
        return;
    exchange_print_label(r, "run");
    render_text(r, STYLE_PLAIN, "%s  (step %lld)\n", ask_text(run, "id"),
                (long long)json_integer_value(json_object_get(run, "step")));
}

static void print_head(const struct render *r, const json_t *d)
{
    const char *state = ask_text(d, "state");
    render_text(r, STYLE_BOLD, "%s", ask_text(d, "id"));
    fputs("  ", r->out);
    render_text(r, style_of_state(state), "%s\n", state);
    exchange_print_label(r, "webhook");
    render_text(r, STYLE_PLAIN, "%s  (integration %s)\n", ask_text(d, "webhook"), ask_text(d, "integration"));
    exchange_print_event(r, json_object_get(d, "event"));
    print_run(r, json_object_get(d, "run"));
    exchange_print_time(r, "accepted", d, "created_at");
    exchange_print_time(r, "next try", d, "next_attempt_at");
    exchange_print_time(r, "finished", d, "finished_at");
    if (json_array_size(json_object_get(d, "attempts")) == 0 && json_is_object(json_object_get(d, "error"))) {
        exchange_print_label(r, "error");
        print_outcome(r, d, false);
        fputc('\n', r->out);
    }
    if (json_is_false(json_object_get(json_object_get(d, "request"), "idempotent"))) {
        exchange_print_label(r, "retries");
        fputs("only of what never left: the request carries no transactional id\n", r->out);
    }
}

/* --- variables ------------------------------------------------------------------------------------------------- */

static void print_vars(const struct render *r, const json_t *d, struct bytes text)
{
    struct bytes vars = json_scan_member(text, "vars"); /* Jansson would write numbers its own way */
    if (ask_text(d, "vars_error")[0] != '\0')
        render_text(r, STYLE_BAD, "\nvariables: %s\n", ask_text(d, "vars_error"));
    if (vars.len == 0)
        return;
    render_text(r, STYLE_BOLD, "\nvariables\n");
    render_json(r, vars);
    fputc('\n', r->out);
}

void exchange_print_delivery(const struct render *r, const struct json_t *delivery, struct bytes text)
{
    const json_t *request = json_object_get(delivery, "request"), *attempts = json_object_get(delivery, "attempts");
    print_head(r, delivery);
    if (json_is_object(request)) {
        fputc('\n', r->out);
        exchange_print_request(r, request);
    }
    bool succeeded = strcmp(ask_text(delivery, "state"), "succeeded") == 0;
    for (size_t i = 0, n = json_array_size(attempts); i < n; i++)
        print_attempt(r, json_array_get(attempts, i), succeeded && i == n - 1);
    print_vars(r, delivery, text);
}
