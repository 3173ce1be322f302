/*
 * removed: webhooks that a reload took out of the scripts: what is pending of them is rendered already and goes out;
 * the log says how much that is.
 */
#ifndef ANZOL_HOST_REMOVED_H
#define ANZOL_HOST_REMOVED_H

#include "host/reload.h"

/* Asks the store, and logs a line for each webhook later. */
void removed_tell(struct reload *r, const struct changes *c);
/* After the store is closed: those that are being counted are forgotten. */
void removed_fini(struct reload *r);

#endif
