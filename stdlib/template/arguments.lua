-- arguments: the types of functions' arguments. Each is a function (v, p): the value as the function wants it, or a message
-- at the place `p`. Constants go through them when the template is compiled, everything else while it renders.

local match, pcall, tointeger, type = string.match, pcall, math.tointeger, type

local date = require "stdlib.template.date"
local date_format = require "stdlib.template.date_format"
local decimal = require "stdlib.template.decimal"
local escape = require "stdlib.template.escape"
local runtime = require "stdlib.template.runtime"
local expected, fail, quoted = runtime.expected, runtime.fail, runtime.quoted

local arguments = { list = runtime.list }

-- A finite number.
function arguments.number(v, p)
  v = runtime.num(v, p)
  if v - v ~= 0 then return fail(p, "%s is not a finite number", quoted(p)) end
  return v
end
local number = arguments.number

-- Null too.
function arguments.maybe(v)
  return v
end

-- A string; numbers and booleans as they are printed.
function arguments.text(v, p)
  if type(v) == "string" then return v end
  return escape.text(v, p) .. ""
end

-- A list, or else a text.
function arguments.text_or_list(v, p)
  return type(v) == "table" and runtime.list(v, p) or arguments.text(v, p)
end

-- A string that holds something.
function arguments.filled(v, p)
  v = arguments.text(v, p)
  if v == "" then return fail(p, "expected a text, found an empty one") end
  return v
end

-- A whole number of at least `least`, and at most `most`.
local function within(least, most, what)
  return function(v, p)
    v = number(v, p)
    local whole = tointeger(v)
    if not whole then return fail(p, "expected a whole number, found %s", v) end
    if whole < least then return fail(p, "%s must be at least %d, found %d", what, least, whole) end
    if whole > most then return fail(p, "%s must be at most %d, found %d", what, most, whole) end
    return whole
  end
end

arguments.position = within(1, math.maxinteger, "the position")
arguments.count = within(1, math.maxinteger, "the length")
arguments.size = within(1, 1000, "the size of a row") -- a last row is filled up, whatever it takes
arguments.limit = within(5, math.maxinteger, "the length")

-- A date of ISO 8601, as date.parse() has it.
function arguments.date(v, p)
  if type(v) ~= "string" then return expected(p, v, "a date") end
  return date.parse(v) or fail(p, "expected a date like 2026-11-23 or 2026-11-23T10:00:00Z, found '%s'", v)
end

-- A time of the day or a span, in ticks (date.lua).
function arguments.time(v, p)
  if type(v) ~= "string" then return expected(p, v, "a time") end
  return date.parse_time(v) or fail(p, "expected a time like 10:30:00 or a date with one, found '%s'", v)
end

-- How a message authentication code is written.
function arguments.mac_form(v, p)
  if v == "HEX" or v == "hex" or v == "base64" then return v end
  return fail(p, "expected 'HEX', 'hex' or 'base64', found '%s'", v)
end

local KEPT, KEPT_LENGTH = 1000, 100

-- A format, compiled: the compilers give it, or nil and why not.
local function format_of(compile)
  local known, count = {}, 0
  return function(v, p)
    if type(v) ~= "string" then return expected(p, v, "a format") end
    if known[v] then return known[v] end
    local format, why = compile(v)
    if not format then return fail(p, "%s", why) end
    if #v > KEPT_LENGTH then return format end -- formats may come from data
    if count == KEPT then known, count = {}, 0 end
    known[v], count = format, count + 1
    return format
  end
end

arguments.decimal_format = format_of(decimal.compile)
arguments.date_format = format_of(date_format.date)
arguments.time_format = format_of(date_format.time)

-- A constant through the type of that name: true and the value, or false and what is wrong.
function arguments.constant(name, v, text)
  local ok, value = pcall(arguments[name], v, { place = "", src = text })
  return ok, ok and value or match(value, "^: (.*)$") or value
end

return arguments
