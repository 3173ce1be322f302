-- A small JSON for the specs, with the rules of the seam: 64-bit integers, null, marked arrays, sorted keys.

local json = {}

local cjson = require "cjson"

json.null = cjson.null

local Array = { __metatable = "array" }
local is_marked = setmetatable({}, { __mode = "k" })

function json.array(t)
  is_marked[t] = true
  return setmetatable(t, Array)
end

function json.is_array(t)
  return type(t) == "table" and is_marked[t] == true
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t" }

function json.escape(s)
  if not utf8.len(s) then return nil end
  return (string.gsub(s, '[%c"\\]', function(c)
    return ESCAPES[c] or c ~= "\127" and string.format("\\u%04x", string.byte(c)) or c
  end))
end

function json.number(n)
  assert(n - n == 0, "not a finite number")
  if math.type(n) == "integer" then return tostring(n) end
  for digits = 15, 17 do
    local s = string.format("%." .. digits .. "g", n)
    if tonumber(s) == n then return string.find(s, "[.e]") and s or s .. ".0" end
  end
end

local encode

local function encode_table(t)
  local out = {}
  if json.is_array(t) or #t > 0 then
    for i, v in ipairs(t) do out[i] = encode(v) end
    return "[" .. table.concat(out, ",") .. "]"
  end
  local keys = {}
  for key in pairs(t) do
    if type(key) ~= "string" then error("cannot encode a table with mixed keys", 0) end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do out[i] = '"' .. json.escape(key) .. '":' .. encode(t[key]) end
  return "{" .. table.concat(out, ",") .. "}"
end

function encode(v)
  local t = type(v)
  if v == json.null or v == nil then return "null" end
  if t == "string" then return '"' .. (json.escape(v) or error("not UTF-8", 0)) .. '"' end
  if t == "number" then return json.number(v) end
  if t == "boolean" then return tostring(v) end
  if t == "table" then return encode_table(v) end
  error("cannot encode a " .. t, 0)
end

json.encode = encode

local value

local function stop(s, at, what)
  local _, lines = string.gsub(string.sub(s, 1, at - 1), "\n", "")
  local start = at
  while start > 1 and string.sub(s, start - 1, start - 1) ~= "\n" do start = start - 1 end
  error({ string.format("line %d, column %d: %s", lines + 1, at - start + 1, what) }, 0)
end

local function skip(s, at)
  return string.find(s, "[^ \t\r\n]", at) or #s + 1
end

local UNESCAPE = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function string_value(s, at)
  local out, i = {}, at + 1
  while true do
    local j = string.find(s, '["\\%c]', i) or stop(s, at, "premature end of input")
    out[#out + 1] = string.sub(s, i, j - 1)
    local c = string.sub(s, j, j)
    if c == '"' then return table.concat(out), j + 1 end
    if c ~= "\\" then stop(s, j, "control character in a string") end
    local e = string.sub(s, j + 1, j + 1)
    if e == "u" then
      local hex = string.match(s, "^%x%x%x%x", j + 2) or stop(s, j, "invalid escape")
      out[#out + 1], i = utf8.char(tonumber(hex, 16)), j + 6
    else
      out[#out + 1], i = UNESCAPE[e] or stop(s, j, "invalid escape"), j + 2
    end
  end
end

local function members(s, at, close, read)
  at = skip(s, at + 1)
  if string.sub(s, at, at) == close then return at + 1 end
  while true do
    at = skip(s, read(at))
    local c = string.sub(s, at, at)
    if c == close then return at + 1 end
    if c ~= "," then stop(s, at, string.format("'%s' expected near '%s'", close, c)) end
    at = skip(s, at + 1)
  end
end

local function object(s, at)
  local out = {}
  local behind = members(s, at, "}", function(i)
    if string.sub(s, i, i) ~= '"' then stop(s, i, string.format("string or '}' expected near '%s'", string.sub(s, i, i))) end
    local key, j = string_value(s, i)
    j = skip(s, j)
    if string.sub(s, j, j) ~= ":" then stop(s, j, string.format("':' expected near '%s'", string.sub(s, j, j))) end
    local v, k = value(s, skip(s, j + 1))
    out[key] = v
    return k
  end)
  return out, behind
end

local function list(s, at)
  local out = json.array {}
  local behind = members(s, at, "]", function(i)
    local v, j = value(s, i)
    out[#out + 1] = v
    return j
  end)
  return out, behind
end

function value(s, at)
  local c = string.sub(s, at, at)
  if c == "{" then return object(s, at) end
  if c == "[" then return list(s, at) end
  if c == '"' then return string_value(s, at) end
  local word = string.match(s, "^[%w+.-]+", at) or stop(s, at, string.format("invalid token near '%s'", c))
  if word == "null" then return json.null, at + 4 end
  if word == "true" or word == "false" then return word == "true", at + #word end
  local n = string.find(word, "^-?%d") and not string.find(word, "^-?0%d") and tonumber(word)
  if not n then stop(s, at, string.format("invalid token near '%s'", word)) end
  return n, at + #word
end

function json.decode(s)
  local ok, v = pcall(function()
    local v, at = value(s, skip(s, 1))
    at = skip(s, at)
    if at <= #s then stop(s, at, string.format("end of file expected near '%s'", string.sub(s, at, at))) end
    return v
  end)
  if ok then return v end
  if type(v) ~= "table" then error(v, 0) end
  return nil, v[1]
end

return json
