#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/exchange.h"

#include <getopt.h>
#include <jansson.h>

static const char help[] = "anzol show 0192f0c1-2b3c-7d4e-8f50-61728394a5b6\n"
                           "anzol show 0192f0c1-2b3c-7d4e-8f50-61728394a5b6 --json | jq .attempts\n"
                           "\n"
                           "One delivery: its request as it was stored, every attempt with what was answered, the "
                           "variables read from the answer.\n"
                           "\n"
                           "  ID                      of the delivery, as in 'anzol deliveries'\n"
                           "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
                           "      --json              the daemon's answer as it is\n"
                           "  -h, --help\n";

static int print(const char *state, const char *path, bool json)
{
    struct client_answer a;
    json_t *root;
    struct render r;
    struct ask q = {.command = "show", .state = state, .method = "GET"};
    int code = ask_json(&q, path, &a, &root);
    if (code != EXIT_OK)
        return code;
    render_init(&r, stdout);
    if (json)
        ask_print(&a);
    else
        exchange_print_delivery(&r, root, buf_view(&a.body));
    json_decref(root);
    buf_fini(&a.body);
    return EXIT_OK;
}

int command_show(int argc, char **argv)
{
    const char *state = cli_default_state();
    bool json = false;
    char path[64 + UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    const struct cli_option options[] = {CLI_STATE(&state), CLI_JSON(&json)};
    const struct cli_line line = {
        .command = "show",
        .help = help,
        .operands = "ID",
        .operands_min = 1,
        .operands_max = 1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    if (!cli_delivery_id("show", argv[optind], id))
        return EXIT_USAGE;
    snprintf(path, sizeof path, "/v1/deliveries/%s", id);
    return print(state, path, json);
}
