-- flow_host: what the host does for runs of flows, as specs need it: keeps their journals, ends their steps, and replays them.
--
--   local host = flow_host.new(script)
--   local r = host:run { Id = 7 }        -- a run of flow "f": goes until it waits or ends
--   r:answer(1, 200, '{"id":5}')         -- the call that is step 1 has ended: it goes on
--   r:replayed()                         -- a new one from the journal

local helper = require "tests.lua.helper"
local json = helper.json

local flow_host = {}

local Host, Run = {}, {}
Host.__index, Run.__index = Host, Run

-- Loads scripts that must be right. Options: as helper.load.
function flow_host.new(script, options)
  local boot, native = helper.good(script, options)
  return setmetatable({ boot = boot, native = native }, Host)
end

local function copy(t)
  local out = {}
  for key, v in pairs(t) do out[key] = v end
  return out
end

-- A run that has not gone yet. Options: id, flow, name (of the event), key (the client's id of the event), journal.
function Host:new_run(data, options)
  options = options or {}
  local r = setmetatable({ host = self, options = options, data = data, journal = options.journal or {} }, Run)
  r.id = options.id or "01900000-0000-7000-8000-000000000001"
  r.flow = options.flow or "f"
  r.started_ms = options.started_ms or self.native.time
  local envelope = json.encode { name = options.name or "e", id = options.key, data = data }
  local why
  r.task, why = self.boot.run_new(r.id, r.flow, envelope, "01900000-0000-7000-8000-00000000000e", r.started_ms)
  assert(r.task, why)
  for _, entry in ipairs(r.journal) do self.boot.run_put(r.task, copy(entry)) end
  return r
end

function Host:run(data, options)
  return self:new_run(data, options):go()
end

-- Goes on. What it asked for is in `asked` (steps) and `sent` (deliveries), and in the journal unless it is parked.
function Run:go()
  local native = self.host.native
  native.steps, native.emitted, native.failed = {}, {}, {}
  self.turns = 0
  repeat
    self.turns = self.turns + 1
    self.state, self.value = self.host.boot.run_go(self.task)
  until self.state ~= "more"
  helper.free_strings()
  self.asked, self.sent, self.failed = native.steps, native.emitted, native.failed
  for _, step in ipairs(self.state == "parked" and {} or self.asked) do
    assert(self.journal[step.number] == nil, "a step asked for twice")
    self.journal[step.number] = copy(step)
  end
  return self
end

-- Notes that a step has ended a second later, with these fields; go() is still to come.
function Run:put(number, fields)
  local entry = assert(self.journal[number], "no such step")
  self.host.native.time = self.host.native.time + 1000
  entry.ended_ms = self.host.native.time
  for key, v in pairs(fields) do entry[key] = v end
  self.host.boot.run_put(self.task, copy(entry))
  return self
end

-- What the journal has of an answered call. `kept`: what the core made of it, else as the status says.
function flow_host.answer(status, body, kept)
  local ok = status >= 200 and status <= 299
  kept = kept or { ok = ok, attempts = 1, error = not ok and { kind = "status", message = "the receiver answered " .. status } or nil }
  return { status = status, headers = "Content-Type: application/json\nX-A: b\n", body = body or "", truncated = false,
    duration_us = 2500, result = json.encode(kept) }
end

function Run:answer(number, status, body, kept)
  return self:put(number, flow_host.answer(status, body, kept)):go()
end

-- The time of a sleep, or of a wait, is up.
function Run:wake(number)
  return self:put(number, { result = "null" }):go()
end

-- The event that is waited for.
function Run:event(number, data, key)
  local name = self.journal[number].name
  return self:put(number, { result = json.encode { id = "01900000-0000-7000-8000-0000000000ee",
    event = { name = name, id = key, data = data } } }):go()
end

-- The same run made anew from its journal, here or under other scripts. It goes.
function Run:replayed(host)
  local options = copy(self.options)
  options.journal, options.started_ms, options.id = {}, self.started_ms, self.id
  for i, entry in ipairs(self.journal) do options.journal[i] = copy(entry) end
  return (host or self.host):run(self.data, options)
end

-- What steps are, in short: "1 call 'w'", "3.1.1 sleep '2h'".
function flow_host.shown(steps)
  local out = {}
  for i, s in ipairs(steps) do out[i] = s.path .. " " .. s.kind .. (s.name ~= "" and " '" .. s.name .. "'" or "") end
  return out
end

return flow_host
