/*
 * acts: what an action of the plan does to the world, and how it reads.
 */
#ifndef ANZOL_SIM_ACTS_H
#define ANZOL_SIM_ACTS_H

#include "plan.h"

/* `number`: of the plan, which makes the tags of what comes of it. */
void acts_do(const struct action *x, int number);
/* "i2 is down for 4000 ms" */
void acts_print(const struct action *x, size_t number);

#endif
