-- source: finds where a field of a definition stands in a script, for messages. A tolerant scanner of Lua's tokens: what it
-- cannot follow it gives up on, and the line of the nearest thing around it is used.

local byte, char, find, gmatch, gsub, match, sub =
  string.byte, string.char, string.find, string.gmatch, string.gsub, string.match, string.sub
local ipairs, setmetatable, tonumber, type, utf8_char = ipairs, setmetatable, tonumber, type, utf8.char

local source = {}

local texts, scanned, starts = {}, {}, {}

-- Remembers a script's text.
function source.add(path, text)
  texts[path], scanned[path], starts[path] = text, nil, nil
end

local function line_starts(path)
  local list = starts[path]
  if list then return list end
  list = { 1 }
  for at in gmatch(texts[path], "\n()") do list[#list + 1] = at end
  starts[path] = list
  return list
end

-- The text of some lines of a script; nil of what is none.
function source.lines(path, first, last)
  local text = texts[path]
  if not text then return nil end
  local list = line_starts(path)
  return sub(text, list[first] or #text + 1, (list[last + 1] or #text + 1) - 1)
end

local SIMPLE = { n = "\n", t = "\t", r = "\r", a = "\a", b = "\b", f = "\f", v = "\v" }

-- One escape of a quoted string: its value and the position behind it.
local function escaped(text, at)
  local c = sub(text, at, at)
  if SIMPLE[c] then return SIMPLE[c], at + 1 end
  if c == "x" then return char(tonumber(sub(text, at + 1, at + 2), 16) or 63), at + 3 end
  if c == "z" then return "", (find(text, "%S", at + 1) or #text + 1) end
  if c == "u" then
    local hex, stop = match(text, "^{(%x+)}()", at + 1)
    return hex and utf8_char(tonumber(hex, 16)) or "?", stop or at + 1
  end
  local digits = match(text, "^%d%d?%d?", at)
  if digits then return char(tonumber(digits) % 256), at + #digits end
  return c, at + 1
end

-- Reads the content of a quoted string up to `limit` bytes of its value: value, position in the text.
local function unquote(text, at, quote, limit)
  local out = ""
  while #out < limit do
    local c = sub(text, at, at)
    if c == "" or c == quote or c == "\n" then break end
    local piece, behind = c, at + 1
    if c == "\\" then piece, behind = escaped(text, at + 1) end
    out, at = out .. piece, behind
  end
  return out, at
end

local function quoted(text, at)
  local quote = sub(text, at, at)
  local plain, behind = match(text, "^([^\\\n\"']*)()", at + 1)
  local value = plain
  if sub(text, behind, behind) ~= quote then value, behind = unquote(text, at + 1, quote, math.huge) end
  return { t = "str", v = value, at = at, quote = quote, first = at + 1, stop = behind }
end

local function long(text, at)
  local marks = match(text, "^%[(=*)%[", at)
  if not marks then return nil end
  local first = at + #marks + 2
  if sub(text, first, first) == "\n" then first = first + 1 end
  local stop, behind = find(text, "]" .. marks .. "]", first, true)
  return { t = "str", v = sub(text, first, (stop or #text + 1) - 1), at = at, first = first, stop = behind or #text }
end

local function comment(text, at)
  local bracket = long(text, at + 2)
  if bracket then return bracket.stop + 1 end
  return find(text, "\n", at, true) or #text + 1
end

local function next_token(text, at)
  local c = sub(text, at, at)
  if c == '"' or c == "'" then return quoted(text, at) end
  local bracket = c == "[" and long(text, at)
  if bracket then return bracket end
  local word = match(text, "^[%a_][%w_]*", at) or match(text, "^[%d.]*%d[%w.]*", at)
  if word then return { t = find(word, "^%d") and "num" or "id", v = word, at = at, stop = at + #word - 1 } end
  local op = match(text, "^[=~<>]=", at) or match(text, "^%.%.%.?", at) or c
  return { t = "op", v = op, at = at, stop = at + #op - 1 }
end

local function scan(path)
  if scanned[path] then return scanned[path] end
  local text, list = texts[path] or "", {}
  local at, line, seen = find(text, "^#") and (find(text, "\n", 1, true) or #text + 1) or 1, 1, 1
  while true do
    at = find(text, "%S", at)
    if not at then break end
    if sub(text, at, at + 1) == "--" then
      at = comment(text, at)
    else
      local t = next_token(text, at)
      local _, lines = gsub(sub(text, seen, at - 1), "\n", "")
      line, seen = line + lines, at
      t.line, list[#list + 1] = line, t
      at = t.stop + 1
    end
  end
  scanned[path] = list
  return list
end

local BETWEEN = { ["("] = true, [")"] = true, [","] = true }

-- The token of the `{` that opens a definition; it begins with `kind "name"` on the definition's line.
local function opening(list, def)
  for i, t in ipairs(list) do
    if t.line >= def.line and t.t == "str" and t.v == def.name then
      for j = i + 1, #list do
        local u = list[j]
        if u.t == "op" and u.v == "{" then return j end
        if not (u.t == "str" or BETWEEN[u.v] or u.v == "copy") then break end
      end
      return nil
    end
  end
end

local DEEPER = { ["{"] = 1, ["("] = 1, ["["] = 1, ["function"] = 1, ["if"] = 1, ["do"] = 1, ["repeat"] = 1,
  ["}"] = -1, [")"] = -1, ["]"] = -1, ["end"] = -1, ["until"] = -1 }

local function is(t, value)
  return t and t.t ~= "str" and t.v == value
end

-- The key that stands at token i of a table: its name and the first token of its value.
local function key_at(list, i)
  if list[i].t == "id" and is(list[i + 1], "=") then return list[i].v, i + 2 end
  if is(list[i], "[") and is(list[i + 2], "]") and is(list[i + 3], "=") then
    return list[i + 1].t == "num" and tonumber(list[i + 1].v) or list[i + 1].v, i + 4
  end
end

-- The token behind the value that begins at token i.
local function value_end(list, i)
  local depth = 0
  while list[i] do
    local t = list[i]
    local step = t.t ~= "str" and DEEPER[t.v] or 0
    if depth == 0 and (step < 0 or is(t, ",") or is(t, ";")) then return i end
    depth = depth + step
    i = i + 1
  end
  return i
end

-- The field `key` (the last of that name) of the table whose `{` is token `open`: key token, first and last of the value.
local function field(list, open, key)
  local i, position, hit = open + 1, 0, nil
  while list[i] and not is(list[i], "}") do
    local name, from = key_at(list, i)
    if not name then
      position = position + 1
      name, from = position, i
    end
    local stop = value_end(list, from)
    if name == key then hit = { key = i, from = from, to = stop - 1 } end
    i = stop
    if is(list[i], ",") or is(list[i], ";") then i = i + 1 end
    if stop >= #list then break end
  end
  return hit
end

-- As far along a path of keys as the text can be followed.
local function follow(list, def, path)
  local open, hit = opening(list, def), nil
  for _, key in ipairs(path) do
    local found = open and field(list, open, key)
    if not found then return hit, open end
    hit, open = found, nil
    for i = found.from, found.to do
      if is(list[i], "{") then
        open = i
        break
      end
    end
  end
  return hit, open
end

-- The line of a field; the definition's when it cannot be found. `def`: {path, line, name}; `path`: keys.
function source.line(def, path)
  local list = scan(def.path)
  local hit = follow(list, def, path)
  return hit and list[hit.key].line or def.line
end

-- The column, in characters, of a byte; behind the end counts as the end.
local function column_of(text, at)
  local start = math.min(at, #text + 1)
  at = start
  while start > 1 and byte(text, start - 1) ~= 10 do start = start - 1 end
  if at == start then return 1 end
  return (utf8.len(text, start, at - 1, true) or at - start) + 1
end

local function line_of(text, t, at)
  local _, more = gsub(sub(text, t.at, at - 1), "\n", "")
  return t.line + more
end

-- Line and column of the byte `offset` (from 1) of a string that stands somewhere in a field; nil when it is not written out.
function source.position(def, path, literal, offset)
  local list, text = scan(def.path), texts[def.path]
  local hit = follow(list, def, path)
  if not hit then return nil end
  for i = hit.from, hit.to do
    local t = list[i]
    if t.t == "str" and t.v == literal then
      local at = t.first + offset - 1
      if t.quote then
        local _, behind = unquote(text, t.first, t.quote, offset - 1)
        at = behind
      end
      return line_of(text, t, at), column_of(text, at)
    end
  end
end

local Origin = {}
Origin.__index = Origin

-- Line and column of an offset; no column where the string is not written out.
function Origin:where(offset)
  if type(self.literal) == "string" and offset > 0 then
    local line, column = source.position(self.def, self.path, self.literal, offset)
    if line then return line, column end
  end
  return source.line(self.def, self.path), nil
end

-- "file:line:column" of an offset.
function Origin:place(offset)
  local line, column = self:where(offset)
  return self.def.path .. ":" .. line .. (column and ":" .. column or "")
end

-- An origin for the template compiler: what a string's places are called. `def` and `path` as above.
function source.origin(def, path, literal)
  return setmetatable({ def = def, path = path, literal = literal }, Origin)
end

local Inline = {}
Inline.__index = Inline

function Inline:where(offset)
  local _, lines = gsub(sub(self.text, 1, offset - 1), "\n", "")
  return lines + 1, column_of(self.text, offset)
end

function Inline:place(offset)
  local line, column = self:where(offset)
  return line .. ":" .. column
end

-- The origin of a text that stands in no script: places are its own line and column.
function source.inline(text)
  return setmetatable({ text = text }, Inline)
end

return source
