-- columns: lists of rows as aligned tables that fit the terminal. A column is {title, value = row -> anything or nil, least =
-- how narrow it may become, drop = which goes first when there is no room}; numbers stand to the right.

local concat, gsub, ipairs, max, remove, rep, tostring, type =
  table.concat, string.gsub, ipairs, math.max, table.remove, string.rep, tostring, type

local pretty = require "stdlib.console.pretty"

local columns = {}

local GAP = 2

local function cell(v)
  if v == nil then return "" end
  if type(v) == "string" then return pretty.one_line(v) end
  if type(v) == "number" then return pretty.value(v) end
  return tostring(v)
end

-- The cells of one column, and its width.
local function column_of(spec, rows)
  local col = { title = spec[1], cells = {}, wide = pretty.width(spec[1]), right = false, least = spec.least, drop = spec.drop }
  local any = false
  for i, row in ipairs(rows) do
    local v = spec.value(row)
    col.cells[i] = cell(v)
    col.right = col.right or type(v) == "number"
    any = any or col.cells[i] ~= ""
    col.wide = max(col.wide, pretty.width(col.cells[i]))
  end
  if any or not spec.drop then return col end
end

-- How wide they are together, at least (when `least`) or in full.
local function total(list, least)
  local sum = -GAP
  for _, col in ipairs(list) do
    sum = sum + GAP + (least and col.least and col.least < col.wide and col.least or col.wide)
  end
  return sum
end

local function drop_one(list)
  local at
  for i, col in ipairs(list) do
    if col.drop and (not at or col.drop < list[at].drop) then at = i end
  end
  if at then remove(list, at) end
  return at ~= nil
end

-- Takes from the widest of those that may shrink until all fit.
local function shrink(list, width)
  local over = total(list) - width
  while over > 0 do
    local widest
    for _, col in ipairs(list) do
      if col.least and col.wide > col.least and (not widest or col.wide > widest.wide) then widest = col end
    end
    if not widest then return end
    widest.wide, over = widest.wide - 1, over - 1
  end
end

local function padded(s, col, last)
  s = pretty.fit(s, col.wide)
  local pad = rep(" ", col.wide - pretty.width(s))
  if col.right then return pad .. s end
  return last and s or s .. pad
end

local function line_of(list, get, width)
  local out = {}
  for i, col in ipairs(list) do out[i] = padded(get(col), col, i == #list) end
  return pretty.fit((gsub(concat(out, rep(" ", GAP)), " +$", "")), width)
end

-- A table with a header line.
function columns.render(rows, specs, width)
  local list = {}
  for _, spec in ipairs(specs) do list[#list + 1] = column_of(spec, rows) end
  while total(list, true) > width and drop_one(list) do end
  shrink(list, width)
  local out = { line_of(list, function(col) return col.title end, width) }
  for i = 1, #rows do out[i + 1] = line_of(list, function(col) return col.cells[i] end, width) end
  return concat(out, "\n")
end

return columns
