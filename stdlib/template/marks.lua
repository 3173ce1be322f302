-- marks: what each() and when() return: marks in a table body, opened by the compiler only.

local error, setmetatable = error, setmetatable

local marks = {}

local Mark = { __metatable = "mark", __name = "mark" }
local records = setmetatable({}, { __mode = "k" })

-- JSON cannot say a function: a mark that strays into data is an error there, not an empty object.
local function opaque()
  error("each() and when() are for table bodies", 2)
end

function Mark.__newindex()
  error("what each() and when() return cannot be changed", 2)
end

-- A mark; `record` is {kind = "each" | "when", …, path =, line =}.
function marks.new(record)
  local mark = setmetatable({ opaque }, Mark)
  records[mark] = record
  return mark
end

-- The record of a mark, or nil.
function marks.record(v)
  return records[v]
end

return marks
