/*
 * fuzz_pattern: find, match, gmatch and gsub as scripts have them against those of plain Lua. An input is a pattern, a
 * subject and a replacement, each from the next by a line "%%". What ours does not end within its budget is not asked
 * of the others, which have none.
 */
#include "fuzz.h"
#include "script/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUDGET_MS = 2 };

/* Results and messages as one text. */
static const char TRY[] = "local p, s, r, from = ...\n"
                          "local out = {}\n"
                          "local function put(...)\n"
                          "  for i = 1, select('#', ...) do\n"
                          "    local v = (select(i, ...))\n"
                          "    out[#out + 1] = math.type(v) or type(v)\n"
                          "    out[#out + 1] = tostring(v)\n"
                          "  end\n"
                          "end\n"
                          "local function all(...)\n"
                          "  local it, n = string.gmatch(...), 0\n"
                          "  local function keep(...) put(...) return (...) end\n"
                          "  while keep(it()) ~= nil and n < 500 do n = n + 1 end\n"
                          "end\n"
                          "put(pcall(string.find, s, p, from))\n"
                          "put(pcall(string.find, s, p, from, true))\n"
                          "put(pcall(string.match, s, p, from))\n"
                          "put(pcall(all, s, p, from))\n"
                          "put(pcall(string.gsub, s, p, r, from))\n"
                          "put(pcall(string.gsub, s, p, {[r] = 'x', a = false, b = 2}))\n"
                          "put(pcall(string.gsub, s, p, function(a, b) return b or #tostring(a) % 2 == 0 and r end))\n"
                          "return table.concat(out, '\\n')\n";

static struct state ours;
static lua_State *plain;

struct attempt {
    struct bytes parts[3];
    lua_Integer from;
    struct buf out;
};

static void open_all(void)
{
    struct err e;
    plain = luaL_newstate();
    if (plain == NULL || state_init(&ours, &e) != 0)
        abort();
    luaL_openlibs(plain);
}

static int run(lua_State *L)
{
    struct attempt *a = lua_touserdata(L, 1);
    static const char compiled;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &compiled) == LUA_TNIL) {
        if (luaL_loadbufferx(L, TRY, sizeof TRY - 1, "@try.lua", "t") != LUA_OK)
            return lua_error(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &compiled);
    }
    for (size_t i = 0; i < 3; i++)
        lua_pushlstring(L, a->parts[i].data, a->parts[i].len);
    lua_pushinteger(L, a->from);
    lua_call(L, 4, 1);
    size_t len;
    const char *s = luaL_tolstring(L, -1, &len);
    buf_clear(&a->out);
    buf_append(&a->out, s, len);
    return 0;
}

static void run_plain(struct attempt *a)
{
    lua_settop(plain, 0);
    lua_pushcfunction(plain, run);
    lua_pushlightuserdata(plain, a);
    if (lua_pcall(plain, 1, 0, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(plain, -1));
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct attempt a, b;
    struct bytes rest = {(const char *)input, size};
    struct err e;
    if (plain == NULL)
        open_all();
    for (size_t i = 0; i < 3; i++)
        a.parts[i] = fuzz_part(&rest);
    a.from = (lua_Integer)(size % 7) - 2;
    memcpy(b.parts, a.parts, sizeof b.parts);
    b.from = a.from;
    if (state_run(&ours, run, &a, BUDGET_MS, &e) != 0) {
        if (strstr(e.message, "ran longer than") == NULL)
            abort();
        return 0;
    }
    run_plain(&b);
    if (!bytes_equal(buf_view(&a.out), buf_view(&b.out))) {
        fprintf(stderr, "ours:\n%s\nLua's:\n%s\n", buf_cstr(&a.out), buf_cstr(&b.out));
        abort();
    }
    return 0;
}
