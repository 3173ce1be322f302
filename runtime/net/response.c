#include "net/response.h"

#include "core/secrets.h"
#include "core/units.h"

#include <string.h>

static struct bytes without_line_end(struct bytes line)
{
    while (line.len > 0 && (line.data[line.len - 1] == '\r' || line.data[line.len - 1] == '\n'))
        line.len--;
    return line;
}

int response_header_line(struct attempt *a, struct bytes line)
{
    line = without_line_end(line);
    if (line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        buf_clear(&a->headers);
        buf_clear(&a->body);
        return 0;
    }
    if (line.len == 0 || memchr(line.data, ':', line.len) == NULL)
        return 0;
    if (a->headers.len + line.len + 1 > RESPONSE_HEADERS_CAP) {
        a->truncated = true;
        return 0;
    }
    if (buf_append_bytes(&a->headers, line) != 0)
        return -1;
    return buf_append_char(&a->headers, '\n');
}

int response_body(struct attempt *a, size_t cap, struct bytes piece)
{
    size_t room = cap - a->body.len;
    if (buf_append(&a->body, piece.data, piece.len < room ? piece.len : room) != 0)
        return -1;
    if (piece.len <= room)
        return 0;
    a->truncated = true;
    return 1;
}

void response_end(struct attempt *a, const struct secrets *secrets, int64_t now_ms)
{
    struct bytes retry_after = attempt_header(a, "Retry-After");
    a->retry_after_ms = retry_after.len > 0 ? units_parse_retry_after(retry_after, now_ms) : -1;
    if (secrets == NULL)
        return;
    (void)secrets_mask(secrets, a->headers.data, a->headers.len);
    (void)secrets_mask(secrets, a->body.data, a->body.len);
    (void)secrets_mask(secrets, a->message, strlen(a->message));
}
