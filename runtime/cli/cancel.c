#include "cli/cli.h"
#include "cli/order.h"

#include <getopt.h>

static const char help[] =
    "anzol cancel 0192f0c1-2b3c-7d4e-8f50-61728394a5b6\n"
    "anzol runs --flow checkout --state sleeping --json | jq -r '.runs[].id' | xargs -r anzol cancel\n"
    "\n"
    "Ends runs that have not ended: what they sleep or wait for is forgotten. A delivery that was asked for goes its "
    "way.\n"
    "\n"
    "  ID…                     of runs, as in 'anzol runs'\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answers as they are, one a line\n"
    "  -h, --help\n";

int command_cancel(int argc, char **argv)
{
    struct order o = {.command = "cancel", .query = "", .state = cli_default_state()};
    const struct cli_option options[] = {CLI_STATE(&o.state), CLI_JSON(&o.json)};
    const struct cli_line line = {
        .command = "cancel",
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
    return order_run(&o, argv + optind, argc - optind);
}
