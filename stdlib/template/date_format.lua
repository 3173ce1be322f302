-- date_format: .NET's custom and standard formats of dates and times, with the names of the invariant culture. A format is a
-- list of parts: texts, and functions of the fields of what is formatted.

local concat, find, format, gsub, match, sub =
  table.concat, string.find, string.format, string.gsub, string.match, string.sub
local ipairs, type = ipairs, type

local date = require "stdlib.template.date"
local SECOND, DAY = date.SECOND, date.DAY

local date_format = {}

local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December" }

-- The digits of a second, n of them; `trim`: without zeros at the end.
local function fraction(n, trim)
  return function(f)
    local digits = sub(format("%07d", f.part), 1, n)
    return trim and (gsub(digits, "0+$", "")) or digits
  end
end

local function padded(field, n)
  local pattern = "%0" .. n .. "d"
  return function(f) return format(pattern, f[field]) end
end

local function number(field)
  return function(f, n) return padded(field, n > 1 and 2 or 1)(f) end
end

local function zone(f, n)
  local minutes = f.offset or 0
  local sign, size = minutes < 0 and "-" or "+", minutes < 0 and -minutes or minutes
  if n == 1 then return sign .. size // 60 end
  return format(n == 2 and "%s%02d" or "%s%02d:%02d", sign, size // 60, size % 60)
end

local function year(f, n)
  if n <= 2 then return format(n == 1 and "%d" or "%02d", f.year % 100) end
  return format("%0" .. n .. "d", f.year)
end

-- Letter -> function(fields, how many of it).
local DATE = {
  d = function(f, n)
    if n <= 2 then return padded("day", n)(f) end
    return n == 3 and sub(DAYS[f.weekday], 1, 3) or DAYS[f.weekday]
  end,
  M = function(f, n)
    if n <= 2 then return padded("month", n)(f) end
    return n == 3 and sub(MONTHS[f.month], 1, 3) or MONTHS[f.month]
  end,
  y = year, H = number "hour", m = number "minute", s = number "second", z = zone,
  h = function(f, n) return padded("hour12", n > 1 and 2 or 1)(f) end,
  t = function(f, n) return sub(f.hour < 12 and "AM" or "PM", 1, n == 1 and 1 or 2) end,
  g = function() return "A.D." end,
  K = function(f) return f.zone == "" and "" or f.zone == "Z" and "Z" or zone(f, 3) end,
  f = function(f, n) return fraction(n)(f) end,
  F = function(f, n) return fraction(n, true)(f) end,
}

local TIME = {
  d = function(f, n) return padded("days", n)(f) end,
  h = number "hour", H = number "hour", m = number "minute", s = number "second", f = DATE.f, F = DATE.F,
}

local STANDARD_DATE = {
  d = "MM/dd/yyyy", D = "dddd, dd MMMM yyyy", f = "dddd, dd MMMM yyyy HH:mm", F = "dddd, dd MMMM yyyy HH:mm:ss",
  g = "MM/dd/yyyy HH:mm", G = "MM/dd/yyyy HH:mm:ss", m = "MMMM dd", M = "MMMM dd", o = "yyyy-MM-ddTHH:mm:ss.fffffffK",
  O = "yyyy-MM-ddTHH:mm:ss.fffffffK", r = "ddd, dd MMM yyyy HH:mm:ss 'GMT'", R = "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
  s = "yyyy-MM-ddTHH:mm:ss", t = "HH:mm", T = "HH:mm:ss", u = "yyyy-MM-dd HH:mm:ss'Z'", y = "yyyy MMMM", Y = "yyyy MMMM",
}

-- What a quote or a backslash at `at` stands for, and the position behind; nil: it is not closed.
local function quoted(s, at)
  local c = sub(s, at, at)
  if c == "\\" then
    local literal = match(s, "^[^\128-\191][\128-\191]*", at + 1)
    return literal, at + 1 + #(literal or "")
  end
  local out, from = {}, at + 1
  while from <= #s do
    local d = sub(s, from, from)
    if d == c then return concat(out), from + 1 end
    if d == "\\" then from = from + 1 end
    out[#out + 1] = sub(s, from, from)
    from = from + 1
  end
end

local function invalid(s, why)
  return nil, format("'%s' is no format: %s", s, why)
end

-- The parts of a format; `letters` as above, `strict`: other letters are mistakes.
local function parse(s, letters, strict)
  local parts, at = {}, 1
  while at <= #s do
    local c = sub(s, at, at)
    local make = letters[c]
    if c == "%" and #s > at and sub(s, at + 1, at + 1) ~= "%" then
      at = at + 1 -- a single letter that is no standard format
    elseif make then
      local n = #match(s, "^" .. c .. "+", at)
      if (c == "f" or c == "F") and n > 7 then return invalid(s, "a second has seven digits at most") end
      if n > 30 then return invalid(s, format("too many '%s'", c)) end
      parts[#parts + 1] = function(f) return make(f, n) end
      at = at + n
    elseif find(c, "[\"'\\]") then
      local literal, behind = quoted(s, at)
      if not literal then return invalid(s, c == "\\" and "nothing follows '\\'" or "the quote is not closed") end
      parts[#parts + 1] = literal
      at = behind
    elseif c == "%" then
      return invalid(s, "a letter must follow '%'")
    elseif strict and find(c, "%a") then
      return invalid(s, format("unknown letter '%s'; put what is no format in quotes", c))
    else
      parts[#parts + 1] = c
      at = at + 1
    end
  end
  return parts
end

-- The format of a date, or nil and what is wrong with it.
function date_format.date(s)
  if s == "" then s = "G" end
  if #s > 1 then return parse(s, DATE) end
  if not STANDARD_DATE[s] then return invalid(s, "there is no such standard format") end
  local parts = parse(STANDARD_DATE[s], DATE)
  parts.utc = find(s, "^[rR]$") ~= nil or s == "u"
  return parts
end

local function span_c(f)
  local days = f.days > 0 and f.days .. "." or ""
  return format("%s%s%02d:%02d:%02d%s", f.sign, days, f.hour, f.minute, f.second, f.part > 0 and format(".%07d", f.part) or "")
end

local function span_g(f)
  local days = f.days > 0 and f.days .. ":" or ""
  local part = f.part > 0 and "." .. fraction(7, true)(f) or ""
  return format("%s%s%d:%02d:%02d%s", f.sign, days, f.hour, f.minute, f.second, part)
end

local function span_G(f)
  return format("%s%d:%02d:%02d:%02d.%07d", f.sign, f.days, f.hour, f.minute, f.second, f.part)
end

local STANDARD_TIME = { c = span_c, t = span_c, T = span_c, g = span_g, G = span_G }

-- The format of a time, or nil and what is wrong with it.
function date_format.time(s)
  if s == "" then s = "c" end
  if #s > 1 then return parse(s, TIME, true) end
  if not STANDARD_TIME[s] then return invalid(s, "there is no such standard format") end
  return { STANDARD_TIME[s] }
end

local function clock(f, ticks)
  local seconds = ticks // SECOND
  f.hour, f.minute, f.second, f.part = seconds // 3600, seconds // 60 % 60, seconds % 60, ticks % SECOND
  f.hour12 = (f.hour + 11) % 12 + 1
  return f
end

local function written(parts, f)
  local out = {}
  for i, part in ipairs(parts) do out[i] = type(part) == "string" and part or part(f) end
  return concat(out)
end

-- A date (date.lua) by a format.
function date_format.write_date(t, parts)
  if parts.utc and t.offset then t = date.add(t, -t.offset, 60 * SECOND) or t end
  local f = { offset = t.offset, zone = t.zone, weekday = date.weekday(t) }
  f.year, f.month, f.day = date.civil(t)
  return written(parts, clock(f, t.ticks))
end

-- Ticks by a format.
function date_format.write_time(ticks, parts)
  local size = ticks < 0 and -ticks or ticks
  return written(parts, clock({ sign = ticks < 0 and "-" or "", days = size // DAY }, size % DAY))
end

return date_format
