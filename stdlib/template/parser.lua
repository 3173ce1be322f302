-- parser: segments to a block: a list of nodes {k = "text" | "slot" | "out" | "if" | "for" | "set"}.

local type = type
local lexer = require "stdlib.template.lexer"
local expression = require "stdlib.template.expression"
local fail = lexer.fail

local parser = {}

local block

-- The words a statement begins with, to tell which it is: "if", "else", "else if", "end if", "for", "end for", "set".
local function head(p, seg)
  local t = expression.peek(p)
  local word = t.t == "id" and t.key or ""
  if word == "endif" or word == "endfor" or word == "elseif" then
    fail(seg.o, t.at, "write '%s' in two words", word)
  end
  if word == "else" or word == "end" then
    p.i = p.i + 1
    local second = expression.peek(p)
    if second.t == "id" and (second.key == "if" or (word == "end" and second.key == "for")) then
      word = word .. " " .. second.key
      p.i = p.i + 1
    elseif word == "end" then
      fail(seg.o, t.at, "write 'end if' or 'end for'")
    end
    return word
  end
  if word == "if" or word == "for" or word == "set" then
    p.i = p.i + 1
    return word
  end
  return fail(seg.o, t.at, "expected if, else, end, for or set")
end

local function operand(p)
  local tree = expression.parse(p)
  expression.finish(p)
  return tree
end

-- "name in list", as in `for` and each().
local function loop_head(p)
  local name = expression.name(p, "the name of a variable")
  local word = expression.peek(p)
  if word.t ~= "id" or word.key ~= "in" then
    fail(p.o, word.at, "expected 'in': for %s in list", name.v)
  end
  p.i = p.i + 1
  return name, operand(p)
end

local function set_node(p, seg)
  local name = expression.name(p, "the name of a variable")
  local t = expression.peek(p)
  if t.t ~= "op" or t.v ~= "=" then fail(p.o, t.at, "expected '=': set %s = value", name.v) end
  p.i = p.i + 1
  local tree = expression.piped(p)
  expression.finish(p)
  return { k = "set", var = name.v, key = name.key, e = tree, o = seg.o, at = seg.at }
end

local function for_node(s, p, seg)
  local name, list = loop_head(p)
  local body, closing, _, from = block(s)
  if not closing then fail(seg.o, seg.at, "this 'for' has no 'end for'") end
  if closing ~= "end for" then fail(from.o, from.at, "'%s' inside a 'for' that is not closed", closing) end
  return { k = "for", var = name.v, key = name.key, e = list, body = body, o = seg.o, at = seg.at }
end

local function branch(s, seg, last)
  local body, closing, reader, from = block(s)
  if not closing then fail(seg.o, seg.at, "this 'if' has no 'end if'") end
  if closing == "end for" then fail(from.o, from.at, "'end for' inside an 'if' that is not closed") end
  if last and closing ~= "end if" then fail(from.o, from.at, "'%s' after 'else'", closing) end
  return body, closing, reader
end

local function if_node(s, p, seg)
  local n = { k = "if", clauses = {}, o = seg.o, at = seg.at }
  local condition, closing = operand(p), nil
  while condition do
    local body, reader
    body, closing, reader = branch(s, seg, false)
    n.clauses[#n.clauses + 1] = { c = condition, body = body }
    condition = closing == "else if" and operand(reader)
  end
  if closing == "else" then n.other = branch(s, seg, true) end
  return n
end

local CLOSES = { ["else"] = true, ["else if"] = true, ["end if"] = true, ["end for"] = true }

-- What one statement makes: a node, or nil and the words that close the block around it.
local function statement(s, seg)
  local p = expression.reader(seg.tokens, seg.o, seg.text)
  local word = head(p, seg)
  if CLOSES[word] then
    if word ~= "else if" then expression.finish(p) end
    if s.depth == 0 then fail(seg.o, seg.at, "'%s' without '%s'", word, word == "end for" and "for" or "if") end
    return nil, word, p
  end
  if word == "set" then return set_node(p, seg) end
  s.depth = s.depth + 1
  if s.depth > 60 then fail(seg.o, seg.at, "these blocks are nested too deeply") end
  local n = (word == "if" and if_node or for_node)(s, p, seg)
  s.depth = s.depth - 1
  return n
end

local function output(seg)
  local p = expression.reader(seg.tokens, seg.o, seg.text)
  local tree = expression.piped(p)
  expression.finish(p)
  return { k = "out", e = tree, o = seg.o, at = seg.at }
end

-- The nodes up to the end or to a closing statement; then also its words, its reader and its segment.
function block(s)
  local nodes = {}
  while true do
    local seg = s.segments[s.i]
    if not seg then return nodes end
    s.i = s.i + 1
    if seg.k == "text" or seg.k == "slot" then
      nodes[#nodes + 1] = seg
    elseif seg.k == "out" then
      nodes[#nodes + 1] = output(seg)
    else
      local n, closing, p = statement(s, seg)
      if closing then return nodes, closing, p, seg end
      nodes[#nodes + 1] = n
    end
  end
end

-- The block of parts: {text =, origin =} and {slot = NAME}.
function parser.segments(parts)
  local segments = {}
  for _, part in ipairs(parts) do
    if part.slot then
      segments[#segments + 1] = { k = "slot", name = part.slot, o = part.origin, at = 1 }
    elseif type(part.text) == "string" then
      lexer.split(segments, part.text, part.origin)
    end
  end
  return segments
end

-- The block of these segments.
function parser.block(segments)
  return (block({ segments = segments, i = 1, depth = 0 }))
end

-- A bare expression, as in when().
function parser.condition(text, origin)
  return operand(expression.reader(lexer.tokens(text, 1, origin), origin, text))
end

-- "name in list", as in each(): the name's token and the list.
function parser.loop(text, origin)
  return loop_head(expression.reader(lexer.tokens(text, 1, origin), origin, text))
end

return parser
