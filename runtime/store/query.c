#include "store/query.h"

#include "store/row.h"
#include "store/schema.h"

#include <stdlib.h>

/* The request is joined, not in the row (schema.c). */
#define ITS_RUN(column)  "(SELECT " column " FROM runs WHERE seq = d.run)"
#define ROW_WITH_REQUEST SCHEMA_ROW ", r.request, " ITS_RUN("script") " FROM deliveries d "
#define JOIN_REQUEST     " LEFT JOIN requests r ON r.seq = d.seq "
#define PENDING          " d." SCHEMA_PENDING " "

/* "due_ms > 0" says nothing new, but without it the index is taken to be out of order, and all that wait would be
 * sorted. */
int query_prepare(struct reader *rd, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&rd->ready,
         "SELECT " ROW_WITH_REQUEST "INDEXED BY deliveries_pending" JOIN_REQUEST "WHERE d.integration = ?1 AND" PENDING
         "AND d.state = 0 AND d.due_ms = 0 AND d.seq > ?2 ORDER BY d.seq"},
        {&rd->due, "SELECT " ROW_WITH_REQUEST "INDEXED BY deliveries_pending" JOIN_REQUEST
                   "WHERE d.integration = ?1 AND" PENDING "AND d.state = 2 AND d.due_ms > 0 ORDER BY d.due_ms, d.seq"},
        {&rd->backlog, "SELECT d.integration, d.state, count(*), min(d.due_ms) "
                       "FROM deliveries d INDEXED BY deliveries_pending WHERE" PENDING
                       "GROUP BY d.integration, d.state ORDER BY d.integration, d.state"},
        {&rd->one, "SELECT " SCHEMA_ROW ", r.request, " ITS_RUN("script") ", " ITS_RUN(
                       "id") " FROM deliveries d "
                             "INDEXED BY deliveries_id" JOIN_REQUEST "WHERE d.id = ?1"},
        {&rd->attempts, "SELECT " SCHEMA_ATTEMPT " FROM attempts a WHERE a.key >= ?1 AND a.key < ?2 ORDER BY a.key"},
        {&rd->event, "SELECT seq, id, key, name, received_ms, body FROM events WHERE seq = ?1"},
        {NULL, NULL},
    };
    return sqlite_prepare(&rd->c, texts, e);
}

/* --- deliveries to send --------------------------------------------------------------------------------------- */

static bool room(const struct store_read *r, size_t count, size_t bytes)
{
    if (count >= (size_t)(r->limit > 0 ? r->limit : 0))
        return false;
    return count == 0 || r->limit_bytes == 0 || bytes <= r->limit_bytes;
}

bool query_takes(struct store_read *r, size_t count, size_t bytes, int64_t due_ms, int64_t until_ms)
{
    bool due = due_ms <= until_ms;
    r->more = due && !room(r, count, bytes);
    if (due && !r->more)
        return true;
    r->next_due_ms = due_ms;
    return false;
}

/* Rows until the limits, or the first that is due after `until_ms`, whose time is told. */
static int take_rows(sqlite3_stmt *st, struct store_read *r, int64_t until_ms)
{
    size_t cap = 0, bytes = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (!query_takes(r, r->count, bytes, sqlite3_column_int64(st, ROW_DUE), until_ms))
            break;
        if ((rc = row_add(st, r, &cap)) != SQLITE_OK)
            break;
        bytes += r->rows[r->count - 1].request.len;
    }
    sqlite_done(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int query_ready(struct reader *rd, struct store_read *r)
{
    sqlite_bind_bytes(rd->ready, 1, r->integration);
    sqlite3_bind_int64(rd->ready, 2, r->after_seq);
    return take_rows(rd->ready, r, 0);
}

int query_due(struct reader *rd, struct store_read *r)
{
    sqlite_bind_bytes(rd->due, 1, r->integration);
    return take_rows(rd->due, r, r->now_ms);
}

/* --- backlog -------------------------------------------------------------------------------------------------- */

static int backlog_of(sqlite3_stmt *st, struct store_read *r, size_t *cap, struct store_backlog **out)
{
    struct store_backlog *last = r->backlog_count > 0 ? &r->backlogs[r->backlog_count - 1] : NULL;
    if (last != NULL && bytes_equal(last->integration, row_bytes(st, 0))) {
        *out = last;
        return SQLITE_OK;
    }
    void *items = r->backlogs;
    int rc = row_grow(&items, r->backlog_count, cap, sizeof *r->backlogs);
    r->backlogs = items;
    if (rc != SQLITE_OK)
        return rc;
    *out = &r->backlogs[r->backlog_count];
    **out = (struct store_backlog){0};
    if (row_copy(st, 0, &r->arena, &(*out)->integration) != 0)
        rc = SQLITE_NOMEM;
    r->backlog_count++;
    return rc;
}

int query_backlog(struct reader *rd, struct store_read *r)
{
    sqlite3_stmt *st = rd->backlog;
    struct store_backlog *b;
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && (rc = backlog_of(st, r, &cap, &b)) == SQLITE_OK) {
        if (sqlite3_column_int(st, 1) == DELIVERY_QUEUED)
            b->queued = sqlite3_column_int64(st, 2);
        else {
            b->waiting = sqlite3_column_int64(st, 2);
            b->first_due_ms = sqlite3_column_int64(st, 3);
        }
    }
    sqlite_done(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- one ------------------------------------------------------------------------------------------------------ */

static int read_attempts(sqlite3_stmt *st, struct store_read *r, int64_t seq)
{
    size_t cap = 0;
    int rc;
    sqlite3_bind_int64(st, 1, seq * SCHEMA_ATTEMPTS_PER_DELIVERY);
    sqlite3_bind_int64(st, 2, (seq + 1) * SCHEMA_ATTEMPTS_PER_DELIVERY);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        void *items = r->attempts;
        rc = row_grow(&items, r->attempt_count, &cap, sizeof *r->attempts);
        r->attempts = items;
        if (rc != SQLITE_OK || (rc = row_attempt(st, 0, true, &r->arena, &r->attempts[r->attempt_count])) != SQLITE_OK)
            break;
        r->attempt_count++;
    }
    sqlite_done(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int query_event(sqlite3_stmt *st, struct store_event *v, struct arena **arena, int64_t seq)
{
    sqlite3_bind_int64(st, 1, seq);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        v->seq = seq;
        v->id = row_uuid(st, 1);
        v->received_ms = sqlite3_column_int64(st, 4);
        rc = row_copy(st, 2, arena, &v->key) != 0 || row_copy(st, 3, arena, &v->name) != 0 ||
                     row_copy(st, 5, arena, &v->body) != 0
                 ? SQLITE_NOMEM
                 : SQLITE_DONE;
    }
    sqlite_done(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_parts(struct reader *rd, struct store_read *r)
{
    int rc = read_attempts(rd->attempts, r, r->rows[0].seq);
    if (rc == SQLITE_OK && r->rows[0].event_seq != 0)
        rc = query_event(rd->event, &r->event, &r->arena, r->rows[0].event_seq);
    return rc;
}

int query_one(struct reader *rd, struct store_read *r)
{
    size_t cap = 0;
    sqlite_bind_blob(rd->one, 1, r->id.b, UUID_SIZE);
    int rc = sqlite3_step(rd->one); /* left open: row, attempts and event are of one moment */
    if (rc == SQLITE_ROW && (rc = row_add(rd->one, r, &cap)) == SQLITE_OK) {
        r->run_id = row_uuid(rd->one, ROW_ITS_ID);
        rc = read_parts(rd, r);
    }
    sqlite_done(rd->one);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
