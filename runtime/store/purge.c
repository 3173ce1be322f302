#include "store/purge.h"

#include "core/delivery.h"
#include "core/run.h"
#include "core/units.h"
#include "store/schema.h"
#include "store/thread.h"

enum {
    STEP_ROWS = 200,     /* that go in a step of its own */
    LOOK_PER_ROW = 10,   /* so many are passed for each that may go: looking is cheap, and very many may stay */
    RANGE_ROWS = 50,     /* that go with one statement: the time is looked at in between */
    ALONG_PER_ROW = 2,   /* that go with a commit, for each row that it writes: more than come in; … */
    ALONG_AT_LEAST = 20, /* … and when it writes one */
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

/*
 * Each walk tells seq, when it was created, and whether it may go once it is older than ?2. A run that sleeps has its
 * row; so has one that is parked, however long ago.
 */
int purge_prepare(struct purge *p, struct sqlite *c, struct err *e)
{
    p->c = c;
    const struct sqlite_text texts[] = {
        {&p->walk_runs, "SELECT seq, created_ms, state >= 4 AND state <> 6 AND finished_ms < ?2 FROM runs "
                        "WHERE seq > ?1 ORDER BY seq"},
        {&p->drop_runs, "DELETE FROM runs WHERE seq >= ?1 AND seq <= ?2"},
        {&p->drop_inputs, "DELETE FROM inputs WHERE run >= ?1 AND run <= ?2"},
        {&p->drop_steps, "DELETE FROM steps NOT INDEXED WHERE key >= ?1 AND key < ?2"},
        {&p->walk, "SELECT seq, created_ms, state >= 3 AND finished_ms < ?2 "
                   "AND (run = 0 OR NOT EXISTS (SELECT 1 FROM runs r WHERE r.seq = deliveries.run)) "
                   "FROM deliveries WHERE seq > ?1 ORDER BY seq"},
        {&p->drop_deliveries, "DELETE FROM deliveries WHERE seq >= ?1 AND seq <= ?2"},
        {&p->drop_strays, "DELETE FROM strays INDEXED BY strays_seq WHERE seq >= ?1 AND seq <= ?2"},
        {&p->drop_requests, "DELETE FROM requests WHERE seq >= ?1 AND seq <= ?2"},
        {&p->drop_attempts, "DELETE FROM attempts WHERE key >= ?1 AND key < ?2"},
        {&p->walk_events, "SELECT seq, received_ms, received_ms < ?2 FROM events WHERE seq > ?1 ORDER BY seq"},
        {&p->drop_events, "DELETE FROM events WHERE seq >= ?1 AND seq <= ?2"},
        {&p->drop_arrivals, "DELETE FROM arrivals INDEXED BY arrivals_event WHERE event >= ?1 AND event <= ?2"},
        {&p->walk_scripts, "SELECT s.seq, 0, s.kept = 0 AND s.seq < (SELECT max(seq) FROM scripts) "
                           "AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.seq > s.seq "
                           "AND r.seq < (SELECT min(n.seq) FROM scripts n WHERE n.seq > s.seq)) "
                           "FROM scripts s WHERE s.seq > ?1 ORDER BY s.seq"},
        {&p->drop_scripts, "DELETE FROM scripts WHERE seq >= ?1 AND seq <= ?2"},
        {&p->keep_seq, "UPDATE purged SET seq = ?1 WHERE one = 1 AND seq < ?1"},
        {&p->page_count, "PRAGMA page_count"},
        {&p->free_count, "PRAGMA freelist_count"},
        {&p->vacuum, "PRAGMA incremental_vacuum(16)"},
        {NULL, NULL},
    };
    _Static_assert(VACUUM_PAGES == 16, "the pragma takes no parameter");
    _Static_assert(RUN_SUCCEEDED == 4 && RUN_PARKED == 6 && RUN_STATE_COUNT == 8, "as the text has it");
    _Static_assert(DELIVERY_SUCCEEDED == 3 && DELIVERY_STATE_COUNT == 7, "as the text has it");
    return sqlite_prepare(c, texts, e);
}

/* Rows of the table that is walked, without one between them that stays. */
struct range {
    int64_t first, last;
    int rows;
};

/* What one step found. */
struct doomed {
    struct range ranges[STEP_ROWS];
    int count;
    bool over; /* nothing above can be old enough */
};

static void add_row(struct doomed *d, int64_t seq, bool behind_last)
{
    struct range *last = d->count > 0 ? &d->ranges[d->count - 1] : NULL;
    if (behind_last && last != NULL && last->rows < RANGE_ROWS) {
        last->last = seq;
        last->rows++;
    } else
        d->ranges[d->count++] = (struct range){seq, seq, 1};
}

/* A row created after the cutoff cannot have finished before it, nor can those above. */
static int find(struct purge *p, sqlite3_stmt *walk, int64_t cutoff_ms, int room, struct doomed *d)
{
    int rc = SQLITE_OK;
    bool behind_last = false;
    int look = room * LOOK_PER_ROW;
    sqlite3_bind_int64(walk, 1, p->cursor);
    sqlite3_bind_int64(walk, 2, cutoff_ms);
    while (look-- > 0 && room > 0 && (rc = sqlite3_step(walk)) == SQLITE_ROW) {
        d->over = sqlite3_column_int64(walk, 1) >= cutoff_ms;
        if (d->over)
            break;
        p->cursor = sqlite3_column_int64(walk, 0);
        bool goes = sqlite3_column_int(walk, 2) != 0;
        if (goes) {
            add_row(d, p->cursor, behind_last);
            room--;
        }
        behind_last = goes;
    }
    sqlite3_reset(walk);
    d->over = d->over || rc == SQLITE_DONE;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- what goes ------------------------------------------------------------------------------------------------ */

static int run_on(sqlite3_stmt *st, const struct range *r)
{
    sqlite3_bind_int64(st, 1, r->first);
    sqlite3_bind_int64(st, 2, r->last);
    return sqlite_run(st);
}

/* Rows whose keys are seq * 65536 and a number. */
static int run_on_its(sqlite3_stmt *st, const struct range *r)
{
    _Static_assert(SCHEMA_STEPS_PER_RUN == SCHEMA_ATTEMPTS_PER_DELIVERY, "one rule for both");
    const struct range keys = {r->first * SCHEMA_STEPS_PER_RUN, (r->last + 1) * SCHEMA_STEPS_PER_RUN, 0};
    return run_on(st, &keys);
}

static int drop_runs(struct purge *p, const struct range *r)
{
    int rc = run_on(p->drop_runs, r);
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_inputs, r);
    return rc == SQLITE_OK ? run_on_its(p->drop_steps, r) : rc;
}

static int drop_deliveries(struct purge *p, const struct range *r)
{
    int rc = run_on(p->drop_strays, r);
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_deliveries, r);
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_requests, r);
    return rc == SQLITE_OK ? run_on_its(p->drop_attempts, r) : rc;
}

static int drop_events(struct purge *p, const struct range *r)
{
    int rc = run_on(p->drop_events, r);
    return rc == SQLITE_OK ? run_on(p->drop_arrivals, r) : rc;
}

static int drop_scripts(struct purge *p, const struct range *r)
{
    return run_on(p->drop_scripts, r);
}

static int64_t first_value(sqlite3_stmt *st)
{
    sqlite3_step(st);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return n;
}

/* Then some go back to the file system; in the steady state new rows take them again. */
static bool has_many_free_pages(struct purge *p)
{
    int64_t free_pages = first_value(p->free_count);
    return free_pages > VACUUM_ABOVE && free_pages > first_value(p->page_count) / 4;
}

/* Gives some pages back. Not `better`: the file has been made so that it keeps them (auto_vacuum). */
static int give_back(struct purge *p, bool *better)
{
    int64_t before = first_value(p->free_count);
    int rc = sqlite_run(p->vacuum);
    *better = rc == SQLITE_OK && first_value(p->free_count) < before;
    return rc;
}

/* As many as the time allows. */
static int drop_some(struct purge *p, struct doomed *d, int (*drop)(struct purge *, const struct range *))
{
    int64_t until_ns = thread_mono_ns() + STEP_NS;
    int rc = SQLITE_OK, i = 0;
    while (rc == SQLITE_OK && i < d->count && (i == 0 || thread_mono_ns() < until_ns))
        rc = drop(p, &d->ranges[i++]);
    if (i < d->count) {
        d->over = false;
        p->cursor = d->ranges[i - 1].last;
    }
    return rc;
}

/* Within the transaction of the writer, or in one of its own. */
static int drop_all(struct purge *p, struct doomed *d, int (*drop)(struct purge *, const struct range *))
{
    bool own = sqlite3_get_autocommit(p->c->db) != 0;
    if (d->count == 0)
        return SQLITE_OK;
    int rc = own ? sqlite3_exec(p->c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) : SQLITE_OK;
    sqlite3_bind_int64(p->keep_seq, 1, d->ranges[d->count - 1].last);
    if (rc == SQLITE_OK)
        rc = sqlite_run(p->keep_seq);
    if (rc == SQLITE_OK)
        rc = drop_some(p, d, drop);
    if (!own)
        return rc;
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(p->c->db, "COMMIT", NULL, NULL, NULL);
    sqlite_rollback(p->c);
    return rc;
}

/* --- a round -------------------------------------------------------------------------------------------------- */

static int64_t round_ns(const struct purge *p)
{
    int64_t ms = p->keep_ms / 16;
    return (ms > ROUND_MAX_MS ? ROUND_MAX_MS : ms < ROUND_MIN_MS ? ROUND_MIN_MS : ms) * NS_PER_MS;
}

enum { STAGE_RUNS, STAGE_DELIVERIES, STAGE_EVENTS, STAGE_SCRIPTS, STAGE_COUNT };

static int step_stage(struct purge *p, int64_t now_ms, int room, struct doomed *d)
{
    int64_t cutoff_ms = now_ms - p->keep_ms, event_ms = now_ms - (p->keep_ms > EVENTS_MS ? p->keep_ms : EVENTS_MS);
    const struct {
        sqlite3_stmt *walk;
        int64_t cutoff_ms;
        int (*drop)(struct purge *, const struct range *);
    } stages[STAGE_COUNT] = {
        [STAGE_RUNS] = {p->walk_runs, cutoff_ms, drop_runs},
        [STAGE_DELIVERIES] = {p->walk, cutoff_ms, drop_deliveries},
        [STAGE_EVENTS] = {p->walk_events, event_ms, drop_events},
        [STAGE_SCRIPTS] = {p->walk_scripts, INT64_MAX, drop_scripts},
    };
    int rc = find(p, stages[p->stage].walk, stages[p->stage].cutoff_ms, room, d);
    return rc == SQLITE_OK ? drop_all(p, d, stages[p->stage].drop) : rc;
}

/* Stages that have nothing to remove cost no step of their own. *over: they are all behind. */
static int step_stages(struct purge *p, int64_t now_ms, int room, bool *over)
{
    while (p->stage < STAGE_COUNT) {
        struct doomed d;
        d.count = 0;
        d.over = false;
        int rc = step_stage(p, now_ms, room, &d);
        if (rc != SQLITE_OK || !d.over)
            return rc;
        p->cursor = 0;
        p->stage++;
        if (d.count > 0)
            break;
    }
    *over = p->stage == STAGE_COUNT;
    return SQLITE_OK;
}

/* Behind the last stage, pages are given back. */
static int step(struct purge *p, int64_t now_ms, bool *over)
{
    bool better = true;
    int rc = SQLITE_OK;
    if (p->stage == STAGE_COUNT)
        rc = give_back(p, &better);
    else
        rc = step_stages(p, now_ms, STEP_ROWS, over);
    *over = p->stage == STAGE_COUNT && (!better || !has_many_free_pages(p));
    return rc;
}

/* `over`: the round. */
static int end_step(struct purge *p, int rc, bool over, int64_t now_ns, int64_t pace_ns)
{
    bool again = rc != SQLITE_OK || over;
    if (again) {
        p->cursor = 0;
        p->stage = STAGE_RUNS;
    }
    p->next_ns = now_ns + (again ? round_ns(p) : pace_ns);
    return rc;
}

int purge_step(struct purge *p, int64_t now_ns, int64_t now_ms)
{
    bool over = false;
    int rc = step(p, now_ms, &over);
    return end_step(p, rc, over, now_ns, PACE_NS);
}

/* Pages stay: the next rows take them. */
int purge_along(struct purge *p, int64_t now_ns, int64_t now_ms, size_t rows)
{
    bool over = p->stage == STAGE_COUNT;
    size_t room = ALONG_AT_LEAST + rows * ALONG_PER_ROW;
    if (now_ns < p->next_ns)
        return SQLITE_OK;
    int rc = over ? SQLITE_OK : step_stages(p, now_ms, room < STEP_ROWS ? (int)room : STEP_ROWS, &over);
    return end_step(p, rc, over, now_ns, 0);
}
