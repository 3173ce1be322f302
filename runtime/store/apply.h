/*
 * apply: one write as SQL, inside a transaction the writer has begun.
 */
#ifndef ANZOL_STORE_APPLY_H
#define ANZOL_STORE_APPLY_H

#include "store/sqlite.h"
#include "store/store.h"

struct apply {
    struct sqlite *c;
    struct buf ids; /* scratch: an event's delivery ids in one run */
    sqlite3_stmt *add_event, *find_event, *release_key;
    sqlite3_stmt *add_delivery, *add_request;
    sqlite3_stmt *update, *add_attempt;
};

/* Prepares the statements; they end with the connection. */
int apply_prepare(struct apply *a, struct sqlite *c, struct err *e);
void apply_fini(struct apply *a);
/*
 * rc: SQLITE_OK, or why it failed, in which case the transaction may hold a part of it. Sets an accept's results, and
 * the failure of an update whose row is gone (which is no reason to stop). `now_ms`: the wall clock, for the age of
 * duplicates.
 */
int apply_write(struct apply *a, struct store_write *w, int64_t now_ms);

#endif
