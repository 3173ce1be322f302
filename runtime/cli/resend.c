#include "cli/ask.h"
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "anzol resend 0192f0c1-2b3c-7d4e-8f50-61728394a5b6\n"
    "anzol deliveries --state failed --json | jq -r '.deliveries[].id' | xargs -n1 anzol resend\n"
    "\n"
    "Sends a finished delivery again: the same bytes under the same transactional id.\n"
    "\n"
    "  ID                      of the delivery, as in 'anzol deliveries'\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answer as it is\n"
    "  -h, --help\n";

static int resend(const char *state, const char *id, bool json)
{
    struct client_answer a;
    char path[64 + UUID_TEXT_SIZE];
    struct ask q = {.command = "resend", .state = state, .method = "POST"};
    snprintf(path, sizeof path, "/v1/deliveries/%s/resend", id);
    int code = ask(&q, path, &a);
    if (code != EXIT_OK)
        return code;
    if (json)
        ask_print(&a);
    else
        printf("%s  queued\n", id);
    buf_fini(&a.body);
    return EXIT_OK;
}

int command_resend(int argc, char **argv)
{
    const char *state = cli_default_state();
    bool json = false;
    char id[UUID_TEXT_SIZE];
    const struct cli_option options[] = {CLI_STATE(&state), CLI_JSON(&json)};
    const struct cli_line line = {
        .command = "resend",
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
    if (!cli_id("resend", CLI_DELIVERY, argv[optind], id))
        return EXIT_USAGE;
    return resend(state, id, json);
}
