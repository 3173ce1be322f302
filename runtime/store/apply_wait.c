#include "store/apply_wait.h"

#include "core/run.h"
#include "store/apply_run.h"
#include "store/row.h"
#include "store/schema.h"

int apply_wait_prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->add_arrival, "INSERT OR IGNORE INTO arrivals(key, event) VALUES (?1, ?2)"},
        {&a->find_waits, "SELECT key FROM steps INDEXED BY steps_match WHERE match = ?1 AND " SCHEMA_STEP_OPEN},
        {&a->end_wait, "UPDATE steps SET ended_ms = ?2, ref = ?3, result = ?4 WHERE key = ?1"},
        {&a->close_wait, "UPDATE steps SET match = NULL WHERE key = ?1"},
        {&a->find_arrival, "SELECT e.seq, e.id, e.received_ms, e.body FROM arrivals a CROSS JOIN events e "
                           "ON e.seq = a.event WHERE a.key = ?1 AND a.event > ?2 ORDER BY a.event LIMIT 1"},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

/* What the journal keeps of a wait that an event ended. */
static int compose(struct buf *out, struct uuid id, struct bytes envelope)
{
    buf_clear(out);
    return run_wait_result(out, &id, envelope) != 0 ? SQLITE_NOMEM : SQLITE_OK;
}

/* --- an event comes ------------------------------------------------------------------------------------------- */

static int close_wait(struct apply *a, int64_t step)
{
    sqlite3_bind_int64(a->close_wait, 1, step);
    return sqlite_run(a->close_wait);
}

static int end_wait(struct apply *a, int64_t step, const struct store_event *v)
{
    if (a->result.len == 0 && compose(&a->result, v->id, v->body) != SQLITE_OK)
        return SQLITE_NOMEM;
    sqlite3_bind_int64(a->end_wait, 1, step);
    sqlite3_bind_int64(a->end_wait, 2, v->received_ms);
    sqlite3_bind_int64(a->end_wait, 3, v->seq);
    sqlite_bind_blob(a->end_wait, 4, a->result.data, a->result.len);
    return sqlite_run(a->end_wait);
}

/* A run that may only be resumed learns of it then. */
static int end_and_wake(struct apply *a, int64_t step, struct store_accept *w)
{
    int64_t run = step / SCHEMA_STEPS_PER_RUN;
    struct run_row row;
    int rc = apply_run_find(a, run, &row);
    if (rc == SQLITE_OK && (!row.found || apply_run_over(row.state)))
        return close_wait(a, step);
    struct store_woken woken = {.run = run, .step = (int)(step % SCHEMA_STEPS_PER_RUN)};
    if (rc == SQLITE_OK)
        rc = end_wait(a, step, w->event);
    if (rc == SQLITE_OK)
        rc = apply_run_wake(a, run, &row);
    if (rc == SQLITE_OK && row.state == RUN_READY && buf_append(&w->woken, &woken, sizeof woken) != 0)
        rc = SQLITE_NOMEM;
    return rc;
}

/* Found whole before the first is ended, which takes it out of the index that is read. */
static int find_waits(struct apply *a, struct bytes key)
{
    int rc;
    buf_clear(&a->waits);
    sqlite_bind_bytes(a->find_waits, 1, key);
    while ((rc = sqlite3_step(a->find_waits)) == SQLITE_ROW) {
        int64_t step = sqlite3_column_int64(a->find_waits, 0);
        buf_append(&a->waits, &step, sizeof step);
    }
    sqlite3_reset(a->find_waits);
    if (rc != SQLITE_DONE)
        return rc;
    return buf_failed(&a->waits) ? SQLITE_NOMEM : SQLITE_OK;
}

static int arrive(struct apply *a, struct store_accept *w, struct bytes key)
{
    sqlite_bind_bytes(a->add_arrival, 1, key);
    sqlite3_bind_int64(a->add_arrival, 2, w->event->seq);
    int rc = sqlite_run(a->add_arrival);
    if (rc == SQLITE_OK)
        rc = find_waits(a, key);
    for (size_t at = 0; rc == SQLITE_OK && at < a->waits.len; at += sizeof(int64_t)) {
        int64_t step;
        memcpy(&step, a->waits.data + at, sizeof step);
        rc = end_and_wake(a, step, w);
    }
    return rc;
}

int apply_wait_arrive(struct apply *a, struct store_accept *w)
{
    int rc = SQLITE_OK;
    buf_clear(&a->result);
    for (size_t i = 0; rc == SQLITE_OK && w->event != NULL && i < w->key_count; i++)
        rc = arrive(a, w, w->keys[i]);
    return rc;
}

/* --- or it came before ---------------------------------------------------------------------------------------- */

/* A wait never ends before it began: time goes on in a flow. */
static int end_by(struct apply *a, struct store_step *s)
{
    sqlite3_stmt *st = a->find_arrival;
    int64_t received_ms = sqlite3_column_int64(st, 2);
    s->ref = sqlite3_column_int64(st, 0);
    s->ended_ms = received_ms > s->started_ms ? received_ms : s->started_ms;
    int rc = compose(&a->result, row_uuid(st, 1), row_bytes(st, 3));
    s->result = buf_view(&a->result);
    return rc;
}

int apply_wait_meet(struct apply *a, struct store_step *s, int64_t after_seq)
{
    sqlite_bind_bytes(a->find_arrival, 1, s->match);
    sqlite3_bind_int64(a->find_arrival, 2, s->ref > after_seq ? s->ref : after_seq);
    int rc = sqlite3_step(a->find_arrival);
    if (rc == SQLITE_ROW)
        rc = end_by(a, s);
    sqlite3_reset(a->find_arrival);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
