#include "store/purge.h"

#include "core/delivery.h"
#include "core/run.h"
#include "core/units.h"
#include "store/schema.h"
#include "store/thread.h"

enum {
    STEP_ROWS = 200,  /* that go */
    LOOK_ROWS = 2000, /* that are passed: looking is cheap, and very many may stay */
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
        {&p->drop_run, "DELETE FROM runs WHERE seq = ?1"},
        {&p->drop_input, "DELETE FROM inputs WHERE run = ?1"},
        {&p->drop_steps, "DELETE FROM steps NOT INDEXED WHERE key >= ?1 AND key < ?2"},
        {&p->walk, "SELECT seq, created_ms, state >= 3 AND finished_ms < ?2 "
                   "AND (run = 0 OR NOT EXISTS (SELECT 1 FROM runs r WHERE r.seq = deliveries.run)) "
                   "FROM deliveries WHERE seq > ?1 ORDER BY seq"},
        {&p->drop_delivery, "DELETE FROM deliveries WHERE seq = ?1"},
        {&p->has_strays, "SELECT max(id) IS NOT NULL FROM strays"},
        {&p->drop_stray, "DELETE FROM strays WHERE id = (SELECT id FROM deliveries WHERE seq = ?1) AND seq = ?1"},
        {&p->drop_request, "DELETE FROM requests WHERE seq = ?1"},
        {&p->drop_attempts, "DELETE FROM attempts WHERE key >= ?1 AND key < ?2"},
        {&p->walk_events, "SELECT seq, received_ms, received_ms < ?2 FROM events WHERE seq > ?1 ORDER BY seq"},
        {&p->drop_event, "DELETE FROM events WHERE seq = ?1"},
        {&p->drop_arrivals, "DELETE FROM arrivals WHERE event = ?1"},
        {&p->walk_scripts, "SELECT s.seq, 0, s.kept = 0 AND s.seq < (SELECT max(seq) FROM scripts) "
                           "AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.seq > s.seq "
                           "AND r.seq < (SELECT min(n.seq) FROM scripts n WHERE n.seq > s.seq)) "
                           "FROM scripts s WHERE s.seq > ?1 ORDER BY s.seq"},
        {&p->drop_script, "DELETE FROM scripts WHERE seq = ?1"},
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

/* What one step found. */
struct doomed {
    int64_t seqs[STEP_ROWS];
    size_t count;
    bool over; /* nothing above can be old enough */
};

/* A row created after the cutoff cannot have finished before it, nor can those above. */
static int find(struct purge *p, sqlite3_stmt *walk, int64_t cutoff_ms, struct doomed *d)
{
    int rc = SQLITE_OK;
    sqlite3_bind_int64(walk, 1, p->cursor);
    sqlite3_bind_int64(walk, 2, cutoff_ms);
    for (int i = 0; i < LOOK_ROWS && d->count < STEP_ROWS && (rc = sqlite3_step(walk)) == SQLITE_ROW; i++) {
        d->over = sqlite3_column_int64(walk, 1) >= cutoff_ms;
        if (d->over)
            break;
        p->cursor = sqlite3_column_int64(walk, 0);
        if (sqlite3_column_int(walk, 2) != 0)
            d->seqs[d->count++] = p->cursor;
    }
    sqlite3_reset(walk);
    d->over = d->over || rc == SQLITE_DONE;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- what goes ------------------------------------------------------------------------------------------------ */

static int run_on(sqlite3_stmt *st, int64_t seq)
{
    sqlite3_bind_int64(st, 1, seq);
    return sqlite_run(st);
}

/* Rows whose keys are seq * 65536 and a number. */
static int run_on_its(sqlite3_stmt *st, int64_t seq)
{
    _Static_assert(SCHEMA_STEPS_PER_RUN == SCHEMA_ATTEMPTS_PER_DELIVERY, "one rule for both");
    sqlite3_bind_int64(st, 2, (seq + 1) * SCHEMA_STEPS_PER_RUN);
    return run_on(st, seq * SCHEMA_STEPS_PER_RUN);
}

static int drop_run(struct purge *p, int64_t seq)
{
    int rc = run_on(p->drop_run, seq);
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_input, seq);
    return rc == SQLITE_OK ? run_on_its(p->drop_steps, seq) : rc;
}

static int drop_delivery(struct purge *p, int64_t seq)
{
    int rc = p->strays ? run_on(p->drop_stray, seq) : SQLITE_OK;
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_delivery, seq);
    if (rc == SQLITE_OK)
        rc = run_on(p->drop_request, seq);
    return rc == SQLITE_OK ? run_on_its(p->drop_attempts, seq) : rc;
}

static int drop_event(struct purge *p, int64_t seq)
{
    int rc = run_on(p->drop_event, seq);
    return rc == SQLITE_OK ? run_on(p->drop_arrivals, seq) : rc;
}

static int drop_script(struct purge *p, int64_t seq)
{
    return run_on(p->drop_script, seq);
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

/* As many as the time allows; `drop` a row at a time. */
static int drop_some(struct purge *p, struct doomed *d, int (*drop)(struct purge *, int64_t))
{
    int64_t until_ns = thread_mono_ns() + STEP_NS;
    int rc = SQLITE_OK;
    size_t i = 0;
    while (rc == SQLITE_OK && i < d->count && (i == 0 || thread_mono_ns() < until_ns))
        rc = drop(p, d->seqs[i++]);
    if (i < d->count) {
        d->over = false;
        p->cursor = d->seqs[i - 1];
    }
    return rc;
}

static int drop_all(struct purge *p, struct doomed *d, int (*drop)(struct purge *, int64_t))
{
    if (d->count == 0)
        return SQLITE_OK;
    int rc = sqlite3_exec(p->c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = run_on(p->keep_seq, d->seqs[d->count - 1]);
    p->strays = first_value(p->has_strays) != 0;
    if (rc == SQLITE_OK)
        rc = drop_some(p, d, drop);
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

static int step_stage(struct purge *p, int64_t now_ms, struct doomed *d)
{
    int64_t cutoff_ms = now_ms - p->keep_ms, event_ms = now_ms - (p->keep_ms > EVENTS_MS ? p->keep_ms : EVENTS_MS);
    const struct {
        sqlite3_stmt *walk;
        int64_t cutoff_ms;
        int (*drop)(struct purge *, int64_t);
    } stages[STAGE_COUNT] = {
        [STAGE_RUNS] = {p->walk_runs, cutoff_ms, drop_run},
        [STAGE_DELIVERIES] = {p->walk, cutoff_ms, drop_delivery},
        [STAGE_EVENTS] = {p->walk_events, event_ms, drop_event},
        [STAGE_SCRIPTS] = {p->walk_scripts, INT64_MAX, drop_script},
    };
    int rc = find(p, stages[p->stage].walk, stages[p->stage].cutoff_ms, d);
    return rc == SQLITE_OK ? drop_all(p, d, stages[p->stage].drop) : rc;
}

/* Stages that have nothing to remove cost no step of their own. Behind the last, pages are given back. */
static int step(struct purge *p, int64_t now_ms, bool *round_over)
{
    struct doomed d;
    int rc = SQLITE_OK;
    bool better = true;
    if (p->stage == STAGE_COUNT)
        rc = give_back(p, &better);
    if (rc != SQLITE_OK)
        return rc;
    while (p->stage < STAGE_COUNT) {
        d = (struct doomed){.count = 0};
        rc = step_stage(p, now_ms, &d);
        if (rc != SQLITE_OK || !d.over)
            return rc;
        p->cursor = 0;
        p->stage++;
        if (d.count > 0)
            break;
    }
    *round_over = p->stage == STAGE_COUNT && (!better || !has_many_free_pages(p));
    return SQLITE_OK;
}

int purge_step(struct purge *p, int64_t now_ns, int64_t now_ms)
{
    bool round_over = false;
    int rc = step(p, now_ms, &round_over);
    bool again = rc != SQLITE_OK || round_over;
    if (again) {
        p->cursor = 0;
        p->stage = STAGE_RUNS;
    }
    p->next_ns = now_ns + (again ? round_ns(p) : PACE_NS);
    return rc;
}
