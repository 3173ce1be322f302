-- date: dates and times as data has them: ISO 8601 texts. A date is {days =, ticks =, offset =, zone =, timed =}: days since
-- 1970-01-01 and 100 ns ticks of the day as written, minutes east of UTC (nil: not said), its text, whether a time was said.

local find, format, gsub, match, sub = string.find, string.format, string.gsub, string.match, string.sub
local abs, floor, math_type, tonumber, upper = math.abs, math.floor, math.type, tonumber, string.upper

local date = {}

date.SECOND = 10000000 -- ticks
date.DAY = 86400 * date.SECOND
local SECOND, DAY = date.SECOND, date.DAY

local LENGTH = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function month_length(y, m)
  local leap = y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)
  return m == 2 and leap and 29 or LENGTH[m]
end

-- Days since 1970-01-01 of a day of the Gregorian calendar, years counted from March.
local function days_of(y, m, d)
  if m <= 2 then y = y - 1 end
  local era = y // 400
  local of_era = y - era * 400
  local of_year = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local FIRST, LAST = days_of(1, 1, 1), days_of(9999, 12, 31)

local function civil(days)
  days = days + 719468
  local era = days // 146097
  local of_era = days - era * 146097
  local y = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * y + y // 4 - y // 100)
  local m = (5 * of_year + 2) // 153
  local d = of_year - (153 * m + 2) // 5 + 1
  m = m < 10 and m + 3 or m - 9
  y = y + era * 400
  return m <= 2 and y + 1 or y, m, d
end

-- Ticks of "HH:MM", "HH:MM:SS" or "HH:MM:SS.fraction".
local function ticks_of(s)
  local h, m, rest = match(s, "^(%d%d?):(%d%d)(.*)$")
  local seconds, fraction = match(rest or "?", "^:(%d%d)(.*)$")
  if rest == "" then seconds, fraction = "0", "" end
  if not seconds or not (fraction == "" or find(fraction, "^%.%d+$")) then return nil end
  h, m, seconds = h + 0, m + 0, seconds + 0
  if h > 23 or m > 59 or seconds > 59 then return nil end
  local part = tonumber(sub(sub(fraction, 2) .. "0000000", 1, 7))
  return ((h * 60 + m) * 60 + seconds) * SECOND + part
end

-- Minutes east of UTC.
local function offset_of(zone)
  if zone == "" then return true, nil end
  if zone == "Z" then return true, 0 end
  local sign, h, m = match(zone, "^([+-])(%d%d):?(%d%d)$")
  if not sign then sign, h, m = match(zone, "^([+-])(%d%d)()$") end
  h, m = tonumber(h), #zone > 3 and tonumber(m) or 0
  if not h or h > 14 or m > 59 then return false end
  return true, (sign == "-" and -1 or 1) * (h * 60 + m)
end

-- The date of a text, or nil.
function date.parse(s)
  local y, m, d, rest = match(s, "^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  if not y then return nil end
  y, m, d = y + 0, m + 0, d + 0
  if y < 1 or m < 1 or m > 12 or d < 1 or d > month_length(y, m) then return nil end
  local t = { days = days_of(y, m, d), ticks = 0, zone = "", timed = rest ~= "" }
  if rest == "" then return t end
  local time, zone = match(rest, "^[Tt ]([%d:.]+)([Zz]?[%d:+-]*)$")
  if not time then return nil end
  local good
  t.zone = upper(zone)
  good, t.offset = offset_of(t.zone)
  t.ticks = ticks_of(time)
  return good and t.ticks and t or nil
end

-- Ticks of a time of the day, of a span "[-][d.]hh:mm:ss", or of the time in a date; or nil.
function date.parse_time(s)
  local t = date.parse(s)
  if t then return t.timed and t.ticks or nil end
  local sign, days, time = match(s, "^(%-?)(%d+)%.(%d+:.*)$")
  if not sign then sign, time = match(s, "^(%-?)(.*)$") end
  days = tonumber(days or 0)
  local ticks = ticks_of(time)
  if not ticks or days > 10675199 then return nil end -- as many as a TimeSpan holds
  return (sign == "-" and -1 or 1) * (days * DAY + ticks)
end

-- The date n times so many ticks later, or nil beyond the years 1 to 9999.
function date.add(t, n, unit)
  if abs(n * (unit + 0.0)) >= 3.2e18 then return nil end
  local ticks = n * unit
  local all = t.ticks + (math_type(ticks) == "integer" and ticks or floor(ticks + 0.5))
  local days = t.days + all // DAY
  if days < FIRST or days > LAST then return nil end
  return { days = days, ticks = all % DAY, offset = t.offset, zone = t.zone, timed = t.timed or all % DAY ~= 0 }
end

-- year, month, day.
function date.civil(t)
  return civil(t.days)
end

-- 1 is Sunday.
function date.weekday(t)
  return (t.days + 4) % 7 + 1
end

-- Seconds since 1970, whole; what has no offset is UTC.
function date.unix(t)
  return t.days * 86400 + t.ticks // SECOND - (t.offset or 0) * 60
end

-- ISO 8601 again.
function date.text(t)
  local y, m, d = civil(t.days)
  local day = format("%04d-%02d-%02d", y, m, d)
  if not t.timed then return day end
  local seconds, part = t.ticks // SECOND, t.ticks % SECOND
  local fraction = part == 0 and "" or gsub(format(".%07d", part), "0+$", "")
  return format("%sT%02d:%02d:%02d%s%s", day, seconds // 3600, seconds // 60 % 60, seconds % 60, fraction, t.zone)
end

return date
