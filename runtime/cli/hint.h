/*
 * hint: what the daemon's scripts define that is near to what was typed.
 */
#ifndef ANZOL_CLI_HINT_H
#define ANZOL_CLI_HINT_H

#include <stdbool.h>

enum { HINT_SIZE = 320 };

/*
 * Looks for `typed` among the `field` ("name" or "on") of the daemon's webhooks. True: it is there, or the daemon does
 * not say. False: it is not; `hint` is "; did you mean 'order.paid'?" or empty.
 */
bool hint_known(const char *state, const char *field, const char *typed, char hint[HINT_SIZE]);

#endif
