/*
 * hint: what the daemon's scripts define that is near to what was typed.
 */
#ifndef ANZOL_CLI_HINT_H
#define ANZOL_CLI_HINT_H

#include <stdbool.h>

enum { HINT_SIZE = 320 };

enum hint_of {
    HINT_WEBHOOK, /* the name of one */
    HINT_FLOW,
    HINT_EVENT, /* that webhooks or flows are on */
};

/*
 * Looks for `typed` among what the daemon knows. True: it is there, or the daemon does not say. False: it is not;
 * `hint` is "; did you mean 'order.paid'?" or empty.
 */
bool hint_known(const char *state, enum hint_of of, const char *typed, char hint[HINT_SIZE]);

#endif
