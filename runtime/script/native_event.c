/*
 * native: events. The envelope, {"name", "id"?, "data"?}, is read here as most of them are, and from its name go
 * deliveries to the webhooks; what takes more, and flows, is boot.lua's.
 */
#include "script/budget.h"
#include "script/generation.h"
#include "script/json_reader.h"
#include "script/native_request.h"

#include <string.h>

enum { TEXT_MAX = 255, RAW = 1, METATABLE, DATA, NAME, ID, LIST };

/* Upvalues. */
enum { UP_METATABLE = 2, UP_HOOKS, UP_FLOWS, UP_ON_EVENT, UP_DELIVER, UP_FAILED, UP_FORMS, UP_READ, UP_REST };

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

/* Leaves data, name and id in their places; false: there is a mistake in it, or it takes more to read it. */
static bool read_event(lua_State *L)
{
    struct json_reader r;
    struct bytes raw = lua_isnoneornil(L, RAW) ? native_self(L)->envelope : native_check_bytes(L, RAW);
    lua_settop(L, RAW);
    lua_pushvalue(L, lua_upvalueindex(UP_METATABLE));
    lua_settop(L, ID);
    if (!json_reader_begin(&r, L, raw, METATABLE) || !json_reader_take(&r, '{') || !read_inside(L, &r) ||
        !json_reader_take(&r, '}') || !json_reader_end(&r))
        return false;
    if (lua_isnil(L, DATA)) {
        lua_newtable(L);
        lua_replace(L, DATA);
    }
    return is_text(L, NAME) && (lua_isnil(L, ID) || is_text(L, ID)) && is_object(L, DATA);
}

static int l_read_event(lua_State *L)
{
    return read_event(L) ? ID - DATA + 1 : 0;
}

/* --- its way ---------------------------------------------------------------------------------------------------- */

/* read(raw), of boot.lua: data, name, id; or nil and why not. */
static void call_read(lua_State *L, int results)
{
    lua_pushvalue(L, lua_upvalueindex(UP_READ));
    lua_pushvalue(L, RAW);
    lua_call(L, 1, results);
}

static bool read_any(lua_State *L)
{
    if (read_event(L))
        return true;
    lua_settop(L, METATABLE);
    call_read(L, ID - METATABLE);
    return !lua_isnil(L, DATA);
}

/* Tells of it, and of nothing else yet. */
static void tell_event(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(UP_ON_EVENT));
    lua_pushvalue(L, NAME);
    lua_pushvalue(L, ID);
    lua_call(L, 2, 0);
}

/* What the table of that upvalue has for the event's name. */
static int push_route(lua_State *L, int upvalue)
{
    lua_pushvalue(L, NAME);
    return lua_rawget(L, lua_upvalueindex(upvalue));
}

/* The hook is at the top. */
static void send(lua_State *L)
{
    int hook = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(UP_DELIVER));
    lua_pushvalue(L, hook);
    lua_pushvalue(L, DATA);
    lua_call(L, 2, 2);
    if (lua_toboolean(L, -2))
        return;
    lua_pushvalue(L, lua_upvalueindex(UP_FAILED));
    native_push_hooked(L, hook);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 0);
}

/* Returns whether the data is still as it came: where a function of a script may have changed it, it is read anew. */
static bool send_all(lua_State *L)
{
    bool clean = true;
    if (push_route(L, UP_HOOKS) == LUA_TNIL)
        return clean;
    lua_Integer count = (lua_Integer)lua_rawlen(L, LIST);
    for (lua_Integer i = 1; i <= count; i++) {
        if (!clean) {
            call_read(L, 1);
            lua_replace(L, DATA);
        }
        lua_rawgeti(L, LIST, i);
        clean = !native_hook_may_change(L);
        send(L);
        lua_settop(L, LIST);
    }
    return clean;
}

/* Flows that begin with it, and those who wait for it: rest(raw, name, data, clean, flows, forms). */
static void tell_rest(lua_State *L, bool clean)
{
    lua_settop(L, ID);
    bool begins = push_route(L, UP_FLOWS) != LUA_TNIL;
    lua_pushvalue(L, lua_upvalueindex(UP_FORMS));
    lua_pushvalue(L, NAME);
    lua_call(L, 1, 1);
    if (!begins && lua_isnil(L, -1))
        return;
    lua_pushvalue(L, lua_upvalueindex(UP_REST));
    lua_pushvalue(L, RAW);
    lua_pushvalue(L, NAME);
    lua_pushvalue(L, DATA);
    lua_pushboolean(L, clean);
    lua_pushvalue(L, ID + 1);
    lua_pushvalue(L, ID + 2);
    lua_call(L, 6, 0);
}

/* event(raw): true; or nil, code and message. `raw` nil: the event at hand. */
static int l_event(lua_State *L)
{
    budget_unhook(L); /* what may run long looks at the clock itself, or is protected */
    if (!read_any(L)) {
        lua_pushnil(L);
        lua_pushinteger(L, 400);
        lua_pushvalue(L, NAME);
        return 3;
    }
    tell_event(L);
    tell_rest(L, send_all(L));
    lua_pushboolean(L, true);
    return 1;
}

/* way(parts): event(), of the functions and tables that it goes by. */
static int l_way(lua_State *L)
{
    static const char *const parts[] = {"hooks", "flows", "on_event", "deliver", "failed", "forms", "read", "rest"};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(UP_METATABLE));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        lua_getfield(L, 1, parts[i]);
    lua_pushcclosure(L, l_event, UP_REST);
    return 1;
}

/* envelope(): the text of the event at hand. */
static int l_envelope(lua_State *L)
{
    return native_push_bytes(L, native_self(L)->envelope);
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
    lua_pushcclosure(L, l_envelope, 1);
    lua_setfield(L, -2, "envelope");
    lua_pushlightuserdata(L, n);
    lua_getfield(L, -2, "json_decode");
    lua_getupvalue(L, -1, 1);
    lua_remove(L, -2);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, l_way, 2);
    lua_setfield(L, -4, "way");
    lua_pushcclosure(L, l_read_event, 2);
    lua_setfield(L, -2, "read_event");
}
