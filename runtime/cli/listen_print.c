#include "cli/listen_print.h"

#include "cli/render.h"
#include "core/json_write.h"
#include "core/units.h"
#include "net/receiver.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

void listen_print_init(struct listen_print *p, bool json)
{
    p->json = json;
    p->out = stdout;
    buf_init(&p->line);
}

void listen_print_fini(struct listen_print *p)
{
    buf_fini(&p->line);
}

/* Takes the next "Name: value" line off `*rest`. False: there is none. */
static bool next_header(const char **rest, struct bytes *name, struct bytes *value)
{
    const char *line = *rest;
    size_t len = strcspn(line, "\n");
    if (len == 0)
        return false;
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon != NULL ? (size_t)(colon - line) : len;
    size_t at = colon != NULL ? name_len + 1 : len;
    at += at < len && line[at] == ' ';
    *name = (struct bytes){line, name_len};
    *value = (struct bytes){line + at, len - at};
    *rest = line + len + (line[len] == '\n');
    return true;
}

/* --- JSON ------------------------------------------------------------------------------------------------------ */

static double wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec * MS_PER_S + (double)t.tv_nsec / NS_PER_MS;
}

static void write_headers(struct json_write *w, const char *rest)
{
    struct bytes name, value;
    json_write_array(w, "headers");
    while (next_header(&rest, &name, &value)) {
        json_write_array(w, NULL);
        json_write_bytes(w, NULL, name);
        json_write_bytes(w, NULL, value);
        json_write_end(w);
    }
    json_write_end(w);
}

static void print_json(struct listen_print *p, const struct receiver_request *q)
{
    struct json_write w;
    buf_clear(&p->line);
    json_write_init(&w, &p->line);
    json_write_object(&w, NULL);
    json_write_int(&w, "number", (int64_t)q->number);
    json_write_str(&w, "method", q->method);
    json_write_str(&w, "path", q->path);
    write_headers(&w, q->headers);
    json_write_bytes(&w, "body", q->body);
    json_write_int(&w, "status", q->status);
    json_write_double(&w, "time_ms", wall_ms());
    json_write_end(&w);
    buf_append_char(&p->line, '\n');
    if (!buf_failed(&p->line))
        fwrite(p->line.data, 1, p->line.len, p->out);
}

/* --- words ----------------------------------------------------------------------------------------------------- */

static void print_answer(const struct render *r, const struct receiver_request *q, int64_t delay_ms)
{
    char delay[32];
    units_format_duration(delay_ms, delay);
    fputs("-> ", r->out);
    if (q->status == 0)
        render_text(r, STYLE_WARN, "closed without an answer");
    else
        render_text(r, style_of_status(q->status), "%d", q->status);
    if (delay_ms > 0)
        render_text(r, STYLE_DIM, " after %s", delay);
    fputs("\n\n", r->out);
}

static void print_words(const struct listen_print *p, const struct receiver_request *q, int64_t delay_ms)
{
    char time[RENDER_TIME_SIZE];
    struct render r;
    struct bytes name, value;
    const char *rest = q->headers;
    render_init(&r, stdout);
    r.out = p->out;
    render_time(&r, r.now_ms, time);
    render_text(&r, STYLE_DIM, "#%" PRIu64 "  %s  ", q->number, time);
    render_text(&r, STYLE_BOLD, "%s %s\n", q->method, q->path);
    while (next_header(&rest, &name, &value)) {
        render_header(&r, name, value);
        fputc('\n', r.out);
    }
    if (q->body.len > 0)
        fputc('\n', r.out);
    render_body(&r, q->body);
    print_answer(&r, q, delay_ms);
}

void listen_print_request(struct listen_print *p, const struct receiver_request *q, int64_t delay_ms)
{
    if (p->json)
        print_json(p, q);
    else
        print_words(p, q, delay_ms);
}
