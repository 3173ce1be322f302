/*
 * trace: where in a person's scripts something happened. Frames of stdlib and of C are passed over: what a reader can
 * act on is a line of their own.
 */
#ifndef ANZOL_SCRIPT_TRACE_H
#define ANZOL_SCRIPT_TRACE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * "file:line" of the innermost script line at `level` or above; a stdlib line when no script is running; "" when there
 * is no Lua line at all.
 */
void trace_place(lua_State *L, int level, char *out, size_t size);
/* True while a script's function is among the callers. */
bool trace_in_script(lua_State *L);
/*
 * A message handler for lua_pcall. Puts the script line in front of a message that has none or one inside stdlib, and
 * behind it the script lines it was called from: "a.lua:3: message (called from a.lua:9)". Tables pass through.
 */
int trace_handler(lua_State *L);

#endif
