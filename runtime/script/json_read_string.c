/* Reading (json_read.c): strings. */
#include "script/json_reader.h"

#include "core/json_plain.h"
#include "core/utf8.h"

#include <endian.h>
#include <lauxlib.h>
#include <string.h>

static const char *skip_plain(const char *p, const char *end)
{
    uint64_t eight;
    for (; end - p >= (ptrdiff_t)sizeof eight; p += sizeof eight) {
        memcpy(&eight, p, sizeof eight);
        uint64_t bits = json_special_bits(le64toh(eight));
        if (bits != 0)
            return p + __builtin_ctzll(bits) / 8;
    }
    while (p < end && json_plain(*p))
        p++;
    return p;
}

/* Four hexadecimal digits; -1: they are none. */
static int32_t read_unit(const char *p, const char *end)
{
    int32_t unit = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* What stands behind "\u" at *p, which is moved behind it; -1: no character. */
static int32_t read_code_point(const char **p, const char *end)
{
    int32_t high = read_unit(*p, end), low;
    if (high < 0 || (high & 0xFC00) == 0xDC00)
        return -1;
    *p += 4;
    if ((high & 0xFC00) != 0xD800)
        return high;
    if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' || (low = read_unit(*p + 2, end)) < 0 ||
        (low & 0xFC00) != 0xDC00)
        return -1;
    *p += 6;
    return 0x10000 + ((high & 0x3FF) << 10 | (low & 0x3FF));
}

static char *put_code_point(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xC0, 0xE0, 0xF0};
    *out++ = (char)(lead[more] | c >> (6 * more));
    while (more-- > 0)
        *out++ = (char)(0x80 | (c >> (6 * more) & 0x3F));
    return out;
}

/* The character that an escape of one letter means; 0: none. */
static char unescaped(char c)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *at = c == '\0' ? NULL : strchr(letters, c);
    return at == NULL ? '\0' : meant[at - letters];
}

/* The text between two quotes without its escapes, into as much room; NULL: an escape that is none. */
static char *unescape(char *out, const char *p, const char *end)
{
    while (p < end) {
        const char *backslash = memchr(p, '\\', (size_t)(end - p));
        size_t len = (size_t)((backslash == NULL ? end : backslash) - p);
        memcpy(out, p, len);
        out += len;
        if (backslash == NULL)
            break;
        p = backslash + 2;
        if (backslash[1] == 'u') {
            int32_t c = read_code_point(&p, end);
            if (c < 0)
                return NULL;
            out = put_code_point(out, (uint32_t)c);
        } else if ((*out++ = unescaped(backslash[1])) == '\0')
            return NULL;
    }
    return out;
}

/* Kept out of the way of those who call themselves: the buffer is large. */
static __attribute__((noinline)) bool push_unescaped(lua_State *L, struct bytes text)
{
    luaL_Buffer b;
    char *start = luaL_buffinitsize(L, &b, text.len), *stop = unescape(start, text.data, text.data + text.len);
    luaL_pushresultsize(&b, stop == NULL ? 0 : (size_t)(stop - start));
    return stop != NULL;
}

bool json_reader_scan(struct json_reader *r, struct bytes *text, bool *escaped)
{
    bool ascii = true;
    *escaped = false;
    text->data = r->p;
    for (;; r->p++) {
        r->p = skip_plain(r->p, r->end);
        if (r->p == r->end || (unsigned char)*r->p < 0x20)
            return false;
        if (*r->p == '"')
            break;
        if ((unsigned char)*r->p >= 0x80)
            ascii = false;
        else if (*escaped = true, ++r->p == r->end)
            return false;
    }
    text->len = (size_t)(r->p++ - text->data);
    return ascii || utf8_valid_prefix(*text) == text->len;
}

bool json_reader_string(struct json_reader *r, bool name)
{
    struct bytes text;
    bool escaped;
    if (!json_reader_scan(r, &text, &escaped))
        return false;
    if (!escaped) {
        lua_pushlstring(r->L, text.data, text.len);
        return true;
    }
    if (!push_unescaped(r->L, text))
        return false;
    text.data = lua_tolstring(r->L, -1, &text.len);
    return !name || memchr(text.data, '\0', text.len) == NULL;
}
