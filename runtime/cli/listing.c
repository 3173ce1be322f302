#include "cli/listing.h"

#include "cli/ask.h"
#include "cli/cli.h"
#include "core/nearest.h"
#include "core/units.h"
#include "net/server.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

struct asked {
    const struct listing *l;
    const char *folder, *of, *state, *since, *until, *cursor;
    struct cli_texts states;
    int limit;
    bool json;
};

/* --- what is asked --------------------------------------------------------------------------------------------- */

static bool is_state(const struct listing *l, const char *text)
{
    for (size_t i = 0; i < l->state_count; i++)
        if (strcmp(l->states[i], text) == 0)
            return true;
    return false;
}

static bool is_folder(const char *text)
{
    struct stat st;
    return strchr(text, '/') != NULL || text[0] == '.' || (stat(text, &st) == 0 && S_ISDIR(st.st_mode));
}

/* --state is the daemon's folder in every command, and what people type here for a delivery's state: the value tells.
 */
static int take_states(struct asked *o)
{
    const struct listing *l = o->l;
    for (size_t i = 0; i < o->states.count; i++) {
        const char *text = o->states.items[i];
        if (is_state(l, text))
            o->state = text;
        else if (is_folder(text))
            o->folder = text;
        else {
            const char *near = nearest(text, l->states, l->state_count);
            return near != NULL
                       ? cli_misuse(l->command, "no state '%s'; did you mean '%s'?", text, near)
                       : cli_misuse(l->command, "'%s' is neither a state of %s nor a folder", text, l->command);
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

static const char *compose(struct buf *path, const struct asked *o)
{
    char limit[16];
    snprintf(limit, sizeof limit, "%d", o->limit);
    if (buf_printf(path, "/v1/%s", o->l->command) != 0)
        return NULL;
    add(path, o->l->of, o->of);
    add(path, "state", o->state);
    add_time(path, "since", o->since);
    add_time(path, "until", o->until);
    add(path, "limit", o->limit > 0 ? limit : NULL);
    add(path, "cursor", o->cursor);
    return buf_cstr(path);
}

/* --- what is shown --------------------------------------------------------------------------------------------- */

/* Of a webhook that is no more there may be some; of a name that never was there are none. */
static void say_none(const struct asked *o)
{
    char hint[HINT_SIZE];
    if (o->of == NULL || hint_known(o->folder, o->l->hint, o->of, hint))
        cli_say(o->l->command, "none");
    else
        cli_say(o->l->command, "none, and there is no %s '%s'%s", o->l->of, o->of, hint);
}

static int print(const struct asked *o, const json_t *root)
{
    const struct listing *l = o->l;
    struct render r;
    struct table t;
    const json_t *list = json_object_get(root, l->command);
    if (json_array_size(list) == 0) {
        say_none(o);
        return EXIT_OK;
    }
    render_init(&r, stdout);
    table_init(&t, l->titles, l->columns);
    for (size_t i = 0; i < json_array_size(list); i++)
        l->add_row(&t, &r, json_array_get(list, i));
    int rc = table_print(&t, &r);
    table_fini(&t);
    if (rc != 0)
        cli_say(l->command, "out of memory");
    else if (ask_text(root, "next")[0] != '\0')
        cli_say(l->command, "there are more; the next page: the same with --cursor %s", ask_text(root, "next"));
    return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static int list(const struct asked *o, const char *path)
{
    struct client_answer a;
    json_t *root;
    struct ask q = {.command = o->l->command, .state = o->folder, .method = "GET"};
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

static int run(struct asked *o)
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
        cli_say(o->l->command, "out of memory");
        code = EXIT_FAILED;
    }
    buf_fini(&path);
    return code;
}

int listing_command(const struct listing *l, int argc, char **argv)
{
    struct asked o = {.l = l, .folder = cli_default_state()};
    const struct cli_option options[] = {
        {.name = l->of, .text = &o.of},
        {.name = "state", .texts = &o.states},
        {.name = "since", .time = &o.since},
        {.name = "until", .time = &o.until},
        {.name = "limit", .number = &o.limit, .most = API_PAGE_MAX},
        {.name = "cursor", .text = &o.cursor},
        {.name = "state-dir", .letter = 's', .text = &o.folder},
        CLI_JSON(&o.json),
    };
    const struct cli_line line = {
        .command = l->command,
        .help = l->help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    return code >= 0 ? code : run(&o);
}
