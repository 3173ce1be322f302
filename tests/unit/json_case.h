/*
 * json_case: a Lua state with the functions of the JSON codec as globals. Of the groups' setup and teardown.
 */
#ifndef JSON_CASE_H
#define JSON_CASE_H

#include <lua.h>

#include "script/json.h"
#include "script/state.h"

static struct state vm;

static int json_case_open(lua_State *L)
{
    lua_pushglobaltable(L);
    json_open(L);
    return 0;
}

static int json_case_setup(void **state)
{
    (void)state;
    struct err e;
    return state_init(&vm, &e) != 0 || state_run(&vm, json_case_open, NULL, 0, &e) != 0;
}

static int json_case_teardown(void **state)
{
    (void)state;
    state_fini(&vm);
    return 0;
}

#endif
