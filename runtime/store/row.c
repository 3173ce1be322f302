#include "store/row.h"

#include "store/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes row_bytes(sqlite3_stmt *st, int column)
{
    const char *data = sqlite3_column_blob(st, column);
    return (struct bytes){.data = data, .len = (size_t)sqlite3_column_bytes(st, column)};
}

int row_copy(sqlite3_stmt *st, int column, struct arena **a, struct bytes *out)
{
    struct bytes v = row_bytes(st, column);
    return arena_copy(a, v.data, v.len, out);
}

struct uuid row_uuid(sqlite3_stmt *st, int column)
{
    struct uuid id = {{0}};
    struct bytes v = row_bytes(st, column);
    if (v.len == UUID_SIZE)
        memcpy(id.b, v.data, UUID_SIZE);
    return id;
}

static int texts(sqlite3_stmt *st, struct arena **a, struct store_delivery *out)
{
    bool request = sqlite3_column_count(st) > ROW_REQUEST;
    if (row_copy(st, ROW_MESSAGE, a, &out->message) != 0 || row_copy(st, ROW_WEBHOOK, a, &out->webhook) != 0 ||
        row_copy(st, ROW_INTEGRATION, a, &out->integration) != 0 ||
        (request && row_copy(st, ROW_REQUEST, a, &out->request) != 0))
        return SQLITE_NOMEM;
    return SQLITE_OK;
}

int row_read(sqlite3_stmt *st, struct arena **a, struct store_delivery *out)
{
    *out = (struct store_delivery){
        .seq = sqlite3_column_int64(st, ROW_SEQ),
        .id = row_uuid(st, ROW_ID),
        .event_seq = sqlite3_column_int64(st, ROW_EVENT),
        .state = (enum delivery_state)sqlite3_column_int(st, ROW_STATE),
        .attempts = sqlite3_column_int(st, ROW_ATTEMPTS),
        .tries = sqlite3_column_int(st, ROW_TRIES),
        .created_ms = sqlite3_column_int64(st, ROW_CREATED),
        .first_ms = sqlite3_column_int64(st, ROW_FIRST),
        .due_ms = sqlite3_column_int64(st, ROW_DUE),
        .finished_ms = sqlite3_column_int64(st, ROW_FINISHED),
        .status = sqlite3_column_int(st, ROW_STATUS),
        .error = (enum attempt_error)sqlite3_column_int(st, ROW_ERROR),
        .script = sqlite3_column_count(st) > ROW_SCRIPT ? sqlite3_column_int64(st, ROW_SCRIPT) : 0,
        .run = sqlite3_column_int64(st, ROW_RUN),
        .step = sqlite3_column_int(st, ROW_STEP),
    };
    return texts(st, a, out);
}

static struct buf as_buf(struct bytes v)
{
    return (struct buf){.data = (char *)v.data, .len = v.len};
}

int row_attempt(sqlite3_stmt *st, int first, bool with_body, struct arena **a, struct attempt *out)
{
    struct bytes headers, body = {NULL, 0};
    *out = (struct attempt){
        .number = (int)(sqlite3_column_int64(st, first) % SCHEMA_ATTEMPTS_PER_DELIVERY),
        .started_ms = sqlite3_column_int64(st, first + 1),
        .duration_us = sqlite3_column_int64(st, first + 2),
        .status = sqlite3_column_int(st, first + 3),
        .error = (enum attempt_error)sqlite3_column_int(st, first + 4),
        .class = (enum attempt_class)sqlite3_column_int(st, first + 5),
        .retry_after_ms = -1,
        .truncated = !with_body || sqlite3_column_int(st, first + 6) != 0,
    };
    attempt_set_message(out, row_bytes(st, first + 7));
    if (row_copy(st, first + 8, a, &headers) != 0 || (with_body && row_copy(st, first + 9, a, &body) != 0))
        return SQLITE_NOMEM;
    out->headers = as_buf(headers);
    out->body = as_buf(body);
    return SQLITE_OK;
}

int row_grow(void **items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return SQLITE_OK;
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void *p = realloc(*items, more * size);
    if (p == NULL)
        return SQLITE_NOMEM;
    *items = p;
    *cap = more;
    return SQLITE_OK;
}

int row_add(sqlite3_stmt *st, struct store_read *r, size_t *cap)
{
    void *rows = r->rows;
    int rc = row_grow(&rows, r->count, cap, sizeof *r->rows);
    r->rows = rows;
    if (rc == SQLITE_OK)
        rc = row_read(st, &r->arena, &r->rows[r->count]);
    if (rc == SQLITE_OK)
        r->count++;
    return rc;
}
