#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/render.h"

#include <jansson.h>

static const char help[] = "anzol reload\n"
                           "anzol reload --json | jq .changed\n"
                           "\n"
                           "Has the daemon load its scripts anew. With a mistake in them it goes on with those it has. "
                           "What is under way goes on as it began.\n"
                           "\n"
                           "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
                           "      --wait              as without: it waits until they are in force, or refused\n"
                           "      --json              the daemon's answer as it is\n"
                           "  -h, --help\n"
                           "\n"
                           "Exit codes: 0 loaded, 78 there are mistakes.\n";

/* As `anzol check` says them. Returns how many. */
static size_t say_lines(const json_t *lines)
{
    struct render r;
    render_init(&r, stderr);
    for (size_t i = 0; i < json_array_size(lines); i++)
        render_text(&r, STYLE_PLAIN, "%s\n", ask_text_of(json_array_get(lines, i)));
    return json_array_size(lines);
}

static void print_count(const json_t *root, const char *key, const char *one, const char *after)
{
    json_int_t n = json_integer_value(json_object_get(root, key));
    printf("%" JSON_INTEGER_FORMAT " %s%s%s", n, one, n == 1 ? "" : "s", after);
}

static void print_loaded(const struct client_answer *a)
{
    json_t *root = ask_parse(a);
    say_lines(json_object_get(root, "warnings"));
    printf("%s\n", ask_text(root, "changes"));
    print_count(root, "integrations", "integration", ", ");
    print_count(root, "webhooks", "webhook", ", ");
    print_count(root, "flows", "flow", ": ");
    printf("generation %" JSON_INTEGER_FORMAT " after %.0f ms\n",
           json_integer_value(json_object_get(root, "generation")),
           json_number_value(json_object_get(root, "took_ms")));
    json_decref(root);
}

static void say_mistakes(const struct client_answer *a)
{
    json_t *root = ask_parse(a);
    size_t n = say_lines(json_object_get(root, "errors"));
    cli_say("reload", "%zu mistake%s; the daemon goes on with the scripts that it has", n, n == 1 ? "" : "s");
    json_decref(root);
}

int command_reload(int argc, char **argv)
{
    const char *state = cli_default_state();
    bool json = false, wait;
    struct client_answer a;
    const struct cli_option options[] = {{.name = "wait", .flag = &wait}, CLI_STATE(&state), CLI_JSON(&json)};
    const struct cli_line line = {
        .command = "reload",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    struct ask q = {.command = "reload", .state = state, .method = "POST", .fine = 422};
    code = ask(&q, "/v1/reload", &a);
    if (code != EXIT_OK)
        return code;
    bool bad = a.status == 422;
    if (json)
        ask_print(&a);
    else if (bad)
        say_mistakes(&a);
    else
        print_loaded(&a);
    buf_fini(&a.body);
    return bad ? EXIT_SCRIPTS : EXIT_OK;
}
