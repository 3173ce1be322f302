-- pretty: values for people's eyes: Lua that reads back where that can be, cut where it would go on and on, and without a byte
-- that a terminal would obey. Raw access only: no code of a value runs.

local byte, concat, find, format, getmetatable, gsub, ipairs, math_type, max, min, next, rawget, rawlen, rep,
  sort, sub, tostring, type = string.byte, table.concat, string.find, string.format, getmetatable, string.gsub,
  ipairs, math.type, math.max, math.min, next, rawget, rawlen, string.rep, table.sort, string.sub, tostring, type
local codepoint, utf8_len = utf8.codepoint, utf8.len

local native = require "stdlib.native"
local text = require "stdlib.text"
local null = native.json_null

local pretty = {}

local DEPTH, ENTRIES, ALL, KEYS = 8, 50, 2000, 5000 -- tables inside tables, entries of one, of all; keys that are sorted
local INNER, OUTER = 400, 10000                     -- bytes of a string in a table, of one alone

-- --- texts ------------------------------------------------------------------------------------------------------

local NAMED = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\", ['"'] = '\\"' }

local function hex(c)
  return format("\\x%02x", byte(c))
end

-- Control characters of Unicode beyond ASCII, among them one that begins a command to a terminal.
local function c1(c)
  return format("\\u{%x}", codepoint(c))
end

-- Text in which what is no UTF-8 is replaced by \xNN.
local function valid(s)
  if native.utf8_valid(s) then return (gsub(s, "\xC2[\x80-\x9F]", c1)) end
  local out, at = {}, 1
  while at <= #s do
    local good, bad = utf8_len(s, at)
    local stop = good and #s or bad - 1
    if stop >= at then out[#out + 1] = gsub(sub(s, at, stop), "\xC2[\x80-\x9F]", c1) end
    if not good then out[#out + 1] = hex(sub(s, bad, bad)) end
    at = stop + 2
  end
  return concat(out)
end

-- Text for a terminal: lines and tabs stay, nothing else that it would obey.
function pretty.clean(s)
  return (gsub(valid(s), "[%z\1-\8\11-\31\127]", hex))
end

-- Text on one line.
function pretty.one_line(s)
  return (gsub(valid(s), "[%z\1-\31\127]", function(c) return NAMED[c] or hex(c) end))
end

-- "12,345"
function pretty.count(n)
  local s = format("%d", n)
  local found
  repeat s, found = gsub(s, "^(%-?%d+)(%d%d%d)", "%1,%2") until found == 0
  return s
end

-- A string in quotes, as Lua reads it; `most`: bytes.
function pretty.quoted(s, most)
  local rest = ""
  if most and #s > most then
    local cut = most
    while cut > most - 4 and find(sub(s, cut + 1, cut + 1), "[\x80-\xBF]") do cut = cut - 1 end
    rest = format(" … %s bytes more", pretty.count(#s - cut))
    s = sub(s, 1, cut)
  end
  return '"' .. gsub(valid(gsub(s, "\\", "\\\\")), '[%z\1-\31\127"]', function(c) return NAMED[c] or hex(c) end) .. '"' .. rest
end

local WIDE = { { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF }, { 0xFE30, 0xFE6F },
  { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1F64F }, { 0x1F900, 0x1F9FF }, { 0x20000, 0x3FFFD } }
local NONE = { { 0x300, 0x36F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } }

local function among(ranges, c)
  for _, range in ipairs(ranges) do
    if c >= range[1] and c <= range[2] then return true end
  end
end

local function columns(c)
  if c < 0x300 then return 1 end
  return among(NONE, c) and 0 or among(WIDE, c) and 2 or 1
end

-- Columns that a text takes on a terminal.
function pretty.width(s)
  if not find(s, "[\x80-\xFF]") then return #s end
  if not utf8_len(s) then return #s end
  local n = 0
  for _, c in utf8.codes(s) do n = n + columns(c) end
  return n
end

-- A text of at most so many columns, "…" at its end where some is missing.
function pretty.fit(s, most)
  if pretty.width(s) <= most then return s end
  local n, stop = 0, 0
  for at, c in utf8.codes(s) do
    n = n + columns(c)
    if n > most - 1 then break end
    stop = at + #utf8.char(c) - 1
  end
  return sub(s, 1, stop) .. "…"
end

-- --- what is no table -------------------------------------------------------------------------------------------

local function number(n)
  if math_type(n) == "integer" then return n == math.mininteger and "math.mininteger" or format("%d", n) end
  if n ~= n then return "0/0" end
  if n == math.huge then return "math.huge" end
  if n == -math.huge then return "-math.huge" end
  return native.json_number(n)
end

local function with_slots(v)
  local out = {}
  for i, piece in ipairs(text.pieces(v)) do
    out[i] = type(piece) == "string" and pretty.quoted(piece, INNER) or format('secret "%s" (***)', piece.secret)
  end
  return concat(out, " .. ")
end

local name_of = function() end -- functions -> names

-- Tells how the name of a function is found.
function pretty.use(namer)
  name_of = namer
end

local function scalar(v, most)
  local t = type(v)
  if t == "string" then return pretty.quoted(v, most) end
  if t == "number" then return number(v) end
  if t == "function" then
    local name = name_of(v)
    return name and "function " .. name or "function"
  end
  if v == null then return "json.null" end
  if t == "nil" or t == "boolean" then return tostring(v) end
  return t
end

-- --- tables -----------------------------------------------------------------------------------------------------

local KEYWORDS = {}
for _, word in ipairs { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local",
  "nil", "not", "or", "repeat", "return", "then", "true", "until", "while" } do KEYWORDS[word] = true end
pretty.KEYWORDS = KEYWORDS

-- Whether a key can be written bare.
function pretty.is_name(s)
  return type(s) == "string" and find(s, "^[%a_][%w_]*$") ~= nil and not KEYWORDS[s]
end

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return (RANK[ta] or 9) < (RANK[tb] or 9) end
  if ta == "boolean" then return not a and b end
  return RANK[ta] ~= nil and a < b
end

-- Keys beyond those of the list 1 to `n`, sorted, and how many were left out.
local function other_keys(t, n)
  local keys, more = {}, 0
  for key in next, t do
    if not (math_type(key) == "integer" and key >= 1 and key <= n) then
      if #keys < KEYS then keys[#keys + 1] = key else more = more + 1 end
    end
  end
  sort(keys, before)
  return keys, more
end

-- How long the list at the beginning of a table is.
local function list_length(t)
  local n = rawlen(t)
  if n > 0 and rawget(t, 1) ~= nil and rawget(t, n) ~= nil then
    for i = 1, min(n, ENTRIES) do
      if rawget(t, i) == nil then return i - 1 end
    end
    return n
  end
  n = 0
  while rawget(t, n + 1) ~= nil do n = n + 1 end
  return n
end

local render

local function key_text(key)
  if pretty.is_name(key) then return key end
  if type(key) == "table" then return "[table]" end
  return "[" .. scalar(key, INNER) .. "]"
end

-- The entries of a table as texts of at most `room` columns where they fit on a line.
local function entries(c, t, indent)
  local n = list_length(t)
  local keys, more = other_keys(t, n)
  local out, shown = {}, min(n, ENTRIES)
  for i = 1, shown do
    if c.left <= 0 then shown = i - 1 break end
    c.left = c.left - 1
    out[i] = render(c, rawget(t, i), indent, 0)
  end
  more = more + n - shown
  for _, key in ipairs(keys) do
    if #out >= ENTRIES or c.left <= 0 then
      more = more + 1
    else
      c.left = c.left - 1
      local name = key_text(key)
      out[#out + 1] = name .. " = " .. render(c, rawget(t, key), indent, pretty.width(name) + 3)
    end
  end
  return out, more
end

local function one_line(list, more, most)
  if more > 0 then return nil end
  local width = 2
  for _, entry in ipairs(list) do
    width = width + pretty.width(entry) + 2
    if width - 2 > most or find(entry, "\n", 1, true) then return nil end
  end
  return "{" .. concat(list, ", ") .. "}"
end

local function table_text(c, t, indent, taken)
  if c.open[t] then return "<table above>" end
  if next(t) == nil then return native.json_is_array(t) and "json.array {}" or "{}" end
  if c.depth >= DEPTH or c.left <= 0 then return "{…}" end
  c.open[t], c.depth = true, c.depth + 1
  local list, more = entries(c, t, indent + 2)
  c.open[t], c.depth = nil, c.depth - 1
  local short = one_line(list, more, c.width - indent - taken - 1)
  if short then return short end
  if more > 0 then list[#list + 1] = format("… %s more", pretty.count(more)) end
  local pad = "\n" .. rep(" ", indent + 2)
  return "{" .. pad .. concat(list, "," .. pad) .. "\n" .. rep(" ", indent) .. "}"
end

local PROTECTED = { template = "template", copy = "copy", mark = "mark" } -- objects of this library without fields to see

function render(c, v, indent, taken)
  if type(v) ~= "table" then return scalar(v, c.depth == 0 and OUTER or INNER) end
  if text.is(v) then return with_slots(v) end
  local kind = getmetatable(v)
  if type(kind) == "string" and PROTECTED[kind] then return PROTECTED[kind] end
  return table_text(c, v, indent, taken)
end

-- A value as text, of lines of about `width` columns.
function pretty.value(v, width)
  return render({ open = {}, depth = 0, left = ALL, width = max(width or 80, 20) }, v, 0, 0)
end

-- --- JSON -------------------------------------------------------------------------------------------------------

-- Each line that is not empty further to the right.
function pretty.indent(s, by)
  return (gsub(s, "[^\n]+", function(l) return rep(" ", by) .. l end))
end

local indented

-- A JSON text with line breaks, its keys in the order and its numbers in the form in which they came; nil when it is none.
function pretty.json(s)
  if native.json_decode(s) == nil then return nil end
  return indented(s)
end

-- The next piece of valid JSON at byte `at`: what it is and where it ends.
local function json_piece(s, at)
  local c = sub(s, at, at)
  if c == '"' then
    local stop = at
    repeat
      stop = find(s, '[\\"]', stop + 1)
      local escape = sub(s, stop, stop) == "\\"
      if escape then stop = stop + 1 end
    until not escape
    return sub(s, at, stop), stop
  end
  if find(c, "[%[%]{},:]") then return c, at end
  local _, stop = find(s, "^[^%[%]{},:%s]+", at)
  return sub(s, at, stop), stop
end

function indented(s)
  local out, depth, at, opened = {}, 0, 1, false
  local function put(piece) out[#out + 1] = piece end
  local function newline() put("\n" .. rep("  ", depth)) end
  while true do
    at = find(s, "%S", at)
    if not at then return concat(out) end
    local piece, stop = json_piece(s, at)
    local closes = piece == "}" or piece == "]"
    if closes then depth = depth - 1 end
    if opened and not closes or closes and not opened then newline() end
    opened = piece == "{" or piece == "["
    if opened then depth = depth + 1 end
    put(pretty.one_line(piece))
    if piece == "," then newline() elseif piece == ":" then put " " end
    at = stop + 1
  end
end

return pretty
