#include "script/library.h"

#include "script/budget.h"
#include "script/state.h"

#include <lua-cjson.h>
#include <lualib.h>
#include <string.h>

int library_original(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

int library_l_checked(lua_State *L)
{
    budget_check(L);
    return library_original(L);
}

/* --- base ------------------------------------------------------------------------------------------------------- */

/* The error is at the top. In a loop of failures each turn may take long: out of memory, Lua collects all its garbage.
 */
static int return_failure(lua_State *L)
{
    if (budget_explain(L))
        lua_replace(L, -2); /* "not enough memory" */
    budget_check(L);
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int on_pcall_end(lua_State *L, int status, lua_KContext below)
{
    if (status != LUA_OK && status != LUA_YIELD)
        return return_failure(L);
    return lua_gettop(L) - (int)below;
}

static int l_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, true);
    lua_insert(L, 1);
    return on_pcall_end(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, on_pcall_end), 0);
}

static int l_xpcall(lua_State *L)
{
    int n = lua_gettop(L) - 2;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* function, handler, true, function, arguments */
    return on_pcall_end(L, lua_pcallk(L, n, LUA_MULTRET, 2, 2, on_pcall_end), 2);
}

static int l_resume(lua_State *L)
{
    int n = library_original(L);
    return lua_toboolean(L, -n) ? n : return_failure(L);
}

/* --- string ----------------------------------------------------------------------------------------------------- */

static int raise_too_large(lua_State *L, size_t len, size_t n)
{
    lua_Integer total;
    if (__builtin_mul_overflow(len, n, &total))
        return luaL_error(L, "resulting string too large");
    return luaL_error(L, "resulting string too large: %I bytes, and scripts may use %d MiB", (LUAI_UACINT)total,
                      STATE_MEMORY_MIB);
}

/* Repeats the first `len` bytes to `total` of them. */
static void fill(char *out, size_t len, size_t total)
{
    while (len < total) {
        size_t n = len < total - len ? len : total - len;
        memcpy(out + len, out, n);
        len += n;
    }
}

static int l_rep(lua_State *L)
{
    size_t len, sep_len;
    const char *s = luaL_checklstring(L, 1, &len);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &sep_len);
    size_t both = len + sep_len, max = (size_t)STATE_MEMORY_MIB << 20;
    luaL_Buffer b;
    budget_check(L);
    if (n <= 0 || both == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (both > max / (size_t)n)
        return raise_too_large(L, both, (size_t)n);
    size_t total = both * (size_t)n;
    char *out = luaL_buffinitsize(L, &b, total); /* a separator more than there will be */
    memcpy(out, s, len);
    memcpy(out + len, sep, sep_len);
    fill(out, both, total);
    luaL_pushresultsize(&b, total - sep_len);
    return 1;
}

/* --- utf8 ------------------------------------------------------------------------------------------------------- */

/* Its steps pass over bytes that continue a character, however many. */
static int l_codes(lua_State *L)
{
    int n = library_l_checked(L);
    lua_pushvalue(L, -3);
    lua_pushcclosure(L, library_l_checked, 1);
    lua_replace(L, -4);
    return n;
}

/* --- cjson ------------------------------------------------------------------------------------------------------ */

enum { CJSON_MIB = 64, CJSON_DEPTH = 1000 };

/* The value at the top as lua-cjson would write it: adds its bytes, roughly and too few. */
static void measure(lua_State *L, size_t *bytes, int depth)
{
    budget_check(L);
    *bytes += lua_type(L, -1) == LUA_TSTRING ? lua_rawlen(L, -1) + 2 : 2;
    if (*bytes > (size_t)CJSON_MIB << 20)
        luaL_error(L, "Cannot serialise: more than %d MiB of JSON", CJSON_MIB);
    if (lua_type(L, -1) != LUA_TTABLE || depth > CJSON_DEPTH)
        return; /* deeper it refuses by itself */
    luaL_checkstack(L, 4, NULL);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING)
            *bytes += lua_rawlen(L, -2) + 4;
        measure(L, bytes, depth + 1);
        lua_pop(L, 1);
    }
}

/* Tables that hold each other twice make a text that no memory holds, and lua-cjson takes memory past Lua, and ends the
 * process when there is none. */
static int l_cjson_encode(lua_State *L)
{
    size_t bytes = 0;
    if (lua_gettop(L) == 1)
        measure(L, &bytes, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

int library_open_cjson(lua_State *L)
{
    lua_pushcfunction(L, luaopen_cjson);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "encode");
    lua_pushcclosure(L, l_cjson_encode, 1);
    lua_setfield(L, -2, "encode");
    return 1;
}

/* --- all -------------------------------------------------------------------------------------------------------- */

/* The library's functions of these names, in the table at the top. */
static void check_first(lua_State *L, const char *const *names)
{
    for (; *names != NULL; names++) {
        lua_getfield(L, -1, *names);
        lua_pushcclosure(L, library_l_checked, 1);
        lua_setfield(L, -2, *names);
    }
}

/* Arithmetic on strings reads them as numbers. */
static void check_arithmetic(lua_State *L)
{
    static const char *const names[] = {"__add", "__sub", "__mul", "__mod", "__pow", "__div", "__idiv", "__unm", NULL};
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    check_first(L, names);
    lua_pop(L, 2);
}

/* Each with Lua's own function of the name as its upvalue. */
static void replace(lua_State *L, const struct luaL_Reg *f)
{
    for (; f->name != NULL; f++) {
        lua_getfield(L, -1, f->name);
        lua_pushcclosure(L, f->func, 1);
        lua_setfield(L, -2, f->name);
    }
}

void library_open(lua_State *L)
{
    static const char *const base[] = {"tonumber", NULL};
    static const char *const coroutine[] = {"create", "wrap", NULL}; /* each begins the count of the hook afresh */
    static const char *const string[] = {"format", "pack", "packsize", "unpack", NULL};
    static const char *const utf8[] = {"codepoint", "len", "offset", NULL};
    static const struct luaL_Reg of_base[] = {{"pcall", l_pcall}, {"xpcall", l_xpcall}, {NULL, NULL}};
    static const struct luaL_Reg of_coroutine[] = {{"resume", l_resume}, {NULL, NULL}};
    static const struct luaL_Reg of_string[] = {{"rep", l_rep}, {NULL, NULL}};
    static const struct luaL_Reg of_utf8[] = {{"codes", l_codes}, {NULL, NULL}};
    const struct {
        const char *name, *const *checked;
        const struct luaL_Reg *replaced, *more;
    } libraries[] = {
        {LUA_GNAME, base, of_base, NULL},
        {LUA_COLIBNAME, coroutine, of_coroutine, NULL},
        {LUA_STRLIBNAME, string, of_string, native_pattern_functions},
        {LUA_TABLIBNAME, NULL, native_table_functions, NULL},
        {LUA_UTF8LIBNAME, utf8, of_utf8, NULL},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_getglobal(L, libraries[i].name);
        if (libraries[i].checked != NULL)
            check_first(L, libraries[i].checked);
        if (libraries[i].replaced != NULL)
            replace(L, libraries[i].replaced);
        if (libraries[i].more != NULL)
            replace(L, libraries[i].more);
        lua_pop(L, 1);
    }
    check_arithmetic(L);
}
