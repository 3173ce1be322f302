-- view: what people see of definitions and of a rendered request, as JSON; secrets are "***".

local concat, ipairs, sub, type = table.concat, ipairs, string.sub, type

local native = require "stdlib.native"
local request = require "stdlib.request"
local retry = require "stdlib.retry"
local text = require "stdlib.text"
local null, json_array = native.json_null, native.json_array

local view = {}

local function or_null(v)
  if v == nil then return null end
  return v
end

-- A text as it is shown: rendered (a string or pieces) or as written (a string or a secret).
local function masked(v)
  if type(v) == "string" then return v end
  if type(v) == "number" then return v .. "" end
  return text.mask(text.is(v) and text.pieces(v) or v)
end

local function written_url(segments)
  local out = {}
  for i, seg in ipairs(segments or {}) do
    out[i] = seg.s or seg.k == "slot" and "***" or sub(seg.text, seg.at, seg.stop)
  end
  return concat(out)
end

-- The headers of a webhook; `values` are the rendered ones (flat), nil: as written.
local function header_views(list, values)
  local out = json_array {}
  for i, header in ipairs(list) do
    out[i] = {
      name = header.name, value = masked(values and values[2 * i] or header.value), from = header.from,
      overrides = header.overrides,
    }
  end
  return out
end

local function names(list)
  local out = json_array {}
  for i, name in ipairs(list) do out[i] = name end
  return out
end

-- The request that a webhook makes of this data, as JSON text. Raises what rendering raises.
function view.preview(r, data)
  local id = native.new_id()
  local head, url, flat, made = request.render(r, data, id)
  return native.json_encode {
    webhook = r.name, integration = r.integration, method = r.method, url = masked(url),
    headers = header_views(r.header_list, flat), deselected = names(r.deselected),
    body = made ~= nil and masked(made) or null, idempotent = r.has_key or (r.head_with_key ~= nil and head == r.head_with_key),
    delivery_id = id,
  }
end

local function own_headers(entries)
  local out = json_array {}
  for _, entry in ipairs(entries) do
    if entry.value ~= false then out[#out + 1] = { name = entry.name, value = masked(entry.value) } end
  end
  return out
end

local function integration_view(whole, count)
  local ok, def = whole.ok, whole.def
  local rate = ok.rate
  return {
    name = def.name, display_name = or_null(ok.name), description = or_null(ok.description), url = masked(ok.url),
    rate = rate and rate.rate or null, per = rate and retry.duration_text(rate.per_ms) or null,
    concurrency = ok.concurrency or view.CONCURRENCY, headers = own_headers(whole.good_headers), webhooks = count,
    where = def.path .. ":" .. def.line,
  }
end

local function retry_view(policy)
  if #policy.delays == 0 then return false end
  local delays = json_array {}
  for i, ms in ipairs(policy.delays) do delays[i] = retry.duration_text(ms) end
  return { delays = delays, on = json_array(retry.on_names(policy)), within = retry.duration_text(policy.within) }
end

-- As it was written; null: 2xx.
local function success_view(rule)
  if not rule then return null end
  return rule.list or "function"
end

local function webhook_view(r)
  local idempotent = r.has_key
  if r.body_call and not r.has_key then idempotent = null end -- known when the function has run
  return {
    name = r.name, display_name = or_null(r.ok.name), description = or_null(r.ok.description), integration = r.integration,
    method = r.method, url = written_url(r.url_segments), headers = header_views(r.header_list),
    deselected = names(r.deselected), on = or_null(r.on), idempotent = idempotent, retry = retry_view(r.retry),
    success = success_view(r.success), on_response = r.on_response and true or false,
    where = r.def.path .. ":" .. r.def.line,
  }
end

-- Exchanges at a time of an integration that says nothing.
view.CONCURRENCY = 64

-- {"integrations": […]}
function view.integrations(integrations, webhooks)
  local count, out = {}, json_array {}
  for _, r in ipairs(webhooks) do count[r.integration] = (count[r.integration] or 0) + 1 end
  for i, whole in ipairs(integrations) do out[i] = integration_view(whole, count[whole.def.name] or 0) end
  return native.json_encode { integrations = out }
end

local function flow_view(f)
  local ok = f.ok
  return {
    name = f.name, display_name = or_null(ok.name), description = or_null(ok.description), on = or_null(f.on),
    key = type(ok.key) == "string" and ok.key or ok.key ~= nil and "function" or null,
    where = f.def.path .. ":" .. f.def.line,
  }
end

-- {"flows": […]}
function view.flows(flows)
  local out = json_array {}
  for i, f in ipairs(flows) do out[i] = flow_view(f) end
  return native.json_encode { flows = out }
end

-- {"webhooks": […]}
function view.webhooks(webhooks)
  local out = json_array {}
  for i, r in ipairs(webhooks) do out[i] = webhook_view(r) end
  return native.json_encode { webhooks = out }
end

return view
