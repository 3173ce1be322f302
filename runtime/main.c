#include "cli/cli.h"

static const struct command commands[] = {
    {"run", "PATH…", "the daemon: loads scripts, listens, delivers", command_run},
    {"dev", "PATH…", "the daemon with a receiver of its own, on this terminal", command_dev},
    {"check", "PATH…", "loads scripts and reports every mistake; sends nothing", command_check},
    {"preview", "WEBHOOK", "the request as it would be sent, secrets masked", command_preview},
    {"template", "TEXT", "one template rendered", command_template},
    {"emit", "EVENT", "an event to the daemon", command_emit},
    {"send", "WEBHOOK", "one delivery now, the exchange shown", command_send},
    {"list", "", "what is defined: integrations and their webhooks", command_list},
    {"deliveries", "", "the log of deliveries", command_deliveries},
    {"show", "ID", "one delivery: its request, every attempt and response", command_show},
    {"resend", "ID", "sends a finished delivery again", command_resend},
    {"status", "", "what the daemon is doing", command_status},
    {"listen", "", "a receiver that prints what it gets and answers as told", command_listen},
};

int main(int argc, char **argv)
{
    return cli_main(commands, sizeof commands / sizeof *commands, argc, argv);
}
