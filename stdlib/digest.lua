-- digest: a definition in a few bytes, so that a reload can say which ones are different. Two definitions have the same digest
-- when they say the same, wherever they stand in their file: a function counts by its text and by what it refers to outside
-- itself (its upvalues). What it finds in globals is not looked at.

local ipairs, type = ipairs, type

local native = require "stdlib.native"
local marks = require "stdlib.template.marks"
local source = require "stdlib.source"
local text = require "stdlib.text"

local digest = {}

-- What stands for a function of a script, a mark, a text with secrets: its own text, and a table.
local function inside(v)
  if type(v) ~= "function" then return nil, marks.record(v) or text.is(v) and text.pieces(v) or v end
  local path, first, last, upvalues = native.closure(v)
  local lines = path and source.lines(path, first, last)
  if lines then return lines, upvalues end -- else it is of C, or of this library
end

-- The digest of a definition that has no mistake: the fields it has in the end, and its headers.
function digest.of(def)
  local headers = {}
  for _, header in ipairs(def.whole.headers) do headers[header.name] = header.value end
  return native.digest_of({ def.whole.fields, headers }, inside)
end

return digest
