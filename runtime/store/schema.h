/*
 * schema: the tables, and how a database of an earlier version becomes one of this.
 */
#ifndef ANZOL_STORE_SCHEMA_H
#define ANZOL_STORE_SCHEMA_H

#include "store/sqlite.h"

/* The columns of `deliveries AS d` that row_read() takes, in its order. */
#define SCHEMA_ROW                                                                                                     \
    "d.seq, d.id, d.event, d.state, d.attempts, d.tries, d.created_ms, d.first_ms, d.due_ms, d.finished_ms, "          \
    "d.status, d.error, d.message, d.webhook, d.integration, d.run, d.step"

/* Those of `runs AS r` that row_run() takes. */
#define SCHEMA_RUN                                                                                                     \
    "r.seq, r.id, r.event, r.event_id, r.script, r.state, r.steps, r.woken, r.mark, r.created_ms, r.due_ms, "          \
    "r.finished_ms, "                                                                                                  \
    "r.flow, r.key, r.message, r.result"

/* Those of `steps AS s` with `deliveries AS d` that row_step() takes. */
#define SCHEMA_STEP                                                                                                    \
    "s.key, s.kind, s.path, s.name, s.match, s.ref, s.attempt, s.due_ms, s.started_ms, s.ended_ms, s.result, d.id"

/* Those of `attempts AS a` that row_attempt() takes. */
#define SCHEMA_ATTEMPT                                                                                                 \
    "a.key, a.started_ms, a.duration_us, a.status, a.error, a.class, a.truncated, a.message, a.headers, a.body"

/*
 * The conditions of the partial indexes: a query must repeat one word by word for the index to serve it. Lists of two
 * values are compared in place; longer ones would make SQLite build a temporary table each time a row is written.
 */
#define SCHEMA_PENDING "shelf IN (1, 2)"
#define SCHEMA_NOTABLE "shelf > 1"
/* Of those that are queued, which are on no shelf (shelf.h). */
#define SCHEMA_FRESH "seq > (SELECT above FROM fresh WHERE one = 1) AND state = 0 AND shelf = 0"
/* names(name): the integrations of which something is on the pending shelf, and a NULL, found by stepping through the
 * index from one to the next. */
#define SCHEMA_NAMES                                                                                                   \
    "WITH RECURSIVE names(name) AS ("                                                                                  \
    "SELECT min(integration) FROM deliveries INDEXED BY deliveries_pending WHERE " SCHEMA_PENDING " UNION ALL "        \
    "SELECT (SELECT min(integration) FROM deliveries INDEXED BY deliveries_pending WHERE " SCHEMA_PENDING              \
    " AND integration > name) FROM names WHERE name IS NOT NULL)"

#define SCHEMA_RUN_READY   "state = 0"
#define SCHEMA_RUN_DUE     "due_ms > 0"
#define SCHEMA_RUN_KEYED   "key IS NOT NULL AND finished_ms = 0" /* at work, or queued */
#define SCHEMA_RUN_NOTABLE "state IN (5, 6)"
#define SCHEMA_STEP_OPEN   "match IS NOT NULL AND ended_ms = 0"

/* An attempt's key: its delivery and its number in one integer, so that the table needs no other index. */
#define SCHEMA_ATTEMPTS_PER_DELIVERY 65536
/* A step's: its run and its number. */
#define SCHEMA_STEPS_PER_RUN 65536

/* Creates, migrates, or refuses (a newer version, another program's file). */
int schema_apply(struct sqlite *c, struct err *e);
/* Writes what is there already once more: shows whether the database takes writes. rc. */
int schema_touch(struct sqlite *c);

#endif
