#include "cli/cli.h"
#include "cli/repl_ui.h"

static const char help[] =
    "anzol attach\n"
    "anzol attach --state /var/lib/anzol\n"
    "anzol attach < commands.lua               without a terminal: each chunk in turn, 1 when one fails\n"
    "\n"
    "Talks to the running daemon in Lua: its webhooks, deliveries and runs, and what your scripts define. Each "
    "who attaches has variables of its own.\n"
    "\n"
    "  Tab                     completes; again: what there is\n"
    "  Ctrl-C                  drops what is typed; cancels what runs, a second time: hangs up\n"
    "  Ctrl-D                  leaves; the daemon goes on\n"
    "  Ctrl-R                  looks for what was typed before; a line that begins with a space is not kept\n"
    "\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "  -h, --help\n"
    "\n"
    "Keys are those of libedit, ~/.editrc is honoured. What is typed is kept in $XDG_STATE_HOME/anzol/history, or "
    "~/.local/state/anzol/history.\n";

int command_attach(int argc, char **argv)
{
    const char *state = cli_default_state();
    const struct cli_option options[] = {CLI_STATE(&state)};
    const struct cli_line line = {
        .command = "attach",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    return repl_ui_run(&(struct repl_ui){.command = "attach", .state = state, .log_fd = -1});
}
