-- tables: the tables of the API and their fields: those that scripts write and those that they get (`kind`), or the console alone
-- (`console`). A field is {name, type, summary, default = what holds without it, required =, details =, example =}; a type is
-- written as LuaLS reads it.

local METHODS = '"GET"|"POST"|"PUT"|"PATCH"|"DELETE"'
local DURATION = "string|number"

-- Fields that integrations and webhooks share.
local RETRY = { "retry", "retry|false", "when a request is sent again; false: never",
  default = '{ delays = { "20s", "80s", "240s" }, on = { 429, "5xx", "timeout" }, within = "6m" }',
  details = [[
Holds for requests that use ${WebhookRequest.TransactionalId}, in whichever part: with the id a receiver can tell a repetition.
Without it a request is sent again only when it certainly never left. Fields that are not given keep what stands here.]],
  example = 'retry = { delays = { "1s", "10s" }, on = { 429, "5xx", "timeout" }, within = "1m" }' }

local SUCCESS = { "success", "(integer|string)[]|false|fun(res: response): boolean", "which answers are a success",
  default = "2xx", details = [[
A list of statuses and classes ("2xx" to "5xx"), or a function of the answer that returns true or false; false in a webhook:
not as its integration says.]],
  example = 'success = { 200, "2xx", 404 }' }

local ON_RESPONSE = { "on_response", "false|fun(res: response): decision?", "decides what becomes of an answer",
  details = [[
Called after each attempt that got a whole answer. Returns nothing where it has no opinion, or a table (help "decision"). false
in a webhook: not the integration's.]],
  example = [[
on_response = function(res)
  if res.status == 202 then return { retry = "30s", error = "not ready yet" } end
end]] }

local TIMEOUT = { "timeout", DURATION, "for a whole attempt, up to the last byte of the answer; 1ms to 1h", default = '"30s"' }
local CONNECT = { "connect_timeout", DURATION, "for name, connection and TLS, within timeout; 1ms to 1h", default = '"5s"' }
local REDIRECTS = { "redirects", "boolean", "follow up to five, to the same scheme, host and port", default = "false" }
local NAME = { "name", "string", "a name for people" }
local DESCRIPTION = { "description", "string", "a text for people" }

return {
  {
    name = "integration", kind = "written", summary = "a receiver: what its webhooks have in common",
    fields = {
      { "url", "string|secret", "the root URL of its webhooks; a template", required = true,
        example = 'url = "https://api.example.com/v3/"' },
      { "rate", "number|rate", "requests per second, retries included, for all its webhooks together", default = "no limit",
        details = 'In no window of a second does the receiver get more. { 100, per = "1m" } is a hundred in a minute.',
        example = 'rate = 10' },
      { "concurrency", "integer", "requests in flight at once; 1 to 4096", default = "64" },
      { "headers", "table<string, string|number|secret|false>", "headers of all its webhooks; templates",
        example = 'headers = { ["Authorization"] = "Bearer " .. secret "SHOP_TOKEN" }' },
      RETRY, SUCCESS, ON_RESPONSE, TIMEOUT, CONNECT, REDIRECTS, NAME, DESCRIPTION,
    },
  },
  {
    name = "webhook", kind = "written", summary = "one kind of request",
    fields = {
      { "integration", "string", "the integration that it belongs to", required = true },
      { "on", "string|false", "the event that makes a delivery; several webhooks may share it",
        default = "only call() and send() make one" },
      { "method", METHODS, "the request's method", default = '"POST"' },
      { "url", "string|secret|false", "appended to the integration's URL; a template", default = "the integration's URL",
        details = [[
Joined with one slash; what begins with ? or & is added to the query; a full URL is taken instead. Values are percent-encoded.]],
        example = 'url = "orders?transactionId=${WebhookRequest.TransactionalId}"' },
      { "headers", "table<string, string|number|secret|false>", "added to the integration's; templates",
        default = "the integration's", details = "An equal name, in any case, overrides; false leaves the inherited one out.",
        example = 'headers = { ["X-Order"] = "${Order.Id}", ["X-Trace"] = false }' },
      { "body", "string|table|false|fun(data: table, request: request): table|string|secret",
        "a table: JSON; a string: a template; a function: what it returns", default = "none",
        details = [[
In a table, a string that is one expression alone keeps its type. A string is escaped as its Content-Type asks. A function gets
the event's data and the request, and returns a table (sent as JSON) or a string (sent as it is).]],
        example = [[
body = {
  id    = "${Order.Id}",
  items = each("line in Order.Items", { sku = "${line.Sku}" }),
  note  = when("Order.Note != null", "${Order.Note}"),
}]] },
      { "response", "table<string, string>|false|fun(res: response): table?", "variables that are read from the answer",
        default = "none", details = [[
Paths into its JSON: names, [0] and [*]. With "!" at its end a path must lead to a value. They stand in the delivery's log, in
res.vars, and in templates of later calls of a flow as ${Responses.NAME.…}.]],
        example = 'response = { crmId = "data[0].id!", skus = "items[*].sku" }' },
      RETRY, SUCCESS, ON_RESPONSE, TIMEOUT, CONNECT, REDIRECTS, NAME, DESCRIPTION,
    },
  },
  {
    name = "flow", kind = "written", summary = "what happens after an event, step by step, over minutes or months",
    fields = {
      { "on", "string", "the event that begins a run", required = true },
      { "run", "fun(event: event): any", "the function; what it returns is kept with the run, as JSON", required = true,
        details = [[
May wait: call, sleep, wait_event, parallel. Each step is written down, and after a restart the function is called again and
comes to where it was: it must go the same way again, so no clock or chance but those of help "now" and math.random.]] },
      { "key", "string|false|fun(event: event): string|number|nil", "runs with the same key go one after another",
        default = "all at once", details = "A template of the event's data, or a function of the event.",
        example = 'key = "${Customer.Id}"' },
      NAME, DESCRIPTION,
    },
  },
  {
    name = "retry", kind = "written", summary = "when a request is sent again: the field retry",
    fields = {
      { "delays", "(string|number)[]", "how long to wait before each repetition; at most 16",
        default = '{ "20s", "80s", "240s" }' },
      { "on", "(integer|string)[]", 'statuses from 300 to 599, "4xx", "5xx", "timeout"', default = '{ 429, "5xx", "timeout" }' },
      { "within", DURATION, "no repetition later than this after the first attempt; at most 30d", default = '"6m"' },
    },
  },
  {
    name = "rate", kind = "written", summary = 'requests in some time, as { 100, per = "1m" }: the field rate',
    fields = {
      { "[1]", "number", "how many", required = true },
      { "per", DURATION, "in which time", default = '"1s"' },
    },
  },
  {
    name = "decision", kind = "written", summary = "what on_response returns",
    fields = {
      { "ok", "boolean", "true: a success, whatever the status; false: none, sent again when retry covers the status" },
      { "error", "string", "the message of what is no success" },
      { "retry", "string|number|false", "send it again after this time, 100ms or more; false: not again" },
      { "pause", DURATION, "hold the whole integration that long; at most 24h" },
    },
  },
  {
    name = "wait_options", kind = "written", summary = "options of wait_event",
    fields = {
      { "match", "table<string, string|number|boolean>", "dotted paths into the event's data and the values they must have",
        default = "any event of the name", example = 'match = { ["Customer.Id"] = event.data.Customer.Id }' },
      { "timeout", DURATION, "how long to wait", default = "without an end" },
    },
  },
  {
    name = "run_filter", kind = "written", summary = "which runs",
    fields = {
      { "flow", "string", "of this flow" },
      { "state", "string", "running, waiting, sleeping, queued, succeeded, failed, parked or canceled" },
      { "limit", "integer", "how many at most; 1 to 1000", default = "100" },
    },
  },
  {
    name = "delivery_filter", kind = "written", console = true, summary = "which deliveries",
    fields = {
      { "webhook", "string", "of this webhook" },
      { "state", "string", "queued, sending, waiting, succeeded, failed, unknown or canceled" },
      { "since", "string|number", 'since a time, "2026-11-23" or "2026-11-23T10:00:00Z", or so long ago, "1h"' },
      { "before", "string|number", "until then" },
      { "limit", "integer", "how many at most; 1 to 1000", default = "as many as the log shows on a page" },
    },
  },
  {
    name = "response", kind = "given", summary = "an answer, and what became of the delivery",
    fields = {
      { "ok", "boolean", "a success: 2xx, or as the webhook's success says; of a call: its final outcome" },
      { "status", "integer", "of the last answer; 0 when none came" },
      { "headers", "table<string, string>", 'by name in any case; values of a repeated one joined by ", "' },
      { "body", "string", "the bytes as they came" },
      { "json", "any", "the body decoded, on first use; an error when it is not JSON or was cut" },
      { "vars", "table<string, any>", "of a call: the variables of the webhook's response" },
      { "attempts", "integer", "how many there were" },
      { "duration", "number", "of a call: seconds that the last attempt took" },
      { "error", "failure?", "of a call: nil, or why it failed" },
      { "delivery_id", "string", "of a call: the delivery's id" },
      { "text", "string", "the body in UTF-8, by the charset of its Content-Type" },
      { "charset", "string?", "that charset in lower case" },
      { "truncated", "boolean", "the body was over 256 KiB, and the rest is not kept" },
      { "all", "fun(self: response, name: string): string[]", 'res:all("Set-Cookie"): each value of a repeated header' },
    },
  },
  {
    name = "failure", kind = "given", summary = "why a call failed: res.error",
    fields = {
      { "kind", "string", "status, rule, mapping, render, dns, connect, tls, timeout, reset, protocol, request, redirect, "
        .. "window, crash or internal" },
      { "message", "string", "the same for people" },
    },
  },
  {
    name = "event", kind = "given", summary = "what a flow's function gets, and wait_event gives",
    fields = {
      { "name", "string", "the event's name" },
      { "data", "table", "its data" },
      { "id", "string?", "anzol's id of it" },
      { "key", "string?", "the id that its sender gave" },
    },
  },
  {
    name = "request", kind = "given", summary = "the second argument of a body function",
    fields = {
      { "TransactionalId", "string", "the delivery's id, the same in every attempt; who reads it may be sent again" },
    },
  },
  {
    name = "compiled_template", kind = "given", summary = "what template.compile gives",
    fields = {
      { "render", "fun(self: compiled_template, data?: table, request?: request): string",
        "t:render(data): the text; an error where the data does not fit" },
    },
  },
  { name = "secret", kind = "given", fields = {},
    summary = 'a private value, or a text with such in it, as "Bearer " .. secret "TOKEN" is' },
}
