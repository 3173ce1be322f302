/*
 * fuzz_headers: the head of an answer and its body as the transport hands them on, line by line and piece by piece. An
 * input is a byte for the cap of the body, the lines, a line "%%", and the body. A line "~" and a byte stands for a
 * header of that many KiB, so that the cap of the head is reached.
 */
#include "core/units.h"
#include "fuzz.h"
#include "net/response.h"

#include <stdlib.h>
#include <time.h>

enum { KIB = 1024, TEN_YEARS_S = 3650 * 86400 };

static const int64_t now_ms = 1795000000000; /* 2026-11-18 */

/* --- Retry-After, read another way ------------------------------------------------------------------------------ */

/* The three forms of RFC 9110 section 5.6.7, as the C library reads them; it takes more, so it only says no. */
static bool may_be_date(const char *text)
{
    static const char *const forms[] = {"%a, %d %b %Y %T GMT", "%A, %d-%b-%y %T GMT", "%a %b %e %T %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end != NULL && *end == '\0')
            return true;
    }
    return false;
}

static void check_retry_after(struct bytes value, int64_t got)
{
    char text[64];
    FUZZ_CHECK(got >= -1);
    if (value.len == 0 || value.len >= sizeof text) {
        FUZZ_CHECK(value.len > 0 || got == -1);
        return;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    if (bytes_only(value, "0123456789")) {
        double wanted_s = strtod(text, NULL);
        FUZZ_CHECK((double)got == (wanted_s > TEN_YEARS_S ? TEN_YEARS_S : wanted_s) * 1000.);
    } else if (got != -1)
        FUZZ_CHECK(may_be_date(text));
}

/* --- the head --------------------------------------------------------------------------------------------------- */

static void feed_line(struct attempt *a, struct bytes line)
{
    static char big[256 * KIB];
    int before = a->status;
    size_t kept = a->headers.len;
    bool full = a->headers_full;
    if (line.len >= 2 && line.data[0] == '~') {
        if (big[0] == '\0')
            memset(big, 'x', sizeof big);
        line = (struct bytes){big, KIB * (size_t)(unsigned char)line.data[1]};
    }
    FUZZ_CHECK(response_header_line(a, line) == 0);
    FUZZ_CHECK(a->status == 0 || (a->status >= 200 && a->status <= 999));
    FUZZ_CHECK(!full || a->headers.len == kept || a->headers.len == 0);
    FUZZ_CHECK(before == 0 || a->status == before); /* nothing in the head of an answer undoes its status */
}

static void check_headers(const struct attempt *a)
{
    struct bytes rest = buf_view(&a->headers), line;
    FUZZ_CHECK(rest.len <= RESPONSE_HEADERS_CAP);
    FUZZ_CHECK(rest.len == 0 || rest.data[rest.len - 1] == '\n');
    while (bytes_next_line(&rest, &line))
        FUZZ_CHECK(line.len > 0 && line.data[line.len - 1] != '\r');
}

static void try_head(struct attempt *a, struct bytes head)
{
    response_begin(a);
    while (head.len > 0) {
        const char *end = memchr(head.data, '\n', head.len);
        feed_line(a, fuzz_take(&head, end == NULL ? head.len : (size_t)(end - head.data) + 1));
    }
    check_headers(a);
}

/* --- the body --------------------------------------------------------------------------------------------------- */

static void try_body(struct attempt *a, size_t cap, struct bytes body)
{
    struct bytes rest = body;
    size_t given = 0;
    int rc = 0;
    for (size_t n = 1; rest.len > 0 && rc == 0; n = n * 2 + 1) {
        struct bytes piece = fuzz_take(&rest, n);
        rc = response_body(a, cap, RESPONSE_MARGIN_MIN, piece);
        given += piece.len;
    }
    FUZZ_CHECK(rc == 0 || rc == 1);
    FUZZ_CHECK(a->truncated == (given > cap));
    response_cut(a, cap);
    struct bytes want = {body.data, given < cap ? given : cap};
    FUZZ_CHECK(bytes_equal(buf_view(&a->body), want));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct attempt a;
    struct bytes rest = {(const char *)input, size};
    size_t cap = fuzz_byte(&rest);
    struct bytes head = fuzz_part(&rest);
    try_head(&a, head);
    response_end(&a, NULL, now_ms);
    check_retry_after(attempt_header(&a, "retry-after"), a.retry_after_ms);
    try_body(&a, cap, rest);
    return 0;
}
