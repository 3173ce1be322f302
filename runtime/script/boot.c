#include "script/boot.h"

#include "script/budget.h"
#include "script/native.h"
#include "script/stdlib.h"

/* Their addresses are where the registry has what stdlib.boot returned, and its `event`. */
static const char BOOT, EVENT;

static int open_boot(lua_State *L)
{
    budget_unhook(L); /* it is all stdlib's */
    stdlib_load(L, "stdlib.boot");
    native_push(L, lua_touserdata(L, 1));
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1))
        return luaL_error(L, "stdlib.boot returned no table");
    lua_getfield(L, -1, "event");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &EVENT);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &BOOT);
    return 0;
}

int boot_open(struct state *s, struct native *n, struct err *e)
{
    return state_run(s, open_boot, n, STATE_LOAD_MS, e);
}

void boot_push(lua_State *L, const char *name)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &BOOT);
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION)
        luaL_error(L, "stdlib.boot has no function '%s'", name);
    lua_remove(L, -2);
}

struct call {
    const char *name;
    const struct boot_arg *args;
    int count;
    struct buf *out;
    struct err *e;
    int rc;
};

static void push_arg(lua_State *L, const struct boot_arg *a)
{
    if (a->is_boolean)
        lua_pushboolean(L, a->number != 0);
    else if (a->is_number)
        lua_pushinteger(L, a->number);
    else
        native_push_bytes(L, a->text);
}

void boot_push_args(lua_State *L, const struct boot_arg *args, int count)
{
    for (int i = 0; i < count; i++)
        push_arg(L, &args[i]);
}

/* nil, code, message; or nil, message; or nil alone, which is no failure. */
static int take_failure(lua_State *L, int first, struct err *e)
{
    if (lua_isinteger(L, first + 1))
        return state_error(L, first + 2, ERR_INPUT, (int)lua_tointeger(L, first + 1), e);
    if (lua_type(L, first + 1) == LUA_TSTRING)
        return state_error(L, first + 1, ERR_SCRIPT, 0, e);
    return 0;
}

static int run_call(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    int first = 2;
    boot_push(L, c->name);
    boot_push_args(L, c->args, c->count);
    lua_call(L, c->count, 3);
    if (!lua_toboolean(L, first)) {
        c->rc = take_failure(L, first, c->e);
    } else if (c->out != NULL && lua_type(L, first) == LUA_TSTRING) {
        if (buf_append_bytes(c->out, native_string_at(L, first)) != 0)
            c->rc = err_memory(c->e);
    }
    return 0;
}

static int run_event(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &EVENT);
    lua_call(L, 0, 3);
    if (!lua_toboolean(L, 2))
        c->rc = take_failure(L, 2, c->e);
    return 0;
}

int boot_event(struct state *s, struct err *e)
{
    struct call c = {.e = e};
    if (state_run(s, run_event, &c, STATE_RENDER_MS, e) != 0)
        return -1;
    return c.rc;
}

int boot_call(struct state *s, const char *name, const struct boot_arg *args, int count, int64_t budget_ms,
              struct buf *out, struct err *e)
{
    struct call c = {.name = name, .args = args, .count = count, .out = out, .e = e};
    if (state_run(s, run_call, &c, budget_ms, e) != 0)
        return -1;
    return c.rc;
}
