#include "store/feed.h"

#include <stdlib.h>
#include <string.h>

static int on_connect(sqlite3 *db, void *ud, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
    struct feed *f = ud;
    (void)argc, (void)argv, (void)message;
    memset(&f->table, 0, sizeof f->table);
    *out = &f->table;
    return sqlite3_declare_vtab(db, f->columns);
}

static int on_disconnect(sqlite3_vtab *table)
{
    (void)table;
    return SQLITE_OK;
}

/* There is one way to read it: from the first to the last. */
static int on_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table, (void)info;
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct feed *f = (struct feed *)table;
    memset(&f->cursor, 0, sizeof f->cursor);
    *out = &f->cursor;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *cursor)
{
    (void)cursor;
    return SQLITE_OK;
}

static struct feed *of(sqlite3_vtab_cursor *cursor)
{
    return (struct feed *)cursor->pVtab;
}

static int on_filter(sqlite3_vtab_cursor *cursor, int n, const char *text, int argc, sqlite3_value **argv)
{
    (void)n, (void)text, (void)argc, (void)argv;
    of(cursor)->at = 0;
    return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *cursor)
{
    of(cursor)->at++;
    return SQLITE_OK;
}

static size_t count(const struct feed *f)
{
    return f->rows.len / sizeof(void *);
}

static int on_eof(sqlite3_vtab_cursor *cursor)
{
    return of(cursor)->at >= count(of(cursor));
}

static const void *row_at(const struct feed *f, size_t at)
{
    return ((const void *const *)(const void *)f->rows.data)[at];
}

static int on_column(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int at)
{
    const struct feed *f = of(cursor);
    f->column(f->ud, row_at(f, f->at), at, result);
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)of(cursor)->at;
    return SQLITE_OK;
}

/* No xCreate: it is there without CREATE VIRTUAL TABLE, under the name of its module. */
static const sqlite3_module MODULE = {
    .xConnect = on_connect,
    .xBestIndex = on_best_index,
    .xDisconnect = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

int feed_register(struct feed *f, struct sqlite *c, struct err *e)
{
    int rc = sqlite3_create_module(c->db, f->name, &MODULE, f);
    return rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, e);
}

void feed_fini(struct feed *f)
{
    buf_fini(&f->rows);
}

bool feed_add(struct feed *f, const void *row)
{
    return buf_append(&f->rows, &row, sizeof row) == 0;
}

bool feed_empty(const struct feed *f)
{
    return f->rows.len == 0;
}

const void *feed_first(const struct feed *f)
{
    return feed_empty(f) ? NULL : row_at(f, 0);
}

void feed_sort(struct feed *f, int (*compare)(const void *, const void *))
{
    if (count(f) > 1)
        qsort(f->rows.data, count(f), sizeof(void *), compare);
}

void feed_clear(struct feed *f)
{
    buf_clear(&f->rows);
}

int feed_run(struct feed *f, sqlite3_stmt *st)
{
    int rc = feed_empty(f) ? SQLITE_OK : sqlite_run(st);
    feed_clear(f);
    return rc;
}
