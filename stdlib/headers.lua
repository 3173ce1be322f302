-- headers: the rules of header names and values, and what a webhook inherits from its integration.

local find, format, ipairs, lower, match, sort, type =
  string.find, string.format, ipairs, string.lower, string.match, table.sort, type

local dsl = require "stdlib.dsl"
local text = require "stdlib.text"

local headers = {}

local SET_BY_US = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true }

local function name_mistake(name)
  if type(name) ~= "string" then return "a header is written [\"Name\"] = value" end
  if not find(name, "^[%w!#$%%&'*+.^_`|~-]+$") then
    return format("bad header name '%s'; letters, digits and '-', no spaces or ':'", name)
  end
  if SET_BY_US[lower(name)] then return format("header '%s' is set by anzol itself", name) end
end

local function value_mistake(name, value)
  local kind = type(value)
  if value == false or kind == "number" then return nil end
  if kind == "string" or text.is(value) then
    for _, piece in ipairs(text.pieces(value)) do
      if type(piece) == "string" and find(piece, "[\r\n\0]") then
        return format("header '%s' holds a line break; a header cannot", name)
      end
    end
    return nil
  end
  return format("header '%s': expected a string, a secret or false, found %s", name, dsl.kind(value))
end

-- Checks the entries {name, value, def} of one table; `fail(entry, message)` hears of mistakes. Returns the good ones.
function headers.check(entries, fail)
  local good, seen = {}, {}
  local sorted = { table.unpack(entries) }
  sort(sorted, function(a, b) return type(a.name) == type(b.name) and a.name < b.name end)
  for _, entry in ipairs(sorted) do
    local why = name_mistake(entry.name) or value_mistake(entry.name, entry.value)
    local key = type(entry.name) == "string" and lower(entry.name)
    if not why and seen[key] then
      why = format("header '%s' is given twice, also as '%s'", entry.name, seen[key])
    end
    if why then
      fail(entry, why)
    else
      seen[key] = entry.name
      good[#good + 1] = entry
    end
  end
  return good
end

local function put(by_key, entry, from)
  local key = lower(entry.name)
  local overridden = by_key[key]
  by_key[key] = {
    key = key, name = entry.name, value = entry.value, def = entry.def, from = from,
    overrides = overridden ~= nil and overridden.value ~= false or nil,
  }
end

-- The headers of a webhook, sorted by name: {key, name, value, def, from, overrides}; the names that it deselects; and its
-- entries that are false where nothing is inherited.
function headers.merge(inherited, own)
  local by_key, list, deselected, idle = {}, {}, {}, {}
  for _, entry in ipairs(inherited) do put(by_key, entry, "integration") end
  for _, entry in ipairs(own) do
    local before = by_key[lower(entry.name)]
    if entry.value ~= false or before and before.value ~= false or lower(entry.name) == "content-type" then
      put(by_key, entry, "webhook")
    else
      idle[#idle + 1] = entry
    end
  end
  for _, header in next, by_key do
    if header.value ~= false then
      list[#list + 1] = header
    elseif header.from == "webhook" then
      deselected[#deselected + 1] = header.name
    end
  end
  sort(list, function(a, b) return a.key < b.key end)
  sort(deselected)
  return list, deselected, idle
end

-- The kind of place a body is, from its Content-Type: "json", "form", "xml" or "text".
function headers.body_kind(content_type)
  local media = lower(match(content_type or "", "^%s*([^;%s]*)") or "")
  if media == "application/json" or media == "text/json" or find(media, "%+json$") then return "json" end
  if media == "application/x-www-form-urlencoded" then return "form" end
  if find(media, "/xml$") or find(media, "%+xml$") or media == "text/html" then return "xml" end
  return "text"
end

return headers
