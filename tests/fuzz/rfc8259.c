#include "rfc8259.h"

#include <stdlib.h>

enum { DEPTH_MAX = 3000 /* of our own stack */ };

/* The grammar as it stands in the RFC, one function a rule; each moves `p` behind what it has read. */
struct reading {
    const unsigned char *p, *end;
    char *said; /* room for all that the strings say: never more than was written */
    size_t depth;
};

static struct rfc8259_value *values;
static size_t value_count, value_cap;
static char *said;
static size_t said_cap;

/* Room for a text: no value is shorter than a byte, so pointers into the arrays stay good. */
static void make_room(size_t len)
{
    if (len + 1 > value_cap) {
        value_cap = len * 2 + 1;
        said_cap = value_cap;
        free(values);
        free(said);
        values = calloc(value_cap, sizeof *values);
        said = malloc(said_cap);
        if (values == NULL || said == NULL)
            abort();
    }
    value_count = 0;
}

size_t rfc8259_utf8(struct bytes s)
{
    /* UTF8-octets of RFC 3629: the first byte, the range of the second, how many follow it. */
    static const unsigned char rows[][4] = {
        {0x00, 0x7F, 0, 0},       {0xC2, 0xDF, 0x80, 0xBF}, {0xE0, 0xE0, 0xA0, 0xBF},
        {0xE1, 0xEC, 0x80, 0xBF}, {0xED, 0xED, 0x80, 0x9F}, {0xEE, 0xEF, 0x80, 0xBF},
        {0xF0, 0xF0, 0x90, 0xBF}, {0xF1, 0xF3, 0x80, 0xBF}, {0xF4, 0xF4, 0x80, 0x8F},
    };
    static const size_t lengths[] = {1, 2, 3, 3, 3, 3, 4, 4, 4};
    size_t i = 0;
    while (i < s.len) {
        const unsigned char *p = (const unsigned char *)s.data + i;
        size_t row = 0, k = 2, rows_count = sizeof rows / sizeof *rows;
        while (row < rows_count && (p[0] < rows[row][0] || p[0] > rows[row][1]))
            row++;
        if (row == rows_count || s.len - i < lengths[row])
            return i;
        if (row > 0 && (p[1] < rows[row][2] || p[1] > rows[row][3]))
            return i;
        for (; k < lengths[row]; k++)
            if (p[k] < 0x80 || p[k] > 0xBF)
                return i;
        i += lengths[row];
    }
    return i;
}

static void ws(struct reading *r)
{
    while (r->p < r->end && (*r->p == 0x20 || *r->p == 0x09 || *r->p == 0x0A || *r->p == 0x0D))
        r->p++;
}

static bool is(struct reading *r, char c)
{
    if (r->p == r->end || *r->p != (unsigned char)c)
        return false;
    r->p++;
    return true;
}

static bool digits(struct reading *r)
{
    const unsigned char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > from;
}

/* number = [ minus ] int [ frac ] [ exp ] */
static bool number(struct reading *r)
{
    (void)is(r, '-');
    if (!is(r, '0') && !digits(r))
        return false;
    if (is(r, '.') && !digits(r))
        return false;
    if (is(r, 'e') || is(r, 'E')) {
        if (!is(r, '+'))
            (void)is(r, '-');
        return digits(r);
    }
    return true;
}

static int four_hex(struct reading *r)
{
    int n = 0;
    for (int i = 0; i < 4; i++) {
        const char *all = "0123456789abcdef0123456789ABCDEF";
        const char *at = r->p < r->end && *r->p != '\0' ? strchr(all, *r->p) : NULL;
        if (at == NULL)
            return -1;
        n = n * 16 + (int)((at - all) % 16);
        r->p++;
    }
    return n;
}

static void say(struct reading *r, unsigned c)
{
    if (c < 0x80)
        *r->said++ = (char)c;
    else if (c < 0x800) {
        *r->said++ = (char)(0xC0 + c / 64);
        *r->said++ = (char)(0x80 + c % 64);
    } else if (c < 0x10000) {
        *r->said++ = (char)(0xE0 + c / 4096);
        *r->said++ = (char)(0x80 + c / 64 % 64);
        *r->said++ = (char)(0x80 + c % 64);
    } else {
        *r->said++ = (char)(0xF0 + c / 262144);
        *r->said++ = (char)(0x80 + c / 4096 % 64);
        *r->said++ = (char)(0x80 + c / 64 % 64);
        *r->said++ = (char)(0x80 + c % 64);
    }
}

/* Section 8.2 leaves open what becomes of a surrogate alone; we refuse it, as DESIGN says: such a text is no Unicode.
 */
static bool escaped(struct reading *r)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (!is(r, 'u')) {
        const char *at = r->p < r->end && *r->p != '\0' ? strchr(names, *r->p) : NULL;
        if (at == NULL)
            return false;
        r->p++;
        say(r, (unsigned char)bytes[at - names]);
        return true;
    }
    int high = four_hex(r);
    if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return false;
    if (high < 0xD800 || high > 0xDBFF) {
        say(r, (unsigned)high);
        return true;
    }
    int low = is(r, '\\') && is(r, 'u') ? four_hex(r) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return false;
    say(r, 0x10000u + ((unsigned)high - 0xD800u) * 1024u + ((unsigned)low - 0xDC00u));
    return true;
}

static bool string(struct reading *r, struct bytes *out)
{
    char *from = r->said;
    if (!is(r, '"'))
        return false;
    while (!is(r, '"')) {
        if (r->p == r->end || *r->p < 0x20)
            return false;
        if (is(r, '\\')) {
            if (!escaped(r))
                return false;
        } else
            *r->said++ = (char)*r->p++;
    }
    *out = (struct bytes){from, (size_t)(r->said - from)};
    return true;
}

static bool word(struct reading *r, const char *w)
{
    while (*w != '\0')
        if (!is(r, *w++))
            return false;
    return true;
}

static struct rfc8259_value *value(struct reading *r);

static struct rfc8259_value *member(struct reading *r)
{
    struct bytes name;
    ws(r);
    if (!string(r, &name))
        return NULL;
    ws(r);
    if (!is(r, ':'))
        return NULL;
    struct rfc8259_value *v = value(r);
    if (v != NULL)
        v->name = name;
    return v;
}

static bool list(struct reading *r, struct rfc8259_value *of, char end)
{
    struct rfc8259_value **link = &of->first;
    if (r->depth == DEPTH_MAX)
        return false;
    r->depth++;
    ws(r);
    if (!is(r, end)) {
        do {
            *link = end == '}' ? member(r) : value(r);
            if (*link == NULL)
                return false;
            link = &(*link)->next;
        } while (is(r, ','));
        if (!is(r, end))
            return false;
    }
    r->depth--;
    return true;
}

static bool read_into(struct reading *r, struct rfc8259_value *v)
{
    switch (r->p < r->end ? *r->p : 0) {
    case '{':
        v->kind = RFC8259_OBJECT;
        return is(r, '{') && list(r, v, '}');
    case '[':
        v->kind = RFC8259_ARRAY;
        return is(r, '[') && list(r, v, ']');
    case '"':
        v->kind = RFC8259_STRING;
        return string(r, &v->text);
    case 'n':
        v->kind = RFC8259_NULL;
        return word(r, "null");
    case 't':
        v->kind = RFC8259_TRUE;
        return word(r, "true");
    case 'f':
        v->kind = RFC8259_FALSE;
        return word(r, "false");
    default:
        v->kind = RFC8259_NUMBER;
        return number(r);
    }
}

/* With the blanks around it. */
static struct rfc8259_value *value(struct reading *r)
{
    struct rfc8259_value *v = &values[value_count++];
    ws(r);
    const char *from = (const char *)r->p;
    *v = (struct rfc8259_value){0};
    if (!read_into(r, v))
        return NULL;
    v->written = (struct bytes){from, (size_t)((const char *)r->p - from)};
    ws(r);
    return v;
}

const struct rfc8259_value *rfc8259_read(struct bytes text)
{
    make_room(text.len);
    if (text.len == 0 || rfc8259_utf8(text) != text.len)
        return NULL;
    const unsigned char *p = (const unsigned char *)text.data;
    struct reading r = {.p = p, .end = p + text.len, .said = said};
    struct rfc8259_value *v = value(&r);
    return v != NULL && r.p == r.end ? v : NULL;
}

size_t rfc8259_depth(const struct rfc8259_value *v)
{
    size_t deepest = 0;
    if (v->kind < RFC8259_ARRAY)
        return 0;
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next) {
        size_t depth = rfc8259_depth(one);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

bool rfc8259_is_integer(const struct rfc8259_value *v)
{
    for (size_t i = 0; i < v->written.len; i++)
        if (strchr(".eE", v->written.data[i]) != NULL)
            return false;
    return v->kind == RFC8259_NUMBER;
}

const struct rfc8259_value *rfc8259_member(const struct rfc8259_value *object, struct bytes name)
{
    const struct rfc8259_value *found = NULL;
    for (const struct rfc8259_value *one = object->first; one != NULL; one = one->next)
        if (bytes_equal(one->name, name))
            found = one;
    return found;
}
