#include "store/page.h"

enum {
    SLICE_ROWS = 10000,  /* in one statement: some milliseconds */
    QUERY_ROWS = 200000, /* in one query */
};

int page_first(sqlite3_stmt *st, int64_t *seq, int64_t *created_ms)
{
    int rc = sqlite3_step(st);
    *seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    if (rc == SQLITE_ROW && created_ms != NULL)
        *created_ms = sqlite3_column_int64(st, 1);
    sqlite3_reset(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The seq from which on all were created at `ms` or later: a binary search. */
static int seq_at(const struct page *p, int64_t ms, int64_t *out)
{
    int64_t below = 0, from; /* created earlier, up to here; later, from there on */
    int rc = page_first(p->last, &from, NULL);
    from++;
    while (rc == SQLITE_OK && below + 1 < from) {
        int64_t seq, created_ms = 0, middle = below + (from - below) / 2;
        sqlite3_bind_int64(p->first_from, 1, middle);
        rc = page_first(p->first_from, &seq, &created_ms);
        if (seq == 0 || created_ms >= ms)
            from = middle;
        else
            below = seq;
    }
    *out = from;
    return rc;
}

int page_narrow(struct page *p, int64_t since_ms, int64_t until_ms)
{
    int64_t seq;
    int rc = SQLITE_OK;
    if (p->before <= 0)
        p->before = INT64_MAX;
    if (since_ms > 0)
        rc = seq_at(p, since_ms, &p->low);
    if (rc == SQLITE_OK && until_ms > 0 && (rc = seq_at(p, until_ms, &seq)) == SQLITE_OK && seq < p->before)
        p->before = seq;
    return rc;
}

static void bind(struct page *p)
{
    sqlite3_bind_int64(p->rows, 1, p->before);
    sqlite3_bind_int64(p->rows, 2, p->low);
    if (p->state >= 0)
        sqlite3_bind_int(p->rows, 3, p->state);
}

/* Looks at some rows. `before` moves down; *over: there are no more, or the page is full (p->more). */
static int slice(struct page *p, bool *over)
{
    int rc = SQLITE_OK;
    bind(p);
    for (int i = 0; i < SLICE_ROWS && !*over && (rc = sqlite3_step(p->rows)) == SQLITE_ROW; i++) {
        bool wanted = p->wanted(p->rows, p->ud);
        *over = p->more = wanted && p->room == 0;
        if (*over)
            break;
        p->before = sqlite3_column_int64(p->rows, 0);
        if (!wanted)
            continue;
        if ((rc = p->take(p->rows, p->ud)) != SQLITE_OK)
            break;
        p->room--;
    }
    sqlite_done(p->rows);
    *over = *over || rc == SQLITE_DONE;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int page_run(struct page *p, struct reader *rd)
{
    bool over = false;
    int rc = SQLITE_OK;
    for (int seen = 0; rc == SQLITE_OK && !over && seen < QUERY_ROWS; seen += SLICE_ROWS) {
        rc = slice(p, &over);
        if (!over && !reader_yield(rd))
            break;
    }
    p->more = p->more || !over;
    return rc;
}
