#include "store/values.h"

#include "store/schema.h"

static void put_uuid(sqlite3_context *to, const struct uuid *id)
{
    sqlite_result_blob(to, (struct bytes){(const char *)id->b, UUID_SIZE});
}

/* --- events --------------------------------------------------------------------------------------------------- */

static void put_ids(sqlite3_context *to, const struct buf *ids)
{
    if (buf_failed(ids))
        sqlite3_result_error_nomem(to);
    else
        sqlite_result_blob(to, buf_view(ids));
}

static void put_deliveries(sqlite3_context *to, const struct store_accept *w, struct buf *ids)
{
    buf_clear(ids);
    for (size_t i = 0; i < w->count; i++)
        buf_append(ids, w->deliveries[i].id.b, UUID_SIZE);
    put_ids(to, ids);
}

static void put_runs(sqlite3_context *to, const struct store_accept *w, struct buf *ids)
{
    buf_clear(ids);
    for (size_t i = 0; i < w->run_count; i++)
        buf_append(ids, w->runs[i].id.b, UUID_SIZE);
    put_ids(to, ids);
}

static void put_event(void *ud, const void *row, int at, sqlite3_context *to)
{
    struct buf *ids = ud;
    const struct store_accept *w = row;
    const struct store_event *v = w->event;
    switch (at) {
    case 0:
        sqlite3_result_int64(to, v->seq);
        break;
    case 1:
        put_uuid(to, &v->id);
        break;
    case 2:
        if (v->key.len > 0)
            sqlite_result_text(to, v->key);
        break;
    case 3:
        sqlite_result_text(to, v->name);
        break;
    case 4:
        sqlite3_result_int64(to, v->received_ms);
        break;
    case 5:
        put_deliveries(to, w, &ids[0]);
        break;
    case 6:
        sqlite_result_blob(to, v->body);
        break;
    case 7:
        put_runs(to, w, &ids[1]);
        break;
    }
}

void values_event_feed(struct feed *f, struct buf ids[2])
{
    f->name = "new_events";
    f->columns = "CREATE TABLE new_events(" VALUES_EVENT ")";
    f->column = put_event;
    f->ud = ids;
}

/* --- deliveries ----------------------------------------------------------------------------------------------- */

int64_t values_due_ms(const struct store_delivery *d)
{
    if (d->state != DELIVERY_WAITING)
        return 0;
    return d->due_ms > 0 ? d->due_ms : 1;
}

/* What changes in its life, and is not read of most new ones. */
static void put_face(const struct shelf *s, const struct store_delivery *d, int at, sqlite3_context *to)
{
    switch (at) {
    case 3:
        sqlite3_result_int(to, (int)d->state);
        break;
    case 4:
        sqlite3_result_int(to, d->attempts);
        break;
    case 5:
        sqlite3_result_int(to, d->tries);
        break;
    case 7:
        sqlite3_result_int64(to, d->first_ms);
        break;
    case 8:
        sqlite3_result_int64(to, values_due_ms(d));
        break;
    case 9:
        sqlite3_result_int64(to, d->finished_ms);
        break;
    case 10:
        sqlite3_result_int(to, d->status);
        break;
    case 11:
        sqlite3_result_int(to, (int)d->error);
        break;
    case 14:
        sqlite_result_text(to, d->message);
        break;
    case 17:
        sqlite3_result_int(to, (int)shelf_new(s, d->seq, d->state));
        break;
    }
}

static void put_delivery(void *ud, const void *row, int at, sqlite3_context *to)
{
    const struct store_delivery *d = row;
    switch (at) {
    case 0:
        sqlite3_result_int64(to, d->seq);
        break;
    case 1:
        put_uuid(to, &d->id);
        break;
    case 2:
        sqlite3_result_int64(to, d->event_seq);
        break;
    case 6:
        sqlite3_result_int64(to, d->created_ms);
        break;
    case 12:
        sqlite_result_text(to, d->webhook);
        break;
    case 13:
        sqlite_result_text(to, d->integration);
        break;
    case 15:
        sqlite3_result_int64(to, d->run);
        break;
    case 16:
        sqlite3_result_int(to, d->step);
        break;
    case 18:
        if (d->request.len > 0)
            sqlite_result_blob(to, d->request);
        break;
    default:
        put_face(ud, d, at, to);
        break;
    }
}

void values_delivery_feed(struct feed *f, struct shelf *s)
{
    f->name = "new_deliveries";
    f->columns = "CREATE TABLE new_deliveries(" VALUES_DELIVERY ", request)";
    f->column = put_delivery;
    f->ud = s;
}

/* --- attempts ------------------------------------------------------------------------------------------------- */

static int64_t attempt_key(int64_t seq, int number)
{
    int last = SCHEMA_ATTEMPTS_PER_DELIVERY - 1;
    return seq * SCHEMA_ATTEMPTS_PER_DELIVERY + (number < 0 ? 0 : number > last ? last : number);
}

static void put_attempt(void *ud, const void *row, int at, sqlite3_context *to)
{
    const struct store_update *u = row;
    const struct attempt *t = u->attempt;
    (void)ud;
    switch (at) {
    case 0:
        sqlite3_result_int64(to, attempt_key(u->row.seq, t->number));
        break;
    case 1:
        sqlite3_result_int64(to, t->started_ms);
        break;
    case 2:
        sqlite3_result_int64(to, t->duration_us);
        break;
    case 3:
        sqlite3_result_int(to, t->status);
        break;
    case 4:
        sqlite3_result_int(to, (int)t->error);
        break;
    case 5:
        sqlite3_result_int(to, (int)t->class);
        break;
    case 6:
        sqlite3_result_int(to, t->truncated);
        break;
    case 7:
        sqlite_result_text(to, bytes_of(t->message));
        break;
    case 8:
        sqlite_result_blob(to, buf_view(&t->headers));
        break;
    case 9:
        sqlite_result_blob(to, buf_view(&t->body));
        break;
    }
}

void values_attempt_feed(struct feed *f)
{
    f->name = "new_attempts";
    f->columns = "CREATE TABLE new_attempts(" VALUES_ATTEMPT ")";
    f->column = put_attempt;
}
