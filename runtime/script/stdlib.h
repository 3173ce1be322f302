/*
 * stdlib: the Lua inside the binary, and the `require` by which its modules find each other.
 *
 * Modules are named "stdlib.x" and run under the chunk name "@stdlib/x.lua". With ANZOL_STDLIB=DIR in the environment
 * they are read from DIR/x.lua instead, for those who work on them. This `require` is for stdlib alone: scripts get the
 * one that stdlib/sandbox.lua makes.
 */
#ifndef ANZOL_SCRIPT_STDLIB_H
#define ANZOL_SCRIPT_STDLIB_H

#include <lua.h>
#include <stddef.h>

struct stdlib_file {
    const char *name; /* "stdlib.template.lexer" */
    const unsigned char *data;
    size_t len;
};

/* Written at build time by runtime/script/embed.c: compiled, which the program need not do at each start and reload. */
extern const struct stdlib_file stdlib_files[];
extern const size_t stdlib_file_count;

/*
 * Sets the global `require` and a `package` that has only `loaded` and `preload`; "cjson" is preloaded. May raise.
 */
void stdlib_open(lua_State *L);
/* Pushes the compiled chunk of a module; raises when there is no such module or it does not compile. */
void stdlib_load(lua_State *L, const char *name);

#endif
