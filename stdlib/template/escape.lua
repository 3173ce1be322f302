-- escape: a value written at its place: escape.KIND(v, p) gives a string, or an integer that joins like one.

local find, gsub, math_type, type = string.find, string.gsub, math.type, type

local native = require "stdlib.native"
local runtime = require "stdlib.template.runtime"
local null = native.json_null
local json_escape, json_encode, json_number = native.json_escape, native.json_encode, native.json_number
local percent_encode, utf8_valid = native.percent_encode, native.utf8_valid
local fail, finite, kind = runtime.fail, runtime.finite, runtime.kind

local escape = {}

local function number(v, p)
  if math_type(v) == "integer" then return v end
  return json_number(finite(v, p))
end

-- A value that is no string, as text.
local function scalar(v, p, yes, no)
  if type(v) == "number" then return number(v, p) end
  if v == true then return yes end
  if v == false then return no end
  if v == nil or v == null then return fail(p, "'%s' is null", p.src) end
  return fail(p, "'%s' is %s, which has no text; write json(%s)", p.src, kind(v), p.src)
end

local function not_utf8(p)
  return fail(p, "'%s' is not valid UTF-8", p.src)
end

-- As it is.
function escape.text(v, p)
  if type(v) == "string" then return v end
  return scalar(v, p, "True", "False")
end
local text = escape.text

-- As it is, with JSON's booleans: for `raw` and `&` in JSON bodies.
function escape.json_text(v, p)
  if type(v) == "string" then return v end
  return scalar(v, p, "true", "false")
end

-- Inside a JSON string literal.
function escape.json_string(v, p)
  if type(v) == "string" then return json_escape(v) or not_utf8(p) end
  return scalar(v, p, "true", "false")
end

-- A JSON value.
function escape.json(v, p)
  local t = type(v)
  if t == "string" then return '"' .. (json_escape(v) or not_utf8(p)) .. '"' end
  if t == "number" then return number(v, p) end
  if v == nil or v == null then return "null" end
  if t == "boolean" then return v and "true" or "false" end
  return json_encode(v)
end

-- Percent-encoded.
function escape.url(v, p)
  if math_type(v) == "integer" then return v end
  return percent_encode(text(v, p))
end

escape.form = escape.url

-- A URL, or the beginning of one: taken as it is, but no white space or control character gets through.
function escape.url_start(v, p)
  local s = text(v, p)
  if find(s, "[%c ]") then return fail(p, "'%s' holds white space or a control character; it begins the URL", p.src) end
  return s
end

-- In a header: nothing that could begin another one.
function escape.header(v, p)
  local s = text(v, p)
  if find(s, "[\r\n\0]") then return fail(p, "'%s' holds a line break; a header cannot", p.src) end
  return s
end

local XML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- Text or an attribute of XML and HTML.
function escape.xml(v, p)
  return (gsub(text(v, p), "[&<>\"']", XML))
end

-- How the core writes a secret at a place.
escape.slot = {
  text = "raw", json = "json", json_string = "json", url = "url", url_start = "raw", form = "url", header = "header",
  xml = "xml",
}

-- Whether a string can be part of a JSON text at all.
escape.utf8_valid = utf8_valid

return escape
