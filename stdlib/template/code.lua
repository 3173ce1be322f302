-- code: an expression to a Lua expression. Generated code knows: D the data, ID the delivery's id, R the runtime, E the
-- texts, C the arguments' types, F the functions, A the constants, P the places, NULL, and the locals of the variables.

local concat, find, format, ipairs, lower, math_type, type =
  table.concat, string.find, string.format, ipairs, string.lower, math.type, type

local native = require "stdlib.native"
local arguments = require "stdlib.template.arguments"
local functions = require "stdlib.template.functions"
local scope = require "stdlib.template.scope"
local runtime = require "stdlib.template.runtime"
local quoted, src = runtime.quoted, runtime.src

local code = {}

local expression

-- Notes a mistake that does not stop the compiling of the rest.
local function report(c, node, message, ...)
  c.report(node.o, node.name_at or node.at, format(message, ...))
end
code.report = report

-- The place of a node, as generated code writes it.
local function place(c, node)
  local n = #c.places + 1
  c.places[n] = node
  return "P[" .. n .. "]"
end
code.place = place

-- A helper of a group ("R", "E", "C" or "F"), taken into a local of the chunk.
function code.helper(c, group, name)
  local key = group .. "_" .. name
  if not c.helpers[key] then
    c.helpers[key] = true
    c.head[#c.head + 1] = "local " .. key .. " = " .. group .. "." .. name
  end
  return key
end
local helper = code.helper

local RESULT = {
  arith = "number", neg = "number", num = "number", cat = "string", str = "string", compare = "boolean", ["not"] = "boolean",
  ["and"] = "boolean", ["or"] = "boolean", bool = "boolean", null = "null",
}

-- What an expression gives, where that is known from its form: "number", "string", "boolean", "list" or "null".
function code.result(node)
  if node.k ~= "call" then return RESULT[node.k] end
  local entry = functions.find(node.key)
  return entry and entry.result
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
    c.has_key, c.id_text = true, true
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

-- --- paths ------------------------------------------------------------------------------------------------------

local HOISTED = 60 -- Lua has 200 locals in a function

local function field_key(step)
  return type(step) == "string" and '["' .. step .. '"]' or "[" .. step + 1 .. "]"
end

-- What stands for no object, where `step` of `outer` is none: one in another case, if there is one.
local function otherwise(c, outer, step)
  if type(step) ~= "string" then return helper(c, "R", "empty") end
  return helper(c, "R", "other_object") .. "(" .. outer .. ', "' .. step .. '")'
end

-- The local that holds the object at steps 1 to n of `root` (a local, or a field of the data), made once, where `root` is
-- (the frame); nil: no room for it. `frame.objects` is a tree of them: root, then steps; {code =, inner =}.
local function object(c, frame, root, steps, n)
  local inner, outer = frame.objects, frame == c.root and "D"
  for i = 0, n do
    local step = i == 0 and root or steps[i]
    local node = inner[step]
    if not node then
      if c.hoisted >= HOISTED then return nil end
      c.hoisted, c.uid = c.hoisted + 1, c.uid + 1
      node = { code = "b" .. c.uid, inner = {} }
      inner[step] = node
      local value = outer and outer .. field_key(step) or root
      local other = outer and otherwise(c, outer, step) or helper(c, "R", "empty")
      frame.locals[#frame.locals + 1] = "local " .. node.code .. " = O(" .. value .. ") or " .. other
    end
    inner, outer = node.inner, node.code
  end
  return outer
end

-- Field after field, when there is no local for what it is in.
local function walk(c, base, steps)
  for _, step in ipairs(steps) do
    if type(step) == "string" then
      base = format("%s(%s, %q)", helper(c, "R", "get"), base, step)
    else
      base = format("%s(%s, %d)", helper(c, "R", "at"), base, step)
    end
  end
  return base
end

-- A field of what a local holds. `raw`: null may come out as NULL.
local function field(c, holder, name, raw)
  if type(name) ~= "string" then
    return raw and holder .. field_key(name) or format("%s(%s, %d)", helper(c, "R", "at"), holder, name)
  end
  if not raw then return helper(c, "R", "get") .. "(" .. holder .. ', "' .. name .. '")' end
  return "(" .. holder .. field_key(name) .. " or " .. helper(c, "R", "field") .. "(" .. holder .. ', "' .. name .. '"))'
end

-- A variable, or what is behind `steps` of it.
local function variable(c, node, var, raw)
  local steps = node.steps
  local n = #steps
  if n == 0 and var.element and not raw then
    table.insert(var.frame.locals, 1, format("if %s == NULL then %s = nil end", var.code, var.code))
    var.element = false
  end
  local fixed = n > 0 and var.frame ~= c.root and not c.set_names[node.key]
  local holder = fixed and object(c, var.frame, var.code, steps, n - 1)
  return holder and field(c, holder, steps[n], raw) or walk(c, var.code, steps)
end

-- What the data has.
local function data_path(c, node, raw)
  local steps = node.steps
  local n = #steps
  if n == 0 then return field(c, "D", node.root, raw) end
  local holder = object(c, c.root, node.root, steps, n - 1)
  return holder and field(c, holder, steps[n], raw) or walk(c, field(c, "D", node.root), steps)
end

local function path(c, node, raw)
  local var = scope.find(c.frame, node.key)
  if var then return variable(c, node, var, raw) end
  local loop = node.key == "loop" and scope.loop(c.frame)
  if loop then return loop_field(c, node, loop) end
  if node.key == "webhookrequest" then return request_field(c, node) end
  if scope.ended(c.frame, node.key) then
    report(c, node, "'%s' is the variable of a loop; it means nothing outside", node.root)
    return "nil"
  end
  if c.set_names[node.key] and not c.was_set[node.key] and c.setting ~= node.key then
    report(c, node, "'%s' is used before it is set", node.root)
  end
  return data_path(c, node, raw)
end

-- A value that its user checks: null may come out as NULL.
local function checked(c, node)
  if node.k == "path" then return path(c, node, true) end
  return expression(c, node)
end

-- loop.first or loop.last: a boolean.
local function is_loop_field(c, node)
  return node.k == "path" and node.key == "loop" and scope.loop(c.frame) and not scope.find(c.frame, "loop")
    and lower(node.steps[1] or "") ~= "index"
end

-- --- operators --------------------------------------------------------------------------------------------------

local function literal(node)
  if node.k == "str" then return format("%q", node.v) end
  if node.k == "num" then return format(math_type(node.v) == "integer" and "(%d)" or "(%.17g)", node.v) end
  return node.k == "bool" and (node.v and "true" or "false") or "nil"
end

local function number(c, node)
  local kind = result(node)
  if kind and kind ~= "number" then
    report(c, node, "arithmetic needs numbers; %s is a %s", src(node), kind)
    return "0"
  end
  if kind == "number" then return expression(c, node) end
  return format("%s(%s, %s)", helper(c, "R", "num"), checked(c, node), place(c, node))
end

-- A boolean, for `if`, `and`, `or` and `not`.
function code.condition(c, node)
  local kind = result(node)
  if kind and kind ~= "boolean" then
    report(c, node, "expected a condition; %s is a %s", src(node), kind)
    return "false"
  end
  if kind == "boolean" or is_loop_field(c, node) then return expression(c, node) end
  return format("%s(%s, %s)", helper(c, "R", "bool"), checked(c, node), place(c, node))
end
local condition = code.condition

-- A list, to loop over.
function code.list(c, node)
  local kind = result(node)
  if kind and kind ~= "list" then
    report(c, node, "expected a list; %s is a %s", src(node), kind)
    return "{}"
  end
  return format("%s(%s, %s)", helper(c, "R", "list"), checked(c, node), place(c, node))
end

local ARITH = { ["+"] = "add", ["-"] = "sub", ["*"] = "mul", ["/"] = "div" }

local function arithmetic(c, node)
  local a, b = number(c, node.a), number(c, node.b)
  return format("%s(%s, %s%s)", helper(c, "R", ARITH[node.op]), a, b, node.op == "/" and ", " .. place(c, node) or "")
end

local function order(c, node)
  local a, b, op = node.a, node.b, node.op
  local kind_a, kind_b = result(a), result(b)
  if kind_a and kind_b and (kind_a ~= kind_b or kind_a ~= "number" and kind_a ~= "string") then
    report(c, node, "%s compares a %s with a %s", quoted(node), kind_a, kind_b)
    return "false"
  end
  if op == ">" or op == ">=" then a, b = b, a end
  local name = (op == "<" or op == ">") and "lt" or "le"
  return format("%s(%s, %s, %s)", helper(c, "R", name), expression(c, a), expression(c, b), place(c, node))
end

local function compare(c, node)
  local a, b, op = node.a, node.b, node.op
  if op ~= "=" and op ~= "!=" then return order(c, node) end
  if a.k == "null" or b.k == "null" then
    return format("(%s %s nil)", expression(c, a.k == "null" and b or a), op == "=" and "==" or "~=")
  end
  local same = format("%s(%s, %s)", helper(c, "R", "eq"), expression(c, a), expression(c, b))
  return op == "=" and same or "(not " .. same .. ")"
end

-- The text of a value, for `&`.
local function text(c, node)
  if node.k == "str" then return literal(node) end
  if node.k == "cat" then return expression(c, node) end
  return format("%s(%s, %s)", helper(c, "E", c.json and "json_text" or "text"), code.printed(c, node), place(c, node))
end

-- --- calls ------------------------------------------------------------------------------------------------------

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

-- The value of a constant, and whether it is one.
local function constant(node)
  if node.k == "str" or node.k == "num" or node.k == "bool" then return node.v, true end
  if node.k == "neg" and node.a.k == "num" then return -node.a.v, true end
  return nil, false
end

-- A constant argument has been through its type when the template is compiled.
local function constant_argument(c, node, kind, value)
  local ok, made = arguments.constant(kind, value, src(node))
  if not ok then
    report(c, node, "%s", made)
    return "nil"
  end
  if made == value and math_type(made) == math_type(value) then return expression(c, node) end
  c.constants[#c.constants + 1] = made
  return "A[" .. #c.constants .. "]"
end

local GIVES = { text = "string", filled = "string", number = "number", list = "list" }
local NEEDS = {
  number = "number", position = "number", count = "number", size = "number", limit = "number", list = "list",
  date = "string", time = "string", decimal_format = "string", date_format = "string", time_format = "string",
}
local CALLED = { string = "a string", number = "a number", boolean = "a boolean", list = "a list", null = "null" }

local function argument(c, node, kind)
  if kind == "maybe" then return expression(c, node) end
  local value, is_constant = constant(node)
  if is_constant then return constant_argument(c, node, kind, value) end
  local given, needed = result(node), NEEDS[kind]
  if given == "null" then
    report(c, node, "%s is null", quoted(node))
  elseif given and needed and given ~= needed then
    report(c, node, "%s is %s, not %s", quoted(node), CALLED[given], CALLED[needed])
  elseif given == "list" and GIVES[kind] == "string" then
    report(c, node, "%s is a list, which has no text", quoted(node))
  end
  local v = checked(c, node)
  if given and given == GIVES[kind] and kind ~= "filled" and kind ~= "number" then return v end
  return format("%s(%s, %s)", helper(c, "C", kind), v, place(c, node))
end

-- The call secret("NAME") that is the key of hmacSha256 in an output of its own; nil: none.
function code.signing_secret(node)
  local key = node.k == "call" and node.key == "hmacsha256" and not node.method and node.args[2]
  return key and key.k == "call" and key.key == "secret" and not key.method and key or nil
end

-- hmacSha256(message, secret("NAME"), form): what the core signs while sending, and the code of the message.
function code.signature(c, node, secret)
  local entry, name, form = functions.find(node.key), secret.args[1], node.args[3]
  if #node.args > entry.max then
    report(c, node, "'%s' takes %s, found %d", entry.name, functions.arity(entry), #node.args)
  end
  if form and (form.k ~= "str" or not arguments.constant("mac_form", form.v, src(form))) then
    report(c, form, "expected 'HEX', 'hex' or 'base64', found %s", src(form))
  end
  if #secret.args ~= 1 or name.k ~= "str" or not find(name.v, "^[%a_][%w_]*$") then
    report(c, secret, "expected secret(\"NAME\")")
  elseif c.shown then
    report(c, secret, "a secret cannot be in a text that scripts or people see")
  elseif not native.secret(name.v) then
    report(c, secret, "secret '%s' is not set, or empty; put %s=… into the environment", name.v, name.v)
  end
  return { secret = name and name.v, hmac = form and form.v or "HEX" }, argument(c, node.args[1], "text")
end

local function unknown(c, node)
  if node.key == "secret" then
    report(c, node, "secret() can only be the key of hmacSha256, as in ${ hmacSha256(text, secret(\"NAME\")) }")
    return "nil"
  end
  local near = functions.nearest(node.name)
  local what = node.method and "method" or "function"
  report(c, node, "unknown %s '%s'%s", what, node.name, near and "; did you mean '" .. near .. "'?" or "")
  return "nil"
end

-- object.name(constants): a function of the data, or one of the language that gets the object first.
local function method(c, node)
  local parts = {}
  c.loops = true
  for i = 2, #node.args do
    local arg = node.args[i]
    local _, is_constant = constant(arg)
    if not is_constant and arg.k ~= "null" then
      report(c, arg, "the arguments of a method are constants; %s is none", quoted(arg))
    end
    parts[i - 1] = expression(c, arg)
  end
  local target = expression(c, node.args[1])
  local list = #parts > 0 and ", " .. concat(parts, ", ") or ""
  return format("%s(%s, %q, %s%s)", helper(c, "R", "method"), target, node.name, place(c, node), list)
end

local function call(c, node)
  local entry = functions.find(node.key)
  if node.method and c.methods and not entry then return method(c, node) end
  if not entry then return unknown(c, node) end
  local n = #node.args
  if n < entry.min or (entry.max and n > entry.max) then
    report(c, node, "'%s' takes %s, found %d", entry.name, functions.arity(entry), n)
    return "nil"
  end
  if entry.custom then c.custom = true end
  if not entry.straight then c.loops = true end
  if entry.lazy == "raw" then
    report(c, node, "'raw' can only be the last filter of an output")
    return "nil"
  end
  if entry.lazy then return lazy_call(c, node, entry) end
  local parts = { entry.placed and place(c, node.args[1]) or nil }
  for i, arg in ipairs(node.args) do
    parts[#parts + 1] = argument(c, arg, functions.argument(entry, i))
  end
  return format("%s(%s)", helper(c, "F", node.key), concat(parts, ", "))
end

local MAKE = {
  str = function(_, node) return literal(node) end,
  num = function(_, node) return literal(node) end,
  bool = function(_, node) return literal(node) end,
  null = function(_, node) return literal(node) end,
  bad = function() return "nil" end,
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

-- The Lua expression of a node; null is nil.
function code.expression(c, node)
  return MAKE[node.k](c, node)
end
expression = code.expression

-- The same for what is printed: rounded where it is the result of arithmetic; null may be NULL.
function code.printed(c, node)
  if not code.calculated(node, c.calculated) then return checked(c, node) end
  local value = expression(c, node)
  if node.k == "arith" or node.k == "neg" then return format("%s(%s)", helper(c, "R", "round"), value) end
  return format("%s(%s)", helper(c, "R", "round_number"), value)
end

-- The id where it is only written, which takes no string of it; nil: it is something else.
function code.written_id(c, node)
  if node.k ~= "path" or node.key ~= "webhookrequest" or scope.find(c.frame, node.key) then return nil end
  local before = c.id_text
  local value = request_field(c, node)
  c.id_text = before
  return value
end

-- Whether a name is no variable that `set` and `for` can make.
function code.reserved(key)
  return key == "loop" or key == "webhookrequest" or key == "null" or key == "true" or key == "false"
end

return code
