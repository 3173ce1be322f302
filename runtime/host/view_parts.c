#include "host/view_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void view_put_id(struct json_write *w, const char *key, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    json_write_str(w, key, text);
}

void view_put_status(struct json_write *w, int status)
{
    if (status == 0)
        json_write_null(w, "status");
    else
        json_write_int(w, "status", status);
}

/* One "Name: value" line. */
static void put_header(struct json_write *w, struct bytes line)
{
    const char *colon = memchr(line.data, ':', line.len);
    size_t name_len = colon == NULL ? line.len : (size_t)(colon - line.data);
    size_t at = colon == NULL ? line.len : name_len + 1;
    while (at < line.len && line.data[at] == ' ')
        at++;
    json_write_object(w, NULL);
    json_write_bytes(w, "name", (struct bytes){line.data, name_len});
    json_write_bytes(w, "value", (struct bytes){line.data + at, line.len - at});
    json_write_end(w);
}

void view_put_headers(struct json_write *w, struct bytes lines)
{
    json_write_array(w, "headers");
    while (lines.len > 0) {
        const char *end = memchr(lines.data, '\n', lines.len);
        size_t len = end == NULL ? lines.len : (size_t)(end - lines.data);
        put_header(w, (struct bytes){lines.data, len});
        size_t step = end == NULL ? len : len + 1;
        lines = (struct bytes){lines.data + step, lines.len - step};
    }
    json_write_end(w);
}

void view_put_next(struct json_write *w, bool more, int64_t before_seq)
{
    char cursor[24];
    snprintf(cursor, sizeof cursor, "%" PRId64, before_seq);
    json_write_str(w, "next", more ? cursor : NULL);
}
