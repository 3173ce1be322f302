-- paths: places in a JSON value, as `response` names them: "data[0].id", "items[*].sku", "data[0].id!" for what must be there.

local find, ipairs, match, sub = string.find, ipairs, string.match, string.sub
local tonumber, type = tonumber, type

local native = require "stdlib.native"
local null = native.json_null

local paths = {}

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

-- A path as {steps, path =, strict =, lists = how many "[*]"}; nil and the rest that is not understood.
function paths.parse(path)
  local strict = find(path, "!", -1, true) ~= nil
  local plain = strict and sub(path, 1, -2) or path
  local parsed, at = { path = plain, strict = strict, lists = 0 }, 1
  while at <= #plain do
    local s, behind = step(plain, at)
    if not s then return nil, sub(plain, at) end
    if type(s) == "table" then parsed.lists = parsed.lists + 1 end
    parsed[#parsed + 1], at = s, behind
  end
  if #parsed == 0 then return nil, "" end
  return parsed
end

local function walk(v, steps, from)
  for i = from, #steps do
    if type(v) ~= "table" then return nil end
    local s = steps[i]
    if type(s) == "table" then
      if not native.json_is_array(v) then return nil end -- an object has no elements
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

-- Whether a null is among what was found, in lists of lists down to `depth`.
local function has_null(v, depth)
  if v == null then return true end
  if depth == 0 then return false end
  for _, element in ipairs(v) do
    if has_null(element, depth - 1) then return true end
  end
  return false
end

-- What stands at a parsed path, null where nothing does; nil and what is amiss when a strict one does not find all of it.
function paths.read(v, parsed)
  local found = walk(v, parsed, 1)
  if parsed.strict then
    if found == nil then return nil, "the answer has nothing at '" .. parsed.path .. "'" end
    if has_null(found, parsed.lists) then
      return nil, "the answer has null" .. (parsed.lists > 0 and ", or nothing," or "") .. " at '" .. parsed.path .. "'"
    end
  end
  if found == nil then return null end
  return found
end

return paths
