/* The C functions of the seam (stdlib/README.md) as a module, so that the specs of stdlib stand on the real ones. */
#include "script/native.h"
#include "script/generation.h"

__attribute__((visibility("default"))) int luaopen_native(lua_State *L);

int luaopen_native(lua_State *L)
{
    static struct native n; /* for the life of the process, as the closures' upvalue */
    native_init(&n, &(struct generation_options){.path_count = 0});
    native_push(L, &n);
    return 1;
}
