/*
 * api_read: the calls that are answered from the store: the log, one delivery, and a resend, which reads before it
 * writes.
 */
#ifndef ANZOL_HOST_API_READ_H
#define ANZOL_HOST_API_READ_H

#include "host/api.h"

void api_read_list(struct api *a, const struct api_filter *f, struct api_call *c);
/* `late`: of a call that waited for the outcome in vain: 202 with the state alone. */
void api_read_one(struct api *a, const struct uuid *id, struct api_call *c, bool late);
void api_read_and_resend(struct api *a, const struct uuid *id, struct api_call *c);

#endif
