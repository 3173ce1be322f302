-- expression: tokens to a tree, by the grammar of the template language. Low to high: or; and; not; comparison;
-- + -; * /; unary -; then `left & expression`, which takes everything on its right.

local lexer = require "stdlib.template.lexer"
local fail = lexer.fail

local expression = {}

local DEPTH = 60
local RESERVED = lexer.operators
local COMPARE = { ["="] = "=", ["!="] = "!=", ["<"] = "<", [">"] = ">", ["<="] = "<=", [">="] = ">=" }
local any

-- A reader of tokens; `text` is what they were cut from.
function expression.reader(tokens, origin, text)
  return { tokens = tokens, i = 1, o = origin, text = text, depth = 0 }
end

-- The token that comes next.
function expression.peek(p)
  return p.tokens[p.i]
end
local peek = expression.peek

local function take(p)
  local t = p.tokens[p.i]
  p.i = p.i + 1
  return t
end

local function at_op(p, op)
  local t = p.tokens[p.i]
  return t.t == "op" and t.v == op
end

local function at_word(p, word)
  local t = p.tokens[p.i]
  return t.t == "id" and t.key == word
end

local function shown(t)
  if t.t == "end" then return t.v == "}" and "'}'" or t.v end
  if t.t == "str" then return '"' .. t.v .. '"' end
  return "'" .. t.v .. "'"
end

local function expect(p, op)
  if not at_op(p, op) then fail(p.o, peek(p).at, "expected '%s', found %s", op, shown(peek(p))) end
  return take(p)
end

-- The next token must be a name; `what` says which.
function expression.name(p, what)
  local t = peek(p)
  if t.t ~= "id" or RESERVED[t.key] then fail(p.o, t.at, "expected %s, found %s", what, shown(t)) end
  return take(p)
end

-- Nothing may follow.
function expression.finish(p)
  local t = peek(p)
  if t.t ~= "end" then fail(p.o, t.at, "unexpected %s", shown(t)) end
end

-- A node that spans from token `first` to the last one taken: `at` to `stop` of `text`, of the origin `o`.
local function node(p, first, fields)
  fields.o, fields.text, fields.at, fields.stop = p.o, p.text, first.at, p.tokens[p.i - 1].stop
  return fields
end

local function arguments(p)
  local args = {}
  expect(p, "(")
  if not at_op(p, ")") then
    repeat
      args[#args + 1] = any(p)
      local more = at_op(p, ",")
      if more then take(p) end
    until not more
  end
  expect(p, ")")
  return args
end

local function index(p)
  take(p)
  local t = take(p)
  if t.t ~= "num" or math.type(t.v) ~= "integer" then
    fail(p.o, t.at, "expected a whole number as the index, found %s", shown(t))
  end
  expect(p, "]")
  return t.v
end

local function method(p, first, name, target)
  local args = arguments(p)
  table.insert(args, 1, target)
  return node(p, first, { k = "call", name = name.v, key = name.key, args = args, method = true, name_at = name.at })
end

local function path(p, first)
  local steps, made = {}, nil
  while at_op(p, ".") or at_op(p, "[") do
    if made then fail(p.o, peek(p).at, "unexpected %s", shown(peek(p))) end
    if at_op(p, "[") then
      steps[#steps + 1] = index(p)
    else
      take(p)
      local t = take(p)
      if t.t ~= "id" then fail(p.o, t.at, "expected the name of a field, found %s", shown(t)) end
      if at_op(p, "(") then
        made = method(p, first, t, node(p, first, { k = "path", root = first.v, key = first.key, steps = steps }))
      else
        steps[#steps + 1] = t.v
      end
    end
  end
  return made or node(p, first, { k = "path", root = first.v, key = first.key, steps = steps })
end

local LITERAL = { null = { k = "null" }, ["true"] = { k = "bool", v = true }, ["false"] = { k = "bool", v = false } }

local function named(p)
  local first = take(p)
  if at_op(p, "(") then
    return node(p, first, { k = "call", name = first.v, key = first.key, args = arguments(p), name_at = first.at })
  end
  local literal = LITERAL[first.key]
  if literal then return node(p, first, { k = literal.k, v = literal.v }) end
  if RESERVED[first.key] then fail(p.o, first.at, "unexpected '%s'", first.v) end
  return path(p, first)
end

local function primary(p)
  local t = peek(p)
  if t.t == "id" then return named(p) end
  take(p)
  if t.t == "num" or t.t == "str" then return node(p, t, { k = t.t, v = t.v }) end
  if t.t ~= "op" or t.v ~= "(" then
    p.i = p.i - 1
    fail(p.o, t.at, "expected a value, found %s", shown(t))
  end
  local inner = any(p)
  expect(p, ")")
  return inner
end

local function concatenation(p)
  local first = peek(p)
  local left = primary(p)
  if not at_op(p, "&") then return left end
  take(p)
  local right = any(p)
  return node(p, first, { k = "cat", a = left, b = right })
end

local function unary(p)
  if not at_op(p, "-") then return concatenation(p) end
  local first = take(p)
  p.depth = p.depth + 1
  if p.depth > DEPTH then fail(p.o, first.at, "this expression is nested too deeply") end
  local inner = unary(p)
  p.depth = p.depth - 1
  return node(p, first, { k = "neg", a = inner })
end

-- A level of left-associative operators over `below`.
local function level(kind, ops, below)
  return function(p)
    local first = peek(p)
    local left = below(p)
    while peek(p).t == "op" and ops[peek(p).v] do
      local op = take(p)
      local right = below(p)
      left = node(p, first, { k = kind, op = op.v, a = left, b = right })
    end
    return left
  end
end

local product = level("arith", { ["*"] = true, ["/"] = true }, unary)
local sum = level("arith", { ["+"] = true, ["-"] = true }, product)

local function comparison(p)
  local first = peek(p)
  local left = sum(p)
  local t = peek(p)
  if t.t ~= "op" or not COMPARE[t.v] then return left end
  take(p)
  local right = sum(p)
  return node(p, first, { k = "compare", op = t.v, a = left, b = right })
end

local function negation(p)
  if not at_word(p, "not") then return comparison(p) end
  local first = take(p)
  p.depth = p.depth + 1
  if p.depth > DEPTH then fail(p.o, first.at, "this expression is nested too deeply") end
  local inner = negation(p)
  p.depth = p.depth - 1
  return node(p, first, { k = "not", a = inner })
end

local function logical(word, below)
  return function(p)
    local first = peek(p)
    local left = below(p)
    while at_word(p, word) do
      take(p)
      local right = below(p)
      left = node(p, first, { k = word, a = left, b = right })
    end
    return left
  end
end

local disjunction = logical("or", logical("and", negation))

function any(p)
  p.depth = p.depth + 1
  if p.depth > DEPTH then fail(p.o, peek(p).at, "this expression is nested too deeply") end
  local tree = disjunction(p)
  p.depth = p.depth - 1
  return tree
end

-- One expression.
expression.parse = any

-- One expression and its filters: `x | f(y)` is f(x, y).
function expression.piped(p)
  local first = peek(p)
  local tree = any(p)
  while at_op(p, "|") do
    take(p)
    local name = expression.name(p, "the name of a filter")
    local args = at_op(p, "(") and arguments(p) or {}
    table.insert(args, 1, tree)
    tree = node(p, first, { k = "call", name = name.v, key = name.key, args = args, filter = true, name_at = name.at })
  end
  return tree
end

return expression
