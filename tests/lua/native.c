/* The C functions of the seam (stdlib/README.md) as a module, so that the specs of stdlib stand on the real ones. */
#include "script/native.h"
#include "script/budget.h"
#include "script/generation.h"

__attribute__((visibility("default"))) int luaopen_native(lua_State *L);

int luaopen_native(lua_State *L)
{
    static struct native n; /* for the life of the process, as the closures' upvalue */
    static struct budget budget;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD); /* from which new threads have it */
    budget_open(lua_tothread(L, -1), &budget);
    budget_open(L, &budget);
    native_init(&n, &(struct generation_options){.path_count = 0});
    native_push(L, &n);
    return 1;
}
