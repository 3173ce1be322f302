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

/* How a protected call ended. */
struct ending {
    int status;
    bool over; /* the budget; `message` says so */
    char message[256];
};

static void pcall_within(lua_State *L, int nargs, int nresults, int64_t budget_ms, bool straight, struct ending *end)
{
    struct budget outer;
    int handler = lua_gettop(L) - nargs;
    lua_pushcfunction(L, trace_handler);
    lua_insert(L, handler);
    budget_begin(L, budget_ms, straight, &outer);
    end->status = lua_pcall(L, nargs, nresults, handler);
    end->over = budget_end(L, &outer, end->message);
    lua_remove(L, handler);
}

/* Puts what people should read in the place of Lua's own value at the top. */
static void explain(lua_State *L, struct ending *end)
{
    if (end->over) {
        lua_pop(L, 1);
        lua_pushstring(L, end->message);
        if (end->status == LUA_ERRMEM)
            end->status = LUA_ERRRUN; /* there is memory; it was refused for the time it would have taken */
    } else if (end->status == LUA_ERRMEM) {
        lua_pop(L, 1);
        lua_gc(L, LUA_GCCOLLECT); /* now, while nobody holds what filled it, or the next call fails too */
        lua_pushfstring(L, TOO_MUCH, STATE_MEMORY_MIB);
    }
}

static int pcall_and_explain(lua_State *L, int nargs, int nresults, int64_t budget_ms, bool straight)
{
    struct ending end;
    pcall_within(L, nargs, nresults, budget_ms, straight, &end);
    if (end.status != LUA_OK)
        explain(L, &end);
    return end.status;
}

int state_pcall(lua_State *L, int nargs, int nresults, int64_t budget_ms)
{
    return pcall_and_explain(L, nargs, nresults, budget_ms, false);
}

int state_pcall_straight(lua_State *L, int nargs, int nresults)
{
    return pcall_and_explain(L, nargs, nresults, STATE_RENDER_MS, true);
}

int state_error(lua_State *L, int index, enum err_domain domain, int code, struct err *e)
{
    const char *text = lua_tostring(L, index);
    err_set(e, domain, code, "%s", text != NULL ? text : "an error without a message");
    for (char *p = e == NULL ? NULL : strpbrk(e->message, "\r\n"); p != NULL; p = strpbrk(p, "\r\n"))
        *p = ' ';
    return -1;
}

struct failure {
    struct ending end;
    struct err *e;
};

/* The failure and what was raised. */
static int run_explain(lua_State *L)
{
    struct failure *f = lua_touserdata(L, 1);
    explain(L, &f->end);
    state_error(L, -1, ERR_SCRIPT, f->end.status == LUA_ERRMEM ? STATE_NO_MEMORY : 0, f->e);
    return 0;
}

/* What was raised is at the top. Protected once more: reading and replacing it takes memory. */
static void tell_failure(lua_State *L, struct failure *f)
{
    lua_pushcfunction(L, run_explain);
    lua_pushlightuserdata(L, f);
    lua_rotate(L, -3, 2);
    int status = lua_pcall(L, 2, 0, 0);
    if (status == LUA_ERRMEM)
        err_set(f->e, ERR_SCRIPT, STATE_NO_MEMORY, TOO_MUCH, STATE_MEMORY_MIB);
    else if (status != LUA_OK)
        state_error(L, -1, ERR_SCRIPT, 0, f->e);
}

int state_run(struct state *s, lua_CFunction fn, void *arg, int64_t budget_ms, struct err *e)
{
    struct failure f = {.e = e};
    bool starved = s->starved; /* it may run inside another */
    s->starved = false;
    s->refused = 0;
    lua_pushcfunction(s->L, fn);
    lua_pushlightuserdata(s->L, arg);
    enum phase before = phase_enter(PHASE_SCRIPT);
    pcall_within(s->L, 1, 0, budget_ms, false, &f.end);
    bool failed = f.end.status != LUA_OK;
    if (failed)
        tell_failure(s->L, &f);
    phase_leave(before);
    pulse_about((struct bytes){0});
    bool short_of = s->starved || s->refused != 0;
    s->refused = 0;
    s->starved = starved;
    lua_settop(s->L, 0);
    if (short_of)
        return err_memory(e);
    return failed ? -1 : 0;
}
