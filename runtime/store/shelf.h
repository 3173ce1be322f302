/*
 * shelf: which deliveries the two indexes of the table hold: `pending` those that are queued or wait, `notable` those
 * that wait, are in flight, have failed and the like. A row's `shelf` says where it stands; 0 is in neither.
 *
 * A delivery that is done within a second never gets there: into an index and out of it again would cost it as much as
 * its rows. It is *fresh* while it is queued, above the mark (table `fresh`), and on no shelf; who looks for what is
 * queued looks at the index, and through the rows above the mark. The mark follows with later commits, half a second to
 * a second or some thousand rows behind, and what is still queued then is put on its shelf in the same transaction. So
 * always:
 *
 *   a row that waits is on its shelf; a row that is queued is on its shelf or above the mark.
 */
#ifndef ANZOL_STORE_SHELF_H
#define ANZOL_STORE_SHELF_H

#include "core/delivery.h"
#include "store/sqlite.h"

enum shelf_place {
    SHELF_NONE,
    SHELF_QUEUED,
    SHELF_WAITING,
    SHELF_SENDING,
    SHELF_FAILED,
    SHELF_UNKNOWN,
    SHELF_CANCELED
};

/* Where a row of that state belongs; one that is queued may be fresh instead. */
enum shelf_place shelf_of(enum delivery_state state);

/* The writer's. */
struct shelf {
    sqlite3_stmt *mark, *put, *move;
    int64_t above;   /* the mark, as the database has it */
    int64_t newest;  /* the highest row so far, … */
    int64_t next;    /* … and when the mark was looked at last: where it goes next */
    int64_t next_ns; /* not before (monotonic), … */
    int rows;        /* … unless that many rows were added */
};

int shelf_prepare(struct shelf *s, struct sqlite *c, struct err *e);
/* Learns the mark from the database: when it opens, and after anything was rolled back. rc. */
int shelf_load(struct shelf *s);
/* Where a new row goes. */
enum shelf_place shelf_new(const struct shelf *s, int64_t seq, enum delivery_state state);
/* There is a new row. */
void shelf_added(struct shelf *s, int64_t seq);
/* At the end of each transaction: moves the mark, if it is time. rc. */
int shelf_follow(struct shelf *s, int64_t now_ns);

#endif
