#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/exchange.h"
#include "cli/journal.h"

#include <getopt.h>
#include <jansson.h>

static const char help[] = "anzol show 0192f0c1-2b3c-7d4e-8f50-61728394a5b6\n"
                           "anzol show 0192f0c1-2b3c-7d4e-8f50-61728394a5b6 --json | jq .attempts\n"
                           "anzol show 0192f0c1-2b3c-7d4e-8f50-61728394a5b6 --full    what a run got, too\n"
                           "\n"
                           "One delivery: its request as it was stored, every attempt with what was answered, the "
                           "variables read from the answer.\n"
                           "Or one run of a flow: how it stands, and its steps.\n"
                           "\n"
                           "  ID                      as in 'anzol deliveries' or 'anzol runs'\n"
                           "      --full              of a run: with its event, the answers to its calls, the events "
                           "it waited for\n"
                           "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
                           "      --json              the daemon's answer as it is\n"
                           "  -h, --help\n";

struct show {
    const char *state;
    bool full, json;
};

enum what { DELIVERY, RUN, NEITHER };

/* Where there is one of this id, its answer is in `a`. */
static int find(const struct show *o, const char *id, enum what *what, struct client_answer *a)
{
    static const char *const paths[] = {[DELIVERY] = "/v1/deliveries/", [RUN] = "/v1/runs/"};
    char path[64 + UUID_TEXT_SIZE];
    for (*what = DELIVERY; *what != NEITHER; (*what)++) {
        struct ask q = {.command = "show", .state = o->state, .method = "GET", .fine = 404};
        snprintf(path, sizeof path, "%s%s", paths[*what], id);
        int code = ask(&q, path, a);
        if (code != EXIT_OK || a->status != 404)
            return code;
        buf_fini(&a->body);
    }
    cli_say("show", "no delivery or run %s", id);
    return EXIT_FAILED;
}

static int print(enum what what, const struct client_answer *a, bool full)
{
    struct render r;
    json_t *root = ask_parse(a);
    int rc = 0;
    if (root == NULL) {
        cli_say("show", "the daemon's answer is not JSON");
        return EXIT_FAILED;
    }
    render_init(&r, stdout);
    if (what == DELIVERY)
        exchange_print_delivery(&r, root, buf_view(&a->body));
    else
        rc = journal_print(&r, root, buf_view(&a->body), full);
    if (rc != 0)
        cli_say("show", "out of memory");
    json_decref(root);
    return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static int show(const struct show *o, const char *id)
{
    struct client_answer a;
    enum what what;
    int code = find(o, id, &what, &a);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        ask_print(&a);
    else
        code = print(what, &a, o->full);
    buf_fini(&a.body);
    return code;
}

int command_show(int argc, char **argv)
{
    struct show o = {.state = cli_default_state()};
    char id[UUID_TEXT_SIZE];
    const struct cli_option options[] = {{.name = "full", .flag = &o.full}, CLI_STATE(&o.state), CLI_JSON(&o.json)};
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
    if (!cli_id("show", CLI_EITHER, argv[optind], id))
        return EXIT_USAGE;
    return show(&o, id);
}
