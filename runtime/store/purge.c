#include "store/purge.h"

#include "core/delivery.h"
#include "core/units.h"
#include "store/schema.h"
#include "store/thread.h"

enum {
    STEP_ROWS = 200,
    VACUUM_PAGES = 16,
    VACUUM_ABOVE = 1024, /* free pages that are kept in any case: the next rows need them again */
};
static const int64_t STEP_NS = 2 * NS_PER_MS;
static const int64_t PACE_NS = 5 * NS_PER_MS;
static const int64_t ROUND_MAX_MS = 60 * MS_PER_S;
static const int64_t ROUND_MIN_MS = 100;
static const int64_t EVENTS_MS = 24 * 3600 * MS_PER_S; /* an event's key must be known that long */

void purge_init(struct purge *p, int64_t keep_ms, int64_t now_ns)
{
    *p = (struct purge){.keep_ms = keep_ms, .next_ns = keep_ms > 0 ? now_ns : INT64_MAX};
}

int purge_prepare(struct purge *p, struct sqlite *c, struct err *e)
{
    p->c = c;
    const struct sqlite_text texts[] = {
        {&p->walk, "SELECT seq, state, finished_ms, created_ms FROM deliveries WHERE seq > ?1 ORDER BY seq LIMIT ?2"},
        {&p->drop_delivery, "DELETE FROM deliveries WHERE seq = ?1"},
        {&p->drop_request, "DELETE FROM requests WHERE seq = ?1"},
        {&p->drop_attempts, "DELETE FROM attempts WHERE key >= ?1 AND key < ?2"},
        {&p->walk_events, "SELECT seq, received_ms FROM events ORDER BY seq LIMIT ?1"},
        {&p->drop_event, "DELETE FROM events WHERE seq = ?1"},
        {&p->page_count, "PRAGMA page_count"},
        {&p->free_count, "PRAGMA freelist_count"},
        {&p->vacuum, "PRAGMA incremental_vacuum(16)"},
        {NULL, NULL},
    };
    _Static_assert(VACUUM_PAGES == 16, "the pragma takes no parameter");
    return sqlite_prepare(c, texts, e);
}

/* What one step found. */
struct doomed {
    int64_t seqs[STEP_ROWS];
    size_t count;
    bool round_over; /* nothing above can be old enough */
};

/* Deliveries: a row created after the cutoff cannot have finished before it, nor can those above. */
static int find_deliveries(struct purge *p, int64_t cutoff_ms, struct doomed *d)
{
    int rc, seen = 0;
    sqlite3_bind_int64(p->walk, 1, p->cursor);
    sqlite3_bind_int(p->walk, 2, STEP_ROWS);
    while ((rc = sqlite3_step(p->walk)) == SQLITE_ROW && !d->round_over) {
        int64_t finished_ms = sqlite3_column_int64(p->walk, 2);
        bool final = delivery_state_final((enum delivery_state)sqlite3_column_int(p->walk, 1));
        d->round_over = sqlite3_column_int64(p->walk, 3) >= cutoff_ms;
        if (d->round_over)
            break;
        p->cursor = sqlite3_column_int64(p->walk, 0);
        if (final && finished_ms < cutoff_ms)
            d->seqs[d->count++] = p->cursor;
        seen++;
    }
    sqlite3_reset(p->walk);
    d->round_over = d->round_over || seen < STEP_ROWS;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int find_events(struct purge *p, int64_t cutoff_ms, struct doomed *d)
{
    int rc;
    sqlite3_bind_int(p->walk_events, 1, STEP_ROWS);
    while ((rc = sqlite3_step(p->walk_events)) == SQLITE_ROW && sqlite3_column_int64(p->walk_events, 1) < cutoff_ms)
        d->seqs[d->count++] = sqlite3_column_int64(p->walk_events, 0);
    sqlite3_reset(p->walk_events);
    d->round_over = d->count < STEP_ROWS;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run_on(sqlite3_stmt *st, int64_t seq)
{
    sqlite3_bind_int64(st, 1, seq);
    return sqlite_run(st);
}

static int drop_delivery(struct purge *p, int64_t seq)
{
    int rc = run_on(p->drop_delivery, seq);
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_request, seq);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_int64(p->drop_attempts, 2, (seq + 1) * SCHEMA_ATTEMPTS_PER_DELIVERY);
    return run_on(p->drop_attempts, seq * SCHEMA_ATTEMPTS_PER_DELIVERY);
}

static int drop_event(struct purge *p, int64_t seq)
{
    return run_on(p->drop_event, seq);
}

/* Pages go back to the file system only when many are free: in the steady state new rows take them again. */
static int vacuum(struct purge *p)
{
    sqlite3_step(p->page_count);
    int64_t pages = sqlite3_column_int64(p->page_count, 0);
    sqlite3_reset(p->page_count);
    sqlite3_step(p->free_count);
    int64_t free_pages = sqlite3_column_int64(p->free_count, 0);
    sqlite3_reset(p->free_count);
    if (free_pages <= VACUUM_ABOVE || free_pages <= pages / 4)
        return SQLITE_OK;
    return sqlite_run(p->vacuum);
}

/* As many as the time allows; `drop` a row at a time. */
static int drop_some(struct purge *p, struct doomed *d, int (*drop)(struct purge *, int64_t))
{
    int64_t until_ns = thread_mono_ns() + STEP_NS;
    int rc = SQLITE_OK;
    size_t i = 0;
    while (rc == SQLITE_OK && i < d->count && (i == 0 || thread_mono_ns() < until_ns))
        rc = drop(p, d->seqs[i++]);
    if (i < d->count) {
        d->round_over = false;
        if (drop == drop_delivery)
            p->cursor = d->seqs[i - 1];
    }
    return rc == SQLITE_OK ? vacuum(p) : rc;
}

static int drop_all(struct purge *p, struct doomed *d, int (*drop)(struct purge *, int64_t))
{
    if (d->count == 0)
        return SQLITE_OK;
    int rc = sqlite3_exec(p->c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = drop_some(p, d, drop);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(p->c->db, "COMMIT", NULL, NULL, NULL);
    sqlite_rollback(p->c);
    return rc;
}

static int64_t round_ns(const struct purge *p)
{
    int64_t ms = p->keep_ms / 16;
    return (ms > ROUND_MAX_MS ? ROUND_MAX_MS : ms < ROUND_MIN_MS ? ROUND_MIN_MS : ms) * NS_PER_MS;
}

static int step(struct purge *p, int64_t now_ms, bool *round_over)
{
    struct doomed d = {.count = 0};
    int64_t events_ms = p->keep_ms > EVENTS_MS ? p->keep_ms : EVENTS_MS;
    int rc = find_deliveries(p, now_ms - p->keep_ms, &d);
    if (rc == SQLITE_OK)
        rc = drop_all(p, &d, drop_delivery);
    if (rc != SQLITE_OK || !d.round_over)
        return rc;
    d = (struct doomed){.count = 0};
    rc = find_events(p, now_ms - events_ms, &d);
    if (rc == SQLITE_OK)
        rc = drop_all(p, &d, drop_event);
    *round_over = d.round_over;
    return rc;
}

int purge_step(struct purge *p, int64_t now_ns, int64_t now_ms)
{
    bool round_over = false;
    int rc = step(p, now_ms, &round_over);
    if (rc != SQLITE_OK || round_over)
        p->cursor = 0;
    p->next_ns = now_ns + (rc != SQLITE_OK || round_over ? round_ns(p) : PACE_NS);
    return rc;
}
