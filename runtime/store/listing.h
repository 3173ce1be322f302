/*
 * listing: the logs of deliveries and of runs, newest first, a page at a time (page.h).
 *
 * There is an index for the states that are few (failed, waiting, …), none for names or times.
 */
#ifndef ANZOL_STORE_LISTING_H
#define ANZOL_STORE_LISTING_H

#include "store/reader.h"

int listing_prepare(struct reader *rd, struct err *e);
int listing_run(struct reader *rd, struct store_read *r);
int listing_runs(struct reader *rd, struct store_read_runs *q);

#endif
