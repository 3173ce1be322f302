/*
 * values: what the columns of new rows hold, as row.c is for those that are read. Each of these makes a feed (feed.h),
 * whose table has the columns of the list, in the order of the table they go to: else SQLite copies each value twice.
 */
#ifndef ANZOL_STORE_VALUES_H
#define ANZOL_STORE_VALUES_H

#include "store/feed.h"
#include "store/shelf.h"
#include "store/store.h"

#define VALUES_EVENT "seq, id, key, name, received_ms, deliveries, body, runs"
/* Of new_deliveries, which has `request` besides; NULL when there is none. */
#define VALUES_DELIVERY                                                                                                \
    "seq, id, event, state, attempts, tries, created_ms, first_ms, due_ms, finished_ms, status, error, webhook, "      \
    "integration, message, run, step, shelf"
#define VALUES_ATTEMPT "key, started_ms, duration_us, status, error, class, truncated, message, headers, body"

/* new_events, of struct store_accept with an event. `ids`: two for scratch. */
void values_event_feed(struct feed *f, struct buf ids[2]);
/* new_deliveries, of struct store_delivery. */
void values_delivery_feed(struct feed *f, struct shelf *s);
/* new_attempts, of struct store_update with an attempt. */
void values_attempt_feed(struct feed *f);

/* When an attempt is due: only while waiting, and never 0 then, which means none. The pending index is read by it. */
int64_t values_due_ms(const struct store_delivery *d);

#endif
