/*
 * settle: the end of the day. Nothing goes wrong any more, everything pending comes to its end, and the log of the host
 * is read through its API and compared with what clients asked for and receivers saw.
 */
#ifndef ANZOL_SIM_SETTLE_H
#define ANZOL_SIM_SETTLE_H

#include <stddef.h>

struct settled {
    size_t deliveries, attempts, runs;
};

/* Violations, if any, are the world's. */
struct settled settle(void);

#endif
