-- words: what there is to do at the console. Each checks what it is given, asks the host (line.ask), and gives plain tables.

local concat, error, find, ipairs, match, next, select, setmetatable, tostring, type =
  table.concat, error, string.find, ipairs, string.match, next, select, setmetatable, tostring, type

local native = require "stdlib.native"
local check = require "stdlib.console.check"
local line = require "stdlib.console.line"
local mistakes = require "stdlib.mistakes"
local pretty = require "stdlib.console.pretty"
local runs = require "stdlib.runs"
local response = require "stdlib.response"
local show = require "stdlib.console.show"
local template_words = require "stdlib.template_words"
local null = native.json_null

local words = {}
local all = {}

local session -- whose line is being run
local SEEN_MAX, PAUSE_MAX = 20000, 30 * 24 * 3600000

-- Tells whose line is about to run.
function words.begin(s)
  session = s
end

-- --- the host ---------------------------------------------------------------------------------------------------

-- What the host says is not there may be near to something that the session's scripts have.
local function with_hint(why)
  local kind, name = match(why, "^no (%a+) '([^'\n]*)'$")
  if kind ~= "webhook" and kind ~= "integration" and kind ~= "flow" then return why end
  return why .. mistakes.hint(words.nearest(kind, name))
end

local function ask(word, op, args)
  local v, why = line.ask(word, op, args or {})
  if v ~= nil then return v end
  why = with_hint(why)
  local separator = find(why, "\n", 1, true) and ":\n" or ": "
  return error(word .. separator .. why, 0)
end

-- Without nulls: what is not there is nil. For what the host made; data of people keep theirs.
local function bare(v)
  if type(v) ~= "table" then return v end
  for key, inner in next, v do
    if inner == null then v[key] = nil else bare(inner) end
  end
  return v
end

-- The same for the fields alone.
local function bare_fields(v)
  for key, inner in next, v do
    if inner == null then v[key] = nil end
  end
  return v
end

-- Notes the id of a delivery or a run that the person gets to see: from now on its beginning is enough.
local function seen(id, kind)
  if type(id) ~= "string" or session.ids[id] then return id end
  session.seen = (session.seen or 0) + 1
  if session.seen > SEEN_MAX then session.ids, session.seen = {}, 1 end
  session.ids[id] = kind
  return id
end

local function all_seen(rows, kind)
  for _, row in ipairs(rows) do seen(type(row) == "table" and row.id or row, kind) end
  return rows
end

local function the_id(word, v, what)
  return check.id(word, v, session.ids, what)
end

local function has_more(page)
  return page.next ~= nil and page.next ~= null
end

-- --- what is defined, what goes on --------------------------------------------------------------------------------

local function lister(word)
  return function() return show.as(word, bare(ask(word, word))[word]) end
end

all.webhooks, all.integrations, all.flows = lister "webhooks", lister "integrations", lister "flows"

function all.status()
  return bare(ask("status", "status"))
end

local function name_filter(word, v, name)
  return check.name(word, v, "the name of " .. (name == "integration" and "an " or "a ") .. name .. " as " .. name)
end

words.DELIVERY_STATES = { "queued", "sending", "waiting", "succeeded", "failed", "unknown", "canceled" }
words.RUN_STATES = runs.STATES

local function state_filter(states)
  return function(word, v) return check.one_of(word, v, "state", states) end
end

words.DELIVERY_FILTERS = { webhook = name_filter, state = state_filter(words.DELIVERY_STATES), since = check.time,
  before = check.time, limit = check.limit }
words.RUN_FILTERS = { flow = name_filter, state = state_filter(words.RUN_STATES), limit = check.limit }

-- The host says "until", which is a keyword of Lua.
local ACCEPTED = { ["until"] = check.time }
for name, read in next, words.DELIVERY_FILTERS do ACCEPTED[name] = read end

function all.deliveries(filter)
  local args = check.filter("deliveries", filter, ACCEPTED, "webhook")
  args["until"], args.before = args.before or args["until"], nil
  local page = ask("deliveries", "deliveries", args)
  return show.as("deliveries", all_seen(bare(page.deliveries), "delivery"), has_more(page))
end

local function bare_delivery(d)
  local vars = d.vars
  d.vars = nil
  bare(d).vars = vars
  seen(d.id, "delivery")
  return d
end

function all.delivery(id)
  return show.as("delivery", bare_delivery(ask("delivery", "delivery", { id = the_id("delivery", id, "delivery") })))
end

-- --- requests -----------------------------------------------------------------------------------------------------

local function webhook_and_data(word, name, data)
  return { webhook = check.name(word, name, "the name of a webhook"), data = check.data(word, data) }
end

function all.preview(name, data)
  return show.as("preview", bare(ask("preview", "preview", webhook_and_data("preview", name, data))))
end

function all.send(name, data)
  return seen(ask("send", "send", webhook_and_data("send", name, data)).id, "delivery")
end

local function header_text(headers)
  local out = {}
  for i, h in ipairs(headers or {}) do out[i] = h.name .. ": " .. h.value .. "\n" end
  return concat(out)
end

-- A delivery that has ended, as the response that flows get.
local function response_of(d)
  local last = d.attempts and d.attempts[#d.attempts] or {}
  local answer = last.response or {}
  local res = response.new(last.status or 0, header_text(answer.headers), answer.body or "", answer.truncated or false)
  res.ok, res.attempts, res.error = d.state == "succeeded", d.attempt_count or #(d.attempts or {}), d.error
  res.duration, res.vars, res.delivery_id = (last.duration_ms or 0) / 1000, d.vars or {}, d.id
  if d.vars_error and res.ok then res.ok, res.error = false, { kind = "mapping", message = d.vars_error } end
  return show.as("response", res)
end

function all.call(name, data)
  return response_of(bare_delivery(ask("call", "call", webhook_and_data("call", name, data))))
end

function all.emit(name, data, id)
  local args = { name = check.name("emit", name, "the name of an event"), data = check.data("emit", data) }
  if id ~= nil then args.id = check.name("emit", id, "a text as the id") end
  local made = bare(ask("emit", "emit", args))
  all_seen(made.deliveries or {}, "delivery")
  all_seen(made.runs or {}, "run")
  return show.as("emitted", made)
end

function all.resend(id)
  return seen(ask("resend", "resend", { id = the_id("resend", id, "delivery") }).id, "delivery")
end

-- --- integrations -------------------------------------------------------------------------------------------------

local function integration_name(word, name)
  return check.name(word, name, "the name of an integration")
end

function all.pause(name, duration)
  local args = { integration = integration_name("pause", name) }
  if duration ~= nil then args.ms = check.duration("pause", duration) end
  if (args.ms or 0) > PAUSE_MAX then error("pause: at most 30d; without a time it lasts until resume()", 0) end
  return bare(ask("pause", "pause", args))
end

function all.resume(name)
  return bare(ask("resume", "resume", { integration = integration_name("resume", name) }))
end

function all.drain(name)
  return bare(ask("drain", "drain", { integration = integration_name("drain", name) }))
end

function all.reload()
  return show.as("loaded", bare(ask("reload", "reload")))
end

-- --- runs ---------------------------------------------------------------------------------------------------------

local function list_runs(filter)
  local page = ask("runs", "runs", check.filter("runs", filter, words.RUN_FILTERS, "flow"))
  return show.as("runs", all_seen(bare(page.runs), "run"), has_more(page))
end

local function get_run(id)
  local r = bare_fields(ask("runs.get", "run", { id = the_id("runs.get", id, "run") }))
  for _, step in ipairs(r.steps or {}) do
    bare_fields(step)
    seen(step.delivery, "delivery")
  end
  if r.event then bare_fields(r.event) end
  seen(r.id, "run")
  return show.as("run", r)
end

local function told_run(word)
  return function(id, scripts)
    local name = "runs." .. word
    local args = { id = the_id(name, id, "run") }
    if scripts ~= nil then args.scripts = check.one_of(name, scripts, "choice of scripts", { "current" }) end
    local made = bare(ask(name, "run_" .. word, args))
    seen(made.id, "run")
    return made
  end
end

local cancel, resume, restart = told_run "cancel", told_run "resume", told_run "restart"

all.runs = setmetatable({
  list = list_runs, get = get_run, resume = resume,
  cancel = function(id) return cancel(id) end, restart = function(id) return restart(id) end,
}, { __metatable = "runs", __call = function(_, filter) return list_runs(filter) end, __index = function(_, name)
  if name == "id" then error("runs.id: not at the console; only a flow has a run of its own", 0) end
end })

-- --- watching -----------------------------------------------------------------------------------------------------

function all.trace(name)
  local args = {}
  if name ~= nil then args.webhook = check.name("trace", name, "the name of a webhook") end
  line.write("the exchanges of " .. (name or "all webhooks") .. "; Ctrl-C ends it")
  while true do
    local e = bare(ask("trace", "trace", args))
    seen(e.delivery, "delivery")
    line.write(show.exchange(e, line.width()))
  end
end

function all.sleep(duration)
  ask("sleep", "sleep", { ms = check.duration("sleep", duration) })
end

-- --- what needs no host -------------------------------------------------------------------------------------------

local function rendered(template, data, as)
  local name = as == nil and "text" or as
  if type(template) ~= "string" then error("template: expected a text, found " .. pretty.value(template), 0) end
  if not template_words.is_place(name) then
    error("template: expected text, json, form, url, header or xml, found " .. pretty.value(name), 0)
  end
  if data ~= nil and type(data) ~= "table" then error("template: expected a table of data, found " .. type(data), 0) end
  local compiled, found = template_words.compile(template, name, { methods = true, shown = true })
  if not compiled then error("template: " .. concat(found, "\n"), 0) end
  if compiled.static then return compiled.static end
  local ok, made = native.protected(compiled.render, data or {}, native.new_id())
  if ok then return made end
  return error("template: " .. mistakes.plain(tostring(made)), 0)
end

all.template = setmetatable({ compile = template_words.template.compile, render = template_words.template.render },
  { __metatable = "template word", __call = function(_, ...) return rendered(...) end })

-- As tostring, but tables that say nothing of themselves are shown.
local function printed(v)
  if type(v) == "string" then return pretty.clean(v) end
  if type(v) ~= "table" then return pretty.value(v, line.width()) end
  local said = tostring(v)
  if find(said, "^[%w_.]+: 0x%x+$") then return show.value(v, line.width()) end
  return pretty.clean(said)
end

function all.print(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = printed((select(i, ...))) end
  native.console_text(concat(out, "\t") .. "\n")
end

local ELSEWHERE = "it belongs in a script: edit the file, then reload()"

local NOT_HERE = {
  wait_event = "only a flow can wait for an event: edit the file, then reload(); emit() makes one, trace() watches",
  parallel = "only a flow runs several things at once: edit the file, then reload(); here call() one after the other",
}
for _, word in ipairs { "integration", "webhook", "flow", "copy", "secret", "each", "when", "template_function" } do
  NOT_HERE[word] = ELSEWHERE
end

for word, why in next, NOT_HERE do
  all[word] = function() error(word .. ": not at the console; " .. why, 0) end
end

-- The words.
words.all = all
words.NOT_HERE = NOT_HERE

return words
