-- date_functions: the language's functions of dates and times. Dates are texts of ISO 8601 and come out as such.

local floor, format, os_date = math.floor, string.format, os.date

local deterministic = require "stdlib.deterministic"
local date = require "stdlib.template.date"
local date_format = require "stdlib.template.date_format"
local fail = require("stdlib.template.runtime").fail

local function add(name, unit)
  return { name = name, args = { "date", "number" }, result = "string", placed = true, call = function(p, t, n)
    local later = date.add(t, n, unit)
    return date.text(later or fail(p, "%s leaves the years 1 to 9999", name))
  end }
end

local function part(name, index)
  return { name = name, args = { "date" }, result = "number", call = function(t)
    return ({ date.civil(t) })[index]
  end }
end

local function now()
  local ms = deterministic.now_ms()
  return os_date("!%Y-%m-%dT%H:%M:%S", floor(ms // 1000)) .. format(".%03dZ", ms % 1000)
end

return {
  { name = "formatDateTime", args = { "date", "date_format" }, result = "string", call = date_format.write_date },
  { name = "formatTime", args = { "time", "time_format" }, result = "string", call = date_format.write_time },
  add("addDays", date.DAY),
  add("addHours", 3600 * date.SECOND),
  part("getYear", 1),
  part("getMonth", 2),
  part("getDay", 3),
  { name = "toUnixTimeStamp", args = { "date" }, result = "number", call = date.unix },
  { name = "now", args = {}, straight = true, result = "string", call = now },
}
