#include "store/backlog.h"

#include "store/row.h"
#include "store/schema.h"
#include "store/shelf.h"

#define PENDING "FROM deliveries INDEXED BY deliveries_pending WHERE " SCHEMA_PENDING " "
#define FRESH                                                                                                          \
    "FROM deliveries NOT INDEXED WHERE seq > (SELECT above FROM fresh WHERE one = 1) AND state = 0 AND shelf = 0 "
#define RESULT "SELECT name, sum(queued), sum(waiting), min(due) FROM "

/* From one integration to the next, whatever there is of each. */
static const char LANES[] =
    "WITH RECURSIVE names(name) AS (SELECT min(integration) " PENDING "UNION ALL"
    "  SELECT (SELECT min(integration) " PENDING "AND integration > name) FROM names WHERE name IS NOT NULL),"
    " shelved(name, queued, due) AS (SELECT name,"
    "  EXISTS (SELECT 1 " PENDING "AND integration = name AND shelf = 1),"
    "  (SELECT min(due_ms) " PENDING "AND integration = name AND shelf = 2) FROM names WHERE name IS NOT NULL) " RESULT
    "(SELECT name, queued, due IS NOT NULL AS waiting, due FROM shelved"
    "  UNION ALL SELECT DISTINCT integration, 1, 0, NULL " FRESH ") GROUP BY name";

static const char COUNT[] =
    RESULT "("
           "SELECT integration AS name, iif(shelf = 1, count(*), 0) AS queued, iif(shelf = 2, count(*), 0) AS waiting,"
           "  iif(shelf = 2, min(due_ms), NULL) AS due " PENDING "GROUP BY integration, shelf"
           "  UNION ALL SELECT integration, count(*), 0, NULL " FRESH "GROUP BY integration) GROUP BY name";

int backlog_prepare(struct reader *rd, struct err *e)
{
    const struct sqlite_text texts[] = {{&rd->lanes, LANES}, {&rd->backlog, COUNT}, {NULL, NULL}};
    _Static_assert(SHELF_QUEUED == 1 && SHELF_WAITING == 2, "as the texts have it");
    return sqlite_prepare(&rd->c, texts, e);
}

static int add(sqlite3_stmt *st, struct store_read *r, size_t *cap)
{
    void *items = r->backlogs;
    int rc = row_grow(&items, r->backlog_count, cap, sizeof *r->backlogs);
    r->backlogs = items;
    if (rc != SQLITE_OK)
        return rc;
    struct store_backlog *b = &r->backlogs[r->backlog_count++];
    *b = (struct store_backlog){
        .queued = sqlite3_column_int64(st, 1),
        .waiting = sqlite3_column_int64(st, 2),
        .first_due_ms = sqlite3_column_int64(st, 3),
    };
    return row_copy(st, 0, &r->arena, &b->integration) == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

static int add_all(sqlite3_stmt *st, struct store_read *r)
{
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && (rc = add(st, r, &cap)) == SQLITE_OK)
        ;
    sqlite_done(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int backlog_lanes(struct reader *rd, struct store_read *r)
{
    return add_all(rd->lanes, r);
}

int backlog_count(struct reader *rd, struct store_read *r)
{
    return add_all(rd->backlog, r);
}
