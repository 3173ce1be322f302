#include "store/apply_run.h"

#include "store/row.h"
#include "store/schema.h"

int apply_run_prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->add_run, "INSERT INTO runs(seq, id, event, event_id, script, state, steps, woken, mark, created_ms, "
                      "due_ms, finished_ms, flow, key, message, result) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"},
        {&a->add_input, "INSERT INTO inputs(run, envelope) VALUES (?1, ?2)"},
        {&a->find_run, "SELECT state, steps, woken, mark FROM runs WHERE seq = ?1"},
        {&a->key_taken,
         "SELECT 1 FROM runs INDEXED BY runs_key WHERE flow = ?1 AND key = ?2 AND " SCHEMA_RUN_KEYED " LIMIT 1"},
        {&a->first_of_key, "SELECT o.seq, o.state FROM runs r CROSS JOIN runs o INDEXED BY runs_key "
                           "WHERE r.seq = ?1 AND o.flow = r.flow AND o.key = r.key "
                           "AND o.key IS NOT NULL AND o.finished_ms = 0 ORDER BY o.state, o.seq LIMIT 1"},
        {&a->set_state, "UPDATE runs SET state = ?2 WHERE seq = ?1"},
        {&a->wake_run, "UPDATE runs SET woken = ?2, state = ?3, due_ms = 0 WHERE seq = ?1"},
        {&a->end_call, "UPDATE steps SET ended_ms = ?2, attempt = ?3, result = ?4 WHERE key = ?1 AND ended_ms = 0"},
        {&a->find_step, "SELECT ended_ms, attempt FROM steps WHERE key = ?1"},
        {&a->close_waits, "UPDATE steps NOT INDEXED SET match = NULL WHERE key > ?1 AND key < ?2 "
                          "AND " SCHEMA_STEP_OPEN},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

/* --- beginning ------------------------------------------------------------------------------------------------ */

static int key_taken(struct apply *a, const struct store_run *r, bool *taken)
{
    sqlite_bind_bytes(a->key_taken, 1, r->flow);
    sqlite_bind_bytes(a->key_taken, 2, r->key);
    int rc = sqlite3_step(a->key_taken);
    *taken = rc == SQLITE_ROW;
    sqlite3_reset(a->key_taken);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A first try may have written QUEUED into it: both begin anew. */
static int queue_behind(struct apply *a, struct store_run *r)
{
    bool taken = false;
    if (r->state != RUN_READY && r->state != RUN_QUEUED)
        return SQLITE_OK;
    int rc = r->key.len > 0 ? key_taken(a, r, &taken) : SQLITE_OK;
    r->state = taken ? RUN_QUEUED : RUN_READY;
    return rc;
}

int64_t apply_run_due(enum run_state s, int64_t due_ms)
{
    if (s == RUN_SLEEPING && due_ms <= 0)
        return 1;
    return s == RUN_WAITING || s == RUN_SLEEPING ? due_ms : 0;
}

static int add_row(struct apply *a, const struct store_run *r)
{
    sqlite3_stmt *st = a->add_run;
    sqlite3_bind_int64(st, 1, r->seq);
    sqlite_bind_blob(st, 2, r->id.b, UUID_SIZE);
    sqlite3_bind_int64(st, 3, r->event_seq);
    sqlite_bind_blob(st, 4, r->event_id.b, UUID_SIZE);
    sqlite3_bind_int64(st, 5, r->script);
    sqlite3_bind_int(st, 6, (int)r->state);
    sqlite3_bind_int(st, 7, r->steps);
    sqlite3_bind_int(st, 8, r->woken);
    sqlite3_bind_int64(st, 9, r->created_ms);
    sqlite3_bind_int64(st, 10, apply_run_due(r->state, r->due_ms));
    sqlite3_bind_int64(st, 11, r->finished_ms);
    sqlite_bind_bytes(st, 12, r->flow);
    sqlite_bind_bytes_or_null(st, 13, r->key);
    sqlite_bind_bytes(st, 14, r->message);
    sqlite_bind_blob(st, 15, r->result.data, r->result.len);
    return sqlite_run(st);
}

int apply_run_add(struct apply *a, struct store_run *r, const struct store_event *event)
{
    struct bytes input = r->input.len == 0 && event != NULL ? event->body : r->input;
    int rc = queue_behind(a, r);
    if (rc == SQLITE_OK)
        rc = add_row(a, r);
    if (rc != SQLITE_OK || input.len == 0)
        return rc;
    sqlite3_bind_int64(a->add_input, 1, r->seq);
    sqlite_bind_blob(a->add_input, 2, input.data, input.len);
    return sqlite_run(a->add_input);
}

/* --- going on ------------------------------------------------------------------------------------------------- */

int apply_run_find(struct apply *a, int64_t seq, struct run_row *row)
{
    sqlite3_stmt *st = a->find_run;
    sqlite3_bind_int64(st, 1, seq);
    int rc = sqlite3_step(st);
    *row = (struct run_row){.found = rc == SQLITE_ROW};
    if (row->found) {
        row->state = (enum run_state)sqlite3_column_int(st, 0);
        row->steps = sqlite3_column_int(st, 1);
        row->woken = sqlite3_column_int(st, 2);
        row->mark = sqlite3_column_int64(st, 3);
    }
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

bool apply_run_over(enum run_state s)
{
    return s == RUN_SUCCEEDED || s == RUN_CANCELED;
}

int apply_run_wake(struct apply *a, int64_t seq, struct run_row *row)
{
    row->woken++;
    if (row->state == RUN_WAITING || row->state == RUN_SLEEPING)
        row->state = RUN_READY;
    sqlite3_bind_int64(a->wake_run, 1, seq);
    sqlite3_bind_int(a->wake_run, 2, row->woken);
    sqlite3_bind_int(a->wake_run, 3, (int)row->state);
    return sqlite_run(a->wake_run);
}

/* It was open no more: by an earlier try of this same write? */
static int ended_before(struct apply *a, const struct store_step_end *end, int64_t key, bool *same)
{
    sqlite3_bind_int64(a->find_step, 1, key);
    int rc = sqlite3_step(a->find_step);
    *same = rc == SQLITE_ROW && sqlite3_column_int64(a->find_step, 0) == end->ended_ms &&
            sqlite3_column_int(a->find_step, 1) == end->attempt;
    sqlite3_reset(a->find_step);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int end_call(struct apply *a, const struct store_step_end *end, int64_t key)
{
    sqlite3_bind_int64(a->end_call, 1, key);
    sqlite3_bind_int64(a->end_call, 2, end->ended_ms);
    sqlite3_bind_int(a->end_call, 3, end->attempt);
    sqlite_bind_blob(a->end_call, 4, end->result.data, end->result.len);
    return sqlite_run(a->end_call);
}

int apply_run_end_call(struct apply *a, const struct store_step_end *end, bool *woken)
{
    int64_t key = end->run * SCHEMA_STEPS_PER_RUN + end->step;
    struct run_row row;
    *woken = false;
    int rc = apply_run_find(a, end->run, &row);
    if (rc != SQLITE_OK || !row.found || apply_run_over(row.state))
        return rc;
    rc = end_call(a, end, key);
    *woken = rc == SQLITE_OK && sqlite3_changes(a->c->db) > 0;
    if (rc == SQLITE_OK)
        rc = *woken ? apply_run_wake(a, end->run, &row) : ended_before(a, end, key, woken);
    *woken = *woken && row.state == RUN_READY;
    return rc;
}

/* --- ending --------------------------------------------------------------------------------------------------- */

int apply_run_close_waits(struct apply *a, int64_t seq)
{
    sqlite3_bind_int64(a->close_waits, 1, seq * SCHEMA_STEPS_PER_RUN);
    sqlite3_bind_int64(a->close_waits, 2, (seq + 1) * SCHEMA_STEPS_PER_RUN);
    return sqlite_run(a->close_waits);
}

int apply_run_first_of_key(struct apply *a, int64_t run, int64_t *seq, enum run_state *state)
{
    sqlite3_bind_int64(a->first_of_key, 1, run);
    int rc = sqlite3_step(a->first_of_key);
    *seq = rc == SQLITE_ROW ? sqlite3_column_int64(a->first_of_key, 0) : 0;
    *state = rc == SQLITE_ROW ? (enum run_state)sqlite3_column_int(a->first_of_key, 1) : RUN_READY;
    sqlite3_reset(a->first_of_key);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int apply_run_hand_on(struct apply *a, int64_t run, bool again, int64_t *next)
{
    enum run_state state;
    int rc = apply_run_first_of_key(a, run, next, &state);
    if (rc != SQLITE_OK || *next == 0 || (again && state == RUN_READY))
        return rc;
    if (state != RUN_QUEUED) { /* it was queued itself, or had handed on before */
        *next = 0;
        return SQLITE_OK;
    }
    sqlite3_bind_int64(a->set_state, 1, *next);
    sqlite3_bind_int(a->set_state, 2, RUN_READY);
    return sqlite_run(a->set_state);
}
