-- mistakes: what is wrong with the scripts, collected while they load and told all at once, in the order of the files.

local concat, ipairs, next, sort = table.concat, ipairs, next, table.sort
local format, gsub = string.format, string.gsub

local mistakes = {}

local found, warned = {}, {}

local function put(list, path, line, column, message)
  list[#list + 1] = { path = path or "?", line = line or 1, column = column or 0, message = message }
end

-- A mistake at a place; `column` may be nil.
function mistakes.add(path, line, column, message)
  put(found, path, line, column, message)
end

-- Something that works but can hardly be meant.
function mistakes.warn(path, line, column, message)
  put(warned, path, line, column, message)
end

-- How many mistakes there are.
function mistakes.count()
  return #found
end

local function before(a, b)
  if a.path ~= b.path then return a.path < b.path end
  if a.line ~= b.line then return a.line < b.line end
  if a.column ~= b.column then return a.column < b.column end
  return a.message < b.message
end

local function place(m)
  if m.column > 0 then return format("%s:%d:%d: ", m.path, m.line, m.column) end
  return format("%s:%d: ", m.path, m.line)
end

local function told(list)
  sort(list, before)
  local out, seen = {}, {}
  for _, m in ipairs(list) do
    local line = place(m) .. m.message
    if not seen[line] then
      seen[line] = true
      out[#out + 1] = line
    end
  end
  return out
end

-- All mistakes and all warnings, sorted, as "file:line: message"; both lists start anew.
function mistakes.take()
  local errors, warnings = told(found), told(warned)
  found, warned = {}, {}
  return errors, warnings
end

-- A message without a place inside this library, which says nothing to a script's author.
function mistakes.plain(message)
  return (gsub(message, "^stdlib/[^:]*:%d+: ", ""))
end

-- "; did you mean 'near'?"; without one "; there are " and the names of `list`, or "" without that too.
function mistakes.hint(near, list)
  if near then return format("; did you mean '%s'?", near) end
  return list and "; there are " .. mistakes.listed(list) or ""
end

-- The keys of a table, which are texts, in order.
function mistakes.names(t)
  local out = {}
  for name in next, t do out[#out + 1] = name end
  sort(out)
  return out
end

-- "a, b and c", for hints that list what there is.
function mistakes.listed(names)
  if #names < 2 then return names[1] or "" end
  return concat(names, ", ", 1, #names - 1) .. " and " .. names[#names]
end

return mistakes
