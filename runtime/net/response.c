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

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

void response_begin(struct attempt *a)
{
    a->status = 0;
    a->truncated = a->headers_full = false;
    buf_clear(&a->headers);
    buf_clear(&a->body);
}

/* "HTTP/1.1 200 OK": libcurl has checked it. */
static int status_of(struct bytes line)
{
    const char *p = memchr(line.data, ' ', line.len);
    int status = 0;
    if (p == NULL)
        return 0;
    for (p++; p < line.data + line.len && *p >= '0' && *p <= '9' && status < 1000; p++)
        status = status * 10 + (*p - '0');
    return status >= 200 && status <= 999 ? status : 0;
}

/* RFC 9112 section 5.2: a line that begins with a space goes on with the one before. */
static void unfold(struct buf *headers, struct bytes *line)
{
    while (line->len > 0 && is_space(line->data[0])) {
        line->data++;
        line->len--;
    }
    headers->data[headers->len - 1] = ' ';
}

int response_header_line(struct attempt *a, struct bytes line)
{
    line = without_line_end(line);
    /* Once there is a final status, it is a header, of however strange a name. */
    if (a->status == 0 && line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        response_begin(a);
        a->status = status_of(line);
        return 0;
    }
    a->headers_full = a->headers_full || a->headers.len + line.len + 1 > RESPONSE_HEADERS_CAP;
    if (line.len == 0 || a->headers_full)
        return 0;
    if (is_space(line.data[0]) && a->headers.len > 0)
        unfold(&a->headers, &line);
    if (buf_append_bytes(&a->headers, line) != 0)
        return -1;
    return buf_append_char(&a->headers, '\n');
}

size_t response_margin(const struct secrets *secrets)
{
    size_t longest = secrets == NULL ? 0 : secrets_longest_form(secrets);
    return longest > RESPONSE_MARGIN_MIN ? longest : RESPONSE_MARGIN_MIN;
}

int response_body(struct attempt *a, size_t cap, size_t margin, struct bytes piece)
{
    size_t most = cap + margin, room = a->body.len < most ? most - a->body.len : 0; /* secrets may come and go */
    size_t kept = piece.len < room ? piece.len : room;
    if (buf_append(&a->body, piece.data, kept) != 0)
        return -1;
    a->truncated = a->body.len > cap;
    return kept < piece.len || kept == room ? 1 : 0;
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

void response_cut(struct attempt *a, size_t cap)
{
    if (a->body.len > cap)
        a->body.len = cap;
}
