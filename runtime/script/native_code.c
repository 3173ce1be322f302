/* native: loading and running Lua. */
#include "script/budget.h"
#include "script/load.h"
#include "script/native.h"
#include "script/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The real path lies under a folder of the scripts, whatever ".." and links say. */
static bool is_allowed(const struct native *n, const char *real)
{
    for (size_t i = 0; i < n->loading->dir_count; i++) {
        const char *dir = n->loading->real_dirs[i];
        size_t len = strlen(dir);
        if (strncmp(real, dir, len) == 0 && (real[len] == '/' || dir[len - 1] == '/'))
            return true;
    }
    return false;
}

static int fail(lua_State *L, const char *message)
{
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

/* Out of the archive, or from disk and noted for one. */
static int l_readfile(lua_State *L)
{
    struct native *n = native_self(L);
    const char *path = luaL_checkstring(L, 1);
    struct err e;
    if (n->loading == NULL)
        return fail(L, "files are read only while the scripts load");
    if (n->loading->archived) {
        const struct buf *text = load_find_module(n->loading, path);
        return text == NULL ? fail(L, "no such file among the stored scripts") : native_push_bytes(L, buf_view(text));
    }
    char *real = realpath(path, NULL);
    if (real == NULL && errno == ENOMEM)
        return state_starve(L);
    bool found = real != NULL, allowed = found && is_allowed(n, real);
    free(real);
    if (found && !allowed)
        return fail(L, "the file is outside the folders of the scripts");
    if (load_note_looked(n->loading, path, &e) != 0)
        return state_raise(L, &e);
    buf_clear(&n->scratch);
    if (load_read_file(path, &n->scratch, &e) != 0 || load_add_module(n->loading, path, buf_view(&n->scratch), &e) != 0)
        return e.domain == ERR_MEMORY ? state_starve(L) : fail(L, e.message);
    return native_push_bytes(L, buf_view(&n->scratch));
}

static int l_where(lua_State *L)
{
    lua_Debug ar;
    lua_Integer level = luaL_checkinteger(L, 1);
    if (level < 0 || level > 1000 || lua_getstack(L, (int)level + 1, &ar) == 0 || lua_getinfo(L, "Sl", &ar) == 0 ||
        ar.currentline <= 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushstring(L, *ar.source == '@' ? ar.source + 1 : ar.short_src);
    lua_pushinteger(L, ar.currentline);
    return 2;
}

/* closure(f): path, first and last line, {name = upvalue} of a function of a script; nothing of one in C. */
static int l_closure(lua_State *L)
{
    lua_Debug ar;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    if (lua_getinfo(L, ">S", &ar) == 0 || *ar.source != '@')
        return 0;
    lua_pushstring(L, ar.source + 1);
    lua_pushinteger(L, ar.linedefined);
    lua_pushinteger(L, ar.lastlinedefined);
    lua_newtable(L);
    const char *name;
    for (int i = 1; (name = lua_getupvalue(L, 1, i)) != NULL; i++) {
        if (strcmp(name, "_ENV") == 0)
            lua_pop(L, 1);
        else
            lua_setfield(L, -2, name);
    }
    return 4;
}

static int l_compile(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const char *chunk = luaL_checkstring(L, 2);
    lua_settop(L, 3);
    if (*text == *LUA_SIGNATURE) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s:1: precompiled Lua is not accepted, only its source", *chunk == '@' ? chunk + 1 : chunk);
        return 2;
    }
    if (luaL_loadbufferx(L, text, len, chunk, "t") != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (!lua_isnil(L, 3)) {
        lua_pushvalue(L, 3);
        if (lua_setupvalue(L, -2, 1) == NULL) /* a chunk always has _ENV */
            lua_pop(L, 1);
    }
    return 1;
}

static int run_protected(lua_State *L, int64_t budget_ms)
{
    struct native *n = native_self(L);
    size_t mark = n->text.len;
    luaL_checkany(L, 1);
    int nargs = lua_gettop(L) - 1;
    bool good = state_pcall(L, nargs, LUA_MULTRET, budget_ms) == LUA_OK;
    native_drop_text(n, mark);
    luaL_checkstack(L, 1, NULL);
    lua_pushboolean(L, good);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int l_protected(lua_State *L)
{
    return run_protected(L, STATE_RENDER_MS);
}

/* The same with eight times the budget: for what has gone well before. */
static int l_patient(lua_State *L)
{
    return run_protected(L, 8 * STATE_RENDER_MS);
}

static int l_unhook(lua_State *L)
{
    budget_unhook(L);
    return 0;
}

/* call_plain(f, ...): f's first result. Across this call nothing can yield. */
static int l_call_plain(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

const struct luaL_Reg native_code_functions[] = {
    {"readfile", l_readfile}, {"where", l_where},           {"closure", l_closure},
    {"compile", l_compile},   {"protected", l_protected},   {"patient", l_patient},
    {"unhook", l_unhook},     {"call_plain", l_call_plain}, {NULL, NULL}};
