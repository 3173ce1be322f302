#include "cli/order.h"

#include "cli/ask.h"
#include "cli/cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

/* The command as it was given. */
struct given {
    const char *command;
    const char *state;
    bool json, current;
};

static int one(const struct given *g, const char *id, bool several)
{
    struct client_answer a;
    json_t *root;
    char path[64 + UUID_TEXT_SIZE];
    struct ask q = {.command = g->command, .state = g->state, .method = "POST", .about = several ? id : NULL};
    snprintf(path, sizeof path, "/v1/runs/%s/%s%s", id, g->command, g->current ? "?scripts=current" : "");
    int code = ask_json(&q, path, &a, &root);
    if (code != EXIT_OK)
        return code;
    if (g->json)
        ask_print(&a);
    else
        printf("%s  %s\n", ask_text(root, "id"), ask_text(root, "state"));
    json_decref(root);
    buf_fini(&a.body);
    return EXIT_OK;
}

/* Nothing is done when one of them is no id. */
static int each(const struct given *g, char *const *ids, int count)
{
    char id[UUID_TEXT_SIZE];
    int code = EXIT_OK;
    for (int i = 0; i < count; i++)
        if (!cli_id(g->command, CLI_RUN, ids[i], id))
            return EXIT_USAGE;
    for (int i = 0; i < count; i++) {
        if (!cli_id(g->command, CLI_RUN, ids[i], id))
            return EXIT_USAGE;
        int now = one(g, id, count > 1);
        if (now == EXIT_UNREACHABLE)
            return now;
        code = now != EXIT_OK ? now : code;
    }
    return code;
}

int order_command(const struct order *o, int argc, char **argv)
{
    struct given g = {.command = o->command, .state = cli_default_state()};
    const struct cli_option options[] = {
        CLI_STATE(&g.state), CLI_JSON(&g.json), {.name = "current", .flag = &g.current}};
    const struct cli_line line = {
        .command = o->command,
        .help = o->help,
        .operands = "ID",
        .operands_min = 1,
        .operands_max = -1,
        .options = options,
        .option_count = o->has_current ? 3 : 2,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    return each(&g, argv + optind, argc - optind);
}
