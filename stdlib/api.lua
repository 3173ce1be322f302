-- api: all that a script's author, and a person at the console, may call: the one table behind help(), the reference and the
-- stubs for editors. Its entries are in api/.

local concat, find, format, gsub, ipairs, match =
  table.concat, string.find, string.format, string.gsub, ipairs, string.match

local native = require "stdlib.native"
local mistakes = require "stdlib.mistakes"

local api = {}

-- The words, in the order in which people read of them; the tables and their fields.
api.words, api.tables = {}, require "stdlib.api.tables"
for _, part in ipairs { "script", "console" } do
  for _, entry in ipairs(require("stdlib.api." .. part)) do api.words[#api.words + 1] = entry end
end

-- What the groups are called.
api.groups = {
  { "definitions", "Definitions (scripts)" }, { "values", "Values (scripts)" }, { "data", "Data, time, log" },
  { "flows", "Steps of flows alone" }, { "steps", "Steps (flows and console)" }, { "look", "Looking (console)" },
  { "act", "Acting (console)" },
}

-- Whether an entry is for one of these places.
function api.is_for(entry, place)
  for _, known in ipairs(entry.where) do
    if known == place then return true end
  end
  return false
end

-- How an entry is written: 'call(webhook, data?)'; `brief`: where there is little room.
function api.form(entry, brief)
  if brief and entry.brief then return entry.brief end
  if entry.form then return entry.form end
  if entry.value then return entry.name end
  local names = {}
  for i, param in ipairs(entry.params) do names[i] = param[1] end
  return entry.name .. "(" .. concat(names, ", ") .. ")"
end

-- What a call of it gives: "response"; nil: nothing, or what says little.
function api.gives(entry)
  if #entry.returns == 0 or find(entry.returns[1], "^fun%(") then return nil end
  return concat(entry.returns, ", ")
end

-- The entry of a word; nil: there is none.
function api.find(name)
  for _, entry in ipairs(api.words) do
    if entry.name == name then return entry end
  end
end

function api.table(name)
  for _, t in ipairs(api.tables) do
    if t.name == name then return t end
  end
end

-- "webhook.retry": the field, and the table that has it.
function api.field(name)
  local owner, key = match(name, "^([%w_]+)%.([%w_]+)$")
  local t = owner and api.table(owner)
  for _, field in ipairs(t and t.fields or {}) do
    if field[1] == key then return field, t end
  end
end

-- Tables that have a field of this name: their names, "webhook.retry".
function api.owners(key)
  local out = {}
  for _, t in ipairs(api.tables) do
    for _, field in ipairs(t.fields) do
      if field[1] == key then out[#out + 1] = t.name .. "." .. key end
    end
  end
  return out
end

-- The entries that belong to a word that is a table: "json." has six.
function api.parts(name)
  local out = {}
  for _, entry in ipairs(api.words) do
    if match(entry.name, "^([%w_]+)%.") == name then out[#out + 1] = entry end
  end
  return out
end

-- All names that help() knows, sorted.
function api.names()
  local set = {}
  for _, entry in ipairs(api.words) do
    set[entry.name] = true
    set[gsub(entry.name, "%..*", "")] = true
  end
  for _, t in ipairs(api.tables) do
    set[t.name] = true
    for _, field in ipairs(t.fields) do
      if match(field[1], "^[%a_]") then set[t.name .. "." .. field[1]] = true end
    end
  end
  return mistakes.names(set)
end

-- The nearest known name, or nil.
function api.nearest(name)
  return native.nearest(name, api.names())
end

-- What a field holds without being given: "without it: 64".
function api.without(field)
  return field.required and "required" or field.default and format("without it: %s", field.default) or nil
end

return api
