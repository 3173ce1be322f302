-- console: sessions: what a person has while attached. Each has variables of its own; behind them stand the console's words and
-- the environment of the scripts. A session is a clone: nothing done in it reaches a delivery.

local char, concat, error, find, format, getmetatable, gmatch, gsub, ipairs, next, pcall, rawget, rawset =
  string.char, table.concat, error, string.find, string.format, getmetatable, string.gmatch, string.gsub, ipairs, next, pcall,
  rawget, rawset
local setmetatable, sort, sub = setmetatable, table.sort, string.sub
local tonumber, tostring, type = tonumber, tostring, type

local native = require "stdlib.native"
local complete = require "stdlib.console.complete"
local help = require "stdlib.console.help"
local line = require "stdlib.console.line"
local mistakes = require "stdlib.mistakes"
local names = require "stdlib.console.names"
local pretty = require "stdlib.console.pretty"
local sandbox = require "stdlib.sandbox"
local show = require "stdlib.console.show"
local text = require "stdlib.text"
local words = require "stdlib.console.words"

local console = {}

words.all.help = help.word
words.nearest = names.nearest
pretty.use(names.of)

-- Tells how the definitions of the scripts are found: () -> integrations, webhooks, flows.
console.use = names.use

-- --- variables ----------------------------------------------------------------------------------------------------

local function names_of(s)
  local out = {}
  for _, t in next, { s.env, words.all, sandbox.env } do
    for name in next, t do
      if type(name) == "string" then out[#out + 1] = name end
    end
  end
  return out
end

local LEAVING = { exit = true, quit = true, bye = true }

-- What may have been meant by a name that stands for nothing.
local function hint_of(s, name)
  if type(name) ~= "string" then return "" end
  if s.locals[name] then return "; a local is gone after its line: leave 'local' out" end
  if LEAVING[name] then return "; Ctrl-D ends the session" end
  return mistakes.hint(native.nearest(name, names_of(s)))
end

-- What a name is that the session has not set itself.
local function inherited(s, name)
  local v = names.root(name)
  if v ~= nil or name == "_" then return v end
  return error(format("undefined variable '%s'%s", tostring(name), hint_of(s, name)), 0)
end

local function environment(s)
  return setmetatable({}, { __metatable = "environment", __index = function(_, name) return inherited(s, name) end })
end

-- --- what outlives a generation -----------------------------------------------------------------------------------

-- JSON has no text that is not UTF-8, and no NUL in a key: such a text is kept as {"$bytes": HEX}, such a key as "$key" and
-- HEX; a key that begins with "$" gets another one in front. The ids that were printed are kept beside the variables.
local DEEPEST, IDS, IDS_MAX = 100, "$ids", 2000

local function packed_key(key)
  if not native.utf8_valid(key) or find(key, "\0", 1, true) then return "$key" .. native.hex(key) end
  return find(key, "^%$") and "$" .. key or key
end

local function is_plain(t)
  return not text.is(t) and (getmetatable(t) == nil or native.json_is_array(t))
end

local packed

-- The same table with everything in it packed; nil when JSON cannot hold all of it.
local function packed_table(t, depth)
  if not is_plain(t) or depth > DEEPEST then return nil end
  local out = native.json_is_array(t) and native.json_array {} or {}
  for key, v in next, t do
    v = packed(v, depth + 1)
    if v == nil then return nil end
    if type(key) == "string" then key = packed_key(key) end
    out[key] = v
  end
  return out
end

function packed(v, depth)
  local t = type(v)
  if t == "table" then return packed_table(v, depth) end
  if t == "string" and not native.utf8_valid(v) then return { ["$bytes"] = native.hex(v) } end
  if t == "string" or t == "number" or t == "boolean" or v == native.json_null then return v end
end

local function bytes_of(hex)
  return (gsub(hex, "%x%x", function(pair) return char(tonumber(pair, 16)) end))
end

local function unpacked(v)
  if type(v) ~= "table" then return v end
  if type(v["$bytes"]) == "string" then return bytes_of(v["$bytes"]) end
  local out = native.json_is_array(v) and native.json_array {} or {}
  for key, inner in next, v do
    if type(key) == "string" and sub(key, 1, 1) == "$" then
      key = find(key, "^%$key") and bytes_of(sub(key, 5)) or sub(key, 2)
    end
    out[key] = unpacked(inner)
  end
  return out
end

-- The text of one variable; nil when it cannot be kept. Whole and not only encoded: what reads back differently is not kept.
local function kept_text(v)
  local v_packed = packed(v, 1)
  if v_packed == nil then return nil end
  local ok, made = pcall(native.json_encode, v_packed)
  return ok and made or nil
end

local function some_ids(s)
  local out, n = {}, 0
  for id, kind in next, s.ids do
    n = n + 1
    if n > IDS_MAX then break end
    out[id] = kind
  end
  return out
end

-- The session's variables as JSON, and the names of those that it cannot hold.
function console.keep(s)
  local found, out, lost = {}, {}, {}
  for name in next, s.env do
    if type(name) == "string" and name ~= "_" then found[#found + 1] = name end
  end
  sort(found)
  for _, name in ipairs(found) do
    local made = kept_text(rawget(s.env, name))
    if made then
      out[#out + 1] = native.json_encode(packed_key(name)) .. ":" .. made
    else
      lost[#lost + 1] = name
    end
  end
  local ids = some_ids(s)
  if next(ids) ~= nil then out[#out + 1] = native.json_encode(IDS) .. ":" .. native.json_encode(ids) end
  return "{" .. concat(out, ",") .. "}", lost
end

-- A session; `kept`: what console.keep() gave of an earlier one, or nil.
function console.new(kept)
  local s = { locals = {} }
  s.env = environment(s)
  local variables = kept and native.json_decode(kept) or {}
  s.ids, variables[IDS] = variables[IDS] or {}, nil
  for name, v in next, unpacked(variables) do rawset(s.env, name, v) end
  return s
end

-- --- lines --------------------------------------------------------------------------------------------------------

local function finisher(s, width, json)
  return function(count, first, ...)
    if first ~= nil then rawset(s.env, "_", first) end
    return show.values(width, count, first, ...), json and show.json(count, first, ...) or nil
  end
end

-- Locals are gone after their line: those who miss them are told.
local function note_locals(s, code)
  s.locals = {}
  for _, form in ipairs { "local%s+([%a_][%w_]*)", "local%s+function%s+([%a_][%w_]*)" } do
    for name in gmatch(code, form) do s.locals[name] = true end
  end
end

-- Begins a line: as console.go(), or "more" when the code is not complete.
function console.eval(s, code, width, json)
  local f, how, why = line.read(code, s.env)
  if not f then return how, why end
  names.forget()
  console.cancel(s)
  s.line = line.new(f, code, width or 80, finisher(s, width or 80, json))
  return console.go(s)
end

-- Goes on with the line: see line.go().
function console.go(s)
  if not s.line then return "failed", "no line is being run" end
  words.begin(s)
  local how, a, b = line.go(s.line)
  if how == "done" or how == "failed" then
    if how == "done" then note_locals(s, s.line.code) end
    s.line = nil
  end
  return how, a, b
end

function console.answer(s, ok, answer)
  if s.line then line.answer(s.line, ok, answer) end
end

function console.cancel(s)
  if s.line then line.cancel(s.line) end
  s.line = nil
end

-- What could stand at the cursor: see complete.at().
console.complete = complete.at

return console
