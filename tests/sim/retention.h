/*
 * retention: the oracle of what stays and what goes: nothing that is pending, nothing that is young, and all that is
 * old.
 */
#ifndef ANZOL_SIM_RETENTION_H
#define ANZOL_SIM_RETENTION_H

#include "clients.h"

#include <jansson.h>

/* That delivery of the ask ended so long ago that it may have been removed. */
bool retention_may_be_gone(const struct ask *a, const struct uuid *id);
/* Somebody looks for one; `pick` chooses which. */
void retention_look(uint64_t pick);

/* --- at the end */
/* As long as what is old may still be there. */
void retention_wait(void);
/* A row of the log should be there still. */
void retention_check_row(const char *what, const json_t *row);

#endif
