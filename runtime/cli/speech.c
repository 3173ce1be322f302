#include "cli/speech.h"

#include "core/json_scan.h"

#include <unistd.h>

void speech_init(struct speech *s)
{
    *s = (struct speech){0};
    render_init(&s->out, stdout);
    render_init(&s->err, stderr);
}

/* Where goes what is printed beside the values. */
static const struct render *beside(const struct speech *s)
{
    return s->json ? &s->err : &s->out;
}

void speech_end_line(struct speech *s)
{
    if (s->midline)
        fputc('\n', beside(s)->out);
    s->midline = false;
    fflush(stdout); /* on a terminal, what was printed before stands before */
}

static void print(struct speech *s, const struct render *r, enum style style, struct bytes text)
{
    speech_end_line(s);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len == 0)
        return;
    render_styled(r, style, text);
    fputc('\n', r->out);
    fflush(r->out);
}

void speech_text(struct speech *s, struct bytes text)
{
    if (text.len == 0)
        return;
    render_safe(beside(s), text);
    s->midline = text.data[text.len - 1] != '\n';
    fflush(beside(s)->out);
}

void speech_values(struct speech *s, struct bytes text)
{
    print(s, &s->out, STYLE_PLAIN, text);
}

void speech_json(struct speech *s, struct bytes message)
{
    struct bytes values = json_scan_member(message, "values"), rest = values, first, second;
    speech_end_line(s);
    if (!json_scan_next(&rest, &first))
        return;
    if (json_scan_next(&rest, &second))
        first = values;
    if (isatty(STDOUT_FILENO))
        render_safe(&s->out, first);
    else
        fwrite(first.data, 1, first.len, stdout);
    fputc('\n', stdout);
}

void speech_error(struct speech *s, struct bytes text)
{
    print(s, &s->err, STYLE_BAD, text);
}

void speech_note(struct speech *s, struct bytes text)
{
    print(s, s->interactive ? &s->out : &s->err, STYLE_DIM, text);
}
