/*
 * query: the reads of store.h as SQL, but for the list (listing.h), what is pending in all (backlog.h)
 * and those of runs (query_run.h). Each fills what its
 * kind answers; rc: SQLITE_OK, or why not.
 */
#ifndef ANZOL_STORE_QUERY_H
#define ANZOL_STORE_QUERY_H

#include "store/arena.h"
#include "store/reader.h"

int query_prepare(struct reader *rd, struct err *e);
int query_ready(struct reader *rd, struct store_read *r);
int query_due(struct reader *rd, struct store_read *r);
int query_one(struct reader *rd, struct store_read *r);
/* Whether another row belongs to what is read, which has `count` and `bytes` of them; if not, says so in `r`: more, and
 * the time of the first that is not due by `until_ms`. */
bool query_takes(struct store_read *r, size_t count, size_t bytes, int64_t due_ms, int64_t until_ms);
/* For those too that read an event beside something else: `v` stays as it is when there is none. */
int query_event(sqlite3_stmt *st, struct store_event *v, struct arena **arena, int64_t seq);

#endif
