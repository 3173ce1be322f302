-- place: where in the result each output stands, found from the static text around it: inside a JSON string or outside, at
-- the beginning of a URL or behind it. What can never be valid JSON is found here too.

local concat, find, gsub, ipairs, match, sub = table.concat, string.find, string.gsub, ipairs, string.match, string.sub
local tonumber, type = tonumber, type

local native = require "stdlib.native"
local lexer = require "stdlib.template.lexer"
local fail = lexer.fail

local place = {}

local CLOSER = { ["}"] = "{", ["]"] = "[" }

local function open_bracket(state, c, node, at)
  if state.stack then
    state.stack = state.stack .. c
    state.opened[#state.stack] = { o = node.o, at = node.at + at - 1 }
  end
end

local function close_bracket(state, c, node, at)
  if not state.stack then return end
  local last = sub(state.stack, -1)
  if last ~= CLOSER[c] then
    fail(node.o, node.at + at - 1, last == "" and "this is not JSON: '%s' closes nothing"
      or "this is not JSON: '%s' closes '%s'", c, last)
  end
  state.stack = sub(state.stack, 1, -2)
end

-- Moves through static text: `state.quote` is the place of the open string, false outside; `stack` the open brackets.
local function walk_text(state, node)
  local s, at = node.s, 1
  while at do
    if state.quote then
      at = find(s, '["\\]', at)
      if not at then return end
      if sub(s, at, at) == '"' then state.quote = false else at = at + 1 end
      if at > #s then state.escape = true end
    else
      at = find(s, '["{}%[%]]', at)
      if not at then return end
      local c = sub(s, at, at)
      if c == '"' then
        state.quote = { o = node.o, at = node.at + at - 1 }
      elseif c == "{" or c == "[" then
        open_bracket(state, c, node, at)
      else
        close_bracket(state, c, node, at)
      end
    end
    at = at + 1
  end
end

local function fork(state)
  local opened = {}
  for i, o in ipairs(state.opened) do opened[i] = o end
  return { quote = state.quote, stack = state.stack, opened = opened }
end

-- Two ways to the same point must leave it in the same place.
local function join(node, a, b)
  if (a.quote and true) ~= (b.quote and true) then
    local what = node.k == "for" and "the body of this 'for' ends %s a JSON string, but begins %s one"
      or "the branches of this 'if' end in different places: one %s a JSON string, one %s"
    fail(node.o, node.at, what, b.quote and "inside" or "outside", a.quote and "inside" or "outside")
  end
  if a.stack ~= b.stack then a.stack = nil end
end

local walk

local function walk_if(state, node)
  local ends = {}
  for i, clause in ipairs(node.clauses) do
    ends[i] = fork(state)
    walk(ends[i], clause.body)
  end
  local last = fork(state)
  if node.other then walk(last, node.other) end
  for _, one in ipairs(ends) do join(node, last, one) end
  state.quote, state.stack, state.opened = last.quote, last.stack, last.opened
end

local function walk_for(state, node)
  local body = fork(state)
  walk(body, node.body)
  join(node, state, body)
end

local function walk_output(state, node)
  if state.escape then fail(node.o, node.at, "a value cannot follow a backslash") end
  node.place = state.quote and "json_string" or "json"
end

function walk(state, nodes)
  for _, node in ipairs(nodes) do
    if node.k == "text" then
      state.escape = nil
      walk_text(state, node)
    elseif node.k == "out" or node.k == "slot" then
      walk_output(state, node)
    elseif node.k == "if" then
      walk_if(state, node)
    elseif node.k == "for" then
      walk_for(state, node)
    end
  end
end

-- Whether a block is text and outputs only, each of which writes something whole.
local function plain(nodes)
  for _, node in ipairs(nodes) do
    if node.k == "out" then
      if node.e.k == "call" and node.e.key == "raw" then return false end
    elseif node.k ~= "text" and node.k ~= "slot" and node.k ~= "set" then
      return false
    end
  end
  return true
end

-- A text of the same form, with a sample for each value; `map` tells which node each stretch came from.
local function sample(nodes)
  local out, map, length = {}, {}, 0
  for i, node in ipairs(nodes) do
    local s = node.s
    if node.k == "set" then
      s = ""
    elseif node.k ~= "text" then
      local before, after = out[i - 1] or "", nodes[i + 1] and nodes[i + 1].s or ""
      local digits = find(before, "[%w.+-]$") or find(after, "^[%w.+-]")
      s = node.place == "json_string" and "x" or digits and "1" or '""'
    end
    map[i] = { from = length + 1, node = node }
    out[i], length = s, length + #s
  end
  return concat(out), map
end

-- The byte of a line and column (in characters) of a text.
local function offset_of(text, line, column)
  local at = 1
  for _ = 2, line do at = (find(text, "\n", at, true) or #text) + 1 end
  return utf8.offset(sub(text, at), column) and at + utf8.offset(sub(text, at), column) - 1 or at
end

local function check_sample(nodes)
  local text, map = sample(nodes)
  local value, why = native.json_decode(text)
  if value ~= nil then return end
  local line, column, message = match(why, "^line (%d+), column (%d+): (.*)$")
  local at, hit = offset_of(text, tonumber(line or 1), tonumber(column or 1)), map[1]
  for _, stretch in ipairs(map) do
    if stretch.from <= at then hit = stretch end
  end
  local node = hit.node
  local inside = node.k == "text" and at - hit.from or 0
  fail(node.o, node.at + inside, "this can never be JSON: %s", gsub(message or why, "%%", "%%%%"))
end

local function json(nodes)
  local state = { quote = false, stack = "", opened = {} }
  walk(state, nodes)
  if state.quote then
    fail(state.quote.o, state.quote.at, "this can never be JSON: the string is not closed")
  end
  if state.stack and state.stack ~= "" then
    local open = state.opened[#state.stack]
    fail(open.o, open.at, "this can never be JSON: the '%s' is not closed", sub(state.stack, -1))
  end
  if #nodes > 0 and plain(nodes) then check_sample(nodes) end
end

-- All outputs of these nodes at one place; the first thing of a URL at another.
local function set_all(nodes, kind, start)
  for _, node in ipairs(nodes) do
    if node.k == "text" then
      start = nil
    elseif node.k == "out" or node.k == "slot" then
      node.place = start or kind
      start = nil
    elseif node.k == "if" then
      for _, clause in ipairs(node.clauses) do set_all(clause.body, kind, start) end
      if type(node.other) == "table" then set_all(node.other, kind, start) end
      start = nil
    elseif node.k == "for" then
      set_all(node.body, kind, start)
      start = nil
    end
  end
end

-- Sets `place` of every output and slot of a template of this kind: "text", "json", "json_string" (inside of one), "form",
-- "url", "header" or "xml".
function place.assign(nodes, kind)
  if kind == "json" then return json(nodes) end
  return set_all(nodes, kind, kind == "url" and "url_start" or nil)
end

return place
