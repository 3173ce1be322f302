-- native: the seam of stdlib/README.md for specs: its own functions from build/native.so, and stand-ins for what reaches the
-- host. `native.new()` gives a fresh one; what stdlib hands over is in its `emitted`, `failed`, `events`, `logged`, `runs`,
-- `keys`, `steps` and `shown` (the console's text); `line` is the console's coroutine that may be stopped; `waited` holds the
-- forms in which events are waited for, by name.

require "cjson" -- the binary has it preloaded

local module = {}

local path = (os.getenv("BUILD") or "build") .. "/native.so"
local real = assert(package.loadlib(path, "luaopen_native"))()

local function where(level)
  local info = debug.getinfo(level + 2, "Sl")
  if not info or info.what == "C" or info.currentline <= 0 then return nil end
  return string.sub(info.source, 1, 1) == "@" and string.sub(info.source, 2) or info.short_src, info.currentline
end

-- Of a step, what the host learns.
local STEP = { "number", "path", "name", "match", "form", "due_ms", "ended_ms", "result", "delivery" }

local function step_of(kind, entry)
  local out = { kind = kind }
  for _, field in ipairs(STEP) do out[field] = entry[field] end
  return out
end

-- pcall across which nothing can yield, as the real one.
local function protected(f, ...)
  local out
  real.call_plain(function(...) out = table.pack(pcall(f, ...)) end, ...)
  return table.unpack(out, 1, out.n)
end

-- A fresh seam: `options.secrets` and `options.env` are what is set, `options.files` what readfile finds.
function module.new(options)
  options = options or {}
  local n = { ids = 0, time = 1700000000000 }
  for _, list in ipairs { "emitted", "failed", "events", "logged", "runs", "keys", "steps", "shown", "waited" } do n[list] = {} end
  for name, f in pairs(real) do n[name] = f end
  n.where, n.head, n.protected, n.patient = where, real.json_encode, protected, protected
  function n.prepare(head) return head end
  local hooked = {}
  function n.hook(webhook, render)
    local hook = real.hook(webhook, render)
    hooked[hook] = { webhook = webhook, render = render }
    return hook
  end
  function n.deliver(hook, data)
    local r, render = hooked[hook].webhook, hooked[hook].render
    return protected(function() n.emit(r.name, r.integration, render(r, data, n.new_id())) end)
  end
  function n.secret(name) return (options.secrets or {})[name] == true end
  function n.env(name) return (options.env or {})[name] end
  function n.log(level, message, fields) n.logged[#n.logged + 1] = { level = level, message = message, fields = fields } end
  function n.now_ms() return n.time end
  function n.new_id()
    n.ids = n.ids + 1
    return string.format("00000000-0000-7000-8000-%012d", n.ids)
  end
  function n.uuid() return "11111111-1111-4111-8111-111111111111" end
  function n.on_event(name, key) n.events[#n.events + 1] = { name = name, key = key } end
  function n.emit(webhook, integration, head, url, headers, body)
    n.emitted[#n.emitted + 1] = {
      webhook = webhook, integration = integration, head = real.json_decode(head), url = url,
      headers = table.move(headers, 1, #headers, 1, {}), body = body,
    }
  end
  function n.emit_failed(webhook, integration, message)
    n.failed[#n.failed + 1] = { webhook = webhook, integration = integration, message = message }
  end
  function n.emit_run(flow, key, message) n.runs[#n.runs + 1] = { flow = flow, key = key, message = message } end
  function n.on_key(key) n.keys[#n.keys + 1] = key end
  function n.forms(name) return n.waited[name] end
  function n.step(kind, entry, has_delivery)
    assert(has_delivery == (entry.delivery ~= nil))
    n.steps[#n.steps + 1] = step_of(kind, entry)
  end
  function n.console_text(text) n.shown[#n.shown + 1] = text end
  function n.console_line(co) n.line = co end
  function n.readfile(name)
    local text = (options.files or {})[name]
    if text then return text end
    return nil, "no such file"
  end
  function n.compile(text, chunkname, env) return load(text, chunkname, "t", env) end
  return n
end

-- JSON as the seam has it.
module.json = {
  encode = real.json_encode, decode = real.json_decode, null = real.json_null, array = real.json_array,
  is_array = real.json_is_array, escape = real.json_escape, number = real.json_number,
}

return module
