/*
 * lockfile: one daemon a folder.
 */
#ifndef ANZOL_STORE_LOCKFILE_H
#define ANZOL_STORE_LOCKFILE_H

#include "core/err.h"

#include <stdbool.h>

/* Locks folder/lock: a descriptor whose close() lets it go (as does the end of the process), or -1. */
int lockfile_take(const char *folder, struct err *e);
/* Whether surely no daemon runs in the folder: asks without locking, so that it is in nobody's way. */
bool lockfile_is_free(const char *folder);

#endif
