#include "core/json_write.h"

#include "core/json_plain.h"
#include "core/units.h"
#include "core/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char REPLACEMENT[] = "\xEF\xBF\xBD";

static void escape_one(struct buf *out, unsigned char c)
{
    static const char names[32] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    char short_form[2] = {'\\', (char)c};
    char long_form[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    if (c < 0x20 && names[c] == 0) {
        buf_append(out, long_form, sizeof long_form);
        return;
    }
    if (c < 0x20)
        short_form[1] = names[c];
    buf_append(out, short_form, sizeof short_form);
}

static void escape_valid(struct buf *out, struct bytes s)
{
    size_t run = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, s.data + run, i - run);
        escape_one(out, c);
        run = i + 1;
    }
    if (run < s.len)
        buf_append(out, s.data + run, s.len - run);
}

static uint64_t word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static uint32_t half_word(const char *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

static bool is_plain_short(struct bytes s)
{
    if (s.len >= 4)
        return json_special_bits(half_word(s.data) | (uint64_t)half_word(s.data + s.len - 4) << 32) == 0;
    for (size_t i = 0; i < s.len; i++)
        if (!json_plain(s.data[i]))
            return false;
    return true;
}

/* Whether it needs nothing: ASCII without quotes, backslashes and control characters. Eight bytes at a time; some of
 * the last eight may be looked at twice. */
static bool is_plain(struct bytes s)
{
    if (s.len < 8)
        return is_plain_short(s);
    for (size_t i = 0; i + 8 < s.len; i += 8)
        if (json_special_bits(word(s.data + i)) != 0)
            return false;
    return json_special_bits(word(s.data + s.len - 8)) == 0;
}

int json_escape(struct buf *out, struct bytes s)
{
    if (is_plain(s))
        return buf_append_bytes(out, s);
    if (utf8_valid_prefix(s) != s.len || buf_reserve(out, s.len) != 0)
        return -1;
    escape_valid(out, s);
    return buf_failed(out) ? -1 : 0;
}

static void escape_lenient(struct buf *out, struct bytes s)
{
    while (s.len > 0) {
        size_t good = utf8_valid_prefix(s);
        escape_valid(out, (struct bytes){s.data, good});
        if (good == s.len)
            return;
        buf_append(out, REPLACEMENT, sizeof REPLACEMENT - 1);
        s = (struct bytes){s.data + good + 1, s.len - good - 1};
    }
}

void json_quote(struct buf *out, struct bytes s)
{
    if (!is_plain(s)) {
        buf_append_char(out, '"');
        escape_lenient(out, s);
        buf_append_char(out, '"');
    } else if (buf_reserve(out, s.len + 2) == 0) {
        char *p = out->data + out->len;
        *p = '"';
        if (s.len > 0)
            memcpy(p + 1, s.data, s.len);
        p[s.len + 1] = '"';
        out->len += s.len + 2;
    }
}

/*
 * The short decimals that payloads are made of, without the C library's conversions: a whole number of at most 15
 * digits, divided by a power of ten that a double holds exactly, is rounded as reading its text would be.
 */
static bool short_decimal(char *out, double n)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
    double size = fabs(n);
    if (!(size < 1e15) || (size < 1e-4 && size > 0) || (size == 0 && signbit(n)))
        return false;
    for (int k = 0; k < 9 && size * powers[k] < 1e15; k++) {
        uint64_t digits = (uint64_t)(size * powers[k] + 0.5);
        if ((double)digits / powers[k] != size)
            continue;
        char text[24], *end = text + sizeof text, *p = end;
        if (k == 0)
            *--p = '0', *--p = '.';
        for (int i = 0; i <= k || digits > 0; i++, digits /= 10) {
            if (i == k && k > 0)
                *--p = '.';
            *--p = (char)('0' + digits % 10);
        }
        if (signbit(n))
            *--p = '-';
        memcpy(out, p, (size_t)(end - p));
        out[end - p] = '\0';
        return true;
    }
    return false;
}

int json_number(char *out, double n)
{
    if (!isfinite(n))
        return -1;
    if (short_decimal(out, n))
        return 0;
    /* 15 digits are enough for every short decimal, except below DBL_MIN, where fewer hold. */
    int digits = fabs(n) < DBL_MIN ? 1 : 15;
    do
        snprintf(out, 32, "%.*g", digits, n);
    while (digits++ < 17 && strtod(out, NULL) != n);
    char *comma = strchr(out, ','); /* a library may have set the locale */
    if (comma != NULL)
        *comma = '.';
    if (strpbrk(out, ".e") == NULL)
        memcpy(out + strlen(out), ".0", 3);
    return 0;
}

void json_write_init(struct json_write *w, struct buf *out)
{
    *w = (struct json_write){.out = out};
}

static void begin_value(struct json_write *w, const char *key)
{
    if (w->depth > 0) {
        bool *comma = &w->comma[w->depth - 1];
        if (*comma)
            buf_append_char(w->out, ',');
        *comma = true;
    }
    if (key == NULL)
        return;
    json_quote(w->out, bytes_of(key));
    buf_append_char(w->out, ':');
}

static void open_container(struct json_write *w, const char *key, char opener, char closer)
{
    if (w->depth == JSON_WRITE_DEPTH) { /* a bug of the caller: shown as a failed buffer, never as wrong JSON */
        w->out->failed = true;
        return;
    }
    begin_value(w, key);
    buf_append_char(w->out, opener);
    w->closer[w->depth] = closer;
    w->comma[w->depth] = false;
    w->depth++;
}

void json_write_object(struct json_write *w, const char *key)
{
    open_container(w, key, '{', '}');
}

void json_write_array(struct json_write *w, const char *key)
{
    open_container(w, key, '[', ']');
}

void json_write_end(struct json_write *w)
{
    if (w->depth == 0) {
        w->out->failed = true;
        return;
    }
    w->depth--;
    buf_append_char(w->out, w->closer[w->depth]);
}

void json_write_str(struct json_write *w, const char *key, const char *s)
{
    if (s == NULL)
        json_write_null(w, key);
    else
        json_write_bytes(w, key, bytes_of(s));
}

void json_write_bytes(struct json_write *w, const char *key, struct bytes s)
{
    begin_value(w, key);
    json_quote(w->out, s);
}

void json_write_int(struct json_write *w, const char *key, int64_t n)
{
    begin_value(w, key);
    buf_append_int(w->out, n);
}

void json_write_double(struct json_write *w, const char *key, double n)
{
    char text[32];
    begin_value(w, key);
    buf_append_str(w->out, json_number(text, n) == 0 ? text : "null");
}

void json_write_bool(struct json_write *w, const char *key, bool v)
{
    begin_value(w, key);
    buf_append_str(w->out, v ? "true" : "false");
}

void json_write_null(struct json_write *w, const char *key)
{
    begin_value(w, key);
    buf_append(w->out, "null", 4);
}

void json_write_time(struct json_write *w, const char *key, int64_t wall_ms)
{
    char text[UNITS_TIME_SIZE];
    if (wall_ms == 0) {
        json_write_null(w, key);
        return;
    }
    units_format_time(wall_ms, text);
    json_write_str(w, key, text);
}

void json_write_lines(struct json_write *w, const char *key, struct bytes text)
{
    json_write_array(w, key);
    struct bytes line;
    while (bytes_next_line(&text, &line))
        json_write_bytes(w, NULL, line);
    json_write_end(w);
}

void json_write_raw(struct json_write *w, const char *key, struct bytes text)
{
    begin_value(w, key);
    buf_append_bytes(w->out, text);
}
