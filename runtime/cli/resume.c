#include "cli/cli.h"
#include "cli/order.h"

#include <getopt.h>

static const char help[] =
    "anzol resume 0192f0c1-2b3c-7d4e-8f50-61728394a5b6\n"
    "anzol reload && anzol resume 0192f0c1-2b3c-7d4e-8f50-61728394a5b6 --current\n"
    "\n"
    "Lets failed or parked runs go on: the steps in their journal are not done again.\n"
    "\n"
    "  ID…                     of runs, as in 'anzol runs'\n"
    "      --current           under the scripts of now, instead of those that the run began under\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answers as they are, one a line\n"
    "  -h, --help\n";

int command_resume(int argc, char **argv)
{
    struct order o = {.command = "resume", .query = "", .state = cli_default_state()};
    bool current = false;
    const struct cli_option options[] = {{.name = "current", .flag = &current}, CLI_STATE(&o.state), CLI_JSON(&o.json)};
    const struct cli_line line = {
        .command = "resume",
        .help = help,
        .operands = "ID",
        .operands_min = 1,
        .operands_max = -1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    o.query = current ? "?scripts=current" : "";
    return order_run(&o, argv + optind, argc - optind);
}
