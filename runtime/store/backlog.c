#include "store/backlog.h"

#include "store/row.h"
#include "store/schema.h"
#include "store/shelf.h"

#define PENDING "FROM deliveries INDEXED BY deliveries_pending WHERE " SCHEMA_PENDING " "

/* From one integration to the next, whatever there is of each. What is said of due_ms says nothing new, but without it
 * all of the shelf would be walked. */
static const char LANES[] = SCHEMA_NAMES
    ", shelved(name, queued, due) AS (SELECT name,"
    "  EXISTS (SELECT 1 " PENDING "AND integration = name AND shelf = 1 AND due_ms = 0),"
    "  (SELECT min(due_ms) " PENDING
    "AND integration = name AND shelf = 2 AND due_ms > 0) FROM names WHERE name IS NOT NULL) "
    "SELECT name, max(queued), max(waiting), min(due) FROM (SELECT name, queued, due IS NOT NULL AS waiting, due FROM "
    "shelved"
    "  UNION ALL SELECT DISTINCT integration, 1, 0, NULL FROM deliveries NOT INDEXED WHERE " SCHEMA_FRESH
    ") GROUP BY name";

int backlog_prepare(struct reader *rd, struct err *e)
{
    const struct sqlite_text texts[] = {{&rd->lanes, LANES}, {NULL, NULL}};
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

int backlog_lanes(struct reader *rd, struct store_read *r)
{
    size_t cap = 0;
    int rc;
    while ((rc = sqlite3_step(rd->lanes)) == SQLITE_ROW && (rc = add(rd->lanes, r, &cap)) == SQLITE_OK)
        ;
    sqlite_done(rd->lanes);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}
