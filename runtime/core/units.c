#include "core/units.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t DURATION_MAX_MS = 3650LL * 86400 * 1000;

/* What is left to read; a reader that fails leaves it where it was or anywhere: the caller gives up. */
struct cursor {
    const char *p, *end;
};

static struct cursor cursor_of(struct bytes text)
{
    const char *p = text.len == 0 ? "" : text.data;
    return (struct cursor){p, p + text.len};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool at_end(const struct cursor *c)
{
    return c->p == c->end;
}

static bool skip_char(struct cursor *c, char want)
{
    if (at_end(c) || *c->p != want)
        return false;
    c->p++;
    return true;
}

static bool skip_text(struct cursor *c, const char *want)
{
    size_t n = strlen(want);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, want, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* Exactly `width` digits. */
static bool read_fixed(struct cursor *c, int width, int *out)
{
    int n = 0;
    if (c->end - c->p < width)
        return false;
    for (int i = 0; i < width; i++, c->p++) {
        if (!is_digit(*c->p))
            return false;
        n = n * 10 + (*c->p - '0');
    }
    *out = n;
    return true;
}

/* Index of the name at the cursor, -1: none. */
static int read_name(struct cursor *c, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (skip_text(c, names[i]))
            return i;
    return -1;
}

/* ".123456" as millionths; a cursor at no '.' reads 0. False: a '.' without a digit after it. */
static bool read_fraction(struct cursor *c, int64_t *millionths)
{
    int64_t unit = 100000;
    *millionths = 0;
    if (!skip_char(c, '.'))
        return true;
    const char *first = c->p;
    for (; !at_end(c) && is_digit(*c->p); c->p++, unit /= 10)
        *millionths += unit * (*c->p - '0');
    return c->p > first;
}

static bool read_whole(struct cursor *c, int64_t *out)
{
    const char *first = c->p;
    *out = 0;
    for (; !at_end(c) && is_digit(*c->p); c->p++) {
        if (*out > DURATION_MAX_MS)
            return false;
        *out = *out * 10 + (*c->p - '0');
    }
    return c->p > first;
}

static const struct {
    const char *name;
    int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"ms", 1}, {"m", 60000}, {"s", 1000}};

/* The unit at the cursor in milliseconds; 0: none. */
static int64_t read_unit(struct cursor *c)
{
    for (size_t i = 0; i < sizeof duration_units / sizeof *duration_units; i++)
        if (skip_text(c, duration_units[i].name))
            return duration_units[i].ms;
    return 0;
}

int units_parse_duration(struct bytes text, int64_t *ms)
{
    struct cursor c = cursor_of(text);
    int64_t total = 0, previous = INT64_MAX;
    do {
        int64_t whole, millionths;
        bool first = previous == INT64_MAX;
        if (!read_whole(&c, &whole) || !read_fraction(&c, &millionths))
            return -1;
        int64_t unit = first && at_end(&c) ? MS_PER_S : read_unit(&c);
        /* Falling units only: "1h30m", but neither "30m1h" nor "5s5s". */
        if (unit == 0 || unit >= previous || whole > DURATION_MAX_MS / unit)
            return -1;
        total += whole * unit + (millionths * unit + 500000) / 1000000;
        previous = unit;
    } while (!at_end(&c) && total <= DURATION_MAX_MS);
    if (total > DURATION_MAX_MS)
        return -1;
    *ms = total;
    return 0;
}

static char *put_part(char *p, char *end, uint64_t n, const char *unit)
{
    if (n == 0)
        return p;
    int len = snprintf(p, (size_t)(end - p), "%llu%s", (unsigned long long)n, unit);
    return p + len;
}

static char *put_seconds(char *p, char *end, uint64_t ms)
{
    if (ms % 1000 == 0)
        return put_part(p, end, ms / 1000, "s");
    int len =
        snprintf(p, (size_t)(end - p), "%llu.%03llu", (unsigned long long)ms / 1000, (unsigned long long)ms % 1000);
    p += len;
    while (p[-1] == '0')
        p--;
    *p++ = 's';
    *p = '\0';
    return p;
}

void units_format_duration(int64_t ms, char out[32])
{
    char *p = out, *end = out + 32;
    uint64_t n = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        *p++ = '-';
    if (n < 1000) {
        snprintf(p, (size_t)(end - p), n == 0 ? "0s" : "%dms", (int)n);
        return;
    }
    p = put_part(p, end, n / 86400000, "d");
    p = put_part(p, end, n / 3600000 % 24, "h");
    p = put_part(p, end, n / 60000 % 60, "m");
    put_seconds(p, end, n % 60000);
}

static int month_days(int year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Checks the calendar, which timegm() would silently roll over. A leap second is the first second after it. */
static int to_wall_ms(int year, int month, int day, const int clock[3], int64_t *wall_ms)
{
    if (month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return -1;
    if (clock[0] > 23 || clock[1] > 59 || clock[2] > 60)
        return -1;
    struct tm tm = {
        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = clock[0], .tm_min = clock[1]};
    *wall_ms = ((int64_t)timegm(&tm) + clock[2]) * MS_PER_S;
    return 0;
}

/* "hh:mm:ss" */
static bool read_clock(struct cursor *c, int clock[3])
{
    return read_fixed(c, 2, &clock[0]) && skip_char(c, ':') && read_fixed(c, 2, &clock[1]) && skip_char(c, ':') &&
           read_fixed(c, 2, &clock[2]);
}

/* "Z", "+hh:mm", or nothing, as minutes east of UTC. */
static bool read_zone(struct cursor *c, int *minutes)
{
    int hours, rest;
    *minutes = 0;
    if (at_end(c) || skip_char(c, 'Z') || skip_char(c, 'z'))
        return true;
    bool west = skip_char(c, '-');
    if (!west && !skip_char(c, '+'))
        return false;
    if (!read_fixed(c, 2, &hours) || !skip_char(c, ':') || !read_fixed(c, 2, &rest) || hours > 23 || rest > 59)
        return false;
    *minutes = (hours * 60 + rest) * (west ? -1 : 1);
    return true;
}

static int parse_ago(struct bytes text, int64_t now_ms, int64_t *wall_ms)
{
    int64_t ago;
    if (units_parse_duration((struct bytes){text.data + 1, text.len - 1}, &ago) != 0)
        return -1;
    if (now_ms < INT64_MIN + ago)
        return -1;
    *wall_ms = now_ms - ago;
    return 0;
}

int units_parse_time(struct bytes text, int64_t now_ms, int64_t *wall_ms)
{
    struct cursor c = cursor_of(text);
    int year, month, day, clock[3] = {0}, zone = 0;
    int64_t millionths = 0, t;
    if (!at_end(&c) && *c.p == '-')
        return parse_ago(text, now_ms, wall_ms);
    if (!read_fixed(&c, 4, &year) || !skip_char(&c, '-') || !read_fixed(&c, 2, &month) || !skip_char(&c, '-') ||
        !read_fixed(&c, 2, &day))
        return -1;
    if (!at_end(&c)) {
        if (!skip_char(&c, 'T') && !skip_char(&c, 't') && !skip_char(&c, ' '))
            return -1;
        if (!read_clock(&c, clock) || !read_fraction(&c, &millionths) || !read_zone(&c, &zone) || !at_end(&c))
            return -1;
    }
    if (to_wall_ms(year, month, day, clock, &t) != 0)
        return -1;
    *wall_ms = t + millionths / 1000 - zone * 60 * MS_PER_S;
    return 0;
}

/* `width` digits and what stands behind them. Returns where the next goes. */
static char *put_fixed(char *out, unsigned n, int width, char after)
{
    for (int i = width; i-- > 0; n /= 10)
        out[i] = (char)('0' + n % 10);
    out[width] = after;
    return out + width + 1;
}

/* "2026-11-23T" for so many days after the first of March of the year -400. Years begin in March, so a leap day is the
 * last of its year, and the months up to it are of 31, 30, 31, 30, 31, … days: 153 in five. */
static char *put_date(char *out, unsigned days)
{
    unsigned in_400 = days % 146097, of_400 = days / 146097;
    unsigned year = (in_400 - in_400 / 1460 + in_400 / 36524 - in_400 / 146096) / 365;
    unsigned day = in_400 - (year * 365 + year / 4 - year / 100);
    unsigned month = (day * 5 + 2) / 153;
    day -= (month * 153 + 2) / 5;
    year += of_400 * 400 + (month >= 10) - 400;
    out = put_fixed(out, year, 4, '-');
    out = put_fixed(out, month < 10 ? month + 3 : month - 9, 2, '-');
    return put_fixed(out, day + 1, 2, 'T');
}

/* By hand: it stands in each line of the log, and the C library's ways take twenty times as long. */
void units_format_time(int64_t wall_ms, char out[UNITS_TIME_SIZE])
{
    static const int64_t first_ms = -62167219200000, last_ms = 253402300799999; /* the years 0 to 9999 */
    static const int64_t day_ms = 86400 * MS_PER_S, start_days = -719468 - 146097;
    wall_ms = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t since_ms = wall_ms - start_days * day_ms;
    unsigned ms = (unsigned)(since_ms % day_ms), s = ms / 1000;
    char *p = put_date(out, (unsigned)(since_ms / day_ms));
    p = put_fixed(p, s / 3600, 2, ':');
    p = put_fixed(p, s / 60 % 60, 2, ':');
    p = put_fixed(p, s % 60, 2, '.');
    p = put_fixed(p, ms % 1000, 3, 'Z');
    *p = '\0';
}

static const char *const months[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool read_month(struct cursor *c, int *month)
{
    *month = read_name(c, months, 12) + 1;
    return *month > 0;
}

/* "06 Nov 1994 " or, obsolete, "06-Nov-94 ". */
static bool read_http_day(struct cursor *c, char separator, int *year, int *month, int *day)
{
    bool old = separator == '-';
    if (!read_fixed(c, 2, day) || !skip_char(c, separator) || !read_month(c, month) || !skip_char(c, separator))
        return false;
    if (!read_fixed(c, old ? 2 : 4, year) || !skip_char(c, ' '))
        return false;
    if (old)
        *year += *year < 70 ? 2000 : 1900;
    return true;
}

/* "Nov  6 08:49:37 1994" */
static bool read_asctime(struct cursor *c, int *year, int *month, int *day, int clock[3])
{
    if (!skip_char(c, ' ') || !read_month(c, month) || !skip_char(c, ' '))
        return false;
    int width = skip_char(c, ' ') ? 1 : 2;
    return read_fixed(c, width, day) && skip_char(c, ' ') && read_clock(c, clock) && skip_char(c, ' ') &&
           read_fixed(c, 4, year);
}

int units_parse_http_date(struct bytes text, int64_t *wall_ms)
{
    /* Long names first: "Sun" would match the start of "Sunday". */
    static const char *const weekdays[14] = {"Monday",   "Tuesday", "Wednesday", "Thursday", "Friday",
                                             "Saturday", "Sunday",  "Mon",       "Tue",      "Wed",
                                             "Thu",      "Fri",     "Sat",       "Sun"};
    struct cursor c = cursor_of(text);
    int year, month, day, clock[3];
    int weekday = read_name(&c, weekdays, 14);
    bool ok;
    if (weekday < 0)
        return -1;
    if (skip_text(&c, ", "))
        ok = read_http_day(&c, weekday < 7 ? '-' : ' ', &year, &month, &day) && read_clock(&c, clock) &&
             skip_text(&c, " GMT");
    else
        ok = read_asctime(&c, &year, &month, &day, clock);
    if (!ok || !at_end(&c))
        return -1;
    return to_wall_ms(year, month, day, clock, wall_ms);
}

static struct bytes trimmed(struct bytes s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = (struct bytes){s.data + 1, s.len - 1};
    while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
        s.len--;
    return s;
}

int64_t units_parse_retry_after(struct bytes text, int64_t now_ms)
{
    struct bytes value = trimmed(text);
    int64_t n = 0, date;
    size_t i = 0;
    for (; i < value.len && is_digit(value.data[i]); i++)
        if (n <= DURATION_MAX_MS) /* more is the same: longer than anyone waits */
            n = n * 10 + (value.data[i] - '0');
    if (i > 0 && i == value.len)
        return n > DURATION_MAX_MS / MS_PER_S ? DURATION_MAX_MS : n * MS_PER_S;
    if (units_parse_http_date(value, &date) != 0)
        return -1;
    return date <= now_ms ? 0 : date - now_ms;
}
