#include "core/json_scan.h"

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* The first byte after the string that starts at `p`. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        p += *p == '\\' && p + 1 < end;
    return p < end ? p + 1 : end;
}

/* The first byte after the value that starts at `p`. */
static const char *skip_value(const char *p, const char *end)
{
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
            break;
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    }
    return p;
}

/* The value at `p`, which is moved behind it. */
static struct bytes take_value(const char **p, const char *end)
{
    const char *start = skip_space(*p, end), *stop = skip_value(start, end);
    *p = stop;
    while (stop > start && skip_space(stop - 1, stop) == stop)
        stop--;
    return (struct bytes){start, (size_t)(stop - start)};
}

/* One character of a name as it is written, \u escapes of ASCII read; -1: another escape, which no name asked for
 * has. */
static int take_char(const char **p, const char *end)
{
    if (**p != '\\')
        return (unsigned char)*(*p)++;
    if (end - *p < 6 || (*p)[1] != 'u' || (*p)[2] != '0' || (*p)[3] != '0')
        return -1;
    int c = hex_digit((*p)[4]) * 16 + hex_digit((*p)[5]);
    *p += 6;
    return c;
}

static bool is_name(struct bytes written, const char *name)
{
    const char *p = written.data, *end = p + written.len;
    while (p < end && *name != '\0')
        if (take_char(&p, end) != (unsigned char)*name++)
            return false;
    return p == end && *name == '\0';
}

struct bytes json_scan_member(struct bytes object, const char *name)
{
    struct bytes found = {NULL, 0};
    const char *end = object.data + object.len, *p = object.len == 0 ? end : skip_space(object.data, end);
    if (p == end || *p++ != '{')
        return found;
    while ((p = skip_space(p, end)) < end && *p == '"') {
        const char *key = p + 1;
        p = skip_string(p, end);
        struct bytes written = {key, (size_t)(p - key - (p > key))};
        p = skip_space(p, end);
        if (p == end || *p++ != ':')
            break;
        struct bytes value = take_value(&p, end);
        if (is_name(written, name))
            found = value;
        if (p < end && *p == ',')
            p++;
    }
    return found;
}

bool json_scan_next(struct bytes *rest, struct bytes *element)
{
    const char *p = rest->data, *end = p + rest->len;
    if (rest->len == 0)
        return false;
    p = skip_space(p, end);
    if (p < end && (*p == '[' || *p == ','))
        p++;
    *element = take_value(&p, end);
    *rest = (struct bytes){p, (size_t)(end - p)};
    return element->len > 0;
}
