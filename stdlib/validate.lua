-- validate: all definitions checked when all scripts are loaded, every mistake noted with its place.

local format, ipairs, pairs, sort, type = string.format, ipairs, pairs, table.sort, type

local native = require "stdlib.native"
local copy = require "stdlib.copy"
local dsl = require "stdlib.dsl"
local fields = require "stdlib.fields"
local headers = require "stdlib.headers"
local marks = require "stdlib.template.marks"
local mistakes = require "stdlib.mistakes"
local request = require "stdlib.request"
local source = require "stdlib.source"
local text = require "stdlib.text"
local look = native.look

local validate = {}

-- Notes a mistake at a field, under the definition that wrote the field.
local function fail(whole, path, message, ...)
  local def = whole.from[path[1]] or whole.def
  mistakes.add(def.path, source.line(def, path), nil, def.label .. ": " .. format(message, ...))
end

local function sorted_keys(t)
  local keys = {}
  local plain = true
  for key in pairs(t) do
    keys[#keys + 1] = key
    plain = plain and type(key) == "string"
  end
  if plain then
    sort(keys)
    return keys
  end
  sort(keys, function(a, b)
    if type(a) == type(b) and type(a) ~= "boolean" and type(a) ~= "table" then return a < b end
    return type(a) < type(b)
  end)
  return keys
end

local function unknown_field(whole, key, known)
  if type(key) ~= "string" then
    return fail(whole, { key }, "a value without a name; fields are written name = value")
  end
  local names = sorted_keys(known)
  local near = native.nearest(key, names)
  fail(whole, { key }, "unknown field '%s'%s", key, mistakes.hint(near, names))
end

local function check_fields(whole, known)
  local function note(path, ...) fail(whole, path, ...) end
  whole.ok = {}
  for _, key in ipairs(sorted_keys(whole.fields)) do
    local check = known[key]
    if not check then
      unknown_field(whole, key, known)
    else
      whole.ok[key] = check(note, whole.fields[key])
    end
  end
end

local function check_required(whole, required)
  for key, hint in pairs(required) do
    local v = whole.fields[key]
    if v == nil or v == "" or v == false then fail(whole, { key }, "'%s' is missing; write %s", key, hint) end
  end
end

local function check_headers(whole)
  whole.good_headers = headers.check(whole.headers, function(entry, message)
    local def = entry.def
    mistakes.add(def.path, source.line(def, { "headers", entry.name }), nil, def.label .. ": " .. message)
  end)
end

local function check(whole, kind)
  check_fields(whole, fields[kind])
  check_required(whole, fields.required[kind])
  if kind ~= "flow" then check_headers(whole) end
end

-- The definitions of one kind by name; a name given twice is told with both places.
local function by_name(definitions)
  local found, list = {}, {}
  for _, def in ipairs(definitions) do
    local before = found[def.name]
    if before then
      mistakes.add(def.path, def.line, nil,
        format("%s is defined twice; the first is at %s:%d", def.label, before.path, before.line))
    else
      found[def.name] = def
      list[#list + 1] = def
    end
  end
  sort(list, function(a, b) return a.name < b.name end)
  return found, list
end

local function unknown_integration(whole, name, known)
  local names = sorted_keys(known)
  local hint = #names == 0 and "; no integration is defined" or mistakes.hint(native.nearest(name, names))
  fail(whole, { "integration" }, "unknown integration '%s'%s", name, hint)
end

local function all_integrations(definitions)
  local _, list = by_name(definitions)
  local found, out = {}, {}
  for i, def in ipairs(list) do
    look()
    local whole = copy.resolve(def, {})
    check(whole, "integration")
    whole.root = request.root(whole)
    found[def.name], out[i] = whole, whole
  end
  return found, out
end

-- Stands in for an integration that is missing, so that the rest of its webhooks is checked too.
local NO_INTEGRATION = { def = { name = "?" }, ok = {}, good_headers = {} }

local function webhook(whole, integrations)
  check(whole, "webhook")
  local name = whole.ok.integration
  local integration = name and integrations[name]
  if name and name ~= "" and not integration then unknown_integration(whole, name, integrations) end
  return request.compile(whole, integration or NO_INTEGRATION)
end

-- The template of a `key`, compiled.
local function compile_key(whole)
  local value, def = whole.ok.key, whole.def
  if type(value) ~= "string" then return nil end
  return request.template(def, { "key" }, value, "text")
end

local function all_flows(definitions)
  local _, list = by_name(definitions)
  local out = {}
  for i, def in ipairs(list) do
    look()
    local whole = copy.resolve(def, {})
    check(whole, "flow")
    out[i] = { name = def.name, def = def, ok = whole.ok, on = whole.ok.on, run = whole.ok.run,
      key = compile_key(whole) or whole.ok.key }
  end
  return out
end

local function all_webhooks(definitions, integrations)
  local found, list = by_name(definitions)
  local out = {}
  for _, def in ipairs(list) do
    look()
    local whole = copy.resolve(def, found)
    if whole then out[#out + 1] = webhook(whole, integrations) end
  end
  return out
end

-- What to look at in the place of a table with a metatable; nil for what a script gave one.
local function inside(v)
  return marks.record(v) or text.is(v) and text.pieces(v) or native.json_is_array(v) and v or nil
end

-- Whether each is checked in no time, and without a function of a script being called.
local function are_small(definitions)
  for _, def in ipairs(definitions) do
    if not native.is_small(def.fields, inside) then return false end
  end
  return true
end

-- Checks everything: the integrations, the compiled webhooks, the flows (all sorted by name).
function validate.all()
  local integrations, webhooks, flows = dsl.definitions "integration", dsl.definitions "webhook", dsl.definitions "flow"
  if are_small(integrations) and are_small(webhooks) and are_small(flows) then
    native.unhook() -- the loops over definitions look at the clock
  end
  local found, list = all_integrations(integrations)
  return list, all_webhooks(webhooks, found), all_flows(flows)
end

return validate
