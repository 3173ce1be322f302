-- template_words: `template` and `template_function`: the template language in the hands of scripts.

local concat, error, find, format, ipairs, lower, pcall, setmetatable, type =
  table.concat, error, string.find, string.format, ipairs, string.lower, pcall, setmetatable, type

local native = require "stdlib.native"
local build = require "stdlib.template.build"
local dsl = require "stdlib.dsl"
local functions = require "stdlib.template.functions"
local mistakes = require "stdlib.mistakes"
local source = require "stdlib.source"
local text = require "stdlib.text"
local null = native.json_null

local words = {}

local PLACES = { text = true, json = true, form = true, url = true, header = true, xml = true }
local OPTIONS = { as = true }

-- Whether templates can be rendered for this place.
function words.is_place(as)
  return PLACES[as] == true
end

-- A template from a text alone: {static =} or {render =}; or nil and its mistakes, "line:column: …", in order.
function words.compile(s, as, options)
  local found = {}
  local function report(origin, at, message)
    local line, column = origin:where(at)
    found[#found + 1] = { line = line, column = column, text = format("%d:%d: %s", line, column, message) }
  end
  local compiled = build.template(build.segments({ { text = s, origin = source.inline(s) } }, report), as, report, options)
  if #found == 0 then return compiled end
  table.sort(found, function(a, b) return a.line < b.line or a.line == b.line and a.column < b.column end)
  for i, mistake in ipairs(found) do found[i] = mistake.text end
  return nil, found
end

local compiled_of = setmetatable({}, { __mode = "k" })

local Template = { __metatable = "template", __name = "template" }

function Template.__tostring()
  return "template"
end

function Template.__newindex()
  error("a template cannot be changed", 2)
end

local function misuse(message, ...)
  error(format("template: " .. message, ...), 0)
end

local function check_options(options)
  if type(options) == "string" then options = { as = options } end
  if options ~= nil and type(options) ~= "table" then misuse("expected a table of options, found %s", dsl.kind(options)) end
  for key in pairs(options or {}) do
    if not OPTIONS[key] then misuse("unknown option '%s'; there is: as", tostring(key)) end
  end
  local as = options and options.as or "text"
  if not PLACES[as] then misuse("expected as = text, json, form, url, header or xml, found '%s'", tostring(as)) end
  return as
end

local function check_text(s)
  if text.is(s) then misuse "a secret cannot be in a text that scripts see" end
  if type(s) ~= "string" then misuse("expected a text, found %s", dsl.kind(s)) end
end

-- What a template gives for some data; the id is that of the request, which is thereby used.
local function rendered(compiled, data, request)
  if data ~= nil and data ~= null and type(data) ~= "table" then misuse("expected a table of data, found %s", dsl.kind(data)) end
  if compiled.static then return compiled.static end
  local id = compiled.has_key and type(request) == "table" and request.TransactionalId or nil
  if compiled.has_key and type(id) ~= "string" then
    misuse "it uses WebhookRequest.TransactionalId: give the body function's request behind the data"
  end
  local mark = native.mark()
  local ok, result = pcall(compiled.render, type(data) == "table" and data or {}, id)
  if ok then return result end
  native.take(mark) -- what it had written
  return error(result, 0)
end

local function compile(s, options)
  check_text(s)
  local compiled, found = words.compile(s, check_options(options), { methods = true, shown = true })
  if not compiled then misuse("%s", concat(found, "; ")) end
  return compiled
end

local methods = {}

-- t:render(data[, request]): the text. Raises where the data does not fit.
function methods.render(self, data, request)
  local compiled = compiled_of[self]
  if not compiled then misuse("expected a template, found %s", dsl.kind(self)) end
  return rendered(compiled, data, request)
end

Template.__index = methods

-- `template`, for scripts.
words.template = {
  -- template.compile(text[, options]): a template; options.as is the place, "text" by default. Raises all mistakes at once.
  compile = function(s, options)
    local t = setmetatable({}, Template)
    compiled_of[t] = compile(s, options)
    return t
  end,
  -- template.render(text or template, data[, options[, request]]): the text.
  render = function(t, data, options, request)
    return rendered(compiled_of[t] or compile(t, options), data, request)
  end,
}

-- template_function("name", f): templates can call f.
function words.template_function(name, f)
  local path, line = dsl.here()
  local function fail(message, ...)
    mistakes.add(path, line, nil, format("template_function: " .. message, ...))
  end
  dsl.only_while_loading "template_function"
  if type(name) ~= "string" or not find(name, "^[%a_][%w_]*$") then
    local found = type(name) == "string" and "'" .. name .. "'" or dsl.kind(name)
    return fail("expected a name of letters, digits and '_', found %s", found)
  end
  if type(f) ~= "function" then return fail("'%s': expected a function, found %s", name, dsl.kind(f)) end
  local known = functions.find(lower(name))
  if known then
    return fail("'%s' is %s already", name, known.custom and "defined at " .. known.custom or "a function of the language")
  end
  functions.add_custom(name, f, format("%s:%d", path, line))
end

return words
