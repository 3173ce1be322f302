/*
 * backlog: how many deliveries were pending when the host started. The lanes know from the start whether there are any;
 * how many is counted while they work, and the numbers that people see are unknown until then.
 */
#ifndef ANZOL_HOST_BACKLOG_H
#define ANZOL_HOST_BACKLOG_H

#include "host/dispatch.h"

struct backlog {
    struct store_read read;
    struct dispatch *dispatch;
};

/* Asks. `b` stays until the store is closed. */
void backlog_ask(struct backlog *b, struct dispatch *d);

#endif
