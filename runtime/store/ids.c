#include "store/ids.h"

#include "store/row.h"

#include <string.h>

/* Those that are in order; a stray's own row, not another that has its id. */
#define IN_ORDER                                                                                                       \
    "SELECT d.seq, d.id FROM deliveries d "                                                                            \
    "WHERE NOT EXISTS (SELECT 1 FROM strays s WHERE s.id = d.id AND s.seq = d.seq) "

int ids_prepare(struct ids *s, struct sqlite *c, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&s->stray, "SELECT seq FROM strays WHERE id = ?1"},
        {&s->first_from, IN_ORDER "AND d.seq >= ?1 ORDER BY d.seq LIMIT 1"},
        {&s->last, IN_ORDER "AND d.seq > 0 ORDER BY d.seq DESC LIMIT 1"},
        {NULL, NULL},
    };
    return sqlite_prepare(c, texts, e);
}

int ids_prepare_add(struct ids *s, struct sqlite *c, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&s->add_stray, "INSERT INTO strays(id, seq) VALUES (?1, ?2)"},
        {&s->last_stray, "SELECT 0, max(id) FROM strays"},
        {NULL, NULL},
    };
    return sqlite_prepare(c, texts, e);
}

static int compare(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->b, b->b, UUID_SIZE);
}

/* The first row; seq 0 when there is none. */
static int first(sqlite3_stmt *st, int64_t *seq, struct uuid *id)
{
    int rc = sqlite3_step(st);
    *seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (rc == SQLITE_ROW && id != NULL)
        *id = row_uuid(st, 1);
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int search(struct ids *s, const struct uuid *id, int64_t *seq)
{
    int64_t below = 0, from, at; /* lower ids up to here; higher ones from there on */
    struct uuid its;
    int rc = first(s->last, &from, NULL);
    from++;
    while (rc == SQLITE_OK && below + 1 < from) {
        int64_t middle = below + (from - below) / 2;
        sqlite3_bind_int64(s->first_from, 1, middle);
        rc = first(s->first_from, &at, &its);
        int order = at == 0 ? 1 : compare(&its, id);
        if (rc == SQLITE_OK && order == 0) {
            *seq = at;
            return SQLITE_OK;
        }
        if (order > 0)
            from = middle;
        else
            below = at;
    }
    *seq = 0;
    return rc;
}

int ids_find(struct ids *s, const struct uuid *id, int64_t *seq)
{
    sqlite_bind_blob(s->stray, 1, id->b, UUID_SIZE);
    int rc = first(s->stray, seq, NULL);
    sqlite_done(s->stray);
    return rc == SQLITE_OK && *seq == 0 ? search(s, id, seq) : rc;
}

int ids_load(struct ids *s)
{
    int64_t none;
    struct uuid stray = {{0}};
    s->top = stray;
    int rc = first(s->last, &s->top_seq, &s->top);
    if (rc == SQLITE_OK)
        rc = first(s->last_stray, &none, &stray);
    if (rc == SQLITE_OK && compare(&stray, &s->top) > 0)
        s->top = stray;
    return rc;
}

static int add_stray(struct ids *s, int64_t seq, const struct uuid *id)
{
    int64_t other = 0;
    sqlite_bind_blob(s->add_stray, 1, id->b, UUID_SIZE);
    sqlite3_bind_int64(s->add_stray, 2, seq);
    int rc = sqlite_run(s->add_stray);
    if (rc == SQLITE_OK)
        rc = search(s, id, &other);
    if (rc == SQLITE_OK && other != 0)
        return sqlite_run(s->add_stray); /* fails, and SQLite has the words for it */
    if (rc == SQLITE_OK && compare(id, &s->top) > 0)
        s->top = *id;
    return rc;
}

bool ids_in_order(const struct ids *s, int64_t seq, const struct uuid *id)
{
    return seq > s->top_seq && compare(id, &s->top) > 0;
}

int ids_added(struct ids *s, int64_t seq, const struct uuid *id)
{
    if (!ids_in_order(s, seq, id))
        return add_stray(s, seq, id);
    s->top_seq = seq;
    s->top = *id;
    return SQLITE_OK;
}
