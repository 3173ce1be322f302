/*
 * schema: the tables, and how a database of an earlier version becomes one of this.
 */
#ifndef ANZOL_STORE_SCHEMA_H
#define ANZOL_STORE_SCHEMA_H

#include "store/sqlite.h"

/* The columns of `deliveries AS d` that row_read() takes, in its order. */
#define SCHEMA_ROW                                                                                                     \
    "d.seq, d.id, d.event, d.state, d.attempts, d.tries, d.created_ms, d.first_ms, d.due_ms, d.finished_ms, "          \
    "d.status, d.error, d.message, d.webhook, d.integration"

/*
 * The conditions of the partial indexes: a query must repeat one word by word for the index to serve it. Lists of two
 * values are compared in place; longer ones would make SQLite build a temporary table each time a row is written.
 */
#define SCHEMA_PENDING "state IN (0, 2)"
#define SCHEMA_NOTABLE "state NOT IN (0, 3)"

/* An attempt's key: its delivery and its number in one integer, so that the table needs no other index. */
#define SCHEMA_ATTEMPTS_PER_DELIVERY 65536

/* Creates, migrates, or refuses (a newer version, another program's file). */
int schema_apply(struct sqlite *c, struct err *e);
/* Writes what is there already once more: shows whether the database takes writes. rc. */
int schema_touch(struct sqlite *c);

#endif
