#include "core/units.h"
#include "script/budget.h"
#include "script/native.h"

/* How much a value holds: each counts one, and one more for every so many bytes of a text. */
enum { WEIGHT_MAX = 4000, TEXT_STEP = 16, DEPTH_MAX = 60, TABLES_AT_ONCE = 16 };
static const int64_t WALK_MAX_NS = 2 * NS_PER_MS;

struct walk {
    lua_State *L;
    int weight, depth, tables;
    int64_t began_ns;
    int inside; /* index of the function that opens what has a metatable */
};

static bool add_value(struct walk *w);

/* A table with little in it may have been a large one: to look through its empty places takes as long as ever. */
static bool takes_long(const struct walk *w)
{
    budget_check(w->L);
    return budget_cpu_ns() - w->began_ns > WALK_MAX_NS;
}

/* The table at the top in the place of the one with a metatable there; false for what is not known. */
static bool open_table(struct walk *w)
{
    lua_State *L = w->L;
    if (lua_getmetatable(L, -1) == 0)
        return true;
    lua_pop(L, 1);
    lua_pushvalue(L, w->inside);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    return lua_istable(L, -1);
}

/* Of the table at the top. */
static bool add_pairs(struct walk *w)
{
    for (lua_pushnil(w->L); lua_next(w->L, -2) != 0; lua_pop(w->L, 1)) {
        if (!add_value(w))
            return false;
        lua_pushvalue(w->L, -2);
        bool small = add_value(w);
        lua_pop(w->L, 1);
        if (!small)
            return false;
    }
    return true;
}

/* The value at the top, which stays there, or what it was opened to. */
static bool add_value(struct walk *w)
{
    lua_State *L = w->L;
    w->weight++;
    if (lua_type(L, -1) == LUA_TSTRING)
        w->weight += (int)(lua_rawlen(L, -1) / TEXT_STEP);
    if (!lua_istable(L, -1) || w->weight > WEIGHT_MAX)
        return w->weight <= WEIGHT_MAX;
    if (++w->tables % TABLES_AT_ONCE == 0 && takes_long(w))
        return false;
    luaL_checkstack(L, 8, NULL);
    if (++w->depth > DEPTH_MAX || !open_table(w) || !add_pairs(w))
        return false;
    w->depth--;
    return true;
}

/* is_small(v, inside): whether there is little in `v`, and soon seen, tables met twice counted twice, and nothing that
 * runs when it is looked at: inside(t) gives the table to look at for one with a metatable, or nil. */
static int l_is_small(lua_State *L)
{
    lua_settop(L, 2);
    struct walk w = {.L = L, .inside = 2, .began_ns = budget_cpu_ns()};
    lua_pushvalue(L, 1);
    lua_pushboolean(L, add_value(&w) && !takes_long(&w));
    return 1;
}

const struct luaL_Reg native_small_functions[] = {{"is_small", l_is_small}, {NULL, NULL}};
