#include "script/json.h"

#include <lauxlib.h>

static int l_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, 1);
    return 1;
}

static int l_is_array(lua_State *L)
{
    int is = lua_type(L, 1) == LUA_TTABLE && lua_getmetatable(L, 1) != 0 && lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pushboolean(L, is);
    return 1;
}

static void push_array_metatable(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_pushliteral(L, "json.array");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "json.array"); /* shared by all lists: scripts must not add to it */
    lua_setfield(L, -2, "__metatable");
}

void json_open(lua_State *L)
{
    static const struct luaL_Reg functions[] = {
        {"json_decode", json_l_decode}, {"json_array", l_array}, {"json_is_array", l_is_array}, {NULL, NULL}};
    int table = lua_gettop(L);
    push_array_metatable(L);
    lua_pushvalue(L, -1);
    json_push_encoder(L);
    lua_pushcclosure(L, json_l_encode, 2);
    lua_setfield(L, table, "json_encode");
    lua_pushvalue(L, table);
    lua_insert(L, -2);
    luaL_setfuncs(L, functions, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, table, "json_null");
    lua_settop(L, table);
}
