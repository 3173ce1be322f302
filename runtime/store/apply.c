#include "store/apply.h"

#include "store/failure.h"
#include "store/lists.h"
#include "store/row.h"
#include "store/schema.h"

static const int64_t DUPLICATE_MS = 24 * 3600 * 1000LL;

int apply_prepare(struct apply *a, struct sqlite *c, struct err *e)
{
    a->c = c;
    const struct sqlite_text texts[] = {
        {&a->add_event, "INSERT INTO events(seq, id, key, name, received_ms, deliveries, body) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(key) WHERE key IS NOT NULL DO NOTHING"},
        {&a->find_event, "SELECT seq, id, received_ms, deliveries FROM events WHERE key = ?1"},
        {&a->release_key, "UPDATE events SET key = NULL WHERE seq = ?1"},
        {&a->add_delivery, "INSERT INTO deliveries(seq, id, event, state, attempts, tries, created_ms, first_ms, "
                           "due_ms, finished_ms, status, error, message, webhook, integration) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"},
        {&a->add_request, "INSERT INTO requests(seq, request) VALUES (?1, ?2)"},
        {&a->update, "UPDATE deliveries SET state = ?4, attempts = ?5, tries = ?6, first_ms = ?8, due_ms = ?9, "
                     "finished_ms = ?10, status = ?11, error = ?12, message = ?13 WHERE seq = ?1"},
        /* REPLACE: a commit that was reported as failed may have reached the disk after all, and is tried again. */
        {&a->add_attempt, "INSERT OR REPLACE INTO attempts(key, started_ms, duration_us, status, error, class, "
                          "truncated, message, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
        {NULL, NULL},
    };
    return sqlite_prepare(c, texts, e);
}

void apply_fini(struct apply *a)
{
    buf_fini(&a->ids);
}

/* --- accept --------------------------------------------------------------------------------------------------- */

/* When an attempt is due: only while waiting, and never 0 then, which means none. The pending index is read by it. */
static int64_t due_of(const struct store_delivery *d)
{
    if (d->state != DELIVERY_WAITING)
        return 0;
    return d->due_ms > 0 ? d->due_ms : 1;
}

/* The columns that insert and update have in common, under the same numbers. */
static void bind_face(sqlite3_stmt *st, const struct store_delivery *d)
{
    sqlite3_bind_int64(st, 1, d->seq);
    sqlite3_bind_int(st, 4, (int)d->state);
    sqlite3_bind_int(st, 5, d->attempts);
    sqlite3_bind_int(st, 6, d->tries);
    sqlite3_bind_int64(st, 8, d->first_ms);
    sqlite3_bind_int64(st, 9, due_of(d));
    sqlite3_bind_int64(st, 10, d->finished_ms);
    sqlite3_bind_int(st, 11, d->status);
    sqlite3_bind_int(st, 12, (int)d->error);
    sqlite_bind_bytes(st, 13, d->message);
}

static int add_request(struct apply *a, const struct store_delivery *d)
{
    if (d->request.len == 0)
        return SQLITE_OK;
    sqlite3_bind_int64(a->add_request, 1, d->seq);
    sqlite_bind_blob(a->add_request, 2, d->request.data, d->request.len);
    return sqlite_run(a->add_request);
}

static int add_delivery(struct apply *a, const struct store_delivery *d)
{
    sqlite3_stmt *st = a->add_delivery;
    bind_face(st, d);
    sqlite_bind_blob(st, 2, d->id.b, UUID_SIZE);
    sqlite3_bind_int64(st, 3, d->event_seq);
    sqlite3_bind_int64(st, 7, d->created_ms);
    sqlite_bind_bytes(st, 14, d->webhook);
    sqlite_bind_bytes(st, 15, d->integration);
    int rc = sqlite_run(st);
    return rc == SQLITE_OK ? add_request(a, d) : rc;
}

static int bind_event(struct apply *a, const struct store_accept *w)
{
    const struct store_event *v = w->event;
    sqlite3_stmt *st = a->add_event;
    buf_clear(&a->ids);
    for (size_t i = 0; i < w->count; i++)
        buf_append(&a->ids, w->deliveries[i].id.b, UUID_SIZE);
    if (buf_failed(&a->ids))
        return SQLITE_NOMEM;
    sqlite3_bind_int64(st, 1, v->seq);
    sqlite_bind_blob(st, 2, v->id.b, UUID_SIZE);
    if (v->key.len > 0)
        sqlite_bind_bytes(st, 3, v->key);
    else
        sqlite3_bind_null(st, 3);
    sqlite_bind_bytes(st, 4, v->name);
    sqlite3_bind_int64(st, 5, v->received_ms);
    sqlite_bind_blob(st, 6, a->ids.data, a->ids.len);
    sqlite_bind_blob(st, 7, v->body.data, v->body.len);
    return SQLITE_OK;
}

static int take_first(sqlite3_stmt *st, struct store_accept *w)
{
    struct bytes ids = row_bytes(st, 3);
    w->duplicate = true;
    w->first_event = row_uuid(st, 1);
    return buf_append_bytes(&w->first_ids, ids) == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

/* The key is taken: by one of the last 24 h, whose results are told, or by an older one, which gives it up (*again). */
static int settle_key(struct apply *a, struct store_accept *w, int64_t now_ms, bool *again)
{
    sqlite3_stmt *st = a->find_event;
    sqlite_bind_bytes(st, 1, w->event->key);
    int rc = sqlite3_step(st);
    int64_t seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    *again = rc == SQLITE_ROW && sqlite3_column_int64(st, 2) <= now_ms - DUPLICATE_MS;
    if (rc == SQLITE_ROW)
        rc = *again ? SQLITE_OK : take_first(st, w);
    else if (rc == SQLITE_DONE)
        rc = SQLITE_CORRUPT; /* a conflict with nothing */
    sqlite3_reset(st);
    if (rc != SQLITE_OK || !*again)
        return rc;
    sqlite3_bind_int64(a->release_key, 1, seq);
    return sqlite_run(a->release_key);
}

static int add_event(struct apply *a, struct store_accept *w, int64_t now_ms)
{
    bool again = false;
    int rc = bind_event(a, w);
    if (rc == SQLITE_OK)
        rc = sqlite_run(a->add_event);
    if (rc != SQLITE_OK || sqlite3_changes(a->c->db) > 0)
        return rc;
    rc = settle_key(a, w, now_ms, &again);
    return rc == SQLITE_OK && again ? sqlite_run(a->add_event) : rc;
}

static int apply_accept(struct apply *a, struct store_accept *w, int64_t now_ms)
{
    w->duplicate = false;
    buf_clear(&w->first_ids);
    int rc = w->event != NULL ? add_event(a, w, now_ms) : SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && !w->duplicate && i < w->count; i++)
        rc = add_delivery(a, &w->deliveries[i]);
    return rc;
}

/* --- update --------------------------------------------------------------------------------------------------- */

static int64_t attempt_key(int64_t seq, int number)
{
    int last = SCHEMA_ATTEMPTS_PER_DELIVERY - 1;
    return seq * SCHEMA_ATTEMPTS_PER_DELIVERY + (number < 0 ? 0 : number > last ? last : number);
}

static int add_attempt(struct apply *a, int64_t seq, const struct attempt *t)
{
    sqlite3_stmt *st = a->add_attempt;
    sqlite3_bind_int64(st, 1, attempt_key(seq, t->number));
    sqlite3_bind_int64(st, 2, t->started_ms);
    sqlite3_bind_int64(st, 3, t->duration_us);
    sqlite3_bind_int(st, 4, t->status);
    sqlite3_bind_int(st, 5, (int)t->error);
    sqlite3_bind_int(st, 6, (int)t->class);
    sqlite3_bind_int(st, 7, t->truncated);
    sqlite_bind_bytes(st, 8, bytes_of(t->message));
    sqlite_bind_blob(st, 9, t->headers.data, t->headers.len);
    sqlite_bind_blob(st, 10, t->body.data, t->body.len);
    return sqlite_run(st);
}

static int apply_update(struct apply *a, struct store_update *u)
{
    bind_face(a->update, &u->row);
    int rc = sqlite_run(a->update);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_changes(a->c->db) > 0)
        return u->attempt != NULL ? add_attempt(a, u->row.seq, u->attempt) : SQLITE_OK;
    struct err e;
    err_set(&e, ERR_STORE, 0, "delivery number %lld is not in the database (any more)", (long long)u->row.seq);
    failure_set(&u->base.failure, failure_new(&e));
    return SQLITE_OK;
}

int apply_write(struct apply *a, struct store_write *w, int64_t now_ms)
{
    failure_clear(&w->failure);
    if (w->kind == STORE_UPDATE)
        return apply_update(a, (struct store_update *)w);
    return apply_accept(a, (struct store_accept *)w, now_ms);
}
