-- compiler: a block, its places assigned, to one Lua function (data, id) that returns the text. Nothing is interpreted
-- while rendering: static text is constants of the function, joined by as few concatenations as there can be.

local concat, format, ipairs, setmetatable, type = table.concat, string.format, ipairs, setmetatable, type

local native = require "stdlib.native"
local code = require "stdlib.template.code"
local escape = require "stdlib.template.escape"
local functions = require "stdlib.template.functions"
local runtime = require "stdlib.template.runtime"
local scope = require "stdlib.template.scope"

local compiler = {}

local JOINED = 50 -- operands of one concatenation: Lua's parser nests them

local block

local function line(c, ...)
  c.lines[#c.lines + 1] = format(...)
end

local function fresh(c, letter)
  c.uid = c.uid + 1
  return letter .. c.uid
end

local function operand_code(op)
  return op.text and format("%q", op.text) or op.code
end

local function joined(run)
  local parts = {}
  for i, op in ipairs(run) do parts[i] = operand_code(op) end
  if #run == 1 and not run[1].text then return '"" .. ' .. parts[1] end
  return concat(parts, " .. ")
end

-- Writes what has gathered into the buffer of the function.
local function flush(c)
  if #c.run == 0 then return end
  line(c, "n = n + 1; o[n] = %s", joined(c.run))
  c.run, c.buffered = {}, true
end

local function add_text(c, s)
  if s == "" then return end
  local last, fixed = c.run[#c.run], c.fixed
  if type(fixed[#fixed]) == "string" then
    fixed[#fixed] = fixed[#fixed] .. s
  else
    fixed[#fixed + 1] = s
  end
  if last and last.text then
    last.text = last.text .. s
  else
    c.run[#c.run + 1] = { text = s }
  end
end

local function add_code(c, text)
  if #c.run >= JOINED then flush(c) end
  c.run[#c.run + 1] = { code = text }
  c.dynamic = true
end

local function output_code(c, node)
  local e, kind = node.e, node.place
  if e.k == "call" and e.key == "raw" and not e.method then
    if #e.args ~= 1 then code.report(c, e, "'raw' takes no arguments here, found %d", #e.args - 1) end
    e, kind = e.args[1], kind == "header" and kind or c.json and "json_text" or "text"
  elseif e.k == "call" and functions.find(e.key) then
    local whole = e.key == "json" and kind == "json" or e.key == "urlencode" and (kind == "url" or kind == "form")
    if whole then return code.expression(c, e) end
  end
  local value = code.printed(c, e)
  return format("%s(%s, %s)", code.helper(c, "E", kind), value, code.place(c, e))
end

local function slot(c, node)
  local quoted = node.place == "json"
  if quoted then add_text(c, '"') end
  flush(c)
  c.slots[#c.slots + 1] = { secret = node.name, encoding = escape.slot[node.place] }
  c.fixed[#c.fixed + 1] = c.slots[#c.slots]
  line(c, "n = n + 1; o[n] = K[%d]", #c.slots)
  c.buffered = true
  if quoted then add_text(c, '"') end
end

local function condition_block(c, node)
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

-- A frame of variables; the locals of what is `set` in it are declared where it opens.
local function in_frame(c, frame, nodes)
  local outer = c.frame
  c.frame = frame
  line(c, "")
  frame.line, frame.locals = #c.lines, {}
  block(c, nodes)
  flush(c)
  if #frame.locals > 0 then c.lines[frame.line] = "local " .. concat(frame.locals, ", ") end
  c.frame = outer
end

local function loop(c, node)
  flush(c)
  c.dynamic, c.buffered = true, true
  local l, n, i, v = fresh(c, "l"), fresh(c, "n"), fresh(c, "i"), fresh(c, "v")
  local list = format("%s(%s, %s)", code.helper(c, "R", "list"), code.expression(c, node.e), code.place(c, node.e))
  line(c, "do local %s = %s; local %s = #%s", l, list, n, l)
  line(c, "for %s = 1, %s do local %s = %s[%s]; if %s == NULL then %s = nil end", i, n, v, l, i, v, v)
  local frame = scope.new(c.frame, { i = i, n = n })
  scope.declare(frame, node.key, v)
  if code.reserved(node.key) then code.report(c, node, "'%s' cannot be a variable", node.var) end
  in_frame(c, frame, node.body)
  line(c, "end end")
  scope.close(frame, node.key)
end

local function set(c, node)
  flush(c)
  c.dynamic, c.buffered = true, true
  local value = code.expression(c, node.e)
  if code.reserved(node.key) then code.report(c, node, "'%s' cannot be a variable", node.var) end
  local var = scope.find(c.frame, node.key)
  if not var then
    var = scope.declare(c.frame, node.key, fresh(c, "s"))
    local locals = c.frame.locals
    locals[#locals + 1] = var.code
  end
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
  line(c, 'if %s then n = n + 1; o[n] = "," else %s = true end', c.comma, c.comma)
end

local NODE = {
  text = function(c, node) add_text(c, node.s) end,
  out = function(c, node) add_code(c, output_code(c, node)) end,
  between = function(c) add_code(c, format('(%s > 1 and "," or "")', scope.loop(c.frame).i)) end,
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

local function calculated_vars(nodes, vars)
  for _, node in ipairs(nodes) do
    if node.k == "set" and code.calculated(node.e, vars) then vars[node.key] = true end
    for _, clause in ipairs(node.clauses or {}) do calculated_vars(clause.body, vars) end
    for _, inner in ipairs { node.body or false, node.other or false, node.nodes or false } do
      if type(inner) == "table" then calculated_vars(inner, vars) end
    end
  end
  return vars
end

-- What never changes: a string, or pieces when there are slots.
local function static_result(c)
  if c.dynamic then return nil end
  if #c.slots == 0 then return concat(c.fixed) end
  return c.fixed
end

local function source(c)
  local out = { "local R, E, F, P, K, NULL, concat = ..." }
  for _, text in ipairs(c.head) do out[#out + 1] = text end
  out[#out + 1] = "return function(D, ID)"
  if not c.buffered then
    out[#out + 1] = "return " .. joined(c.run)
  else
    flush(c)
    out[#out + 1] = "local o, n = {}, 0"
    out[#out + 1] = concat(c.lines, "\n")
    out[#out + 1] = #c.slots > 0 and "return o" or 'return concat(o, "", 1, n)'
  end
  out[#out + 1] = "end"
  return concat(out, "\n")
end

local calls = setmetatable({}, { __index = function(_, key) return functions.find(key).call end })

-- Compiles a block: {static = text} or {render = function(data, id)}; both with `has_key` (it uses the transactional id)
-- and `slots` (the result is pieces). `report(origin, at, message)` hears of each mistake.
function compiler.compile(nodes, json, report)
  local c = {
    report = report, json = json, places = {}, helpers = {}, head = {}, lines = {}, slots = {}, run = {}, uid = 0,
    fixed = {}, frame = scope.new(), calculated = calculated_vars(nodes, calculated_vars(nodes, {})),
  }
  c.frame.line, c.frame.locals = 1, {}
  line(c, "")
  block(c, nodes)
  if #c.frame.locals > 0 then c.lines[1] = "local " .. concat(c.frame.locals, ", ") end
  local compiled = { has_key = c.has_key or false, slots = #c.slots > 0, static = static_result(c) }
  if compiled.static then return compiled end
  local chunk, why = native.compile(source(c), "@stdlib/(template)", {})
  if not chunk then
    local first = nodes[1]
    report(first.o, first.at, "this template is too large or nested too deeply: " .. why)
    return compiled
  end
  compiled.render = chunk(runtime, escape, calls, c.places, c.slots, runtime.null, concat)
  return compiled
end

return compiler
