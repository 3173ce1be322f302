#include "cli/daemon.h"

#include <getopt.h>

static const char help[] =
    "anzol run scripts                         load the folder's scripts, listen, deliver\n"
    "anzol run shop.lua --state /var/lib/anzol --env-file /etc/anzol.env\n"
    "\n"
    "The daemon. Events come in over HTTP (POST /v1/events) or with 'anzol emit'.\n"
    "\n"
    "  PATH…                   scripts: files, or folders of *.lua\n"
    "  -l, --listen ADDRESS    where the API listens (default 127.0.0.1:8020)\n"
    "  -s, --state DIR         database, token, address (default .anzol, or $ANZOL_STATE)\n"
    "  -w, --watch             load the scripts anew when their files change\n"
    "      --env-file FILE     NAME=VALUE lines for secret and env; may be given again\n"
    "      --keep DURATION     how long finished deliveries are kept (default 30d; 0: for ever)\n"
    "      --ca-file FILE      certificates to trust instead of the system's\n"
    "      --log-level LEVEL   debug, info, warn or error (default info)\n"
    "      --log-format FORMAT text or json (default: text on a terminal)\n"
    "  -h, --help\n"
    "\n"
    "SIGHUP and 'anzol reload' load the scripts anew; with a mistake in them, those in force stay.\n"
    "SIGTERM and SIGINT end it when what is in flight has ended; a second one ends it at once.\n"
    "Exit codes: 0 ended as asked, 1 failed, 2 usage, 78 the scripts do not load.\n";

int command_run(int argc, char **argv)
{
    struct daemon_options o;
    struct cli_option options[DAEMON_OPTIONS];
    daemon_options_init(&o, options);
    const struct cli_line line = {
        .command = "run",
        .help = help,
        .operands = "PATH…",
        .operands_min = 1,
        .operands_max = -1,
        .options = options,
        .option_count = DAEMON_OPTIONS,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    o.paths = (const char *const *)&argv[optind];
    o.path_count = (size_t)(argc - optind);
    return daemon_run(&o, "run", NULL);
}
