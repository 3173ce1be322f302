-- response: an answer as scripts see it, and the variables that are read from it: paths into its JSON, or a function.

local find, format, gmatch, ipairs, lower, match, next, pairs, sub =
  string.find, string.format, string.gmatch, ipairs, string.lower, string.match, next, pairs, string.sub
local concat, error, pcall, rawget, setmetatable, sort, tostring, type =
  table.concat, error, pcall, rawget, setmetatable, table.sort, tostring, type

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"
local paths = require "stdlib.paths"

local response = {}

-- --- the object -----------------------------------------------------------------------------------------------------

-- Lower-case name -> list of values.
local function parse_headers(lines)
  local values = {}
  for line in gmatch(lines, "[^\n]+") do
    local name, value = match(line, "^([^:]+):%s*(.*)")
    if name then
      local key = lower(name)
      local list = values[key] or {}
      values[key], list[#list + 1] = list, match(value, ".*%S") or ""
    end
  end
  return values
end

local Headers = { __metatable = "headers" }

-- Names are kept in lower case; in any other case they are found here.
function Headers.__index(t, key)
  return type(key) == "string" and rawget(t, lower(key)) or nil
end

local function joined(values)
  local headers = {}
  for key, list in next, values do headers[key] = concat(list, ", ") end
  return setmetatable(headers, Headers)
end

-- The charset of a Content-Type (RFC 9110 section 8.3.2), in lower case.
local function charset_of(values)
  local list = values["content-type"]
  for name, value in gmatch(list and list[1] or "", ';%s*([^%s=;]+)=("?[^;]*)') do
    if lower(name) == "charset" then
      local charset = match(value, '^"([^"]*)') or match(value, "^%S*")
      return charset ~= "" and lower(charset) or nil
    end
  end
end

local function text_of(res)
  return res.charset and native.to_utf8(res.body, res.charset) or res.body
end

-- The JSON of an answer; nil and why there is none. Some servers put the mark of UTF-8 in front, which JSON has not (RFC 8259
-- section 8.1).
local function json_of(res)
  local known = rawget(res, "json")
  if known ~= nil then return known end
  if res.truncated then return nil, "the response was cut at 256 KiB, so its JSON is not whole" end
  local text = res.text
  if find(text, "^\xEF\xBB\xBF") then text = sub(text, 4) end
  local v, why = native.json_decode(text)
  if v == nil then return nil, "the response is not JSON: " .. why end
  res.json = v
  return v
end

-- Each value of a header that may be repeated.
local function all_of(values, name)
  local out = {}
  if type(name) ~= "string" then error("res:all: expected the name of a header, found " .. dsl.kind(name), 3) end
  for i, value in ipairs(values[lower(name)] or {}) do out[i] = value end
  return out
end

-- What is made on first use, by the name of the field; each gets the response and its header values.
local made = {}

function made.headers(_, values) return joined(values) end
function made.charset(_, values) return charset_of(values) end
function made.text(res) return text_of(res) end
function made.all(_, values)
  return function(_, name) return all_of(values, name) end
end
function made.json(res)
  local v, why = json_of(res)
  if v == nil then error(why, 3) end
  return v
end

-- An answer: `lines` are its headers, "Name: value\n" each; a status of 0: there was none. Most are looked at for their
-- status alone, so the rest is made when it is asked for.
function response.new(status, lines, body, truncated)
  local values
  local res = { ok = status >= 200 and status <= 299, status = status, body = body, truncated = truncated == true }
  local function index(self, key)
    local make = made[key]
    if not make then return nil end
    if key == "charset" and not find(lines, ";", 1, true) then return nil end -- no header has a parameter
    if not values and key ~= "text" and key ~= "json" then values = parse_headers(lines) end
    local v = make(self, values)
    if v ~= nil and key ~= "all" then self[key] = v end
    return v
  end
  return setmetatable(res, { __metatable = "response", __index = index })
end

-- --- the mapping ----------------------------------------------------------------------------------------------------

local function read_paths(v, fail)
  local map, names = {}, {}
  for name, path in pairs(v) do
    if type(name) ~= "string" or not find(name, "^[%a_][%w_]*$") then
      fail({ "response", name }, "response: bad name of a variable '%s'; letters, digits and '_'", tostring(name))
    elseif type(path) ~= "string" then
      fail({ "response", name }, "response.%s: expected a path such as \"data[0].id\", found %s", name, dsl.kind(path))
    else
      local parsed, rest = paths.parse(path)
      if parsed then
        map[name], names[#names + 1] = parsed, name
      else
        fail({ "response", name }, "response.%s: bad path '%s'%s; write names, [0] and [*], as in data[0].id", name, path,
          rest ~= "" and rest ~= path and format(" at '%s'", rest) or "")
      end
    end
  end
  sort(names)
  return { paths = map, names = names }
end

-- Reads a `response` field: a mapping for response.vars(), or nil. Its `label` is to be set: whose it is.
function response.compile(v, fail)
  if type(v) == "function" then return { call = v } end
  if type(v) ~= "table" then
    return fail({ "response" }, "response: expected a table of paths or a function, found %s", dsl.kind(v))
  end
  return read_paths(v, fail)
end

-- The table a function makes is written as JSON and read again: only what JSON can say goes on.
local function by_function(mapping, res)
  local ok, vars = native.protected(mapping.call, res)
  if not ok then return nil, type(vars) == "string" and vars or "the response function failed" end
  if vars == nil then return nil end
  if type(vars) ~= "table" then return nil, "the response function returned " .. dsl.kind(vars) .. ", not a table" end
  local encoded, text = pcall(native.json_encode, vars)
  if not encoded then return nil, "the response function: " .. mistakes.plain(text) end
  return native.json_decode(text)
end

local function by_paths(mapping, res)
  local v, why = json_of(res)
  if v == nil then return nil, why end
  local vars = {}
  for _, name in ipairs(mapping.names) do
    vars[name], why = paths.read(v, mapping.paths[name])
    if vars[name] == nil then return nil, format("%s: response.%s: %s", mapping.label or "webhook", name, why) end
  end
  return vars
end

-- The variables of an answer, a table; nil without any; nil and a message when they cannot be had.
function response.vars_of(mapping, res)
  if not mapping then return nil end
  if mapping.call then return by_function(mapping, res) end
  if next(mapping.paths) == nil then return nil end
  return by_paths(mapping, res)
end

-- The same as JSON text.
function response.vars(mapping, res)
  local vars, why = response.vars_of(mapping, res)
  if vars ~= nil then return native.json_encode(vars) end
  if why then return nil, why end
  return nil
end

return response
