#include "cli/cli.h"
#include "cli/order.h"

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
    const struct order o = {.command = "resume", .help = help, .has_current = true};
    return order_command(&o, argc, argv);
}
