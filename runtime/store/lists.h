/*
 * lists: what writes and reads travel in. The nodes are the callers' own structs, linked by `next`.
 */
#ifndef ANZOL_STORE_LISTS_H
#define ANZOL_STORE_LISTS_H

#include "store/store.h"

struct write_list {
    struct store_write *head, *last;
    size_t rows; /* of the database, all together: what a batch is measured in */
};

struct read_list {
    struct store_read *head, *last;
};

/* How many rows, and bytes, a write brings. */
size_t write_rows(const struct store_write *w);
size_t write_bytes(const struct store_write *w);
/* True when it fails while the database refuses (somebody waits for the answer); the others are kept. */
bool write_may_fail(const struct store_write *w);

void write_list_push(struct write_list *l, struct store_write *w);
struct store_write *write_list_pop(struct write_list *l); /* NULL: empty */
/* Moves all of `from` to the end of `to`. */
void write_list_append(struct write_list *to, struct write_list *from);

void read_list_push(struct read_list *l, struct store_read *r);
struct store_read *read_list_pop(struct read_list *l); /* NULL: empty */
void read_list_append(struct read_list *to, struct read_list *from);

#endif
