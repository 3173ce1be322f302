/*
 * Decoding: what json_read.c does not take, Jansson parses, for its words about what is wrong and where; the tree of
 * what is right all the same becomes Lua values. (This file cannot include core/json_write.h: both have a
 * json_array().)
 */
#include "script/json.h"

#include "core/memory.h"
#include "core/utf8.h"
#include "script/budget.h"
#include "script/state.h"

#include <jansson.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { METATABLE = 2, NEAR_MAX = 20 };

static bool push_value(lua_State *L, json_t *v, int depth);

/* The text as Jansson takes it, so that a long one can be ended. */
struct reading {
    struct budget *budget;
    const char *s;
    size_t left;
};

static size_t on_read(void *out, size_t size, void *ud)
{
    struct reading *r = ud;
    size_t n = r->left < size ? r->left : size;
    if (budget_refuses(r->budget))
        return (size_t)-1;
    memcpy(out, r->s, n);
    r->s += n;
    r->left -= n;
    return n;
}

static bool push_array(lua_State *L, json_t *v, int depth)
{
    size_t n = json_array_size(v);
    lua_createtable(L, n > INT_MAX ? INT_MAX : (int)n, 0);
    lua_pushvalue(L, METATABLE);
    lua_setmetatable(L, -2);
    for (size_t i = 0; i < n; i++) {
        budget_check_some(L, i);
        if (!push_value(L, json_array_get(v, i), depth))
            return false;
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return true;
}

static bool push_object(lua_State *L, json_t *v, int depth)
{
    size_t n = json_object_size(v), seen = 0;
    lua_createtable(L, 0, n > INT_MAX ? INT_MAX : (int)n);
    for (void *i = json_object_iter(v); i != NULL; i = json_object_iter_next(v, i)) {
        budget_check_some(L, seen++);
        lua_pushlstring(L, json_object_iter_key(i), json_object_iter_key_len(i));
        if (!push_value(L, json_object_iter_value(i), depth))
            return false;
        lua_rawset(L, -3);
    }
    return true;
}

/* False: nested too deep. */
static bool push_value(lua_State *L, json_t *v, int depth)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (depth == JSON_DEPTH_MAX)
            return false;
        luaL_checkstack(L, 6, "JSON");
        return json_is_array(v) ? push_array(L, v, depth + 1) : push_object(L, v, depth + 1);
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(v), json_string_length(v));
        return true;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(v));
        return true;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(v));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(v));
        return true;
    case JSON_NULL:
        break;
    }
    lua_pushlightuserdata(L, NULL);
    return true;
}

/* The tree as light userdata, the array metatable -> the value; nothing: nested too deep. */
static int convert(lua_State *L)
{
    return push_value(L, lua_touserdata(L, 1), 0) ? 1 : 0;
}

/* The text is valid up to the bracket that goes too deep; this finds it. */
static void push_too_deep(lua_State *L, const char *s, size_t len)
{
    int line = 1, column = 0, depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        column += ((unsigned char)s[i] & 0xC0) != 0x80;
        if (s[i] == '\n') {
            line++;
            column = 0;
        } else if (s[i] == '"')
            quoted = !quoted;
        else if (s[i] == '\\' && quoted) {
            i++;
            column++;
        } else if (!quoted && (s[i] == '[' || s[i] == '{')) {
            if (++depth > JSON_DEPTH_MAX)
                break;
        } else if (!quoted && (s[i] == ']' || s[i] == '}'))
            depth--;
    }
    lua_pushfstring(L, "line %d, column %d: nested deeper than %d levels", line, column, JSON_DEPTH_MAX);
}

/* Jansson gives the column where a token ends; people look for where it begins. In a string that breaks off, the end is
 * it. */
static int column_of(const json_error_t *e, const char *near)
{
    static const char *const inside[] = {"unexpected newline", "control character", "invalid escape",
                                         "invalid Unicode",    "unable to decode",  "premature end"};
    int column = e->column < 1 ? 1 : e->column;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (strncmp(e->text, inside[i], strlen(inside[i])) == 0)
            return column;
    size_t len = near == NULL ? 0 : strlen(near);
    if (len > 7) /* near 'TOKEN' */
        column -= (int)utf8_count((struct bytes){near + 6, len - 7}) - 1;
    return column < 1 ? 1 : column;
}

static bool is_blank(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr(" \t\r\n", s[i]) == NULL || s[i] == '\0')
            return false;
    return true;
}

static void push_error(lua_State *L, json_error_t *e, const char *s, size_t len)
{
    static const char end_near[] = "near end of file", end_expected[] = "end of file expected";
    enum json_error_code code = json_error_code(e);
    if (code == json_error_stack_overflow) {
        push_too_deep(L, s, len);
        return;
    }
    if (is_blank(s, len)) {
        lua_pushliteral(L, "line 1, column 1: it is empty; expected JSON");
        return;
    }
    if (code == json_error_out_of_memory)
        state_starve(L);
    for (char *p = e->text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' '; /* a token may hold a line break */
    const char *near = strstr(e->text, "near '");
    const char *at_end = strstr(e->text, end_near);
    if (at_end != NULL) {
        int column = len == 0 ? 1 : e->column + 1;
        lua_pushfstring(L, "line %d, column %d: ", e->line, column);
        lua_pushlstring(L, e->text, (size_t)(at_end - e->text));
        lua_pushliteral(L, "at the end of the text");
        lua_concat(L, 3);
    } else if (strncmp(e->text, end_expected, sizeof end_expected - 1) == 0)
        lua_pushfstring(L, "line %d, column %d: end of the text expected%s", e->line, column_of(e, near),
                        e->text + sizeof end_expected - 1);
    else
        lua_pushfstring(L, "line %d, column %d: %s", e->line, column_of(e, near), e->text);
}

/* Jansson would take a NUL after the value for the end. */
static int refuse_nul(lua_State *L, const char *s)
{
    int line = 1, column = 1;
    for (; *s != '\0'; s++) {
        column = *s == '\n' ? 1 : column + (((unsigned char)*s & 0xC0) != 0x80);
        line += *s == '\n';
    }
    lua_pushnil(L);
    lua_pushfstring(L, "line %d, column %d: a NUL byte", line, column);
    return 2;
}

/* What json_read() has left: nil and a message; or the value, of one that is merely rare. */
static int decode(lua_State *L, const char *s, size_t len)
{
    json_error_t e;
    if (memchr(s, '\0', len) != NULL)
        return refuse_nul(L, s);
    struct reading r = {budget_of(L), s, len};
    unsigned long failures = memory_failures();
    json_t *root = json_load_callback(on_read, &r, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (root == NULL && r.left > 0 && budget_refuses(r.budget))
        return budget_raise(L);
    if (root == NULL && memory_failures() != failures)
        return state_starve(L); /* Jansson may say anything of the text then */
    if (root == NULL) {
        lua_pushnil(L);
        push_error(L, &e, s, len);
        return 2;
    }
    /* Protected, so that the tree is released when Lua runs out of memory. */
    lua_pushcfunction(L, convert);
    lua_pushlightuserdata(L, root);
    lua_pushvalue(L, lua_upvalueindex(1));
    int status = lua_pcall(L, 2, LUA_MULTRET, 0);
    json_decref(root);
    if (status != LUA_OK)
        return lua_error(L);
    if (lua_gettop(L) == 2)
        return 1;
    lua_pushnil(L);
    push_too_deep(L, s, len);
    return 2;
}

int json_l_decode(lua_State *L)
{
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    if (json_read(L, (struct bytes){s, len}, 2))
        return 1;
    lua_settop(L, 1);
    return decode(L, s, len);
}
