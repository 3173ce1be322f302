-- native: the seam of stdlib/README.md in pure Lua, for specs that run without the binary. `native.new()` gives a fresh
-- fake; what stdlib hands over is in its `emitted`, `failed`, `events` and `logged`.

local json = require "tests.lua.json"

local module = {}

local UNIT = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000 }

local function duration(v)
  if type(v) == "number" then return v >= 0 and math.floor(v * 1000) or nil end
  if type(v) ~= "string" then return nil end
  local n, unit = string.match(v, "^(%d+%.?%d*)(%a*)$")
  if not n then return nil end
  local scale = unit == "" and 1000 or UNIT[unit]
  return scale and math.floor(tonumber(n) * scale) or nil
end

local function distance(a, b)
  local before, row = nil, {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local older = before
    before, row = row, { [0] = i }
    for j = 1, #b do
      local same = string.byte(a, i) == string.byte(b, j)
      row[j] = math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (same and 0 or 1))
      if older and i > 1 and j > 1 and string.byte(a, i) == string.byte(b, j - 1) and string.byte(a, i - 1) == string.byte(b, j) then
        row[j] = math.min(row[j], older[j - 2] + 1)
      end
    end
  end
  return row[#b]
end

local function nearest(typed, list)
  local best, least
  for _, candidate in ipairs(list) do
    local d = distance(typed, candidate)
    if d <= math.max(1, math.max(#typed, #candidate) // 3) and (not least or d < least) then best, least = candidate, d end
  end
  return best
end

local function percent_encode(s)
  return (string.gsub(s, "[^%w._~-]", function(c) return string.format("%%%02X", string.byte(c)) end))
end

local function where(level)
  local info = debug.getinfo(level + 2, "Sl")
  if not info or info.what == "C" or info.currentline < 0 or string.sub(info.source, 1, 1) ~= "@" then return nil end
  return string.sub(info.source, 2), info.currentline
end

local function options_text(o)
  return json.encode(o)
end

-- A fake: `options.secrets` and `options.env` are what is set, `options.files` what readfile finds.
function module.new(options)
  options = options or {}
  local n = { emitted = {}, failed = {}, events = {}, logged = {}, ids = 0, time = 1700000000000 }
  n.json_decode, n.json_encode, n.json_null, n.json_array = json.decode, json.encode, json.null, json.array
  n.json_is_array, n.json_escape, n.json_number = json.is_array, json.escape, json.number
  n.percent_encode, n.duration, n.nearest, n.where, n.head = percent_encode, duration, nearest, where, options_text
  n.protected = pcall
  function n.utf8_valid(s) return utf8.len(s) ~= nil end
  function n.secret(name) return (options.secrets or {})[name] == true end
  function n.env(name) return (options.env or {})[name] end
  function n.log(level, message, fields) n.logged[#n.logged + 1] = { level = level, message = message, fields = fields } end
  function n.now_ms() return n.time end
  function n.new_id()
    n.ids = n.ids + 1
    return string.format("00000000-0000-7000-8000-%012d", n.ids)
  end
  function n.uuid() return "11111111-1111-4111-8111-111111111111" end
  function n.on_event(name, key) n.events[#n.events + 1] = { name = name, key = key } end
  function n.emit(webhook, integration, head, url, headers, body)
    n.emitted[#n.emitted + 1] = {
      webhook = webhook, integration = integration, head = json.decode(head), url = url,
      headers = table.move(headers, 1, #headers, 1, {}), body = body,
    }
  end
  function n.emit_failed(webhook, integration, message)
    n.failed[#n.failed + 1] = { webhook = webhook, integration = integration, message = message }
  end
  function n.readfile(path)
    local text = (options.files or {})[path]
    if text then return text end
    return nil, "no such file"
  end
  function n.compile(text, chunkname, env) return load(text, chunkname, "t", env) end
  return n
end

return module
