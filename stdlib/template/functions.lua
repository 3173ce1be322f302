-- functions: what templates can call. Each entry: name, the least and most arguments (max nil: any number), and `call`,
-- which gets the place and the values. Arguments must not be null unless `nulls`; `result` says what comes out.

local concat, date, ipairs, lower, match, next, type, upper =
  table.concat, os.date, ipairs, string.lower, string.match, next, type, string.upper
local floor, find, format, sort, utf8_len = math.floor, string.find, string.format, table.sort, utf8.len

local native = require "stdlib.native"
local runtime = require "stdlib.template.runtime"
local escape = require "stdlib.template.escape"
local expected, text = runtime.expected, escape.text

local functions = {}

local by_key, names = {}, {}

-- Adds a function; `entry` as above.
function functions.add(entry)
  local key = lower(entry.name)
  if not by_key[key] then
    names[#names + 1] = entry.name
    sort(names)
  end
  by_key[key] = entry
end
local add = functions.add

-- The entry of a name in lower case, or nil.
function functions.find(key)
  return by_key[key]
end

-- All names, sorted.
function functions.names()
  return { table.unpack(names) }
end

-- The nearest name, or nil.
function functions.nearest(name)
  local candidates = {}
  for i, known in ipairs(names) do candidates[i] = lower(known) end
  local near = native.nearest(lower(name), candidates)
  return near and by_key[near].name
end

local function of_text(name, f)
  add { name = name, min = 1, max = 1, result = "string", call = function(p, v) return f(text(v, p) .. "") end }
end

-- White space is no content.
local function is_empty(_, v)
  if v == nil then return true end
  if type(v) == "string" then return not find(v, "%S") end
  return type(v) == "table" and next(v) == nil
end

local function count(p, v)
  if type(v) == "table" then return #runtime.list(v, p) end
  return expected(p, v, "a list")
end

local function length(p, v)
  if type(v) == "table" then return count(p, v) end
  local s = text(v, p) .. ""
  return utf8_len(s) or #s
end

-- Linear in #s, whatever it holds: "%s+$" alone would be tried anew at every blank.
local function trim(s)
  local from = find(s, "%S")
  return from and match(s, ".*%S", from) or ""
end

local function now()
  local ms = native.now_ms()
  return date("!%Y-%m-%dT%H:%M:%S", floor(ms // 1000)) .. format(".%03dZ", ms % 1000)
end

local function json(_, v)
  if v == nil then return "null" end
  return native.json_encode(v)
end

of_text("toUpper", upper)
of_text("toLower", lower)
of_text("trim", trim)
of_text("urlEncode", native.percent_encode)
add { name = "default", min = 2, max = 2, nulls = true, lazy = "default" }
add { name = "if", min = 3, max = 3, nulls = true, lazy = "if" }
add { name = "isEmpty", min = 1, max = 1, nulls = true, result = "boolean", call = is_empty }
add { name = "length", min = 1, max = 1, result = "number", call = length }
add { name = "count", min = 1, max = 1, result = "number", call = count }
add { name = "json", min = 1, max = 1, nulls = true, result = "string", call = json }
add { name = "raw", min = 1, max = 1, nulls = true }
add { name = "now", min = 0, max = 0, result = "string", call = now }
add { name = "uuid", min = 0, max = 0, result = "string", call = function() return native.uuid() end }

-- "at least 2 arguments", "1 argument", "2 or 3 arguments": what an entry takes.
function functions.arity(entry)
  local function arguments(n, words) return words .. (n == 1 and " argument" or " arguments") end
  if not entry.max then return arguments(entry.min, "at least " .. entry.min) end
  if entry.min == entry.max then return arguments(entry.max, entry.max == 0 and "no" or "" .. entry.max) end
  return arguments(entry.max, concat({ entry.min, entry.max }, entry.max == entry.min + 1 and " or " or " to "))
end

return functions
