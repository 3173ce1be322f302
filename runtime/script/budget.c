#include "script/budget.h"

#include "core/pulse.h"
#include "script/trace.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EVERY = 250 };

/* The main thread's extra space is copied into each coroutine's, so that every thread finds the budget. */
struct budget *budget_of(lua_State *L)
{
    struct budget *b;
    memcpy(&b, lua_getextraspace(L), sizeof b);
    return b;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t budget_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* `place`: "file:line", or "". */
static void describe(struct budget *b, const char *place)
{
    const char *unit = b->limit_ms % 1000 == 0 ? "s" : "ms";
    long long n = (long long)(b->limit_ms % 1000 == 0 ? b->limit_ms / 1000 : b->limit_ms);
    snprintf(b->message, sizeof b->message, "%s%sran longer than %lld %s of CPU", place, *place == '\0' ? "" : ": ", n,
             unit);
}

static void on_count(lua_State *L, lua_Debug *ar);

/* 0: no hook. */
static void set_hook(lua_State *L, int every)
{
    if (lua_gethookcount(L) != every)
        lua_sethook(L, on_count, every == 0 ? 0 : LUA_MASKCOUNT, every);
}

static int usual_hook(const struct budget *b)
{
    return b->straight ? 0 : EVERY;
}

static bool is_spent(struct budget *b)
{
    if (b->limit_ms == 0)
        return false;
    int64_t tick = clock_ns(CLOCK_MONOTONIC_COARSE); /* the CPU's time goes no faster */
    if (tick == b->tick)
        return false;
    b->tick = tick;
    int64_t now = budget_cpu_ns();
    if (b->start_ns < 0)
        b->start_ns = now;
    return now - b->start_ns >= b->limit_ms * 1000000;
}

/* A coroutine may have frames of stdlib alone and be a script's all the same. */
static bool is_main(lua_State *L)
{
    bool is = lua_pushthread(L) == 1;
    lua_pop(L, 1);
    return is;
}

/* After an overrun: stdlib caught it, and goes on with the next. */
static bool is_caught(lua_State *L)
{
    luaL_checkstack(L, 2, NULL);
    return is_main(L) && !trace_in_script(L);
}

int budget_raise(lua_State *L)
{
    struct budget *b = budget_of(L);
    if (!b->over) {
        char place[160];
        trace_place(L, 0, place, sizeof place);
        describe(b, place);
    }
    b->over = true;
    set_hook(L, 1);
    luaL_checkstack(L, 1, NULL);
    lua_pushstring(L, b->message);
    return lua_error(L);
}

/* Of the loop that has not come back: which line it is at. */
static void tell_place(lua_State *L)
{
    char place[PULSE_PLACE_SIZE];
    trace_place(L, 0, place, sizeof place);
    pulse_answer(place);
}

void budget_check(lua_State *L)
{
    struct budget *b = budget_of(L);
    if (pulse_is_asked())
        tell_place(L);
    if ((b->over || b->refused) && is_caught(L)) {
        b->over = b->refused = false;
        b->start_ns = -1;
    }
    if (b->over || b->refused || is_spent(b))
        budget_raise(L);
    set_hook(L, usual_hook(b)); /* it may be 1 still */
}

/* Inside a sort, or whatever else is C, it cannot be stopped: there the budget is the bound. */
static bool slice_is_spent(lua_State *L, struct budget *b)
{
    if (b->sliced != L || b->over || b->refused)
        return false;
    int64_t tick = clock_ns(CLOCK_MONOTONIC_COARSE);
    if (b->slice_end < 0)
        b->slice_end = tick + b->slice_ns;
    return tick >= b->slice_end && lua_isyieldable(L);
}

void budget_slice(lua_State *L, lua_State *co, int64_t ms)
{
    struct budget *b = budget_of(L);
    b->sliced = co;
    b->slice_ns = ms * 1000000;
    b->slice_end = -1;
}

static void on_count(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (slice_is_spent(L, budget_of(L)))
        lua_yield(L, 0);
    else
        budget_check(L);
}

bool budget_refuses(struct budget *b)
{
    if (!b->over && !b->refused)
        b->refused = is_spent(b);
    return b->over || b->refused;
}

bool budget_explain(lua_State *L)
{
    struct budget *b = budget_of(L);
    if (!b->refused || b->over)
        return false;
    describe(b, "");
    lua_pushstring(L, b->message);
    return true;
}

void budget_open(lua_State *L, struct budget *b)
{
    *b = (struct budget){.start_ns = -1, .tick = -1};
    memcpy(lua_getextraspace(L), &b, sizeof b);
    set_hook(L, EVERY);
}

void budget_begin(lua_State *L, int64_t limit_ms, bool straight, struct budget *outer)
{
    struct budget *b = budget_of(L);
    *outer = *b;
    b->limit_ms = limit_ms;
    b->straight = straight;
    b->start_ns = -1;
    b->over = b->refused = false;
    set_hook(L, usual_hook(b));
}

void budget_unhook(lua_State *L)
{
    struct budget *b = budget_of(L);
    b->straight = true;
    if (!b->over)
        set_hook(L, 0);
}

bool budget_end(lua_State *L, const struct budget *outer, char message[256])
{
    struct budget *b = budget_of(L);
    if (b->refused && !b->over)
        describe(b, "");
    bool over = b->over || b->refused;
    if (over)
        memcpy(message, b->message, sizeof b->message);
    b->limit_ms = outer->limit_ms;
    b->straight = outer->straight;
    b->over = outer->over;
    b->refused = outer->refused;
    b->start_ns = -1;
    if (outer->over)
        memcpy(b->message, outer->message, sizeof b->message);
    set_hook(L, outer->over ? 1 : usual_hook(b));
    return over;
}
