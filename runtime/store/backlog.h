/*
 * backlog: which integrations have anything pending: a few steps through the index, and a look through the rows that
 * are fresh. How many they have is count.h's.
 */
#ifndef ANZOL_STORE_BACKLOG_H
#define ANZOL_STORE_BACKLOG_H

#include "store/reader.h"

int backlog_prepare(struct reader *rd, struct err *e);
/* Fills r->backlogs. rc. */
int backlog_lanes(struct reader *rd, struct store_read *r);

#endif
