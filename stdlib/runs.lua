-- runs: the word `runs`: what a flow may ask about runs, its own among them. Each is a step, so that a replay sees what was
-- seen first.

local error, find, format, ipairs, math_type, pairs, tostring, type =
  error, string.find, string.format, ipairs, math.type, pairs, tostring, type

local native = require "stdlib.native"
local dsl = require "stdlib.dsl"
local mistakes = require "stdlib.mistakes"
local run = require "stdlib.run"

local runs = {}

-- What a run is in.
runs.STATES = { "running", "waiting", "sleeping", "queued", "succeeded", "failed", "parked", "canceled" }
local MOST = 1000

local function open_manage(entry)
  native.step("runs", entry, false)
end

-- What the host says to it: the value; nil and why not.
local function ask(b, what)
  local said = native.json_decode(run.step(b, "runs", what, open_manage).result)
  if said.ok then return said.value end
  return nil, said.error
end

-- Whether it is the id of something, whole.
function runs.is_id(id)
  return type(id) == "string" and #id == 36 and find(id, "^%x+%-%x+%-%x+%-%x+%-%x+$") ~= nil
end

local function check_id(word, id)
  if runs.is_id(id) then return id end
  error(format("runs.%s: expected the id of a run, found %s", word,
    type(id) == "string" and "'" .. id .. "'" or dsl.kind(id)), 3)
end

local function of_one(word)
  return function(id)
    local b = run.branch("runs." .. word)
    return ask(b, word .. " " .. check_id(word, id))
  end
end

-- runs.resume(id, "current"): the second is for the scripts of now.
local function resume(id, scripts)
  local b = run.branch "runs.resume"
  check_id("resume", id)
  if scripts ~= nil and scripts ~= "current" then
    error(format("runs.resume: expected \"current\" or nothing, found %s", dsl.kind(scripts)), 2)
  end
  return ask(b, (scripts and "resume_current " or "resume ") .. id)
end

local FILTERS = { flow = true, state = true, limit = true }

local function check_state(state)
  for _, known in ipairs(runs.STATES) do
    if state == known then return state end
  end
  local near = type(state) == "string" and native.nearest(state, runs.STATES) or nil
  error(format("runs.list: unknown state '%s'%s", tostring(state), mistakes.hint(near, runs.STATES)), 3)
end

-- runs.list {flow =, state =, limit =}: the newest first.
local function list(filter)
  local b = run.branch "runs.list"
  filter = filter or {}
  if type(filter) ~= "table" then error("runs.list: expected a table, found " .. dsl.kind(filter), 2) end
  for key in pairs(filter) do
    if not FILTERS[key] then
      error(format("runs.list: unknown filter '%s'; there are flow, limit and state", tostring(key)), 2)
    end
  end
  local limit = filter.limit or 100
  if math_type(limit) ~= "integer" or limit < 1 or limit > MOST then
    error(format("runs.list: limit: expected a whole number from 1 to %d", MOST), 2)
  end
  if filter.flow ~= nil and not (type(filter.flow) == "string" and find(filter.flow, "^[%w_][%w_.-]*$")) then
    error("runs.list: flow: expected the name of a flow, found " .. dsl.kind(filter.flow), 2)
  end
  local state = filter.state ~= nil and check_state(filter.state) or "-"
  local page, why = ask(b, format("list %s %d %s", state, limit, filter.flow or "-"))
  if page == nil then return nil, why end
  return page.runs
end

-- runs.id(): of the run that asks.
local function id()
  return run.branch("runs.id").run.id
end

-- The words.
runs.words = {
  cancel = of_one "cancel", restart = of_one "restart", get = of_one "get", resume = resume, list = list, id = id,
}

return runs
