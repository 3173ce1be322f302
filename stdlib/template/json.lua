-- json: whether a JSON template can be JSON at all. Its texts are tokens, each output is a value, an `if` goes every way and a
-- `for` any number of rounds; the states a parser could be in are followed through them. No state left: it never can.
--
-- A state is a string: one letter for what is expected, then the brackets that are open.

local find, format, ipairs, next, pairs, sub = string.find, string.format, ipairs, next, pairs, string.sub

local json = {}

local EXPECTED = {
  v = "a value", f = "a value or ']'", k = "a name in quotes", K = "a name in quotes or '}'", c = "':'",
}
local ROUNDS = 8
local STEPS = 20000 -- of states and nodes: nested loops and many branches multiply; beyond it nothing is said

-- Modes: v value, f value or ], k name, K name or }, c colon, a after a value; n after an output, w after a word that an
-- output may go on.
local function scalar(mode, stack, token)
  if mode == "v" or mode == "f" then
    return (token.t == "out" and "n" or token.open and "w" or "a") .. stack
  end
  if (mode == "k" or mode == "K") and token.t ~= "word" then return "c" .. stack end
  if mode == "n" and token.glued or mode == "w" and token.t == "out" then return "n" .. stack end
end

local function closed(mode, stack, opener, empty)
  if sub(stack, -1) ~= opener or not (find(mode, "^[anw]") or mode == empty) then return nil end
  return "a" .. sub(stack, 1, -2)
end

local STEP = {
  str = scalar, word = scalar, out = scalar,
  space = function(mode, stack) return (find(mode, "^[nw]") and "a" or mode) .. stack end,
  ["{"] = function(mode, stack) return find(mode, "^[vf]") and "K" .. stack .. "{" end,
  ["["] = function(mode, stack) return find(mode, "^[vf]") and "f" .. stack .. "[" end,
  ["}"] = function(mode, stack) return closed(mode, stack, "{", "K") end,
  ["]"] = function(mode, stack) return closed(mode, stack, "[", "f") end,
  [":"] = function(mode, stack) return mode == "c" and "v" .. stack end,
  [","] = function(mode, stack)
    if not find(mode, "^[anw]") or stack == "" then return nil end
    return (sub(stack, -1) == "{" and "k" or "v") .. stack
  end,
}

local function is_word(s)
  return s == "true" or s == "false" or s == "null" or find(s, "^-?0$") or find(s, "^-?[1-9]%d*$")
    or find(s, "^-?%d+%.%d+$") and not find(s, "^-?0%d") or find(s, "^-?%d+%.?%d*[eE][+-]?%d+$") and not find(s, "^-?0%d")
end

-- Appends the tokens of a text outside strings, from `at` to `stop`. A word at its beginning or end may be part of one that
-- the node before (`before`) or behind it (`behind`) goes on with.
function json.tokens(list, node, at, stop, before, behind)
  local s = node.s
  while true do
    local from = find(s, "%S", at)
    if (from or #s + 1) > at then list[#list + 1] = { t = "space" } end
    if not from or from > stop then return end
    local _, last = find(s, "^[%w.+-]+", from)
    local token = { t = sub(s, from, from), at = from }
    if last then
      token.t, token.word, token.glued, token.open = "word", sub(s, from, last), before and from == 1, behind and last == #s
    end
    list[#list + 1] = token
    at = (last or from) + 1
  end
end

local function what_expected(state)
  local mode, top = sub(state, 1, 1), #state > 1 and sub(state, -1)
  if EXPECTED[mode] then return EXPECTED[mode] end
  return top and "',' or '" .. (top == "{" and "}" or "]") .. "'" or "the end"
end

local function found(token)
  if token.t == "str" then return "a string" end
  return token.t == "out" and "a value" or "'" .. (token.word or token.t) .. "'"
end

-- The states behind a token; none: `check` has the mistake.
local function step(check, states, node, token)
  local out, step_of, last = {}, STEP[token.t], nil
  local bad = not step_of or token.t == "word" and not (token.glued or token.open or is_word(token.word))
  for state in pairs(states) do
    check.steps = check.steps + 1
    local after = not bad and step_of(sub(state, 1, 1), sub(state, 2), token)
    if after then out[after] = true else last = state end
  end
  if next(out) or not last then return out end
  check.node, check.at = node, token.at or 1
  check.message = format("expected %s, found %s", what_expected(last), found(token))
end

local walk

local function merge(into, states)
  local grew = false
  for state in pairs(states) do
    grew = grew or not into[state]
    into[state] = true
  end
  return grew
end

local function walk_if(check, states, node)
  local out, alive = {}, false
  local function branch(body)
    local after = body and walk(check, states, body) or not body and states
    if after then
      merge(out, after)
      alive = true
    end
  end
  for _, clause in ipairs(node.clauses) do branch(clause.body) end
  branch(node.other)
  return alive and out
end

local function walk_for(check, states, node)
  local all, current = {}, states
  if not check.once then merge(all, states) end
  for _ = 1, ROUNDS do
    current = walk(check, current, node.body)
    if not current or not merge(all, current) then return next(all) and all end
  end
  check.unknown = true -- it opens ever more brackets
  return all
end

function walk(check, states, nodes)
  for _, node in ipairs(nodes) do
    check.steps = check.steps + 1
    check.unknown = check.unknown or check.steps > STEPS
    if check.unknown then return states end
    if node.k == "if" then
      states = walk_if(check, states, node)
    elseif node.k == "for" then
      states = walk_for(check, states, node)
    elseif node.tokens then
      for _, token in ipairs(node.tokens) do
        states = states and step(check, states, node, token)
      end
    elseif node.place == "json" then
      check.unknown = node.k == "out" and node.e.k == "call" and node.e.key == "raw"
      states = step(check, states, node, { t = "out" })
    end
    if not states then return nil end
  end
  return states
end

-- Appends the brackets that these nodes leave open, one way through them: {node =, at =, t =}.
local function left_open(nodes, list)
  for _, node in ipairs(nodes) do
    if node.k == "if" then
      left_open(node.clauses[1].body, list)
    elseif node.k == "for" then
      left_open(node.body, list)
    end
    for _, token in ipairs(node.tokens or {}) do
      if token.t == "{" or token.t == "[" then
        list[#list + 1] = { node = node, at = token.at, t = token.t }
      elseif token.t == "}" or token.t == "]" then
        list[#list] = nil
      end
    end
  end
  return list
end

-- What is missing where the text ends.
local function unfinished(nodes, state)
  local open = left_open(nodes, {})
  local bracket = find(state, "^[anw]") and open[#open]
  if bracket then return { node = bracket.node, at = bracket.at, message = format("the '%s' is not closed", bracket.t) } end
  local last = nodes[#nodes]
  return { node = last, at = last.s and #last.s + 1 or 1, message = format("expected %s, found the end", what_expected(state)) }
end

local function run(nodes, once)
  local check = { once = once, steps = 0 }
  local states = walk(check, { v = true }, nodes)
  if check.unknown then return nil end
  if not states then return check end
  local open
  for state in pairs(states) do
    if find(state, "^[anw]$") then return nil end
    open = open or state
  end
  return unfinished(nodes, open)
end

-- What keeps these nodes, whose places are known, from being JSON: {node =, at =, message =}, or nil.
function json.mistake(nodes)
  if #nodes == 0 then return nil end
  local why = run(nodes, false)
  if why then
    why.message = "this can never be JSON: " .. why.message
    return why
  end
  why = run(nodes, true)
  if why then why.message = "this is no JSON when the loops run: " .. why.message end
  return why
end

return json
