/*
 * row_run: what a query's columns say, as the structs of runs.h.
 */
#ifndef ANZOL_STORE_ROW_RUN_H
#define ANZOL_STORE_ROW_RUN_H

#include "store/row.h"

/* SCHEMA_RUN's columns, for those that look before they take. */
enum row_run_column {
    ROW_RUN_SEQ,
    ROW_RUN_ID,
    ROW_RUN_EVENT,
    ROW_RUN_EVENT_ID,
    ROW_RUN_SCRIPT,
    ROW_RUN_STATE,
    ROW_RUN_STEPS,
    ROW_RUN_WOKEN,
    ROW_RUN_MARK,
    ROW_RUN_CREATED,
    ROW_RUN_DUE,
    ROW_RUN_FINISHED,
    ROW_RUN_FLOW,
    ROW_RUN_KEY,
    ROW_RUN_MESSAGE,
    ROW_RUN_RESULT,
    ROW_RUN_INPUT, /* after them, in queries that ask for it */
};

/* Adds the run, its input too when the query has that column, to q->runs, which has room for *cap. rc: SQLITE_OK, or
 * SQLITE_NOMEM. */
int row_run_add(sqlite3_stmt *st, struct store_read_runs *q, size_t *cap);
/* One step, from SCHEMA_STEP's columns with SCHEMA_ATTEMPT's after them. rc as above. */
int row_step(sqlite3_stmt *st, struct arena **a, bool with_body, struct store_step *out);

#endif
