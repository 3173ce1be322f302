-- compiler: a block, its places assigned, to one Lua function (data, id) that returns the text. Nothing is interpreted
-- while rendering: what stands between two statements is one run, texts and values written by one native call.

local concat, format, ipairs, match, setmetatable = table.concat, string.format, ipairs, string.match, setmetatable

local native = require "stdlib.native"
local arguments = require "stdlib.template.arguments"
local code = require "stdlib.template.code"
local escape = require "stdlib.template.escape"
local functions = require "stdlib.template.functions"
local runtime = require "stdlib.template.runtime"
local scope = require "stdlib.template.scope"

local compiler = {}

local VALUES = 100 -- of one run: a Lua call has 250 at most

local block

local function line(c, ...)
  c.lines[#c.lines + 1] = format(...)
end

local function fresh(c, letter)
  c.uid = c.uid + 1
  return letter .. c.uid
end

local function new_run()
  return { items = {}, values = {}, nodes = {} }
end

local NAMED = 60 -- writers that have a local of their own: a Lua function has 200

-- The call that writes the run that has gathered.
local function run_call(c)
  local n, run = #c.runs + 1, c.run
  c.runs[n], c.run = run, new_run()
  local values = concat(run.values, ", ")
  run.values = nil -- the run lives on, for its nodes
  if n > NAMED then return format("W[%d](%s)", n, values) end
  c.head[#c.head + 1] = format("local W%d = W[%d]", n, n)
  return format("W%d(%s)", n, values)
end

local function flush(c)
  if #c.run.items == 0 then return end
  if not c.dynamic then c.fixed[#c.fixed + 1] = concat(c.run.items) end
  c.buffered = true
  line(c, "%s", run_call(c))
end

local function add_text(c, s)
  if s == "" then return end
  local items = c.run.items
  items[#items + 1] = s
end

local PLACED = { text = { "text" }, json_text = { "json_text" }, json_string = { "json_string" }, json = { "json" },
  url = { "url" }, form = { "form" }, url_start = { "url_start" }, header = { "header" }, xml = { "xml" } }

local function add_value(c, place, value, node)
  if #c.run.values >= VALUES then flush(c) end
  local run = c.run
  run.items[#run.items + 1] = PLACED[place]
  run.values[#run.values + 1] = value
  run.nodes[#run.values] = node
  c.dynamic = true
end

-- json() is the value itself where a JSON value stands, urlEncode() is encoded already.
local function whole_call(c, node, e)
  if e.k ~= "call" or e.method or #e.args ~= 1 then return nil end
  if e.key == "raw" then return e.args[1], node.place == "header" and "header" or c.json and "json_text" or "text" end
  if e.key == "json" and node.place == "json" then return e.args[1], "json" end
  if e.key == "urlencode" and (node.place == "url" or node.place == "form") then return e, "text" end
end

-- A slot for a secret, or for a signature of what `message` (Lua code) gives.
local function add_slot(c, place, record, message)
  local quoted = place == "json"
  if quoted then add_text(c, '"') end
  flush(c)
  record.encoding = escape.slot[place]
  c.slots[#c.slots + 1] = record
  if message then
    c.dynamic = true
    line(c, "%s(o, T(m), K[%d], %s)", code.helper(c, "R", "signature"), #c.slots, message)
  else
    c.fixed[#c.fixed + 1] = record
    line(c, "%s(o, T(m), K[%d])", code.helper(c, "R", "piece"), #c.slots)
  end
  c.buffered = true
  if quoted then add_text(c, '"') end
end

local function slot(c, node)
  add_slot(c, node.place, { secret = node.name })
end

local function output(c, node)
  local secret = code.signing_secret(node.e)
  if secret then
    local record, message = code.signature(c, node.e, secret)
    return add_slot(c, node.place or "text", record, message)
  end
  local e, place = whole_call(c, node, node.e)
  if not e and node.e.key == "raw" and node.e.k == "call" then
    code.report(c, node.e, "'raw' takes no arguments here, found %d", #node.e.args - 1)
  end
  e, place = e or node.e, place or node.place or "text"
  add_value(c, place, code.written_id(c, e) or code.printed(c, e), e)
end

-- The text of a body that is nothing else; nil when there is more in it.
local function text_alone(nodes)
  if #nodes > 1 then return nil end
  return #nodes == 0 and "" or nodes[1].k == "text" and nodes[1].s or nil
end

-- An `if` that chooses between texts: a value like others, so that the run goes on.
local function choice(c, node)
  local last, parts = text_alone(node.other or {}), {}
  for i, clause in ipairs(node.clauses) do
    parts[i] = text_alone(clause.body)
  end
  if not last or #parts < #node.clauses then return nil end
  for i, clause in ipairs(node.clauses) do
    parts[i] = format("%s and %q or ", code.condition(c, clause.c), parts[i])
  end
  return "(" .. concat(parts) .. format("%q)", last)
end

local function condition_block(c, node)
  local value = choice(c, node)
  if value then return add_value(c, "text", value, node) end
  flush(c)
  c.dynamic = true
  for i, clause in ipairs(node.clauses) do
    line(c, "%s %s then", i == 1 and "if" or "elseif", code.condition(c, clause.c))
    block(c, clause.body)
    flush(c)
  end
  if node.other then
    line(c, "else")
    block(c, node.other)
    flush(c)
  end
  line(c, "end")
  c.buffered = true
end

-- A frame of variables; what it declares stands where it opens.
local function in_frame(c, frame, nodes)
  local outer = c.frame
  c.frame = frame
  line(c, "")
  local at = #c.lines
  block(c, nodes)
  flush(c)
  c.lines[at] = concat(frame.locals, "\n")
  c.frame = outer
end

local function variable(c, node)
  if code.reserved(node.key) then code.report(c, node, "'%s' cannot be a variable", node.var) end
end

-- Whether each turn of a loop writes: who writes looks at the clock, too; who signs does not.
local function writes(nodes)
  for _, node in ipairs(nodes) do
    local k = node.k
    if k == "out" and not code.signing_secret(node.e) or k == "between" or k == "text" and node.s ~= "" then return true end
  end
  return false
end

local function loop(c, node)
  flush(c)
  c.dynamic, c.buffered = true, true
  local l, n, i, v = fresh(c, "l"), fresh(c, "n"), fresh(c, "i"), fresh(c, "v")
  line(c, "do local %s = %s; local %s = #%s", l, code.list(c, node.e), n, l)
  line(c, "for %s = 1, %s do local %s = %s[%s]", i, n, v, l, i)
  local frame = scope.new(c.frame, { i = i, n = n })
  scope.declare(frame, node.key, v).element = true
  variable(c, node)
  if not writes(node.body) then line(c, "B()") end
  in_frame(c, frame, node.body)
  line(c, "end end")
  scope.close(frame, node.key)
end

local function set(c, node)
  flush(c)
  c.dynamic, c.buffered = true, true
  c.setting = node.key -- its value may be the field of that name
  local value = code.expression(c, node.e)
  c.setting = nil
  variable(c, node)
  local var = scope.find(c.frame, node.key)
  if not var then
    var = scope.declare(c.frame, node.key, fresh(c, "s"))
    local locals = c.frame.locals
    locals[#locals + 1] = "local " .. var.code
  end
  c.was_set[node.key] = true
  line(c, "%s = %s", var.code, value)
end

-- Members of a JSON list or object that may be left out: the comma depends on what came before.
local function members(c, node)
  flush(c)
  c.dynamic, c.buffered = true, true
  local outer = c.comma
  c.comma = fresh(c, "c")
  line(c, "do local %s = false", c.comma)
  block(c, node.nodes)
  flush(c)
  line(c, "end")
  c.comma = outer
end

local function comma(c)
  flush(c)
  add_text(c, ",")
  line(c, "if %s then %s else %s = true end", c.comma, run_call(c), c.comma)
end

local NODE = {
  text = function(c, node) add_text(c, node.s) end,
  out = output,
  between = function(c) add_value(c, "text", format('(%s > 1 and "," or "")', scope.loop(c.frame).i), {}) end,
  ["if"] = condition_block,
  ["for"] = loop,
  slot = slot,
  set = set,
  members = members,
  comma = comma,
}

function block(c, nodes)
  for _, node in ipairs(nodes) do NODE[node.k](c, node) end
end

-- Appends each `set` in these nodes.
local function sets_of(nodes, list)
  for i = 1, #nodes do
    local node = nodes[i]
    local kind = node.k
    if kind == "set" then
      list[#list + 1] = node
    elseif kind == "if" then
      for _, clause in ipairs(node.clauses) do sets_of(clause.body, list) end
      if node.other then sets_of(node.other, list) end
    elseif kind == "for" or kind == "members" then
      sets_of(node.body or node.nodes, list)
    end
  end
  return list
end

-- Names that are set, and those that may hold the result of arithmetic: twice, for one may come from another.
local function look_at_sets(nodes)
  local names, calculated = {}, {}
  local sets = sets_of(nodes, {})
  for _ = 1, 2 do
    for _, node in ipairs(sets) do
      names[node.key] = true
      if code.calculated(node.e, calculated) then calculated[node.key] = true end
    end
  end
  return names, calculated
end

-- What never changes: a string, or pieces when there are slots.
local function static_result(c)
  if c.dynamic then return nil end
  if #c.slots == 0 then return concat(c.run.items) end
  flush(c)
  return c.fixed
end

local function source(c)
  local body = { "return function(D, ID)" }
  if not c.buffered then
    body[2] = concat(c.root.locals, "\n")
    body[3] = "return " .. run_call(c)
  else
    flush(c)
    body[2] = #c.slots > 0 and "local m, o = M(), {}" or "local m = M()"
    body[3] = concat(c.root.locals, "\n")
    body[4] = concat(c.lines, "\n")
    body[5] = #c.slots > 0 and code.helper(c, "R", "piece") .. "(o, T(m)) return o" or "return T(m)"
  end
  body[#body + 1] = "end"
  return "local R, E, C, F, A, P, K, NULL, W, M, T, O, B = ...\n" .. concat(c.head, "\n") .. "\n" .. concat(body, "\n")
end

local calls = setmetatable({}, { __index = function(_, key) return functions.find(key).call end })

-- What a value that cannot be written ends with: its place is looked up now.
local function refuser(runs, placed)
  return function(place, v, run, i)
    return escape.refuse(place, v, placed(runs[run].nodes[i]))
  end
end

local function writers(made, placed)
  local out, refuse = {}, refuser(made.runs, placed)
  for n, run in ipairs(made.runs) do out[n] = native.writer(run.items, n, refuse, made.whole) end
  return out
end

local function places(made, placed)
  local out = {}
  for n, node in ipairs(made.places) do out[n] = placed(node) end
  return out
end

-- The function of a template that has been made. `placed(node)` is a node as messages are to place it.
local function renderer(made, placed)
  return made.chunk(runtime, escape, arguments, calls, made.constants, places(made, placed), made.slots, runtime.null,
    writers(made, placed), native.mark, native.take, native.object, native.look)
end

local function itself(node)
  return node
end

local function first_placed(nodes)
  for _, node in ipairs(nodes) do
    if node.o then return node end
  end
end

-- Equal code is compiled once: many webhooks differ in their texts alone.
local chunks = setmetatable({}, { __mode = "v" })

local function chunk_of(text)
  local chunk, why = chunks[text], nil
  if not chunk then
    chunk, why = native.compile(text, "@stdlib/(template)", {})
    chunks[text] = chunk
  end
  return chunk, why
end

-- Compiles a block: {static = text} or {render = function(data, id)}; both with `has_key` (it uses the transactional id),
-- `id_text` (as a string: not only to write it), `custom` (it calls functions of scripts), `loops` (there are loops in Lua
-- that do not look at the clock) and `slots` (the result is pieces). `report(origin, at, message)` hears of each mistake.
-- `options.methods`: the data may hold functions; `shown`: people see the result, which can have no secret. Also returns
-- what compiler.again() takes.
function compiler.compile(nodes, json, report, options)
  local set_names, calculated = look_at_sets(nodes)
  local root = scope.new()
  local c = {
    report = report, json = json, methods = options and options.methods,
    shown = options and options.shown, places = {}, constants = {}, helpers = {},
    head = {}, lines = {}, slots = {}, run = new_run(), runs = {}, uid = 0, hoisted = 0, fixed = {},
    root = root, frame = root, set_names = set_names, was_set = {}, calculated = calculated,
  }
  block(c, nodes)
  local compiled = {
    has_key = c.has_key or false, id_text = c.id_text or false, custom = c.custom or false, slots = #c.slots > 0,
    loops = c.loops or false,
  }
  local made = { compiled = compiled, places = c.places, constants = c.constants, slots = c.slots, runs = c.runs }
  compiled.static = static_result(c)
  if compiled.static then return compiled, made end
  local why
  made.chunk, why = chunk_of(source(c))
  if not made.chunk then
    local first = first_placed(nodes)
    local reason = match(why, ":%d+: ([^(]*[^( ])") or why
    report(first.o, first.at, "this template is too large or nested too deeply: " .. reason)
    return compiled
  end
  made.whole = not c.buffered
  compiled.render = renderer(made, itself)
  return compiled, made
end

-- The same template at another place: `moved(origin)` is the origin there.
function compiler.again(made, moved)
  local first = made.compiled
  if first.static then return first end
  local function placed(node)
    return { o = moved(node.o), at = node.at, text = node.text, stop = node.stop }
  end
  return {
    has_key = first.has_key, id_text = first.id_text, custom = first.custom, slots = first.slots, loops = first.loops,
    render = renderer(made, placed),
  }
end

return compiler
