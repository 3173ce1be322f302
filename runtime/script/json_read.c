/*
 * Reading: one pass over a text that is valid, straight to Lua values; nothing is allocated but by Lua, so that an
 * error anywhere leaks nothing. What it does not take, be it wrong or merely rare, is json_decode.c's, which knows the
 * words.
 */
#include "script/json_reader.h"

#include "script/json.h"

#include "core/utf8.h"
#include "script/budget.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 4 << 20, /* a longer one may take longer than the budget, in the middle of a string too */
    GATHERED = 32,      /* on the stack before a table is made, so that most get their size at once */
    STACK_ROOM = 2 * GATHERED + 8,
    REAL_MAX = 63,
    DIGITS_MAX = 19, /* 64 bits hold any of them */
};

static void skip_blanks(struct json_reader *r)
{
    const char *p = r->p;
    while (p < r->end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    r->p = p;
}

/* Whether that character is next; it is taken then. */
static bool take(struct json_reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* --- strings --------------------------------------------------------------------------------------------------- */

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight bytes is a quote, a backslash, a control character or no ASCII. */
static bool holds_special(uint64_t eight)
{
    uint64_t quote = eight ^ EACH('"'), backslash = eight ^ EACH('\\');
    uint64_t found = ((quote - EACH(1)) & ~quote) | ((backslash - EACH(1)) & ~backslash) | (eight - EACH(0x20)) | eight;
    return (found & EACH(0x80)) != 0;
}

static bool is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\'; /* what is no ASCII is negative */
}

static const char *skip_plain(const char *p, const char *end)
{
    uint64_t eight;
    while (end - p >= (ptrdiff_t)sizeof eight && (memcpy(&eight, p, sizeof eight), !holds_special(eight)))
        p += sizeof eight;
    while (p < end && is_plain(*p))
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

/* What stands between the quotes, behind the first: *escaped tells that it has escapes. False: it is no string. */
static bool scan_string(struct json_reader *r, struct bytes *text, bool *escaped)
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

/* `name`: of a member, which can have no NUL. */
static bool read_string(struct json_reader *r, bool name)
{
    struct bytes text;
    bool escaped;
    if (!scan_string(r, &text, &escaped))
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

/* --- numbers and words ----------------------------------------------------------------------------------------- */

static bool is_digit(const struct json_reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

/* At least one. */
static bool skip_digits(struct json_reader *r)
{
    if (!is_digit(r))
        return false;
    while (is_digit(r))
        r->p++;
    return true;
}

/* The rest of a number with a fraction or an exponent, or both. */
static bool read_real(struct json_reader *r, const char *start)
{
    char text[REAL_MAX + 1];
    if (take(r, '.') && !skip_digits(r))
        return false;
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+'))
            take(r, '-');
        if (!skip_digits(r))
            return false;
    }
    size_t len = (size_t)(r->p - start);
    if (len > REAL_MAX)
        return false;
    memcpy(text, start, len);
    text[len] = '\0';
    double n = strtod(text, NULL);
    lua_pushnumber(r->L, n);
    return isfinite(n);
}

static bool read_number(struct json_reader *r)
{
    const char *start = r->p;
    uint64_t n = 0;
    bool negative = take(r, '-');
    const char *digits = r->p;
    for (; is_digit(r); r->p++)
        n = n * 10 + (uint64_t)(*r->p - '0');
    ptrdiff_t count = r->p - digits;
    if (count == 0 || (count > 1 && *digits == '0'))
        return false;
    if (r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E'))
        return read_real(r, start);
    if (count > DIGITS_MAX || n > (uint64_t)INT64_MAX + negative)
        return false;
    lua_pushinteger(r->L, (lua_Integer)(negative ? 0 - n : n));
    return true;
}

static bool read_word(struct json_reader *r, const char *word, size_t len)
{
    if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
        return false;
    r->p += len;
    if (*word == 'n')
        lua_pushlightuserdata(r->L, NULL);
    else
        lua_pushboolean(r->L, *word == 't');
    return true;
}

/* --- lists and objects ----------------------------------------------------------------------------------------- */

/* The values above `table` become its items, behind `count` others. */
static void store_items(lua_State *L, int table, lua_Integer count)
{
    for (int gathered = lua_gettop(L) - table; gathered > 0; gathered--)
        lua_rawseti(L, table, count + gathered);
}

/* The names and values above `table` become its members, in their order: of a name given twice, the last counts. */
static void store_members(lua_State *L, int table)
{
    int top = lua_gettop(L);
    for (int i = table + 1; i < top; i += 2) {
        lua_pushvalue(L, i);
        lua_pushvalue(L, i + 1);
        lua_rawset(L, table);
    }
    lua_settop(L, table);
}

/* A table in the place that was kept for it below what has gathered; once. Returns true. */
static bool make_table(lua_State *L, int table, int items, int members)
{
    if (!lua_istable(L, table)) {
        lua_createtable(L, items, members);
        lua_replace(L, table);
    }
    return true;
}

/* Makes room when enough has gathered; how many items that were. */
static lua_Integer store_gathered_items(lua_State *L, int table, lua_Integer count)
{
    if (lua_gettop(L) - table < GATHERED)
        return 0;
    make_table(L, table, GATHERED, 0);
    store_items(L, table, count);
    return GATHERED;
}

static bool read_items(struct json_reader *r, int table)
{
    lua_Integer count = 0;
    if (json_reader_take(r, ']'))
        return make_table(r->L, table, 0, 0);
    do {
        count += store_gathered_items(r->L, table, count);
        if (!json_reader_value(r))
            return false;
    } while (json_reader_take(r, ','));
    make_table(r->L, table, lua_gettop(r->L) - table, 0);
    store_items(r->L, table, count);
    return take(r, ']');
}

static bool read_list(struct json_reader *r)
{
    int table = lua_gettop(r->L) + 1;
    lua_pushnil(r->L);
    if (!read_items(r, table))
        return false;
    lua_pushvalue(r->L, r->metatable);
    lua_setmetatable(r->L, table);
    return true;
}

static bool read_name(struct json_reader *r)
{
    return json_reader_take(r, '"') && read_string(r, true) && json_reader_take(r, ':');
}

static void store_gathered_members(lua_State *L, int table)
{
    if (lua_gettop(L) - table < 2 * GATHERED)
        return;
    make_table(L, table, 0, GATHERED);
    store_members(L, table);
}

static bool read_object(struct json_reader *r)
{
    int table = lua_gettop(r->L) + 1;
    lua_pushnil(r->L);
    if (json_reader_take(r, '}'))
        return make_table(r->L, table, 0, 0);
    do {
        store_gathered_members(r->L, table);
        if (!read_name(r) || !json_reader_value(r))
            return false;
    } while (json_reader_take(r, ','));
    make_table(r->L, table, 0, (lua_gettop(r->L) - table) / 2);
    store_members(r->L, table);
    return take(r, '}');
}

static bool read_nested(struct json_reader *r, char bracket)
{
    if (r->depth == JSON_DEPTH_MAX)
        return false;
    luaL_checkstack(r->L, STACK_ROOM, "JSON");
    r->depth++;
    bool read = bracket == '[' ? read_list(r) : read_object(r);
    r->depth--;
    return read;
}

/* Pushes one value, and anything when it returns false. */
bool json_reader_value(struct json_reader *r)
{
    budget_check_some(r->L, r->seen++);
    skip_blanks(r);
    if (r->p == r->end)
        return false;
    switch (*r->p) {
    case '"':
        r->p++;
        return read_string(r, false);
    case '{':
    case '[':
        return read_nested(r, *r->p++);
    case 't':
        return read_word(r, "true", 4);
    case 'f':
        return read_word(r, "false", 5);
    case 'n':
        return read_word(r, "null", 4);
    default:
        return read_number(r);
    }
}

bool json_reader_take(struct json_reader *r, char c)
{
    skip_blanks(r);
    return take(r, c);
}

bool json_reader_name(struct json_reader *r, struct bytes *name)
{
    bool escaped;
    return json_reader_take(r, '"') && scan_string(r, name, &escaped) && !escaped && json_reader_take(r, ':');
}

bool json_reader_end(struct json_reader *r)
{
    skip_blanks(r);
    return r->p == r->end;
}

bool json_reader_begin(struct json_reader *r, lua_State *L, struct bytes text, int metatable)
{
    *r = (struct json_reader){.L = L, .p = text.data, .end = text.data + text.len, .metatable = metatable};
    luaL_checkstack(L, STACK_ROOM, "JSON");
    return text.len <= TEXT_MAX;
}

bool json_read(lua_State *L, struct bytes text, int metatable)
{
    struct json_reader r;
    int top = lua_gettop(L);
    if (json_reader_begin(&r, L, text, metatable) && json_reader_value(&r) && json_reader_end(&r))
        return true;
    lua_settop(L, top);
    return false;
}
