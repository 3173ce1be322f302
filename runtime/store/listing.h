/*
 * listing: the log, newest first, a page at a time.
 *
 * There is an index for the states that are few (failed, waiting, …), none for webhooks or times: rows are looked at
 * one after the other, in slices, and at most a fixed number a query. Times narrow the range beforehand, because
 * deliveries are in order of creation.
 */
#ifndef ANZOL_STORE_LISTING_H
#define ANZOL_STORE_LISTING_H

#include "store/reader.h"

int listing_prepare(struct reader *rd, struct err *e);
int listing_run(struct reader *rd, struct store_read *r);

#endif
