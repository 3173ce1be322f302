#include "store/apply_delivery.h"

#include "store/apply_run.h"
#include "store/schema.h"

/* State, status, and when it began and ended: 1 + 2 + 6 + 6 bytes. */
#define ROOM "x'000000000000000000000000000000'"
#define COLUMNS                                                                                                        \
    "INSERT INTO deliveries(seq, id, event, state, attempts, tries, created_ms, first_ms, due_ms, finished_ms, "       \
    "status, error, message, webhook, integration, run, step, shelf, room) "
#define INSERT COLUMNS "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, x'')"
#define ATTEMPT                                                                                                        \
    "INSERT OR REPLACE INTO attempts(key, started_ms, duration_us, status, error, class, truncated, message, "         \
    "headers, body) "

/*
 * What happens to most: they are accepted, answered, and succeed while they are on no shelf. A bound value costs more
 * than one in the text, and a column that an index has costs most, even if no index has the row.
 */
int apply_delivery_prepare(struct apply *a, struct err *e)
{
    _Static_assert(DELIVERY_QUEUED == 0 && DELIVERY_SUCCEEDED == 3, "as the texts have it");
    _Static_assert(ATTEMPT_OK == 0 && ATTEMPT_ANSWERED == 0, "as the texts have it");
    const struct sqlite_text texts[] = {
        {&a->add_fresh, COLUMNS "VALUES (?1, ?2, ?3, 0, 0, 0, ?7, 0, 0, 0, 0, 0, '', ?14, ?15, ?16, ?17, 0, " ROOM ")"},
        {&a->add_delivery, INSERT},
        {&a->add_delivery_again, INSERT " ON CONFLICT(seq) DO NOTHING"},
        {&a->add_request, "INSERT INTO requests(seq, request) VALUES (?1, ?2)"},
        {&a->succeed, "UPDATE deliveries SET state = 3, attempts = ?5, tries = ?6, first_ms = ?8, finished_ms = ?10, "
                      "status = ?11, error = 0, message = '', room = x'' WHERE seq = ?1 AND shelf = 0"},
        {&a->update,
         "UPDATE deliveries SET state = ?4, attempts = ?5, tries = ?6, first_ms = ?8, due_ms = ?9, "
         "finished_ms = ?10, status = ?11, error = ?12, message = ?13, shelf = ?18, room = x'' WHERE seq = ?1"},
        {&a->add_answered, ATTEMPT "VALUES (?1, ?2, ?3, ?4, 0, 0, ?7, '', ?9, ?10)"},
        {&a->add_attempt, ATTEMPT "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"},
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

/* What each insert binds. */
static void bind_birth(sqlite3_stmt *st, const struct store_delivery *d)
{
    sqlite3_bind_int64(st, 1, d->seq);
    sqlite_bind_blob(st, 2, d->id.b, UUID_SIZE);
    sqlite3_bind_int64(st, 3, d->event_seq);
    sqlite3_bind_int64(st, 7, d->created_ms);
    sqlite_bind_bytes(st, 14, d->webhook);
    sqlite_bind_bytes(st, 15, d->integration);
    sqlite3_bind_int64(st, 16, d->run);
    sqlite3_bind_int(st, 17, d->step);
}

static bool is_new(const struct store_delivery *d)
{
    return d->attempts == 0 && d->tries == 0 && d->first_ms == 0 && d->finished_ms == 0 && d->status == 0 &&
           d->error == 0 && d->message.len == 0;
}

int apply_delivery_add(struct apply *a, const struct store_delivery *d, bool again)
{
    enum shelf_place place = shelf_take(&a->shelf, d->seq, d->state);
    bool fresh = !again && d->state == DELIVERY_QUEUED && place == SHELF_NONE && is_new(d);
    sqlite3_stmt *st = fresh ? a->add_fresh : again ? a->add_delivery_again : a->add_delivery;
    bind_birth(st, d);
    if (!fresh) {
        bind_face(st, d);
        sqlite3_bind_int(st, 18, (int)place);
    }
    int rc = sqlite_run(st);
    if (rc != SQLITE_OK || (again && sqlite3_changes(a->c->db) == 0))
        return rc;
    rc = ids_added(&a->delivery_ids, d->seq, &d->id);
    return rc == SQLITE_OK ? add_request(a, d) : rc;
}

static int64_t attempt_key(int64_t seq, int number)
{
    int last = SCHEMA_ATTEMPTS_PER_DELIVERY - 1;
    return seq * SCHEMA_ATTEMPTS_PER_DELIVERY + (number < 0 ? 0 : number > last ? last : number);
}

static int add_attempt(struct apply *a, int64_t seq, const struct attempt *t)
{
    bool answered = t->error == ATTEMPT_OK && t->class == ATTEMPT_ANSWERED && t->message[0] == '\0';
    sqlite3_stmt *st = answered ? a->add_answered : a->add_attempt;
    sqlite3_bind_int64(st, 1, attempt_key(seq, t->number));
    sqlite3_bind_int64(st, 2, t->started_ms);
    sqlite3_bind_int64(st, 3, t->duration_us);
    sqlite3_bind_int(st, 4, t->status);
    sqlite3_bind_int(st, 7, t->truncated);
    if (!answered) {
        sqlite3_bind_int(st, 5, (int)t->error);
        sqlite3_bind_int(st, 6, (int)t->class);
        sqlite_bind_bytes(st, 8, bytes_of(t->message));
    }
    sqlite_bind_blob(st, 9, t->headers.data, t->headers.len);
    sqlite_bind_blob(st, 10, t->body.data, t->body.len);
    return sqlite_run(st);
}

static int update_row(struct apply *a, const struct store_delivery *d)
{
    bind_face(a->update, d);
    sqlite3_bind_int(a->update, 18, (int)shelf_of(d->state));
    return sqlite_run(a->update);
}

/* Of one that is on no shelf: *done, or else it has to be taken off. Below the mark it is on one. */
static int succeed(struct apply *a, const struct store_delivery *d, bool *done)
{
    if (d->seq <= a->shelf.above)
        return SQLITE_OK;
    sqlite3_stmt *st = a->succeed;
    sqlite3_bind_int64(st, 1, d->seq);
    sqlite3_bind_int(st, 5, d->attempts);
    sqlite3_bind_int(st, 6, d->tries);
    sqlite3_bind_int64(st, 8, d->first_ms);
    sqlite3_bind_int64(st, 10, d->finished_ms);
    sqlite3_bind_int(st, 11, d->status);
    int rc = sqlite_run(st);
    *done = rc != SQLITE_OK || sqlite3_changes(a->c->db) > 0;
    return rc;
}

int apply_delivery_update(struct apply *a, struct store_update *u)
{
    const struct store_delivery *d = &u->row;
    bool done = false;
    int rc = SQLITE_OK;
    u->woken = false;
    if (d->state == DELIVERY_SUCCEEDED && d->error == 0 && d->message.len == 0)
        rc = succeed(a, d, &done);
    if (!done)
        rc = update_row(a, d);
    if (rc != SQLITE_OK)
        return rc;
    if (!done && sqlite3_changes(a->c->db) == 0) {
        apply_gone(&u->base, "delivery", d->seq);
        return SQLITE_OK;
    }
    if (u->attempt != NULL)
        rc = add_attempt(a, d->seq, u->attempt);
    return rc == SQLITE_OK && u->step != NULL ? apply_run_end_call(a, u->step, &u->woken) : rc;
}
