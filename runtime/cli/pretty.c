#include "cli/render.h"

#include <jansson.h>
#include <string.h>

/*
 * Jansson says whether it is JSON; the text itself is then only broken into lines, so that numbers, escapes, the order
 * of keys and keys given twice show as they came.
 */
struct pretty {
    const struct render *r;
    const char *p, *end;
    int depth;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct pretty *j)
{
    while (j->p < j->end && is_space(*j->p))
        j->p++;
}

static void new_line(const struct pretty *j)
{
    fprintf(j->r->out, "\n%*s", 2 * j->depth, "");
}

static void put_string(struct pretty *j)
{
    const char *start = j->p++;
    while (j->p < j->end && *j->p != '"')
        j->p += *j->p == '\\' && j->p + 1 < j->end ? 2 : 1;
    j->p += j->p < j->end ? 1 : 0;
    struct bytes text = {start, (size_t)(j->p - start)};
    skip_space(j);
    bool is_key = j->p < j->end && *j->p == ':';
    if (is_key && j->r->color)
        fputs("\033[36m", j->r->out);
    render_safe(j->r, text);
    if (is_key && j->r->color)
        fputs("\033[0m", j->r->out);
}

static void put_scalar(struct pretty *j)
{
    size_t n = 0, left = (size_t)(j->end - j->p);
    while (n < left && strchr(",:]} \t\r\n", j->p[n]) == NULL)
        n++;
    n = n > 0 ? n : 1; /* not in valid JSON; go on in any case */
    render_safe(j->r, (struct bytes){j->p, n});
    j->p += n;
}

static void open_container(struct pretty *j)
{
    char opener = *j->p++;
    char closer = opener == '{' ? '}' : ']';
    fputc(opener, j->r->out);
    skip_space(j);
    if (j->p < j->end && *j->p == closer) {
        fputc(*j->p++, j->r->out);
        return;
    }
    j->depth++;
    new_line(j);
}

static void close_container(struct pretty *j)
{
    j->depth--;
    new_line(j);
    fputc(*j->p++, j->r->out);
}

static void put_token(struct pretty *j)
{
    switch (*j->p) {
    case '"':
        put_string(j);
        return;
    case '{':
    case '[':
        open_container(j);
        return;
    case '}':
    case ']':
        close_container(j);
        return;
    case ',':
        j->p++;
        fputc(',', j->r->out);
        new_line(j);
        return;
    case ':':
        j->p++;
        fputs(": ", j->r->out);
        return;
    default:
        put_scalar(j);
    }
}

void render_json(const struct render *r, struct bytes json)
{
    struct pretty j = {.r = r, .p = json.data, .end = json.data + json.len};
    for (skip_space(&j); j.p < j.end; skip_space(&j))
        put_token(&j);
}

static bool is_json(struct bytes text)
{
    json_error_t why;
    json_t *root = json_loadb(text.data, text.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &why);
    json_decref(root);
    return root != NULL;
}

void render_body(const struct render *r, struct bytes body)
{
    if (body.len == 0)
        return;
    if (is_json(body)) {
        render_json(r, body);
        fputc('\n', r->out);
        return;
    }
    render_safe(r, body);
    if (body.data[body.len - 1] != '\n')
        fputc('\n', r->out);
}
