/*
 * purge: retention. Removes what is finished and old, some rows a step, between the writer's commits.
 *
 * A round walks the deliveries and then the events from the lowest seq up to those too young to be old. No index is
 * needed: both are in order of time already.
 */
#ifndef ANZOL_STORE_PURGE_H
#define ANZOL_STORE_PURGE_H

#include "store/sqlite.h"

#include <stdint.h>

struct purge {
    struct sqlite *c;
    int64_t keep_ms; /* 0: for ever */
    int64_t next_ns; /* no step before (monotonic); INT64_MAX: never */
    int64_t cursor;  /* deliveries up to here have been looked at in this round */
    sqlite3_stmt *walk, *drop_delivery, *drop_request, *drop_attempts, *walk_events, *drop_event;
    sqlite3_stmt *page_count, *free_count, *vacuum;
};

void purge_init(struct purge *p, int64_t keep_ms, int64_t now_ns);
int purge_prepare(struct purge *p, struct sqlite *c, struct err *e);
/*
 * One step: at most 200 rows and about two milliseconds, in a transaction of its own (none when there is nothing to
 * remove). Sets next_ns. rc: SQLITE_OK, or what went wrong: rolled back, and tried again with the next round.
 */
int purge_step(struct purge *p, int64_t now_ns, int64_t now_ms);

#endif
