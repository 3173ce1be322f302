#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "core/units.h"

#include <jansson.h>

static const char help[] = "anzol status\n"
                           "anzol status --json | jq .counters\n"
                           "\n"
                           "What the daemon is doing: its scripts, what it did since its start, what waits where.\n"
                           "\n"
                           "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
                           "      --json              the daemon's answer as it is\n"
                           "  -h, --help\n";

static json_int_t int_at(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *plural(json_int_t n)
{
    return n == 1 ? "" : "s";
}

static void print_head(const struct render *r, const json_t *s)
{
    int64_t started = 0;
    char up[32] = "";
    if (units_parse_time(bytes_of(ask_text(s, "started_at")), 0, &started) == 0 && r->now_ms > started)
        units_format_duration((r->now_ms - started) / MS_PER_S * MS_PER_S, up);
    render_text(r, STYLE_BOLD, "anzol %s", ask_text(s, "version"));
    render_text(r, STYLE_PLAIN, ", process %" JSON_INTEGER_FORMAT ", up %s, ", int_at(s, "pid"), up);
    if (json_is_true(json_object_get(s, "ready")))
        render_text(r, STYLE_GOOD, "ready\n");
    else
        render_text(r, STYLE_BAD, "not ready: %s\n", ask_text(s, "reason"));
}

static void print_scripts(const struct render *r, const json_t *g)
{
    char time[RENDER_TIME_SIZE];
    json_int_t integrations = int_at(g, "integrations"), webhooks = int_at(g, "webhooks"), flows = int_at(g, "flows");
    render_time_text(r, ask_text(g, "loaded_at"), time);
    render_text(r, STYLE_DIM, "%-12s", "scripts");
    render_text(r, STYLE_PLAIN,
                "%" JSON_INTEGER_FORMAT " integration%s, %" JSON_INTEGER_FORMAT " webhook%s, %" JSON_INTEGER_FORMAT
                " flow%s, generation %" JSON_INTEGER_FORMAT " loaded %s\n",
                integrations, plural(integrations), webhooks, plural(webhooks), flows, plural(flows),
                int_at(g, "number"), time);
}

/* Only when the last one failed. */
static void print_failed_reload(const struct render *r, const json_t *reloads)
{
    char time[RENDER_TIME_SIZE];
    const json_t *mistakes = json_object_get(reloads, "mistakes");
    size_t n = json_array_size(mistakes);
    render_time_text(r, ask_text(reloads, "failed_at"), time);
    if (time[0] == '\0')
        return;
    render_text(r, STYLE_BAD, "%-12sfailed %s, %zu mistake%s; those before are in force still\n", "reload", time, n,
                plural((json_int_t)n));
    for (size_t i = 0; i < n; i++)
        render_text(r, STYLE_PLAIN, "%-12s%s\n", "", ask_text_of(json_array_get(mistakes, i)));
}

static void print_counters(const struct render *r, const json_t *c)
{
    json_int_t duplicates = int_at(c, "duplicates"), retries = int_at(c, "retries"), unknown = int_at(c, "unknown");
    render_text(r, STYLE_DIM, "%-12s", "events");
    render_text(r, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT " accepted", int_at(c, "events"));
    if (duplicates > 0)
        render_text(r, STYLE_PLAIN, ", %" JSON_INTEGER_FORMAT " duplicate%s", duplicates, plural(duplicates));
    render_text(r, STYLE_DIM, "\n%-12s", "deliveries");
    render_text(r, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT " accepted, %" JSON_INTEGER_FORMAT " succeeded, ",
                int_at(c, "deliveries"), int_at(c, "succeeded"));
    render_text(r, int_at(c, "failed") > 0 ? STYLE_BAD : STYLE_PLAIN, "%" JSON_INTEGER_FORMAT " failed",
                int_at(c, "failed"));
    if (unknown > 0)
        render_text(r, STYLE_WARN, ", %" JSON_INTEGER_FORMAT " unknown", unknown);
    render_text(r, STYLE_DIM, "\n%-12s", "attempts");
    render_text(r, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, int_at(c, "attempts"));
    if (retries > 0)
        render_text(r, STYLE_PLAIN, ", %" JSON_INTEGER_FORMAT " of them %s", retries,
                    retries == 1 ? "a retry" : "retries");
    fputc('\n', r->out);
}

static void print_some(const struct render *r, enum style style, const json_t *runs, const char *what)
{
    json_int_t n = int_at(runs, what);
    if (n > 0)
        render_text(r, style, ", %" JSON_INTEGER_FORMAT " %s", n, what);
}

/* Nothing where no flow has anything to do. */
static void print_runs(const struct render *r, const json_t *runs)
{
    char due[RENDER_TIME_SIZE];
    render_time_text(r, ask_text(runs, "next_due_at"), due);
    if (int_at(runs, "started") + int_at(runs, "in_memory") == 0 && due[0] == '\0')
        return;
    render_text(r, STYLE_DIM, "%-12s", "runs");
    render_text(r, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT " started", int_at(runs, "started"));
    print_some(r, STYLE_PLAIN, runs, "succeeded");
    print_some(r, STYLE_BAD, runs, "failed");
    print_some(r, STYLE_BAD, runs, "parked");
    print_some(r, STYLE_PLAIN, runs, "canceled");
    if (due[0] != '\0')
        render_text(r, STYLE_PLAIN, ", the next goes on %s", due);
    fputc('\n', r->out);
}

/* Null while what was pending at the start is being counted. */
static void add_total(struct table *t, const json_t *lane, const char *key)
{
    if (json_is_integer(json_object_get(lane, key)))
        table_add(t, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, int_at(lane, key));
    else
        table_add(t, STYLE_DIM, "?");
}

static void add_lane(struct table *t, const struct render *r, const json_t *lane)
{
    char paused[RENDER_TIME_SIZE];
    const json_t *rate = json_object_get(lane, "rate");
    render_time_text(r, ask_text(lane, "paused_until"), paused);
    table_add(t, STYLE_PLAIN, "%s%s", ask_text(lane, "name"),
              json_is_true(json_object_get(lane, "removed")) ? " (removed)" : "");
    add_total(t, lane, "queued");
    table_add(t, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, int_at(lane, "in_flight"));
    add_total(t, lane, "waiting");
    if (json_is_number(rate))
        table_add(t, STYLE_PLAIN, "%.6g/s", json_number_value(rate));
    else
        table_add(t, STYLE_DIM, "no limit");
    table_add(t, STYLE_WARN, "%s",
              json_is_true(json_object_get(lane, "paused")) && *paused == '\0' ? "it is resumed" : paused);
}

/* "waiting" is for a retry. */
static int print_lanes(const struct render *r, const json_t *lanes)
{
    static const char *const titles[] = {"INTEGRATION", "QUEUED", "IN FLIGHT", "TO RETRY", "RATE", "PAUSED UNTIL"};
    struct table t;
    if (json_array_size(lanes) == 0)
        return 0;
    table_init(&t, titles, sizeof titles / sizeof *titles);
    for (size_t i = 0; i < json_array_size(lanes); i++)
        add_lane(&t, r, json_array_get(lanes, i));
    fputc('\n', r->out);
    int rc = table_print(&t, r);
    table_fini(&t);
    return rc;
}

static int print(const json_t *s)
{
    struct render r;
    json_int_t pending = int_at(json_object_get(s, "store"), "pending_writes");
    render_init(&r, stdout);
    print_head(&r, s);
    print_scripts(&r, json_object_get(s, "generation"));
    print_failed_reload(&r, json_object_get(s, "reloads"));
    print_counters(&r, json_object_get(s, "counters"));
    print_runs(&r, json_object_get(s, "runs"));
    if (pending > 0)
        render_text(&r, STYLE_PLAIN, "%-12s%" JSON_INTEGER_FORMAT " not yet on disk\n", "writes", pending);
    if (print_lanes(&r, json_object_get(s, "integrations")) == 0)
        return EXIT_OK;
    cli_say("status", "out of memory");
    return EXIT_FAILED;
}

int command_status(int argc, char **argv)
{
    const char *state = cli_default_state();
    bool json = false;
    struct client_answer a;
    json_t *root;
    const struct cli_option options[] = {CLI_STATE(&state), CLI_JSON(&json)};
    const struct cli_line line = {
        .command = "status",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    struct ask q = {.command = "status", .state = state, .method = "GET"};
    code = ask_json(&q, "/v1/status", &a, &root);
    if (code != EXIT_OK)
        return code;
    if (json)
        ask_print(&a);
    else
        code = print(root);
    json_decref(root);
    buf_fini(&a.body);
    return code;
}
