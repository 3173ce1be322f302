-- judge: what a webhook makes of an answer by rules of its own: `success`, which statuses or a function; `on_response`, a
-- function that may decide anything. Without an opinion the status decides (core/retry).

local concat, format, gsub, ipairs, math_type, pairs, sort, tostring, type =
  table.concat, string.format, string.gsub, ipairs, math.type, pairs, table.sort, tostring, type

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"
local text = require "stdlib.text"
local null, protected = native.json_null, native.protected

local judge = {}

local MOST = 32
local CLASSES = { "2xx", "3xx", "4xx", "5xx" }
local RETRY_LEAST, PAUSE_MOST = 100, 86400000

-- --- success --------------------------------------------------------------------------------------------------------

local function class_of(v)
  for i, class in ipairs(CLASSES) do
    if v == class then return i + 1 end
  end
end

local function read_status(v, i, out, fail)
  local class = class_of(v)
  if class then
    out.classes[class] = true
  elseif math_type(v) == "integer" and v >= 200 and v <= 599 then
    out.codes[v] = true
  else
    local near = type(v) == "string" and native.nearest(v, CLASSES) or nil
    local found = (type(v) == "string" or type(v) == "number") and "'" .. v .. "'" or dsl.kind(v)
    return fail({ "success", i }, "success: unexpected %s%s", found,
      near and mistakes.hint(near) or '; a status from 200 to 599, "2xx", "3xx", "4xx" or "5xx"')
  end
  out.list[#out.list + 1] = v
end

local function read_list(v, fail)
  local out = { list = native.json_array {}, codes = {}, classes = {} }
  if #v > MOST then return fail({ "success" }, "success: %d entries; %d at most", #v, MOST) end
  for key in pairs(v) do
    if math_type(key) ~= "integer" or key < 1 or key > #v then
      return fail({ "success", key }, 'success: unknown field \'%s\'; it is a list such as {200, "2xx", 404}', tostring(key))
    end
  end
  if #v == 0 then return fail({ "success" }, "success: an empty list; then nothing would be a success") end
  for i, status in ipairs(v) do read_status(status, i, out, fail) end
  return out
end

-- Reads a `success` field: {list =, …} or {call =}; false: none, and the integration's does not hold.
function judge.read_success(v, fail)
  if v == false then return false end
  if type(v) == "function" then return { call = v } end
  if type(v) == "table" and not text.is(v) then return read_list(v, fail) end
  return fail({ "success" }, 'success: expected a list such as {200, "2xx", 404} or a function, found %s', dsl.kind(v))
end

-- Reads an `on_response` field.
function judge.read_on_response(v, fail)
  if v == false or type(v) == "function" then return v end
  return fail({ "on_response" }, "on_response: expected a function, found %s", dsl.kind(v))
end

local function raised(why, name)
  if type(why) == "string" then return why end
  return format("the %s function raised %s", name, dsl.kind(why))
end

-- Whether an answer is a success by that field; nil: the field does not say. What went wrong comes second.
local function by_success(rule, res)
  if not rule then return nil end
  if not rule.call then return rule.codes[res.status] or rule.classes[res.status // 100] or false end
  local good, said = protected(rule.call, res)
  if not good then return nil, raised(said, "success") end
  if type(said) == "boolean" then return said end
  return nil, "the success function returned " .. dsl.kind(said) .. ", not true or false"
end

-- What the rule was, where it says no.
local function refusal(rule, res)
  if rule.call then return "the success function said no" end
  return format("status %d is not among the webhook's success: %s", res.status, concat(rule.list, ", "))
end

-- --- on_response ----------------------------------------------------------------------------------------------------

local function expect_boolean(v)
  if type(v) ~= "boolean" then return nil, "true or false" end
  return v
end

local function expect_text(v)
  if type(v) ~= "string" then return nil, "a string" end
  return (gsub(v, "%c+", " "))
end

local function expect_duration(v)
  local ms = native.duration(v)
  if not ms then return nil, 'a duration such as "30s" or a number of seconds' end
  return ms
end

-- false: not again, whatever the retry policy says.
local function expect_retry(v)
  if v == false then return false end
  return expect_duration(v)
end

local FIELDS = { ok = expect_boolean, error = expect_text, retry = expect_retry, pause = expect_duration }
local NAMES = { "error", "ok", "pause", "retry" }

local function read_field(key, v, out)
  local check = FIELDS[key]
  if not check then
    local near = type(key) == "string" and native.nearest(key, NAMES) or nil
    return format("unknown field '%s'%s", tostring(key), mistakes.hint(near, NAMES))
  end
  local value, expected = check(v)
  if value == nil then return format("%s: expected %s, found %s", key, expected, dsl.shown(v)) end
  out[key] = value
end

local function contradiction(d)
  if d.ok and d.retry then return "ok = true and retry contradict each other" end
  if d.error and d.ok == nil and d.retry == nil then return "error without ok = false or retry decides nothing" end
end

-- The decision of a returned value; nil and what is wrong with it.
local function read_decision(v)
  if v == nil then return {} end
  if type(v) ~= "table" then return nil, "expected a table or nothing, found " .. dsl.kind(v) end
  local out, wrong = {}, {}
  for key, value in pairs(v) do
    if value ~= null then wrong[#wrong + 1] = read_field(key, value, out) end
  end
  if #wrong == 0 then wrong[1] = contradiction(out) end
  sort(wrong)
  if wrong[1] then return nil, wrong[1] end
  return out
end

local function by_function(call, res)
  if not call then return {} end
  local good, said = protected(call, res)
  if not good then return {}, raised(said, "on_response") end
  local decision, why = read_decision(said)
  if not decision then return {}, "the on_response function's answer: " .. why end
  return decision
end

-- --- the judgement --------------------------------------------------------------------------------------------------

local function at_least(ms, least) return ms < least and least or ms end
local function at_most(ms, most) return ms > most and most or ms end

-- What the decision comes to: a kind of core/retry and, where it is no success, the message.
local function verdict(d)
  if d.ok then return "ok" end
  if d.retry then return "retry", d.error or "the on_response function asked for another attempt" end
  if d.retry == false then return "final", d.error or "the on_response function said no" end
  if d.ok == false then return "failed", d.error or "the on_response function said no" end
  return nil
end

-- `success` has a say only where it and the status are of two minds.
local function by_status(good, success, res)
  local plain = res.status >= 200 and res.status <= 299
  if good == nil or good == plain then return "default" end
  if good then return "ok" end
  return "failed", refusal(success, res)
end

-- Sets res.ok by `success`; what went wrong, and what the field said.
function judge.mark(r, res)
  local good, why = by_success(r.success, res)
  if good ~= nil then res.ok = good end
  return why, good
end

-- Judges an answer (response.new) to webhook `r`: "default", "ok", "failed", "final" or "retry"; milliseconds until the next
-- attempt; milliseconds that the integration pauses; the message of what is no success; and the mistakes of the functions,
-- which count as having no opinion.
function judge.judge(r, res)
  local why_not, good = judge.mark(r, res)
  local d, why = by_function(r.on_response, res)
  local kind, message = verdict(d)
  if not kind then kind, message = by_status(good, r.success, res) end
  local wrong = {}
  if why_not then wrong[1] = why_not end
  wrong[#wrong + 1] = why
  return kind, d.retry and at_least(d.retry, RETRY_LEAST) or 0, d.pause and at_most(d.pause, PAUSE_MOST) or 0, message, wrong
end

-- Whether answers to the webhook are judged at all.
function judge.has_rule(r)
  return (r.success or r.on_response) and true or nil
end

return judge
