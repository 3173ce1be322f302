/*
 * count: how many deliveries of each integration were pending when the store was opened.
 *
 * Counting takes a tenth of a second a million, so it does not keep the opening: a connection of its own holds on to
 * that moment, and the reader counts some rows whenever it has nothing else to do, or after each thing it does. The
 * connection is closed when all are counted, for while it holds on, the log cannot start over.
 */
#ifndef ANZOL_STORE_COUNT_H
#define ANZOL_STORE_COUNT_H

#include "store/sqlite.h"
#include "store/store.h"

struct count {
    struct sqlite c; /* closed: there is nothing (more) to count */
    sqlite3_stmt *rows;
    struct store_read found; /* the backlogs so far */
    size_t cap;
    struct store_read *asked; /* gets them once they are complete; NULL: not asked yet, or answered */
    int tries;
    bool failed;
    struct err why;
};

/* Holds on to this moment. `count->c` has its folder and path. */
int count_open(struct count *count, struct err *e);
void count_close(struct count *count);
/* Some rows. */
void count_some(struct count *count);
/* Nothing is left to count. */
bool count_over(const struct count *count);
/* When it is over: what was found goes into `r`. -1: it failed, see `e`. */
int count_tell(struct count *count, struct store_read *r, struct err *e);

#endif
