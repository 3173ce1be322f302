/*
 * purge: retention. Removes what is finished and old, some rows a step: while there is nothing else to write in a
 * transaction of its own, under load along with what a commit writes, for a sync more would cost more than the rows.
 *
 * A round walks the runs, the deliveries, the events and the scripts, each from the lowest seq up to those too young to
 * be old. No index is needed: all are in order of time already. A walk goes on from where the last step ended, so that
 * what stays for long (runs that sleep for months) is passed once a round, not once a step.
 *
 * At the end of a round pages go back to the file system, some a step, until no more are free than new rows will take.
 *
 * Runs go first, with their journals, because their deliveries stay as long as they do: a replay reads the answers.
 * Scripts go when no run can have started under them any more.
 */
#ifndef ANZOL_STORE_PURGE_H
#define ANZOL_STORE_PURGE_H

#include "store/sqlite.h"

#include <stdint.h>

struct purge {
    struct sqlite *c;
    int64_t keep_ms; /* 0: for ever */
    int64_t next_ns; /* no step before (monotonic); INT64_MAX: never */
    int stage;       /* of the round: which table is walked */
    int64_t cursor;  /* its rows up to here have been looked at in this round */
    sqlite3_stmt *walk_runs, *drop_runs, *drop_inputs, *drop_steps;
    sqlite3_stmt *walk, *drop_deliveries, *drop_strays, *drop_requests, *drop_attempts;
    sqlite3_stmt *walk_events, *drop_events, *drop_arrivals;
    sqlite3_stmt *walk_scripts, *drop_scripts;
    sqlite3_stmt *keep_seq;
    sqlite3_stmt *page_count, *free_count, *vacuum;
};

void purge_init(struct purge *p, int64_t keep_ms, int64_t now_ns);
int purge_prepare(struct purge *p, struct sqlite *c, struct err *e);
/*
 * One step: at most 200 rows (a run with its steps is one) and about two milliseconds, in a transaction of its own
 * (none when there is nothing to remove), or 16 pages given back. Sets next_ns. rc: SQLITE_OK, or what went wrong:
 * rolled back, and tried again with the next round.
 */
int purge_step(struct purge *p, int64_t now_ns, int64_t now_ms);
/*
 * In the transaction that is open, which writes `rows` rows: about twice as many go, if there are any and it is time.
 * rc. When it is rolled back they are found again in the next round.
 */
int purge_along(struct purge *p, int64_t now_ns, int64_t now_ms, size_t rows);

#endif
