-- script: the words of scripts and flows. An entry is {name, group, where = {…}, params = {{name, type, summary}, …}, returns =
-- {type, …}, summary, details, example}; a name of a parameter that ends in "?" may be left out. `form`: how it is written, where
-- that is no plain call, `brief`: the same on one page; `value`: the type of what is no function; `of`: the table whose fields it
-- takes; `lua`: Lua has it too.

local SCRIPT, FLOW, ALL = { "script" }, { "flow" }, { "script", "flow", "console" }
local BOTH = { "flow", "console" }
local RUN_ID = { "id", "string", "of a run; at the console its beginning, once it was printed" }
local AS = { "as?", "string", "text, json, form, url, header or xml; text without it" }
local TOLD = "{ id: string, state: string }?"

return {
  -- --- definitions ----------------------------------------------------------------------------------------------
  { name = "integration", group = "definitions", where = SCRIPT, form = 'integration "NAME" { fields }',
    brief = 'integration "NAME" { … }', of = "integration",
    params = { { "name", "string", "letters, digits, '_', '-' and '.'" } }, returns = { "fun(fields: integration)" },
    summary = "defines a receiver: its URL, rate and headers",
    example = [[
integration "shop" {
  url     = "https://api.example.com/v3/",
  rate    = 10,
  headers = { ["Authorization"] = "Bearer " .. secret "SHOP_TOKEN" },
}]] },
  { name = "webhook", group = "definitions", where = SCRIPT, form = 'webhook "NAME" { fields }', of = "webhook",
    params = { { "name", "string", "letters, digits, '_', '-' and '.'" } }, returns = { "fun(fields: webhook)" },
    summary = "defines one kind of request",
    example = [[
webhook "order_paid" {
  integration = "shop",
  on   = "order.paid",
  url  = "orders?transactionId=${WebhookRequest.TransactionalId}",
  body = { id = "${Order.Id}", email = "${Customer.Email | toLower}" },
}]] },
  { name = "flow", group = "definitions", where = SCRIPT, form = 'flow "NAME" { fields }', of = "flow",
    params = { { "name", "string", "letters, digits, '_', '-' and '.'" } }, returns = { "fun(fields: flow)" },
    summary = "defines what happens after an event",
    example = [[
flow "first_order" { on = "customer.registered", run = function(event)
  local paid = wait_event("order.paid", { match = { ["Customer.Id"] = event.data.Customer.Id }, timeout = "3d" })
  if not paid then call("reminder", event.data) end
end }]] },
  { name = "copy", group = "definitions", where = SCRIPT, form = 'copy "NAME" { changes }',
    params = { { "name", "string", "of a webhook" } }, returns = { "fun(changes: webhook): webhook" },
    summary = "a webhook's fields, some replaced",
    details = "Headers are merged, name by name.",
    example = 'webhook "order_paid_eu" (copy "order_paid" { integration = "shop_eu" })' },
  { name = "template_function", group = "definitions", where = SCRIPT,
    params = { { "name", "string", "letters, digits and '_'" }, { "f", "fun(...): any", "gets the values, nil for null" } },
    returns = {}, summary = "adds a function to the template language",
    details = "What it returns is escaped like any other value.",
    example = 'template_function("initials", function(name) return (name:gsub("(%a)%S*%s*", "%1")) end)' },
  -- --- values -----------------------------------------------------------------------------------------------------
  { name = "secret", group = "values", where = SCRIPT, form = 'secret "NAME"',
    params = { { "name", "string", "of a variable of the environment" } }, returns = { "secret" },
    summary = "a private value: used in sending, never shown",
    details = [[
From the environment, --env-file or $CREDENTIALS_DIRECTORY. For URLs, headers and bodies, also joined with "..". Missing or
empty: the scripts do not load.]],
    example = 'headers = { ["Authorization"] = "Bearer " .. secret "SHOP_TOKEN" }' },
  { name = "each", group = "values", where = SCRIPT,
    params = { { "loop", "string", '"name in list"' }, { "value", "any", "what each element becomes" } }, returns = { "table" },
    summary = "in a body: a value for each element of a list",
    example = 'items = each("line in Order.Items", { sku = "${line.Sku}", qty = "${line.Qty}" })' },
  { name = "when", group = "values", where = SCRIPT,
    params = { { "condition", "string", "of the template language" }, { "value", "any", "where it holds" },
      { "other?", "any", "where it does not; without it the key is left out" } }, returns = { "table" },
    summary = "in a body: a value where a condition holds",
    example = 'note = when("Order.Note != null", "${Order.Note}")' },
  { name = "env", group = "values", where = ALL,
    params = { { "name", "string", "of a variable of the environment" }, { "default?", "any", "where it is not set" } },
    returns = { "string?" }, summary = "a plain value of the environment",
    example = 'url = env("SHOP_URL", "http://127.0.0.1:8021/")' },
  -- --- flows --------------------------------------------------------------------------------------------------------
  { name = "call", group = "steps", where = BOTH,
    params = { { "webhook", "string", "its name" }, { "data?", "table", "what its templates read" } }, returns = { "response" },
    summary = "makes a delivery and waits for its outcome",
    details = "Retries are waited for too. A call that fails raises nothing: res.ok is false, and res.error says why.",
    example = [[
local res = call("order_paid", event.data)
if res.ok then log("created", { id = res.vars.crmId }) else log.error(res.error.message) end]] },
  { name = "send", group = "steps", where = BOTH,
    params = { { "webhook", "string", "its name" }, { "data?", "table", "what its templates read" } }, returns = { "string" },
    summary = "makes a delivery that nobody waits for",
    example = 'local id = send("welcome", event.data)' },
  { name = "sleep", group = "steps", where = BOTH,
    params = { { "duration", "string|number", '"250ms", "30s", "2h", "1d", or seconds; ten years at most' } }, returns = {},
    summary = "waits; in a flow through restarts too", example = 'sleep "2h"' },
  { name = "wait_event", group = "flows", where = FLOW, of = "wait_options",
    params = { { "name", "string", "of an event" }, { "options?", "wait_options", "match and timeout" } }, returns = { "event?" },
    summary = "waits for an event; nil when time is up",
    example = 'local paid = wait_event("order.paid", { match = { ["Order.Id"] = 17 }, timeout = "2d" })' },
  { name = "parallel", group = "flows", where = FLOW, form = "parallel(f, g, …) or parallel { a = f, b = g }",
    brief = "parallel(f, g, …)",
    params = { { "first", "function|table<string|integer, function>", "a function, or a table of functions" },
      { "...", "function", "more functions" } }, returns = { "any ..." },
    summary = "runs functions until all have ended",
    details = [[
They wait side by side. Gives what each returned: in that order, or in a table. The first error is raised when all have ended.]],
    example = [[
local a, b = parallel(function() return call("one", data) end, function() return call("two", data) end)]] },
  { name = "runs.get", group = "steps", where = BOTH, params = { RUN_ID }, returns = { "table?", "string?" },
    summary = "a run with its steps",
    details = "In a flow nil and why not, where there is none; at the console that is an error." },
  { name = "runs.list", group = "steps", where = BOTH, of = "run_filter", params = { { "filter?", "run_filter", "which" } },
    returns = { "table[]?", "string?" }, summary = "runs, the newest first",
    example = 'for _, r in ipairs(runs.list { flow = "checkout", state = "failed" }) do runs.resume(r.id) end' },
  { name = "runs.cancel", group = "steps", where = BOTH, params = { RUN_ID }, returns = { TOLD, "string?" },
    summary = "ends a run" },
  { name = "runs.resume", group = "steps", where = BOTH,
    params = { RUN_ID, { "scripts?", '"current"', "under the scripts of now, not those under which it began" } },
    returns = { TOLD, "string?" }, summary = "lets a failed or parked run go on" },
  { name = "runs.restart", group = "steps", where = BOTH, params = { RUN_ID }, returns = { TOLD, "string?" },
    summary = "begins a run anew, from its event", details = "Gives the id of the new one." },
  { name = "runs.id", group = "flows", where = FLOW, params = {}, returns = { "string" },
    summary = "the id of the run that asks" },
  -- --- data and time ------------------------------------------------------------------------------------------------
  { name = "json.encode", group = "data", where = ALL, params = { { "v", "any", "what JSON can hold" } }, returns = { "string" },
    summary = "JSON of a value", details = "Keys are sorted, whole numbers keep 64 bits." },
  { name = "json.decode", group = "data", where = ALL, params = { { "s", "string", "JSON" } }, returns = { "any", "string?" },
    summary = "the value of JSON; nil and why not" },
  { name = "json.null", group = "data", where = ALL, value = "lightuserdata", params = {}, returns = {},
    summary = "null, as decoded JSON holds it" },
  { name = "json.array", group = "data", where = ALL, params = { { "t", "table", "a list" } }, returns = { "table" },
    summary = "marks a list: an empty one is [], not {}", example = "tags = json.array {}" },
  { name = "json.is_array", group = "data", where = ALL, params = { { "v", "any", "" } }, returns = { "boolean" },
    summary = "whether a table is marked as a list" },
  { name = "now", group = "data", where = ALL, params = {}, returns = { "number" }, summary = "seconds since 1970",
    details = "In a flow it stands still between steps, as os.time() does, so that a replay sees the same." },
  { name = "uuid", group = "data", where = ALL, params = {}, returns = { "string" }, summary = "a new id",
    details = "In a flow the same in each replay." },
  { name = "template.compile", group = "data", where = ALL,
    params = { { "text", "string", "a template" }, AS }, returns = { "compiled_template" },
    summary = "a template that scripts render themselves",
    details = "Raises all mistakes of the text at once.",
    example = [[
local note = template.compile('{"id": ${ Order.Id }}', "json")
log(note:render { Order = { Id = 7 } })]] },
  { name = "template.render", group = "data", where = ALL, brief = "template.render(text, data?)",
    params = { { "text", "string|compiled_template", "a template" }, { "data?", "table", "what it reads" },
      AS,
      { "request?", "request", "where it uses the transactional id" } }, returns = { "string" },
    summary = "a template rendered", example = 'template.render("Order ${ Id }", { Id = 7 })' },
  { name = "log", group = "data", where = ALL,
    params = { { "message", "any", "the message" }, { "fields?", "table<string, any>", "what stands beside it" } }, returns = {},
    summary = "a line in the log", example = 'log("created", { id = res.vars.crmId })' },
  { name = "log.debug", group = "data", where = ALL,
    params = { { "message", "any", "" }, { "fields?", "table<string, any>", "" } }, returns = {},
    summary = "the same, for developers" },
  { name = "log.info", group = "data", where = ALL,
    params = { { "message", "any", "" }, { "fields?", "table<string, any>", "" } }, returns = {},
    summary = "the same as log" },
  { name = "log.warn", group = "data", where = ALL,
    params = { { "message", "any", "" }, { "fields?", "table<string, any>", "" } }, returns = {},
    summary = "the same, as a warning" },
  { name = "log.error", group = "data", where = ALL,
    params = { { "message", "any", "" }, { "fields?", "table<string, any>", "" } }, returns = {},
    summary = "the same, as an error" },
  { name = "print", group = "data", where = ALL, lua = true, params = { { "...", "any", "values" } }, returns = {},
    summary = "a line in the log, or on this terminal" },
  { name = "require", group = "data", where = ALL, form = 'require "NAME"', params = { { "name", "string", "of a module" } },
    returns = { "any" }, lua = true, summary = "another script beside this one",
    details = '"anzol" is the table of these words, "cjson" lua-cjson. At the console: modules that the scripts have loaded.' },
}
