/*
 * Reading: one pass over a text that is valid, straight to Lua values; nothing is allocated but by Lua, so that an
 * error anywhere leaks nothing. What it does not take, be it wrong or merely rare, is json_decode.c's, which knows the
 * words.
 */
#include "script/json_reader.h"

#include "script/json.h"

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
    DIGITS_MAX = 19,   /* 64 bits hold any of them */
    EXACT_DIGITS = 15, /* a double holds any of them */
};

static inline void skip_blanks(struct json_reader *r)
{
    const char *p = r->p;
    if (p < r->end && (unsigned char)*p > ' ')
        return;
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

/* A number as it is written: `value` is that of its digits, without sign and point. */
struct number {
    const char *start;
    bool negative;
    uint64_t value;
    ptrdiff_t digits, behind_point;
};

static void read_digits(struct json_reader *r, struct number *n)
{
    const char *start = r->p;
    uint64_t value = n->value;
    for (; is_digit(r); r->p++)
        value = value * 10 + (uint64_t)(*r->p - '0');
    n->value = value;
    n->digits += r->p - start;
}

static bool push_text_as_real(struct json_reader *r, const char *start)
{
    char text[REAL_MAX + 1];
    size_t len = (size_t)(r->p - start);
    if (len > REAL_MAX)
        return false;
    memcpy(text, start, len);
    text[len] = '\0';
    double n = strtod(text, NULL);
    lua_pushnumber(r->L, n);
    return isfinite(n);
}

/* The rest of a number with a fraction or an exponent, or both. A few digits are exact in a double, as such a power of
 * ten is, and one division rounds once, as strtod() does. */
static bool read_real(struct json_reader *r, struct number *n)
{
    static const double tens[EXACT_DIGITS + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    if (take(r, '.')) {
        ptrdiff_t before = n->digits;
        read_digits(r, n);
        n->behind_point = n->digits - before;
        if (n->behind_point == 0)
            return false;
    }
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+'))
            take(r, '-');
        return skip_digits(r) && push_text_as_real(r, n->start);
    }
    if (n->digits > EXACT_DIGITS)
        return push_text_as_real(r, n->start);
    double value = (double)n->value / tens[n->behind_point];
    lua_pushnumber(r->L, n->negative ? -value : value);
    return true;
}

static bool read_number(struct json_reader *r)
{
    struct number n = {.start = r->p};
    n.negative = take(r, '-');
    const char *digits = r->p;
    read_digits(r, &n);
    if (n.digits == 0 || (n.digits > 1 && *digits == '0'))
        return false;
    if (r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E'))
        return read_real(r, &n);
    if (n.digits > DIGITS_MAX || n.value > (uint64_t)INT64_MAX + n.negative)
        return false;
    lua_pushinteger(r->L, (lua_Integer)(n.negative ? 0 - n.value : n.value));
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
    return json_reader_take(r, '"') && json_reader_string(r, true) && json_reader_take(r, ':');
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
        return json_reader_string(r, false);
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
    return json_reader_take(r, '"') && json_reader_scan(r, name, &escaped) && !escaped && json_reader_take(r, ':');
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
