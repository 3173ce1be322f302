-- sandbox: what a script sees, and the running of scripts. One environment for all of them, made of copies: nothing a
-- script changes reaches this library. `require` finds modules beside the scripts; each file runs once.

local concat, error, find, format, getmetatable, gsub, ipairs, match, next, pairs, pcall, rawget, select, setmetatable =
  table.concat, error, string.find, string.format, getmetatable, string.gsub, ipairs, string.match, next, pairs, pcall,
  rawget, select, setmetatable
local sub, tostring, type, xpcall = string.sub, tostring, type, xpcall

local native = require "stdlib.native"
local deterministic = require "stdlib.deterministic"
local dsl = require "stdlib.dsl"
local flow = require "stdlib.flow"
local mistakes = require "stdlib.mistakes"
local run = require "stdlib.run"
local runs = require "stdlib.runs"
local source = require "stdlib.source"
local template_words = require "stdlib.template_words"
local text = require "stdlib.text"

local sandbox = {}

local env = {}
local dirs, files = {}, {} -- files: path -> {state = "running" | "done" | "failed", value =}
local loading = false

local function copied(t, without)
  local out = {}
  for key, v in pairs(t or {}) do
    if not (without and without[key]) then out[key] = v end
  end
  return out
end

-- Finalizers run outside every budget, so scripts get none.
local function safe_setmetatable(t, meta)
  if type(meta) == "table" and rawget(meta, "__gc") ~= nil then error("__gc is not for scripts", 2) end
  return setmetatable(t, meta)
end

local function logged(v)
  if text.is(v) or type(v) == "table" then return tostring(v) end
  if type(v) == "number" or type(v) == "boolean" then return v end
  return tostring(v)
end

-- Lines of a flow say which run they are of, and are said once: a replay is silent.
local function write_line(level, message, out)
  local b = run.active()
  if b then
    if run.replaying(b) then return end
    out = out or {}
    out.flow, out.run = out.flow or b.run.flow, out.run or b.run.id
  end
  native.log(level, message, out)
end

local function logger(level)
  return function(message, fields)
    if fields ~= nil and (type(fields) ~= "table" or text.is(fields)) then
      error("log: expected a table of fields, found " .. dsl.kind(fields), 2)
    end
    local out
    for key, v in next, fields or {} do
      out = out or {}
      out[tostring(key)] = logged(v)
    end
    write_line(level, tostring(message), out)
  end
end

local function log_table()
  local info = logger "info"
  local log = { debug = logger "debug", info = info, warn = logger "warn", error = logger "error" }
  return setmetatable(log, { __metatable = "log", __call = function(_, ...) return info(...) end })
end

local function print(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  write_line("info", concat(out, "\t"), nil)
end

local function env_variable(name, default)
  if type(name) ~= "string" then error("env: expected a name, found " .. dsl.kind(name), 2) end
  dsl.read_plain(name)
  local v = native.env(name)
  if v == nil then return default end
  return v
end

local function json_table()
  return {
    encode = native.json_encode, decode = native.json_decode, null = native.json_null,
    array = native.json_array, is_array = native.json_is_array,
  }
end

local function nearest_global(name)
  local names = {}
  for key in next, env do
    if type(key) == "string" then names[#names + 1] = key end
  end
  return native.nearest(name, names)
end

local function undefined(_, name)
  error(format("undefined variable '%s'%s", tostring(name), mistakes.hint(nearest_global(tostring(name)))), 2)
end

-- Strings find their methods in the scripts' own copy; the metatable itself cannot be had.
local function guard_strings(strings)
  local meta = getmetatable("")
  if type(meta) == "table" then
    meta.__index = strings
    meta.__metatable = "string"
  end
end

-- "a/./b//c" and "a/b/c" are one file.
local function normal(path)
  path = gsub(gsub(gsub(path, "//+", "/"), "/%./", "/"), "^%./", "")
  return path
end

local REPORTED = setmetatable({}, { __tostring = function() return "a module did not load" end, __metatable = "error" })

-- The place in front of a message of Lua's, when there is one: path, line, the rest. Long paths come cut: "...end.lua:3: ".
local function placed(message)
  local path, line, rest = match(message, "^(.-):(%d+): (.*)$")
  if not path then return nil end
  if files[path] then return path, line + 0, rest end
  if sub(path, 1, 3) == "..." then
    local tail = sub(path, 4)
    for known in pairs(files) do
      if sub(known, -#tail) == tail then return known, line + 0, rest end
    end
  end
end

-- Notes what ended a script: {path, line, message}, found while its stack still stands.
local function failure(message)
  if message == REPORTED then return message end
  if type(message) ~= "string" then
    local meta = getmetatable(message)
    local speaks = type(meta) == "table" and meta.__tostring
    message = speaks and tostring(message) or "error: " .. dsl.kind(message)
  end
  local path, line, rest = placed(message)
  if not path then
    path, line = dsl.here()
    rest = message
  end
  return { path = path, line = line, message = rest }
end

-- Most often it is the comma between two fields that Lua misses.
local function syntax_hint(message)
  return find(message, "^'}' expected") and not find(message, "near <eof>", 1, true) and "; is a comma missing before it?" or ""
end

local function syntax_mistake(path, message)
  local line, rest = match(message, ":(%d+): (.*)$")
  if rest then rest = rest .. syntax_hint(rest) end
  mistakes.add(path, line and line + 0 or 1, nil, rest or message)
end

local function runtime_mistake(path, what)
  dsl.forget_open(path)
  if what == REPORTED then return end
  if type(what) == "table" then return mistakes.add(what.path or path, what.line, nil, what.message) end
  if what == "not enough memory" then what = "while this file ran, the scripts came to use more than 256 MiB" end
  mistakes.add(path, 1, nil, tostring(what))
end

local function execute(path, script)
  local file = { state = "running" }
  files[path] = file
  source.add(path, script)
  dsl.add_script(path)
  local chunk, why = native.compile(script, "@" .. path, env)
  local ok, result
  if not chunk then
    syntax_mistake(path, why)
  else
    ok, result = xpcall(chunk, failure)
    if not ok then runtime_mistake(path, result) end
  end
  file.state = ok and "done" or "failed"
  if ok then file.value = result == nil or result end
  return file
end

-- Runs a script unless `require` has run it already.
function sandbox.run(path, script)
  local key = normal(path)
  if not files[key] and not files[path] then execute(path, script) end
end

local pending = {} -- normal path -> {path, text} of the scripts that are to run

local function find_module(name)
  local relative = gsub(name, "%.", "/")
  local looked = {}
  for _, dir in ipairs(dirs) do
    for _, tail in ipairs { ".lua", "/init.lua" } do
      local path = normal(dir .. "/" .. relative .. tail)
      local script = pending[path]
      if script then return script.path, script.text end
      local content = native.readfile(path)
      if content then return path, content end
      if tail == ".lua" then looked[#looked + 1] = path end
    end
  end
  return nil, concat(looked, ", ")
end

local function not_found(name, looked)
  local names = {}
  for path in pairs(pending) do names[#names + 1] = match(path, "([^/]*)%.lua$") end
  local hint = mistakes.hint(native.nearest(name, names))
  return format("module '%s' not found%s", name, hint ~= "" and hint or "; looked for " .. looked)
end

local modules = {}

local function load_module(name)
  local path, script = find_module(name)
  if not path then error(not_found(name, script), 3) end
  local file = files[path]
  if file and file.state == "running" then
    error(format("module '%s' is being loaded already: modules require each other in a circle", name), 3)
  end
  file = file or execute(path, script)
  if file.state == "failed" then error(REPORTED, 0) end
  return file.value
end

-- Where lua-cjson is: what loads it, or, loaded already, itself.
local function cjson_in(where) return package and package[where] and package[where]["cjson"] end

-- With other depths it overruns the C stack, and with other sparse arrays a table of one item becomes a text of all memory; a
-- module of one's own has the setters again.
local CJSON_WITHOUT = {
  encode_max_depth = true, decode_max_depth = true, encode_keep_buffer = true, encode_sparse_array = true, new = true,
}

-- Not before a script asks for it: where it finds no memory it ends the process.
local function cjson()
  local loader, loaded = cjson_in("preload"), cjson_in("loaded")
  if loaded == nil and loader then
    local ok, module = pcall(loader, "cjson")
    loaded = ok and module or nil
  end
  return loaded and copied(loaded, CJSON_WITHOUT)
end

-- require "name": the module's value; "anzol" is the table of the words, "cjson" lua-cjson.
local function script_require(name)
  if type(name) ~= "string" then error("require: expected a name, found " .. dsl.kind(name), 2) end
  if name == "cjson" and modules.cjson == nil then modules.cjson = cjson() end
  if modules[name] ~= nil then return modules[name] end
  if not find(name, "^[%w_-]+$") and not find(name, "^[%w_-]+[%w_.-]*[%w_-]+$") or find(name, "..", 1, true) then
    error(format("require: bad module name '%s'; letters, digits, '_' and '-', folders separated by '.'", name), 2)
  end
  if not loading then error(format("require '%s': not among the modules that the scripts have loaded", name), 2) end
  modules[name] = load_module(name)
  return modules[name]
end

-- Lua calls the handler where the error is raised: past the CPU budget that is in the hook, where nothing would end a handler
-- that runs on and on. Scripts have no debug library to look at that place with.
local function handled(handler, ok, ...)
  if ok then return true, ... end
  return false, select(2, pcall(handler, ...))
end

local function safe_xpcall(f, handler, ...)
  if type(handler) ~= "function" then error("xpcall: expected a function as the handler", 2) end
  return handled(handler, pcall(f, ...))
end

local BASE = { "assert", "error", "ipairs", "pcall", "select", "tonumber", "tostring", "type",
  "getmetatable", "_VERSION" }

local function anzol_words()
  local words = copied(dsl.words)
  for word, f in pairs(flow.words) do words[word] = f end
  words.runs = copied(runs.words)
  words.json, words.log, words.env = json_table(), log_table(), env_variable
  words.now, words.uuid = deterministic.now, deterministic.uuid
  words.template, words.template_function = copied(template_words.template), template_words.template_function
  return words
end

local function fill_environment()
  for _, name in ipairs(BASE) do env[name] = _G[name] end
  env.math, env.table, env.utf8, env.coroutine = copied(math), copied(table), copied(utf8), copied(coroutine)
  env.string = copied(string, { dump = true })
  env.math.random, env.math.randomseed = deterministic.random, deterministic.randomseed
  env.pairs, env.next, env.table.sort = deterministic.pairs, deterministic.next, deterministic.sort
  env.os = { time = deterministic.time, date = deterministic.date, clock = deterministic.clock, difftime = os.difftime }
  env.xpcall = safe_xpcall
  env.setmetatable, env.print, env.require = safe_setmetatable, print, script_require
  for word, f in pairs(anzol_words()) do env[word] = f end
  setmetatable(env, { __index = undefined, __metatable = "environment" })
  guard_strings(env.string)
  modules.anzol = anzol_words()
  sandbox.words = modules.anzol
end

-- Runs all scripts; `paths`: folders where `require` looks. Mistakes are noted.
function sandbox.load(scripts, paths)
  dirs, loading = paths, true
  dsl.set_loading(true)
  for _, script in ipairs(scripts) do pending[normal(script.path)] = script end
  for _, script in ipairs(scripts) do sandbox.run(script.path, script.text) end
  loading = false
  dsl.set_loading(false)
end

-- The environment of scripts.
sandbox.env = env

fill_environment()

local own = {}
for name in next, env do own[name] = true end

-- Whether a name of the environment was there before the scripts were.
function sandbox.is_own(name)
  return own[name] == true
end

-- The modules that scripts may ask for now, sorted.
function sandbox.module_names()
  local known = copied(modules)
  known.cjson = cjson_in("preload") or cjson_in("loaded")
  return mistakes.names(known)
end

return sandbox
