/*
 * ids: finding a delivery by its id without an index of ids.
 *
 * Ids are UUIDs of version 7, made one after the other as the numbers of the sequence are, so both rise together and a
 * row is found by binary search over the table itself. An index would cost each delivery another tree to be written
 * into, for the few that are ever looked for. A row that breaks the order (the clock was set back between two versions
 * of this program, or its number was drawn long before it was written) is a stray: it stands in a table of its own, by
 * id, and the search passes over it.
 *
 * Ids stay unique: one above all before it is new, and any other is looked for before it is taken.
 */
#ifndef ANZOL_STORE_IDS_H
#define ANZOL_STORE_IDS_H

#include "core/uuid.h"
#include "store/sqlite.h"

struct ids {
    sqlite3_stmt *stray, *first_from, *last;
    sqlite3_stmt *add_stray, *last_stray; /* the writer's */
    int64_t top_seq;                      /* the last row in order … */
    struct uuid top;                      /* … and the highest id, strays too */
};

/* What it takes to find; and to add. */
int ids_prepare(struct ids *s, struct sqlite *c, struct err *e);
int ids_prepare_add(struct ids *s, struct sqlite *c, struct err *e);
/* The number of the delivery `id`; 0: there is none. rc. */
int ids_find(struct ids *s, const struct uuid *id, int64_t *seq);
/* Learns the top from the database: when it opens, and after anything was rolled back. rc. */
int ids_load(struct ids *s);
/* Whether it is above all before it, and no other is looked for. */
bool ids_in_order(const struct ids *s, int64_t seq, const struct uuid *id);
/* The row `seq` has been inserted. rc: SQLITE_CONSTRAINT when another has its id. */
int ids_added(struct ids *s, int64_t seq, const struct uuid *id);

#endif
