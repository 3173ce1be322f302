/* native: what flows tell the host: runs to start, steps asked for, what events bring to those who wait for them. */
#include "script/generation.h"
#include "script/native.h"
#include "script/trace.h"

#include <string.h>

static const struct render_sink *check_sink(lua_State *L)
{
    const struct render_sink *sink = native_self(L)->sink;
    if (sink == NULL)
        luaL_error(L, "there is nobody to take a step of a flow");
    return sink;
}

/* emit_run(flow, key, message) */
static int l_emit_run(lua_State *L)
{
    const struct render_sink *sink = check_sink(L);
    lua_settop(L, 3);
    luaL_checktype(L, 1, LUA_TSTRING);
    struct started s = {.flow = native_string_at(L, 1), .key = native_string_at(L, 2)};
    if (!lua_isnil(L, 3))
        s.error = luaL_gsub(L, luaL_checkstring(L, 3), "\n", " ");
    if (sink->on_run != NULL)
        sink->on_run(sink->ud, &s);
    return 0;
}

/* on_key(key) */
static int l_on_key(lua_State *L)
{
    const struct render_sink *sink = check_sink(L);
    luaL_checktype(L, 1, LUA_TSTRING);
    if (sink->on_key != NULL)
        sink->on_key(sink->ud, native_string_at(L, 1));
    return 0;
}

/* forms(name): the forms in which events of that name are waited for, a NUL between each; nil: nobody waits. */
static int l_forms(lua_State *L)
{
    struct native *n = native_self(L);
    luaL_checktype(L, 1, LUA_TSTRING);
    struct bytes forms = {0};
    if (n->forms != NULL)
        forms = n->forms(n->ud, native_string_at(L, 1));
    if (forms.data == NULL)
        lua_pushnil(L);
    else
        lua_pushlstring(L, forms.data, forms.len);
    return 1;
}

/* The field stays alive in the entry, which stays on the stack. */
static struct bytes text_field(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    struct bytes s = lua_type(L, -1) == LUA_TSTRING ? native_string_at(L, -1) : (struct bytes){0};
    lua_pop(L, 1);
    return s;
}

static int64_t number_field(lua_State *L, const char *name)
{
    lua_getfield(L, 2, name);
    int64_t n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return n;
}

static enum step_kind check_kind(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    for (int k = 1; k < STEP_KIND_COUNT; k++)
        if (strcmp(step_kind_name((enum step_kind)k), name) == 0)
            return (enum step_kind)k;
    luaL_error(L, "there is no step '%s'", name);
    return STEP_KIND_COUNT;
}

/* step(kind, entry, has_delivery) */
static int l_step(lua_State *L)
{
    const struct render_sink *sink = check_sink(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct asked_step s = {
        .kind = check_kind(L, 1),
        .number = (int)number_field(L, "number"),
        .path = text_field(L, "path"),
        .name = text_field(L, "name"),
        .match = text_field(L, "match"),
        .form = text_field(L, "form"),
        .due_ms = number_field(L, "due_ms"),
        .ended_ms = number_field(L, "ended_ms"),
        .result = text_field(L, "result"),
        .has_delivery = lua_toboolean(L, 3),
    };
    if (sink->on_step != NULL)
        sink->on_step(sink->ud, &s);
    return 0;
}

const struct luaL_Reg native_flow_functions[] = {{"emit_run", l_emit_run}, {"on_key", l_on_key},     {"forms", l_forms},
                                                 {"step", l_step},         {"trace", trace_handler}, {NULL, NULL}};
