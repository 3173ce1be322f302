/*
 * library: functions of Lua's own library that may run long, in a way that the budget (budget.h) can end.
 *
 * Those with a loop that a script can make endless are our own, with the results and messages of Lua's; the others take
 * at most a moment for each MiB of their arguments, and look at the clock before. What Lua itself does in one
 * instruction (comparing two strings, reading a number from one in `for`) is as long as the strings are.
 */
#ifndef ANZOL_SCRIPT_LIBRARY_H
#define ANZOL_SCRIPT_LIBRARY_H

#include <lauxlib.h>

/* Replaces them in the libraries that are open: base, coroutine, table, string and utf8. May raise. */
void library_open(lua_State *L);
/* lua-cjson, as a loader of `require`. What it encodes is bounded like our own JSON. */
int library_open_cjson(lua_State *L);

/* For library_open(). */
extern const struct luaL_Reg native_pattern_functions[]; /* native_pattern.c: of string */
extern const struct luaL_Reg native_table_functions[];   /* native_table.c; upvalue 1 is Lua's function of the name */
int library_l_checked(lua_State *L); /* looks at the clock, then is its upvalue 1, a C function without any */
int library_original(lua_State *L);  /* the second half of that */

#endif
