-- table: a table body to one JSON template. Keys are sorted; a string that is exactly one `${…}` keeps its value's type;
-- each() makes a list, when() an optional member; secrets become slots.

local error, find, format, ipairs, math_type, next, pairs, pcall, sort, tostring, type =
  error, string.find, string.format, ipairs, math.type, next, pairs, pcall, table.sort, tostring, type

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
  return { k = "text", s = s, at = 1 }
end

local function add(list, more)
  for _, node in ipairs(more) do list[#list + 1] = node end
  return list
end

-- The origin of a string of the body, for the places in messages.
local function origin(b, s)
  return b.origin(b.path, s)
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
  return add(add({ literal '"' }, nodes), { literal '"' })
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

-- The members of a list or an object, commas between them: {make = function returning nodes, optional = record or nil}.
local function joined(b, items)
  local sure
  for i, item in ipairs(items) do
    if not item.optional then sure = sure or i end
  end
  local nodes = {}
  for i, item in ipairs(items) do
    local body, record = item.make(), item.optional
    if not sure then
      table.insert(body, 1, { k = "comma" })
    elseif i > sure then
      table.insert(body, 1, literal ",")
    elseif i < sure then
      body[#body + 1] = literal ","
    end
    add(nodes, record and guarded(b, when_nodes, b, record, body) or body)
  end
  if sure or #items == 0 then return nodes end
  return { { k = "members", nodes = nodes } }
end

-- Runs `f` one step deeper in the body's path; its mistake does not hide those of the rest.
local function at(b, key, f)
  local path = b.path
  b.path = add({}, path)
  b.path[#b.path + 1] = key
  if #b.path > DEPTH then fail(b, "this body is nested too deeply, or holds itself") end
  local nodes = guarded(b, f)
  b.path = path
  return nodes
end

local function item(b, key, v, prefix)
  local record = optional(v)
  local inner = v
  if record then inner = record.value end
  return {
    optional = record,
    make = function()
      return at(b, key, function() return add(prefix and { literal(prefix) } or {}, value(b, inner)) end)
    end,
  }
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
    items[i] = item(b, key, t[key], '"' .. name .. '":')
  end
  return add(add({ literal "{" }, joined(b, items)), { literal "}" })
end

local function list(b, t, n)
  local items = {}
  for i = 1, n do items[i] = item(b, i, t[i]) end
  return add(add({ literal "[" }, joined(b, items)), { literal "]" })
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
