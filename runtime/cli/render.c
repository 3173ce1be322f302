#include "cli/render.h"

#include "core/units.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

static bool wants_color(FILE *out)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(out)) && (no == NULL || no[0] == '\0') && (term == NULL || strcmp(term, "dumb") != 0);
}

void render_init(struct render *r, FILE *out)
{
    *r = (struct render){.out = out, .color = wants_color(out), .now_ms = wall_ms()};
}

/* --- text ------------------------------------------------------------------------------------------------------ */

/* Bytes of the character at `p`, 0 when it must not reach the terminal: C0 and C1 controls, DEL, what is not UTF-8. */
static size_t harmless(const char *p, size_t len)
{
    unsigned char c = (unsigned char)p[0];
    if (c < 0x80)
        return c >= 0x20 && c != 0x7F;
    size_t size = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (size > len || utf8_valid_prefix((struct bytes){p, size}) != size)
        return 0;
    return c == 0xC2 && (unsigned char)p[1] < 0xA0 ? 0 : size;
}

static void append_safe(struct buf *out, struct bytes text, bool one_line)
{
    for (size_t i = 0, n; i<text.len; i += n> 0 ? n : 1) {
        const char *p = text.data + i;
        n = harmless(p, text.len - i);
        if (n > 0)
            buf_append(out, p, n);
        else if (!one_line && (*p == '\n' || *p == '\t'))
            buf_append_char(out, *p);
        else if (one_line || *p != '\r' || i + 1 == text.len || p[1] != '\n')
            buf_printf(out, "\\x%02x", (unsigned char)*p);
    }
}

void render_safe_line(struct buf *out, struct bytes text)
{
    append_safe(out, text, true);
}

static void put(const struct render *r, struct buf *text)
{
    if (buf_failed(text))
        fputs("(out of memory)", r->out);
    else if (text->len > 0)
        fwrite(text->data, 1, text->len, r->out); /* a failed write shows in ferror(), which cli_main() asks for */
}

void render_safe(const struct render *r, struct bytes text)
{
    struct buf safe;
    buf_init(&safe);
    append_safe(&safe, text, false);
    put(r, &safe);
    buf_fini(&safe);
}

static const char *code_of(enum style style)
{
    static const char *const codes[] = {
        [STYLE_PLAIN] = "",       [STYLE_DIM] = "\033[2m",   [STYLE_BOLD] = "\033[1m",  [STYLE_GOOD] = "\033[32m",
        [STYLE_BAD] = "\033[31m", [STYLE_WARN] = "\033[33m", [STYLE_NAME] = "\033[36m",
    };
    return codes[style];
}

void render_styled(const struct render *r, enum style style, struct bytes text)
{
    bool color = r->color && style != STYLE_PLAIN;
    if (color)
        fputs(code_of(style), r->out);
    render_safe(r, text);
    if (color)
        fputs("\033[0m", r->out);
}

void render_text(const struct render *r, enum style style, const char *format, ...)
{
    va_list args;
    struct buf text;
    buf_init(&text);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    render_styled(r, style, buf_view(&text));
    buf_fini(&text);
}

void render_header(const struct render *r, struct bytes name, struct bytes value)
{
    struct buf line;
    buf_init(&line);
    render_safe_line(&line, name);
    render_styled(r, STYLE_NAME, buf_view(&line));
    buf_clear(&line);
    buf_append_str(&line, ": ");
    render_safe_line(&line, value);
    put(r, &line);
    buf_fini(&line);
}

/* --- times ----------------------------------------------------------------------------------------------------- */

void render_time(const struct render *r, int64_t ms, char out[RENDER_TIME_SIZE])
{
    time_t at = (time_t)(ms / MS_PER_S), now = (time_t)(r->now_ms / MS_PER_S);
    struct tm then, today;
    out[0] = '\0';
    if (localtime_r(&at, &then) == NULL || localtime_r(&now, &today) == NULL)
        return;
    const char *format = then.tm_year != today.tm_year   ? "%Y-%m-%d"
                         : then.tm_yday != today.tm_yday ? "%b %e %H:%M"
                                                         : "%H:%M:%S";
    if (strftime(out, RENDER_TIME_SIZE, format, &then) == 0)
        out[0] = '\0';
}

void render_time_text(const struct render *r, const char *rfc3339, char out[RENDER_TIME_SIZE])
{
    int64_t ms;
    if (rfc3339 != NULL && units_parse_time(bytes_of(rfc3339), 0, &ms) == 0)
        render_time(r, ms, out);
    else
        snprintf(out, RENDER_TIME_SIZE, "%s", rfc3339 != NULL ? rfc3339 : "");
}

void render_duration(double ms, char out[RENDER_TIME_SIZE])
{
    if (ms < 10)
        snprintf(out, RENDER_TIME_SIZE, "%.2f ms", ms);
    else if (ms < 1000)
        snprintf(out, RENDER_TIME_SIZE, "%.0f ms", ms);
    else
        snprintf(out, RENDER_TIME_SIZE, "%.2f s", ms / 1000);
}

/* --- styles of words ------------------------------------------------------------------------------------------- */

enum style style_of_state(const char *state)
{
    if (strcmp(state, "succeeded") == 0)
        return STYLE_GOOD;
    if (strcmp(state, "failed") == 0 || strcmp(state, "parked") == 0)
        return STYLE_BAD;
    return strcmp(state, "unknown") == 0 || strcmp(state, "waiting") == 0 ? STYLE_WARN : STYLE_PLAIN;
}

enum style style_of_status(int status)
{
    return status >= 200 && status < 300 ? STYLE_GOOD : STYLE_BAD;
}
