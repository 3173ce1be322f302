#include "store/apply_advance.h"

#include "store/apply_delivery.h"
#include "store/apply_form.h"
#include "store/apply_run.h"
#include "store/apply_wait.h"
#include "store/failure.h"
#include "store/schema.h"

/* A step that is there already is so from an earlier try, and may have ended since: it stays. */
int apply_advance_prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->add_step, "INSERT INTO steps(key, kind, path, name, match, ref, attempt, due_ms, started_ms, ended_ms, "
                       "result) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT(key) DO NOTHING"},
        {&a->end_step, "UPDATE steps SET ended_ms = ?2, ref = ?3, attempt = ?4, result = ?5 "
                       "WHERE key = ?1"},
        {&a->set_face, "UPDATE runs SET script = ?2, state = ?3, steps = ?4, woken = ?5, mark = ?6, due_ms = ?7, "
                       "finished_ms = ?8, message = ?9, result = ?10 WHERE seq = ?1"},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

/* --- steps ---------------------------------------------------------------------------------------------------- */

static int64_t step_key(const struct store_advance *v, const struct store_step *s)
{
    return v->run.seq * SCHEMA_STEPS_PER_RUN + s->number;
}

static int add_step(struct apply *a, const struct store_step *s, int64_t key)
{
    sqlite3_stmt *st = a->add_step;
    sqlite3_bind_int64(st, 1, key);
    sqlite3_bind_int(st, 2, (int)s->kind);
    sqlite_bind_bytes(st, 3, s->path);
    sqlite_bind_bytes(st, 4, s->name);
    sqlite_bind_bytes_or_null(st, 5, s->match);
    sqlite3_bind_int64(st, 6, s->ref);
    sqlite3_bind_int(st, 7, s->attempt);
    sqlite3_bind_int64(st, 8, s->due_ms);
    sqlite3_bind_int64(st, 9, s->started_ms);
    sqlite3_bind_int64(st, 10, s->ended_ms);
    sqlite_bind_blob(st, 11, s->result.data, s->result.len);
    return sqlite_run(st);
}

/* A wait whose event was there first counts as one more step that ended from outside. */
static int begin_step(struct apply *a, const struct store_advance *v, const struct store_step *s, struct run_row *row)
{
    struct store_step mine = *s;
    int rc = SQLITE_OK;
    mine.run = v->run.seq;
    if (s->ended_ms == 0 && s->kind == STEP_WAIT && s->match.len > 0)
        rc = apply_wait_meet(a, &mine, v->arrived_after);
    if (s->kind == STEP_WAIT && mine.ended_ms == 0)
        mine.ref = 0; /* it said what to look above */
    if (rc == SQLITE_OK)
        rc = add_step(a, &mine, step_key(v, s));
    if (rc == SQLITE_OK && s->ended_ms == 0 && mine.ended_ms != 0 && sqlite3_changes(a->c->db) > 0)
        row->woken++;
    return rc;
}

/* What the run took to be the end is the end, even if another came meanwhile: it has gone on from there. */
static int end_step(struct apply *a, const struct store_advance *v, const struct store_step *s)
{
    sqlite3_stmt *st = a->end_step;
    sqlite3_bind_int64(st, 1, step_key(v, s));
    sqlite3_bind_int64(st, 2, s->ended_ms);
    sqlite3_bind_int64(st, 3, s->ref);
    sqlite3_bind_int(st, 4, s->attempt);
    sqlite_bind_blob(st, 5, s->result.data, s->result.len);
    return sqlite_run(st);
}

static bool is_new(const struct store_step *s, const struct run_row *row)
{
    return s->number > row->steps || s->ended_ms == 0;
}

/* Ends first: a wait that has timed out gives up the event that came too late, and a new one may have it. */
static int write_steps(struct apply *a, const struct store_advance *v, struct run_row *row)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < v->step_count; i++)
        if (!is_new(&v->steps[i], row))
            rc = end_step(a, v, &v->steps[i]);
    for (size_t i = 0; rc == SQLITE_OK && i < v->step_count; i++)
        if (is_new(&v->steps[i], row))
            rc = begin_step(a, v, &v->steps[i], row);
    return rc;
}

/* --- what else it brings -------------------------------------------------------------------------------------- */

static int write_deliveries(struct apply *a, const struct store_advance *v, bool again)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < v->delivery_count; i++)
        rc = apply_delivery_add(a, &v->deliveries[i], again);
    return rc;
}

static int write_forms(struct apply *a, const struct store_advance *v)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < v->form_count; i++)
        rc = apply_form_add(a, v->forms[2 * i], v->forms[2 * i + 1]);
    return rc;
}

/* --- its new face --------------------------------------------------------------------------------------------- */

static enum run_state settle_state(struct store_advance *v, const struct run_row *row)
{
    if (run_state_final(v->run.state))
        return v->run.state;
    v->woken = row->woken > v->seen;
    return v->woken ? RUN_READY : v->run.state;
}

static int write_face(struct apply *a, struct store_advance *v, const struct run_row *row, int64_t now_ms)
{
    sqlite3_stmt *st = a->set_face;
    const struct store_run *r = &v->run;
    enum run_state state = settle_state(v, row);
    int64_t finished_ms = r->finished_ms > 0 ? r->finished_ms : now_ms;
    sqlite3_bind_int64(st, 1, r->seq);
    sqlite3_bind_int64(st, 2, r->script);
    sqlite3_bind_int(st, 3, (int)state);
    sqlite3_bind_int(st, 4, r->steps);
    sqlite3_bind_int(st, 5, row->woken);
    sqlite3_bind_int64(st, 6, v->mark);
    sqlite3_bind_int64(st, 7, apply_run_due(state, r->due_ms));
    sqlite3_bind_int64(st, 8, run_state_final(state) ? finished_ms : 0);
    sqlite_bind_bytes(st, 9, r->message);
    sqlite_bind_blob(st, 10, r->result.data, r->result.len);
    return sqlite_run(st);
}

/* FAILED and PARKED may be resumed, and their waits go on: see apply_run.h. */
static int end_run(struct apply *a, struct store_advance *v, bool again)
{
    int rc = apply_run_over(v->run.state) ? apply_run_close_waits(a, v->run.seq) : SQLITE_OK;
    return rc == SQLITE_OK ? apply_run_hand_on(a, v->run.seq, again, &v->next_of_key) : rc;
}

/* `again`: an earlier try has reached the disk. */
static int write_all(struct apply *a, struct store_advance *v, struct run_row *row, bool again, int64_t now_ms)
{
    int rc = write_forms(a, v); /* first: what came before they were known may end a step */
    if (rc == SQLITE_OK)
        rc = write_steps(a, v, row);
    if (rc == SQLITE_OK)
        rc = write_deliveries(a, v, again);
    if (rc == SQLITE_OK)
        rc = write_face(a, v, row, now_ms);
    return rc == SQLITE_OK && run_state_final(v->run.state) ? end_run(a, v, again) : rc;
}

/* A number outside would be a step of another run. */
static bool numbers_are_sound(struct store_advance *v)
{
    for (size_t i = 0; i < v->step_count; i++)
        if (v->steps[i].number < 1 || v->steps[i].number > RUN_STEPS_MAX) {
            struct err e;
            err_set(&e, ERR_STORE, 0, "run number %lld has no room for a step %d", (long long)v->run.seq,
                    v->steps[i].number);
            failure_set(&v->base.failure, failure_new(&e));
            return false;
        }
    return true;
}

int apply_advance(struct apply *a, struct store_advance *v, int64_t now_ms)
{
    struct run_row row;
    v->superseded = v->woken = false;
    v->next_of_key = 0;
    if (!numbers_are_sound(v))
        return SQLITE_OK;
    int rc = apply_run_find(a, v->run.seq, &row);
    if (rc != SQLITE_OK)
        return rc;
    if (!row.found) {
        apply_gone(&v->base, "run", v->run.seq);
        return SQLITE_OK;
    }
    bool again = row.mark == v->mark;
    v->superseded = !again && (run_state_final(row.state) || row.mark != v->run.mark);
    return v->superseded ? SQLITE_OK : write_all(a, v, &row, again, now_ms);
}
