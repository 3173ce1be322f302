-- complete: what could stand at the cursor. Values are looked at raw: no code of a script or of the person runs.

local concat, find, getmetatable, gsub, insert, ipairs, match, next, rawget, remove, sub, tonumber, type =
  table.concat, string.find, getmetatable, string.gsub, table.insert, ipairs, string.match, next, rawget, table.remove,
  string.sub, tonumber, type

local api = require "stdlib.api"
local mistakes = require "stdlib.mistakes"
local names = require "stdlib.console.names"
local pretty = require "stdlib.console.pretty"
local sandbox = require "stdlib.sandbox"
local scan = require "stdlib.console.scan"
local text = require "stdlib.text"
local words = require "stdlib.console.words"

local complete = {}

local KEYS_MAX, LEVELS_MAX = 5000, 20

-- --- what values have ---------------------------------------------------------------------------------------------

-- A field, `__index` followed only where it is a table.
local function field_of(v, key)
  for _ = 1, LEVELS_MAX do
    if type(v) == "string" then v = sandbox.env.string end
    if type(v) ~= "table" or text.is(v) then return nil end
    local found = rawget(v, key)
    if found ~= nil then return found end
    local meta = getmetatable(v)
    v = type(meta) == "table" and rawget(meta, "__index") or nil
  end
end

local function put_keys(out, v)
  local n = 0
  for key, inner in next, v do
    n = n + 1
    if n > KEYS_MAX then return end
    if type(key) == "string" and out[key] == nil then out[key] = inner end
  end
end

local LAZY = { response = api.table("response").fields } -- what objects make on first use

-- All fields by name.
local function fields_of(v)
  local out = {}
  for _ = 1, LEVELS_MAX do
    if type(v) == "string" then v = sandbox.env.string end
    if type(v) ~= "table" or text.is(v) then break end
    put_keys(out, v)
    local meta = getmetatable(v)
    for _, field in ipairs(type(meta) == "string" and LAZY[meta] or {}) do
      if out[field[1]] == nil then out[field[1]] = false end
    end
    v = type(meta) == "table" and rawget(meta, "__index") or nil
  end
  return out
end

-- --- what the text says -------------------------------------------------------------------------------------------

local function is_op(token, op)
  return token ~= nil and token.kind == "op" and token.text == op
end

-- The names that the text itself makes local.
local function locals_of(tokens)
  local out = {}
  for i, token in ipairs(tokens) do
    local before = tokens[i - 1]
    local opens = token.kind == "keyword" and (token.text == "local" or token.text == "for")
      or is_op(token, "(") and before and (before.text == "function" or tokens[i - 2] and tokens[i - 2].text == "function")
    local j = i + 1
    if opens and tokens[j] and tokens[j].text == "function" then j = j + 1 end
    while opens and tokens[j] and tokens[j].kind == "name" do
      out[tokens[j].text] = true
      j = is_op(tokens[j + 1], ",") and j + 2 or #tokens + 1
    end
  end
  return out
end

local function constant(token)
  if not token then return nil end
  if token.kind == "number" then return tonumber(token.text) end
  if token.kind == "string" then return match(token.text, "^[\"']([^\\\"']*)[\"']$") end
end

-- The value of the expression that ends at token `i`, where it is a name, a field, an element or a string.
local function value_at(s, tokens, i, hidden)
  local token = tokens[i]
  if not token then return nil end
  if token.kind == "string" then return token.text end
  if token.kind == "name" and is_op(tokens[i - 1], ".") then
    return field_of(value_at(s, tokens, i - 2, hidden), token.text)
  elseif token.kind == "name" and not is_op(tokens[i - 1], ":") then
    if hidden[token.text] then return nil end
    local v = rawget(s.env, token.text)
    if v == nil then v = names.root(token.text) end
    return v
  elseif is_op(token, "]") and is_op(tokens[i - 2], "[") then
    local key = constant(tokens[i - 1])
    return key ~= nil and field_of(value_at(s, tokens, i - 3, hidden), key) or nil
  elseif is_op(token, ")") and tokens[i - 1] and tokens[i - 1].kind == "string" and is_op(tokens[i - 2], "(")
    and not (tokens[i - 3] and tokens[i - 3].kind == "name") then
    return tokens[i - 1].text
  end
end

-- "runs.list" of the tokens that end at `i`.
local function dotted(tokens, i)
  local out = {}
  while tokens[i] and tokens[i].kind == "name" do
    insert(out, 1, tokens[i].text)
    if not is_op(tokens[i - 1], ".") then break end
    i = i - 2
  end
  return concat(out, ".")
end

local CLOSING, OPENING = { [")"] = true, ["]"] = true, ["}"] = true }, { ["("] = true, ["["] = true, ["{"] = true }

-- The word whose table is being written where token `i` ends: "deliveries".
local function word_of_table(tokens, i)
  local depth = 0
  while i >= 1 do
    local token = tokens[i]
    if token.kind == "op" and CLOSING[token.text] then depth = depth + 1 end
    if token.kind == "op" and OPENING[token.text] then
      if depth == 0 then break end
      depth = depth - 1
    end
    i = i - 1
  end
  if not is_op(tokens[i], "{") then return "" end
  if is_op(tokens[i - 1], "(") then i = i - 1 end
  return dotted(tokens, i - 1)
end

-- --- candidates ---------------------------------------------------------------------------------------------------

local function begins(name, prefix)
  return sub(name, 1, #prefix) == prefix
end

-- A name as it is inserted: functions with a parenthesis, closed where they take nothing.
local function item(name, v, after)
  if type(v) ~= "function" or begins(after, "(") then return name end
  local entry = api.find(names.of(v) or "")
  return name .. (entry and #entry.params == 0 and "()" or "(")
end

local function finished(found)
  local set = {}
  for _, s in ipairs(found) do set[s] = true end
  return mistakes.names(set)
end

local function field_items(v, prefix, methods, after)
  local out = {}
  for name, inner in next, fields_of(v) do
    if begins(name, prefix) and pretty.is_name(name) and (type(inner) == "function" or not methods) then
      out[#out + 1] = item(name, inner, after)
    end
  end
  return out
end

local function put_names(out, t, prefix, after, hidden)
  for name, v in next, t do
    if pretty.is_name(name) and begins(name, prefix) and not hidden[name] then out[#out + 1] = item(name, v, after) end
  end
end

local OFFERED = { "json", "log", "now", "uuid", "env", "require" } -- of what scripts have, without anything typed

-- What stands without anything typed: no words that only tell where they belong.
local function offered()
  local out = {}
  for name, v in next, words.all do
    if not words.NOT_HERE[name] then out[name] = v end
  end
  for _, name in ipairs(OFFERED) do
    if out[name] == nil then out[name] = rawget(sandbox.env, name) end
  end
  return out
end

-- Names where an expression or a statement begins. Without anything typed: the session's and words alone.
local function name_items(s, tokens, prefix, after)
  local out, hidden = {}, locals_of(tokens)
  for name in next, hidden do
    if begins(name, prefix) then out[#out + 1] = name end
  end
  put_names(out, s.env, prefix, after, hidden)
  for name in next, s.env do hidden[name] = true end
  put_names(out, prefix == "" and offered() or words.all, prefix, after, hidden)
  if prefix == "" then return out end
  for name in next, words.all do hidden[name] = true end
  put_names(out, sandbox.env, prefix, after, hidden)
  for word in next, pretty.KEYWORDS do
    if begins(word, prefix) then out[#out + 1] = word end
  end
  return out
end

local FILTERS = { deliveries = words.DELIVERY_FILTERS, runs = words.RUN_FILTERS, ["runs.list"] = words.RUN_FILTERS }

-- The names of filters, where one is being written.
local function filter_items(tokens, prefix)
  local last = tokens[#tokens]
  if not is_op(last, "{") and not is_op(last, ",") then return nil end
  local known = FILTERS[word_of_table(tokens, #tokens)]
  if not known then return nil end
  local out = {}
  for name in next, known do
    if begins(name, prefix) then out[#out + 1] = name .. " = " end
  end
  return out
end

local function help_items(prefix, after)
  local out = {}
  for _, entry in ipairs(api.words) do
    local root = gsub(entry.name, "%..*", "")
    if begins(root, prefix) then out[#out + 1] = root .. (begins(after, ")") and "" or ")") end
  end
  return out
end

local ENDS = { [")"] = true, ["]"] = true, ["}"] = true, ["..."] = true, ["end"] = true, ["nil"] = true, ["true"] = true,
  ["false"] = true }

-- Whether a name could begin behind these tokens, where none has been begun.
local function may_begin(tokens, before)
  local last = tokens[#tokens]
  if not last or find(sub(before, last.stop + 1), "\n", 1, true) then return true end
  return (last.kind == "op" or last.kind == "keyword") and not ENDS[last.text]
end

local function in_code(s, tokens, before, after)
  local last, prefix = tokens[#tokens], ""
  if last and last.stop == #before then
    if last.kind == "name" or last.kind == "keyword" then
      prefix = last.text
      remove(tokens)
    elseif last.kind == "number" then
      return #before, {}
    end
  end
  local from, op = #before - #prefix, tokens[#tokens]
  if is_op(op, ".") or is_op(op, ":") then
    local v = value_at(s, tokens, #tokens - 1, locals_of(tokens))
    return from, field_items(v, prefix, op.text == ":", after)
  end
  local word = tokens[#tokens - 1]
  if is_op(op, "(") and word and word.text == "help" then return from, help_items(prefix, after) end
  local filters = filter_items(tokens, prefix)
  if filters then return from, filters end
  if prefix == "" and not may_begin(tokens, before) then return from, {} end
  return from, name_items(s, tokens, prefix, after)
end

-- --- inside a string ----------------------------------------------------------------------------------------------

local function listed(what) return function() return names.list(what) end end

local function ids_of(kind)
  return function(s)
    local out = {}
    for id, known in next, s.ids do
      if known == kind then out[#out + 1] = id end
    end
    return out
  end
end

local webhooks, integrations, flows, events = listed "webhooks", listed "integrations", listed "flows", listed "events"
local deliveries, runs = ids_of "delivery", ids_of "run"

-- What the first argument of a word may be; `last`: no other needs to follow.
local ARGUMENTS = {
  call = { webhooks }, send = { webhooks }, preview = { webhooks }, emit = { events },
  trace = { webhooks, last = true }, deliveries = { webhooks, last = true }, pause = { integrations, last = true },
  resume = { integrations, last = true }, drain = { integrations, last = true }, runs = { flows, last = true },
  ["runs.list"] = { flows, last = true }, help = { api.names, last = true }, require = { sandbox.module_names, last = true },
  delivery = { deliveries, last = true }, resend = { deliveries, last = true }, ["runs.get"] = { runs, last = true },
  ["runs.cancel"] = { runs, last = true }, ["runs.resume"] = { runs, last = true }, ["runs.restart"] = { runs, last = true },
}

local VALUES = { webhook = webhooks, integration = integrations, flow = flows }
local STATES = { deliveries = words.DELIVERY_STATES, runs = words.RUN_STATES, ["runs.list"] = words.RUN_STATES }

-- The texts that may stand in a string that begins behind these tokens, and what closes them beside the quote.
local function texts_for(s, tokens)
  local n = #tokens
  local last, before = tokens[n], tokens[n - 1]
  if not last then return nil end
  if last.kind == "name" then
    local argument = ARGUMENTS[dotted(tokens, n)]
    return argument and argument[1](s), ""
  elseif is_op(last, "(") and before and before.kind == "name" then
    local argument = ARGUMENTS[dotted(tokens, n - 1)]
    return argument and argument[1](s), argument and argument.last and ")" or ""
  elseif is_op(last, "=") and before and before.kind == "name" then
    if before.text == "state" then return STATES[word_of_table(tokens, n - 2)], "" end
    return VALUES[before.text] and VALUES[before.text](s), ""
  elseif is_op(last, "[") then
    local keys = {}
    for key in next, fields_of(value_at(s, tokens, n - 1, locals_of(tokens))) do keys[#keys + 1] = key end
    return keys, "]"
  end
end

local function in_string(s, tokens, before, at, after)
  local quote, typed = sub(before, at, at), sub(before, at + 1)
  local texts, closing = texts_for(s, tokens)
  local out = {}
  for _, name in ipairs(not find(typed, "[\\%c]") and texts or {}) do
    if begins(name, typed) and not find(name, "[%c\\\"'\x80-\xFF]") then
      local closed = begins(after, quote) and "" or quote .. (begins(after, closing) and "" or closing)
      out[#out + 1] = name .. closed
    end
  end
  return at, out
end

-- What could stand before the cursor (a byte offset from 0): where it would begin, and the candidates.
function complete.at(s, code, cursor)
  names.forget()
  local before, after = sub(code, 1, cursor), sub(code, cursor + 1)
  local tokens, kind, at = scan.tokens(before)
  local from, found = cursor, {}
  if kind == "code" then from, found = in_code(s, tokens, before, after) end
  if kind == "string" then from, found = in_string(s, tokens, before, at, after) end
  return from, finished(found)
end

return complete
