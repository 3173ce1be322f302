/* native: strings and numbers. */
#include "core/base64.h"
#include "core/json_write.h"
#include "core/nearest.h"
#include "core/units.h"
#include "core/utf8.h"
#include "script/budget.h"
#include "script/native.h"

#include <math.h>

enum { KEEP_MAX = 1 << 20 };

static struct bytes check_bytes(lua_State *L, int arg)
{
    budget_check(L); /* some take a few ns for each byte */
    return native_check_bytes(L, arg);
}

static struct buf *empty_scratch(lua_State *L)
{
    struct buf *b = &native_self(L)->scratch;
    if (b->cap > KEEP_MAX)
        buf_fini(b);
    buf_clear(b);
    return b;
}

static int l_json_escape(lua_State *L)
{
    struct bytes s = check_bytes(L, 1);
    struct buf *b = empty_scratch(L);
    if (json_escape(b, s) == 0 || buf_failed(b))
        return native_push_buf(L, b);
    lua_pushnil(L);
    return 1;
}

static int l_json_number(lua_State *L)
{
    char text[32];
    luaL_checktype(L, 1, LUA_TNUMBER);
    if (lua_isinteger(L, 1))
        lua_pushfstring(L, "%I", (LUAI_UACINT)lua_tointeger(L, 1));
    else if (json_number(text, lua_tonumber(L, 1)) == 0)
        lua_pushstring(L, text);
    else
        return native_raise(L, isnan(lua_tonumber(L, 1)) ? "NaN is no number of JSON"
                                                         : "an infinite number is no number of JSON");
    return 1;
}

static int l_percent_encode(lua_State *L)
{
    struct bytes s = check_bytes(L, 1);
    struct buf *b = empty_scratch(L);
    request_percent_encode(b, s); /* a failure stays in the buffer */
    return native_push_buf(L, b);
}

static int l_base64(lua_State *L)
{
    struct bytes s = check_bytes(L, 1);
    struct buf *b = empty_scratch(L);
    size_t size = base64_size(s.len);
    if (buf_reserve(b, size) == 0)
        b->len = base64_encode(b->data, s, 0, BASE64_STANDARD);
    return native_push_buf(L, b);
}

static int l_utf8_valid(lua_State *L)
{
    struct bytes s = check_bytes(L, 1);
    lua_pushboolean(L, utf8_valid_prefix(s) == s.len);
    return 1;
}

/* The bound of units_parse_duration(), ten years, holds for numbers too. */
static bool seconds_to_ms(double seconds, int64_t *ms)
{
    if (!(seconds >= 0 && seconds <= 10.0 * 366 * 24 * 3600))
        return false;
    *ms = llround(seconds * 1000);
    return true;
}

static int l_duration(lua_State *L)
{
    int64_t ms = 0;
    bool good = false;
    if (lua_type(L, 1) == LUA_TNUMBER)
        good = seconds_to_ms(lua_tonumber(L, 1), &ms);
    else if (lua_type(L, 1) == LUA_TSTRING)
        good = units_parse_duration(check_bytes(L, 1), &ms) == 0;
    if (good)
        lua_pushinteger(L, ms);
    else
        lua_pushnil(L);
    return 1;
}

static int l_nearest(lua_State *L)
{
    const char *typed = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = 0, n = lua_rawlen(L, 2);
    const char **candidates = lua_newuserdatauv(L, (n + 1) * sizeof *candidates, 0);
    for (size_t i = 1; i <= n; i++) {
        /* The list keeps the string alive. */
        if (lua_rawgeti(L, 2, (lua_Integer)i) == LUA_TSTRING)
            candidates[count++] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    lua_pushstring(L, nearest(typed, candidates, count));
    return 1;
}

const struct luaL_Reg native_text_functions[] = {{"json_escape", l_json_escape},
                                                 {"json_number", l_json_number},
                                                 {"percent_encode", l_percent_encode},
                                                 {"base64", l_base64},
                                                 {"utf8_valid", l_utf8_valid},
                                                 {"duration", l_duration},
                                                 {"nearest", l_nearest},
                                                 {NULL, NULL}};
