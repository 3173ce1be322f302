-- clock: times of the host, RFC 3339 in UTC, as people say them; and what people say as such times.

local find, format, ipairs, os_date, type = string.find, string.format, ipairs, os.date, type

local date = require "stdlib.template.date"
local native = require "stdlib.native"

local clock = {}

-- Milliseconds since 1970; nil: no such time.
local function read(s)
  local t = type(s) == "string" and date.parse(s)
  if not t or not t.timed or t.zone ~= "Z" then return nil end
  return t.days * 86400000 + t.ticks * 1000 // date.SECOND
end

local UNITS = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } }

local function span(ms)
  for _, unit in ipairs(UNITS) do
    if ms >= unit[1] then return ms // unit[1] .. unit[2] end
  end
end

-- "5m ago", "in 20s", "now"; what is no time, as it is.
function clock.ago(s)
  local at = read(s)
  if not at then return s end
  local ms = native.now_ms() - at
  local said = span(ms < 0 and -ms or ms)
  if not said then return "now" end
  return ms < 0 and "in " .. said or said .. " ago"
end

-- A time for the host: "1h" and 3600 are so long ago, dates stay. nil: neither.
function clock.since(v)
  local ms = native.duration(v)
  if ms then return os_date("!%Y-%m-%dT%H:%M:%SZ", (native.now_ms() - ms) // 1000) end
  if type(v) == "string" and find(v, "^%-?%d+[%w:T.+-]*$") then return v end
end

-- "13.2 ms", "1.50 s"
function clock.duration(ms)
  if type(ms) ~= "number" then return "" end
  if ms >= 1000 then return format("%.2f s", ms / 1000) end
  return format(ms >= 100 and "%.0f ms" or "%.1f ms", ms)
end

return clock
