#include "store/apply_delivery.h"

#include "store/apply_run.h"
#include "store/schema.h"
#include "store/values.h"

/* State, status, and when it began and ended: 1 + 2 + 6 + 6 bytes. */
#define ROOM "x'000000000000000000000000000000'"
/* OR FAIL: else SQLite keeps a copy of each page that it changes, to undo the one statement. */
#define INSERT "INSERT OR FAIL INTO deliveries(" VALUES_DELIVERY ", room) "
#define ANY    "SELECT " VALUES_DELIVERY ", x'' FROM new_deliveries "
#define FRESH                                                                                                          \
    "SELECT seq, id, event, 0, 0, 0, created_ms, 0, 0, 0, 0, 0, webhook, integration, '', run, step, 0, " ROOM         \
    " FROM new_deliveries"
#define ATTEMPT "INTO attempts(" VALUES_ATTEMPT ") SELECT " VALUES_ATTEMPT " FROM new_attempts"

/*
 * What happens to most: they are accepted, answered, and succeed while they are on no shelf. A value that is read costs
 * more than one in the text, and a column that an index has costs most, even if no index has the row.
 */
int apply_delivery_prepare(struct apply *a, struct err *e)
{
    _Static_assert(DELIVERY_QUEUED == 0 && DELIVERY_SUCCEEDED == 3, "as the texts have it");
    const struct sqlite_text texts[] = {
        {&a->add_fresh, INSERT FRESH},
        {&a->add_delivery, INSERT ANY},
        {&a->add_delivery_again, INSERT ANY "WHERE true ON CONFLICT(seq) DO NOTHING"},
        {&a->add_requests, "INSERT OR FAIL INTO requests(seq, request) SELECT seq, request FROM new_deliveries "
                           "WHERE request IS NOT NULL"},
        {&a->succeed, "UPDATE deliveries SET state = 3, attempts = ?5, tries = ?6, first_ms = ?8, finished_ms = ?10, "
                      "status = ?11, error = 0, message = '', room = x'' WHERE seq = ?1 AND shelf = 0"},
        {&a->update,
         "UPDATE deliveries SET state = ?4, attempts = ?5, tries = ?6, first_ms = ?8, due_ms = ?9, "
         "finished_ms = ?10, status = ?11, error = ?12, message = ?13, shelf = ?18, room = x'' WHERE seq = ?1"},
        {&a->add_attempts, "INSERT OR FAIL " ATTEMPT},
        {&a->put_attempts, "INSERT OR REPLACE " ATTEMPT},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

/* --- new ones ------------------------------------------------------------------------------------------------- */

static int flush_deliveries(struct apply *a)
{
    if (feed_empty(&a->deliveries))
        return SQLITE_OK;
    int rc = sqlite_run(a->add_fresh);
    return rc == SQLITE_OK ? feed_run(&a->deliveries, a->add_requests) : rc;
}

static int gather(struct feed *f, const void *row)
{
    return feed_add(f, row) ? SQLITE_OK : SQLITE_NOMEM;
}

/* At once, whatever it is like. *added: false when it is there from an earlier try. */
static int add_now(struct apply *a, const struct store_delivery *d, bool again, bool *added)
{
    int rc = flush_deliveries(a);
    if (rc == SQLITE_OK)
        rc = gather(&a->deliveries, d);
    if (rc == SQLITE_OK)
        rc = sqlite_run(again ? a->add_delivery_again : a->add_delivery);
    *added = rc == SQLITE_OK && (!again || sqlite3_changes(a->c->db) > 0);
    if (*added)
        rc = sqlite_run(a->add_requests);
    feed_clear(&a->deliveries);
    return rc;
}

/* New, on no shelf, and nobody has to look for another of its id. */
static bool is_fresh(const struct apply *a, const struct store_delivery *d)
{
    bool untouched = d->attempts == 0 && d->tries == 0 && d->first_ms == 0 && d->finished_ms == 0 && d->status == 0 &&
                     d->error == 0 && d->message.len == 0;
    return untouched && d->state == DELIVERY_QUEUED && shelf_new(&a->shelf, d->seq, d->state) == SHELF_NONE &&
           ids_in_order(&a->delivery_ids, d->seq, &d->id);
}

int apply_delivery_add(struct apply *a, const struct store_delivery *d, bool again)
{
    bool added = true;
    bool fresh = !again && is_fresh(a, d);
    int rc = fresh ? gather(&a->deliveries, d) : add_now(a, d, again, &added);
    shelf_added(&a->shelf, d->seq);
    return rc == SQLITE_OK && added ? ids_added(&a->delivery_ids, d->seq, &d->id) : rc;
}

/* --- new faces ------------------------------------------------------------------------------------------------ */

static int update_row(struct apply *a, const struct store_delivery *d)
{
    sqlite3_stmt *st = a->update;
    sqlite3_bind_int64(st, 1, d->seq);
    sqlite3_bind_int(st, 4, (int)d->state);
    sqlite3_bind_int(st, 5, d->attempts);
    sqlite3_bind_int(st, 6, d->tries);
    sqlite3_bind_int64(st, 8, d->first_ms);
    sqlite3_bind_int64(st, 9, values_due_ms(d));
    sqlite3_bind_int64(st, 10, d->finished_ms);
    sqlite3_bind_int(st, 11, d->status);
    sqlite3_bind_int(st, 12, (int)d->error);
    sqlite_bind_bytes(st, 13, d->message);
    sqlite3_bind_int(st, 18, (int)shelf_of(d->state));
    return sqlite_run(st);
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

/* Its own row may be among those that are gathered. */
static int flush_row(struct apply *a, int64_t seq)
{
    const struct store_delivery *first = feed_first(&a->deliveries);
    return first != NULL && seq >= first->seq ? flush_deliveries(a) : SQLITE_OK;
}

static int update(struct apply *a, const struct store_delivery *d, bool *found)
{
    bool done = false;
    int rc = flush_row(a, d->seq);
    if (rc == SQLITE_OK && d->state == DELIVERY_SUCCEEDED && d->error == 0 && d->message.len == 0)
        rc = succeed(a, d, &done);
    if (rc == SQLITE_OK && !done)
        rc = update_row(a, d);
    *found = rc == SQLITE_OK && (done || sqlite3_changes(a->c->db) > 0);
    return rc;
}

int apply_delivery_update(struct apply *a, struct store_update *u)
{
    bool found;
    u->woken = false;
    int rc = update(a, &u->row, &found);
    if (rc != SQLITE_OK)
        return rc;
    if (!found) {
        apply_gone(&u->base, "delivery", u->row.seq);
        return SQLITE_OK;
    }
    if (u->attempt != NULL)
        rc = gather(&a->attempts, u);
    return rc == SQLITE_OK && u->step != NULL ? apply_run_end_call(a, u->step, &u->woken) : rc;
}

static int by_seq(const void *a, const void *b)
{
    const struct store_update *const *x = a, *const *y = b;
    return ((*x)->row.seq > (*y)->row.seq) - ((*x)->row.seq < (*y)->row.seq);
}

/* Attempts in the order of their table, not in that of answers: so they fill its last page. */
int apply_delivery_flush(struct apply *a, bool again)
{
    int rc = flush_deliveries(a);
    feed_sort(&a->attempts, by_seq);
    return rc == SQLITE_OK ? feed_run(&a->attempts, again ? a->put_attempts : a->add_attempts) : rc;
}
