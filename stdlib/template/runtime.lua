-- runtime: what a compiled template calls while it renders: looking values up, comparing, calculating. A `p` is the
-- place of an expression, {o = origin, at = offset, src = text}, for the message when it cannot be had.

local abs, floor, math_type, tointeger = math.abs, math.floor, math.type, math.tointeger
local error, format, lower, next, tonumber = error, string.format, string.lower, next, tonumber
local type = type

local native = require "stdlib.native"
local null, is_array = native.json_null, native.json_is_array

local runtime = { null = null }

-- Ends the rendering with a message that has its place.
function runtime.fail(p, message, ...)
  p.place = p.place or p.o.place(p.at) -- found once, in case many fail
  error(p.place .. ": " .. format(message, ...), 0)
end
local fail = runtime.fail

local KINDS = { string = "a string", number = "a number", boolean = "a boolean", ["function"] = "a function" }

-- "a number", "a list", "null", …
function runtime.kind(v)
  if v == nil or v == null then return "null" end
  if type(v) == "table" then return (is_array(v) or #v > 0) and "a list" or "an object" end
  return KINDS[type(v)] or type(v)
end
local kind = runtime.kind

-- The message for a value of the wrong type.
function runtime.expected(p, v, what)
  if v == nil or v == null then return fail(p, "'%s' is null", p.src) end
  return fail(p, "'%s' is %s, not %s", p.src, kind(v), what)
end
local expected = runtime.expected

-- A field whose name differs in case; the first in order when several do.
local function search(o, name)
  local wanted, hit = lower(name), nil
  for key in next, o do
    if type(key) ~= "string" then return nil end
    if #key == #wanted and lower(key) == wanted and (not hit or key < hit) then hit = key end
  end
  return hit and o[hit]
end

-- Fields: the exact name first, then any case; nil for null and for what is not there.
local function get1(o, a)
  if type(o) ~= "table" then return nil end
  local v = o[a]
  if v == nil then v = search(o, a) end
  if v == null then return nil end
  return v
end
runtime.get1 = get1

function runtime.get2(o, a, b)
  local v = o[a]
  if v == nil then v = search(o, a) end
  if type(v) ~= "table" then return nil end
  local w = v[b]
  if w == nil then w = search(v, b) end
  if w == null then return nil end
  return w
end

function runtime.get3(o, a, b, c)
  return get1(get1(get1(o, a), b), c)
end

-- An element of a list, counted from 0.
function runtime.at(o, i)
  if type(o) ~= "table" then return nil end
  local v = o[i + 1]
  if v == null then return nil end
  return v
end

-- A list to loop over.
function runtime.list(v, p)
  if type(v) == "table" and (v[1] ~= nil or is_array(v) or next(v) == nil) then return v end
  return expected(p, v, "a list")
end

-- A value that must not be null.
function runtime.given(v, p)
  if v == nil then return expected(p, v) end
  return v
end

-- A condition.
function runtime.bool(v, p)
  if v == true or v == false then return v end
  return expected(p, v, "a boolean")
end

-- A number to calculate with.
function runtime.num(v, p)
  if type(v) == "number" then return v end
  return expected(p, v, "a number")
end

local function close(a, b)
  return a == b or (math_type(a) ~= math_type(b) or math_type(a) == "float") and abs(a - b) < 1e-7
end

-- Equality: strings by letters whatever their case, numbers with a tolerance.
function runtime.eq(a, b)
  if a == b then return true end
  local t = type(a)
  if t ~= type(b) then return false end
  if t == "string" then return #a == #b and lower(a) == lower(b) end
  return t == "number" and close(a, b)
end

local function comparable(a, b, p)
  local t = type(a)
  if t == type(b) and (t == "number" or t == "string") then return t == "number" end
  if a == nil or b == nil then return expected(p, nil) end
  return fail(p, "'%s' compares %s with %s", p.src, kind(a), kind(b))
end

function runtime.lt(a, b, p)
  if comparable(a, b, p) then return a < b and not close(a, b) end
  return a < b
end

function runtime.le(a, b, p)
  if comparable(a, b, p) then return a < b or close(a, b) end
  return a <= b
end

-- Integers stay integers unless they would overflow.
local function exact(whole, float)
  return math_type(whole) == "integer" and abs(float) >= 0x1p63 and float or whole
end

function runtime.add(a, b) return exact(a + b, (a + 0.0) + b) end
function runtime.sub(a, b) return exact(a - b, (a + 0.0) - b) end
function runtime.mul(a, b) return exact(a * b, (a + 0.0) * b) end

function runtime.div(a, b, p)
  if b == 0 then return fail(p, "'%s' divides by zero", p.src) end
  return a / b
end

-- The result of arithmetic as it is printed: two places, half away from zero (on the 15 digits a double has).
function runtime.round(v)
  if math_type(v) ~= "float" then return v end
  local size = abs(v)
  if size < 1e13 then
    size = floor(tonumber(format("%.15g", size * 100)) + 0.5) / 100
    v = v < 0 and -size or size
  end
  return tointeger(v) or v
end

-- The same of a value that may be no number.
function runtime.round_number(v)
  if type(v) == "number" then return runtime.round(v) end
  return v
end

-- default(v, fallback); `late`: the fallback is a function that makes it.
function runtime.default(v, fallback)
  if v == nil then return fallback end
  return v
end

function runtime.default_late(v, fallback)
  if v == nil then return fallback() end
  return v
end

-- if(condition, a, b); `late_a`, `late_b` as above.
function runtime.choose(condition, a, b, late_a, late_b)
  if condition then
    if late_a then return a() end
    return a
  end
  if late_b then return b() end
  return b
end

-- A number that can be written.
function runtime.finite(v, p)
  if v - v ~= 0 then return fail(p, "'%s' is not a finite number", p.src) end
  return v
end

return runtime
