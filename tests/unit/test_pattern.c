/*
 * Lua's own functions as scripts have them: none outlives the budget, and each does what that of the plain library
 * does. The cases are made in Lua, by the same code in two states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "script/json.h"
#include "script/state.h"

/* BOUND_S is generous: machines are noisy, and it is about what would take for ever. */
enum { BUDGET_MS = 50, BOUND_S = 8, BATCHES = 200 /* of 1000 cases */, LONG_LINE = 400 };

static struct state vm;
static lua_State *plain; /* of Lua alone */

struct code {
    const char *text;
    lua_Integer arg;
    struct buf out;
};

static int run_code(lua_State *L)
{
    struct code *c = lua_touserdata(L, 1);
    if (luaL_loadbufferx(L, c->text, strlen(c->text), "@a.lua", "t") != LUA_OK)
        return lua_error(L);
    lua_pushinteger(L, c->arg);
    lua_call(L, 1, 1);
    size_t len;
    const char *s = luaL_tolstring(L, -1, &len);
    assert_int_equal(buf_append(&c->out, s, len), 0);
    return 0;
}

/* What the code returns as text, or the error. Valid until the next call. */
static const char *run(const char *text, int64_t budget_ms)
{
    static struct code c;
    struct err e;
    buf_clear(&c.out);
    c.text = text;
    if (state_run(&vm, run_code, &c, budget_ms, &e) != 0) {
        buf_clear(&c.out);
        buf_append_str(&c.out, e.message);
    }
    return buf_cstr(&c.out);
}

static int open_json(lua_State *L)
{
    lua_newtable(L);
    json_open(L);
    lua_setglobal(L, "json");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    struct err e;
    plain = luaL_newstate();
    if (plain == NULL)
        return -1;
    luaL_openlibs(plain);
    return state_init(&vm, &e) != 0 || state_run(&vm, open_json, NULL, 0, &e) != 0;
}

static int teardown(void **state)
{
    (void)state;
    lua_close(plain);
    state_fini(&vm);
    return 0;
}

/* --- the budget --------------------------------------------------------------------------------------------------- */

static double cpu_s(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Under valgrind and the sanitizers. */
static int slowness(void)
{
    return getenv("WRAPPED") != NULL ? 20 : 1;
}

/* Memory that is refused comes without a place. */
static void assert_ended(const char *code)
{
    double from = cpu_s();
    const char *message = run(code, BUDGET_MS);
    if (strcmp(message, "a.lua:1: ran longer than 50 ms of CPU") != 0 &&
        strcmp(message, "ran longer than 50 ms of CPU") != 0)
        fail_msg("%s\n  ended with: %.300s", code, message);
    double took = cpu_s() - from;
    if (took > BOUND_S * slowness())
        fail_msg("%s\n  took %.1f s", code, took);
    assert_string_equal(run("return ('a1'):gsub('%d', '2') .. #('x'):rep(3)", BUDGET_MS), "a23");
}

static void patterns_end(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))",
        "return ('x'):rep(1e5):match('(.-)(.-)(.-)(.-)y')",
        "return ('x'):rep(1e5):match('.*.*.*y')",
        "return ('x'):rep(1e5):find('x*x*x*y')",
        "return ('x'):rep(1e5):gsub('[^y]-[^y]-[^y]-y', '')",
        "for _ in ('x'):rep(1e5):gmatch('(x+)(x+)(x+)y') do end",
        "return ('('):rep(1e6):find('%b()')",
        "return ('a'):rep(1e6):find('(a*)%1b')",
        "return ('a'):rep(2e5):find('^(a-)(%1-)(a-)%2b')",
        "return ('ab'):rep(1e6):gsub('[' .. ('cdefghij'):rep(1e4) .. ']', '')",
        "return ('ab'):rep(1e6):find('%f[' .. ('cdefghij'):rep(1e4) .. ']')",
        "return ('a'):rep(1e4):gsub('(b-)a', ('%1'):rep(1e6))",
        "local s, p = ('a'):rep(4e6), ('a'):rep(2e6) .. 'b' while true do s:find(p, 1, true) end",
        "local s = ('a'):rep(1e6) while true do pcall(s.match, s, '(.-)%') end",
        "while true do pcall(string.find, 'a', '[') end",
        "while true do pcall(pcall, string.match, ('x'):rep(1e5), '(.-)(.-)(.-)y') end",
        "return ('x'):rep(1e6):gsub('x', setmetatable({}, {__index = function() return ('x'):rep(1e5):match('.-.-.-y') "
        "end}))",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_ended(codes[i]);
}

/* A table whose length is a lie, and whose items come out of C. */
#define LIAR    "local t = setmetatable({}, {__len = function() return 1e15 // 1 | 0 end, "
#define ENDLESS LIAR "__index = getmetatable, __newindex = type, __metatable = ''}) "

static void tables_end(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "return table.move({}, 1, 1e15, 2)",
        "return table.move({}, 1, 1e15, 1, {})",
        LIAR "__newindex = type}) table.insert(t, 1, 1)",
        LIAR "}) table.insert(t, 1, 1)",
        LIAR "}) table.remove(t, 1)",
        ENDLESS "table.insert(t, 1, 1)",
        ENDLESS "table.remove(t, 1)",
        ENDLESS "return table.concat(t)",
        "return table.concat(setmetatable({}, {__index = getmetatable, __metatable = ''}), '', 1, 1 << 60)",
        "local t = setmetatable({}, {__index = getmetatable, __metatable = ''}) while true do table.unpack(t, 1, 9e5) "
        "end",
        "return table.sort(setmetatable({}, {__len = function() return 2e9 // 1 | 0 end, __index = getmetatable, "
        "__newindex = type, __metatable = ''}))",
        "local t = table.move({1}, 1, 1, 1) for i = 1, 2e6 do t[i] = i * 7919 % 2000003 end table.sort(t)",
        "local t = {} for i = 1, 1e3 do t[i] = ('x'):rep(3e6) end table.sort(t)",
        "local t = {} for i = 1, 1e3 do t[i] = i end while true do pcall(table.sort, t, math.ult) end",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_ended(codes[i]);
}

static void the_others_end(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "local s = ('x'):rep(1e7) while true do s:rep(4) end",
        "while true do pcall(string.rep, 'x', 1e10) end",
        "local s = (' '):rep(2e7) while true do pcall(string.pack, s) end",
        "local s = (' '):rep(2e7) while true do string.packsize(s) end",
        "local s = (' '):rep(2e7) while true do string.unpack(s, '') end",
        "local s = ('x'):rep(2e7) while true do utf8.len(s) end",
        "local s = ('x'):rep(2e7) while true do utf8.offset(s, -1e7 // 1 | 0) end",
        "local f = utf8.codes('') local s = ('\\x80'):rep(2e7) while true do f(s, 0) end",
        "local s = ('0'):rep(2e7) while true do tonumber(s) end",
        "local s = ('0'):rep(2e7) while true do local _ = s + 1 end",
        "local s = ('x'):rep(4e7) while true do local _ = s .. s end",
        "local s = ('x'):rep(2e7) while true do s:upper() end",
        "local s = ('x'):rep(2e7) while true do pcall(function() return s .. s .. s .. s .. s .. s .. s .. s end) end",
        "local function f(n) if n > 0 then for i = 1, 30 do coroutine.wrap(f)(n - 1) end end end f(12)",
        "local function f(n) if n > 0 then for i = 1, 30 do coroutine.resume(coroutine.create(f), n - 1) end end end "
        "f(12)",
        "local t = {} for i = 1, 50 do t = {t, t} end return require 'cjson'.encode(t)",
        "local t = {} for i = 1, 2e6 do t[i] = i end for i = 1, 2e6 do t[i] = nil end "
        "local l = {} for i = 1, 1e5 do l[i] = t end return json.json_encode(l)",
        "return json.json_decode('[' .. ('[[]],'):rep(3e6) .. '1]')",
        "local s = '[' .. ('1,'):rep(1e6) .. '1]' while true do json.json_decode(s) end",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_ended(codes[i]);
}

static void what_is_over_stays_over(void **state)
{
    (void)state;
    assert_ended("local n = 0 while true do n = n + 1 pcall(string.find, ('x'):rep(1e5), '.-.-.-y') end");
    assert_ended("local co = coroutine.wrap(function() pcall(string.find, ('x'):rep(1e5), '.-.-.-y') end) co() while "
                 "true do end");
    assert_string_equal(run("return pcall(coroutine.wrap(function() return pcall(coroutine.yield, 1) end))", BUDGET_MS),
                        "true");
}

static void too_much_text_is_refused_at_once(void **state)
{
    (void)state;
    double from = cpu_s();
    assert_string_equal(run("return ('x'):rep(1e10)", BUDGET_MS),
                        "a.lua:1: resulting string too large: 10000000000 bytes, and scripts may use 256 MiB");
    assert_string_equal(run("return ('xy'):rep(1 << 62)", BUDGET_MS), "a.lua:1: resulting string too large");
    assert_string_equal(run("return select(2, pcall(string.rep, '', 4, ('x'):rep(1e8)))", 5000),
                        "resulting string too large: 400000000 bytes, and scripts may use 256 MiB");
    assert_string_equal(run("return #(''):rep(1 << 60)", BUDGET_MS), "0");
    assert_string_equal(
        run("local t = {} for i = 1, 70 do t[i] = ('x'):rep(1e6) end return require 'cjson'.encode(t)", 60000),
        "a.lua:1: Cannot serialise: more than 64 MiB of JSON");
    assert_true(cpu_s() - from < BOUND_S * slowness());
    assert_string_equal(run("return require 'cjson'.encode {a = {1, 'x', {}}}", BUDGET_MS), "{\"a\":[1,\"x\",{}]}");
    assert_string_equal(run("return 1 + 1", BUDGET_MS), "2");
}

/* --- the same as Lua's own ---------------------------------------------------------------------------------------- */

/* Returns the lines of what happened in batch number `...`; needs nothing but `show` of what is tested. */
#define COMMON                                                                                                         \
    "local seed, out = ..., {}\n"                                                                                      \
    "local state = seed * 2654435761 + 88172645463325252\n"                                                            \
    "local function rnd(n)\n"                                                                                          \
    "  state = state ~ state << 13 state = state ~ state >> 7 state = state ~ state << 17\n"                           \
    "  return (state >> 11) % n + 1\n"                                                                                 \
    "end\n"                                                                                                            \
    "local function pick(list) return list[rnd(#list)] end\n"                                                          \
    "local function show(ok, ...)\n"                                                                                   \
    "  local line = ok and '+' or '-'\n"                                                                               \
    "  for i = 1, select('#', ...) do\n"                                                                               \
    "    local v = (select(i, ...))\n"                                                                                 \
    "    line = line .. ' ' .. (type(v) == 'string' and string.format('%q', v) or type(v) == 'table' and 'table' or "  \
    "tostring(v))\n"                                                                                                   \
    "  end\n"                                                                                                          \
    "  return line\n"                                                                                                  \
    "end\n"                                                                                                            \
    "local function put(name, ...)\n"                                                                                  \
    "  out[#out + 1] = (name .. ' ' .. show(...)):gsub('\\\\\\n', '\\\\n')\n"                                          \
    "end\n"

static const char RANDOM_PATTERNS[] = COMMON
    "local ITEMS = {'a', 'b', 'c', 'a', '(', ')', '()', '.', '.', '%a', '%A', '%d', '%s', '%S', '%w', '%W', '%p', "
    "'%x',\n"
    "  '%c', '%g', '%l', '%u', '%z', '%Z', '%.', '%%', '%', '[ab]', '[^a]', '[a-c]', '[%a_]', '[^%s]', '[]a]', "
    "'[^]]',\n"
    "  '[a-]', '[%a-c]', '[c-a]', '[a%]]', '[', ']', '%b()', '%bab', '%b', '%baa', '%f[a]', '%f[^a]', '%f[%A]', "
    "'%f[%z]', '%f',\n"
    "  '%1', '%2', '%0', '*', '+', '-', '?', '*', '+', '-', '?', '(a*)', '(.-)', '(%a+)', '^', '$', '\\0', '\\xe9', "
    "'_', ' ', '1'}\n"
    "local LETTERS = {'a', 'b', 'c', 'a', 'b', 'A', 'Z', '(', ')', '1', '9', ' ', '\\t', '\\n', '\\0', '_', ']', '[', "
    "'%', '-', '^',\n"
    "  '$', '.', '\\xe9', '\\x7f'}\n"
    "local REPLACEMENTS = {'x', '', '%0', '%1', '%2', '%%', '%', 'a', '<%0>', '%9', '%a'}\n"
    "local function joined(list, n) local s = '' for _ = 1, rnd(n + 1) - 1 do s = s .. pick(list) end return s end\n"
    "local TABLE = {a = 'X', b = false, ab = 1, ['('] = 2.5, aa = {}, [1] = 'one', [2] = 'two'}\n"
    "local function all(f, s, p, ...)\n"
    "  local line, n = '', 0\n"
    "  local it = f(s, p, ...)\n"
    "  local function collect(...) line = line .. show(true, ...) return (...) end\n"
    "  while n < 60 and collect(it()) ~= nil do n = n + 1 end\n"
    "  return line\n"
    "end\n"
    "local function call(a, b) if a == 'a' then return nil elseif a == 'b' then return b or 1 elseif a == '1' then "
    "return {} end\n"
    "  return tostring(a) .. tostring(b) end\n"
    "local REPEATS = {}\n"
    "for i = 1, 1000 do\n"
    "  local p, s = (rnd(6) == 1 and '^' or '') .. joined(ITEMS, 7) .. (rnd(6) == 1 and '$' or ''), joined(LETTERS, "
    "14)\n"
    "  local init = rnd(3) == 1 and rnd(24) - 12 or nil\n"
    "  put(string.format('%q %q %s', s, p, init), true)\n"
    "  put('find', pcall(string.find, s, p, init))\n"
    "  put('match', pcall(string.match, s, p, init))\n"
    "  put('gmatch', pcall(all, string.gmatch, s, p, init))\n"
    "  put('gsub', pcall(string.gsub, s, p, joined(REPLACEMENTS, 3), rnd(4) == 1 and rnd(5) - 2 or nil))\n"
    "  local what = rnd(8)\n"
    "  if what == 1 then put('plain', pcall(string.find, s, joined(LETTERS, 2), init, true))\n"
    "  elseif what == 2 then put('gsub table', pcall(string.gsub, s, p, TABLE))\n"
    "  elseif what == 3 then put('gsub function', pcall(string.gsub, s, p, call))\n"
    "  elseif what == 4 then put('gsub number', pcall(string.gsub, s, p, 12)) end\n"
    "end\n"
    "return table.concat(out, '\\n')\n";

static const char RANDOM_TABLES[] =
    COMMON "local function numbers(n) local t = {} for i = 1, n do t[i] = rnd(20) end return t end\n"
           "local function seen(t) local n = 0 return setmetatable({}, {__len = function() return #t end,\n"
           "  __index = function(_, k) n = n + 1 return t[k] end, __newindex = function(_, k, v) n = n * 31 + k t[k] = "
           "v end,\n"
           "  __call = function() return n end}) end\n"
           "local function items(t) local s = '' for i = -3, 14 do local v = t[i] s = s .. ' ' .. (type(v) == 'table' "
           "and 'table' or tostring(v)) end return s end\n"
           "local function any() return rnd(12) == 1 and pick {'x', 1.5, {}, math.maxinteger, math.mininteger, '3', "
           "true} or rnd(14) - 4 end\n"
           "for i = 1, 1000 do\n"
           "  local t = numbers(rnd(9) - 1)\n"
           "  local u = rnd(3) == 1 and seen(t) or t\n"
           "  put('insert', pcall(table.insert, u, table.unpack({any(), any(), any()}, 1, rnd(4) - 1)))\n"
           "  put(items(t), true)\n"
           "  put('remove', pcall(table.remove, u, table.unpack({any()}, 1, rnd(2) - 1)))\n"
           "  put(items(t), true)\n"
           "  put('concat', pcall(table.concat, u, table.unpack({',', rnd(8) - 2, rnd(8)}, 1, rnd(4) - 1)))\n"
           "  put('unpack', pcall(table.unpack, u, table.unpack({rnd(8) - 2, rnd(8)}, 1, rnd(3) - 1)))\n"
           "  put('move', pcall(table.move, u, any(), rnd(8), any(), rnd(2) == 1 and seen(t) or nil))\n"
           "  put(items(t), true)\n"
           "  put('sort', pcall(table.sort, u, rnd(3) == 1 and pick {math.ult, function(a, b) return a > b end, 1, "
           "'x'} or nil))\n"
           "  put(items(t) .. (u ~= t and u() or ''), true)\n"
           "  put('rep', pcall(string.rep, pick {'', 'a', 'bc', 1}, rnd(9) - 3, pick {'', ',', '--', 2}))\n"
           "end\n"
           "return table.concat(out, '\\n')\n";

static const char BY_HAND[] =
    COMMON "local s, n = 'hello world', 0\n"
           "local function try(f) n = n + 1 put(n, pcall(f)) end\n"
           "local deep, many, marks = ('a?'):rep(199), ('()'):rep(33), ('(a'):rep(32) .. (')'):rep(32)\n"
           "try(function() return s:find() end)\n"
           "try(function() return s.find() end)\n"
           "try(function() return string.find(nil, 'a') end)\n"
           "try(function() return s:find({}) end)\n"
           "try(function() return s:find('l', {}) end)\n"
           "try(function() return s:find('l', 1.5) end)\n"
           "try(function() return s:find('l', '4') end)\n"
           "try(function() return s:find('', 12) end)\n"
           "try(function() return s:find('', 13) end)\n"
           "try(function() return s:find('', -100) end)\n"
           "try(function() return s:find('', math.mininteger) end)\n"
           "try(function() return s:find('l', math.maxinteger) end)\n"
           "try(function() return s:find('o w', 1, true) end)\n"
           "try(function() return ('a.b'):find('.', 1, true) end)\n"
           "try(function() return ('a.b'):find('.', 1, false) end)\n"
           "try(function() return ('a\\0b'):find('\\0b') end)\n"
           "try(function() return ('a\\0b%'):find('\\0.', 1) end)\n"
           "try(function() return ('a\\0.'):find('\\0.', 1, true) end)\n"
           "try(function() return (10):rep(2), ('x'):rep(-1), ('x'):rep(3, '') end)\n"
           "try(function() return ('x'):rep({}) end)\n"
           "try(function() return ('x'):rep() end)\n"
           "try(function() return s:match('(h)(e)(l)(l)(o)()') end)\n"
           "try(function() return s:match('((h)((e)))') end)\n"
           "try(function() return s:match('%') end)\n"
           "try(function() return s:match('h%') end)\n"
           "try(function() return s:match('x%') end)\n"
           "try(function() return s:match('[a') end)\n"
           "try(function() return s:match('[') end)\n"
           "try(function() return s:match('[^') end)\n"
           "try(function() return s:match('[]') end)\n"
           "try(function() return s:match('[%') end)\n"
           "try(function() return s:match('%b') end)\n"
           "try(function() return s:match('%bx') end)\n"
           "try(function() return s:match('%f') end)\n"
           "try(function() return s:match('%fa') end)\n"
           "try(function() return s:match('(h') end)\n"
           "try(function() return s:match('h)') end)\n"
           "try(function() return s:match(')') end)\n"
           "try(function() return s:match('%1') end)\n"
           "try(function() return s:match('(h%1)') end)\n"
           "try(function() return s:match('(h)%2') end)\n"
           "try(function() return s:match('()%1') end)\n"
           "try(function() return s:match(many) end)\n"
           "try(function() return ('a'):rep(40):match(marks) end)\n"
           "try(function() return ('a'):rep(220):match(deep) end)\n"
           "try(function() return ('a'):rep(220):match(deep .. 'a?') end)\n"
           "try(function() return ('a'):rep(220):match(deep .. '(a)') end)\n"
           "try(function() return ('b'):rep(220):match(deep .. 'a?a?a?') end)\n"
           "try(function() return s:gmatch('o')() end)\n"
           "try(function() return s:gmatch('^h')() end)\n"
           "try(function() return s:gmatch('o', 6)() end)\n"
           "try(function() return s:gmatch('', 12)() end)\n"
           "try(function() return s:gmatch('', 13)() end)\n"
           "try(function() return s:gmatch('o', {})() end)\n"
           "try(function() return s:gmatch() end)\n"
           "try(function() return s:gmatch('(')() end)\n"
           "try(function() local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end "
           "return t[1], t[2], #t end)\n"
           "try(function() local f = s:gmatch('l') return f(), f(), f(), f(), f() end)\n"
           "try(function() return s:gsub('o', 'O') end)\n"
           "try(function() return s:gsub('o', 'O', 1) end)\n"
           "try(function() return s:gsub('o', 'O', 0) end)\n"
           "try(function() return s:gsub('o', 'O', -1) end)\n"
           "try(function() return s:gsub('o', 'O', 'x') end)\n"
           "try(function() return s:gsub('o') end)\n"
           "try(function() return s:gsub('o', true) end)\n"
           "try(function() return s:gsub('o', true, 'x') end)\n"
           "try(function() return s:gsub('', '-') end)\n"
           "try(function() return s:gsub('l*', 'x') end)\n"
           "try(function() return s:gsub('^h', 'x') end)\n"
           "try(function() return s:gsub('^', 'x') end)\n"
           "try(function() return s:gsub('$', 'x') end)\n"
           "try(function() return s:gsub('(o)', '%2') end)\n"
           "try(function() return s:gsub('o', '%1') end)\n"
           "try(function() return s:gsub('o', '%2') end)\n"
           "try(function() return s:gsub('o', '%x') end)\n"
           "try(function() return s:gsub('o', '%') end)\n"
           "try(function() return s:gsub('()o', '%1') end)\n"
           "try(function() return s:gsub('(o', 'x') end)\n"
           "try(function() return s:gsub('o', {o = true}) end)\n"
           "try(function() return s:gsub('o', {o = {}}) end)\n"
           "try(function() return s:gsub('o', function() end) end)\n"
           "try(function() return s:gsub('o', function() return false end) end)\n"
           "try(function() return s:gsub('o', function() return print end) end)\n"
           "try(function() return s:gsub('o', function() error('mine') end) end)\n"
           "try(function() return s:gsub('o', function() error({}) end) end)\n"
           "try(function() return s:gsub('o', setmetatable({}, {__index = function(_, k) return k .. k end})) end)\n"
           "try(function() return coroutine.wrap(function() return s:gsub('o', coroutine.yield) end)() end)\n"
           "try(function() return s:gsub('(%w+) (%w+)', '%2 %1 %0') end)\n"
           "try(function() return ('abc'):gsub('%w', '%%%0') end)\n"
           "try(function() return ('\\0a\\0'):gsub('%z', 'z') end)\n"
           "try(function() return ('\\0a\\0'):gsub('[\\0-\\1]', '\\0\\0') end)\n"
           "try(function() return ('THE (quick) fox'):find('%((%a+)%)') end)\n"
           "try(function() return ('THE (quick) fox'):gsub('%f[%a]%a+', string.lower) end)\n"
           "try(function() return table.insert() end)\n"
           "try(function() return table.insert({}) end)\n"
           "try(function() return table.insert({}, 1, 2, 3) end)\n"
           "try(function() return table.insert({}, 3, 3) end)\n"
           "try(function() return table.insert('x', 1) end)\n"
           "try(function() return table.insert(1, 1) end)\n"
           "try(function() return table.remove({}, 3) end)\n"
           "try(function() return table.remove({}, 0), table.remove({}), table.remove({1, 2, 3}, 1), table.remove({1}, "
           "2) end)\n"
           "try(function() return table.concat('x') end)\n"
           "try(function() return table.concat({{}}) end)\n"
           "try(function() return table.concat({1, 2, 3.5, 'x'}, ', ') end)\n"
           "try(function() return table.concat({1, 2}, {}) end)\n"
           "try(function() return table.concat({1, 2}, ',', 1, 3) end)\n"
           "try(function() return table.concat({[math.maxinteger] = 'x'}, ',', math.maxinteger, math.maxinteger) end)\n"
           "try(function() return table.unpack({}, 1, 1e8) end)\n"
           "try(function() return table.unpack({}, math.mininteger, math.maxinteger) end)\n"
           "try(function() return table.unpack('abc') end)\n"
           "try(function() return table.unpack() end)\n"
           "try(function() return table.unpack({1, 2}, 2, 1) end)\n"
           "try(function() return table.move({1}, math.mininteger, 1, 1) end)\n"
           "try(function() return table.move({1}, 1, math.maxinteger, 2) end)\n"
           "try(function() return table.move({1}, 1, 1, 1, 'x') end)\n"
           "try(function() return table.move({1}, 1, 1) end)\n"
           "try(function() return table.sort() end)\n"
           "try(function() return table.sort({3, 'x'}) end)\n"
           "try(function() return table.sort({3, 1}, 1) end)\n"
           "try(function() return table.sort({1, 2, 3, 4, 5}, function() return true end) end)\n"
           "try(function() return table.sort({{}, {}}) end)\n"
           "try(function() return pcall() end)\n"
           "try(function() return pcall(error, nil) end)\n"
           "try(function() return pcall(error, 'x', 0) end)\n"
           "try(function() return pcall(select, 2, 1, 2, 3) end)\n"
           "try(function() return xpcall() end)\n"
           "try(function() return xpcall(print) end)\n"
           "try(function() return xpcall(error, type, nil) end)\n"
           "try(function() return xpcall(error, function(m) return m .. '!', 2 end, 'x', 0) end)\n"
           "try(function() return xpcall(select, print, '#', 1, nil, 3) end)\n"
           "try(function() return coroutine.wrap(function() return xpcall(coroutine.yield, print, 1, 2) end)() end)\n"
           "try(function() local co = coroutine.wrap(function() return xpcall(function(...) return "
           "coroutine.yield(...), 7 end, print, 1) end)\n"
           "  return co(), co(5) end)\n"
           "try(function() local co = coroutine.wrap(function() return pcall(function() coroutine.yield(1) error('x', "
           "0) end) end)\n"
           "  return co(), co(5) end)\n"
           "try(function() return coroutine.resume(coroutine.create(error), 'x') end)\n"
           "try(function() return coroutine.resume(coroutine.create(error)) end)\n"
           "try(function() return coroutine.resume(coroutine.create(select), 2, 'x', 'y', 'z') end)\n"
           "try(function() return coroutine.resume(1) end)\n"
           "try(function() return coroutine.resume(coroutine.create(type), nil, 1) end)\n"
           "try(function() local co = coroutine.create(type) coroutine.resume(co) return coroutine.resume(co) end)\n"
           "try(function() return tonumber() end)\n"
           "try(function() return tonumber('10', 99) end)\n"
           "try(function() return tonumber('z', 36), tonumber(' 0x10 '), '10' + 5, -'2', '3' * '4' end)\n"
           "try(function() return 'x' + 1 end)\n"
           "try(function() return ('x'):format(1), ('%d'):format('x') end)\n"
           "try(function() return utf8.len('\\xff'), utf8.codepoint('h', 1), utf8.offset('aé', 2) end)\n"
           "try(function() return utf8.len(nil) end)\n"
           "try(function() local n = 0 for p, c in utf8.codes('aé€') do n = n * 10 + p + c end return n end)\n"
           "try(function() for p, c in utf8.codes('a\\xff') do end end)\n"
           "try(function() return coroutine.wrap(1) end)\n"
           "try(function() return coroutine.create() end)\n"
           "return table.concat(out, '\\n')\n";

static const char *run_plain(const char *text, lua_Integer arg)
{
    lua_settop(plain, 0);
    if (luaL_loadbufferx(plain, text, strlen(text), "@a.lua", "t") == LUA_OK) {
        lua_pushinteger(plain, arg);
        (void)lua_pcall(plain, 1, 1, 0);
    }
    return luaL_tolstring(plain, -1, NULL);
}

/* Where two texts part, the lines in front of it shown. */
static void fail_at(const char *want, const char *got)
{
    const char *from = want;
    size_t i = 0;
    for (; want[i] != '\0' && want[i] == got[i]; i++)
        if (want[i] == '\n' && i > LONG_LINE && want + i - from > LONG_LINE)
            from = want + i - LONG_LINE;
    size_t before = (size_t)(want + i - from);
    fail_msg("Lua's own:\n%.*s\nours:\n%.*s", (int)before + LONG_LINE, from, (int)before + LONG_LINE,
             got + (from - want));
}

static void assert_same(const char *text, lua_Integer arg)
{
    static struct code c;
    struct err e;
    buf_clear(&c.out);
    c.text = text;
    c.arg = arg;
    if (state_run(&vm, run_code, &c, 0, &e) != 0)
        fail_msg("%s", e.message);
    const char *want = run_plain(text, arg), *got = buf_cstr(&c.out);
    if (strcmp(want, got) != 0)
        fail_at(want, got);
}

static void random_patterns_do_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < BATCHES / slowness(); i++)
        assert_same(RANDOM_PATTERNS, i + 1);
}

static void random_tables_do_the_same(void **state)
{
    (void)state;
    for (int i = 0; i < BATCHES / 10 / slowness(); i++)
        assert_same(RANDOM_TABLES, i + 1);
}

/* A long subject is searched in blocks of 64 KiB and eight times what is looked for: it may lie across their edges. */
static void what_lies_across_blocks_is_found(void **state)
{
    static const char code[] = "local d = ...\n"
                               "local out = {}\n"
                               "for _, size in ipairs { 3, 40 } do\n"
                               "  local what = 'a' .. string.rep('c', size - 1)\n"
                               "  local at = 65536 + 8 * size + d\n"
                               "  local s = string.rep('ab', 70000)\n"
                               "  s = s:sub(1, at) .. what .. s:sub(at + 1)\n"
                               "  out[#out + 1] = table.concat({ s:find(what, 1, true) }, ' ')\n"
                               "  out[#out + 1] = table.concat({ s:find(what .. 'x', 1, true) }, ' ')\n"
                               "end\n"
                               "return table.concat(out, ', ')";
    (void)state;
    for (lua_Integer d = -90; d <= 90; d++)
        assert_same(code, d);
}

static void picked_cases_do_the_same(void **state)
{
    (void)state;
    assert_same(BY_HAND, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picked_cases_do_the_same),
        cmocka_unit_test(what_lies_across_blocks_is_found),
        cmocka_unit_test(random_patterns_do_the_same),
        cmocka_unit_test(random_tables_do_the_same),
        cmocka_unit_test(patterns_end),
        cmocka_unit_test(tables_end),
        cmocka_unit_test(the_others_end),
        cmocka_unit_test(what_is_over_stays_over),
        cmocka_unit_test(too_much_text_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
