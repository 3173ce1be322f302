/*
 * calls: webhooks that are called directly, with and without waiting for the outcome.
 */
#ifndef ANZOL_SIM_CALLS_H
#define ANZOL_SIM_CALLS_H

#include "scripts.h"

/* `number` makes the tag: unique. */
void calls_make(int number, const struct sim_webhook *w, bool wait);

#endif
