#include "store/recover.h"

#include "store/failure.h"
#include "store/lists.h"
#include "store/row.h"
#include "store/schema.h"

#include <stdio.h>

static const char MESSAGE[] = "the runtime died while the request was in flight: the receiver may have processed it";

/* The rows, in `r` as a query would answer. */
static int find(struct sqlite *c, struct store_read *r, struct err *e)
{
    sqlite3_stmt *st = NULL;
    _Static_assert(SHELF_SENDING == 3, "as the text has it");
    const struct sqlite_text texts[] = {
        {&st, "SELECT " SCHEMA_ROW " FROM deliveries d INDEXED BY deliveries_notable "
              "WHERE d." SCHEMA_NOTABLE " AND d.shelf = 3 ORDER BY d.seq"},
        {NULL, NULL},
    };
    if (sqlite_prepare(c, texts, e) != 0)
        return -1;
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && (rc = row_add(st, r, &cap)) == SQLITE_OK)
        ;
    if (rc != SQLITE_DONE)
        sqlite_fail(c, rc, e);
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static void become_unknown(struct store_delivery *d, int64_t now_ms)
{
    d->state = DELIVERY_UNKNOWN;
    d->attempts++;
    d->tries++;
    d->status = 0;
    d->error = ATTEMPT_CRASH;
    d->message = bytes_of(MESSAGE);
    d->finished_ms = now_ms;
    if (d->first_ms == 0)
        d->first_ms = now_ms;
}

/* What its run gets to know, if it waits for it. */
static int end_step(struct buf *result, const struct store_delivery *d, int64_t now_ms, struct store_step_end *end)
{
    buf_clear(result);
    if (run_call_result(result, false, d->attempts, attempt_error_name(ATTEMPT_CRASH), bytes_of(MESSAGE),
                        bytes_of("")) != 0)
        return SQLITE_NOMEM;
    *end = (struct store_step_end){
        .run = d->run,
        .step = d->step,
        .attempt = d->attempts,
        .ended_ms = now_ms,
        .result = buf_view(result),
    };
    return SQLITE_OK;
}

/* When the attempt began nobody wrote down: it stands at the moment it was found. */
static int settle(struct apply *a, struct store_delivery *d, struct buf *result, int64_t now_ms)
{
    struct store_step_end end;
    become_unknown(d, now_ms);
    struct attempt t = {
        .number = d->attempts,
        .started_ms = now_ms,
        .error = ATTEMPT_CRASH,
        .class = ATTEMPT_AMBIGUOUS,
        .retry_after_ms = -1,
    };
    attempt_set_message(&t, bytes_of(MESSAGE));
    struct store_update u = {.base = {.kind = STORE_UPDATE}, .row = *d, .attempt = &t};
    int rc = d->run != 0 ? end_step(result, d, now_ms, &end) : SQLITE_OK;
    if (d->run != 0)
        u.step = &end;
    if (rc == SQLITE_OK)
        rc = apply_write(a, &u.base, now_ms);
    if (rc == SQLITE_OK)
        rc = apply_flush(a, true); /* attempts beyond the last number have one key */
    failure_clear(&u.base.failure);
    return rc;
}

static int settle_all(struct apply *a, struct store_read *r, int64_t now_ms, struct err *e)
{
    struct sqlite *c = a->c;
    struct buf result = {0};
    if (sqlite_exec(c, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < r->count; i++)
        rc = settle(a, &r->rows[i], &result, now_ms);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        sqlite_fail(c, rc, e);
    sqlite_rollback(c);
    buf_fini(&result);
    return rc == SQLITE_OK ? 0 : -1;
}

int recover_sending(struct apply *a, const struct store_options *o, int64_t now_ms, struct err *e)
{
    struct store_read found = {.kind = STORE_READ_LIST};
    int rc = find(a->c, &found, e);
    if (rc == 0 && found.count > 0)
        rc = settle_all(a, &found, now_ms, e);
    for (size_t i = 0; rc == 0 && o->on_unknown != NULL && i < found.count; i++)
        o->on_unknown(o->ud, &found.rows[i]);
    store_read_fini(&found);
    return rc;
}

int recover_last_seq(struct sqlite *c, int64_t *seq, struct err *e)
{
    return sqlite_number(c,
                         "SELECT max(ifnull((SELECT max(seq) FROM deliveries), 0), "
                         "ifnull((SELECT max(seq) FROM events), 0), "
                         "ifnull((SELECT max(seq) FROM runs), 0), "
                         "ifnull((SELECT max(seq) FROM scripts), 0), "
                         "ifnull((SELECT max(seq) FROM purged), 0))",
                         seq, e);
}
