-- table: a table body to one JSON template. Keys are sorted; a string that is exactly one `${…}` keeps its value's type;
-- each() makes a list, when() an optional member; secrets become slots.

local error, find, format, ipairs, math_type, move, next, pairs, pcall, sort, tostring, type =
  error, string.find, string.format, ipairs, math.type, table.move, next, pairs, pcall, table.sort, tostring, type

local native = require "stdlib.native"
local text = require "stdlib.text"
local lexer = require "stdlib.template.lexer"
local marks = require "stdlib.template.marks"
local parser = require "stdlib.template.parser"
local place = require "stdlib.template.place"
local null, is_array = native.json_null, native.json_is_array

local tables = {}

local DEPTH = 60
local value

local function literal(s)
  return { k = "text", s = s, at = 1, literal = true }
end

-- Appends a text; one that follows another becomes part of it.
local function append(list, s)
  local last = list[#list]
  if last and last.literal then
    last.s = last.s .. s
  else
    list[#list + 1] = literal(s)
  end
  return list
end

local function add(list, more)
  local first = more[1]
  if not first or not first.literal then return move(more, 1, #more, #list + 1, list) end
  append(list, first.s)
  return move(more, 2, #more, #list + 1, list)
end

-- The origin of a string of the body, for the places in messages.
local function origin(b, s)
  return b.origin(move(b.path, 1, #b.path, 1, {}), s)
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

local function string_nodes(b, v)
  if type(v) == "string" and not find(v, "[$@]{") then
    return { literal('"' .. (native.json_escape(v) or fail(b, "this text is not valid UTF-8")) .. '"') }
  end
  local lone = type(v) == "string" and parser.lone(v, origin(b, v))
  if lone then
    lone.place = "json"
    return { lone }
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
  if #nodes == 1 and nodes[1].k == "out" then
    nodes[1].place = "json"
    return nodes
  end
  place.assign(nodes, "json_string", b.report)
  escape_text(b, nodes)
  return append(add({ literal '"' }, nodes), '"')
end

local function condition(b, record)
  return parser.condition(record.spec, origin(b, record.spec))
end

-- Runs `f`, which makes nodes; a mistake that ends it is told, and there are none.
local function guarded(b, f, ...)
  local ok, nodes = pcall(f, ...)
  if ok then return nodes end
  if type(nodes) ~= "table" or not nodes.origin then error(nodes, 0) end
  b.report(nodes.origin, nodes.at, nodes.message)
  return {}
end

-- A member that may be left out: when() with no third argument.
local function optional(v)
  local record = marks.record(v)
  return record and record.kind == "when" and record.other == nil and record or nil
end

local function when_nodes(b, record, yes, no)
  local where = origin(b, record.spec)
  return { { k = "if", clauses = { { c = condition(b, record), body = yes } }, other = no, o = where, at = 1 } }
end

local function when_value(b, record)
  if record.other == nil then
    fail(b, "when() without a third argument is for a field or a member of a list, which it leaves out")
  end
  return when_nodes(b, record, value(b, record.value), value(b, record.other))
end

-- The nodes of a value one step deeper in the body's path; its mistake does not hide those of the rest.
local function deeper(b, key, v)
  local path = b.path
  local depth = #path + 1
  path[depth] = key
  if depth > DEPTH then fail(b, "this body is nested too deeply, or holds itself") end
  local nodes = guarded(b, value, b, v)
  for i = #path, depth, -1 do path[i] = nil end -- what a mistake left too
  return nodes
end

-- Appends the members of a list or an object, commas between them: {key =, value =, name = text in front}.
local function joined(b, nodes, items)
  local sure, records = nil, {}
  for i, item in ipairs(items) do
    records[i] = optional(item.value) or false
    sure = sure or not records[i] and i
  end
  local out = (sure or #items == 0) and nodes or {}
  for i, item in ipairs(items) do
    local record = records[i]
    local body = record and (sure and {} or { { k = "comma" } }) or out
    append(body, sure and i > sure and "," .. item.name or item.name)
    add(body, deeper(b, item.key, record and record.value or not record and item.value))
    if sure and i < sure then append(body, ",") end
    if record then add(out, guarded(b, when_nodes, b, record, body)) end
  end
  if out ~= nodes then nodes[#nodes + 1] = { k = "members", nodes = out } end
  return nodes
end

local function names(b, t)
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

local function object(b, t)
  local keys, items = names(b, t), {}
  for i, key in ipairs(keys) do
    local name = native.json_escape(key) or fail(b, "a field's name is not valid UTF-8")
    items[i] = { key = key, value = t[key], name = '"' .. name .. '":' }
  end
  return append(joined(b, { literal "{" }, items), "}")
end

local function list(b, t, n)
  local items = {}
  for i = 1, n do items[i] = { key = i, value = t[i], name = "" } end
  return append(joined(b, { literal "[" }, items), "]")
end

-- The length of a list; nil for an object.
local function list_length(t)
  local n = #t
  for key in next, t do
    if math_type(key) ~= "integer" or key < 1 or key > n then return nil end
  end
  return (n > 0 or is_array(t)) and n or nil
end

local function each(b, record)
  local where = origin(b, record.spec)
  local name, list_of = parser.loop(record.spec, where)
  local filter = optional(record.value)
  local body
  if filter then
    body = when_nodes(b, filter, add({ { k = "comma" } }, value(b, filter.value)))
  else
    body = add({ { k = "between" } }, value(b, record.value))
  end
  local loop = { k = "for", var = name.v, key = name.key, e = list_of, body = body, o = where, at = 1 }
  return { literal "[", filter and { k = "members", nodes = { loop } } or loop, literal "]" }
end

local function table_nodes(b, t)
  local record = marks.record(t)
  if record then
    return (record.kind == "each" and each or when_value)(b, record)
  end
  local n = list_length(t)
  return n and list(b, t, n) or object(b, t)
end

local function number(b, v)
  if v - v ~= 0 then fail(b, "JSON has no number %s", tostring(v)) end
  return { literal(math_type(v) == "integer" and format("%d", v) or native.json_number(v)) }
end

function value(b, v)
  local t = type(v)
  if t == "string" or text.is(v) then return string_nodes(b, v) end
  if t == "table" then return table_nodes(b, v) end
  if t == "number" then return number(b, v) end
  if t == "boolean" then return { literal(tostring(v)) } end
  if v == null then return { literal "null" } end
  return fail(b, "a body cannot hold a %s", t)
end

-- The nodes of a table body. `origin_of(path, text)` makes the origin of a string found at a path of keys; `report` hears
-- of mistakes, the last may be raised.
function tables.nodes(body, origin_of, path, report)
  return value({ origin = origin_of, path = path, report = report }, body)
end

return tables
