/*
 * asking: what the host says of itself once the day is over, through its API.
 */
#ifndef ANZOL_SIM_ASKING_H
#define ANZOL_SIM_ASKING_H

#include "core/uuid.h"

#include <jansson.h>
#include <stdbool.h>

/* Each returns NULL when it is not there any more, or a violation was found; json_decref() is the caller's. */
json_t *asking_delivery(struct uuid id);
json_t *asking_run(struct uuid id);
/* A page of the log. `state` -1: any. */
json_t *asking_list(bool runs, int state, int64_t before_seq, int limit);

/* "2026-01-01T17:32:40.311Z", in ms; -1: none. */
int64_t asking_time(const json_t *o, const char *key);

#endif
