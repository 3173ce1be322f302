#include "script/budget.h"
#include "script/console.h"
#include "script/native.h"

/* console_text(text): to the person whose line is run. */
static int l_console_text(lua_State *L)
{
    struct native *n = native_self(L);
    struct bytes text = native_check_bytes(L, 1);
    if (n->on_text != NULL)
        n->on_text(n->on_text_ud, text);
    return 0;
}

/* console_line(co): the count hook may yield it from here on; nil: none. */
static int l_console_line(lua_State *L)
{
    budget_slice(L, lua_tothread(L, 1), CONSOLE_SLICE_MS);
    return 0;
}

const struct luaL_Reg native_console_functions[] = {
    {"console_text", l_console_text}, {"console_line", l_console_line}, {NULL, NULL}};
