-- boot: what the C side calls; see README.md, "The seam". Called once per Lua state with the table `native`.

local native = ...

package.loaded["stdlib.native"] = native

local concat, find, format, ipairs, pairs, pcall, tostring, type =
  table.concat, string.find, string.format, ipairs, pairs, pcall, tostring, type

local digest = require "stdlib.digest"
local flow = require "stdlib.flow"
local judge = require "stdlib.judge"
local mistakes = require "stdlib.mistakes"
local response = require "stdlib.response"
local run = require "stdlib.run"
local runtime = require "stdlib.template.runtime"
local sandbox = require "stdlib.sandbox"
local template_words = require "stdlib.template_words"
local validate = require "stdlib.validate"
local view = require "stdlib.view"

local boot = {}

local decode, is_array = native.json_decode, native.json_is_array
local deliver, protected, read_event, unhook = native.deliver, native.protected, native.read_event, native.unhook

local integrations, webhooks, flows = {}, {}, {}         -- sorted by name
local by_name, hooks_by_event = {}, {}                   -- system name -> webhook; event -> hooks
local flow_by_name, flows_by_event = {}, {}

local function add_to(lists, name, v)
  if not name then return end
  lists[name] = lists[name] or {}
  table.insert(lists[name], v)
end

local function index()
  for _, r in ipairs(webhooks) do
    by_name[r.name] = r
    add_to(hooks_by_event, r.on, r.hook)
  end
  for _, f in ipairs(flows) do
    flow_by_name[f.name] = f
    add_to(flows_by_event, f.on, f)
  end
end

-- Runs and checks the scripts; nothing is defined when there is a mistake.
function boot.load(files, dirs)
  sandbox.load(files, dirs)
  local good, compiled, sound = validate.all()
  local errors, warnings = mistakes.take()
  if #errors == 0 then
    integrations, webhooks, flows = good, compiled, sound
    index()
  end
  return errors, warnings
end

-- For the host: rates and concurrency.
function boot.integrations()
  local out = {}
  for i, whole in ipairs(integrations) do
    local rate = whole.ok.rate
    out[i] = {
      name = whole.def.name, rate = rate and rate.rate or 0, per_ms = rate and rate.per_ms or 1000,
      concurrency = whole.ok.concurrency or view.CONCURRENCY,
    }
  end
  return out
end

function boot.webhook_count()
  return #webhooks
end

function boot.flow_count()
  return #flows
end

-- What is defined, one a line: kind, name and digest, with tabs between; by kind, then name.
function boot.digests()
  unhook() -- nothing of a script is called
  local out = {}
  for _, list in ipairs { flows, integrations, webhooks } do
    for _, r in ipairs(list) do
      native.look()
      out[#out + 1] = concat({ r.def.kind, r.def.name, digest.of(r.def) }, "\t") .. "\n"
    end
  end
  return concat(out)
end

local function place_of(r)
  return format("%s:%d: %s: ", r.def.path, r.def.line, r.def.label)
end

local MEMORY, OVER = "not enough memory", "scripts use more than 256 MiB" -- Lua's words, and those of script/state
local SHOWN = 500 -- bytes of a table that was raised

-- What a raised table says: its JSON, where that is short.
local function shown(e)
  local ok, made = pcall(native.json_encode, e)
  return ok and #made <= SHOWN and ": " .. made or ""
end

-- A raised value as a message with a place: its own, or that of the webhook or flow.
local function message_of(e, r)
  if type(e) ~= "string" then e = "the script raised " .. runtime.kind(e) .. (type(e) == "table" and shown(e) or "") end
  e = e == MEMORY and OVER or mistakes.plain(e)
  if not r or find(e, "^[^\n]-:%d+: ") then return e end
  return place_of(r) .. e
end

local ENVELOPE = { name = true, id = true, data = true }

local function is_object(v)
  return type(v) == "table" and not is_array(v)
end

local function check_text(v, field)
  if type(v) ~= "string" then return format("'%s': expected a string, found %s", field, runtime.kind(v)) end
  if v == "" or #v > 255 then return format("'%s': expected 1 to 255 characters, found %d", field, #v) end
end

local function envelope_mistake(event)
  if not is_object(event) then return "an event is an object, found " .. runtime.kind(event) end
  for key in pairs(event) do
    if not ENVELOPE[key] then
      return format("unknown field '%s' of an event%s", key, mistakes.hint(native.nearest(key, { "name", "id", "data" })))
    end
  end
  if event.name == nil then return "'name' is missing: the name of the event" end
  local why = check_text(event.name, "name") or event.id ~= nil and check_text(event.id, "id")
  if why then return why end
  if event.data ~= nil and not is_object(event.data) then
    return "'data': expected an object, found " .. runtime.kind(event.data)
  end
end

-- The key of a run: a text, or nil; nil and a message when it cannot be had. `input`: the event for a function, the data
-- for a template.
local function key_for(f, input)
  local ok, key = true
  if type(f.key) == "function" then ok, key = protected(f.key, input)
  elseif f.key.static then key = f.key.static
  else ok, key = protected(f.key.render, input, "") end
  if not ok then return nil, message_of(key, f) end
  if key == nil then return nil end
  if type(key) == "number" then key = tostring(key) end
  if type(key) ~= "string" or key == "" or #key > 255 then
    return nil, message_of("key: expected a text of 1 to 255 characters, found "
      .. (type(key) == "string" and #key or runtime.kind(key)), f)
  end
  return key
end

-- The data, name and id of an event; nil and what is wrong with it. Without `raw`: of the one that C has at hand, whose text
-- most have no use for.
local function read(raw)
  local data, name, id = read_event(raw)
  if data then return data, name, id end
  local event, why = decode(raw or native.envelope())
  why = event == nil and why or envelope_mistake(event)
  if why then return nil, why end
  return event.data or {}, event.name, event.id
end

-- Starts a run of a flow. A function of the script gets an event of its own: it may change it.
local function start(f, data, raw)
  local key, why
  if type(f.key) == "function" then
    key, why = key_for(f, flow.event(raw))
  elseif f.key then
    key, why = key_for(f, f.key.custom and read(raw) or data)
  end
  native.emit_run(f.name, key, why)
end

-- What an event is besides deliveries: a run for each flow, and what those who wait for it know it by. `clean`: its data is
-- as it came.
local function rest(raw, name, data, clean, begun, lines)
  if not clean then data = read(raw) end
  for i = 1, begun and #begun or 0 do start(begun[i], data, raw or native.envelope()) end
  if lines then flow.announce(name, data, lines) end
end

local function failed(r, why)
  native.emit_failed(r.name, r.integration, message_of(why, r))
end

boot.event = native.way {
  hooks = hooks_by_event, flows = flows_by_event, on_event = native.on_event, deliver = native.deliver, failed = failed,
  forms = native.forms, read = read, rest = rest,
}

-- A run of one flow, from an envelope that has been accepted before.
function boot.start(name, raw)
  local f = flow_by_name[name]
  if not f then return nil, 404, format("no flow '%s'", name) end
  start(f, decode(raw).data or {}, raw)
  return true
end

local function find_webhook(name)
  if by_name[name] then return by_name[name] end
  local names = {}
  for i, r in ipairs(webhooks) do names[i] = r.name end
  return nil, format("no webhook '%s'%s", name, mistakes.hint(native.nearest(name, names)))
end

local function read_data(raw)
  if raw == nil or raw == "" then return {} end
  local data, why = decode(raw)
  if data == nil then return nil, why end
  if not is_object(data) then return nil, "expected an object as the data, found " .. runtime.kind(data) end
  return data
end

-- The webhook and the data of a call; nil, code and message.
local function prepare(name, raw)
  local r, why = find_webhook(name)
  if not r then return nil, 404, why end
  local data, bad = read_data(raw)
  if not data then return nil, 400, bad end
  return r, data
end

-- One delivery of one webhook.
function boot.call(name, raw)
  unhook() -- as above
  local r, data, why = prepare(name, raw)
  if not r then return nil, data, why end
  local ok, bad = deliver(r.hook, data)
  if not ok then return nil, 422, message_of(bad, r) end
  return true
end

-- The request as it would be sent, secrets masked.
function boot.preview(name, raw)
  local r, data, why = prepare(name, raw)
  if not r then return nil, data, why end
  local ok, result = protected(view.preview, r, data)
  if not ok then return nil, 422, message_of(result, r) end
  return result
end

function boot.list(what)
  if what == "flows" then return view.flows(flows) end
  if what == "integrations" then return view.integrations(integrations, webhooks) end
  return view.webhooks(webhooks)
end

-- --- runs ---------------------------------------------------------------------------------------------------------

-- A run in memory; nil and a message when there is no such flow.
function boot.run_new(id, name, envelope, event_id, started_ms)
  local f = flow_by_name[name]
  if not f then return nil, format("the scripts that it runs under have no flow '%s'", name) end
  return run.new(id, name, f.run, flow.event(envelope, event_id), started_ms, place_of(f))
end

boot.run_put = run.put

-- How far it goes: "waiting", "more" (others have their turn first), "memory" (Lua has no more), or how it ended: "parked" and
-- "failed" with a message, "succeeded" with JSON or nothing.
function boot.run_go(r)
  local how, value = run.go(r)
  if how == "parked" then return how, value end
  if how == "failed" and (value == MEMORY or value == OVER) then return "memory", OVER end
  if how == "failed" then return how, message_of(value, flow_by_name[r.flow]) end
  if how ~= "succeeded" or value == nil then return how end
  local ok, made = protected(native.json_encode, value)
  if ok then return how, made end
  native.log("warn", "what the flow returned is not kept: " .. mistakes.plain(made), { flow = r.flow, run = r.id })
  return how
end

flow.use(find_webhook, message_of)

-- --- the console ----------------------------------------------------------------------------------------------------

local function definitions()
  return integrations, webhooks, flows
end

-- Most states never have a session: what only sessions need is loaded for the first.
local function of_console(name)
  return function(...)
    local console = require "stdlib.console"
    console.use(definitions)
    return console[name](...)
  end
end

-- Reads it, where there is time for it.
function boot.console_read()
  require "stdlib.console"
  return true
end

for _, name in ipairs { "new", "keep", "eval", "go", "answer", "cancel", "complete" } do
  boot["console_" .. name] = of_console(name)
end

-- What scripts may say, as text for people and for editors.
for _, name in ipairs { "markdown", "stubs" } do
  boot["api_" .. name] = function()
    return require("stdlib.api." .. name).write(require "stdlib.api")
  end
end

-- One template rendered.
function boot.template(text, as, raw)
  if not template_words.is_place(as) then
    return nil, 400, "expected text, json, form, url, header or xml, found '" .. tostring(as) .. "'"
  end
  local data, bad = read_data(raw)
  if not data then return nil, 400, bad end
  local compiled, found = template_words.compile(text, as, { shown = true })
  if not compiled then return nil, 422, concat(found, "\n") end
  if compiled.static then return compiled.static end
  local ok, result = protected(compiled.render, data, native.new_id())
  if not ok then return nil, 422, message_of(result) end
  return result
end

-- The variables of a response, as JSON text.
function boot.vars(webhook, status, headers, body, truncated)
  local r = by_name[webhook]
  if not r or not r.mapping then return nil end
  local res = response.new(status, headers, body, truncated)
  if r.mapping.call then judge.mark(r, res) end
  return response.vars(r.mapping, res)
end

-- What the webhook makes of an answer: see judge.judge(); the mistakes as one message, or nil.
function boot.judge(webhook, status, headers, body, truncated, attempts)
  local r = by_name[webhook]
  if not r or not judge.has_rule(r) then return "default", 0, 0 end
  local res = response.new(status, headers, body, truncated)
  res.attempts = attempts
  local kind, retry_ms, pause_ms, message, wrong = judge.judge(r, res)
  for i, why in ipairs(wrong) do wrong[i] = message_of(why, r) end
  return kind, retry_ms, pause_ms, message, wrong[1] and concat(wrong, "; ") or nil
end

return boot
