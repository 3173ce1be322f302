/*
 * json: JSON for Lua that loses nothing (DESIGN 3.10): integers keep 64 bits, {} and [] stay different, null is a value
 * of its own (the light userdata NULL, as lua-cjson's), UTF-8 is checked, depth and size are bounded.
 *
 * A list carries the array metatable, so that an empty one is written as []; a table with the keys 1 to n is a list
 * without it too.
 */
#ifndef ANZOL_SCRIPT_JSON_H
#define ANZOL_SCRIPT_JSON_H

#include "core/buf.h"

#include <lua.h>

enum { JSON_DEPTH_MAX = 512, JSON_TEXT_MIB = 64 };

/* Sets json_decode, json_encode, json_null, json_array and json_is_array in the table at the top. May raise. */
void json_open(lua_State *L);

/* Pushes the value of the text; `metatable` is the index of the array metatable. False: nothing is pushed, and
 * json_l_decode() says what is wrong, or takes it all the same. Raises once the budget is over. */
bool json_read(lua_State *L, struct bytes text, int metatable);

/* For json_open(). C functions; their upvalue 1 is the array metatable. */
int json_l_decode(lua_State *L);
int json_l_encode(lua_State *L);
/* Pushes what json_l_encode() writes into: its upvalue 2. */
void json_push_encoder(lua_State *L);

#endif
