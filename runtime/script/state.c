#include "script/state.h"

#include "core/pulse.h"
#include "script/library.h"
#include "script/stdlib.h"
#include "script/trace.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#define TOO_MUCH  "scripts use more than %d MiB"
#define NO_MEMORY "not enough memory" /* Lua's words */

enum { LARGE = 1 << 20, SMALL_BLOCKS = 16 << 20 };

/* Of what a sanitizer is to watch, each block has to be malloc()'s. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
static const size_t SLAB_SIZE = 0;
#else
static const size_t SLAB_SIZE = SMALL_BLOCKS;
#endif

static void *allocate(void *ud, void *block, size_t old, size_t size)
{
    struct state *s = ud;
    if (block == NULL)
        old = 0; /* then it is a type tag */
    if (size == 0) {
        slab_give(&s->slab, block, old);
        s->used -= old;
        return NULL;
    }
    if (size > old && size - old > s->cap - s->used)
        return NULL; /* Lua collects garbage and tries once more */
    if (size > old && size > LARGE && budget_refuses(&s->budget))
        return NULL; /* filling it may take longer than all the instructions between two looks of the hook */
    void *moved = slab_resize(&s->slab, block, old, size);
    if (size > old) { /* some of Lua's functions do not ask again, but go on to something else */
        s->starved = s->starved || (s->refused != 0 && (moved == NULL || s->refused != size));
        s->refused = moved == NULL ? size : 0;
    }
    if (moved == NULL && size > old)
        return NULL;
    s->used += size - old;
    if (moved == NULL)
        return block; /* Lua takes it for granted that it can shrink */
    return moved;
}

int state_starve(lua_State *L)
{
    void *ud;
    (void)lua_getallocf(L, &ud);
    ((struct state *)ud)->starved = true;
    lua_pushliteral(L, NO_MEMORY);
    return lua_error(L);
}

int state_raise(lua_State *L, const struct err *e)
{
    if (e->domain == ERR_MEMORY)
        return state_starve(L);
    lua_pushstring(L, e->message);
    return lua_error(L);
}

/* Finalizers run during collection, where the count hook is off: an endless one would hang the process. */
static int l_setmetatable(lua_State *L)
{
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "__gc is not available in scripts");
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* Of os, what only reads a clock. */
static void open_os(lua_State *L)
{
    static const char *const kept[] = {"clock", "date", "difftime", "time"};
    lua_pushcfunction(L, luaopen_os);
    lua_call(L, 0, 1);
    lua_newtable(L);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        lua_getfield(L, -2, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    lua_setglobal(L, LUA_OSLIBNAME);
    lua_pop(L, 1);
}

static int open_libraries(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},        {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table},
        {LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math},    {LUA_UTF8LIBNAME, luaopen_utf8},
    };
    static const char *const removed[] = {"dofile", "loadfile"};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++) {
        lua_pushnil(L);
        lua_setglobal(L, removed[i]);
    }
    lua_pushcfunction(L, l_setmetatable);
    lua_setglobal(L, "setmetatable");
    open_os(L);
    library_open(L);
    stdlib_open(L);
    return 0;
}

int state_init(struct state *s, struct err *e)
{
    *s = (struct state){.cap = (size_t)STATE_MEMORY_MIB << 20};
    slab_init(&s->slab, SLAB_SIZE);
    s->L = lua_newstate(allocate, s);
    if (s->L == NULL) {
        slab_fini(&s->slab);
        return err_memory(e);
    }
    budget_open(s->L, &s->budget);
    if (state_run(s, open_libraries, NULL, 0, e) == 0)
        return 0;
    state_fini(s);
    return -1;
}

void state_fini(struct state *s)
{
    if (s->L != NULL)
        lua_close(s->L);
    s->L = NULL;
    slab_fini(&s->slab);
}

void state_collect_rarely(struct state *s, bool rarely)
{
    lua_gc(s->L, LUA_GCINC, rarely ? 400 : 200, 0, 0);
}

/* Puts what people should read in the place of Lua's own value at the top. */
static void explain(lua_State *L, int status, bool over, const char *message)
{
    if (over) {
        lua_pop(L, 1);
        lua_pushstring(L, message);
    } else if (status == LUA_ERRMEM) {
        lua_pop(L, 1);
        lua_gc(L, LUA_GCCOLLECT); /* now, while nobody holds what filled it, or the next call fails too */
        lua_pushfstring(L, TOO_MUCH, STATE_MEMORY_MIB);
    }
}

static int pcall_within(lua_State *L, int nargs, int nresults, int64_t budget_ms, bool straight)
{
    struct budget outer;
    char message[256];
    int handler = lua_gettop(L) - nargs;
    lua_pushcfunction(L, trace_handler);
    lua_insert(L, handler);
    budget_begin(L, budget_ms, straight, &outer);
    int status = lua_pcall(L, nargs, nresults, handler);
    bool over = budget_end(L, &outer, message);
    lua_remove(L, handler);
    if (status != LUA_OK)
        explain(L, status, over, message);
    if (over && status == LUA_ERRMEM)
        status = LUA_ERRRUN; /* there is memory; it was refused for the time it would have taken */
    return status;
}

int state_pcall(lua_State *L, int nargs, int nresults, int64_t budget_ms)
{
    return pcall_within(L, nargs, nresults, budget_ms, false);
}

int state_pcall_straight(lua_State *L, int nargs, int nresults)
{
    return pcall_within(L, nargs, nresults, STATE_RENDER_MS, true);
}

struct run {
    lua_CFunction fn;
    void *arg;
    int64_t budget_ms;
    struct err *e;
    bool failed;
};

int state_error(lua_State *L, int index, enum err_domain domain, int code, struct err *e)
{
    const char *text = lua_tostring(L, index);
    err_set(e, domain, code, "%s", text != NULL ? text : "an error without a message");
    for (char *p = e == NULL ? NULL : strpbrk(e->message, "\r\n"); p != NULL; p = strpbrk(p, "\r\n"))
        *p = ' ';
    return -1;
}

/* A frame of its own around the protected call, so that reading and replacing the message is protected too. */
static int run_protected(lua_State *L)
{
    struct run *r = lua_touserdata(L, 1);
    lua_pushcfunction(L, r->fn);
    lua_pushlightuserdata(L, r->arg);
    int status = state_pcall(L, 1, 0, r->budget_ms);
    if (status != LUA_OK) {
        r->failed = true;
        state_error(L, -1, ERR_SCRIPT, status == LUA_ERRMEM ? STATE_NO_MEMORY : 0, r->e);
    }
    return 0;
}

int state_run(struct state *s, lua_CFunction fn, void *arg, int64_t budget_ms, struct err *e)
{
    struct run r = {.fn = fn, .arg = arg, .budget_ms = budget_ms, .e = e};
    bool starved = s->starved; /* it may run inside another */
    s->starved = false;
    s->refused = 0;
    lua_pushcfunction(s->L, run_protected);
    lua_pushlightuserdata(s->L, &r);
    enum phase before = phase_enter(PHASE_SCRIPT);
    int status = lua_pcall(s->L, 1, 0, 0);
    phase_leave(before);
    pulse_about((struct bytes){0});
    bool short_of = s->starved || s->refused != 0;
    s->refused = 0;
    s->starved = starved;
    if (short_of) {
        lua_settop(s->L, 0);
        return err_memory(e);
    }
    if (status == LUA_ERRMEM)
        err_set(e, ERR_SCRIPT, STATE_NO_MEMORY, TOO_MUCH, STATE_MEMORY_MIB);
    else if (status != LUA_OK)
        state_error(s->L, -1, ERR_SCRIPT, 0, e);
    lua_settop(s->L, 0);
    return r.failed || status != LUA_OK ? -1 : 0;
}
