#include "store/apply.h"

#include "store/apply_advance.h"
#include "store/apply_change.h"
#include "store/apply_delivery.h"
#include "store/apply_form.h"
#include "store/apply_run.h"
#include "store/apply_wait.h"
#include "store/failure.h"
#include "store/row.h"
#include "store/values.h"

static const int64_t DUPLICATE_MS = 24 * 3600 * 1000LL;

/* OR FAIL: else SQLite keeps a copy of each page that it changes, to undo the one statement. */
#define ADD_EVENTS "INSERT OR FAIL INTO events(" VALUES_EVENT ") SELECT " VALUES_EVENT " FROM new_events "

static int prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->add_events, ADD_EVENTS},
        {&a->add_keyed, ADD_EVENTS "WHERE true ON CONFLICT(key) WHERE key IS NOT NULL DO NOTHING"},
        {&a->find_event, "SELECT seq, id, received_ms, deliveries, runs FROM events WHERE key = ?1"},
        {&a->release_key, "UPDATE events SET key = NULL WHERE seq = ?1"},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

static int register_feeds(struct apply *a, struct err *e)
{
    values_event_feed(&a->events, a->ids);
    values_delivery_feed(&a->deliveries, &a->shelf);
    values_attempt_feed(&a->attempts);
    if (feed_register(&a->events, a->c, e) != 0 || feed_register(&a->deliveries, a->c, e) != 0)
        return -1;
    return feed_register(&a->attempts, a->c, e);
}

static void clear_feeds(struct apply *a)
{
    feed_clear(&a->events);
    feed_clear(&a->deliveries);
    feed_clear(&a->attempts);
}

int apply_prepare(struct apply *a, struct sqlite *c, struct err *e)
{
    a->c = c;
    a->stale = true;
    if (ids_prepare(&a->delivery_ids, c, e) != 0 || ids_prepare_add(&a->delivery_ids, c, e) != 0 ||
        shelf_prepare(&a->shelf, c, e) != 0)
        return -1;
    if (register_feeds(a, e) != 0 || prepare(a, e) != 0 || apply_delivery_prepare(a, e) != 0 ||
        apply_run_prepare(a, e) != 0)
        return -1;
    if (apply_wait_prepare(a, e) != 0 || apply_form_prepare(a, e) != 0 || apply_advance_prepare(a, e) != 0)
        return -1;
    return apply_change_prepare(a, e);
}

void apply_fini(struct apply *a)
{
    buf_fini(&a->ids[0]);
    buf_fini(&a->ids[1]);
    buf_fini(&a->waits);
    buf_fini(&a->result);
    buf_fini(&a->key);
    buf_fini(&a->place);
    feed_fini(&a->events);
    feed_fini(&a->deliveries);
    feed_fini(&a->attempts);
}

int apply_begin(struct apply *a)
{
    if (!a->stale)
        return SQLITE_OK;
    int rc = shelf_load(&a->shelf);
    if (rc == SQLITE_OK)
        rc = ids_load(&a->delivery_ids);
    a->stale = rc != SQLITE_OK;
    return rc;
}

int apply_end(struct apply *a, int64_t now_ns)
{
    return shelf_follow(&a->shelf, now_ns);
}

void apply_undone(struct apply *a)
{
    a->stale = true;
    clear_feeds(a);
}

void apply_gone(struct store_write *w, const char *what, int64_t seq)
{
    struct err e;
    err_set(&e, ERR_STORE, 0, "%s number %lld is not in the database (any more)", what, (long long)seq);
    failure_set(&w->failure, failure_new(&e));
}

/* --- an event ------------------------------------------------------------------------------------------------- */

static int take_first(sqlite3_stmt *st, struct store_accept *w)
{
    w->duplicate = true;
    w->first_event = row_uuid(st, 1);
    buf_append_bytes(&w->first_ids, row_bytes(st, 3));
    buf_append_bytes(&w->first_runs, row_bytes(st, 4));
    return buf_failed(&w->first_ids) || buf_failed(&w->first_runs) ? SQLITE_NOMEM : SQLITE_OK;
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

static int flush_events(struct apply *a)
{
    return feed_run(&a->events, a->add_events);
}

static int add_keyed(struct apply *a, struct store_accept *w)
{
    return feed_add(&a->events, w) ? feed_run(&a->events, a->add_keyed) : SQLITE_NOMEM;
}

/* One with a key may turn out to be a duplicate, which makes no deliveries. */
static int add_event(struct apply *a, struct store_accept *w, int64_t now_ms)
{
    bool again = false;
    if (w->event->key.len == 0)
        return feed_add(&a->events, w) ? SQLITE_OK : SQLITE_NOMEM;
    int rc = flush_events(a);
    if (rc == SQLITE_OK)
        rc = add_keyed(a, w);
    if (rc != SQLITE_OK || sqlite3_changes(a->c->db) > 0)
        return rc;
    rc = settle_key(a, w, now_ms, &again);
    return rc == SQLITE_OK && again ? add_keyed(a, w) : rc;
}

/* --- any write ------------------------------------------------------------------------------------------------ */

static int add_all(struct apply *a, struct store_accept *w)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < w->count; i++)
        rc = apply_delivery_add(a, &w->deliveries[i], false);
    for (size_t i = 0; rc == SQLITE_OK && i < w->run_count; i++)
        rc = apply_run_add(a, &w->runs[i], w->event);
    return rc == SQLITE_OK ? apply_wait_arrive(a, w) : rc;
}

static int apply_accept(struct apply *a, struct store_accept *w, int64_t now_ms)
{
    w->duplicate = false;
    buf_clear(&w->first_ids);
    buf_clear(&w->first_runs);
    buf_clear(&w->woken);
    int rc = w->event != NULL ? add_event(a, w, now_ms) : SQLITE_OK;
    return rc == SQLITE_OK && !w->duplicate ? add_all(a, w) : rc;
}

/* It may look for what an event brought. */
static int advance(struct apply *a, struct store_advance *w, int64_t now_ms)
{
    int rc = flush_events(a);
    return rc == SQLITE_OK ? apply_advance(a, w, now_ms) : rc;
}

int apply_write(struct apply *a, struct store_write *w, int64_t now_ms)
{
    failure_clear(&w->failure);
    switch (w->kind) {
    case STORE_ACCEPT:
        return apply_accept(a, (struct store_accept *)w, now_ms);
    case STORE_UPDATE:
        return apply_delivery_update(a, (struct store_update *)w);
    case STORE_ADVANCE:
        return advance(a, (struct store_advance *)w, now_ms);
    case STORE_SCRIPT:
        return apply_change_script(a, (const struct store_script_write *)w);
    case STORE_RUN_CHANGE:
        return apply_change_run(a, (struct store_run_change *)w);
    }
    return SQLITE_MISUSE;
}

int apply_flush(struct apply *a, bool again)
{
    int rc = flush_events(a);
    return rc == SQLITE_OK ? apply_delivery_flush(a, again) : rc;
}
