-- helper: a fresh stdlib on a fake seam, and what specs do with it.

local fake = require "tests.lua.native"
local json = fake.json

local helper = { json = json, null = json.null }

local function stdlib_path()
  return os.getenv("ANZOL_STDLIB") or "stdlib"
end

local chunks = {} -- each file is compiled once, and run for each fresh stdlib

-- A stdlib module's loader, under the chunk name it has in the binary.
local function searcher(name)
  local tail = name:match("^stdlib%.(.*)$")
  if not tail then return nil end
  if chunks[name] then return chunks[name] end
  local relative = tail:gsub("%.", "/") .. ".lua"
  local file = io.open(stdlib_path() .. "/" .. relative)
  if not file then return "no file " .. relative end
  local text = file:read "a"
  file:close()
  chunks[name] = assert(load(text, "@stdlib/" .. relative, "t"))
  return chunks[name]
end

table.insert(package.searchers, 2, searcher)

-- Gives strings their own methods back; a script's environment guards them with a copy.
function helper.free_strings()
  local meta = debug.getmetatable("")
  meta.__metatable, meta.__index = nil, string
end
local free_strings = helper.free_strings

-- A fresh boot table and its fake native. Options: secrets, env, files.
function helper.boot(options)
  for name in pairs(package.loaded) do
    if name:find("^stdlib%.") then package.loaded[name] = nil end
  end
  free_strings()
  local native = fake.new(options)
  return searcher("stdlib.boot")(native), native
end

local function as_files(scripts)
  if type(scripts) == "string" then return { { path = "s.lua", text = scripts } } end
  local files = {}
  for path, text in pairs(scripts) do files[#files + 1] = { path = path, text = text } end
  table.sort(files, function(a, b) return a.path < b.path end)
  return files
end

-- Loads scripts (a text, or path -> text): errors, warnings, boot, native.
function helper.load(scripts, options)
  local boot, native = helper.boot(options)
  local errors, warnings = boot.load(as_files(scripts), options and options.dirs or { "." })
  free_strings()
  return errors, warnings, boot, native
end

-- Loads scripts that must be right: boot, native.
function helper.good(scripts, options)
  local errors, _, boot, native = helper.load(scripts, options)
  assert(#errors == 0, table.concat(errors, "\n"))
  return boot, native
end

-- A script with an integration and one webhook of these fields.
function helper.webhook(fields, integration)
  return 'integration "i" { url = "https://h.test/", ' .. (integration or "") .. ' }\nwebhook "w" { integration = "i",\n'
    .. fields .. "\n}"
end

-- The request of webhook "w" for some data: what was emitted.
function helper.sent(script, data, options)
  local boot, native = helper.good(script, options)
  local ok, code, message = boot.call("w", data and json.encode(data) or "")
  if not ok then return nil, message, code end
  return native.emitted[1]
end

-- A template rendered: text, or nil and the message.
function helper.render(text, data, as)
  local boot = helper.boot()
  local result, _, message = boot.template(text, as or "text", json.encode(data or {}))
  return result, message
end

return helper
