#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/hint.h"
#include "cli/table.h"
#include "core/delivery.h"
#include "core/nearest.h"
#include "core/units.h"
#include "net/server.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "anzol deliveries                          the latest\n"
    "anzol deliveries --state failed           queued, sending, waiting, succeeded, failed, unknown or canceled\n"
    "anzol deliveries --webhook order_paid --since 1h\n"
    "anzol deliveries --json | jq -r '.deliveries[].id'\n"
    "\n"
    "The log of deliveries, the newest first.\n"
    "\n"
    "      --webhook NAME      of this webhook\n"
    "      --state STATE       in this state; with a folder instead: the daemon's folder, as in the other commands\n"
    "      --since TIME        accepted at or after: 2026-11-23T10:00:00Z, 2026-11-23, or 1h (ago)\n"
    "      --until TIME        accepted before\n"
    "      --limit N           how many a page (default 100, at most 1000)\n"
    "      --cursor CURSOR     the next page, as the last one said\n"
    "  -s, --state-dir DIR     the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answer as it is\n"
    "  -h, --help\n";

struct deliveries {
    const char *folder, *webhook, *state, *since, *until, *cursor;
    struct cli_texts states;
    int limit;
    bool json;
};

/* --- what is asked --------------------------------------------------------------------------------------------- */

static const char *nearest_state(const char *typed)
{
    const char *names[DELIVERY_STATE_COUNT];
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++)
        names[i] = delivery_state_name((enum delivery_state)i);
    return nearest(typed, names, DELIVERY_STATE_COUNT);
}

static bool is_folder(const char *text)
{
    struct stat st;
    return strchr(text, '/') != NULL || text[0] == '.' || (stat(text, &st) == 0 && S_ISDIR(st.st_mode));
}

/* --state is the daemon's folder in every command, and what people type here for a delivery's state: the value tells.
 */
static int take_states(struct deliveries *o)
{
    for (size_t i = 0; i < o->states.count; i++) {
        const char *text = o->states.items[i];
        enum delivery_state state;
        if (delivery_state_parse(bytes_of(text), &state) == 0)
            o->state = text;
        else if (is_folder(text))
            o->folder = text;
        else {
            const char *near = nearest_state(text);
            return near != NULL ? cli_misuse("deliveries", "no state '%s'; did you mean '%s'?", text, near)
                                : cli_misuse("deliveries", "'%s' is neither a state of deliveries nor a folder", text);
        }
    }
    return -1;
}

static void add(struct buf *path, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_append_char(path, memchr(path->data, '?', path->len) == NULL ? '?' : '&');
    buf_append_str(path, name);
    buf_append_char(path, '=');
    ask_append(path, value);
}

/* "1h" is "-1h" to the API. */
static void add_time(struct buf *path, const char *name, const char *value)
{
    int64_t ms;
    struct buf ago;
    if (value == NULL || units_parse_duration(bytes_of(value), &ms) != 0) {
        add(path, name, value);
        return;
    }
    buf_init(&ago);
    buf_printf(&ago, "-%s", value);
    add(path, name, buf_cstr(&ago));
    buf_fini(&ago);
}

static const char *compose(struct buf *path, const struct deliveries *o)
{
    char limit[16];
    snprintf(limit, sizeof limit, "%d", o->limit);
    if (buf_append_str(path, "/v1/deliveries") != 0)
        return NULL;
    add(path, "webhook", o->webhook);
    add(path, "state", o->state);
    add_time(path, "since", o->since);
    add_time(path, "until", o->until);
    add(path, "limit", o->limit > 0 ? limit : NULL);
    add(path, "cursor", o->cursor);
    return buf_cstr(path);
}

/* --- what is shown --------------------------------------------------------------------------------------------- */

static void add_result(struct table *t, const struct render *r, const json_t *d)
{
    char next[RENDER_TIME_SIZE];
    const json_t *error = json_object_get(d, "error");
    int status = (int)json_integer_value(json_object_get(d, "status"));
    const char *state = ask_text(d, "state"), *kind = ask_text(error, "kind"), *message = ask_text(error, "message");
    /* A webhook may have a rule of its own for what succeeds. */
    enum style style = strcmp(state, "succeeded") == 0  ? STYLE_GOOD
                       : kind[0] == '\0' && status != 0 ? style_of_status(status)
                                                        : STYLE_BAD;
    char code[16] = "";
    if (status != 0)
        snprintf(code, sizeof code, "%d", status);
    render_time_text(r, ask_text(d, "next_attempt_at"), next);
    bool waits = strcmp(state, "waiting") == 0 && next[0] != '\0';
    table_add(t, style, "%s%s%s%s%s%s%s%s", waits ? "next at " : "", waits ? next : "",
              waits && (status != 0 || kind[0] != '\0') ? " after " : "", code,
              status != 0 && kind[0] != '\0' ? " " : "", kind, message[0] != '\0' ? ": " : "", message);
}

static void add_row(struct table *t, const struct render *r, const json_t *d)
{
    char time[RENDER_TIME_SIZE];
    const char *state = ask_text(d, "state");
    render_time_text(r, ask_text(d, "created_at"), time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(d, "id"));
    table_add(t, STYLE_DIM, "%s", time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(d, "webhook"));
    table_add(t, style_of_state(state), "%s", state);
    table_add(t, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "attempt_count")));
    add_result(t, r, d);
}

/* Of a webhook that is no more there may be some; of a name that never was there are none. */
static void say_none(const struct deliveries *o)
{
    char hint[HINT_SIZE];
    if (o->webhook == NULL || hint_known(o->folder, "name", o->webhook, hint))
        cli_say("deliveries", "none");
    else
        cli_say("deliveries", "none, and there is no webhook '%s'%s", o->webhook, hint);
}

static int print(const struct deliveries *o, const json_t *root)
{
    static const char *const titles[] = {"ID", "TIME", "WEBHOOK", "STATE", "TRIES", "RESULT"};
    struct render r;
    struct table t;
    const json_t *list = json_object_get(root, "deliveries");
    if (json_array_size(list) == 0) {
        say_none(o);
        return EXIT_OK;
    }
    render_init(&r, stdout);
    table_init(&t, titles, sizeof titles / sizeof *titles);
    for (size_t i = 0; i < json_array_size(list); i++)
        add_row(&t, &r, json_array_get(list, i));
    int rc = table_print(&t, &r);
    table_fini(&t);
    if (rc != 0)
        cli_say("deliveries", "out of memory");
    else if (ask_text(root, "next")[0] != '\0')
        cli_say("deliveries", "there are more; the next page: the same with --cursor %s", ask_text(root, "next"));
    return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static int list(const struct deliveries *o, const char *path)
{
    struct client_answer a;
    json_t *root;
    struct ask q = {.command = "deliveries", .state = o->folder, .method = "GET"};
    int code = ask_json(&q, path, &a, &root);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        ask_print(&a);
    else
        code = print(o, root);
    json_decref(root);
    buf_fini(&a.body);
    return code;
}

static int run(struct deliveries *o)
{
    struct buf path;
    int code = take_states(o);
    if (code >= 0)
        return code;
    buf_init(&path);
    const char *text = compose(&path, o);
    if (text != NULL)
        code = list(o, text);
    else {
        cli_say("deliveries", "out of memory");
        code = EXIT_FAILED;
    }
    buf_fini(&path);
    return code;
}

int command_deliveries(int argc, char **argv)
{
    struct deliveries o = {.folder = cli_default_state()};
    const struct cli_option options[] = {
        {.name = "webhook", .text = &o.webhook},
        {.name = "state", .texts = &o.states},
        {.name = "since", .time = &o.since},
        {.name = "until", .time = &o.until},
        {.name = "limit", .number = &o.limit, .most = API_PAGE_MAX},
        {.name = "cursor", .text = &o.cursor},
        {.name = "state-dir", .letter = 's', .text = &o.folder},
        CLI_JSON(&o.json),
    };
    const struct cli_line line = {
        .command = "deliveries",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    return code >= 0 ? code : run(&o);
}
