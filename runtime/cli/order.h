/*
 * order: what a person asks of runs, of each in turn: the commands cancel, resume and restart.
 */
#ifndef ANZOL_CLI_ORDER_H
#define ANZOL_CLI_ORDER_H

#include <stdbool.h>

struct order {
    const char *command; /* also what the API calls it */
    const char *help;
    bool has_current; /* --current: under the scripts of now */
};

/* The whole command; the exit code: EXIT_FAILED when it could not be done to one of them. */
int order_command(const struct order *o, int argc, char **argv);

#endif
