-- copy: what `copy "name" {changes}` stands for: the named webhook's fields, some replaced; headers merged name by name.
-- Resolved when all scripts are loaded, so the order of the files does not matter.

local format, ipairs, lower, pairs, type = string.format, ipairs, string.lower, pairs, type

local native = require "stdlib.native"
local mistakes = require "stdlib.mistakes"

local copy = {}

local function fail(def, message, ...)
  mistakes.add(def.path, def.line, nil, format("%s: " .. message, def.label, ...))
end

-- A definition's own fields, each with the definition that wrote it.
local function own(def)
  local fields, from = {}, {}
  for key, v in pairs(def.fields) do
    fields[key], from[key] = v, def
  end
  local headers = {}
  if type(fields.headers) == "table" then
    for name, v in pairs(fields.headers) do headers[#headers + 1] = { name = name, value = v, def = def } end
  end
  return { def = def, fields = fields, from = from, headers = headers }
end

local function merge_headers(base, changes)
  local changed, merged = {}, {}
  for _, h in ipairs(changes) do
    changed[lower(h.name .. "")] = true
    merged[#merged + 1] = h
  end
  for _, h in ipairs(base) do
    if not changed[lower(h.name .. "")] then merged[#merged + 1] = h end
  end
  return merged
end

local function merge(base, changes)
  local fields, from = {}, {}
  for key, v in pairs(base.fields) do fields[key], from[key] = v, base.from[key] end
  for key, v in pairs(changes.fields) do fields[key], from[key] = v, changes.def end
  return {
    def = changes.def, fields = fields, from = from, headers = merge_headers(base.headers, changes.headers),
    inherited = base,
  }
end

local function names_of(by_name)
  local names = {}
  for name in pairs(by_name) do names[#names + 1] = name end
  return names
end

local function unknown(def, by_name)
  local near = native.nearest(def.base, names_of(by_name))
  fail(def, "copy of the unknown webhook '%s'%s", def.base, mistakes.hint(near))
end

-- The whole of a definition: {def, fields, from = {field = definition}, headers = {{name, value, def}}}; nil when what it copies
-- cannot be had (told once).
function copy.resolve(def, by_name)
  if def.whole ~= nil then return def.whole or nil end
  if not def.base then
    def.whole = own(def)
    return def.whole
  end
  if def.resolving then
    fail(def, "copies itself, by way of '%s'", def.base)
    return nil
  end
  def.resolving = true
  local base = by_name[def.base]
  if not base then unknown(def, by_name) end
  local whole = base and copy.resolve(base, by_name)
  def.resolving = nil
  if def.whole == nil then def.whole = whole and merge(whole, own(def)) or false end
  return def.whole or nil
end

return copy
