#include "store/row_run.h"

#include "store/schema.h"

enum step_column {
    STEP_KEY,
    STEP_ITS_KIND,
    STEP_PATH,
    STEP_NAME,
    STEP_MATCH,
    STEP_REF,
    STEP_ATTEMPT,
    STEP_DUE,
    STEP_STARTED,
    STEP_ENDED,
    STEP_RESULT,
    STEP_DELIVERY,
    STEP_ANSWER, /* and on */
};

static int run_texts(sqlite3_stmt *st, struct arena **a, struct store_run *out)
{
    bool input = sqlite3_column_count(st) > ROW_RUN_INPUT;
    if (row_copy(st, ROW_RUN_FLOW, a, &out->flow) != 0 || row_copy(st, ROW_RUN_KEY, a, &out->key) != 0 ||
        row_copy(st, ROW_RUN_MESSAGE, a, &out->message) != 0 || row_copy(st, ROW_RUN_RESULT, a, &out->result) != 0 ||
        (input && row_copy(st, ROW_RUN_INPUT, a, &out->input) != 0))
        return SQLITE_NOMEM;
    return SQLITE_OK;
}

static int read_run(sqlite3_stmt *st, struct arena **a, struct store_run *out)
{
    *out = (struct store_run){
        .seq = sqlite3_column_int64(st, ROW_RUN_SEQ),
        .id = row_uuid(st, ROW_RUN_ID),
        .event_seq = sqlite3_column_int64(st, ROW_RUN_EVENT),
        .event_id = row_uuid(st, ROW_RUN_EVENT_ID),
        .script = sqlite3_column_int64(st, ROW_RUN_SCRIPT),
        .state = (enum run_state)sqlite3_column_int(st, ROW_RUN_STATE),
        .steps = sqlite3_column_int(st, ROW_RUN_STEPS),
        .woken = sqlite3_column_int(st, ROW_RUN_WOKEN),
        .mark = sqlite3_column_int64(st, ROW_RUN_MARK),
        .created_ms = sqlite3_column_int64(st, ROW_RUN_CREATED),
        .due_ms = sqlite3_column_int64(st, ROW_RUN_DUE),
        .finished_ms = sqlite3_column_int64(st, ROW_RUN_FINISHED),
    };
    return run_texts(st, a, out);
}

int row_run_add(sqlite3_stmt *st, struct store_read_runs *q, size_t *cap)
{
    void *items = q->runs;
    int rc = row_grow(&items, q->count, cap, sizeof *q->runs);
    q->runs = items;
    if (rc == SQLITE_OK)
        rc = read_run(st, &q->base.arena, &q->runs[q->count]);
    if (rc == SQLITE_OK)
        q->count++;
    return rc;
}

static int step_texts(sqlite3_stmt *st, struct arena **a, struct store_step *out)
{
    if (row_copy(st, STEP_PATH, a, &out->path) != 0 || row_copy(st, STEP_NAME, a, &out->name) != 0 ||
        row_copy(st, STEP_MATCH, a, &out->match) != 0 || row_copy(st, STEP_RESULT, a, &out->result) != 0)
        return SQLITE_NOMEM;
    return SQLITE_OK;
}

/* In the arena, so that it stays where it is while more steps come. */
static int step_answer(sqlite3_stmt *st, struct arena **a, bool with_body, struct store_step *out)
{
    if (sqlite3_column_type(st, STEP_ANSWER) == SQLITE_NULL)
        return SQLITE_OK;
    struct attempt *t = arena_new(a, sizeof *t);
    out->answer = t;
    return t == NULL ? SQLITE_NOMEM : row_attempt(st, STEP_ANSWER, with_body, a, t);
}

int row_step(sqlite3_stmt *st, struct arena **a, bool with_body, struct store_step *out)
{
    int64_t key = sqlite3_column_int64(st, STEP_KEY);
    *out = (struct store_step){
        .run = key / SCHEMA_STEPS_PER_RUN,
        .number = (int)(key % SCHEMA_STEPS_PER_RUN),
        .kind = (enum step_kind)sqlite3_column_int(st, STEP_ITS_KIND),
        .ref = sqlite3_column_int64(st, STEP_REF),
        .attempt = sqlite3_column_int(st, STEP_ATTEMPT),
        .due_ms = sqlite3_column_int64(st, STEP_DUE),
        .started_ms = sqlite3_column_int64(st, STEP_STARTED),
        .ended_ms = sqlite3_column_int64(st, STEP_ENDED),
        .delivery = row_uuid(st, STEP_DELIVERY),
    };
    int rc = step_texts(st, a, out);
    return rc == SQLITE_OK ? step_answer(st, a, with_body, out) : rc;
}
