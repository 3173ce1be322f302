/*
 * fuzz_text: the small texts that core/ reads and writes: durations, times, HTTP dates, ids, base64, UTF-8, names that
 * were mistyped. What is read is written and read again; where there is another way to the result, both are gone.
 */
#include "core/base64.h"
#include "core/nearest.h"
#include "core/units.h"
#include "core/utf8.h"
#include "core/uuid.h"
#include "fuzz.h"
#include "rfc8259.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

static const int64_t now_ms = 1795000000000, ten_years_ms = 3650LL * 86400 * 1000;
static const int64_t first_ms = -62167219200000, last_ms = 253402300799999; /* the years 0 to 9999 */

static void try_duration(struct bytes text)
{
    int64_t ms, again;
    char out[32];
    if (units_parse_duration(text, &ms) != 0)
        return;
    FUZZ_CHECK(ms >= 0 && ms <= ten_years_ms);
    units_format_duration(ms, out);
    FUZZ_CHECK(units_parse_duration(bytes_of(out), &again) == 0 && again == ms);
}

static void try_time(struct bytes text)
{
    int64_t ms, again;
    char out[UNITS_TIME_SIZE];
    if (units_parse_time(text, now_ms, &ms) != 0)
        return;
    if (ms < first_ms || ms > last_ms) {
        FUZZ_CHECK(ms > first_ms - 86400000 && ms < last_ms + 86400000 + 1000); /* a zone's offset */
        return;
    }
    units_format_time(ms, out);
    FUZZ_CHECK(units_parse_time(bytes_of(out), now_ms, &again) == 0 && again == ms);
}

/* The C library writes it, we read it: in each of the three forms. */
static void try_written_date(struct bytes text)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    uint32_t n;
    char out[64];
    int64_t got;
    if (text.len < sizeof n)
        return;
    memcpy(&n, text.data, sizeof n);
    time_t t = (time_t)n;
    struct tm tm;
    gmtime_r(&t, &tm);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (i == 1 && tm.tm_year >= 170)
            continue; /* two digits do not say 2070 */
        size_t len = strftime(out, sizeof out, forms[i], &tm);
        FUZZ_CHECK(units_parse_http_date((struct bytes){out, len}, &got) == 0 && got == (int64_t)n * 1000);
        FUZZ_CHECK(units_parse_retry_after((struct bytes){out, len}, got - 1500) == 1500);
        FUZZ_CHECK(units_parse_retry_after((struct bytes){out, len}, got + 1500) == 0);
    }
}

static void try_http_date(struct bytes text)
{
    int64_t ms;
    if (units_parse_http_date(text, &ms) == 0)
        FUZZ_CHECK(ms >= first_ms && ms <= last_ms + 1000 && ms % 1000 == 0);
    FUZZ_CHECK(units_parse_retry_after(text, now_ms) >= -1);
}

static void try_uuid(struct bytes text)
{
    struct uuid u;
    char out[UUID_TEXT_SIZE];
    if (uuid_parse(text, &u) != 0)
        return;
    uuid_format(&u, out);
    FUZZ_CHECK(text.len == UUID_TEXT_SIZE - 1);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        FUZZ_CHECK((c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) == out[i]);
    }
}

static int digit_of(char c, enum base64_alphabet alphabet)
{
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const char *at = strchr(all, c);
    if (c == (alphabet == BASE64_URL ? '-' : '+'))
        return 62;
    if (c == (alphabet == BASE64_URL ? '_' : '/'))
        return 63;
    return c == '\0' || at == NULL ? -1 : (int)(at - all);
}

static void try_base64(struct bytes text, enum base64_alphabet alphabet, size_t lead)
{
    size_t size = base64_size(lead + text.len), bits = 0, n = 0;
    char *out = malloc(size + 1);
    FUZZ_CHECK(out != NULL && base64_encode(out, text, lead, alphabet) == size && size % 4 == 0);
    uint32_t kept = 0;
    for (size_t i = 0; i < size && out[i] != '='; i++) {
        FUZZ_CHECK(digit_of(out[i], alphabet) >= 0);
        kept = kept << 6 | (uint32_t)digit_of(out[i], alphabet);
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        FUZZ_CHECK((char)(kept >> bits) == (n < lead ? 0 : text.data[n - lead]));
        n++;
    }
    FUZZ_CHECK(n == lead + text.len && (kept & ((1u << bits) - 1)) == 0);
    free(out);
}

static void try_utf8(struct bytes text)
{
    size_t good = utf8_valid_prefix(text), count = 0;
    FUZZ_CHECK(good == rfc8259_utf8(text));
    for (size_t i = 0; i < good; i++)
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    FUZZ_CHECK(utf8_count((struct bytes){text.data, good}) == count);
}

/* The text's lines: what was typed, and the names there are. */
static void try_nearest(struct bytes text)
{
    enum { NAMES = 8, NAME_SIZE = 80 };
    static char words[NAMES][NAME_SIZE];
    const char *names[NAMES];
    size_t count = 0;
    struct bytes line;
    while (count < NAMES && bytes_next_line(&text, &line)) {
        size_t len = line.len < NAME_SIZE ? line.len : NAME_SIZE - 1;
        if (len > 0)
            memcpy(words[count], line.data, len);
        words[count][len] = '\0';
        names[count] = words[count];
        count++;
    }
    if (count < 2)
        return;
    const char *found = nearest(names[0], names + 1, count - 1);
    bool is_one = found == NULL, typed_right = false;
    for (size_t i = 1; i < count; i++) {
        is_one |= found == names[i];
        typed_right |= strcmp(names[i], names[0]) == 0 && *names[i] != '\0' && strlen(names[i]) <= 64;
    }
    FUZZ_CHECK(is_one);
    FUZZ_CHECK(!typed_right || (found != NULL && strcasecmp(found, names[0]) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes text = {(const char *)input, size};
    try_duration(text);
    try_time(text);
    try_http_date(text);
    try_written_date(text);
    try_uuid(text);
    for (size_t lead = 0; lead < 3; lead++)
        try_base64(text, size % 2 == 0 ? BASE64_STANDARD : BASE64_URL, lead);
    try_utf8(text);
    try_nearest(text);
    return 0;
}
