-- list_functions: the language's functions of lists.

local concat, type = table.concat, type

local native = require "stdlib.native"
local escape = require "stdlib.template.escape"
local runtime = require "stdlib.template.runtime"
local fail, kind, quoted = runtime.fail, runtime.kind, runtime.quoted
local json_array, null = native.json_array, native.json_null

local function join(p, list, separator)
  local out = {}
  for i = 1, #list do
    local v = list[i]
    if v == null or type(v) == "table" then
      fail(p, "element %d of %s is %s, which has no text", i, quoted(p), kind(v))
    end
    out[i] = escape.text(v, p)
  end
  return concat(out, separator)
end

local function cell(v, i, size)
  return { Value = v, Index = i, IsFirst = i == 1, IsLast = i == size }
end

-- Rows of `size` cells; those of the last that have no element have no Value.
local function table_rows(list, size)
  local rows, n = json_array {}, #list
  local count = (n + size - 1) // size
  for r = 1, count do
    local cells, values = json_array {}, 0
    for i = 1, size do
      local v = list[(r - 1) * size + i]
      if v ~= nil then values = values + 1 end
      cells[i] = cell(v, i, size)
    end
    rows[r] = { Cells = cells, ValueCount = values, Index = r, IsFirst = r == 1, IsLast = r == count }
  end
  return rows
end

return {
  { name = "count", args = { "list" }, straight = true, result = "number", call = function(list) return #list end },
  { name = "join", args = { "list", "text" }, result = "string", placed = true, call = join },
  { name = "tableRows", args = { "list", "size" }, result = "list", call = table_rows },
}
