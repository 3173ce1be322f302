/*
 * budget: a bound on the CPU time of what runs in a Lua state.
 *
 * A count hook looks at the thread's CPU clock every thousand instructions. The clock is read first by the hook, not
 * when a call begins, so that the many short renderings cost no system call. Past the limit every further instruction
 * raises, so that no pcall in a script can go on. A C function of Lua's library that runs long cannot be stopped this
 * way.
 */
#ifndef ANZOL_SCRIPT_BUDGET_H
#define ANZOL_SCRIPT_BUDGET_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    int64_t limit_ms; /* 0: none */
    int64_t start_ns; /* of the thread's CPU clock; -1: not read yet */
    bool over;
    char message[256]; /* once over: "file:line: ran longer than 250 ms of CPU" */
};

/* Hooks the main thread; coroutines inherit the hook. `b` must stay where it is as long as the state lives. */
void budget_open(lua_State *L, struct budget *b);
/* Starts a span with its own limit; `outer` keeps the one that was running. */
void budget_begin(lua_State *L, int64_t limit_ms, struct budget *outer);
/* Ends it. True when it went over; then `message` (256 bytes) says so. The outer span starts afresh. */
bool budget_end(lua_State *L, const struct budget *outer, char message[256]);

#endif
