/*
 * feed: rows in memory as a table, so that one statement writes many of them:
 *
 *   INSERT INTO t(a, b) SELECT a, b FROM its_name
 *
 * A statement costs SQLite a third of what its row does, to begin, to find its place and to end. The table exists on
 * the one connection it was made known to, and only as long; nothing of it is in the database.
 */
#ifndef ANZOL_STORE_FEED_H
#define ANZOL_STORE_FEED_H

#include "store/sqlite.h"

struct feed {
    sqlite3_vtab table; /* the first member: by these SQLite knows it; both are its own */
    sqlite3_vtab_cursor cursor;
    const char *name;
    const char *columns; /* CREATE TABLE name(…): their names, as a statement says them */
    /* Sets the result to the column `at` of a row. What it points to must stay until the next row. */
    void (*column)(void *ud, const void *row, int at, sqlite3_context *result);
    void *ud;
    struct buf rows; /* pointers, the caller's memory */
    size_t at;
};

/* Makes it known to a connection; the first four fields that are not SQLite's are set. One statement reads it at a
 * time. 0 or -1. */
int feed_register(struct feed *f, struct sqlite *c, struct err *e);
void feed_fini(struct feed *f);
/* One more row; false: memory is short. */
bool feed_add(struct feed *f, const void *row);
/* The first row; NULL: none. */
const void *feed_first(const struct feed *f);
/* By what `compare` says of two pointers to rows, as qsort() gives them. */
void feed_sort(struct feed *f, int (*compare)(const void *, const void *));
bool feed_empty(const struct feed *f);
void feed_clear(struct feed *f);
/* Runs a statement that reads it, unless it is empty, and clears it. rc. */
int feed_run(struct feed *f, sqlite3_stmt *st);

#endif
