-- retry: the `retry` field: { delays = {…}, on = {429, "5xx", …}, within = "6m" }, or false.

local concat, format, ipairs, math_type, pairs, sort, tostring, type =
  table.concat, string.format, ipairs, math.type, pairs, table.sort, tostring, type

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"

local retry = {}

local KNOWN = { "delays", "on", "within" }
local CLASSES = { ["4xx"] = "c4xx", ["5xx"] = "c5xx", timeout = "timeout" }
local MOST = 16
local LONGEST = 30 * 86400000

local function defaults()
  return { delays = { 20000, 80000, 240000 }, codes = { 429 }, c4xx = false, c5xx = true, timeout = true, within = 360000 }
end

-- What a webhook without the field does.
retry.default = defaults()
-- retry = false.
retry.never = { delays = {}, codes = {}, c4xx = false, c5xx = false, timeout = false, within = 0 }

local UNITS = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } }

-- "20s", "6m", "250ms", "1m30s": how a number of milliseconds reads.
function retry.duration_text(ms)
  local out = {}
  for _, unit in ipairs(UNITS) do
    local n = ms // unit[2]
    if n > 0 then out[#out + 1] = format("%d%s", n, unit[1]) end
    ms = ms % unit[2]
  end
  if ms > 0 or #out == 0 then out[#out + 1] = format("%dms", ms) end
  return concat(out)
end

local function unknown_fields(v, fail)
  for key in pairs(v) do
    if key ~= "delays" and key ~= "on" and key ~= "within" then
      local near = type(key) == "string" and native.nearest(key, KNOWN) or nil
      fail({ "retry", key }, "retry: unknown field '%s'%s", tostring(key),
        near and mistakes.hint(near) or "; it has delays, on and within")
    end
  end
end

-- Milliseconds of a delay or of `within`; nil when it is none, and told.
local function read_duration(v, path, fail)
  local what = "retry." .. path[2]
  local ms = native.duration(v)
  if not ms then
    return fail(path, '%s: expected a duration such as "30s" or a number of seconds, found %s', what, dsl.shown(v))
  end
  if ms > LONGEST then return fail(path, "%s: '%s' is out of range; at most 30d", what, v) end
  return ms
end

local function read_delays(v, out, fail)
  local path = { "retry", "delays" }
  if type(v) ~= "table" then return fail(path, "retry.delays: expected a list of durations, found %s", dsl.kind(v)) end
  if #v > MOST then return fail(path, "retry.delays: %d delays; %d at most", #v, MOST) end
  out.delays = {}
  for i, delay in ipairs(v) do
    out.delays[i] = read_duration(delay, { "retry", "delays", i }, fail) or 0
  end
end

local function read_code(code, out, fail, i)
  if math_type(code) == "integer" and code >= 300 and code <= 599 then
    out.codes[#out.codes + 1] = code
  elseif CLASSES[code] then
    out[CLASSES[code]] = true
  else
    local near = type(code) == "string" and native.nearest(code, { "4xx", "5xx", "timeout" }) or nil
    fail({ "retry", "on", i }, "retry.on: unexpected '%s'%s", tostring(code),
      near and mistakes.hint(near) or '; a status from 300 to 599, "4xx", "5xx" or "timeout"')
  end
end

local function read_on(v, out, fail)
  if type(v) ~= "table" then return fail({ "retry", "on" }, "retry.on: expected a list, found %s", dsl.kind(v)) end
  if #v > MOST then return fail({ "retry", "on" }, "retry.on: %d entries; %d at most", #v, MOST) end
  out.codes, out.c4xx, out.c5xx, out.timeout = {}, false, false, false
  for i, code in ipairs(v) do read_code(code, out, fail, i) end
  sort(out.codes)
end

local function check_sum(v, out, fail)
  local sum = 0
  for _, ms in ipairs(out.delays) do sum = sum + ms end
  if sum > out.within then
    fail({ "retry", v.within ~= nil and "within" or "delays" },
      "retry: the delays add up to %s, but within is %s%s", retry.duration_text(sum), retry.duration_text(out.within),
      v.within == nil and format('; add within = "%s"', retry.duration_text(sum + sum // 10)) or "")
  end
end

-- Reads a `retry` field; `fail(path, message, …)` hears of mistakes.
function retry.read(v, fail)
  if v == false then return retry.never end
  if type(v) ~= "table" then return fail({ "retry" }, "retry: expected a table or false, found %s", dsl.kind(v)) end
  local out = defaults()
  unknown_fields(v, fail)
  if v.delays ~= nil then read_delays(v.delays, out, fail) end
  if v.on ~= nil then read_on(v.on, out, fail) end
  if v.within ~= nil then
    out.within = read_duration(v.within, { "retry", "within" }, fail)
    if not out.within then return nil end
  end
  check_sum(v, out, fail)
  return out
end

-- What the statuses and classes of a policy are called, for people.
function retry.on_names(policy)
  local out = { table.unpack(policy.codes) }
  for _, class in ipairs { "4xx", "5xx", "timeout" } do
    if policy[CLASSES[class]] then out[#out + 1] = class end
  end
  return out
end

return retry
