#include "store/query_run.h"

#include "store/query.h"
#include "store/row_run.h"
#include "store/schema.h"

#define RUN_WITH_INPUT "SELECT " SCHEMA_RUN ", i.envelope FROM runs r "
#define JOIN_INPUT     " LEFT JOIN inputs i ON i.run = r.seq "

int query_run_prepare(struct reader *rd, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&rd->these_runs, RUN_WITH_INPUT JOIN_INPUT "WHERE r.seq = ?1 AND r." SCHEMA_RUN_READY},
        {&rd->ready_runs, RUN_WITH_INPUT "INDEXED BY runs_ready" JOIN_INPUT "WHERE r." SCHEMA_RUN_READY
                                         " AND r.seq > ?1 ORDER BY r.seq"},
        {&rd->due_runs,
         RUN_WITH_INPUT "INDEXED BY runs_due" JOIN_INPUT "WHERE r." SCHEMA_RUN_DUE " ORDER BY r.due_ms, r.seq"},
        {&rd->one_run, RUN_WITH_INPUT "INDEXED BY runs_id" JOIN_INPUT "WHERE r.id = ?1"},
        {&rd->steps, "SELECT " SCHEMA_STEP ", " SCHEMA_ATTEMPT " FROM steps s "
                     "LEFT JOIN deliveries d ON d.seq = s.ref AND s.kind IN (1, 2) "
                     "LEFT JOIN attempts a ON a.key = s.ref * 65536 + s.attempt AND s.kind = 1 AND s.attempt > 0 "
                     "WHERE s.key > ?1 AND s.key < ?2 ORDER BY s.key"},
        {&rd->script, "SELECT seq, hash, archive FROM scripts WHERE seq = ?1"},
        {&rd->newest_script, "SELECT seq, hash, archive FROM scripts ORDER BY seq DESC LIMIT 1"},
        {&rd->forms, "SELECT name, form FROM forms ORDER BY name, form"},
        {NULL, NULL},
    };
    _Static_assert(STEP_CALL == 1 && STEP_SEND == 2 && SCHEMA_ATTEMPTS_PER_DELIVERY == 65536, "as the text has it");
    return sqlite_prepare(&rd->c, texts, e);
}

/* --- runs with their steps ------------------------------------------------------------------------------------ */

struct load {
    struct reader *rd;
    struct store_read_runs *q;
    size_t run_cap, step_cap;
    size_t bytes; /* of inputs, results and answers so far */
    bool replay;  /* … with all that it needs, or nothing */
};

static int add_step(struct load *l, struct store_run *run)
{
    struct store_read_runs *q = l->q;
    void *items = q->steps;
    int rc = row_grow(&items, q->step_count, &l->step_cap, sizeof *q->steps);
    q->steps = items;
    if (rc != SQLITE_OK)
        return rc;
    struct store_step *s = &q->steps[q->step_count];
    rc = row_step(l->rd->steps, &q->base.arena, l->replay || l->bytes <= STORE_RUN_BODIES_MAX, s);
    if (rc != SQLITE_OK)
        return rc;
    q->step_count++;
    run->step_count++;
    l->bytes += s->result.len + (s->answer != NULL ? s->answer->headers.len + s->answer->body.len : 0);
    return SQLITE_OK;
}

static int add_steps(struct load *l, struct store_run *run)
{
    sqlite3_stmt *st = l->rd->steps;
    int rc;
    run->first_step = l->q->step_count;
    sqlite3_bind_int64(st, 1, run->seq * SCHEMA_STEPS_PER_RUN);
    sqlite3_bind_int64(st, 2, (run->seq + 1) * SCHEMA_STEPS_PER_RUN);
    size_t before = l->bytes;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && (rc = add_step(l, run)) == SQLITE_OK && !run->too_big)
        run->too_big = l->replay && l->bytes - before > STORE_RUN_BYTES_MAX;
    sqlite_done(st);
    return rc == SQLITE_DONE || run->too_big ? SQLITE_OK : rc;
}

/* The run at hand. */
static int add_run(struct load *l, sqlite3_stmt *st)
{
    struct store_read_runs *q = l->q;
    int rc = row_run_add(st, q, &l->run_cap);
    if (rc != SQLITE_OK)
        return rc;
    struct store_run *run = &q->runs[q->count - 1];
    rc = add_steps(l, run);
    l->bytes += run->input.len + run->result.len;
    return rc;
}

/* Runs until the limits, or the first that is due after `until_ms`, whose time is told. */
static int load_rows(struct load *l, sqlite3_stmt *st, int64_t until_ms)
{
    struct store_read_runs *q = l->q;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (!query_takes(&q->base, q->count, l->bytes, sqlite3_column_int64(st, ROW_RUN_DUE), until_ms))
            break;
        if ((rc = add_run(l, st)) != SQLITE_OK)
            break;
    }
    sqlite_done(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int query_run_load(struct reader *rd, struct store_read_runs *q)
{
    struct load l = {.rd = rd, .q = q, .replay = true};
    int rc = SQLITE_OK;
    switch (q->what) {
    case STORE_LOAD_READY:
        sqlite3_bind_int64(rd->ready_runs, 1, q->base.after_seq);
        return load_rows(&l, rd->ready_runs, 0);
    case STORE_LOAD_DUE:
        return load_rows(&l, rd->due_runs, q->base.now_ms);
    case STORE_LOAD_THESE:
        break;
    }
    for (size_t i = 0; rc == SQLITE_OK && !q->base.more && i < q->seq_count; i++) {
        sqlite3_bind_int64(rd->these_runs, 1, q->seqs[i]);
        rc = load_rows(&l, rd->these_runs, 0);
    }
    return rc;
}

int query_run_one(struct reader *rd, struct store_read_runs *q)
{
    struct load l = {.rd = rd, .q = q};
    sqlite_bind_blob(rd->one_run, 1, q->base.id.b, UUID_SIZE);
    int rc = sqlite3_step(rd->one_run);
    if (rc == SQLITE_ROW && (rc = add_run(&l, rd->one_run)) == SQLITE_OK && q->runs[0].event_seq != 0)
        rc = query_event(rd->event, &q->base.event, &q->base.arena, q->runs[0].event_seq);
    sqlite_done(rd->one_run);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* --- scripts and forms ---------------------------------------------------------------------------------------- */

int query_run_script(struct reader *rd, struct store_read_script *q)
{
    sqlite3_stmt *st = q->seq != 0 ? rd->script : rd->newest_script;
    if (q->seq != 0)
        sqlite3_bind_int64(st, 1, q->seq);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        q->found = sqlite3_column_int64(st, 0);
        struct arena **a = &q->base.arena;
        bool copied = row_copy(st, 1, a, &q->hash) == 0 && row_copy(st, 2, a, &q->archive) == 0;
        rc = copied ? SQLITE_DONE : SQLITE_NOMEM;
    }
    sqlite_done(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int add_form(struct store_read_forms *q, sqlite3_stmt *st, size_t *cap)
{
    void *items = q->forms;
    int rc = row_grow(&items, q->count, cap, sizeof *q->forms);
    q->forms = items;
    if (rc != SQLITE_OK)
        return rc;
    struct store_form *f = &q->forms[q->count++];
    if (row_copy(st, 0, &q->base.arena, &f->name) != 0 || row_copy(st, 1, &q->base.arena, &f->form) != 0)
        rc = SQLITE_NOMEM;
    return rc;
}

int query_run_forms(struct reader *rd, struct store_read_forms *q)
{
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(rd->forms)) == SQLITE_ROW && (rc = add_form(q, rd->forms, &cap)) == SQLITE_OK)
        ;
    sqlite_done(rd->forms);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
