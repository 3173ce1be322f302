-- The word `runs`: what a flow asks about runs, and what it gets.

local flow_host = require "tests.lua.flow_host"

local ID = "01900000-0000-7000-8000-0000000000aa"

local function run(body)
  return flow_host.new('flow "f" { on = "e", run = function() ' .. body .. "\nend }"):run({})
end

local function refused(body)
  local r = run(body)
  assert.equal("failed", r.state)
  assert.same({}, r.asked)
  return r.value
end

describe("runs", function()
  for _, case in ipairs {
    { "cancel('" .. ID .. "')", "cancel " .. ID },
    { "restart('" .. ID .. "')", "restart " .. ID },
    { "get('" .. ID .. "')", "get " .. ID },
    { "resume('" .. ID .. "')", "resume " .. ID },
    { "resume('" .. ID .. "', 'current')", "resume_current " .. ID },
    { "list()", "list - 100 -" },
    { "list { flow = 'a.b', state = 'parked', limit = 7 }", "list parked 7 a.b" },
  } do
    it("asks for " .. case[2], function()
      local r = run("return { runs." .. case[1] .. " }")
      assert.equal("waiting", r.state)
      assert.same({ { number = 1, kind = "runs", path = "1", name = case[2] } }, r.asked)
    end)
  end

  it("gives the value, or nil and why not", function()
    local body = "local v, why = runs.get '" .. ID .. "' return { state = v and v.state, why = why }"
    assert.equal('{"state":"sleeping"}', run(body):put(1, { result = '{"ok":true,"value":{"id":"x","state":"sleeping"}}' }):go().value)
    local r = run(body):put(1, { result = '{"ok":false,"error":"no run x"}' }):go()
    assert.same({ "succeeded", '{"why":"no run x"}' }, { r.state, r.value })
  end)

  it("gives a list", function()
    local r = run "return #runs.list()":put(1, { result = '{"ok":true,"value":{"runs":[{},{}],"next":null}}' }):go()
    assert.equal("2", r.value)
  end)

  it("is not asked twice by a replay", function()
    local r = run "return runs.list { limit = 1 }":put(1, { result = '{"ok":true,"value":{"runs":[]}}' }):go()
    local again = r:replayed()
    assert.same({ "succeeded", {} }, { again.state, again.asked })
  end)

  it("knows which run asks", function()
    assert.equal('"01900000-0000-7000-8000-000000000001"', run("return runs.id()").value)
  end)

  for body, message in pairs {
    ["runs.cancel()"] = "runs.cancel: expected the id of a run, found nothing",
    ["runs.get 'x y'"] = "runs.get: expected the id of a run, found 'x y'",
    ["runs.resume('" .. ID .. "', 'now')"] = 'runs.resume: expected "current" or nothing, found a string',
    ["runs.list { stat = 1 }"] = "runs.list: unknown filter 'stat'; there are flow, limit and state",
    ["runs.list { state = 'faild' }"] = "runs.list: unknown state 'faild'; did you mean 'failed'?",
    ["runs.list { limit = 0 }"] = "runs.list: limit: expected a whole number from 1 to 1000",
    ["runs.list { flow = 'a b' }"] = "runs.list: flow: expected the name of a flow, found a string",
    ["runs.list(7)"] = "runs.list: expected a table, found a number",
  } do
    it("refuses " .. body, function() assert.equal("s.lua:1: " .. message, refused(body)) end)
  end

  it("is for flows", function()
    local helper = require "tests.lua.helper"
    local errors = helper.load "runs.list()"
    assert.same({ "s.lua:1: runs.list() is for flows: call it inside the run function of a flow" }, errors)
  end)
end)
