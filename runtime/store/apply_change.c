#include "store/apply_change.h"

#include "store/apply_run.h"

int apply_change_prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->cancel, "UPDATE runs SET state = ?2, due_ms = 0, finished_ms = ?3, message = ?4 WHERE seq = ?1"},
        {&a->resume, "UPDATE runs SET state = ?2, due_ms = 0, finished_ms = 0, message = '', "
                     "script = CASE ?3 WHEN 0 THEN script ELSE ?3 END WHERE seq = ?1"},
        {&a->keep_script, "UPDATE scripts SET kept = 1 WHERE seq = ?1 AND kept = 0"},
        {&a->add_script, "INSERT INTO scripts(seq, hash, kept, archive) VALUES (?1, ?2, 0, ?3) "
                         "ON CONFLICT(seq) DO NOTHING"},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

static int cancel(struct apply *a, struct store_run_change *c)
{
    c->state = RUN_CANCELED;
    sqlite3_bind_int64(a->cancel, 1, c->run);
    sqlite3_bind_int(a->cancel, 2, (int)c->state);
    sqlite3_bind_int64(a->cancel, 3, c->now_ms);
    sqlite_bind_bytes(a->cancel, 4, c->message);
    int rc = sqlite_run(a->cancel);
    if (rc == SQLITE_OK)
        rc = apply_run_close_waits(a, c->run);
    return rc == SQLITE_OK ? apply_run_hand_on(a, c->run, false, &c->next_of_key) : rc;
}

/* The scripts are older than others now, and no longer told by the order of the runs under them. */
static int keep_script(struct apply *a, int64_t seq)
{
    sqlite3_bind_int64(a->keep_script, 1, seq);
    return seq != 0 ? sqlite_run(a->keep_script) : SQLITE_OK;
}

static int resume(struct apply *a, struct store_run_change *c)
{
    int64_t other;
    enum run_state state;
    int rc = apply_run_first_of_key(a, c->run, &other, &state);
    if (rc != SQLITE_OK)
        return rc;
    c->state = other != 0 ? RUN_QUEUED : RUN_READY;
    sqlite3_bind_int64(a->resume, 1, c->run);
    sqlite3_bind_int(a->resume, 2, (int)c->state);
    sqlite3_bind_int64(a->resume, 3, c->script);
    rc = sqlite_run(a->resume);
    return rc == SQLITE_OK ? keep_script(a, c->script) : rc;
}

static bool allowed(enum store_run_order order, enum run_state s)
{
    if (order == STORE_RUN_RESUME)
        return s == RUN_PARKED || s == RUN_FAILED;
    return s == RUN_PARKED || !run_state_final(s);
}

int apply_change_run(struct apply *a, struct store_run_change *c)
{
    struct run_row row;
    c->changed = false;
    c->next_of_key = 0;
    int rc = apply_run_find(a, c->run, &row);
    c->state = row.state;
    if (rc != SQLITE_OK)
        return rc;
    if (!row.found) {
        apply_gone(&c->base, "run", c->run);
        return SQLITE_OK;
    }
    c->changed = allowed(c->order, row.state);
    if (!c->changed)
        return SQLITE_OK;
    return c->order == STORE_RUN_CANCEL ? cancel(a, c) : resume(a, c);
}

int apply_change_script(struct apply *a, const struct store_script_write *w)
{
    sqlite3_bind_int64(a->add_script, 1, w->seq);
    sqlite_bind_blob(a->add_script, 2, w->hash.data, w->hash.len);
    sqlite_bind_blob(a->add_script, 3, w->archive.data, w->archive.len);
    return sqlite_run(a->add_script);
}
