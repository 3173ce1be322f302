-- functions: the functions of the template language, by name. An entry: `name`; `args`, the types of its arguments (see
-- arguments.lua), the last for all that follow when `rest`; `min`, the least number (else all); `result`, what comes out,
-- where that is known; `call`, which gets the values, `placed`: behind the place for messages. `straight`: it has no loop in
-- Lua that the data could make long. `lazy` ones are the compiler's own.

local concat, format, ipairs, lower, sort, unpack = table.concat, string.format, ipairs, string.lower, table.sort, table.unpack

local native = require "stdlib.native"
local null = native.json_null

local functions = {}

local by_key, names = {}, {}

-- Adds a function; `entry` as above.
function functions.add(entry)
  local key = lower(entry.name)
  entry.min = entry.min or #entry.args
  entry.max = not entry.rest and #entry.args or nil
  names[#names + 1] = entry.name
  by_key[key] = entry
end

for _, group in ipairs { "text", "number", "date", "list" } do
  for _, entry in ipairs(require("stdlib.template." .. group .. "_functions")) do functions.add(entry) end
end

-- Adds a function of a script: any arguments, null too, as nil. It must not yield.
function functions.add_custom(name, f, where)
  local call_plain = native.call_plain
  functions.add {
    name = name, args = { "maybe" }, min = 0, rest = true, custom = where,
    call = function(...)
      local v = call_plain(f, ...)
      if v == null then return nil end
      return v
    end,
  }
end

-- The entry of a name in lower case, or nil.
function functions.find(key)
  return by_key[key]
end

-- All names, sorted.
function functions.names()
  local list = { unpack(names) }
  sort(list)
  return list
end

-- The nearest name, or nil.
function functions.nearest(name)
  local candidates = {}
  for i, known in ipairs(functions.names()) do candidates[i] = lower(known) end
  local near = native.nearest(lower(name), candidates)
  return near and by_key[near].name
end

-- The type of argument i.
function functions.argument(entry, i)
  return entry.args[i] or entry.args[#entry.args]
end

-- "at least 2 arguments", "1 argument", "2 or 3 arguments": what an entry takes.
function functions.arity(entry)
  local function arguments(n, words) return words .. (n == 1 and " argument" or " arguments") end
  if not entry.max then return arguments(entry.min, "at least " .. entry.min) end
  if entry.min == entry.max then return arguments(entry.max, entry.max == 0 and "no" or format("%d", entry.max)) end
  return arguments(entry.max, concat({ entry.min, entry.max }, entry.max == entry.min + 1 and " or " or " to "))
end

return functions
