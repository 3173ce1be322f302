#include "store/apply_form.h"

#include "core/json_write.h"
#include "store/row.h"

#include <string.h>

int apply_form_prepare(struct apply *a, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&a->add_form, "INSERT OR IGNORE INTO forms(name, form) VALUES (?1, ?2)"},
        {&a->last_events, "SELECT seq, body FROM events WHERE name = ?1 AND seq >= ifnull("
                          "(SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?2), 0) ORDER BY seq"},
        {&a->value_at, "SELECT json_type(?1, ?2), json_extract(?1, ?2)"},
        {NULL, NULL},
    };
    return sqlite_prepare(a->c, texts, e);
}

/* --- the key of one event ----------------------------------------------------------------------------------------- */

static size_t end_of(struct bytes path, size_t at, const char *stops)
{
    while (at < path.len && strchr(stops, path.data[at]) == NULL)
        at++;
    return at;
}

/* A path as flows write it (Order.Items[0].Id) as SQLite does ($.data."Order"."Items"[0]."Id"); one with a quote has
 * none. */
static bool put_place(struct buf *out, struct bytes path)
{
    if (path.len == 0 || memchr(path.data, '"', path.len) != NULL || memchr(path.data, '\0', path.len) != NULL)
        return false;
    buf_clear(out);
    buf_append_str(out, "$.data");
    for (size_t at = 0, end; at < path.len; at = end) {
        if (path.data[at] == '[') {
            end = end_of(path, at, "]");
            end += end < path.len;
            buf_append(out, path.data + at, end - at);
            continue;
        }
        at += path.data[at] == '.';
        end = end_of(path, at, ".[");
        buf_append_str(out, ".\"");
        buf_append(out, path.data + at, end - at);
        buf_append_char(out, '"');
    }
    return true;
}

static void put_text(struct buf *out, struct bytes text)
{
    buf_append_char(out, '"');
    (void)json_escape(out, text);
    buf_append_char(out, '"');
}

/* A whole number is one, however it is written. */
static void put_real(struct buf *out, double n)
{
    char text[32];
    if (n >= -9223372036854775808.0 && n < 9223372036854775808.0 && n == (double)(int64_t)n)
        buf_printf(out, "%lld", (long long)n);
    else if (json_number(text, n) == 0)
        buf_append_str(out, text);
}

static bool put_value(sqlite3_stmt *st, struct buf *out)
{
    struct bytes type = row_bytes(st, 0);
    if (bytes_equal(type, bytes_of("text")))
        put_text(out, row_bytes(st, 1));
    else if (bytes_equal(type, bytes_of("integer")))
        buf_append_bytes(out, row_bytes(st, 1));
    else if (bytes_equal(type, bytes_of("real")))
        put_real(out, sqlite3_column_double(st, 1));
    else if (bytes_equal(type, bytes_of("true")) || bytes_equal(type, bytes_of("false")))
        buf_append_bytes(out, type);
    else
        return false;
    return true;
}

/* What is no JSON to SQLite has no key. */
static int put_path(struct apply *a, struct bytes path, struct bytes envelope, struct buf *out, bool *found)
{
    sqlite3_stmt *st = a->value_at;
    *found = put_place(&a->place, path);
    if (!*found)
        return SQLITE_OK;
    if (buf_failed(&a->place))
        return SQLITE_NOMEM;
    sqlite_bind_bytes(st, 1, envelope);
    sqlite_bind_bytes(st, 2, buf_view(&a->place));
    buf_append_char(out, ',');
    put_text(out, path);
    buf_append_char(out, ',');
    int rc = sqlite3_step(st);
    *found = rc == SQLITE_ROW && put_value(st, out);
    sqlite_done(st);
    return rc == SQLITE_NOMEM ? rc : SQLITE_OK;
}

int apply_form_key(struct apply *a, struct bytes name, struct bytes form, struct bytes envelope, struct buf *out,
                   bool *found)
{
    int rc = SQLITE_OK;
    struct bytes path;
    *found = true;
    buf_append_char(out, '[');
    put_text(out, name);
    while (rc == SQLITE_OK && *found && bytes_next_line(&form, &path))
        rc = put_path(a, path, envelope, out, found);
    buf_append_char(out, ']');
    return buf_failed(out) ? SQLITE_NOMEM : rc;
}

/* --- a new form --------------------------------------------------------------------------------------------------- */

static int note_event(struct apply *a, struct bytes name, struct bytes form, int64_t seq, struct bytes envelope)
{
    bool found;
    buf_clear(&a->key);
    int rc = apply_form_key(a, name, form, envelope, &a->key, &found);
    if (rc != SQLITE_OK || !found)
        return rc;
    sqlite_bind_bytes(a->add_arrival, 1, buf_view(&a->key));
    sqlite3_bind_int64(a->add_arrival, 2, seq);
    return sqlite_run(a->add_arrival);
}

static int look_back(struct apply *a, struct bytes name, struct bytes form)
{
    sqlite3_stmt *st = a->last_events;
    int rc;
    sqlite_bind_bytes(st, 1, name);
    sqlite3_bind_int(st, 2, APPLY_FORM_BACK);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW &&
           (rc = note_event(a, name, form, sqlite3_column_int64(st, 0), row_bytes(st, 1))) == SQLITE_OK)
        ;
    sqlite_done(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int apply_form_add(struct apply *a, struct bytes name, struct bytes form)
{
    sqlite_bind_bytes(a->add_form, 1, name);
    sqlite_bind_bytes(a->add_form, 2, form);
    int rc = sqlite_run(a->add_form);
    return rc == SQLITE_OK && sqlite3_changes(a->c->db) > 0 ? look_back(a, name, form) : rc;
}
