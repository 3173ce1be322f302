/*
 * rates: what the scripts say of each integration, told to its lane.
 */
#ifndef ANZOL_HOST_RATES_H
#define ANZOL_HOST_RATES_H

#include "host/dispatch.h"
#include "script/generation.h"

/* Makes the lanes that are missing, so that rates_set() cannot fail. -1: memory. */
int rates_prepare(struct dispatch *d, const struct generation *g, struct err *e);
/* Every integration's lane gets its rate and concurrency; what the old rate granted still counts. `earlier`: of scripts
 * of before, whose word counts only where those of now say nothing. */
void rates_set(struct dispatch *d, const struct generation *g, bool earlier);

#endif
