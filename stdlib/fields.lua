-- fields: what each field of an integration and of a webhook may hold. A check gets (fail, value) and returns what is used;
-- fail(path, message, …) notes a mistake at a field.

local find, format, ipairs, math_type, pairs, tostring, type, upper =
  string.find, string.format, ipairs, math.type, pairs, tostring, type, string.upper

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"
local retry = require "stdlib.retry"
local text = require "stdlib.text"
local judge = require "stdlib.judge"
local marks = require "stdlib.template.marks"
local response = require "stdlib.response"
local kind, shown = dsl.kind, dsl.shown

local fields = {}

local METHODS = { "GET", "POST", "PUT", "PATCH", "DELETE" }
local HOUR = 3600000

local function string_field(key)
  return function(fail, v)
    if type(v) == "string" then return v end
    if v ~= false then fail({ key }, "%s: expected a string, found %s", key, kind(v)) end
  end
end

local function boolean_field(key)
  return function(fail, v)
    if type(v) == "boolean" then return v end
    fail({ key }, "%s: expected true or false, found %s", key, kind(v))
  end
end

local function duration_field(key)
  return function(fail, v)
    local ms = native.duration(v)
    if not ms then
      fail({ key }, '%s: expected a duration such as "30s" or a number of seconds, found %s', key, shown(v))
    elseif ms < 1 or ms > HOUR then
      fail({ key }, "%s: %s is out of range; from 1ms to 1h", key, shown(v))
    else
      return ms
    end
  end
end

local function url_field(fail, v)
  if v == "" or v == false then return "" end
  if type(v) == "string" or text.is(v) then return v end
  fail({ "url" }, "url: expected a string, found %s", kind(v))
end

local function method_field(fail, v)
  if type(v) ~= "string" then
    fail({ "method" }, "method: expected a string, found %s", kind(v))
    return
  end
  for _, method in ipairs(METHODS) do
    if v == method then return v end
  end
  local near = native.nearest(upper(v), METHODS)
  fail({ "method" }, "unknown method '%s'%s", v, mistakes.hint(near, METHODS))
end

local function positive(fail, path, what, v)
  if type(v) ~= "number" then
    fail(path, "%s: expected a number, found %s", what, kind(v))
  elseif not (v > 0 and v <= 1e6) then
    fail(path, "%s: %s is out of range; it must be over 0", what, v == v and format("%.14g", v) or "NaN")
  else
    return v
  end
end

local function rate_field(fail, v)
  if type(v) ~= "table" then
    if type(v) ~= "number" then
      return fail({ "rate" }, 'rate: expected requests per second, or {100, per = "1m"}; found %s', kind(v))
    end
    local rate = positive(fail, { "rate" }, "rate", v)
    return rate and { rate = rate, per_ms = 1000 }
  end
  for key in pairs(v) do
    if key ~= 1 and key ~= "per" then
      fail({ "rate", key }, 'rate: unknown field \'%s\'; a rate is written {100, per = "1m"}', tostring(key))
    end
  end
  local rate = positive(fail, { "rate", 1 }, "rate", v[1])
  local per = v.per == nil and 1000 or native.duration(v.per)
  if not per or per < 1 then
    return fail({ "rate", "per" }, 'rate.per: expected a duration such as "1m", found %s', shown(v.per))
  end
  return rate and { rate = rate, per_ms = per }
end

local function concurrency_field(fail, v)
  if math_type(v) == "integer" and v >= 1 and v <= 4096 then return v end
  fail({ "concurrency" }, "concurrency: expected a whole number from 1 to 4096, found %s", shown(v))
end

local function headers_field(fail, v)
  if type(v) ~= "table" or text.is(v) then
    fail({ "headers" }, "headers: expected a table, found %s", kind(v))
  end
  return nil
end

local function body_field(fail, v)
  local t = type(v)
  if v == false then return nil end
  if t == "string" or t == "table" or t == "function" then
    local record = marks.record(v)
    if record and record.kind == "when" and record.other == nil then
      return fail({ "body" }, "body: when() needs a third argument here")
    end
    return v
  end
  fail({ "body" }, "body: expected a table, a string or a function, found %s", kind(v))
end

local function on_field(fail, v)
  if v == false then return nil end
  if type(v) ~= "string" then return fail({ "on" }, "on: expected the name of an event, found %s", kind(v)) end
  if v == "" or #v > 255 or find(v, "%c") then
    return fail({ "on" }, "on: bad name of an event; 1 to 255 characters, no control characters")
  end
  return v
end

local function response_field(fail, v)
  if v == false then return nil end
  return response.compile(v, fail)
end

local function success_field(fail, v)
  return judge.read_success(v, fail)
end

local function on_response_field(fail, v)
  return judge.read_on_response(v, fail)
end

local function retry_field(fail, v)
  return retry.read(v, fail)
end

fields.integration = {
  name = string_field "name", description = string_field "description", url = url_field, rate = rate_field,
  headers = headers_field, retry = retry_field, timeout = duration_field "timeout",
  connect_timeout = duration_field "connect_timeout", concurrency = concurrency_field, redirects = boolean_field "redirects",
  success = success_field, on_response = on_response_field,
}

fields.webhook = {
  integration = string_field "integration", name = string_field "name", description = string_field "description",
  method = method_field, url = url_field, headers = headers_field, body = body_field, response = response_field,
  on = on_field, retry = retry_field, timeout = duration_field "timeout",
  connect_timeout = duration_field "connect_timeout", redirects = boolean_field "redirects",
  success = success_field, on_response = on_response_field,
}

local function key_field(fail, v)
  if v == false then return nil end
  if (type(v) == "string" and v ~= "") or type(v) == "function" then return v end
  fail({ "key" }, 'key: expected a template such as "${Customer.Id}" or a function, found %s', shown(v))
end

local function run_field(fail, v)
  if type(v) == "function" then return v end
  fail({ "run" }, "run: expected a function, found %s", kind(v))
end

fields.flow = {
  name = string_field "name", description = string_field "description", on = on_field, key = key_field, run = run_field,
}

-- Fields that must be there, with what to write.
fields.required = {
  integration = { url = 'url = "https://…"' },
  webhook = { integration = 'integration = "…", the one it belongs to' },
  flow = { on = 'on = "…", the event that starts it', run = "run = function(event) … end" },
}

return fields
