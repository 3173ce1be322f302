#include "cli/cli.h"
#include "cli/order.h"

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
    const struct order o = {.command = "cancel", .help = help};
    return order_command(&o, argc, argv);
}
