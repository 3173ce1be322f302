#include "store/query.h"

#include "store/page.h"
#include "store/row.h"
#include "store/schema.h"
#include "store/shelf.h"

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
        {&rd->begin, "BEGIN"},
        {&rd->mark, "SELECT above FROM fresh WHERE one = 1"},
        {&rd->ready,
         "SELECT " ROW_WITH_REQUEST "INDEXED BY deliveries_pending" JOIN_REQUEST "WHERE d.integration = ?1 AND" PENDING
         "AND d.shelf = 1 AND d.due_ms = 0 AND d.seq > ?2 AND d.seq <= ?3 ORDER BY d.seq"},
        {&rd->ready_fresh, "SELECT " ROW_WITH_REQUEST "NOT INDEXED" JOIN_REQUEST
                           "WHERE d.seq > ?2 AND d.state = 0 AND d.integration = ?1 ORDER BY d.seq"},
        {&rd->due, "SELECT " ROW_WITH_REQUEST "INDEXED BY deliveries_pending" JOIN_REQUEST
                   "WHERE d.integration = ?1 AND" PENDING "AND d.shelf = 2 AND d.due_ms > 0 ORDER BY d.due_ms, d.seq"},
        {&rd->one, "SELECT " SCHEMA_ROW ", r.request, " ITS_RUN("script") ", " ITS_RUN(
                       "id") " FROM deliveries d" JOIN_REQUEST "WHERE d.seq = ?1"},
        {&rd->attempts, "SELECT " SCHEMA_ATTEMPT " FROM attempts a WHERE a.key >= ?1 AND a.key < ?2 ORDER BY a.key"},
        {&rd->event, "SELECT seq, id, key, name, received_ms, body FROM events WHERE seq = ?1"},
        {NULL, NULL},
    };
    _Static_assert(SHELF_QUEUED == 1 && SHELF_WAITING == 2, "as the texts have it");
    return ids_prepare(&rd->delivery_ids, &rd->c, e) == 0 ? sqlite_prepare(&rd->c, texts, e) : -1;
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

/* What has been taken of an answer. */
struct taken {
    size_t cap, bytes;
};

/* Rows until the limits, or the first that is due after `until_ms`, whose time is told. */
static int take_rows(sqlite3_stmt *st, struct store_read *r, struct taken *t, int64_t until_ms)
{
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (!query_takes(r, r->count, t->bytes, sqlite3_column_int64(st, ROW_DUE), until_ms))
            break;
        if ((rc = row_add(st, r, &t->cap)) != SQLITE_OK)
            break;
        t->bytes += r->rows[r->count - 1].request.len;
    }
    sqlite_done(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int take_ready(sqlite3_stmt *st, struct store_read *r, struct taken *t, int64_t after)
{
    sqlite_bind_bytes(st, 1, r->integration);
    sqlite3_bind_int64(st, 2, after);
    return take_rows(st, r, t, 0);
}

/* Up to the mark those on the shelf, above it all that are queued. */
static int read_ready(struct reader *rd, struct store_read *r)
{
    struct taken t = {0};
    int64_t mark;
    int rc = page_first(rd->mark, &mark, NULL);
    sqlite3_bind_int64(rd->ready, 3, mark);
    if (rc == SQLITE_OK && r->after_seq < mark)
        rc = take_ready(rd->ready, r, &t, r->after_seq);
    if (rc == SQLITE_OK && !r->more)
        rc = take_ready(rd->ready_fresh, r, &t, r->after_seq > mark ? r->after_seq : mark);
    return rc;
}

/* Of one moment: the mark moves. */
int query_ready(struct reader *rd, struct store_read *r)
{
    int rc = sqlite_run(rd->begin);
    if (rc == SQLITE_OK)
        rc = read_ready(rd, r);
    sqlite_rollback(&rd->c);
    return rc;
}

int query_due(struct reader *rd, struct store_read *r)
{
    struct taken t = {0};
    sqlite_bind_bytes(rd->due, 1, r->integration);
    return take_rows(rd->due, r, &t, r->now_ms);
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
    int64_t seq;
    int rc = ids_find(&rd->delivery_ids, &r->id, &seq);
    if (rc != SQLITE_OK || seq == 0)
        return rc;
    sqlite3_bind_int64(rd->one, 1, seq);
    rc = sqlite3_step(rd->one); /* left open: row, attempts and event are of one moment */
    if (rc == SQLITE_ROW && (rc = row_add(rd->one, r, &cap)) == SQLITE_OK) {
        r->run_id = row_uuid(rd->one, ROW_ITS_ID);
        rc = read_parts(rd, r);
    }
    sqlite_done(rd->one);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
