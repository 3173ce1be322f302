/*
 * state: a Lua state made for running other people's scripts: memory capped, CPU bounded, few libraries.
 *
 * Open are base (without dofile and loadfile), coroutine, table, string, math and utf8, and the `require` of stdlib.h.
 * setmetatable refuses
 * __gc: finalizers run where no hook can stop them. Nothing may touch `L` outside state_run(), or an error there ends
 * the process.
 */
#ifndef ANZOL_SCRIPT_STATE_H
#define ANZOL_SCRIPT_STATE_H

#include "core/err.h"
#include "core/slab.h"
#include "script/budget.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* The code of ERR_SCRIPT when scripts have come to their cap: there may be room when others let go of theirs. */
enum { STATE_NO_MEMORY = 1 };

enum { STATE_MEMORY_MIB = 256, STATE_LOAD_MS = 5000, STATE_RENDER_MS = 250 };

struct state {
    lua_State *L;
    struct slab slab;
    size_t used, cap; /* bytes */
    size_t refused;   /* the process had no memory for that many bytes; Lua collects garbage and asks again */
    bool starved;     /* nor then, since state_run() began */
    struct budget budget;
};

/* The struct must stay where it is. */
int state_init(struct state *s, struct err *e);
void state_fini(struct state *s); /* also of a zeroed struct */

/*
 * Calls fn(L) with the light userdata `arg` as its only argument, protected and within `budget_ms` of CPU (0: no
 * bound). -1: `e` has ERR_SCRIPT and the message, the script line in front; or ERR_MEMORY, when the process ran short
 * meanwhile, whatever the scripts and stdlib made of it: what fn() did is worth nothing then.
 */
int state_run(struct state *s, lua_CFunction fn, void *arg, int64_t budget_ms, struct err *e);

/* Loading makes much that lives and little that does not: collecting only when memory has grown fourfold takes a third
 * off its time. */
void state_collect_rarely(struct state *s, bool rarely);

/* Raises "not enough memory" where the process has none, for C functions that allocate past Lua. */
int state_starve(lua_State *L);
/* Raises what `e` says: as state_starve() for ERR_MEMORY. */
int state_raise(lua_State *L, const struct err *e);

/* Fills `e` with the text at `index`, as one line; returns -1. */
int state_error(lua_State *L, int index, enum err_domain domain, int code, struct err *e);

/*
 * lua_pcall with a message handler and a budget of its own, for use within a C function: the function and `nargs`
 * arguments are on the stack. On failure one value is left: a string with the script line in front, or the table that
 * was raised.
 */
int state_pcall(lua_State *L, int nargs, int nresults, int64_t budget_ms);
/* The same within STATE_RENDER_MS, after budget_unhook(). */
int state_pcall_straight(lua_State *L, int nargs, int nresults);

#endif
