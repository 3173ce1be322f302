#include "store/listing.h"

#include "store/row.h"
#include "store/schema.h"

enum {
    SLICE_ROWS = 10000,  /* in one statement: some milliseconds */
    QUERY_ROWS = 200000, /* in one query */
};

#define FROM "SELECT " SCHEMA_ROW " FROM deliveries d "
#define PAGE "d.seq < ?1 AND d.seq >= ?2 ORDER BY d.seq DESC"

/*
 * The lowest queued delivery: the first of each integration, found by stepping through the index from one integration
 * to the next. It ends a search for queued ones at once when there are none.
 */
static const char FIRST_QUEUED[] =
    "WITH RECURSIVE names(name) AS ("
    "  SELECT min(integration) FROM deliveries WHERE " SCHEMA_PENDING "  UNION ALL"
    "  SELECT (SELECT min(integration) FROM deliveries WHERE " SCHEMA_PENDING " AND integration > name) FROM names"
    "  WHERE name IS NOT NULL) "
    "SELECT min((SELECT min(seq) FROM deliveries WHERE " SCHEMA_PENDING
    "  AND state = 0 AND due_ms = 0 AND integration = name)) FROM names WHERE name IS NOT NULL";

int listing_prepare(struct reader *rd, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&rd->list, FROM "WHERE " PAGE},
        {&rd->list_state, FROM "INDEXED BY deliveries_notable WHERE d." SCHEMA_NOTABLE " AND d.state = ?3 AND " PAGE},
        {&rd->first_queued, FIRST_QUEUED},
        {&rd->first_from, "SELECT seq, created_ms FROM deliveries WHERE seq >= ?1 ORDER BY seq LIMIT 1"},
        {&rd->last, "SELECT seq FROM deliveries ORDER BY seq DESC LIMIT 1"},
        {NULL, NULL},
    };
    return sqlite_prepare(&rd->c, texts, e);
}

struct range {
    int64_t low, before; /* seq in [low, before) */
};

/* The first row of `st`; *seq 0 when there is none. */
static int first_row(sqlite3_stmt *st, int64_t *seq, int64_t *created_ms)
{
    int rc = sqlite3_step(st);
    *seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (rc == SQLITE_ROW && created_ms != NULL)
        *created_ms = sqlite3_column_int64(st, 1);
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The seq from which on all were created at `ms` or later: a binary search. */
static int seq_at(struct reader *rd, int64_t ms, int64_t *out)
{
    int64_t below = 0, from; /* created earlier, up to here; later, from there on */
    int rc = first_row(rd->last, &from, NULL);
    from++;
    while (rc == SQLITE_OK && below + 1 < from) {
        int64_t seq, created_ms = 0, middle = below + (from - below) / 2;
        sqlite3_bind_int64(rd->first_from, 1, middle);
        rc = first_row(rd->first_from, &seq, &created_ms);
        if (seq == 0 || created_ms >= ms)
            from = middle;
        else
            below = seq;
    }
    *out = from;
    return rc;
}

/* Narrows the range by what is known beforehand. */
static int narrow(struct reader *rd, const struct store_filter *f, struct range *g)
{
    int64_t seq;
    int rc = SQLITE_OK;
    *g = (struct range){.low = 0, .before = f->before_seq > 0 ? f->before_seq : INT64_MAX};
    if (f->since_ms > 0)
        rc = seq_at(rd, f->since_ms, &g->low);
    if (rc == SQLITE_OK && f->until_ms > 0 && (rc = seq_at(rd, f->until_ms, &seq)) == SQLITE_OK && seq < g->before)
        g->before = seq;
    if (rc == SQLITE_OK && f->state == DELIVERY_QUEUED && (rc = first_row(rd->first_queued, &seq, NULL)) == SQLITE_OK) {
        if (seq == 0)
            g->before = 0;
        else if (seq > g->low)
            g->low = seq;
    }
    return rc;
}

static bool matches(sqlite3_stmt *st, const struct store_filter *f)
{
    if (f->state >= 0 && sqlite3_column_int(st, ROW_STATE) != f->state)
        return false;
    if (f->webhook.len > 0 && !bytes_equal(f->webhook, row_bytes(st, ROW_WEBHOOK)))
        return false;
    if (f->integration.len > 0 && !bytes_equal(f->integration, row_bytes(st, ROW_INTEGRATION)))
        return false;
    /* The clock may have been set back since: what the range cannot tell. */
    int64_t created_ms = sqlite3_column_int64(st, ROW_CREATED);
    return created_ms >= f->since_ms && (f->until_ms <= 0 || created_ms < f->until_ms);
}

static bool has_index(int state)
{
    return state > DELIVERY_QUEUED && state != DELIVERY_SUCCEEDED;
}

/* Looks at some rows. g->before moves down; *over: there are no more, or the page is full (r->more). */
static int slice(sqlite3_stmt *st, struct store_read *r, size_t *cap, struct range *g, bool *over)
{
    int rc = SQLITE_OK;
    sqlite3_bind_int64(st, 1, g->before);
    sqlite3_bind_int64(st, 2, g->low);
    if (has_index(r->filter.state))
        sqlite3_bind_int(st, 3, r->filter.state);
    for (int i = 0; i < SLICE_ROWS && !*over && (rc = sqlite3_step(st)) == SQLITE_ROW; i++) {
        bool wanted = matches(st, &r->filter);
        *over = r->more = wanted && r->count >= (size_t)(r->limit > 0 ? r->limit : 0);
        if (*over)
            break;
        g->before = sqlite3_column_int64(st, ROW_SEQ);
        if (wanted && (rc = row_add(st, r, cap)) != SQLITE_OK)
            break;
    }
    sqlite_done(st);
    *over = *over || rc == SQLITE_DONE;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int listing_run(struct reader *rd, struct store_read *r)
{
    struct range g;
    size_t cap = 0;
    bool over = false;
    sqlite3_stmt *st = has_index(r->filter.state) ? rd->list_state : rd->list;
    int rc = narrow(rd, &r->filter, &g);
    for (int seen = 0; rc == SQLITE_OK && !over && seen < QUERY_ROWS; seen += SLICE_ROWS) {
        rc = slice(st, r, &cap, &g, &over);
        if (!over && !reader_yield(rd))
            break;
    }
    r->more = r->more || !over;
    r->next_before_seq = r->more ? g.before : 0;
    return rc;
}
