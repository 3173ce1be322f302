-- check: what the console's words accept: each gives what is used, or raises what was found and what was expected.

local error, find, format, ipairs, lower, match, math_type, next, pcall, sort, sub, type =
  error, string.find, string.format, ipairs, string.lower, string.match, math.type, next, pcall, table.sort, string.sub, type

local native = require "stdlib.native"
local clock = require "stdlib.console.clock"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"
local runs = require "stdlib.runs"
local text = require "stdlib.text"

local check = {}

local function misuse(word, message, ...)
  error(word .. ": " .. format(message, ...), 0)
end

-- A text that is not empty; `what`: "the name of a webhook".
function check.name(word, v, what)
  if type(v) == "string" and v ~= "" then return v end
  misuse(word, "expected %s, found %s", what, v == "" and "an empty text" or dsl.kind(v))
end

-- --- data -------------------------------------------------------------------------------------------------------

-- Where a secret is in a table: a path, or nil.
local function secret_path(v, path, open)
  if text.is(v) then return path end
  if type(v) ~= "table" or open[v] then return nil end
  open[v] = true
  for key, inner in next, v do
    local name = type(key) == "string" and "." .. key or format("[%s]", dsl.shown(key))
    local found = secret_path(inner, path .. name, open)
    if found then return found end
  end
end

-- What the encoder says, as a place in the data and what stands there.
local function placed(message)
  local path, problem = match(message, "^cannot encode ([^%s].-): (.*)$")
  if not path or find(path, "^a ") then return "data", match(message, "^cannot encode (.*)$") or message end
  return sub(path, 1, 1) == "[" and "data" .. path or "data." .. path, problem
end

-- The data of a request or an event: a table that JSON can hold, with names.
function check.data(word, v)
  if v == nil then return {} end
  if type(v) ~= "table" or text.is(v) then misuse(word, "expected a table of data, found %s", dsl.kind(v)) end
  local secret = secret_path(v, "data", {})
  if secret then misuse(word, "%s: a secret cannot be sent from here; webhooks put it into their requests", secret) end
  local ok, made = pcall(native.json_encode, v)
  if not ok then misuse(word, "%s: %s cannot be sent", placed(mistakes.plain(made))) end
  if sub(made, 1, 1) == "[" then misuse(word, "expected a table of data with names, found a list") end
  return v
end

-- --- filters ----------------------------------------------------------------------------------------------------

-- A text of a list; `what`: "state".
function check.one_of(word, v, what, list)
  for _, known in ipairs(list) do
    if v == known then return v end
  end
  local near = type(v) == "string" and native.nearest(v, list)
  misuse(word, "unknown %s %s%s", what, dsl.shown(v), mistakes.hint(near, list))
end

function check.time(word, v, what)
  return clock.since(v) or misuse(word,
    '%s: expected a time such as "1h" (ago), "2026-11-23" or "2026-11-23T10:00:00Z", found %s', what, dsl.shown(v))
end

function check.limit(word, v, what)
  if math_type(v) == "integer" and v >= 1 and v <= 1000 then return v end
  misuse(word, "%s: expected a whole number from 1 to 1000, found %s", what, dsl.shown(v))
end

-- A table of filters. `known`: name -> function(word, value, name) that gives what is asked; a text stands for the filter
-- `short`.
function check.filter(word, v, known, short)
  if v == nil then return {} end
  if type(v) == "string" then v = { [short] = v } end
  if type(v) ~= "table" or text.is(v) then
    misuse(word, 'expected a table such as { %s = "…", limit = 10 } or the name of a %s, found %s', short, short, dsl.kind(v))
  end
  local out = {}
  for name, value in next, v do
    local read = known[name]
    if not read then
      local filters = mistakes.names(known)
      local near = type(name) == "string" and native.nearest(name, filters)
      misuse(word, "unknown filter %s%s", dsl.shown(name), mistakes.hint(near, filters))
    end
    out[name] = read(word, value, name)
  end
  return out
end

-- --- others -----------------------------------------------------------------------------------------------------

-- Milliseconds.
function check.duration(word, v)
  local ms = native.duration(v)
  if ms then return ms end
  misuse(word, 'expected a duration such as "10m", or a number of seconds; found %s', dsl.shown(v))
end

local function beginning_with(id, seen)
  local found = {}
  for known in next, seen do
    if sub(known, 1, #id) == id then found[#found + 1] = known end
  end
  sort(found)
  return found
end

-- An id: whole, the beginning of one that was printed (`seen`), or what has one. `what`: "delivery".
function check.id(word, v, seen, what)
  if type(v) == "table" and not text.is(v) then v = v.id or v.delivery_id or v end
  if type(v) ~= "string" or v == "" then
    misuse(word, "expected the id of a %s, found %s", what, v == "" and "an empty text" or dsl.kind(v))
  end
  local id = lower(v)
  if runs.is_id(id) then return id end
  if not find(id, "^[%x-]+$") then misuse(word, "expected the id of a %s, found '%s'", what, v) end
  local found = beginning_with(id, seen)
  if #found == 1 then return found[1] end
  if #found == 0 then misuse(word, "no id that begins with '%s' was printed here; give the whole id", v) end
  misuse(word, "%d ids begin with '%s', among them %s and %s", #found, v, found[1], found[2])
end

return check
