-- response: variables out of a response: paths into its JSON ("data[0].id", "items[*].sku"), or a function of the script.

local find, format, gmatch, ipairs, lower, match, next, pairs, sub =
  string.find, string.format, string.gmatch, ipairs, string.lower, string.match, next, pairs, string.sub
local error, pcall, rawget, setmetatable, sort, tonumber, tostring, type =
  error, pcall, rawget, setmetatable, table.sort, tonumber, tostring, type

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"
local null = native.json_null

local response = {}

-- One step of a path at byte `at`: a name, an index from 1, or "*" in a table; and the position behind it.
local function step(path, at)
  local name, behind = match(path, "^%.?([^.%[%]%s*]+)()", at)
  if name and (at == 1) == (sub(path, at, at) ~= ".") then return name, behind end
  local index
  index, behind = match(path, "^%[(%d+)%]()", at)
  if index then return tonumber(index) + 1, behind end
  behind = match(path, "^%[%*%]()", at)
  if behind then return { "*" }, behind end
end

-- The steps of a path; nil and the rest that is not understood.
local function parse(path)
  local steps, at = {}, 1
  while at <= #path do
    local s, behind = step(path, at)
    if not s then return nil, sub(path, at) end
    steps[#steps + 1], at = s, behind
  end
  return steps
end

local function walk(v, steps, from)
  for i = from, #steps do
    if type(v) ~= "table" then return nil end
    local s = steps[i]
    if type(s) == "table" then
      local out = native.json_array {}
      for j, element in ipairs(v) do
        local found = walk(element, steps, i + 1)
        if found == nil then found = null end
        out[j] = found
      end
      return out
    end
    v = v[s]
  end
  return v
end

local function read_paths(v, fail)
  local map, names = {}, {}
  for name, path in pairs(v) do
    if type(name) ~= "string" or not find(name, "^[%a_][%w_]*$") then
      fail({ "response", name }, "response: bad name of a variable '%s'; letters, digits and '_'", tostring(name))
    elseif type(path) ~= "string" then
      fail({ "response", name }, "response.%s: expected a path such as \"data[0].id\", found %s", name, dsl.kind(path))
    else
      local steps, rest = parse(path)
      if steps and #steps > 0 then
        map[name], names[#names + 1] = steps, name
      else
        fail({ "response", name }, "response.%s: bad path '%s'%s; write names, [0] and [*], as in data[0].id", name, path,
          rest and rest ~= path and format(" at '%s'", rest) or "")
      end
    end
  end
  sort(names)
  return { paths = map, names = names }
end

-- Reads a `response` field: a mapping for response.vars(), or nil.
function response.compile(v, fail)
  if type(v) == "function" then return { call = v } end
  if type(v) ~= "table" then
    return fail({ "response" }, "response: expected a table of paths or a function, found %s", dsl.kind(v))
  end
  return read_paths(v, fail)
end

local function parse_headers(lines)
  local headers = {}
  for line in gmatch(lines, "[^\n]+") do
    local name, value = match(line, "^([^:]+):%s*(.*)")
    if name then
      local key = lower(name)
      value = match(value, ".*%S") or ""
      headers[key] = headers[key] and headers[key] .. ", " .. value or value
    end
  end
  local case = {}
  function case.__index(t, key)
    return type(key) == "string" and rawget(t, lower(key)) or nil
  end
  return setmetatable(headers, case)
end

local Response = {}

-- `json` is decoded on first use.
function Response.__index(res, key)
  if key ~= "json" then return nil end
  local v, why = native.json_decode(res.body)
  if v == nil then error("the response is not JSON: " .. why, 2) end
  res.json = v
  return v
end

local function by_function(mapping, status, headers, body)
  local res = { ok = status >= 200 and status <= 299, status = status, headers = parse_headers(headers), body = body }
  local ok, vars = native.protected(mapping.call, setmetatable(res, Response))
  if not ok then return nil, type(vars) == "string" and vars or "the response function failed" end
  if vars == nil then return nil end
  if type(vars) ~= "table" then return nil, "the response function returned " .. dsl.kind(vars) .. ", not a table" end
  local encoded, text = pcall(native.json_encode, vars)
  if not encoded then return nil, "the response function: " .. mistakes.plain(text) end
  return text
end

local function by_paths(mapping, body)
  local v, why = native.json_decode(body)
  if v == nil then return nil, "the response is not JSON: " .. why end
  local vars = {}
  for _, name in ipairs(mapping.names) do
    local found = walk(v, mapping.paths[name], 1)
    if found == nil then found = null end
    vars[name] = found
  end
  return native.json_encode(vars)
end

-- The variables as JSON text; nil without any; nil and a message when they cannot be had.
function response.vars(mapping, status, headers, body)
  if not mapping then return nil end
  if mapping.call then return by_function(mapping, status, headers, body) end
  if next(mapping.paths) == nil then return nil end
  return by_paths(mapping, body)
end

return response
