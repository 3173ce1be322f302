#include "store/apply_delivery.h"

#include "store/apply_run.h"
#include "store/schema.h"

#define INSERT                                                                                                         \
    "INSERT INTO deliveries(seq, id, event, state, attempts, tries, created_ms, first_ms, due_ms, finished_ms, "       \
    "status, error, message, webhook, integration, run, step) "                                                        \
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"

int apply_delivery_prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->add_delivery, INSERT},
        {&a->add_delivery_again, INSERT " ON CONFLICT(seq) DO NOTHING"},
        {&a->add_request, "INSERT INTO requests(seq, request) VALUES (?1, ?2)"},
        {&a->update, "UPDATE deliveries SET state = ?4, attempts = ?5, tries = ?6, first_ms = ?8, due_ms = ?9, "
                     "finished_ms = ?10, status = ?11, error = ?12, message = ?13 WHERE seq = ?1"},
        {&a->add_attempt, "INSERT OR REPLACE INTO attempts(key, started_ms, duration_us, status, error, class, "
                          "truncated, message, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

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

int apply_delivery_add(struct apply *a, const struct store_delivery *d, bool again)
{
    sqlite3_stmt *st = again ? a->add_delivery_again : a->add_delivery;
    bind_face(st, d);
    sqlite_bind_blob(st, 2, d->id.b, UUID_SIZE);
    sqlite3_bind_int64(st, 3, d->event_seq);
    sqlite3_bind_int64(st, 7, d->created_ms);
    sqlite_bind_bytes(st, 14, d->webhook);
    sqlite_bind_bytes(st, 15, d->integration);
    sqlite3_bind_int64(st, 16, d->run);
    sqlite3_bind_int(st, 17, d->step);
    int rc = sqlite_run(st);
    if (rc != SQLITE_OK || sqlite3_changes(a->c->db) == 0)
        return rc;
    return add_request(a, d);
}

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

int apply_delivery_update(struct apply *a, struct store_update *u)
{
    u->woken = false;
    bind_face(a->update, &u->row);
    int rc = sqlite_run(a->update);
    if (rc != SQLITE_OK)
        return rc;
    if (sqlite3_changes(a->c->db) == 0) {
        apply_gone(&u->base, "delivery", u->row.seq);
        return SQLITE_OK;
    }
    if (u->attempt != NULL)
        rc = add_attempt(a, u->row.seq, u->attempt);
    return rc == SQLITE_OK && u->step != NULL ? apply_run_end_call(a, u->step, &u->woken) : rc;
}
