/* library: table. A length, an index or a comparison may be C all the way down, so that no instruction is counted. */
#include "script/budget.h"
#include "script/library.h"

#include <limits.h>
#include <stdbool.h>

enum { SMALL_LIST = 1 << 16, SMALL_TEXT = 64 };

/* What a value needs that stands for a table. */
enum { READS = 1, WRITES = 2, MEASURES = 4 };

static bool has_method(lua_State *L, int meta, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, meta);
    bool has = !lua_isnil(L, -1);
    lua_pop(L, 1);
    return has;
}

static void check_table(lua_State *L, int arg, int needs)
{
    if (lua_type(L, arg) == LUA_TTABLE)
        return;
    bool good = lua_getmetatable(L, arg) != 0;
    int meta = lua_gettop(L);
    good = good && ((needs & READS) == 0 || has_method(L, meta, "__index")) &&
           ((needs & WRITES) == 0 || has_method(L, meta, "__newindex")) &&
           ((needs & MEASURES) == 0 || has_method(L, meta, "__len"));
    if (!good)
        luaL_checktype(L, arg, LUA_TTABLE);
    lua_settop(L, meta - 1);
}

static lua_Integer check_list(lua_State *L, int needs)
{
    check_table(L, 1, needs | MEASURES);
    return luaL_len(L, 1);
}

/* t[to] = t[from], of the tables at those indices. */
static void copy(lua_State *L, int from_table, lua_Integer from, int to_table, lua_Integer to)
{
    lua_geti(L, from_table, from);
    lua_seti(L, to_table, to);
}

static int l_insert(lua_State *L)
{
    lua_Integer end = (lua_Integer)((lua_Unsigned)check_list(L, READS | WRITES) + 1), at = end;
    if (lua_gettop(L) == 3) {
        at = luaL_checkinteger(L, 2);
        luaL_argcheck(L, (lua_Unsigned)at - 1 < (lua_Unsigned)end, 2, "position out of bounds");
        for (lua_Integer i = end; i > at; i--, budget_check_some(L, (size_t)i))
            copy(L, 1, i - 1, 1, i);
    } else if (lua_gettop(L) != 2)
        return luaL_error(L, "wrong number of arguments to 'insert'");
    lua_seti(L, 1, at);
    return 0;
}

static int l_remove(lua_State *L)
{
    lua_Integer len = check_list(L, READS | WRITES), at = luaL_optinteger(L, 2, len);
    if (at != len)
        luaL_argcheck(L, (lua_Unsigned)at - 1 <= (lua_Unsigned)len, 1, "position out of bounds");
    lua_geti(L, 1, at);
    for (; at < len; at++, budget_check_some(L, (size_t)at))
        copy(L, 1, at + 1, 1, at);
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

static void move(lua_State *L, lua_Integer from, lua_Integer to, lua_Integer n, int table, bool backward)
{
    for (lua_Integer i = 0; i < n; i++, budget_check_some(L, (size_t)i)) {
        lua_Integer k = backward ? n - 1 - i : i;
        copy(L, 1, from + k, table, to + k);
    }
}

static int l_move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3), to = luaL_checkinteger(L, 4);
    int table = lua_isnoneornil(L, 5) ? 1 : 5;
    check_table(L, 1, READS);
    check_table(L, table, WRITES);
    if (last >= from) {
        luaL_argcheck(L, from > 0 || last < LUA_MAXINTEGER + from, 3, "too many elements to move");
        lua_Integer n = last - from + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
        bool apart = to > last || to <= from || (table != 1 && lua_compare(L, 1, table, LUA_OPEQ) == 0);
        move(L, from, to, n, table, !apart);
    }
    lua_pushvalue(L, table);
    return 1;
}

static void add_item(lua_State *L, luaL_Buffer *b, lua_Integer i)
{
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (%s) at index %I in table for 'concat'", luaL_typename(L, -1), (LUAI_UACINT)i);
    luaL_addvalue(b);
}

static int l_concat(lua_State *L)
{
    luaL_Buffer b;
    lua_Integer last = check_list(L, READS);
    size_t sep_len;
    const char *sep = luaL_optlstring(L, 2, "", &sep_len);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    last = luaL_optinteger(L, 4, last);
    luaL_buffinit(L, &b);
    for (; i < last; i++, budget_check_some(L, (size_t)i)) {
        add_item(L, &b, i);
        luaL_addlstring(&b, sep, sep_len);
    }
    if (i == last)
        add_item(L, &b, i);
    luaL_pushresult(&b);
    return 1;
}

static int l_unpack(lua_State *L)
{
    lua_Integer i = luaL_optinteger(L, 2, 1);
    lua_Integer last = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    budget_check(L);
    if (i > last)
        return 0;
    lua_Unsigned n = (lua_Unsigned)last - (lua_Unsigned)i; /* one less than there are */
    if (n >= INT_MAX || lua_checkstack(L, (int)n + 1) == 0)
        return luaL_error(L, "too many results to unpack");
    for (lua_Unsigned k = 0; k <= n; k++, budget_check_some(L, (size_t)k))
        lua_geti(L, 1, (lua_Integer)((lua_Unsigned)i + k));
    return (int)n + 1;
}

/* --- sort ------------------------------------------------------------------------------------------------------- */

/* a < b */
static int l_less(lua_State *L)
{
    budget_check(L);
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
    return 1;
}

/* Upvalue 1: a script's order that is a C function. */
static int l_order(lua_State *L)
{
    budget_check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* A list that is sorted in a few dozen ms at most. */
static bool is_easy(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TTABLE || lua_getmetatable(L, 1) != 0)
        return false;
    lua_Unsigned n = lua_rawlen(L, 1);
    bool easy = n <= SMALL_LIST;
    for (lua_Unsigned i = 1; easy && i <= n; i++) {
        int type = lua_rawgeti(L, 1, (lua_Integer)i);
        easy = type == LUA_TNUMBER || (type == LUA_TSTRING && lua_rawlen(L, -1) <= SMALL_TEXT);
        lua_pop(L, 1);
    }
    return easy;
}

/* Lua's own does the work, and compares by what looks at the clock. An order in Lua does that by itself. */
static int l_sort(lua_State *L)
{
    budget_check(L);
    if (lua_iscfunction(L, 2)) {
        lua_settop(L, 2);
        lua_pushcclosure(L, l_order, 1);
    } else if (lua_gettop(L) > 0 && lua_isnoneornil(L, 2) && !is_easy(L)) {
        lua_settop(L, 1);
        lua_pushcfunction(L, l_less);
    }
    return library_original(L);
}

const struct luaL_Reg native_table_functions[] = {
    {"insert", l_insert}, {"remove", l_remove}, {"move", l_move}, {"concat", l_concat},
    {"unpack", l_unpack}, {"sort", l_sort},     {NULL, NULL},
};
