/*
 * runs_fresh: new runs, from their commit until they begin. They wait in memory, with the event that started them,
 * until those before them have gone on: a thousand that are begun at once would only make each other wait.
 */
#ifndef ANZOL_HOST_RUNS_FRESH_H
#define ANZOL_HOST_RUNS_FRESH_H

#include "host/runs.h"

void runs_fresh_init(struct runs *rs);
/* Copies a committed new run. -1: there is no room for it, it stays in the store. */
int runs_fresh_keep(struct runs *rs, const struct store_run *row);
/* Begins as many as may be. */
void runs_fresh_begin(struct runs *rs);

#endif
