/*
 * order: what a person asks of runs, of each in turn: the commands cancel, resume and restart.
 */
#ifndef ANZOL_CLI_ORDER_H
#define ANZOL_CLI_ORDER_H

#include <stdbool.h>

struct order {
    const char *command; /* also what the API calls it */
    const char *query;   /* "?…" or "" */
    const char *state;
    bool json;
};

/* Asks it of each of these ids; the exit code: EXIT_FAILED when one could not be done. */
int order_run(const struct order *o, char *const *ids, int count);

#endif
