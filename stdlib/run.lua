-- run: one run of a flow while it is in memory: its branches (coroutines), the journal it is replayed from, and the steps it
-- asks for. Each thing a flow waits for is a step. A step that the journal knows is not done again: its result comes from
-- there. What is new is told to the host (native.step), which writes it down before anything leaves.
--
-- A step is known by its path: "3" is the third of the flow, "4.2.1" the first of the second branch of the fourth, which was
-- parallel(). The order in which branches come to run does not show in paths, so a replay may take another.

local coroutine, error, find, format, ipairs, max, next, pairs, remove, setmetatable, sub, type, xpcall = coroutine, error,
  string.find, string.format, ipairs, math.max, next, pairs, table.remove, setmetatable, string.sub, type, xpcall
local create, isyieldable, running = coroutine.create, coroutine.isyieldable, coroutine.running
local status, yield = coroutine.status, coroutine.yield

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"

local run = {}

local STEPS_MAX, BRANCHES_MAX, DEPTH_MAX = 65535, 65535, 100
local STRETCHES, SPELL_MS = 1000, 50 -- of one run.go()

local active -- the branch that is being run; nil: none
local BLOCKED = {} -- what a branch yields when it waits

-- The branch that runs now; nil outside of flows.
function run.active()
  return active
end

-- f(...) as if no flow were running: what it asks of clock or chance is not repeated when the run is replayed.
function run.outside(f, ...)
  local branch = active
  active = nil
  local function back(...)
    active = branch
    return ...
  end
  return back(f(...))
end

local Run = {}
Run.__index = Run

-- The function of a coroutine: errors get their place while the stack still stands.
local function body(f, ...)
  return xpcall(f, native.trace, ...)
end

local function branch(self, f, prefix, now_ms, ...)
  local b = { run = self, co = create(body), prefix = prefix, depth = 0, count = 0, now_ms = now_ms, args = { f, ... } }
  b.responses, b.answered = {}, {} -- what calls have read, by webhook: all that the branch sees; what it added
  self.ready[#self.ready + 1] = b
  return b
end

-- A run in memory, about to begin: `main(event)` will be called. `journal` is filled with run.put() before run.go(). `where`
-- stands in front of messages that have no line of their own.
function run.new(id, flow, main, event, started_ms, where)
  local self = setmetatable({ id = id, flow = flow, started_ms = started_ms, where = where, steps = 0, unasked = 0 }, Run)
  self.journal, self.waiting, self.ready = {}, {}, {}
  self.branches, self.strays = 0, {} -- strays: what was asked for anew while the journal had more
  self.main = branch(self, main, "", started_ms, event)
  return self
end

-- A step of the journal, or the end of an open one: {number, kind, path, name, ended_ms or nil, …}.
function run.put(self, entry)
  local known = self.journal[entry.path]
  if known then
    for key, v in next, entry do known[key] = v end
  else
    self.journal[entry.path] = entry
    self.unasked = self.unasked + 1
    self.steps = max(self.steps, entry.number)
  end
  local b = self.waiting[entry.path]
  if b and entry.ended_ms then
    self.waiting[entry.path] = nil
    self.ready[#self.ready + 1] = b
  end
end

-- --- steps ------------------------------------------------------------------------------------------------------

-- Where the branch is, else the flow.
local function place(self)
  local path, line = dsl.here()
  return path and format("%s:%d: ", path, line) or self.where
end

-- What a step is called in messages.
local function label(kind, name, path)
  local inside = path and find(path, ".", 1, true) and " in parallel()" or ""
  return (name ~= "" and format("%s '%s'", kind, name) or kind) .. inside
end

-- Nothing that the script could catch: the run stays where it is until a person looks.
local function park(self, message)
  self.parked = self.parked or message
  yield(BLOCKED)
end

-- The branch for a word such as call(); raises outside of flows.
function run.branch(word)
  if not active then
    error(format("%s() is for flows: call it inside the run function of a flow", word), 3)
  end
  if running() ~= active.co then
    error(format("%s() cannot be called in a coroutine of one's own; parallel { … } runs several at once", word), 3)
  end
  if not isyieldable() then
    error(format("%s() cannot be called here: a flow cannot wait inside string.gsub or a response function",
      word), 3)
  end
  return active
end

local function ask(b, kind, name, path, open, ...)
  local self = b.run
  if self.steps >= STEPS_MAX then error(format("more than %d steps in one run", STEPS_MAX), 0) end
  self.steps = self.steps + 1
  if self.unasked > 0 then
    self.strays[#self.strays + 1] = { path = path, what = label(kind, name, path), place = place(self) }
  end
  local entry = { number = self.steps, kind = kind, name = name, path = path, asked = true }
  self.journal[path] = entry
  open(entry, ...)
  return entry
end

-- The next step of a branch: its entry, ended. `open(entry, ...)` begins it when the journal does not have it. It yields in
-- either case, so that the CPU budget is one of the stretch between two steps: a replay of many takes no more than the run.
function run.step(b, kind, name, open, ...)
  local self = b.run
  b.count = b.count + 1
  local path = b.prefix .. b.count
  local entry = self.journal[path]
  if not entry then
    entry = ask(b, kind, name, path, open, ...)
  elseif entry.kind ~= kind or entry.name ~= name then
    park(self, format("%sstep %d: the journal has %s, but the flow asked for %s", place(self), entry.number,
      label(entry.kind, entry.name), label(kind, name)))
  elseif not entry.asked then
    entry.asked = true
    self.unasked = self.unasked - 1
  end
  if entry.ended_ms then b.again = true else self.waiting[path] = b end
  yield(BLOCKED)
  self.journal[path] = nil
  b.now_ms = max(b.now_ms, entry.ended_ms)
  return entry
end

-- Whether the journal has steps behind `path`, a parallel() there, that were not asked for yet.
local function holds_inside(self, path)
  path = path .. "."
  for known, entry in pairs(self.journal) do
    if not entry.asked and sub(known, 1, #path) == path then return true end
  end
  return false
end

-- True while what the branch does now has been done before: the journal knows what comes next, here or, when the branch has
-- come to its end, behind the parallel() it is of.
function run.replaying(b)
  local self = b.run
  if self.unasked == 0 then return false end
  local path = b.prefix .. b.count + 1
  local entry = self.journal[path]
  if entry then return not entry.asked end
  return holds_inside(self, path) or b.group ~= nil and run.replaying(b.group.parent)
end

-- What a call has read: later ones of the branch see it, and after the join those of its parent, in the order of branches and
-- not of answers.
function run.answer(b, name, vars)
  b.responses[name], b.answered[name] = vars, vars
end

-- Runs functions side by side, each a branch; when all have ended: for each {ok, value or message}.
function run.parallel(b, functions)
  local all = b.run.branches + #functions
  if all > BRANCHES_MAX then error(format("more than %d branches in one run", BRANCHES_MAX), 0) end
  if b.depth == DEPTH_MAX then error(format("parallel() inside parallel(): more than %d deep", DEPTH_MAX), 0) end
  b.run.branches, b.count = all, b.count + 1
  local group = { left = #functions, parent = b, branches = {} }
  for i, f in ipairs(functions) do
    local child = branch(b.run, f, b.prefix .. b.count .. "." .. i .. ".", b.now_ms)
    child.group, child.depth, group.branches[i] = group, b.depth + 1, child
    for name, vars in next, b.responses do child.responses[name] = vars end
  end
  if group.left > 0 then
    yield(BLOCKED)
  end
  local out = {}
  for i, child in ipairs(group.branches) do
    out[i] = child.ended
    b.now_ms = max(b.now_ms, child.now_ms)
    for name, vars in next, child.answered do run.answer(b, name, vars) end
  end
  return out
end

-- --- running ----------------------------------------------------------------------------------------------------

local function ended(self, b, ok, value)
  b.ended, b.co, b.args = { ok, value }, nil, nil
  local group = b.group
  if not group then return end
  group.left = group.left - 1
  if group.left == 0 then
    self.ready[#self.ready + 1] = group.parent
  end
end

local YIELDED = "coroutine.yield() outside of a coroutine of one's own; sleep() and wait_event() let a flow wait"

local function resume(self, b)
  local args = b.args
  b.args = nil
  active = b
  -- What went well once must not fail in a replay, where the machine may be busier.
  local protected = self.unasked > 0 and native.patient or native.protected
  local whole, alive, ok, value
  if args then
    whole, alive, ok, value = protected(coroutine.resume, b.co, args[1], args[2])
  else
    whole, alive, ok, value = protected(coroutine.resume, b.co)
  end
  active = nil
  if not whole then return ended(self, b, false, alive) end
  if not alive then return ended(self, b, false, ok) end
  if status(b.co) == "dead" then return ended(self, b, ok, value) end
  if ok ~= BLOCKED then return ended(self, b, false, YIELDED) end
end

local function first_unasked(self)
  local first
  for _, entry in pairs(self.journal) do
    if not entry.asked and (not first or entry.number < first.number) then first = entry end
  end
  return first
end

-- What was asked for in the place of a step: where one of their paths leads into the other.
local function stray_of(self, entry)
  for _, stray in ipairs(self.strays) do
    local a, b = entry.path .. ".", stray.path .. "."
    if sub(a, 1, #b) == b or sub(b, 1, #a) == a then return stray end
  end
end

-- How the flow went on instead, and where.
local function instead_of(self, entry)
  local main, stray = self.main.ended, stray_of(self, entry)
  if stray then return stray.place, "asked for " .. stray.what end
  if not main then return self.where, "went another way" end
  return self.where, "ended before it" .. (not main[1] and type(main[2]) == "string" and ": " .. main[2] or "")
end

-- All branches wait, or the flow has ended: has it asked for all that the journal holds?
local function check_journal(self)
  if self.unasked == 0 or self.parked then return end
  local entry = first_unasked(self)
  local where, what = instead_of(self, entry)
  self.parked = format("%sstep %d: the journal has %s, but the flow %s", where, entry.number,
    label(entry.kind, entry.name, entry.path), what)
end

-- Runs all branches until each waits or has ended: "waiting", "parked", "succeeded" or "failed"; with the value or message. Or
-- "more": it has taken a thousand stretches between steps, or long enough for others to wait.
function run.go(self)
  local ready, left, until_ms = self.ready, STRETCHES, native.now_ms() + SPELL_MS
  while #ready > 0 and not self.parked do
    if left == 0 or native.now_ms() >= until_ms then return "more" end
    left = left - 1
    local b = ready[1]
    b.again = false
    resume(self, b)
    if not b.again then remove(ready, 1) end
  end
  check_journal(self)
  if self.parked then return "parked", self.parked end
  local main = self.main.ended
  if not main then return "waiting" end
  return main[1] and "succeeded" or "failed", main[2]
end

return run
