#include "cli/journal.h"

#include "cli/ask.h"
#include "cli/exchange.h"
#include "cli/table.h"
#include "core/json_scan.h"

#include <jansson.h>
#include <string.h>

/* --- how it stands --------------------------------------------------------------------------------------------- */

static void print_head(const struct render *r, const json_t *run)
{
    const char *state = ask_text(run, "state"), *key = ask_text(run, "key"), *error = ask_text(run, "error");
    render_text(r, STYLE_BOLD, "%s", ask_text(run, "id"));
    fputs("  ", r->out);
    render_text(r, style_of_state(state), "%s\n", state);
    exchange_print_label(r, "flow");
    render_text(r, STYLE_PLAIN, "%s%s%s%s\n", ask_text(run, "flow"), key[0] != '\0' ? "  (key " : "", key,
                key[0] != '\0' ? ")" : "");
    exchange_print_event(r, json_object_get(run, "event"));
    exchange_print_time(r, "started", run, "created_at");
    exchange_print_time(r, strcmp(state, "sleeping") == 0 ? "goes on" : "at latest", run, "due_at");
    exchange_print_time(r, "finished", run, "finished_at");
    if (error[0] == '\0')
        return;
    exchange_print_label(r, "error");
    render_text(r, STYLE_BAD, "%s\n", error);
}

static void print_json(const struct render *r, const char *title, struct bytes json)
{
    if (json.len == 0 || bytes_equal(json, bytes_of("null")))
        return;
    render_text(r, STYLE_BOLD, "\n%s\n", title);
    render_json(r, json);
    fputc('\n', r->out);
}

/* --- its steps, one a line -------------------------------------------------------------------------------------- */

static void add_call(struct table *t, const json_t *result)
{
    const json_t *error = json_object_get(result, "error");
    const char *kind = ask_text(error, "kind"), *message = ask_text(error, "message");
    int status = (int)json_integer_value(json_object_get(result, "status"));
    json_int_t attempts = json_integer_value(json_object_get(result, "attempts"));
    char code[16] = "", tries[32] = "", took[RENDER_TIME_SIZE] = "";
    if (status != 0)
        snprintf(code, sizeof code, "%d", status);
    if (json_is_true(json_object_get(result, "ok")))
        render_duration(json_number_value(json_object_get(result, "duration_ms")), took);
    if (attempts > 1)
        snprintf(tries, sizeof tries, ", %" JSON_INTEGER_FORMAT " attempts", attempts);
    /* "status" says no more than the status itself. */
    bool told = kind[0] != '\0' && strcmp(kind, "status") != 0;
    table_add(t, took[0] != '\0' ? STYLE_GOOD : STYLE_BAD, "%s%s%s%s%s%s%s%s", code, took[0] != '\0' ? " in " : "",
              took, told && code[0] != '\0' ? " " : "", told ? kind : "", told && message[0] != '\0' ? ": " : "",
              told ? message : "", tries);
}

static void add_wait(struct table *t, const json_t *result)
{
    if (!json_is_object(result))
        table_add(t, STYLE_WARN, "time was up");
    else if (ask_text(result, "key")[0] != '\0')
        table_add(t, STYLE_PLAIN, "event %s  (id %s)", ask_text(result, "id"), ask_text(result, "key"));
    else
        table_add(t, STYLE_PLAIN, "event %s", ask_text(result, "id"));
}

/* What it waits for. */
static void add_open(struct table *t, const struct render *r, const json_t *step, struct bytes match)
{
    char due[RENDER_TIME_SIZE];
    const char *kind = ask_text(step, "kind");
    bool any = match.len > 2 && match.data[0] == '{';
    render_time_text(r, ask_text(step, "due_at"), due);
    if (strcmp(kind, "call") == 0)
        table_add(t, STYLE_WARN, "waits for the outcome");
    else if (strcmp(kind, "sleep") == 0)
        table_add(t, STYLE_WARN, "sleeps until %s", due);
    else
        table_add(t, STYLE_WARN, "waits for it%s%.*s%s%s", any ? " with " : "", any ? (int)match.len : 0,
                  any ? match.data : "", due[0] != '\0' ? " until " : "", due);
}

/* `given_up`: what the run waits for does not matter any more. */
static void add_outcome(struct table *t, const struct render *r, const json_t *step, struct bytes text, bool given_up)
{
    const char *kind = ask_text(step, "kind");
    const json_t *result = json_object_get(step, "result");
    bool open = strcmp(ask_text(step, "state"), "open") == 0;
    if (open && given_up)
        table_add(t, STYLE_DIM, "given up");
    else if (open)
        add_open(t, r, step, json_scan_member(text, "match"));
    else if (strcmp(kind, "call") == 0)
        add_call(t, result);
    else if (strcmp(kind, "wait_event") == 0)
        add_wait(t, result);
    else
        table_add(t, STYLE_PLAIN, "%s", strcmp(kind, "send") == 0 ? "given to the queue" : "done");
}

/* Its place in the flow is worth showing where it is not its number: in parallel(). */
static void add_step(struct table *t, const struct render *r, const json_t *step, struct bytes text, bool given_up)
{
    char time[RENDER_TIME_SIZE], number[24];
    const char *path = ask_text(step, "path");
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(step, "number")));
    render_time_text(r, ask_text(step, "started_at"), time);
    if (strcmp(number, path) == 0)
        table_add(t, STYLE_PLAIN, "%s", number);
    else
        table_add(t, STYLE_PLAIN, "%s (%s)", number, path);
    table_add(t, STYLE_DIM, "%s", time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(step, "kind"));
    table_add(t, STYLE_NAME, "%s", ask_text(step, "name"));
    table_add(t, STYLE_PLAIN, "%s", ask_text(step, "delivery"));
    add_outcome(t, r, step, text, given_up);
}

/* `text` is the array as it came. */
static int print_steps(const struct render *r, const json_t *steps, struct bytes text, bool given_up)
{
    static const char *const titles[] = {"STEP", "TIME", "KIND", "NAME", "DELIVERY", "OUTCOME"};
    struct table t;
    struct bytes one = {NULL, 0};
    if (json_array_size(steps) == 0)
        return 0;
    table_init(&t, titles, sizeof titles / sizeof *titles);
    for (size_t i = 0; i < json_array_size(steps) && json_scan_next(&text, &one); i++)
        add_step(&t, r, json_array_get(steps, i), one, given_up);
    fputc('\n', r->out);
    int rc = table_print(&t, r);
    table_fini(&t);
    return rc;
}

/* --- in full: what came --------------------------------------------------------------------------------------- */

static void print_came(const struct render *r, const json_t *step, struct bytes text)
{
    const json_t *result = json_object_get(step, "result");
    const char *kind = ask_text(step, "kind");
    bool call = strcmp(kind, "call") == 0 && json_is_array(json_object_get(result, "headers"));
    bool event = strcmp(kind, "wait_event") == 0 && json_is_object(result);
    if (!call && !event)
        return;
    render_text(r, STYLE_BOLD, "\nstep %" JSON_INTEGER_FORMAT "  %s %s\n",
                json_integer_value(json_object_get(step, "number")), kind, ask_text(step, "name"));
    if (call) {
        exchange_print_response(r, result);
        return;
    }
    render_json(r, json_scan_member(json_scan_member(text, "result"), "data"));
    fputc('\n', r->out);
}

static void print_all_that_came(const struct render *r, const json_t *steps, struct bytes text)
{
    struct bytes one;
    for (size_t i = 0; i < json_array_size(steps) && json_scan_next(&text, &one); i++)
        print_came(r, json_array_get(steps, i), one);
}

/* --------------------------------------------------------------------------------------------------------------- */

int journal_print(const struct render *r, const struct json_t *run, struct bytes text, bool full)
{
    const json_t *steps = json_object_get(run, "steps");
    struct bytes raw = json_scan_member(text, "steps");
    print_head(r, run);
    if (full)
        print_json(r, "data", json_scan_member(json_scan_member(text, "event"), "data"));
    if (print_steps(r, steps, raw, strcmp(ask_text(run, "state"), "canceled") == 0) != 0)
        return -1;
    if (full)
        print_all_that_came(r, steps, raw);
    print_json(r, "result", json_scan_member(text, "result"));
    return 0;
}
