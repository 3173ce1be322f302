/* native: the envelope of an event, {"name", "id"?, "data"?}, as most of them are. */
#include "script/generation.h"
#include "script/json_reader.h"
#include "script/native.h"

#include <string.h>

enum { TEXT_MAX = 255, UP_METATABLE = 2, RAW = 1, METATABLE, DATA, NAME, ID };

/* Where the value of a member of that name is kept; 0: nowhere. */
static int place_of(struct bytes name)
{
    if (bytes_equal(name, bytes_of("data")))
        return DATA;
    if (bytes_equal(name, bytes_of("name")))
        return NAME;
    return bytes_equal(name, bytes_of("id")) ? ID : 0;
}

static bool read_members(lua_State *L, struct json_reader *r)
{
    struct bytes name;
    do {
        if (!json_reader_name(r, &name))
            return false;
        int place = place_of(name);
        if (place == 0 || !json_reader_value(r))
            return false;
        lua_replace(L, place);
    } while (json_reader_take(r, ','));
    return true;
}

static bool is_text(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING && lua_rawlen(L, index) > 0 && lua_rawlen(L, index) <= TEXT_MAX;
}

/* An object has no metatable. */
static bool is_object(lua_State *L, int index)
{
    return lua_istable(L, index) && lua_getmetatable(L, index) == 0;
}

static bool read_inside(lua_State *L, struct json_reader *r)
{
    r->depth++; /* of the envelope's own braces */
    bool good = read_members(L, r);
    r->depth--;
    return good;
}

/* read_event(raw): data, name and id; nothing, when there is a mistake in it or it takes more to read it. */
static int l_read_event(lua_State *L)
{
    struct json_reader r;
    struct bytes raw = native_check_bytes(L, RAW);
    lua_settop(L, RAW);
    lua_pushvalue(L, lua_upvalueindex(UP_METATABLE));
    lua_settop(L, ID);
    if (!json_reader_begin(&r, L, raw, METATABLE) || !json_reader_take(&r, '{') || !read_inside(L, &r) ||
        !json_reader_take(&r, '}') || !json_reader_end(&r))
        return 0;
    if (lua_isnil(L, DATA)) {
        lua_newtable(L);
        lua_replace(L, DATA);
    }
    if (!is_text(L, NAME) || !(lua_isnil(L, ID) || is_text(L, ID)) || !is_object(L, DATA))
        return 0;
    return ID - DATA + 1;
}

/* on_event(name, id) */
static int l_on_event(lua_State *L)
{
    const struct render_sink *sink = native_self(L)->sink;
    luaL_checktype(L, 1, LUA_TSTRING);
    struct event_head h = {.name = native_string_at(L, 1)};
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TSTRING);
        h.key = native_string_at(L, 2);
    }
    if (sink != NULL && sink->on_event != NULL)
        sink->on_event(sink->ud, &h);
    return 0;
}

/* The functions of the table at the top; json_decode is in it already. */
void native_open_event(lua_State *L, struct native *n)
{
    lua_pushlightuserdata(L, n);
    lua_pushcclosure(L, l_on_event, 1);
    lua_setfield(L, -2, "on_event");
    lua_pushlightuserdata(L, n);
    lua_getfield(L, -2, "json_decode");
    lua_getupvalue(L, -1, 1);
    lua_remove(L, -2);
    lua_pushcclosure(L, l_read_event, 2);
    lua_setfield(L, -2, "read_event");
}
