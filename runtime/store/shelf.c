#include "store/shelf.h"

#include "core/units.h"

enum { FOLLOW_ROWS = 8192 }; /* the mark is at most twice as far behind: some milliseconds to look through */
static const int64_t FOLLOW_NS = NS_PER_S / 2;

enum shelf_place shelf_of(enum delivery_state state)
{
    static const enum shelf_place places[DELIVERY_STATE_COUNT] = {
        [DELIVERY_QUEUED] = SHELF_QUEUED,     [DELIVERY_WAITING] = SHELF_WAITING, [DELIVERY_SENDING] = SHELF_SENDING,
        [DELIVERY_SUCCEEDED] = SHELF_NONE,    [DELIVERY_FAILED] = SHELF_FAILED,   [DELIVERY_UNKNOWN] = SHELF_UNKNOWN,
        [DELIVERY_CANCELED] = SHELF_CANCELED,
    };
    return places[state];
}

int shelf_prepare(struct shelf *s, struct sqlite *c, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&s->mark, "SELECT above FROM fresh WHERE one = 1"},
        {&s->put, "UPDATE deliveries SET shelf = 1 WHERE seq > ?1 AND seq <= ?2 AND state = 0 AND shelf = 0"},
        {&s->move, "UPDATE fresh SET above = ?1 WHERE one = 1"},
        {NULL, NULL},
    };
    _Static_assert(DELIVERY_QUEUED == 0 && SHELF_QUEUED == 1, "as the text has it");
    return sqlite_prepare(c, texts, e);
}

int shelf_load(struct shelf *s)
{
    int rc = sqlite3_step(s->mark);
    if (rc == SQLITE_ROW)
        s->above = sqlite3_column_int64(s->mark, 0);
    sqlite3_reset(s->mark);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_CORRUPT : rc;
}

enum shelf_place shelf_new(const struct shelf *s, int64_t seq, enum delivery_state state)
{
    return state == DELIVERY_QUEUED && seq > s->above ? SHELF_NONE : shelf_of(state);
}

void shelf_added(struct shelf *s, int64_t seq)
{
    s->rows++;
    if (seq > s->newest)
        s->newest = seq;
}

static int move(struct shelf *s, int64_t to)
{
    sqlite3_bind_int64(s->put, 1, s->above);
    sqlite3_bind_int64(s->put, 2, to);
    sqlite3_bind_int64(s->move, 1, to);
    int rc = sqlite_run(s->put);
    if (rc == SQLITE_OK)
        rc = sqlite_run(s->move);
    if (rc == SQLITE_OK)
        s->above = to;
    return rc;
}

int shelf_follow(struct shelf *s, int64_t now_ns)
{
    if (now_ns < s->next_ns && s->rows < FOLLOW_ROWS)
        return SQLITE_OK;
    int rc = s->next > s->above ? move(s, s->next) : SQLITE_OK;
    s->next = s->newest;
    s->next_ns = now_ns + FOLLOW_NS;
    s->rows = 0;
    return rc;
}
