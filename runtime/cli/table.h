/*
 * table: lines of cells under titles, each column as wide as its widest cell.
 */
#ifndef ANZOL_CLI_TABLE_H
#define ANZOL_CLI_TABLE_H

#include "cli/render.h"

struct table_cell {
    char *text;
    enum style style;
};

struct table {
    const char *const *titles;
    size_t columns;
    struct table_cell *cells; /* row after row */
    size_t count, cap;
    bool failed;
};

/* `titles` is the caller's and outlives the table. */
void table_init(struct table *t, const char *const *titles, size_t columns);
void table_fini(struct table *t);
/* The next cell, from left to right. A failed allocation shows in table_print(). */
void table_add(struct table *t, enum style style, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* -1: memory was short, nothing printed. */
int table_print(const struct table *t, const struct render *r);

#endif
