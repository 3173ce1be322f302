-- place: where in the result each output stands, found from the static text around it: inside a JSON string or outside, at
-- the beginning of a URL or behind it.

local find, format, ipairs, match, sub, type = string.find, string.format, ipairs, string.match, string.sub, type

local utf8_valid = require("stdlib.native").utf8_valid
local json = require "stdlib.template.json"

local place = {}

local walk

local function unsound(state, ...)
  state.report(...)
  state.sound = false
end

-- What a JSON string cannot hold as it stands.
local function string_mistake(s, at)
  if sub(s, at, at) ~= "\\" then
    return not find(s, "^[ -\255]", at) and "a string holds no line break or control character as it is; write \\n or \\u…"
  end
  if at == #s or find(s, '^["\\/bfnrt]', at + 1) or find(s, "^u%x%x%x%x", at + 1) then return nil end
  return format("'%s' is no escape", match(s, "^\\[^\128-\191][\128-\191]*", at) or "\\")
end

-- Moves through static text: `state.quote` is the opening of the string it is in, false outside; `escape` tells that a
-- backslash is the last thing. The tokens are for json.mistake().
local function walk_text(state, node, before, behind)
  local s, at, tokens = node.s, 1, {}
  node.tokens = tokens
  while at <= #s do
    if state.quote then
      at = find(s, '["\\\0-\31]', at)
      if not at then return end
      local why = sub(s, at, at) ~= '"' and string_mistake(s, at)
      if why then unsound(state, node.o, node.at + at - 1, "this can never be JSON: " .. why) end
      if sub(s, at, at) == '"' then
        state.quote = false
      elseif sub(s, at, at) == "\\" then
        at = at + 1
        state.escape = at > #s
      end
      at = at + 1
    else
      local quote = find(s, '"', at, true)
      json.tokens(tokens, node, at, (quote or #s + 1) - 1, before, behind)
      if not quote then return end
      tokens[#tokens + 1] = { t = "str", at = quote }
      state.quote = { o = node.o, at = node.at + quote - 1 }
      at = quote + 1
    end
  end
end

-- Two ways to the same point must leave it in the same place.
local function join(state, node, a, b)
  if (a and true) == (b and true) then return end
  local what = node.k == "for" and "the body of this 'for' ends %s a JSON string, but begins %s one"
    or "the branches of this 'if' end in different places: one %s a JSON string, one %s"
  unsound(state, node.o, node.at, format(what, b and "inside" or "outside", a and "inside" or "outside"))
end

local function walk_if(state, node)
  local begin, ends = state.quote, {}
  for i, clause in ipairs(node.clauses) do
    state.quote = begin
    walk(state, clause.body)
    ends[i] = state.quote
  end
  state.quote = begin
  if node.other then walk(state, node.other) end
  for _, one in ipairs(ends) do join(state, node, state.quote, one) end
end

local function walk_for(state, node)
  local begin = state.quote
  walk(state, node.body)
  join(state, node, begin, state.quote)
  state.quote = begin
end

local function walk_output(state, node)
  if state.escape then
    unsound(state, node.o, node.at, "a value cannot follow a backslash")
    state.escape = false
  end
  node.place = state.quote and "json_string" or "json"
end

function walk(state, nodes)
  for i, node in ipairs(nodes) do
    if node.k == "text" then
      state.escape = false
      if not utf8_valid(node.s) then unsound(state, node.o, node.at, "this can never be JSON: it is not valid UTF-8") end
      walk_text(state, node, nodes[i - 1] ~= nil, nodes[i + 1] ~= nil)
    elseif node.k == "out" or node.k == "slot" then
      walk_output(state, node)
    elseif node.k == "if" then
      walk_if(state, node)
    elseif node.k == "for" then
      walk_for(state, node)
    end
  end
end

local function assign_json(nodes, report, sound)
  local state = { quote = false, escape = false, sound = sound, report = report }
  walk(state, nodes)
  if state.quote and state.sound then
    report(state.quote.o, state.quote.at, "this can never be JSON: the string is not closed")
    return
  end
  local mistake = state.sound and json.mistake(nodes)
  if mistake then
    local node = mistake.node
    report(node.o, node.at + mistake.at - 1, mistake.message)
  end
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
-- "url", "header" or "xml"; tells `report` what is wrong with the places. `sound`: nothing is wrong yet, so that it can be
-- told whether this can be JSON.
function place.assign(nodes, kind, report, sound)
  if kind == "json" then return assign_json(nodes, report, sound) end
  return set_all(nodes, kind, kind == "url" and "url_start" or nil)
end

return place
