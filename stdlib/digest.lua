-- digest: a definition in a few bytes, so that a reload can say which ones are different. Two definitions have the same digest
-- when they say the same, wherever they stand in their file: a function counts by its text and by what it refers to outside
-- itself (its upvalues). What it finds in globals is not looked at.

local concat, format, ipairs, math_type, next, sort, sub, tostring, type =
  table.concat, string.format, ipairs, math.type, next, table.sort, string.sub, tostring, type

local native = require "stdlib.native"
local marks = require "stdlib.template.marks"
local source = require "stdlib.source"
local text = require "stdlib.text"

local digest = {}

local VALUES_MAX = 20000 -- of one definition: what comes behind them is left out

local write

local function before(a, b)
  if type(a) == type(b) and type(a) ~= "boolean" then return a < b end
  return tostring(a) < tostring(b)
end

local function write_pairs(w, t)
  local keys = {}
  for key in next, t do
    local kind = type(key)
    if kind == "string" or kind == "number" or kind == "boolean" then keys[#keys + 1] = key end
  end
  sort(keys, before)
  for _, key in ipairs(keys) do
    write(w, key)
    write(w, t[key])
  end
end

local function write_function(w, f)
  local path, first, last, upvalues = native.closure(f)
  local lines = path and source.lines(path, first, last)
  if not lines then return end -- of C, or of this library
  w[#w + 1] = lines
  write_pairs(w, upvalues)
end

-- The inside of a table or a function; one met before is named by its number, so that circles end.
local function write_inside(w, v)
  if w.seen[v] then
    w[#w + 1] = "=" .. w.seen[v]
    return
  end
  w.count = w.count + 1
  w.seen[v] = w.count
  local inside = marks.record(v) or text.is(v) and text.pieces(v) or v
  w[#w + 1] = "{"
  if type(inside) == "function" then write_function(w, inside) else write_pairs(w, inside) end
  w[#w + 1] = "}"
end

function write(w, v)
  local kind = type(v)
  if #w > VALUES_MAX then return end
  w[#w + 1] = kind
  if kind == "table" or kind == "function" then
    write_inside(w, v)
  elseif kind == "string" then
    w[#w + 1] = #v .. ":" .. v
  else
    w[#w + 1] = math_type(v) == "float" and format("%a", v) or tostring(v)
  end
end

-- The digest of a definition that has no mistake: the fields it has in the end, and its headers.
function digest.of(def)
  local w, headers = { seen = {}, count = 0 }, {}
  for _, header in ipairs(def.whole.headers) do headers[header.name] = header.value end
  write(w, def.whole.fields)
  write(w, headers)
  return sub(native.hex(native.digest("sha256", concat(w, "\0"))), 1, 32)
end

return digest
