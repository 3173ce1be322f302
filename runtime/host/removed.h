/*
 * removed: webhooks that a reload took out of the scripts: what is pending of them is rendered already and goes out;
 * the log says how much that is.
 */
#ifndef ANZOL_HOST_REMOVED_H
#define ANZOL_HOST_REMOVED_H

#include "host/intake.h"
#include "script/changes.h"

/* Asks the store, and logs a line for each webhook later. */
void removed_tell(struct intake *in, const struct changes *c);

#endif
