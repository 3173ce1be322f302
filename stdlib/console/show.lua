-- show: the values of a line as text and as JSON. What the console's words return are plain tables; show remembers what they
-- are, and prints them as that: lists as tables, requests and answers as such.

local concat, find, format, getmetatable, gsub, ipairs, match, next, pcall, rawget, select, setmetatable =
  table.concat, string.find, string.format, getmetatable, string.gsub, ipairs, string.match, next, pcall, rawget,
  select, setmetatable
local sort, sub, tostring, type = table.sort, string.sub, tostring, type

local native = require "stdlib.native"
local api = require "stdlib.api"
local clock = require "stdlib.console.clock"
local columns = require "stdlib.console.columns"
local pretty = require "stdlib.console.pretty"
local text = require "stdlib.text"

local show = {}

local kinds = setmetatable({}, { __mode = "k" }) -- what a table is: {kind =, …}
local printers = {}

-- Remembers what a table is; gives it back.
function show.as(kind, v, more)
  kinds[v] = { kind = kind, more = more }
  return v
end

-- --- pieces -----------------------------------------------------------------------------------------------------

local BODY = 20000 -- bytes of a body that are shown

-- A body as people read it: JSON on several lines where it is long.
local function body_text(body, width)
  if type(body) ~= "string" or body == "" then return "" end
  local json = #body <= BODY and find(body, "^%s*[{%[]") and pretty.json(body)
  if json and (#body > width or find(body, "\n", 1, true)) then return json end
  if #body <= BODY then return pretty.clean(body) end
  return pretty.clean(sub(body, 1, BODY)) .. format("\n… %s bytes more", pretty.count(#body - BODY))
end

-- [{name, value}] as lines.
local function header_lines(list, out)
  for _, h in ipairs(type(list) == "table" and list or {}) do
    out[#out + 1] = pretty.one_line(tostring(h.name)) .. ": " .. pretty.one_line(tostring(h.value))
  end
end

-- Headers, a blank line and a body, behind what is in `out`.
local function message_lines(message, width, out)
  header_lines(message.headers, out)
  local body = body_text(message.body, width)
  if body ~= "" then out[#out + 1], out[#out + 2] = "", body end
  return out
end

local function request_text(r, width)
  local first = pretty.one_line(tostring(r.method) .. " " .. tostring(r.url))
  return concat(message_lines(r, width, { first }), "\n")
end

local function error_text(e)
  if type(e) ~= "table" then return e end
  return e.message or e.kind
end

-- What came of an attempt, in short.
local function outcome(a)
  local what = a.status and tostring(a.status) or nil
  local why = error_text(a.error)
  if why then what = what and what .. ", " .. why or why end
  return format("%s in %s", pretty.one_line(what or "no answer"), clock.duration(a.duration_ms))
end

local function response_lines(r, width)
  if type(r) ~= "table" then return nil end
  local out = message_lines(r, width, {})
  if r.truncated then out[#out + 1] = "… cut at 256 KiB" end
  return concat(out, "\n")
end

-- --- lists ------------------------------------------------------------------------------------------------------

local function field(name) return function(row) return row[name] end end

local function rate(row)
  local n, per = row.rate, row.per
  if type(n) ~= "number" then return "no limit" end
  return pretty.value(n % 1 == 0 and n // 1 | 0 or n) .. "/" .. (per and per ~= "1s" and gsub(per, "^1(%a)$", "%1") or "s")
end

local function paused(row)
  if row.paused_until then return (gsub(clock.ago(row.paused_until), "^in (.*)$", "%1 more")) end
  return row.paused and "until resume()" or nil
end

local function known_name(row) return row.removed and row.name .. " (removed)" or row.name end

local function created(row) return clock.ago(row.created_at) end

local function note(row)
  local due = row.next_attempt_at and clock.ago(row.next_attempt_at)
  return error_text(row.error) or due and (find(due, "^in ") and "again " .. due or "due") or nil
end

local LISTS = {
  webhooks = { { "name", value = field "name", least = 12 },
    { "integration", value = field "integration", least = 11, drop = 3 }, { "on", value = field "on", least = 8, drop = 2 },
    { "method", value = field "method" }, { "url", value = field "url", least = 16 },
    { "where", value = field "where", drop = 1 } },
  integrations = { { "name", value = known_name, least = 12 }, { "rate", value = rate }, { "queued", value = field "queued" },
    { "waiting", value = field "waiting" }, { "in flight", value = field "in_flight" }, { "paused", value = paused, drop = 9 },
    { "webhooks", value = field "webhooks", drop = 2 }, { "url", value = field "url", least = 12, drop = 3 } },
  flows = { { "name", value = field "name", least = 12 }, { "on", value = field "on", least = 8 },
    { "key", value = field "key", least = 8, drop = 2 }, { "where", value = field "where", least = 12, drop = 1 } },
  deliveries = { { "id", value = field "id" }, { "webhook", value = field "webhook", least = 10 },
    { "state", value = field "state" }, { "status", value = field "status" },
    { "tries", value = field "attempt_count", drop = 1 },
    { "created", value = created, drop = 3 }, { "note", value = note, least = 10, drop = 2 } },
  runs = { { "id", value = field "id" }, { "flow", value = field "flow", least = 10 }, { "state", value = field "state" },
    { "steps", value = field "step_count", drop = 2 }, { "created", value = created, drop = 4 },
    { "key", value = field "key", least = 8, drop = 1 }, { "error", value = field "error", least = 10, drop = 3 } },
}

local STEPS = { { "step", value = field "path" }, { "kind", value = field "kind" }, { "name", value = field "name", least = 8 },
  { "state", value = field "state" }, { "ended", value = function(row) return clock.ago(row.ended_at) end, drop = 3 },
  { "due", value = function(row) return row.state == "open" and clock.ago(row.due_at) or nil end, drop = 2 },
  { "result", value = function(row) return row.result ~= nil and gsub(pretty.value(row.result, 400), "%s+", " ") or nil end,
    least = 10, drop = 1 } }

-- Rows that a person may have put there are looked at as they are.
local function all_tables(list)
  for _, row in ipairs(list) do
    if type(row) ~= "table" then return false end
  end
  return true
end

local function list_printer(kind)
  return function(list, width, more)
    if next(list) == nil then return "none" end
    if not all_tables(list) then return pretty.value(list, width) end
    local out = columns.render(list, LISTS[kind], width)
    return more and out .. format("\n… and more; %s { limit = %d } shows more", kind, #list * 2) or out
  end
end

for kind in next, LISTS do printers[kind] = list_printer(kind) end

-- --- single things ----------------------------------------------------------------------------------------------

local function put_field(out, name, v, width)
  if v ~= nil then out[#out + 1] = name .. " = " .. pretty.value(v, width) end
end

local FIRST = { "ok", "status", "error", "vars", "attempts", "duration", "delivery_id" }
local SHOWN = { headers = true, body = true, json = true, text = true, charset = true, truncated = true }

local function sorted_headers(headers)
  local names, out = {}, {}
  for name in next, headers do names[#names + 1] = tostring(name) end
  sort(names)
  for i, name in ipairs(names) do out[i] = { name = name, value = rawget(headers, name) } end
  return out
end

-- The headers are made on first use, by the library's own code alone.
function printers.response(res, width)
  local out, rest = {}, {}
  for _, name in ipairs(FIRST) do
    put_field(out, name, rawget(res, name), width)
    rest[name] = true
  end
  for name, v in next, res do
    if not rest[name] and not SHOWN[name] then put_field(out, tostring(name), v, width) end
  end
  local headers = res.headers
  if type(headers) == "table" and next(headers) ~= nil then
    out[#out + 1] = "headers:"
    local lines = {}
    header_lines(sorted_headers(headers), lines)
    out[#out + 1] = pretty.indent(concat(lines, "\n"), 2)
  end
  local body = rawget(res, "body")
  if type(body) == "string" and body ~= "" then
    out[#out + 1] = "body:"
    out[#out + 1] = pretty.indent(body_text(body, 0), 2)
    if rawget(res, "truncated") then out[#out + 1] = "  … cut at 256 KiB" end
  end
  return concat(out, "\n")
end

function printers.preview(r)
  return request_text(r, 0)
end

-- What an event made.
function printers.emitted(v, width)
  if next(v.deliveries or {}) == nil and next(v.runs or {}) == nil and v.woken == 0 and not v.duplicate then
    return "no webhook or flow is on it, and nobody waits for it: nothing comes of it"
  end
  return pretty.value(v, width)
end

local function attempt_lines(a, out, width)
  out[#out + 1] = format("attempt %s, %s: %s", tostring(a.number), clock.ago(a.started_at) or "?", outcome(a))
  local answer = response_lines(a.response, width - 2)
  if answer and answer ~= "" then out[#out + 1] = pretty.indent(answer, 2) end
end

function printers.delivery(d, width)
  local out = {}
  out[1] = pretty.one_line(format("%s  %s of %s: %s", tostring(d.id), tostring(d.webhook), tostring(d.integration),
    tostring(d.state)))
  out[2] = "created " .. (clock.ago(d.created_at) or "?")
    .. (d.finished_at and ", finished " .. clock.ago(d.finished_at) or "")
    .. (d.next_attempt_at and ", next attempt " .. clock.ago(d.next_attempt_at) or "")
  if error_text(d.error) then out[#out + 1] = "error: " .. pretty.one_line(error_text(d.error)) end
  for _, name in ipairs { "event", "run", "vars", "vars_error" } do put_field(out, name, d[name], width) end
  if type(d.request) == "table" then out[#out + 1] = pretty.indent(request_text(d.request, width - 2), 2) end
  for _, a in ipairs(type(d.attempts) == "table" and d.attempts or {}) do attempt_lines(a, out, width) end
  return concat(out, "\n")
end

function printers.run(r, width)
  local out = { pretty.one_line(format("%s  %s: %s", tostring(r.id), tostring(r.flow), tostring(r.state))) }
  out[2] = "created " .. (clock.ago(r.created_at) or "?")
    .. (r.finished_at and ", finished " .. clock.ago(r.finished_at) or "")
  if r.error then out[#out + 1] = "error: " .. pretty.one_line(error_text(r.error)) end
  for _, name in ipairs { "key", "event", "result" } do put_field(out, name, r[name], width) end
  if type(r.steps) == "table" and r.steps[1] then out[#out + 1] = columns.render(r.steps, STEPS, width) end
  return concat(out, "\n")
end

local function counted(n, what)
  return tostring(n) .. " " .. what .. (n == 1 and "" or "s")
end

function printers.loaded(r)
  local changes = type(r.changes) == "string" and r.changes ~= "" and " (" .. pretty.one_line(r.changes) .. ")" or ""
  local out = { format("generation %s: %s, %s, %s%s", tostring(r.generation), counted(r.integrations, "integration"),
    counted(r.webhooks, "webhook"), counted(r.flows, "flow"), changes) }
  for _, warning in ipairs(type(r.warnings) == "table" and r.warnings or {}) do
    out[#out + 1] = "warning: " .. pretty.one_line(tostring(warning))
  end
  return concat(out, "\n")
end

-- One exchange of trace(): a line, then the request and the answer.
function show.exchange(e, width)
  local out = {}
  if (e.missed or 0) > 0 then out[1] = format("… %d exchanges were missed", e.missed) end
  out[#out + 1] = pretty.one_line(format("%s of %s, attempt %s: %s  %s", tostring(e.webhook), tostring(e.integration),
    tostring(e.number), outcome(e), tostring(e.delivery)))
  local request = { method = e.method, url = e.url, headers = e.request_headers, body = e.request_body }
  out[#out + 1] = pretty.indent(request_text(request, width - 4), 4)
  local answer = response_lines(e.response, width - 4)
  if answer then out[#out + 1] = "  " .. tostring(e.status or "") .. (answer ~= "" and "\n" .. pretty.indent(answer, 4) or "") end
  return concat(out, "\n")
end

-- --- values -----------------------------------------------------------------------------------------------------

-- A word says what it does: perhaps its parentheses were forgotten.
local function function_text(f)
  local plainly = pretty.value(f)
  local entry = api.find(match(plainly, "^function ([%w_.]+)$") or "")
  return entry and format("function %s: %s", api.form(entry), entry.summary) or plainly
end

-- One value as text.
function show.value(v, width)
  local known = type(v) == "table" and kinds[v]
  if known then return printers[known.kind](v, width, known.more) end
  if type(v) == "function" then return function_text(v) end
  return pretty.value(v, width)
end

-- The values of a line, one below the other.
function show.values(width, count, ...)
  local out = {}
  for i = 1, count do out[i] = show.value((select(i, ...)), width) end
  return concat(out, "\n")
end

local RESPONSE = { "ok", "status", "headers", "body", "vars", "attempts", "duration", "error", "delivery_id", "truncated" }

-- A response with what it makes on first use, as a plain table.
local function whole_response(v)
  local out = {}
  for _, name in ipairs(RESPONSE) do out[name] = v[name] end
  local headers = {}
  for name, value in next, v.headers or {} do headers[name] = value end
  out.headers = headers
  return out
end

local plain

local function plain_table(v, open)
  if open[v] then return "<table above>" end
  open[v] = true
  local out = native.json_is_array(v) and native.json_array {} or {}
  for key, inner in next, v do out[key] = plain(inner, open) end
  open[v] = nil
  return pcall(native.json_encode, out) and out or pretty.value(v)
end

-- The same where JSON cannot hold it: as printed.
function plain(v, open)
  if type(v) == "table" and kinds[v] and kinds[v].kind == "response" then v = whole_response(v) end
  if pcall(native.json_encode, v) then return v end
  if type(v) ~= "table" or text.is(v) or getmetatable(v) ~= nil and not native.json_is_array(v) then return pretty.value(v) end
  return plain_table(v, open)
end

-- The values as a JSON array.
function show.json(count, ...)
  local out = {}
  for i = 1, count do
    local v = select(i, ...)
    out[i] = native.json_encode(plain(v == nil and native.json_null or v, {}))
  end
  return "[" .. concat(out, ",") .. "]"
end

return show
