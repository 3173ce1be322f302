-- build: the way in: a text or a table body to a compiled template, its mistakes told to `report(origin, at, message)`.

local error, pcall, type = error, pcall, type

local compiler = require "stdlib.template.compiler"
local parser = require "stdlib.template.parser"
local place = require "stdlib.template.place"
local tables = require "stdlib.template.table"

local build = {}

-- Runs `f`; a mistake that ended it is reported, and nil returned.
local function guarded(report, f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if type(result) ~= "table" or not result.origin then error(result, 0) end
  report(result.origin, result.at, result.message)
  return nil
end
build.guarded = guarded

-- The segments of parts ({text =, origin =} or {slot =, origin =}).
function build.segments(parts, report)
  return parser.segments(parts, report)
end

-- A template from segments, for a place: "text", "json", "form", "url", "header" or "xml". Nil when it does not compile.
-- `options.methods`: its data may hold functions.
function build.template(segments, kind, report, options)
  local sound = true
  local function note(...)
    sound = false
    report(...)
  end
  local compiled = guarded(note, function()
    local nodes = parser.block(segments, note)
    place.assign(nodes, kind, note, sound)
    return compiler.compile(nodes, kind == "json", note, options)
  end)
  return sound and compiled or nil
end

-- A template from a table body; `origin(path, text)` makes the origin of a string found at a path of keys.
function build.table(body, origin, path, report)
  local sound = true
  local function note(...)
    sound = false
    report(...)
  end
  local compiled = guarded(note, function()
    return compiler.compile(tables.nodes(body, origin, path, note), true, note)
  end)
  return sound and compiled or nil
end

return build
