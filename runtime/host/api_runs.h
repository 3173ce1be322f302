/*
 * api_runs: the calls about runs: their log, one of them, and what a person asks of one.
 */
#ifndef ANZOL_HOST_API_RUNS_H
#define ANZOL_HOST_API_RUNS_H

#include "host/api.h"

void api_runs_list(struct api *a, const struct api_filter *f, struct api_call *c);
void api_runs_one(struct api *a, const struct uuid *id, struct api_call *c);
/* Reads the run, then does what is asked. */
void api_runs_order(struct api *a, const struct uuid *id, enum api_order order, struct api_call *c);

#endif
