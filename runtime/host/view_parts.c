#include "host/view_parts.h"

#include "core/request.h"
#include "script/generation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void view_append_id(struct buf *out, const struct uuid *id)
{
    static const struct uuid none;
    char text[1 + UUID_TEXT_SIZE] = "\"";
    if (memcmp(id, &none, sizeof none) == 0) {
        buf_append_str(out, "null");
        return;
    }
    uuid_format(id, text + 1);
    text[UUID_TEXT_SIZE] = '"'; /* over the NUL */
    buf_append(out, text, sizeof text);
}

void view_put_id(struct json_write *w, const char *key, const struct uuid *id)
{
    json_write_raw(w, key, (struct bytes){0});
    view_append_id(w->out, id);
}

void view_put_text(struct json_write *w, const char *key, struct bytes text)
{
    if (text.len > 0)
        json_write_bytes(w, key, text);
    else
        json_write_null(w, key);
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

/* "headers": [{"name", "value"}], of "Name: value\n" lines. */
static void put_headers(struct json_write *w, struct bytes lines)
{
    json_write_array(w, "headers");
    struct bytes line;
    while (bytes_next_line(&lines, &line))
        put_header(w, line);
    json_write_end(w);
}

void view_put_answer(struct json_write *w, const struct attempt *a)
{
    put_headers(w, buf_view(&a->headers));
    json_write_bytes(w, "body", buf_view(&a->body));
    json_write_bool(w, "truncated", a->truncated);
}

void view_put_next(struct json_write *w, bool more, int64_t before_seq)
{
    char cursor[24];
    snprintf(cursor, sizeof cursor, "%" PRId64, before_seq);
    json_write_str(w, "next", more ? cursor : NULL);
}

void view_put_error(struct json_write *w, enum attempt_error error, struct bytes message)
{
    if (error == ATTEMPT_OK) {
        json_write_null(w, "error");
        return;
    }
    json_write_object(w, "error");
    json_write_str(w, "kind", attempt_error_name(error));
    json_write_bytes(w, "message", message);
    json_write_end(w);
}

/* Of the text the first `most` bytes; 0: all. */
static void put_text(struct json_write *w, const char *key, const struct request_view_text *text, size_t most)
{
    struct buf b;
    buf_init(&b);
    request_masked(&b, text);
    if (most != 0 && b.len > most)
        b.len = most;
    json_write_bytes(w, key, buf_view(&b));
    buf_fini(&b);
}

void view_put_response(struct json_write *w, const struct attempt *a)
{
    if (a->status == 0) {
        json_write_null(w, "response");
        return;
    }
    json_write_object(w, "response");
    view_put_answer(w, a);
    json_write_end(w);
}

void view_put_counts(struct json_write *w, const struct generation *g)
{
    json_write_int(w, "integrations", (int64_t)generation_integration_count(g));
    json_write_int(w, "webhooks", (int64_t)generation_webhook_count(g));
    json_write_int(w, "flows", (int64_t)generation_flow_count(g));
}

void view_put_request(struct json_write *w, struct bytes stored, const char *headers, const char *body, size_t most)
{
    struct request_view v;
    if (request_view_read(&v, stored, NULL) != 0)
        return;
    json_write_bytes(w, "method", v.method);
    put_text(w, "url", &v.url, 0);
    json_write_array(w, headers);
    for (size_t i = 0; i < v.header_count; i++) {
        json_write_object(w, NULL);
        json_write_bytes(w, "name", v.headers[i].name);
        put_text(w, "value", &v.headers[i].value, 0);
        json_write_end(w);
    }
    json_write_end(w);
    if (v.options.flags & REQUEST_HAS_BODY)
        put_text(w, body, &v.body, most);
    else
        json_write_null(w, body);
}
