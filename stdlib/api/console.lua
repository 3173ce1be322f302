-- console: the words of the console alone; entries as in script.lua.

local CONSOLE = { "console" }
local ID = { "id", "string", "of a delivery; its beginning is enough once it was printed" }
local NAME = { "name", "string", "of a webhook" }
local DATA = { "data?", "table", "what its templates read" }
local INTEGRATION = { "integration", "string", "its name" }
local PAUSED = { "table" }

return {
  { name = "webhooks", group = "look", where = CONSOLE, params = {}, returns = { "table[]" }, summary = "the webhooks",
    details = "A list of tables: webhooks()[1].url" },
  { name = "integrations", group = "look", where = CONSOLE, params = {}, returns = { "table[]" },
    summary = "the integrations, what waits for each" },
  { name = "flows", group = "look", where = CONSOLE, params = {}, returns = { "table[]" }, summary = "the flows" },
  { name = "status", group = "look", where = CONSOLE, params = {}, returns = { "table" },
    summary = "the daemon: since when, its scripts, counters" },
  { name = "deliveries", group = "look", where = CONSOLE, of = "delivery_filter",
    params = { { "filter?", "delivery_filter|string", "which, or the name of a webhook" } }, returns = { "table[]" },
    summary = "the log of deliveries, the newest first",
    example = [[
deliveries { state = "failed", since = "1h" }
for _, d in ipairs(deliveries { webhook = "order_paid", state = "failed" }) do resend(d.id) end]] },
  { name = "delivery", group = "look", where = CONSOLE, params = { ID }, returns = { "table" },
    summary = "one delivery: its request and each attempt", example = 'delivery "01900000-0000"' },
  { name = "preview", group = "look", where = CONSOLE, params = { NAME, DATA }, returns = { "table" },
    summary = "the request as it would be sent", details = "Secrets are masked.",
    example = 'preview("order_paid", { Order = { Id = 17 }, Customer = { Email = "ana@example.com" } })' },
  { name = "template", group = "look", where = CONSOLE,
    params = { { "text", "string", "a template" }, { "data?", "table", "what it reads" },
      { "as?", "string", "text, json, form, url, header or xml; text without it" } }, returns = { "string" },
    summary = "a template rendered", example = 'template("${ Name | toUpper }", { Name = "ana" })' },
  { name = "runs", group = "look", where = CONSOLE, of = "run_filter",
    params = { { "filter?", "run_filter|string", "which, or the name of a flow" } }, returns = { "table[]" },
    summary = "runs of flows, the newest first",
    details = "runs.get(id), runs.cancel(id), runs.resume(id) and runs.restart(id) are for one.",
    example = 'runs { flow = "checkout", state = "parked" }' },
  { name = "trace", group = "look", where = CONSOLE, params = { { "webhook?", "string", "this one alone" } }, returns = {},
    summary = "shows each exchange, until Ctrl-C" },
  { name = "help", group = "look", where = CONSOLE, params = { { "word?", "any", "a word, its name, or a field" } }, returns = {},
    summary = "what there is, or all about one word", example = [[
help "webhook"
help "webhook.retry"
help(call)]] },
  { name = "emit", group = "act", where = CONSOLE,
    params = { { "event", "string", "its name" }, { "data?", "table", "its data" },
      { "id?", "string", "one that was seen within 24 h is not processed again" } }, returns = { "table" },
    summary = "an event: what it made",
    details = "Gives { id, deliveries, runs, woken, duplicate }.",
    example = 'emit("order.paid", { Order = { Id = 17 } })' },
  { name = "resend", group = "act", where = CONSOLE, params = { ID }, returns = { "string" },
    summary = "sends a finished delivery again" },
  { name = "pause", group = "act", where = CONSOLE,
    params = { INTEGRATION, { "time?", "string|number", '"10m", or seconds; 30d at most; without it until resume()' } },
    returns = PAUSED, summary = "holds back an integration's requests",
    details = "What is at the receiver already ends. Reloads change nothing of it; a daemon that starts anew pauses nothing.",
    example = 'pause("shop", "10m")' },
  { name = "resume", group = "act", where = CONSOLE, params = { INTEGRATION }, returns = PAUSED,
    summary = "lets a paused integration go on" },
  { name = "drain", group = "act", where = CONSOLE, params = { INTEGRATION }, returns = PAUSED,
    summary = "pauses it, waits for what is in flight" },
  { name = "reload", group = "act", where = CONSOLE, params = {}, returns = { "table" },
    summary = "loads the scripts anew",
    details = "Where they have mistakes these are told, and the old ones stay. Variables stay where JSON can hold them." },
}
