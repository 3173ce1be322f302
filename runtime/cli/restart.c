#include "cli/cli.h"
#include "cli/order.h"

static const char help[] = "anzol restart 0192f0c1-2b3c-7d4e-8f50-61728394a5b6\n"
                           "\n"
                           "Begins runs that have ended once more: new runs of the same flows, from the same events, "
                           "under the scripts of now.\n"
                           "Everything is done again. Prints the ids of the new ones.\n"
                           "\n"
                           "  ID…                     of runs, as in 'anzol runs'\n"
                           "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
                           "      --json              the daemon's answers as they are, one a line\n"
                           "  -h, --help\n";

int command_restart(int argc, char **argv)
{
    const struct order o = {.command = "restart", .help = help};
    return order_command(&o, argc, argv);
}
