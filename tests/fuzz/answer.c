#include "answer.h"

#include "fuzz.h"

#include <stdlib.h>
#include <strings.h>

struct bytes answer_header(const struct answer *a, const char *name)
{
    struct bytes line, rest = a->head;
    size_t len = strlen(name);
    while (bytes_next_line(&rest, &line))
        if (line.len > len + 2 && line.data[len] == ':' && strncasecmp(line.data, name, len) == 0)
            return (struct bytes){line.data + len + 2, line.len - len - 3};
    return bytes_of("");
}

/* libmicrohttpd 0.9.75 sends the head twice where it refuses a request itself, and closes. */
static bool is_doubled(const struct answer *a, struct bytes rest)
{
    return a->status >= 400 && rest.len >= a->head.len && memcmp(rest.data, a->head.data, a->head.len) == 0 &&
           answer_header(a, "Content-Type").len == 0;
}

struct answer answer_take(struct bytes *rest, bool heads)
{
    struct answer a = {.body = bytes_of("")};
    const char *end = memmem(rest->data, rest->len, "\r\n\r\n", 4);
    if (rest->len < 12 || memcmp(rest->data, "HTTP/1.", 7) != 0 || end == NULL)
        fuzz_fail("no HTTP: %.*s", (int)rest->len, rest->data);
    a.head = fuzz_take(rest, (size_t)(end + 4 - rest->data));
    a.status = atoi(a.head.data + 9);
    FUZZ_CHECK(a.status == 100 || (a.status >= 200 && a.status <= 599));
    if (a.status == 100)
        return a;
    struct bytes length = answer_header(&a, "Content-Length");
    FUZZ_CHECK(length.len > 0 && bytes_only(length, "0123456789"));
    if (is_doubled(&a, *rest))
        (void)fuzz_take(rest, a.head.len);
    size_t n = strtoul(length.data, NULL, 10);
    a.bodiless = n > 0 && (rest->len < n || (rest->len >= 7 && memcmp(rest->data, "HTTP/1.", 7) == 0));
    if (a.bodiless)
        FUZZ_CHECK(heads && (rest->len == 0 || memcmp(rest->data, "HTTP/", 5) == 0));
    else
        a.body = fuzz_take(rest, n);
    return a;
}
