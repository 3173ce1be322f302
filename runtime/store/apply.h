/*
 * apply: one write as SQL, inside a transaction the writer has begun.
 *
 * This file holds accepts, and says which file holds the others: apply_delivery (rows of deliveries and their
 * attempts), apply_run (rows of runs and their steps), apply_wait (events and those who wait for them), apply_form,
 * apply_advance, apply_change (what people ask of a run, and scripts).
 *
 * A commit that was reported as failed may have reached the disk after all, and is tried again, but for its accepts and
 * changes of runs: so the others may find their own rows, and what they write and answer is then the same.
 */
#ifndef ANZOL_STORE_APPLY_H
#define ANZOL_STORE_APPLY_H

#include "store/feed.h"
#include "store/ids.h"
#include "store/shelf.h"
#include "store/store.h"

struct apply {
    struct sqlite *c;
    struct ids delivery_ids;
    struct shelf shelf;
    bool stale;            /* what these two know of the database was rolled back */
    struct buf ids[2];     /* scratch: of an event's deliveries and runs, each in one piece */
    struct buf waits;      /* scratch: keys of steps */
    struct buf result;     /* scratch: of a wait */
    struct buf key, place; /* scratch: of an event in a form */
    /* What is gathered, and written in one statement each. */
    struct feed events;     /* without a key; of struct store_accept */
    struct feed deliveries; /* fresh ones; of struct store_delivery */
    struct feed attempts;   /* of struct store_update */
    sqlite3_stmt *add_events, *add_keyed, *find_event, *release_key;
    /* apply_delivery */
    sqlite3_stmt *add_fresh, *add_delivery, *add_delivery_again, *add_requests, *succeed, *update, *add_attempts,
        *put_attempts;
    /* apply_run */
    sqlite3_stmt *add_run, *add_input, *find_run, *key_taken, *first_of_key, *set_state, *wake_run;
    sqlite3_stmt *end_call, *find_step, *close_waits;
    /* apply_wait */
    sqlite3_stmt *add_arrival, *find_waits, *end_wait, *close_wait, *find_arrival;
    /* apply_form */
    sqlite3_stmt *add_form, *last_events, *value_at;
    /* apply_advance */
    sqlite3_stmt *add_step, *end_step, *set_face;
    /* apply_change */
    sqlite3_stmt *cancel, *resume, *keep_script, *add_script;
};

/* Prepares the statements; they end with the connection. */
int apply_prepare(struct apply *a, struct sqlite *c, struct err *e);
void apply_fini(struct apply *a);
/* At the beginning of a transaction, or when part of one was undone; and at its end. rc. */
int apply_begin(struct apply *a);
int apply_end(struct apply *a, int64_t now_ns);
/* What has been applied since the beginning is not so. */
void apply_undone(struct apply *a);
/*
 * rc: SQLITE_OK, or why it failed, in which case the transaction may hold a part of it. Sets the write's results, and
 * the failure of one whose row is gone (which is no reason to stop). `now_ms`: the wall clock, for the age of
 * duplicates.
 */
int apply_write(struct apply *a, struct store_write *w, int64_t now_ms);
/*
 * Writes what the writes so far have left to be written together: new rows that nothing before the end of a transaction
 * looks for, or that are flushed before it does. `again`: attempts may be there from an earlier try, and are replaced;
 * else they fail, as other rows do that are there. rc.
 */
int apply_flush(struct apply *a, bool again);

/* For its files: the write fails because there is no such row (any more). */
void apply_gone(struct store_write *w, const char *what, int64_t seq);

#endif
