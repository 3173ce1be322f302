/*
 * backlog: what is pending of each integration: who has any, in a few steps through the index, and how many, which
 * means counting.
 */
#ifndef ANZOL_STORE_BACKLOG_H
#define ANZOL_STORE_BACKLOG_H

#include "store/reader.h"

int backlog_prepare(struct reader *rd, struct err *e);
/* Both fill r->backlogs. rc. */
int backlog_lanes(struct reader *rd, struct store_read *r);
int backlog_count(struct reader *rd, struct store_read *r);

#endif
