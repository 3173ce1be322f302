/*
 * envelope: an event as the API takes it.
 */
#ifndef ANZOL_CLI_ENVELOPE_H
#define ANZOL_CLI_ENVELOPE_H

#include "core/buf.h"

/* Appends {"name", "id"?, "data"}; `data` is JSON and goes in as it is; `id` may be NULL. Failures are the buffer's. */
void envelope_write(struct buf *out, const char *name, const char *id, struct bytes data);

#endif
