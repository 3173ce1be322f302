-- flow: the words of flows (call, send, sleep, wait_event, parallel), what each asks of the host and what it makes of the
-- answer; and the flows that scripts have defined.

local concat, error, format, gmatch, ipairs, match, math_type, next, pairs, select, sort, tointeger, tonumber, tostring =
  table.concat, error, string.format, string.gmatch, ipairs, string.match, math.type, next, pairs, select, table.sort,
  math.tointeger, tonumber, tostring
local type, unpack = type, table.unpack

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local paths = require "stdlib.paths"
local request = require "stdlib.request"
local response = require "stdlib.response"
local retry = require "stdlib.retry"
local run = require "stdlib.run"
local text = require "stdlib.text"
local decode, encode = native.json_decode, native.json_encode

local flow = {}

local find_webhook, message_of -- boot's

-- Tells how a webhook is found (name -> the compiled one, or nil and a message), and how a raised value reads as a message.
function flow.use(finder, messages)
  find_webhook, message_of = finder, messages
end

-- --- call and send ----------------------------------------------------------------------------------------------

local function check_data(word, name, data)
  if type(name) ~= "string" then
    error(format("%s: expected the name of a webhook, found %s", word, dsl.kind(name)), 3)
  end
  local r, why = find_webhook(name)
  if not r then error(format("%s: %s", word, why), 3) end
  if data ~= nil and (type(data) ~= "table" or text.is(data) or native.json_is_array(data)) then
    error(format("%s '%s': expected a table of data, found %s", word, name, dsl.kind(data)), 3)
  end
  return r
end

-- What the templates see: the data, and what earlier calls of the run have answered. A body function must not change the
-- flow's own tables, which a replay would not see changed.
local function seen_data(b, r, data)
  data = data or {}
  local out = data
  if data.Responses == nil and next(b.responses) ~= nil then
    out = { Responses = b.responses }
    for key, v in next, data do out[key] = v end
  end
  if r.may_change then out = decode(encode(out)) end
  return out
end

local function emit(r, b, data, id)
  native.emit(r.name, r.integration, request.render(r, seen_data(b, r, data), id))
end

-- Renders the delivery of a step; nil and why when that fails: then it stands as failed.
local function render(b, r, data)
  local id = native.new_id()
  local ok, why = run.outside(native.protected, emit, r, b, data, id)
  if ok then return id end
  why = message_of(why, r)
  native.emit_failed(r.name, r.integration, why)
  return id, why
end

local function open_call(entry, b, r, data)
  local id, why = render(b, r, data)
  entry.delivery = id
  if why then
    entry.ended_ms = native.now_ms()
    entry.result = encode { ok = false, attempts = 0, error = { kind = "render", message = why } }
  end
  native.step("call", entry, true)
end

local function open_send(entry, b, r, data)
  entry.delivery = render(b, r, data)
  entry.ended_ms = native.now_ms()
  entry.result = encode(entry.delivery)
  native.step("send", entry, true)
end

-- An answer whose variables cannot be had is no answer to go on with. Where none came there is nothing to read.
local function read_vars(res, mapping)
  local vars, why
  if res.status ~= 0 then vars, why = response.vars_of(mapping, res) end
  res.vars = vars or {}
  if why and res.ok then
    res.ok, res.error = false, { kind = "mapping", message = why }
  end
end

-- What the journal keeps of a call; nearly always it has nothing but these two.
local function read_kept(result)
  local attempts = match(result, '^{"ok":true,"attempts":(%d+)}$')
  if attempts then return { ok = true, attempts = tointeger(tonumber(attempts)) } end
  return decode(result)
end

-- The response that a call gives: what came, and what became of it.
local function read_response(entry, r)
  local kept = read_kept(entry.result)
  local res = response.new(entry.status or 0, entry.headers or "", entry.body or "", entry.truncated or false)
  res.ok, res.attempts, res.error = kept.ok, kept.attempts, kept.error
  res.duration = (entry.duration_us or 0) / 1000000
  res.delivery_id = entry.delivery
  read_vars(res, r.mapping)
  return res
end

-- call("webhook", data): sends it, waits for the final outcome, gives the response.
local function call(name, data)
  local b = run.branch "call"
  local r = check_data("call", name, data)
  local res = read_response(run.step(b, "call", name, open_call, b, r, data), r)
  if res.ok then run.answer(b, name, res.vars) end
  return res
end

-- send("webhook", data): a delivery nobody waits for; gives its id.
local function send(name, data)
  local b = run.branch "send"
  local r = check_data("send", name, data)
  return decode(run.step(b, "send", name, open_send, b, r, data).result)
end

-- --- waiting ----------------------------------------------------------------------------------------------------

local function duration(word, v)
  local ms = native.duration(v)
  if not ms then
    error(format('%s: expected a duration up to ten years, such as "30s", or a number of seconds; found %s', word,
      dsl.shown(v)), 3)
  end
  return ms
end

local function open_sleep(entry, ms)
  entry.due_ms = native.now_ms() + ms
  native.step("sleep", entry, false)
end

-- sleep("2h"): goes on then, also after a restart.
local function sleep(v)
  local b = run.branch "sleep"
  local ms = duration("sleep", v)
  run.step(b, "sleep", retry.duration_text(ms), open_sleep, ms)
end

local KEY_MAX = 1000 -- bytes

-- One form for numbers that are equal: 1 and 1.0.
local function plain(v)
  local t = type(v)
  if t == "string" or t == "boolean" then return v end
  if t ~= "number" then return nil end
  return math_type(v) == "float" and tointeger(v) or v
end

-- What events and those who wait for them meet by: the name and the values at these paths, as JSON.
local function key_of(name, list, values)
  local parts = { name }
  for i, p in ipairs(list) do
    parts[#parts + 1] = p
    parts[#parts + 1] = values[i]
  end
  return encode(parts)
end

-- The key of a `match` table and its form (the paths, one a line).
local function read_match(name, wanted)
  if wanted == nil then return key_of(name, {}, {}), "" end
  if type(wanted) ~= "table" or text.is(wanted) then
    error('wait_event: match: expected a table such as {["Order.Id"] = 17}, found ' .. dsl.kind(wanted), 3)
  end
  local list, values = {}, {}
  for p in pairs(wanted) do
    local parsed = type(p) == "string" and paths.parse(p)
    if not parsed or parsed.strict or parsed.lists > 0 then
      error(format("wait_event: match: bad path '%s'; write names and [0], as in Order.Items[0].Id", tostring(p)), 3)
    end
    list[#list + 1] = p
  end
  sort(list)
  for i, p in ipairs(list) do
    values[i] = plain(wanted[p])
    if values[i] == nil then
      error(format("wait_event: match: '%s': expected a text, a number or a boolean, found %s", p, dsl.kind(wanted[p])), 3)
    end
  end
  return key_of(name, list, values), concat(list, "\n")
end

local OPTIONS = { match = true, timeout = true }

local function check_options(options)
  if options == nil then return {} end
  if type(options) ~= "table" then error("wait_event: expected a table of options, found " .. dsl.kind(options), 3) end
  for key in pairs(options) do
    if not OPTIONS[key] then
      error(format("wait_event: unknown option '%s'; there are match and timeout", tostring(key)), 3)
    end
  end
  return options
end

local function open_wait(entry, key, form, timeout)
  entry.match, entry.form = key, form
  entry.due_ms = timeout and native.now_ms() + timeout or nil
  native.step("wait_event", entry, false)
end

-- The event of an envelope, as flows see it.
function flow.event(envelope, id)
  local made = type(envelope) == "string" and decode(envelope) or envelope
  return { id = id, key = made.id, name = made.name, data = made.data or {} }
end

-- wait_event("name", {match = {["Order.Id"] = 17}, timeout = "2d"}): the event, or nil when time is up.
local function wait_event(name, options)
  local b = run.branch "wait_event"
  if type(name) ~= "string" or name == "" then
    error("wait_event: expected the name of an event, found " .. dsl.kind(name), 2)
  end
  options = check_options(options)
  local key, form = read_match(name, options.match)
  if #key > KEY_MAX then error("wait_event: match: longer than 1000 bytes", 2) end
  local timeout = options.timeout ~= nil and duration("wait_event: timeout", options.timeout) or nil
  local got = decode(run.step(b, "wait_event", name, open_wait, key, form, timeout).result)
  if got == native.json_null then return nil end
  return flow.event(got.event, got.id)
end

local forms = {} -- text -> lists of parsed paths

local function parse_forms(lines)
  if forms[lines] then return forms[lines] end
  local out = {}
  for form in gmatch(lines .. "\0", "(.-)%z") do
    local one = { paths = {}, steps = {} }
    for p in gmatch(form, "[^\n]+") do
      one.paths[#one.paths + 1], one.steps[#one.steps + 1] = p, paths.parse(p)
    end
    out[#out + 1] = one
  end
  forms[lines] = out
  return out
end

-- Tells the host what an event brings to those who wait for it: its values in the forms in which events of this name are
-- waited for, `lines` as native.forms() gives them.
function flow.announce(name, data, lines)
  for _, form in ipairs(parse_forms(lines)) do
    local values, all = {}, true
    for i, steps in ipairs(form.steps) do
      values[i] = plain(paths.read(data, steps))
      all = all and values[i] ~= nil
    end
    local key = all and key_of(name, form.paths, values)
    if key and #key <= KEY_MAX then native.on_key(key) end
  end
end

-- --- parallel ---------------------------------------------------------------------------------------------------

local function listed(functions)
  local keys = {}
  for key, f in next, functions do
    if type(f) ~= "function" then
      error(format("parallel: expected functions, found %s", dsl.kind(f)), 3)
    end
    if type(key) ~= "string" and math_type(key) ~= "integer" then
      error("parallel: expected names or a list, found " .. dsl.kind(key) .. " as a key", 3)
    end
    keys[#keys + 1] = key
  end
  sort(keys, function(x, y)
    if type(x) ~= type(y) then return type(x) == "number" end
    return x < y
  end)
  if #keys > 1000 then error("parallel: more than 1000 functions", 3) end
  return keys
end

local function side_by_side(b, functions, keys)
  local list, out = {}, {}
  for i, key in ipairs(keys) do list[i] = functions[key] end
  local results = run.parallel(b, list)
  for i, key in ipairs(keys) do
    if not results[i][1] then error(results[i][2], 0) end
    out[key] = results[i][2]
  end
  return out
end

-- parallel(f, g, …): runs them side by side, gives what each returned; parallel {a = f, b = g} gives a table. An error of
-- one is raised when all have ended.
local function parallel(first, ...)
  local b = run.branch "parallel"
  if type(first) == "table" then return side_by_side(b, first, listed(first)) end
  local functions = { first, ... }
  local n = select("#", ...) + 1
  local keys = listed(functions)
  if #keys ~= n then error("parallel: expected functions, found nothing", 2) end
  return unpack(side_by_side(b, functions, keys), 1, n)
end

-- The words, for the environment of a script.
flow.words = { call = call, send = send, sleep = sleep, wait_event = wait_event, parallel = parallel }

return flow
