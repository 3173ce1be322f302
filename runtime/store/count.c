#include "store/count.h"

#include "store/row.h"
#include "store/schema.h"
#include "store/shelf.h"

enum {
    ROWS_AT_A_TIME = 500, /* a tenth of a millisecond: others wait for it */
    TRIES = 3,            /* memory may be short for a moment */
};

/* Those on the shelf, in the order of their index, and those that are fresh. */
static const char ROWS[] = "SELECT integration, shelf, due_ms FROM deliveries INDEXED BY deliveries_pending "
                           "WHERE " SCHEMA_PENDING " "
                           "UNION ALL SELECT integration, 1, 0 FROM deliveries NOT INDEXED WHERE " SCHEMA_FRESH;

/* Something is read at once: that is when the view of the database begins. */
int count_open(struct count *count, struct err *e)
{
    const struct sqlite_text texts[] = {{&count->rows, ROWS}, {NULL, NULL}};
    _Static_assert(SHELF_QUEUED == 1 && SHELF_WAITING == 2, "as the text has it");
    if (sqlite_open(&count->c, SQLITE_READER, e) != 0)
        return -1;
    int rc = sqlite_prepare(&count->c, texts, e) == 0 ? sqlite3_exec(count->c.db, "BEGIN", NULL, NULL, NULL) : -1;
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(count->c.db, "SELECT above FROM fresh", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    if (rc > 0)
        sqlite_fail(&count->c, rc, e);
    count_close(count);
    return -1;
}

void count_close(struct count *count)
{
    sqlite_close(&count->c);
    store_read_fini(&count->found);
}

/* Rows of one integration mostly come in one run. NULL: memory. */
static struct store_backlog *backlog_of(struct count *count, struct bytes integration)
{
    struct store_read *r = &count->found;
    for (size_t i = r->backlog_count; i-- > 0;)
        if (bytes_equal(r->backlogs[i].integration, integration))
            return &r->backlogs[i];
    void *items = r->backlogs;
    int rc = row_grow(&items, r->backlog_count, &count->cap, sizeof *r->backlogs);
    r->backlogs = items;
    if (rc != SQLITE_OK)
        return NULL;
    struct store_backlog *b = &r->backlogs[r->backlog_count];
    *b = (struct store_backlog){0};
    if (arena_copy(&r->arena, integration.data, integration.len, &b->integration) != 0)
        return NULL;
    r->backlog_count++;
    return b;
}

static int add(struct count *count)
{
    struct store_backlog *b = backlog_of(count, row_bytes(count->rows, 0));
    if (b == NULL)
        return SQLITE_NOMEM;
    int64_t due_ms = sqlite3_column_int64(count->rows, 2);
    if (sqlite3_column_int(count->rows, 1) == SHELF_QUEUED)
        b->queued++;
    else
        b->waiting++;
    if (due_ms > 0 && (b->first_due_ms == 0 || due_ms < b->first_due_ms))
        b->first_due_ms = due_ms;
    return SQLITE_OK;
}

/* From the first row, of the same moment, if it still holds on to that. */
static bool start_over(struct count *count)
{
    sqlite3_reset(count->rows);
    store_read_fini(&count->found);
    count->cap = 0;
    return ++count->tries < TRIES && !sqlite3_get_autocommit(count->c.db);
}

void count_some(struct count *count)
{
    int rc = SQLITE_ROW;
    for (int i = 0; i < ROWS_AT_A_TIME && rc == SQLITE_ROW; i++)
        if ((rc = sqlite3_step(count->rows)) == SQLITE_ROW && add(count) != SQLITE_OK)
            rc = SQLITE_NOMEM;
    count->failed = rc != SQLITE_ROW && rc != SQLITE_DONE;
    if (count->failed)
        sqlite_fail(&count->c, rc, &count->why);
    if (rc == SQLITE_ROW || (count->failed && start_over(count)))
        return;
    sqlite_close(&count->c);
}

bool count_over(const struct count *count)
{
    return count->c.db == NULL;
}

int count_tell(struct count *count, struct store_read *r, struct err *e)
{
    if (count->failed) {
        *e = count->why;
        return -1;
    }
    r->backlogs = count->found.backlogs;
    r->backlog_count = count->found.backlog_count;
    r->arena = count->found.arena;
    count->found = (struct store_read){0};
    return 0;
}
