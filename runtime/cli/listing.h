/*
 * listing: a page of the daemon's log of deliveries or of runs: the command that asks for one and shows it as a table.
 */
#ifndef ANZOL_CLI_LISTING_H
#define ANZOL_CLI_LISTING_H

#include "cli/hint.h"
#include "cli/table.h"

struct json_t; /* Jansson's */

/* All of it lives as long as the program. */
struct listing {
    const char *command; /* "deliveries": also what the answer calls the list */
    const char *help;
    const char *of; /* the option that says of which: "webhook" */
    enum hint_of hint;
    const char *const *states;
    size_t state_count;
    const char *const *titles;
    size_t columns;
    void (*add_row)(struct table *t, const struct render *r, const struct json_t *one);
};

/* The whole command; its exit code. */
int listing_command(const struct listing *l, int argc, char **argv);

#endif
