-- table: a table body to one JSON template. Keys are sorted; a string that is exactly one `${…}` keeps its value's type;
-- each() makes a list, when() an optional member; secrets become slots.

local error, find, format, ipairs, math_type, move, next, pairs, pcall, sort, tostring, type, unpack =
  error, string.find, string.format, ipairs, math.type, table.move, next, pairs, pcall, table.sort, tostring, type, table.unpack

local native = require "stdlib.native"
local text = require "stdlib.text"
local lexer = require "stdlib.template.lexer"
local marks = require "stdlib.template.marks"
local parser = require "stdlib.template.parser"
local place = require "stdlib.template.place"
local null, is_array = native.json_null, native.json_is_array

local tables = {}

local DEPTH = 60
local put

-- Appends a text; one that follows another becomes part of it.
local function append(out, s)
  local last = out[#out]
  if last and last.literal then
    last.s = last.s .. s
  else
    out[#out + 1] = { k = "text", s = s, at = 1, literal = true }
  end
end

-- The origin of a string of the body, for the places in messages.
local function origin(b, s)
  return b.origin({ unpack(b.path) }, s)
end

local function fail(b, message, ...)
  lexer.fail(origin(b), 0, message, ...)
end

local function note(b, message)
  b.report(origin(b), 0, message)
end

local function escape_text(b, nodes)
  for _, node in ipairs(nodes) do
    if node.k == "text" then
      node.s = native.json_escape(node.s) or fail(b, "this text is not valid UTF-8")
    end
    for _, clause in ipairs(node.clauses or {}) do escape_text(b, clause.body) end
    if type(node.body) == "table" then escape_text(b, node.body) end
    if type(node.other) == "table" then escape_text(b, node.other) end
  end
end

-- The text of a string that is no template.
local function plain(b, s)
  return '"' .. (native.json_escape(s) or fail(b, "this text is not valid UTF-8")) .. '"'
end

local function put_output(out, node)
  node.place = "json"
  out[#out + 1] = node
end

local function put_string(b, v, out)
  if type(v) == "string" then
    if not find(v, "[$@]{") then return append(out, plain(b, v)) end
    local lone = parser.lone(v, origin(b, v))
    if lone then return put_output(out, lone) end
  end
  local parts = {}
  for i, piece in ipairs(text.pieces(v)) do
    if type(piece) == "string" then
      parts[i] = { text = piece, origin = origin(b, piece) }
    else
      parts[i] = { slot = piece.secret, origin = origin(b) }
    end
  end
  local nodes = parser.block(parser.segments(parts, b.report), b.report)
  if #nodes == 1 and nodes[1].k == "out" then return put_output(out, nodes[1]) end
  place.assign(nodes, "json_string", b.report)
  escape_text(b, nodes)
  append(out, '"')
  move(nodes, 1, #nodes, #out + 1, out)
  append(out, '"')
end

local function condition(b, record)
  return parser.condition(record.spec, origin(b, record.spec))
end

-- Runs `f`; a mistake that ends it is told.
local function guarded(b, f, ...)
  local ok, why = pcall(f, ...)
  if ok then return end
  if type(why) ~= "table" or not why.origin then error(why, 0) end
  b.report(why.origin, why.at, why.message)
end

-- A member that may be left out: when() with no third argument.
local function optional(v)
  local record = type(v) == "table" and marks.record(v)
  return record and record.kind == "when" and record.other == nil and record or nil
end

local function put_when(b, record, yes, no, out)
  local where = origin(b, record.spec)
  out[#out + 1] = { k = "if", clauses = { { c = condition(b, record), body = yes } }, other = no, o = where, at = 1 }
end

-- The nodes of a value alone.
local function nodes_of(b, v)
  local out = {}
  put(b, v, out)
  return out
end

local function put_choice(b, record, out)
  if record.other == nil then
    fail(b, "when() without a third argument is for a field or a member of a list, which it leaves out")
  end
  put_when(b, record, nodes_of(b, record.value), nodes_of(b, record.other), out)
end

-- Appends the nodes of a value one step deeper in the body's path; its mistake does not hide those of the rest.
local function put_deeper(b, key, v, out)
  local path = b.path
  local depth = #path + 1
  path[depth] = key
  if depth > DEPTH then fail(b, "this body is nested too deeply, or holds itself") end
  guarded(b, put, b, v, out)
  for i = #path, depth, -1 do path[i] = nil end -- what a mistake left too
end

-- Appends the members of a list or an object, commas between them: t[key] for each of these keys, the texts `names` in front.
local function put_joined(b, t, keys, names, out)
  local sure, records, n = nil, {}, #keys
  for i = 1, n do
    records[i] = optional(t[keys[i]]) or false
    sure = sure or not records[i] and i
  end
  local list = (sure or n == 0) and out or {}
  for i = 1, n do
    local record, key, name = records[i], keys[i], names and names[i] or ""
    local body = record and (sure and {} or { { k = "comma" } }) or list
    append(body, sure and i > sure and "," .. name or name)
    put_deeper(b, key, record and record.value or not record and t[key], body)
    if sure and i < sure then append(body, ",") end
    if record then guarded(b, put_when, b, record, body, nil, list) end
  end
  if list ~= out then out[#out + 1] = { k = "members", nodes = list } end
end

local function sorted_names(b, t)
  local keys, odd = {}, false
  for key in pairs(t) do
    if type(key) ~= "string" then
      odd = true
    else
      if find(key, "[$@]{") then note(b, "a field's name cannot be a template: '" .. key .. "'") end
      keys[#keys + 1] = key
    end
  end
  if odd then note(b, "a table with both list items and named fields, or with gaps, is neither a list nor an object in JSON") end
  sort(keys)
  return keys
end

local function put_object(b, t, out)
  local keys, names = sorted_names(b, t), {}
  for i = 1, #keys do
    names[i] = '"' .. (native.json_escape(keys[i]) or fail(b, "a field's name is not valid UTF-8")) .. '":'
  end
  append(out, "{")
  put_joined(b, t, keys, names, out)
  append(out, "}")
end

local function put_list(b, t, n, out)
  local keys = {}
  for i = 1, n do keys[i] = i end
  append(out, "[")
  put_joined(b, t, keys, nil, out)
  append(out, "]")
end

-- The length of a list; nil for an object.
local function list_length(t)
  local n = #t
  for key in next, t do
    if math_type(key) ~= "integer" or key < 1 or key > n then return nil end
  end
  return (n > 0 or is_array(t)) and n or nil
end

local function put_each(b, record, out)
  local where = origin(b, record.spec)
  local name, list_of = parser.loop(record.spec, where)
  local filter = optional(record.value)
  local body = {}
  if filter then
    local member = { { k = "comma" } }
    put(b, filter.value, member)
    put_when(b, filter, member, nil, body)
  else
    body[1] = { k = "between" }
    put(b, record.value, body)
  end
  local loop = { k = "for", var = name.v, key = name.key, e = list_of, body = body, o = where, at = 1 }
  append(out, "[")
  out[#out + 1] = filter and { k = "members", nodes = { loop } } or loop
  append(out, "]")
end

local function put_table(b, t, out)
  local record = marks.record(t)
  if record then return (record.kind == "each" and put_each or put_choice)(b, record, out) end
  local n = list_length(t)
  if n then return put_list(b, t, n, out) end
  return put_object(b, t, out)
end

local function number(b, v)
  if v - v ~= 0 then fail(b, "JSON has no number %s", tostring(v)) end
  return math_type(v) == "integer" and format("%d", v) or native.json_number(v)
end

-- Appends the nodes of a value.
function put(b, v, out)
  local t = type(v)
  if t == "string" or text.is(v) then return put_string(b, v, out) end
  if t == "table" then return put_table(b, v, out) end
  if t == "number" then return append(out, number(b, v)) end
  if t == "boolean" then return append(out, tostring(v)) end
  if v == null then return append(out, "null") end
  return fail(b, "a body cannot hold a %s", t)
end

-- The nodes of a table body. `origin_of(path, text)` makes the origin of a string found at a path of keys; `report` hears
-- of mistakes, the last may be raised.
function tables.nodes(body, origin_of, path, report)
  return nodes_of({ origin = origin_of, path = path, report = report }, body)
end

return tables
