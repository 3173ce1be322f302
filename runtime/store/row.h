/*
 * row: what a query's columns say, as the structs of store.h.
 */
#ifndef ANZOL_STORE_ROW_H
#define ANZOL_STORE_ROW_H

#include "store/arena.h"
#include "store/sqlite.h"
#include "store/store.h"

/* SCHEMA_ROW's columns, for those that look before they take. */
enum row_column {
    ROW_SEQ,
    ROW_ID,
    ROW_EVENT,
    ROW_STATE,
    ROW_ATTEMPTS,
    ROW_TRIES,
    ROW_CREATED,
    ROW_FIRST,
    ROW_DUE,
    ROW_FINISHED,
    ROW_STATUS,
    ROW_ERROR,
    ROW_MESSAGE,
    ROW_WEBHOOK,
    ROW_INTEGRATION,
    ROW_RUN,
    ROW_STEP,
    ROW_REQUEST, /* after them, in queries that ask for it, … */
    ROW_SCRIPT,  /* … and of the run, … */
    ROW_ITS_ID,  /* … and its id */
};

/* A column as a view that lives until the next step. */
struct bytes row_bytes(sqlite3_stmt *st, int column);
/* A column copied into the arena. -1: memory. */
int row_copy(sqlite3_stmt *st, int column, struct arena **a, struct bytes *out);
/* A column of 16 bytes; anything else reads as zeros. */
struct uuid row_uuid(sqlite3_stmt *st, int column);

/* One delivery, its request too when the query has that column. rc: SQLITE_OK, or SQLITE_NOMEM. */
int row_read(sqlite3_stmt *st, struct arena **a, struct store_delivery *out);
/* Adds the delivery to r->rows, which has room for *cap. */
int row_add(sqlite3_stmt *st, struct store_read *r, size_t *cap);
/* One attempt, from SCHEMA_ATTEMPT's columns, which begin at `first`. rc as above. Without its body it counts as cut.
 */
int row_attempt(sqlite3_stmt *st, int first, bool with_body, struct arena **a, struct attempt *out);
/* Makes room in an array of `size`-byte items for one more. rc as above. */
int row_grow(void **items, size_t count, size_t *cap, size_t size);

#endif
