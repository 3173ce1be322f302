#include "core/log.h"

#include "core/json_write.h"
#include "core/pulse.h"
#include "core/secrets.h"
#include "core/units.h"
#include "core/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GATHERED_MAX = 65536 };
static const int64_t LAST_WORDS_NS = NS_PER_S;

/* `json`: what stands between the time and the event. */
#define JSON_LEVEL(name) "Z\",\"level\":\"" name "\",\"event\":\""
static const struct {
    const char *text, *json, *color;
} levels[] = {
    [LOG_DEBUG] = {"DEBUG", JSON_LEVEL("debug"), "\033[2m"},
    [LOG_INFO] = {"INFO ", JSON_LEVEL("info"), "\033[32m"},
    [LOG_WARN] = {"WARN ", JSON_LEVEL("warn"), "\033[33m"},
    [LOG_ERROR] = {"ERROR", JSON_LEVEL("error"), "\033[31m"},
};

static const char PLAIN[] = "\033[0m";

static int64_t system_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

void log_init(struct log *l, int fd)
{
    bool terminal = isatty(fd) == 1;
    const char *asked = getenv("ANZOL_LOG"), *no_color = getenv("NO_COLOR");
    *l = (struct log){.level = LOG_INFO, .format = terminal ? LOG_TEXT : LOG_JSON};
    outlet_init(&l->outlet, fd);
    if (asked != NULL && strcmp(asked, "json") == 0)
        l->format = LOG_JSON;
    else if (asked != NULL && strcmp(asked, "text") == 0)
        l->format = LOG_TEXT;
    l->color = terminal && (no_color == NULL || *no_color == '\0'); /* no-color.org: set and not empty */
    buf_init(&l->out);
}

static bool left_out(const struct log_field *f)
{
    return f->kind == LOG_FIELD_STR && f->s.len == 0;
}

static bool is_text(enum log_field_kind kind)
{
    return kind == LOG_FIELD_STR || kind == LOG_FIELD_BYTES;
}

static bool is_control(const unsigned char *p, size_t left)
{
    /* U+0080 to U+009F steer some terminals as ESC sequences do. */
    return p[0] < 0x20 || p[0] == 0x7F || (p[0] == 0xC2 && left > 1 && p[1] < 0xA0);
}

static bool needs_quotes(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char *p = (const unsigned char *)s.data + i;
        if (*p == ' ' || *p == '"' || *p == '\\' || *p == '=' || is_control(p, s.len - i))
            return true;
    }
    return s.len == 0 || utf8_valid_prefix(s) != s.len;
}

/* Length of the character at `p`; 0: it is not UTF-8. */
static size_t character(const unsigned char *p, size_t left)
{
    size_t n = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
    return n <= left && utf8_valid_prefix((struct bytes){(const char *)p, n}) == n ? n : 0;
}

static void put_quoted(struct buf *out, struct bytes s)
{
    size_t step;
    buf_append_char(out, '"');
    for (size_t i = 0; i < s.len; i += step) {
        const unsigned char *p = (const unsigned char *)s.data + i;
        step = character(p, s.len - i);
        if (*p == '\n')
            buf_append_str(out, "\\n");
        else if (*p == '"' || *p == '\\')
            buf_append(out, (char[]){'\\', (char)*p}, 2);
        else if (step == 0 || is_control(p, s.len - i))
            buf_printf(out, "\\x%02x", step == 2 ? p[1] : p[0]);
        else
            buf_append(out, p, step);
        step = step == 0 ? 1 : step;
    }
    buf_append_char(out, '"');
}

static void put_duration(struct buf *out, int64_t us)
{
    if (us > -1000 && us < 1000)
        buf_printf(out, "%lldus", (long long)us);
    else if (us > -1000000 && us < 1000000)
        buf_printf(out, "%.3gms", (double)us / 1e3);
    else
        buf_printf(out, "%.3fs", (double)us / 1e6);
}

static void put_uuid(struct buf *out, const struct log_field *f, const char *quote)
{
    char text[UUID_TEXT_SIZE];
    struct uuid u;
    memcpy(&u, f->s.data, sizeof u);
    uuid_format(&u, text);
    buf_append_str(out, quote);
    buf_append(out, text, UUID_TEXT_SIZE - 1);
    buf_append_str(out, quote);
}

static void put_text_value(struct buf *out, const struct log_field *f, struct bytes s)
{
    switch (f->kind) {
    case LOG_FIELD_END:
        break;
    case LOG_FIELD_STR:
    case LOG_FIELD_BYTES:
        if (needs_quotes(s))
            put_quoted(out, s);
        else
            buf_append_bytes(out, s);
        break;
    case LOG_FIELD_UUID:
        put_uuid(out, f, "");
        break;
    case LOG_FIELD_INT:
        buf_append_int(out, f->n);
        break;
    case LOG_FIELD_DURATION_US:
        put_duration(out, f->n);
        break;
    case LOG_FIELD_BOOL:
        buf_append_str(out, f->n ? "true" : "false");
        break;
    }
}

static void put_json_key(struct buf *out, const struct log_field *f)
{
    if (f->before.len > 0) {
        buf_append_bytes(out, f->before);
        return;
    }
    buf_append_char(out, ',');
    json_quote(out, bytes_of(f->key));
    buf_append_char(out, ':');
}

/* As json_number() writes it. */
static void put_json_ms(struct buf *out, int64_t us)
{
    if (us < 0) {
        buf_append_char(out, '-');
        us = -us;
    }
    char fraction[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10), (char)('0' + us % 10)};
    size_t len = sizeof fraction;
    while (len > 2 && fraction[len - 1] == '0')
        len--;
    buf_append_int(out, us / 1000);
    buf_append(out, fraction, len);
}

static void put_json_field(struct buf *out, const struct log_field *f, struct bytes s)
{
    put_json_key(out, f);
    switch (f->kind) {
    case LOG_FIELD_END:
        break;
    case LOG_FIELD_STR:
    case LOG_FIELD_BYTES:
        json_quote(out, s);
        break;
    case LOG_FIELD_UUID:
        put_uuid(out, f, "\"");
        break;
    case LOG_FIELD_INT:
        buf_append_int(out, f->n);
        break;
    case LOG_FIELD_DURATION_US:
        put_json_ms(out, f->n);
        break;
    case LOG_FIELD_BOOL:
        buf_append_str(out, f->n ? "true" : "false");
        break;
    }
}

static struct bytes mask(const struct log *l, struct buf *copy, struct bytes s)
{
    buf_clear(copy);
    if (buf_append_bytes(copy, s) != 0)
        return bytes_of("***");
    secrets_mask(l->secrets, copy->data, copy->len);
    return buf_view(copy);
}

/* Masked before it is escaped: a mask over the finished line could cut into its syntax. */
static inline struct bytes masked(const struct log *l, struct buf *copy, const struct log_field *f)
{
    bool found = is_text(f->kind) && l->secrets != NULL && secrets_found(l->secrets, f->s);
    return found ? mask(l, copy, f->s) : f->s;
}

/* "12:00:01" here, or "2026-11-23T12:00:01" in UTC: composed once a second. */
static void set_clock(struct log *l, int64_t now_ms)
{
    char text[UNITS_TIME_SIZE];
    int64_t ms = now_ms % MS_PER_S < 0 ? now_ms % MS_PER_S + MS_PER_S : now_ms % MS_PER_S;
    l->clock_ms = now_ms - ms;
    time_t t = (time_t)(l->clock_ms / MS_PER_S);
    struct tm tm = {0};
    if (l->format == LOG_JSON) {
        units_format_time(l->clock_ms, text);
        memcpy(l->clock, text, LOG_CLOCK_SIZE - 1);
    } else {
        localtime_r(&t, &tm);
        strftime(l->clock, sizeof l->clock, "%H:%M:%S", &tm);
    }
}

/* With milliseconds. */
static void put_clock(struct log *l, int64_t now_ms)
{
    if (l->clock[0] == '\0' || now_ms < l->clock_ms || now_ms - l->clock_ms >= MS_PER_S)
        set_clock(l, now_ms);
    int ms = (int)(now_ms - l->clock_ms);
    buf_append_str(&l->out, l->clock);
    buf_append(&l->out, (char[]){'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10)}, 4);
}

static void put_text_line(struct log *l, int64_t now_ms, enum log_level level, const char *event,
                          const struct log_field *fields, struct buf *copy)
{
    put_clock(l, now_ms);
    buf_append_char(&l->out, ' ');
    buf_append_str(&l->out, l->color ? levels[level].color : "");
    buf_append_str(&l->out, levels[level].text);
    buf_append_str(&l->out, l->color ? PLAIN : "");
    buf_append_char(&l->out, ' ');
    buf_append_str(&l->out, event);
    for (const struct log_field *f = fields; f->key != NULL; f++) {
        if (left_out(f))
            continue;
        buf_append_char(&l->out, ' ');
        buf_append_str(&l->out, f->key);
        buf_append_char(&l->out, '=');
        put_text_value(&l->out, f, masked(l, copy, f));
    }
    buf_append_char(&l->out, '\n');
}

static void put_json_line(struct log *l, int64_t now_ms, enum log_level level, const char *event,
                          const struct log_field *fields, struct buf *copy)
{
    struct buf *out = &l->out;
    buf_append_str(out, "{\"time\":\"");
    put_clock(l, now_ms);
    buf_append_str(out, levels[level].json);
    buf_append_str(out, event);
    buf_append_char(out, '"');
    for (const struct log_field *f = fields; f->key != NULL; f++)
        if (!left_out(f))
            put_json_field(out, f, masked(l, copy, f));
    buf_append_str(out, "}\n");
}

/* Appends one line; without memory the line is dropped, and what had gathered before it stays. */
static int put_line(struct log *l, enum log_level level, const char *event, const struct log_field *fields)
{
    int64_t now_ms = l->wall_ms == NULL ? system_wall_ms() : l->wall_ms();
    size_t before = l->out.len;
    struct buf copy;
    buf_init(&copy);
    (l->format == LOG_JSON ? put_json_line : put_text_line)(l, now_ms, level, event, fields, &copy);
    buf_fini(&copy);
    if (!buf_failed(&l->out))
        return 0;
    l->out.failed = false;
    l->out.len = before;
    return -1;
}

void log_fields(struct log *l, enum log_level level, const char *event, const struct log_field *fields)
{
    if (!log_takes(l, level))
        return;
    if (put_line(l, level, event, fields) != 0)
        l->dropped++;
    if (l->out.len >= GATHERED_MAX)
        log_flush(l);
}

/* Behind what was kept, and before the lines that came since: where the others are missing. */
static void report_dropped(struct log *l)
{
    struct buf since = l->out;
    int64_t lost = (int64_t)(l->dropped - l->told);
    buf_init(&l->out);
    if (put_line(l, LOG_WARN, "log.dropped", (const struct log_field[]){LOG_INT("count", lost), {0}}) == 0) {
        l->told = l->dropped;
        l->dropped += outlet_write(&l->outlet, &l->out);
    }
    buf_fini(&l->out);
    l->out = since;
}

void log_flush(struct log *l)
{
    if (l->out.len == 0 && !log_waits(l))
        return;
    enum phase before = phase_enter(PHASE_LOG);
    l->dropped += outlet_push(&l->outlet);
    if (l->dropped > l->told && outlet_state(&l->outlet) == OUTLET_EMPTY)
        report_dropped(l);
    if (l->out.len > 0)
        l->dropped += outlet_write(&l->outlet, &l->out);
    phase_leave(before);
}

bool log_waits(struct log *l)
{
    return outlet_state(&l->outlet) == OUTLET_LEFT;
}

void log_fini(struct log *l)
{
    log_flush(l);
    l->dropped += outlet_drain(&l->outlet, LAST_WORDS_NS);
    if (l->dropped > l->told && outlet_state(&l->outlet) != OUTLET_FAILED)
        report_dropped(l);
    outlet_fini(&l->outlet);
    buf_fini(&l->out);
}

void log_init_beside(struct log *l, const struct log *other)
{
    *l = (struct log){.level = other->level, .format = other->format, .color = other->color, .wall_ms = other->wall_ms};
    outlet_init(&l->outlet, -1);
    buf_init(&l->out);
}

void log_take(struct log *l, struct log *from)
{
    size_t before = l->out.len;
    if (buf_append_bytes(&l->out, buf_view(&from->out)) != 0) {
        l->out.failed = false;
        l->out.len = before;
        l->dropped++;
    }
    if (l->secrets != NULL && l->out.len > before)
        (void)secrets_mask(l->secrets, l->out.data + before, l->out.len - before);
    l->dropped += from->dropped;
    buf_clear(&from->out);
    from->dropped = 0;
    if (l->out.len >= GATHERED_MAX)
        log_flush(l);
}

void log_offer(struct log *l, struct log *beside)
{
    outlet_offer(&l->outlet, &beside->out);
}
