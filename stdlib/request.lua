-- request: a webhook compiled to what renders its request: nothing is looked up or parsed when a delivery is made.

local concat, error, find, format, ipairs, lower, setmetatable, tostring, type =
  table.concat, error, string.find, string.format, ipairs, string.lower, setmetatable, tostring, type

local native = require "stdlib.native"
local body = require "stdlib.body"
local build = require "stdlib.template.build"
local headers = require "stdlib.headers"
local judge = require "stdlib.judge"
local mistakes = require "stdlib.mistakes"
local retry = require "stdlib.retry"
local source = require "stdlib.source"
local text = require "stdlib.text"
local url = require "stdlib.url"

local request = {}

local TIMEOUT, CONNECT_TIMEOUT = 30000, 5000
local HEADERS = 128 -- as many as a stored request has room for

-- How a path of keys reads: body.items[1].sku.
local function path_text(path)
  local out = {}
  for i, key in ipairs(path) do
    out[i] = type(key) == "number" and format("[%d]", key) or (i > 1 and "." or "") .. key
  end
  return concat(out)
end

-- Notes a mistake of a template at its place.
local function report(origin, at, message)
  local line, column = origin:where(at)
  if not column then
    message = format("%s: %s: %s", origin.def.label, path_text(origin.path), message)
  end
  mistakes.add(origin.def.path, line, column, message)
end

local function parts(def, path, value)
  if type(value) == "string" then return { { text = value, origin = source.origin(def, path, value) } } end
  local out = {}
  for i, piece in ipairs(text.pieces(value)) do
    if type(piece) == "string" then
      out[i] = { text = piece, origin = source.origin(def, path, piece) }
    else
      out[i] = { slot = piece.secret, origin = source.origin(def, path) }
    end
  end
  return out
end

local function segments(def, path, value)
  return build.segments(parts(def, path, value), report)
end

-- A field that is one template, compiled; nil when it has mistakes, which are noted.
function request.template(def, path, value, place)
  return build.template(segments(def, path, value), place, report)
end

-- The segments of an integration's root URL, checked.
function request.root(integration)
  local value = integration.ok.url
  if not value or value == "" then return nil end
  local segs = segments(integration.from.url, { "url" }, value)
  url.check(segs, report)
  return segs
end

local function own_segments(whole)
  local value = whole.ok.url
  if value == nil or value == "" then return {} end
  local segs = segments(whole.from.url, { "url" }, value)
  if url.is_full(segs) then
    url.check(segs, report)
  else
    url.check_characters(segs, report)
  end
  return segs
end

-- What a part of the request uses: the id; loops; functions of scripts, which may change the data.
local function note_use(r, compiled)
  r.has_key = r.has_key or compiled.has_key
  r.id_text = r.id_text or compiled.id_text
  r.loops = r.loops or compiled.loops
  r.may_change = r.may_change or compiled.custom
end

local function compile_url(r, whole, integration)
  local own = own_segments(whole)
  local joined = integration.root and url.join(integration.root, own, report) or own
  local compiled = build.template(joined, "url", report)
  if not compiled then return end
  r.url, r.render_url = compiled.static, compiled.render
  note_use(r, compiled)
  r.url_segments = joined
  r.open_url = joined[1] and joined[1].k == "out" and joined[1] or nil
end

local inherited = setmetatable({}, { __mode = "k" }) -- definition -> name of a header -> its template, or false

local function header_template(header)
  local value = type(header.value) == "number" and tostring(header.value) or header.value
  if type(value) == "string" and not find(value, "[$@]{") then return { static = value } end -- as most are
  return build.template(segments(header.def, { "headers", header.name }, value), "header", report) or false
end

-- The template of a header, the same for all webhooks that inherit it; false when it has mistakes, which are noted.
local function shared_template(header)
  if header.from ~= "integration" then return header_template(header) end
  local known = inherited[header.def] or {}
  inherited[header.def] = known
  if known[header.name] == nil then known[header.name] = header_template(header) end
  return known[header.name]
end

local function compile_header(r, i, header)
  local compiled = shared_template(header)
  r.headers[2 * i - 1], r.headers[2 * i] = header.name, ""
  if not compiled then return end
  note_use(r, compiled)
  if compiled.render then
    r.live[#r.live + 1] = { at = 2 * i, render = compiled.render }
  else
    r.headers[2 * i] = compiled.static
  end
end

local function content_type_of(list)
  for i, header in ipairs(list) do
    if header.key == "content-type" then return i, header end
  end
end

-- The Content-Type of a body that was given none; "" of a function's, known when it has run.
local function default_type(list, deselected, value)
  for _, name in ipairs(deselected) do
    if lower(name) == "content-type" then return end
  end
  local kind = type(value)
  local media = (kind == "string" or text.is(value)) and "text/plain; charset=utf-8" or "application/json"
  list[#list + 1] = { key = "content-type", name = "Content-Type", value = media, from = "default", def = false }
  table.sort(list, function(a, b) return a.key < b.key end)
end

-- A copy may go to an integration that lacks what the original deselects; but who writes it beside his integration errs.
local function warn_of_idle(whole, idle)
  for _, entry in ipairs(idle) do
    if entry.def == whole.def and not whole.def.base then
      mistakes.warn(entry.def.path, source.line(entry.def, { "headers", entry.name }), nil,
        format("%s: header '%s' = false takes nothing away: the integration has no such header", entry.def.label, entry.name))
    end
  end
end

local function compile_headers(r, whole, integration)
  local list, deselected, idle = headers.merge(integration.good_headers, whole.good_headers)
  warn_of_idle(whole, idle)
  local value = whole.ok.body
  if value ~= nil and not content_type_of(list) then default_type(list, deselected, value) end
  local at, header = content_type_of(list)
  if header and header.from == "default" and type(value) == "function" then r.type_at = 2 * at end
  if #list > HEADERS then
    mistakes.add(whole.def.path, whole.def.line, nil, format("%s: %d headers; %d at most", whole.def.label, #list, HEADERS))
  end
  r.header_list, r.deselected = list, deselected
  r.headers, r.live = {}, {}
  for i, h in ipairs(list) do
    if h.from == "default" then
      r.headers[2 * i - 1], r.headers[2 * i] = h.name, h.value
    else
      compile_header(r, i, h)
    end
  end
  r.body_kind = headers.body_kind(header and type(header.value) == "string" and header.value or nil)
end

local function table_origin(def)
  return function(path, literal) return source.origin(def, path, literal) end
end

local function compile_body(r, whole)
  local value, def = whole.ok.body, whole.from.body
  if value == nil then return end
  r.has_body = true
  if type(value) == "function" then
    r.body_call, r.loops, r.may_change = value, true, true
    return
  end
  local compiled
  if type(value) == "string" or text.is(value) then
    compiled = build.template(segments(def, { "body" }, value), r.body_kind, report)
  else
    if r.body_kind ~= "json" and r.body_kind ~= "text" then
      mistakes.warn(def.path, source.line(def, { "body" }), nil,
        format("%s: a table body is JSON, but the Content-Type says otherwise", def.label))
    end
    compiled = build.table(value, table_origin(def), { "body" }, report)
  end
  if not compiled then return end
  r.body, r.render_body = compiled.static, compiled.render
  note_use(r, compiled)
end

local function first(a, b, default)
  if a ~= nil then return a end
  if b ~= nil then return b end
  return default
end

local function heads(r, whole, integration)
  local ok, root = whole.ok, integration.ok
  r.retry = first(ok.retry, root.retry, retry.default)
  r.success, r.on_response = first(ok.success, root.success, false), first(ok.on_response, root.on_response, false)
  local options = {
    method = r.method, has_key = r.has_key, has_body = r.has_body or false,
    redirects = first(ok.redirects, root.redirects, false), timeout_ms = first(ok.timeout, root.timeout, TIMEOUT),
    connect_ms = first(ok.connect_timeout, root.connect_timeout, CONNECT_TIMEOUT), retry = r.retry,
    judged = judge.has_rule(r),
  }
  local live = { r.type_at }
  for _, header in ipairs(r.live) do live[#live + 1] = header.at end
  r.head = native.prepare(native.head(options), r.url, r.headers, live)
  if r.body_call and not r.has_key then
    options.has_key = true
    r.head_with_key = native.prepare(native.head(options), r.url, r.headers, live)
  end
end

local function warn_of_retry(r, whole)
  local value, def = whole.fields.retry, whole.from.retry
  if type(value) == "table" and not r.has_key and not r.body_call then
    mistakes.warn(def.path, source.line(def, { "retry" }), nil, format("%s: retry does nothing for answers: nothing in the "
      .. "request uses ${WebhookRequest.TransactionalId}, so sending it again could repeat it", whole.def.label))
  end
end

-- Compiles a webhook (see validate.lua) of an integration; mistakes are noted. The record that render() takes.
function request.compile(whole, integration)
  local def = whole.def
  local r = {
    name = def.name, integration = integration.def.name, def = def, ok = whole.ok, on = whole.ok.on,
    method = whole.ok.method or "POST", has_key = false, mapping = whole.ok.response,
  }
  if r.mapping then r.mapping.label = def.label end
  compile_url(r, whole, integration)
  compile_headers(r, whole, integration)
  compile_body(r, whole)
  if mistakes.count() == 0 then
    heads(r, whole, integration)
    r.hook = native.hook(r, request.render)
    warn_of_retry(r, whole)
  end
  return r
end

-- What a body function sees as its second argument; `seen.key` tells that it read the transactional id.
local function request_view(id, seen)
  return setmetatable({}, {
    __metatable = "request",
    __index = function(_, key)
      if type(key) == "string" and lower(key) == "transactionalid" then
        seen.key = true
        return id
      end
    end,
  })
end

local function call_body(r, data, id)
  local seen = {}
  local made, is_table = body.make(r.body_call(data, request_view(id, seen)), r.type_at and "text" or r.body_kind)
  if r.type_at then r.headers[r.type_at] = is_table and "application/json" or "text/plain; charset=utf-8" end
  return made, seen.key and r.head_with_key or r.head
end

-- The beginning of the URL came from the data.
local function check_open(r, rendered)
  if type(rendered) == "string" and not find(rendered, "^[hH][tT][tT][pP][sS]?://[^/?#]") then
    local node = r.open_url
    error(format("%s: '%s' begins the URL, but is no http:// or https:// URL", node.o:place(node.at), rendered), 0)
  end
end

-- Renders a request: head, url, headers (a table of the record, good until the next rendering), body. Raises a message.
function request.render(r, data, id)
  local place = r.url
  if not place then
    place = r.render_url(data, id)
    if r.open_url then check_open(r, place) end
  end
  local flat, live = r.headers, r.live
  for i = 1, #live do
    local header = live[i]
    flat[header.at] = header.render(data, id)
  end
  if r.render_body then return r.head, place, flat, r.render_body(data, id) end
  if r.body_call then
    local made, head = call_body(r, data, id)
    return head, place, flat, made
  end
  return r.head, place, flat, r.body
end

return request
