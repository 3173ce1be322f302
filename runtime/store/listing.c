#include "store/listing.h"

#include "store/page.h"
#include "store/row_run.h"
#include "store/schema.h"
#include "store/shelf.h"

#define FROM     "SELECT " SCHEMA_ROW " FROM deliveries d "
#define PAGE     "d.seq < ?1 AND d.seq >= ?2 ORDER BY d.seq DESC"
#define RUN_FROM "SELECT " SCHEMA_RUN " FROM runs r "
#define RUN_PAGE "r.seq < ?1 AND r.seq >= ?2 ORDER BY r.seq DESC"

/*
 * From where on deliveries may be queued: the first of each integration that is on its shelf, or the mark above which
 * they are on none. A search for queued ones ends there.
 */
static const char FIRST_QUEUED[] =
    SCHEMA_NAMES "SELECT min(seq) FROM ("
                 "  SELECT (SELECT min(seq) FROM deliveries WHERE " SCHEMA_PENDING
                 "    AND shelf = 1 AND due_ms = 0 AND integration = name) AS seq FROM names WHERE name IS NOT NULL"
                 "  UNION ALL SELECT above + 1 FROM fresh WHERE one = 1)";

int listing_prepare(struct reader *rd, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&rd->list, FROM "WHERE " PAGE},
        {&rd->list_state, FROM "INDEXED BY deliveries_notable WHERE d." SCHEMA_NOTABLE " AND d.shelf = ?3 AND " PAGE},
        {&rd->first_queued, FIRST_QUEUED},
        {&rd->first_from, "SELECT seq, created_ms FROM deliveries WHERE seq >= ?1 ORDER BY seq LIMIT 1"},
        {&rd->last, "SELECT seq FROM deliveries ORDER BY seq DESC LIMIT 1"},
        {&rd->list_runs, RUN_FROM "WHERE " RUN_PAGE},
        {&rd->list_runs_state,
         RUN_FROM "INDEXED BY runs_notable WHERE r." SCHEMA_RUN_NOTABLE " AND r.state = ?3 AND " RUN_PAGE},
        {&rd->list_runs_ready, RUN_FROM "INDEXED BY runs_ready WHERE r." SCHEMA_RUN_READY " AND " RUN_PAGE},
        {&rd->first_run_from, "SELECT seq, created_ms FROM runs WHERE seq >= ?1 ORDER BY seq LIMIT 1"},
        {&rd->last_run, "SELECT seq FROM runs ORDER BY seq DESC LIMIT 1"},
        {NULL, NULL},
    };
    return sqlite_prepare(&rd->c, texts, e);
}

static size_t room(int limit)
{
    return limit > 0 ? (size_t)limit : 0;
}

/* The clock may have been set back since: what the range cannot tell. */
static bool created_in(int64_t created_ms, int64_t since_ms, int64_t until_ms)
{
    return created_ms >= since_ms && (until_ms <= 0 || created_ms < until_ms);
}

/* --- deliveries ----------------------------------------------------------------------------------------------- */

struct deliveries {
    struct store_read *r;
    size_t cap;
};

static bool delivery_wanted(sqlite3_stmt *st, const void *ud)
{
    const struct store_filter *f = &((const struct deliveries *)ud)->r->filter;
    if (f->state >= 0 && sqlite3_column_int(st, ROW_STATE) != f->state)
        return false;
    if (f->webhook.len > 0 && !bytes_equal(f->webhook, row_bytes(st, ROW_WEBHOOK)))
        return false;
    if (f->integration.len > 0 && !bytes_equal(f->integration, row_bytes(st, ROW_INTEGRATION)))
        return false;
    return created_in(sqlite3_column_int64(st, ROW_CREATED), f->since_ms, f->until_ms);
}

static int take_delivery(sqlite3_stmt *st, void *ud)
{
    struct deliveries *d = ud;
    return row_add(st, d->r, &d->cap);
}

static bool has_index(int state)
{
    return state > DELIVERY_QUEUED && state != DELIVERY_SUCCEEDED;
}

/* Queued ones are looked for among all, but not below the lowest. */
static int narrow_queued(struct reader *rd, struct page *p)
{
    int64_t seq;
    int rc = page_first(rd->first_queued, &seq, NULL);
    if (seq > p->low)
        p->low = seq;
    return rc;
}

int listing_run(struct reader *rd, struct store_read *r)
{
    const struct store_filter *f = &r->filter;
    struct deliveries d = {.r = r};
    struct page p = {
        .rows = has_index(f->state) ? rd->list_state : rd->list,
        .first_from = rd->first_from,
        .last = rd->last,
        .state = has_index(f->state) ? (int)shelf_of((enum delivery_state)f->state) : -1,
        .room = room(r->limit),
        .wanted = delivery_wanted,
        .take = take_delivery,
        .ud = &d,
        .before = f->before_seq,
    };
    int rc = page_narrow(&p, f->since_ms, f->until_ms);
    if (rc == SQLITE_OK && f->state == DELIVERY_QUEUED)
        rc = narrow_queued(rd, &p);
    if (rc == SQLITE_OK)
        rc = page_run(&p, rd);
    r->more = p.more;
    r->next_before_seq = p.more ? p.before : 0;
    return rc;
}

/* --- runs ----------------------------------------------------------------------------------------------------- */

struct runs {
    struct store_read_runs *q;
    size_t cap;
};

static bool run_wanted(sqlite3_stmt *st, const void *ud)
{
    const struct store_run_filter *f = &((const struct runs *)ud)->q->filter;
    if (f->state >= 0 && sqlite3_column_int(st, ROW_RUN_STATE) != f->state)
        return false;
    if (f->flow.len > 0 && !bytes_equal(f->flow, row_bytes(st, ROW_RUN_FLOW)))
        return false;
    return created_in(sqlite3_column_int64(st, ROW_RUN_CREATED), f->since_ms, f->until_ms);
}

static int take_run(sqlite3_stmt *st, void *ud)
{
    struct runs *l = ud;
    return row_run_add(st, l->q, &l->cap);
}

static bool run_notable(int state)
{
    return state == RUN_FAILED || state == RUN_PARKED;
}

int listing_runs(struct reader *rd, struct store_read_runs *q)
{
    const struct store_run_filter *f = &q->filter;
    struct runs l = {.q = q};
    struct page p = {
        .rows = run_notable(f->state)   ? rd->list_runs_state
                : f->state == RUN_READY ? rd->list_runs_ready
                                        : rd->list_runs,
        .first_from = rd->first_run_from,
        .last = rd->last_run,
        .state = run_notable(f->state) ? f->state : -1,
        .room = room(q->base.limit),
        .wanted = run_wanted,
        .take = take_run,
        .ud = &l,
        .before = f->before_seq,
    };
    int rc = page_narrow(&p, f->since_ms, f->until_ms);
    if (rc == SQLITE_OK)
        rc = page_run(&p, rd);
    q->base.more = p.more;
    q->base.next_before_seq = p.more ? p.before : 0;
    return rc;
}
