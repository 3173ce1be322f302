-- path: paths into JSON values, as scripts write them: "data[0].id", "items[*].sku".

local ipairs, match, sub, tonumber, type = ipairs, string.match, string.sub, tonumber, type

local native = require "stdlib.native"

local path = {}

-- One step of a path at byte `at`: a name, an index from 1, or "*" in a table; and the position behind it.
local function step(text, at)
  local name, behind = match(text, "^%.?([^.%[%]%s*]+)()", at)
  if name and (at == 1) == (sub(text, at, at) ~= ".") then return name, behind end
  local index
  index, behind = match(text, "^%[(%d+)%]()", at)
  if index then return tonumber(index) + 1, behind end
  behind = match(text, "^%[%*%]()", at)
  if behind then return { "*" }, behind end
end

-- The steps of a path; nil and the rest that is not understood.
function path.parse(text)
  local steps, at = {}, 1
  while at <= #text do
    local s, behind = step(text, at)
    if not s then return nil, sub(text, at) end
    steps[#steps + 1], at = s, behind
  end
  if #steps == 0 then return nil, text end
  return steps
end

-- What stands at the path from step `from` on; nil when there is nothing.
function path.walk(v, steps, from)
  for i = from, #steps do
    if type(v) ~= "table" then return nil end
    local s = steps[i]
    if type(s) == "table" then
      local out = native.json_array {}
      for j, element in ipairs(v) do
        local found = path.walk(element, steps, i + 1)
        if found == nil then found = native.json_null end
        out[j] = found
      end
      return out
    end
    v = v[s]
  end
  return v
end

return path
