-- clock: times of the host, RFC 3339 in UTC, as people say them; and what people say as such times.

local find, floor, format, ipairs, match, os_date, tonumber, type =
  string.find, math.floor, string.format, ipairs, string.match, os.date, tonumber, type

local native = require "stdlib.native"

local clock = {}

-- Days since 1970 of a date of the proleptic Gregorian calendar (Howard Hinnant's days_from_civil).
local function days(y, m, d)
  if m <= 2 then y = y - 1 end
  local era = y // 400
  local of_era = y - era * 400
  local of_year = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

-- Milliseconds since 1970; nil: no such time.
function clock.read(s)
  if type(s) ~= "string" then return nil end
  local y, m, d, h, min, sec, fraction = match(s, "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(%.?%d*)Z$")
  if not y then return nil end
  local ms = floor((tonumber("0" .. fraction) or 0) * 1000 + 0.5)
  return ((days(y + 0, m + 0, d + 0) * 24 + h) * 60 + min) * 60000 + sec * 1000 + ms
end

local UNITS = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } }

local function span(ms)
  for _, unit in ipairs(UNITS) do
    if ms >= unit[1] then return ms // unit[1] .. unit[2] end
  end
end

-- "5m ago", "in 20s", "now"; what is no time, as it is.
function clock.ago(s)
  local at = clock.read(s)
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
