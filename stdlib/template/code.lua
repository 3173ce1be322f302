-- code: an expression to a Lua expression. Generated code knows: D the data, ID the delivery's id, R the runtime, E the
-- escapes, F the functions, P the places, NULL, and the locals of the variables.

local concat, format, ipairs, lower, math_type, type =
  table.concat, string.format, ipairs, string.lower, math.type, type

local functions = require "stdlib.template.functions"
local scope = require "stdlib.template.scope"

local code = {}

local expression

-- Notes a mistake that does not stop the compiling of the rest.
local function report(c, node, message, ...)
  c.report(node.o, node.name_at or node.at, format(message, ...))
end
code.report = report

-- The place of a node, as generated code writes it.
function code.place(c, node)
  local n = #c.places + 1
  c.places[n] = { o = node.o, at = node.at, src = node.src }
  return "P[" .. n .. "]"
end
local place = code.place

-- A helper of a group ("R", "E" or "F"), taken into a local of the chunk.
function code.helper(c, group, name)
  local key = group .. "_" .. name
  if not c.helpers[key] then
    c.helpers[key] = true
    c.head[#c.head + 1] = format("local %s = %s.%s", key, group, name)
  end
  return key
end
local helper = code.helper

-- What an expression gives, where that is known from its form.
function code.result(node)
  if node.k == "call" then
    local entry = functions.find(node.key)
    return entry and entry.result
  end
  if node.k == "arith" or node.k == "neg" or node.k == "num" then return "number" end
  if node.k == "cat" or node.k == "str" then return "string" end
  if node.k == "compare" or node.k == "not" or node.k == "and" or node.k == "or" or node.k == "bool" then
    return "boolean"
  end
  return node.k == "null" and "null" or nil
end
local result = code.result

-- Whether an expression may give the result of arithmetic, which prints rounded. `vars`: variables that may.
function code.calculated(node, vars)
  if node.k == "arith" or node.k == "neg" then return true end
  if node.k == "path" then return #node.steps == 0 and vars[node.key] == true end
  if node.k ~= "call" then return false end
  if node.key == "default" or node.key == "if" or node.key == "raw" then
    for i, arg in ipairs(node.args) do
      if (node.key ~= "if" or i > 1) and code.calculated(arg, vars) then return true end
    end
  end
  return false
end

local REQUEST = { "TransactionalId" }

local function request_field(c, node)
  local field = node.steps[1]
  if #node.steps == 1 and type(field) == "string" and lower(field) == "transactionalid" then
    c.has_key = true
    return "ID"
  end
  if type(field) == "string" and lower(field) ~= "transactionalid" then
    report(c, node, "unknown field '%s' of WebhookRequest; it has: %s", field, REQUEST[1])
  else
    report(c, node, "expected WebhookRequest.TransactionalId")
  end
  return "nil"
end

local function loop_field(c, node, loop)
  local field = #node.steps == 1 and type(node.steps[1]) == "string" and lower(node.steps[1])
  if field == "index" then return loop.i end
  if field == "first" then return "(" .. loop.i .. " == 1)" end
  if field == "last" then return "(" .. loop.i .. " == " .. loop.n .. ")" end
  report(c, node, "expected loop.index, loop.first or loop.last")
  return "nil"
end

-- Field after field, up to three in one call.
local function walk(c, base, steps)
  local i = 1
  while i <= #steps do
    local n = 0
    while n < 3 and type(steps[i + n]) == "string" do n = n + 1 end
    if n == 2 and base ~= "D" then n = 1 end
    if n == 0 then
      base = format("%s(%s, %d)", helper(c, "R", "at"), base, steps[i])
      i = i + 1
    else
      local names = {}
      for j = 1, n do names[j] = format("%q", steps[i + j - 1]) end
      base = format("%s(%s, %s)", helper(c, "R", "get" .. n), base, concat(names, ", "))
      i = i + n
    end
  end
  return base
end

local function path(c, node)
  local var = scope.find(c.frame, node.key)
  if var then return walk(c, var.code, node.steps) end
  local loop = node.key == "loop" and scope.loop(c.frame)
  if loop then return loop_field(c, node, loop) end
  if node.key == "webhookrequest" then return request_field(c, node) end
  if scope.ended(c.frame, node.key) then
    report(c, node, "'%s' is the variable of a loop; it means nothing outside", node.root)
    return "nil"
  end
  local steps = { node.root }
  for i, step in ipairs(node.steps) do steps[i + 1] = step end
  return walk(c, "D", steps)
end

local function literal(node)
  if node.k == "str" then return format("%q", node.v) end
  if node.k == "num" then return format(math_type(node.v) == "integer" and "(%d)" or "(%.17g)", node.v) end
  return node.k == "bool" and (node.v and "true" or "false") or "nil"
end

local function number(c, node)
  local kind = result(node)
  if kind and kind ~= "number" then
    report(c, node, "arithmetic needs numbers; %s is a %s", node.src, kind)
    return "0"
  end
  if kind == "number" then return expression(c, node) end
  return format("%s(%s, %s)", helper(c, "R", "num"), expression(c, node), place(c, node))
end

-- A boolean, for `if`, `and`, `or` and `not`.
function code.condition(c, node)
  local kind = result(node)
  if kind and kind ~= "boolean" then
    report(c, node, "expected a condition; %s is a %s", node.src, kind)
    return "false"
  end
  if kind == "boolean" then return expression(c, node) end
  return format("%s(%s, %s)", helper(c, "R", "bool"), expression(c, node), place(c, node))
end
local condition = code.condition

local ARITH = { ["+"] = "add", ["-"] = "sub", ["*"] = "mul", ["/"] = "div" }

local function arithmetic(c, node)
  local a, b = number(c, node.a), number(c, node.b)
  return format("%s(%s, %s%s)", helper(c, "R", ARITH[node.op]), a, b, node.op == "/" and ", " .. place(c, node) or "")
end

local function compare(c, node)
  local a, b, op = node.a, node.b, node.op
  if op == "=" or op == "!=" then
    if a.k == "null" or b.k == "null" then
      return format("(%s %s nil)", expression(c, a.k == "null" and b or a), op == "=" and "==" or "~=")
    end
    local same = format("%s(%s, %s)", helper(c, "R", "eq"), expression(c, a), expression(c, b))
    return op == "=" and same or "(not " .. same .. ")"
  end
  if op == ">" or op == ">=" then a, b = b, a end
  local name = (op == "<" or op == ">") and "lt" or "le"
  return format("%s(%s, %s, %s)", helper(c, "R", name), expression(c, a), expression(c, b), place(c, node))
end

-- The text of a value, for `&`.
local function text(c, node)
  if node.k == "str" then return literal(node) end
  if node.k == "cat" then return expression(c, node) end
  return format("%s(%s, %s)", helper(c, "E", c.json and "json_text" or "text"), code.printed(c, node), place(c, node))
end

-- Evaluated only when needed: as it is when it costs nothing and cannot fail, else in a function.
local function lazily(c, node)
  if node.k == "path" or node.k == "str" or node.k == "num" or node.k == "bool" or node.k == "null" then
    return expression(c, node), false
  end
  return "function() return " .. expression(c, node) .. " end", true
end

local function lazy_call(c, node, entry)
  local args = node.args
  local first = entry.lazy == "if" and condition(c, args[1]) or expression(c, args[1])
  local parts, late = { first }, {}
  for i = 2, #args do
    parts[i], late[i] = lazily(c, args[i])
  end
  if entry.lazy == "default" then
    return format("%s(%s)", helper(c, "R", late[2] and "default_late" or "default"), concat(parts, ", "))
  end
  parts[#parts + 1] = late[2] and "true" or "false"
  parts[#parts + 1] = late[3] and "true" or "false"
  return format("%s(%s)", helper(c, "R", "choose"), concat(parts, ", "))
end

local function unknown(c, node)
  local near = functions.nearest(node.name)
  local what = node.method and "method" or "function"
  report(c, node, "unknown %s '%s'%s", what, node.name, near and "; did you mean '" .. near .. "'?" or "")
  return "nil"
end

local function call(c, node)
  local entry = not node.method and functions.find(node.key)
  if not entry then return unknown(c, node) end
  local n = #node.args
  if n < entry.min or (entry.max and n > entry.max) then
    report(c, node, "'%s' takes %s, found %d", entry.name, functions.arity(entry), n)
    return "nil"
  end
  if entry.lazy then return lazy_call(c, node, entry) end
  if entry.name == "raw" then
    report(c, node, "'raw' can only be the last filter of an output")
    return "nil"
  end
  local parts = { place(c, node.args[1] or node) }
  for i, arg in ipairs(node.args) do
    parts[i + 1] = expression(c, arg)
    if not entry.nulls and not result(arg) then
      parts[i + 1] = format("%s(%s, %s)", helper(c, "R", "given"), parts[i + 1], place(c, arg))
    end
  end
  return format("%s(%s)", helper(c, "F", node.key), concat(parts, ", "))
end

local MAKE = {
  str = function(_, node) return literal(node) end,
  num = function(_, node) return literal(node) end,
  bool = function(_, node) return literal(node) end,
  null = function(_, node) return literal(node) end,
  path = path,
  call = call,
  arith = arithmetic,
  compare = compare,
  neg = function(c, node) return format("%s(0, %s)", helper(c, "R", "sub"), number(c, node.a)) end,
  ["not"] = function(c, node) return "(not " .. condition(c, node.a) .. ")" end,
  ["and"] = function(c, node) return format("(%s and %s)", condition(c, node.a), condition(c, node.b)) end,
  ["or"] = function(c, node) return format("(%s or %s)", condition(c, node.a), condition(c, node.b)) end,
  cat = function(c, node) return format("(%s .. %s)", text(c, node.a), text(c, node.b)) end,
}

-- The Lua expression of a node.
function code.expression(c, node)
  return MAKE[node.k](c, node)
end
expression = code.expression

-- The same, rounded where it is the result of arithmetic.
function code.printed(c, node)
  local value = expression(c, node)
  if not code.calculated(node, c.calculated) then return value end
  if node.k == "arith" or node.k == "neg" then return format("%s(%s)", helper(c, "R", "round"), value) end
  return format("%s(%s)", helper(c, "R", "round_number"), value)
end

-- Whether a name is no variable that `set` and `for` can make.
function code.reserved(key)
  return key == "loop" or key == "webhookrequest" or key == "null" or key == "true" or key == "false"
end

return code
