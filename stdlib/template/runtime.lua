-- runtime: what a compiled template calls while it renders: looking values up, comparing, calculating. A `p` is the
-- place of an expression, its node (expression.lua), for the message when it cannot be had.

local abs, floor, math_type, tointeger = math.abs, math.floor, math.type, math.tointeger
local error, find, format, gsub, next, sub, tonumber =
  error, string.find, string.format, string.gsub, next, string.sub, tonumber
local type = type

local native = require "stdlib.native"
local null, is_array, other_case, same_letters =
  native.json_null, native.json_is_array, native.other_case, native.same_letters

local call_plain = native.call_plain

local runtime = { null = null }

-- The text of an expression, for messages.
function runtime.src(p)
  p.src = p.src or gsub(sub(p.text, p.at, p.stop), "%s+", " ")
  return p.src
end
local src = runtime.src

-- The same in quotes; a constant has its own.
function runtime.quoted(p)
  local text = src(p)
  return find(text, "^[\"']") and text or "'" .. text .. "'"
end
local quoted = runtime.quoted

-- Ends the rendering with a message that has its place.
function runtime.fail(p, message, ...)
  p.place = p.place or p.o:place(p.at) -- found once, in case many fail
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
  if v == nil or v == null then return fail(p, "%s is null", quoted(p)) end
  return fail(p, "%s is %s, not %s", quoted(p), kind(v), what)
end
local expected = runtime.expected

-- Of a table that has no exact `name`: the field in another case. Also for what is `false`.
function runtime.field(o, name)
  local v = o[name]
  if v ~= nil then return v end
  return other_case(o, name)
end
local field = runtime.field

-- What has no fields.
runtime.empty = {}
local empty = runtime.empty

-- The object that is the field `name` of `o` in another case; else what has no fields.
function runtime.other_object(o, name)
  local v = o[name]
  if v == nil then v = other_case(o, name) end
  return type(v) == "table" and v or empty
end

-- A field: the exact name first, then any case; nil for null and for what is not there.
function runtime.get(o, name)
  if type(o) ~= "table" then return nil end
  local v = field(o, name)
  if v == null then return nil end
  return v
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
  if v == nil or v == null then return expected(p, v) end
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
  if t == "string" then return same_letters(a, b) end
  return t == "number" and close(a, b)
end

local function comparable(a, b, p)
  local t = type(a)
  if t == type(b) and (t == "number" or t == "string") then return t == "number" end
  if a == nil or b == nil then return expected(p, nil) end
  return fail(p, "%s compares %s with %s", quoted(p), kind(a), kind(b))
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
  if b == 0 then return fail(p, "%s divides by zero", quoted(p)) end
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

-- Appends what has been written, and a slot (nil: none), to the pieces of a text with secrets.
function runtime.piece(pieces, written, slot)
  if written ~= "" then pieces[#pieces + 1] = written end
  pieces[#pieces + 1] = slot
end

-- The same with a slot for a signature: `slot` with a message.
function runtime.signature(pieces, written, slot, message)
  return runtime.piece(pieces, written,
    { secret = slot.secret, encoding = slot.encoding, hmac = slot.hmac, message = message })
end

-- What a method of the data gives: object.name(constants), a function that gets the object first.
function runtime.method(o, name, p, ...)
  local f = runtime.get(o, name)
  if type(f) ~= "function" then return fail(p, "'%s': the data has no method '%s'", src(p), name) end
  local v = call_plain(f, o, ...)
  if v == null then return nil end
  return v
end

return runtime
