-- escape: values at their places. The writing itself is native (writer); here are texts that expressions need, and what is
-- wrong with a value that its place cannot take.

local math_type, type = math.type, type

local native = require "stdlib.native"
local runtime = require "stdlib.template.runtime"
local null, json_number = native.json_null, native.json_number
local fail, kind, quoted, src = runtime.fail, runtime.kind, runtime.quoted, runtime.src

local escape = {}

local function number(v, p)
  if math_type(v) == "integer" then return v end
  if v - v ~= 0 then return fail(p, "%s is not a finite number", quoted(p)) end
  return json_number(v)
end

local function no_text(v, p)
  if v == nil or v == null then return fail(p, "%s is null", quoted(p)) end
  return fail(p, "%s is %s, which has no text; write json(%s)", quoted(p), kind(v), src(p))
end

-- A value as text: a string, or an integer, which joins like one.
function escape.text(v, p)
  if type(v) == "string" then return v end
  if type(v) == "number" then return number(v, p) end
  if v == true then return "True" end
  return v == false and "False" or no_text(v, p)
end

-- The same with JSON's booleans: for `&` in JSON bodies.
function escape.json_text(v, p)
  if v == true then return "true" end
  return v == false and "false" or escape.text(v, p)
end

local STRING = {
  json = "%s is not valid UTF-8",
  json_string = "%s is not valid UTF-8",
  url_start = "%s holds white space or a control character; it begins the URL",
  header = "%s holds a line break; a header cannot",
}

-- Raises why a value cannot be written at a place.
function escape.refuse(place, v, p)
  if type(v) == "string" then return fail(p, STRING[place], quoted(p)) end
  if type(v) == "number" then return fail(p, "%s is not a finite number", quoted(p)) end
  if type(v) == "table" then return no_text(v, p) end
  return v ~= nil and v ~= null and fail(p, "%s is %s, which cannot be written", quoted(p), kind(v)) or no_text(v, p)
end

-- How the core writes a secret at a place.
escape.slot = {
  text = "raw", json = "json", json_string = "json", url = "url", url_start = "raw", form = "url", header = "header",
  xml = "xml",
}

return escape
