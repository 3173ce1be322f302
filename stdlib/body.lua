-- body: what a body function returned, as text: a table is encoded as JSON, a string is sent as it is; secrets become slots.

local error, find, ipairs, next, sub, type = error, string.find, ipairs, next, string.sub, type

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local marks = require "stdlib.template.marks"
local text = require "stdlib.text"

local body = {}

local DEPTH = 200
local mark -- stands for a secret while JSON is made; nobody can guess it

local function holds_secret(v, depth)
  if text.is(v) then return true end
  if marks.record(v) then error("each() and when() are for table bodies; in a function write a loop", 0) end
  if depth > DEPTH then error("the body is nested too deeply, or holds itself", 0) end
  for _, inner in next, v do
    if type(inner) == "table" and holds_secret(inner, depth + 1) then return true end
  end
  return false
end

-- The string that stands for a text: its slots by number.
local function stand_in(v, slots)
  local out = ""
  for _, piece in ipairs(text.pieces(v)) do
    if type(piece) == "string" then
      out = out .. piece
    else
      slots[#slots + 1] = { secret = piece.secret, encoding = "json" }
      out = out .. mark .. #slots .. ";"
    end
  end
  return out
end

local function without_secrets(v, slots)
  if text.is(v) then return stand_in(v, slots) end
  if type(v) ~= "table" then return v end
  local out = native.json_is_array(v) and native.json_array {} or {}
  for key, inner in next, v do out[key] = without_secrets(inner, slots) end
  return out
end

-- JSON with stand-ins to pieces.
local function pieces_of(json, slots)
  local out, from = {}, 1
  while true do
    local at, stop = find(json, mark, from, true)
    if not at then break end
    local semicolon = find(json, ";", stop, true)
    out[#out + 1] = sub(json, from, at - 1)
    out[#out + 1] = slots[sub(json, stop + 1, semicolon - 1) + 0]
    from = semicolon + 1
  end
  out[#out + 1] = sub(json, from)
  return out
end

local function encode(v)
  if not dsl.secrets_used() or not holds_secret(v, 1) then return native.json_encode(v) end
  mark = mark or "secret-" .. native.uuid() .. "-"
  local slots = {}
  local json = native.json_encode(without_secrets(v, slots))
  return pieces_of(json, slots)
end

local ENCODING = { json = "json", form = "url", xml = "xml", text = "raw" }

local function text_pieces(v, kind)
  local out = {}
  for i, piece in ipairs(text.pieces(v)) do
    out[i] = type(piece) == "string" and piece or { secret = piece.secret, encoding = ENCODING[kind] }
  end
  return out
end

-- The text of what a body function returned, and whether it was a table. `kind`: of the place, "json", "form", …
function body.make(v, kind)
  if type(v) == "string" then return v, false end
  if text.is(v) then return text_pieces(v, kind), false end
  if type(v) == "table" then return encode(v), true end
  return error("the body function returned " .. dsl.kind(v) .. "; expected a table or a string", 0)
end

return body
