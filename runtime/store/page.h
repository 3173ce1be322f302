/*
 * page: one page of a log, newest first. What is logged is in order of seq, and so in order of creation.
 *
 * Rows are looked at one after the other, in slices of 10,000, between which other queries get their turn, and at most
 * 200,000 a query. Times narrow the range beforehand, by binary search.
 */
#ifndef ANZOL_STORE_PAGE_H
#define ANZOL_STORE_PAGE_H

#include "store/reader.h"

struct page {
    sqlite3_stmt *rows; /* those with ?2 <= seq < ?1, newest first, seq in front; of the state ?3, if it has one */
    sqlite3_stmt *first_from; /* seq and time of the first with seq >= ?1 */
    sqlite3_stmt *last;       /* the highest seq */
    int state;                /* for ?3; -1: `rows` has none */
    size_t room;              /* for rows that are wanted */
    /* Both look at the row at hand; `take` is asked for those that are wanted. */
    bool (*wanted)(sqlite3_stmt *row, const void *ud);
    int (*take)(sqlite3_stmt *row, void *ud);
    void *ud;
    int64_t low,
        before; /* seq in [low, before): what is left to look at. The caller sets `before` to the cursor, or 0 */
    bool more;  /* result: the page ended before the log */
};

/* Narrows the range to what was created in [since, until); 0: open. rc. */
int page_narrow(struct page *p, int64_t since_ms, int64_t until_ms);
/* rc. Afterwards, when there is more, `before` is where the next page begins. */
int page_run(struct page *p, struct reader *rd);

/* The first row of `st`; *seq 0 when there is none. `created_ms` (may be NULL): its second column. rc. */
int page_first(sqlite3_stmt *st, int64_t *seq, int64_t *created_ms);

#endif
