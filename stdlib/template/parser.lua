-- parser: segments to a block: a list of nodes {k = "text" | "slot" | "out" | "if" | "for" | "set"}. What is wrong is told
-- to `report`, and parsing goes on: one look finds every mistake.

local error, format, ipairs, pcall, type = error, string.format, ipairs, pcall, type
local lexer = require "stdlib.template.lexer"
local expression = require "stdlib.template.expression"
local fail = lexer.fail

local parser = {}

local DEPTH = 60
local block

-- Runs `f`; a mistake that ends it is reported, unless its tokens are known to be bad, and nil returned.
local function guarded(s, p, f)
  local ok, a, b = pcall(f, p)
  if ok then return a, b end
  if type(a) ~= "table" or not a.origin then error(a, 0) end
  if not p.tokens.bad then s.report(a.origin, a.at, a.message) end
end

-- What stands where an expression could not be read.
local function bad(seg)
  return { k = "bad", o = seg.o, at = seg.at, src = "" }
end

-- A mistake of the blocks; one hides those that follow from it.
local function misplaced(s, seg, message, ...)
  if not s.broken then s.report(seg.o, seg.at, format(message, ...)) end
  s.broken = true
end

-- The words a statement begins with, to tell which it is: "if", "else", "else if", "end if", "for", "end for", "set".
local function head(p)
  local t = expression.peek(p)
  local word = t.t == "id" and t.key or ""
  if word == "endif" or word == "endfor" or word == "elseif" then
    fail(p.o, t.at, "write '%s' in two words", word)
  end
  if word == "else" or word == "end" then
    p.i = p.i + 1
    local second = expression.peek(p)
    if second.t == "id" and (second.key == "if" or (word == "end" and second.key == "for")) then
      word = word .. " " .. second.key
      p.i = p.i + 1
    elseif word == "end" then
      fail(p.o, t.at, "write 'end if' or 'end for'")
    end
    return word
  end
  if word == "if" or word == "for" or word == "set" then
    p.i = p.i + 1
    return word
  end
  return fail(p.o, t.at, "expected if, else, end, for or set")
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

local function set_parts(p)
  local name = expression.name(p, "the name of a variable")
  local t = expression.peek(p)
  if t.t ~= "op" or t.v ~= "=" then fail(p.o, t.at, "expected '=': set %s = value", name.v) end
  p.i = p.i + 1
  local tree = expression.piped(p)
  expression.finish(p)
  return name, tree
end

local function set_node(s, p, seg)
  local name, tree = guarded(s, p, set_parts)
  if not name then return nil end
  return { k = "set", var = name.v, key = name.key, e = tree, o = seg.o, at = seg.at }
end

-- The words that end a block, made good: the end of the text and what belongs to another block are reported.
local function closing_of(s, seg, closing, from, word)
  if not closing then
    misplaced(s, seg, "this '%s' has no 'end %s'", word, word)
    return "end " .. word
  end
  if word == "for" and closing ~= "end for" then
    misplaced(s, from, "'%s' inside a 'for' that is not closed", closing)
    return "end for"
  end
  if word == "if" and closing == "end for" then
    misplaced(s, from, "'end for' inside an 'if' that is not closed")
    return "end if"
  end
  return closing
end

local function for_node(s, p, seg)
  local name, list = guarded(s, p, loop_head)
  local body, closing, _, from = block(s)
  closing_of(s, seg, closing, from, "for")
  name = name or { v = "", key = "" }
  return { k = "for", var = name.v, key = name.key, e = list or bad(seg), body = body, o = seg.o, at = seg.at }
end

local function if_node(s, p, seg)
  local n = { k = "if", clauses = {}, o = seg.o, at = seg.at }
  local reader, closing = p, "else if"
  while closing == "else if" do
    local condition = guarded(s, reader, operand) or bad(seg)
    local body, last, next_reader, from = block(s)
    n.clauses[#n.clauses + 1] = { c = condition, body = body }
    closing, reader = closing_of(s, seg, last, from, "if"), next_reader
  end
  while closing ~= "end if" do
    local body, last, _, from = block(s)
    n.other = n.other or body
    closing = closing_of(s, seg, last, from, "if")
    if closing ~= "end if" then misplaced(s, from, "'%s' after 'else'", closing) end
  end
  return n
end

local CLOSES = { ["else"] = true, ["else if"] = true, ["end if"] = true, ["end for"] = true }

-- What one statement makes: a node (nil: none), or nil and the words that close the block around it.
local function statement(s, seg)
  local p = expression.reader(seg.tokens, seg.o, seg.text)
  local word = guarded(s, p, head)
  s.broken = s.broken or seg.tokens.unclosed
  if not word then return nil end
  if CLOSES[word] then
    if word ~= "else if" then guarded(s, p, expression.finish) end
    if s.depth == 0 then
      misplaced(s, seg, "'%s' without '%s'", word, word == "end for" and "for" or "if")
      return nil
    end
    return nil, word, p
  end
  if word == "set" then return set_node(s, p, seg) end
  s.depth = s.depth + 1
  if s.depth > DEPTH then fail(seg.o, seg.at, "these blocks are nested too deeply") end
  local n = (word == "if" and if_node or for_node)(s, p, seg)
  s.depth = s.depth - 1
  return n
end

local function piped(p)
  local tree = expression.piped(p)
  expression.finish(p)
  return tree
end

local function output(s, seg)
  if seg.e then return { k = "out", e = seg.e, o = seg.o, at = seg.at } end
  local p = expression.reader(seg.tokens, seg.o, seg.text)
  return { k = "out", e = guarded(s, p, piped) or bad(seg), o = seg.o, at = seg.at }
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
      nodes[#nodes + 1] = output(s, seg)
    else
      local n, closing, p = statement(s, seg)
      if closing then return nodes, closing, p, seg end
      nodes[#nodes + 1] = n
    end
  end
end

-- The segments of parts: {text =, origin =} and {slot = NAME, origin =}.
function parser.segments(parts, report)
  local segments = {}
  for _, part in ipairs(parts) do
    if part.slot then
      segments[#segments + 1] = { k = "slot", name = part.slot, o = part.origin, at = 1 }
    else
      lexer.split(segments, part.text, part.origin, report)
    end
  end
  return segments
end

-- The block of these segments.
function parser.block(segments, report)
  return (block({ segments = segments, i = 1, depth = 0, report = report }))
end

-- The output that is all of this text, when it is a plain one; else nil.
function parser.lone(text, origin)
  local e, behind = lexer.plain(text, 1, origin)
  return behind == #text + 1 and { k = "out", e = e, o = origin, at = 1 } or nil
end

local function reader(text, origin)
  local tokens = lexer.tokens(text, 1, origin, nil, function(o, at, message) fail(o, at, "%s", message) end)
  return expression.reader(tokens, origin, text)
end

-- A bare expression, as in when(). Raises what is wrong.
function parser.condition(text, origin)
  return operand(reader(text, origin))
end

-- "name in list", as in each(): the name's token and the list. Raises what is wrong.
function parser.loop(text, origin)
  return loop_head(reader(text, origin))
end

return parser
