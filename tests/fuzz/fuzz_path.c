/*
 * fuzz_path: paths into a JSON answer ("data[0].id!"), as `response` names variables, against a reading of them
 * character by character; and URLs joined from a root and a webhook's part. An input is lines of paths, a line "%%",
 * JSON, a line "%%", a root URL, a line "%%", and a part. The lines of stdlib that run count as coverage.
 */
#include "fuzz.h"
#include "script/boot.h"
#include "script/generation.h"
#include "script/native.h"
#include "script/state.h"

#include <lauxlib.h>

static const char TRY[] =
    "local text, data, root, part = ...\n"
    "local native, paths, url = require 'stdlib.native', require 'stdlib.paths', require 'stdlib.url'\n"
    "local null, NONE = native.json_null, {}\n"
    "local function refer(path)\n" /* steps: a name, {index}, or {} for all; nil: no path */
    "  local strict = path:sub(-1) == '!'\n"
    "  if strict then path = path:sub(1, -2) end\n"
    "  local steps, i, n = {}, 1, #path\n"
    "  while i <= n do\n"
    "    local c = path:sub(i, i)\n"
    "    if c == '[' then\n"
    "      local j = path:find(']', i, true)\n"
    "      local inside = j and path:sub(i + 1, j - 1)\n"
    "      if inside == '*' then steps[#steps + 1] = {}\n"
    "      elseif inside and inside ~= '' and not inside:find('%D') then steps[#steps + 1] = { inside }\n"
    "      else return nil end\n"
    "      i = j + 1\n"
    "    else\n"
    "      if (c == '.') == (i == 1) then return nil end\n"
    "      if c == '.' then i = i + 1 end\n"
    "      local j = i\n"
    "      while j <= n and not ('.[]* \\t\\n\\v\\f\\r'):find(path:sub(j, j), 1, true) do j = j + 1 end\n"
    "      if j == i then return nil end\n"
    "      steps[#steps + 1], i = path:sub(i, j - 1), j\n"
    "    end\n"
    "  end\n"
    "  if #steps > 0 then return steps, strict end\n"
    "end\n"
    "local function look(v, steps, i)\n"
    "  local s = steps[i]\n"
    "  if s == nil then return v end\n"
    "  if type(v) ~= 'table' then return NONE end\n"
    "  if type(s) == 'string' then\n"
    "    if native.json_is_array(v) or v[s] == nil then return NONE end\n"
    "    return look(v[s], steps, i + 1)\n"
    "  end\n"
    "  if not native.json_is_array(v) then return NONE end\n"
    "  if s[1] then\n"
    "    local at = tonumber((s[1]:gsub('^0+', '')))\n"
    "    at = (at or 0) + 1\n"
    "    if at > #v or at < 1 then return NONE end\n"
    "    return look(v[math.tointeger(at)], steps, i + 1)\n"
    "  end\n"
    "  local out = native.json_array {}\n"
    "  for j = 1, #v do\n"
    "    local one = look(v[j], steps, i + 1)\n"
    "    out[j] = one == NONE and null or one\n"
    "  end\n"
    "  return out\n"
    "end\n"
    "local value = native.json_decode(data)\n"
    "if value == nil then value = native.json_decode('{\"a\":[{\"b\":1,\"c\":[[2]]},null,{}],\"d\":{\"a\":null}}') "
    "end\n"
    "for path in (text .. '\\n'):gmatch('([^\\n]*)\\n') do\n"
    "  local parsed, rest = paths.parse(path)\n"
    "  local steps, strict = refer(path)\n"
    "  if (parsed ~= nil) ~= (steps ~= nil) then error('taken or not: ' .. path) end\n"
    "  if not parsed then\n"
    "    if #rest > #path or path:find(rest, 1, true) == nil then error('the rest of ' .. path) end\n"
    "  else\n"
    "    local found, why = paths.read(value, parsed)\n"
    "    local wanted = look(value, steps, 1)\n"
    "    local ok = wanted ~= NONE\n"
    "    if not ok then wanted = null end\n"
    "    if parsed.strict ~= strict then error('strict: ' .. path) end\n"
    "    if found == nil then\n"
    "      if not strict or not why then error('no reason: ' .. path) end\n"
    "      if ok and not native.json_encode(wanted):find('null') then error('it is there: ' .. path) end\n"
    "    elseif strict and not ok then error('nothing there: ' .. path)\n"
    "    elseif native.json_encode(found) ~= native.json_encode(wanted) then\n"
    "      error(path .. ': ' .. native.json_encode(found))\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local function segs(s) return s ~= '' and { { k = 'text', s = s, at = 1 } } or {} end\n"
    "local function none() end\n"
    "local joined = ''\n"
    "for _, seg in ipairs(url.join(segs(root), segs(part), none)) do joined = joined .. seg.s end\n"
    "url.check(segs(joined), none)\n"
    "local full = part:find('^%a[%w+.-]*://')\n"
    "if part == '' and joined ~= root or full and joined ~= part then error('joined: ' .. joined) end\n"
    "if not full and part ~= '' and root ~= '' then\n"
    "  local function bare(s) return (s:gsub('[/?&]', '')) end\n" /* what is joined is there, only the seam differs */
    "  local function sorted(s) local t = { bare(s):byte(1, -1) } table.sort(t) return string.char(table.unpack(t)) "
    "end\n"
    "  if sorted(joined) ~= sorted(root .. part) then error('lost or made up: ' .. joined) end\n"
    "end\n";

static struct state state;
static struct native native;
static int function = LUA_NOREF;

static int load(lua_State *L)
{
    (void)lua_touserdata(L, 1);
    if (luaL_loadbufferx(L, TRY, sizeof TRY - 1, "=(try)", "t") != LUA_OK)
        return lua_error(L);
    function = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int run(lua_State *L)
{
    struct bytes *parts = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, function);
    for (size_t i = 0; i < 4; i++)
        lua_pushlstring(L, parts[i].data, parts[i].len);
    lua_call(L, 4, 0);
    return 0;
}

static void open_all(void)
{
    struct err e;
    native_init(&native, &(struct generation_options){.path_count = 0});
    if (state_init(&state, &e) != 0 || boot_open(&state, &native, &e) != 0 || state_run(&state, load, NULL, 0, &e) != 0)
        fuzz_fail("%s", e.message);
    fuzz_count_lines(state.L);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes rest = {(const char *)input, size}, parts[4];
    struct err e;
    if (state.L == NULL)
        open_all();
    for (size_t i = 0; i < 4; i++)
        parts[i] = fuzz_part(&rest);
    if (state_run(&state, run, parts, 0, &e) != 0)
        fuzz_fail("%s", e.message);
    return 0;
}
