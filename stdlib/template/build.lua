-- build: the way in: a text or a table body to a compiled template, its mistakes told to `report(origin, at, message)`.

local concat, error, pcall, setmetatable, type = table.concat, error, pcall, setmetatable, type

local native = require "stdlib.native"
local compiler = require "stdlib.template.compiler"
local parser = require "stdlib.template.parser"
local place = require "stdlib.template.place"
local tables = require "stdlib.template.table"
local encode, is_array, is_small = native.json_encode, native.json_is_array, native.is_small

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

-- The text of segments that are nothing else; nil when there is more.
local function text_alone(segments)
  local out = {}
  for i = 1, #segments do
    if segments[i].k ~= "text" then return nil end
    out[i] = segments[i].s
  end
  return concat(out)
end

-- A template from segments, for a place: "text", "json", "form", "url", "header" or "xml". Nil when it does not compile.
-- `options.methods`: its data may hold functions.
function build.template(segments, kind, report, options)
  local alone = kind ~= "json" and text_alone(segments) -- JSON is looked at more closely
  if alone then
    return { static = alone, has_key = false, id_text = false, custom = false, slots = false, loops = false }
  end
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

local function of_list(v)
  return is_array(v) and v or nil
end

-- What a body says, when it is data alone, and not much; else nil.
local function content(body)
  if not is_small(body, of_list) then return nil end
  local ok, said = pcall(encode, body)
  return ok and said or nil
end

-- Equal bodies are compiled once: many webhooks differ in their URLs alone.
local known = setmetatable({}, { __mode = "v" })

-- A template from a table body; `origin(path, text)` makes the origin of a string found at a path of keys.
function build.table(body, origin, path, report)
  local said = content(body)
  local before = said and known[said]
  if before then return compiler.again(before, function(o) return origin(o.path, o.literal) end) end
  local sound, made = true, nil
  local function note(...)
    sound = false
    report(...)
  end
  local compiled = guarded(note, function()
    local one
    one, made = compiler.compile(tables.nodes(body, origin, path, note), true, note)
    return one
  end)
  if sound and said then known[said] = made end
  return sound and compiled or nil
end

return build
