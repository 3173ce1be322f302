-- text: strings with slots in them, where the core puts private values while sending. What `secret "NAME"` returns is
-- such a text of one slot; joining it with strings makes longer ones. The value itself never enters Lua.

local concat, getmetatable, ipairs, setmetatable = table.concat, getmetatable, ipairs, setmetatable
local error, format, tostring, type = error, string.format, tostring, type

local text = {}

local Text = { __name = "secret" }
local pieces_of = setmetatable({}, { __mode = "k" })

-- The value that JSON cannot say: encoding a text by mistake is an error, not an empty object.
local function opaque()
  error("a secret has no value here", 2)
end

-- A text of these pieces: strings and {secret = NAME}.
function text.new(pieces)
  local t = setmetatable({ opaque }, Text)
  pieces_of[t] = pieces
  return t
end

-- Whether `v` is a text with slots.
function text.is(v)
  return type(v) == "table" and pieces_of[v] ~= nil
end

-- The pieces of a text or a string; not to be changed.
function text.pieces(v)
  return pieces_of[v] or { v }
end

-- Appends the pieces of `v`, strings joined to strings.
local function append(list, v)
  for _, piece in ipairs(pieces_of[v] or { tostring(v) }) do
    local n = #list
    if type(piece) == "string" and type(list[n]) == "string" then
      list[n] = list[n] .. piece
    elseif piece ~= "" then
      list[n + 1] = piece
    end
  end
  return list
end

local function joinable(v)
  local kind = type(v)
  return kind == "string" or kind == "number" or text.is(v)
end

function Text.__concat(a, b)
  local odd = not joinable(a) and a or b
  if not joinable(odd) then
    error("a secret can be joined with strings only, found " .. type(odd), 2)
  end
  return text.new(append(append({}, a), b))
end

-- What people see of pieces: "***" in every slot.
function text.mask(pieces)
  local out = {}
  for i, piece in ipairs(pieces) do
    out[i] = type(piece) == "string" and piece or "***"
  end
  return concat(out)
end

function Text.__tostring(t)
  local pieces = pieces_of[t]
  if #pieces == 1 and type(pieces[1]) == "table" then
    return format('secret "%s" (***)', pieces[1].secret)
  end
  return text.mask(pieces)
end

function Text.__newindex()
  error("a secret cannot be changed", 2)
end

function Text.__len()
  error("the length of a secret is private", 2)
end

function Text.__index(_, key)
  error(format("a secret has no field '%s'", tostring(key)), 2)
end

Text.__metatable = "secret"
assert(getmetatable(text.new({})) == "secret")

return text
