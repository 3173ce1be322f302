#include "cli/cli.h"

#define DAEMON  "the daemon"
#define SCRIPTS "scripts"
#define ENTERS  "what enters"
#define LOG     "what became of it"
#define BY_HAND "by hand"
#define EXPLORE "to explore"
#define BESIDE  "beside it"

static const struct command commands[] = {
    {"run", "PATH…", "loads scripts, listens, delivers", command_run, DAEMON},
    {"dev", "PATH…", "the same with a receiver of its own, on this terminal", command_dev, DAEMON},
    {"reload", "", "loads the scripts anew", command_reload, DAEMON},
    {"status", "", "what it is doing", command_status, DAEMON},
    {"check", "PATH…", "loads scripts and reports every mistake; sends nothing", command_check, SCRIPTS},
    {"list", "", "what is defined: integrations, their webhooks, flows", command_list, SCRIPTS},
    {"preview", "WEBHOOK", "the request as it would be sent, secrets masked", command_preview, SCRIPTS},
    {"stubs", "", "what scripts may say, as definitions for editors", command_stubs, SCRIPTS},
    {"template", "TEXT", "one template rendered", command_template, SCRIPTS},
    {"emit", "EVENT", "an event to the daemon", command_emit, ENTERS},
    {"send", "WEBHOOK", "one delivery now, the exchange shown", command_send, ENTERS},
    {"deliveries", "", "the log of deliveries", command_deliveries, LOG},
    {"runs", "", "the runs of flows", command_runs, LOG},
    {"show", "ID", "one delivery with every attempt, or one run with every step", command_show, LOG},
    {"resend", "ID", "sends a finished delivery again", command_resend, BY_HAND},
    {"resume", "ID…", "lets a failed or parked run go on", command_resume, BY_HAND},
    {"restart", "ID…", "begins a run that has ended once more", command_restart, BY_HAND},
    {"cancel", "ID…", "ends a run", command_cancel, BY_HAND},
    {"repl", "[PATH…]", "a daemon of its own and a console in it: nothing leaves this machine", command_repl, EXPLORE},
    {"attach", "", "talks Lua to the daemon, line by line", command_attach, EXPLORE},
    {"eval", "CODE", "one piece of Lua evaluated in the daemon", command_eval, EXPLORE},
    {"listen", "", "a receiver that prints what it gets and answers as told", command_listen, BESIDE},
};

int main(int argc, char **argv)
{
    return cli_main(commands, sizeof commands / sizeof *commands, argc, argv);
}
