/*
 * budget: a bound on the CPU time of what runs in a Lua state.
 *
 * A count hook looks at the thread's CPU clock every few hundred instructions, and so do the C functions that may run
 * long (library.h, json.h). Past the limit every further instruction raises, so that no pcall in a script can go on.
 * Who looks at the clock also looks whether the watchdog of the loop (core/pulse.h) wants to know the line, and tells
 * it. The CPU clock costs a system call: it is read when a coarse clock, which costs none, has moved on since the last
 * time, so that the many short renderings do not pay for it. The hook itself costs more than what it counts: code whose
 * loops in Lua look at the clock themselves (templates: stdlib/template/compiler.lua) goes without it.
 */
#ifndef ANZOL_SCRIPT_BUDGET_H
#define ANZOL_SCRIPT_BUDGET_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    int64_t limit_ms; /* 0: none */
    int64_t start_ns; /* of the thread's CPU clock; -1: not read yet */
    int64_t tick;     /* of the coarse clock, when the CPU clock was read last */
    bool straight;    /* no hook: what runs looks at the clock itself */
    bool over;
    bool refused;      /* over, and as yet only told by budget_refuses() */
    lua_State *sliced; /* the coroutine that may be stopped in between; NULL: none */
    int64_t slice_ns;  /* how long it may run at a time, … */
    int64_t slice_end; /* … and until when, by the coarse clock; -1: not read yet */
    char message[256]; /* once over: "file:line: ran longer than 250 ms of CPU" */
};

/* Hooks the main thread; coroutines inherit the hook. `b` must stay where it is as long as the state lives. */
void budget_open(lua_State *L, struct budget *b);
/* Starts a span with its own limit; `outer` keeps the one that was running. */
void budget_begin(lua_State *L, int64_t limit_ms, bool straight, struct budget *outer);
/* From here to the end of the span nothing counts instructions: there is no loop in Lua, but for those that look at the
 * clock and those of a few turns. `straight` says so of a whole span. */
void budget_unhook(lua_State *L);
/* Ends it. True when it went over; then `message` (256 bytes) says so. The outer span starts afresh. */
bool budget_end(lua_State *L, const struct budget *outer, char message[256]);

/* For C functions, now and then, as the hook does it for instructions: raises once over. Needs no room on the stack. */
void budget_check(lua_State *L);
/* The same once in so many turns of a loop, with what counts them. */
static inline void budget_check_some(lua_State *L, size_t turn)
{
    enum { EVERY = 256 };
    if (turn % EVERY == EVERY - 1)
        budget_check(L);
}
/* The same for those whom an error would make lose something: when true, let go of it and raise (or have Lua do it). */
bool budget_refuses(struct budget *b);
int budget_raise(lua_State *L);
/* For those who catch errors: when what failed was refused for the time it takes, pushes that and returns true. */
bool budget_explain(lua_State *L);
struct budget *budget_of(lua_State *L);

/* From here on the hook yields the coroutine `co`, without values, when it has run for `ms` and can be yielded; `co`
 * NULL: none any more. Whoever resumes it calls this before. */
void budget_slice(lua_State *L, lua_State *co, int64_t ms);
/* The thread's CPU clock. */
int64_t budget_cpu_ns(void);

#endif
