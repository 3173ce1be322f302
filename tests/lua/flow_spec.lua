-- Flows: what each word asks of the host, what it gives back, and what a replay makes of the journal.

local flow_host = require "tests.lua.flow_host"
local helper = require "tests.lua.helper"
local json, null, shown = helper.json, helper.null, flow_host.shown

local HOOKS = [[
integration "i" { url = "http://h.test/" }
webhook "a" { integration = "i", url = "a?n=${ N }", body = { n = "${ N }" }, response = { id = "id!" } }
webhook "b" { integration = "i", url = "b", body = { a = "${ Responses.a.id | default('none') }" } }
webhook "plain" { integration = "i", url = "plain" }
]]
local FIRST = select(2, HOOKS:gsub("\n", "")) + 1 -- the line of the first word of a flow

-- A host with flow "f" of this body, whose argument is `event`.
local function host(body, options)
  return flow_host.new(HOOKS .. 'flow "f" { on = "e", run = function(event) ' .. body .. "\nend }", options)
end

-- The run of a flow of this body, with N = 1 as the event's data.
local function run(body, data)
  return host(body):run(data or { N = 1 })
end

-- How a flow of this body ends that asks for nothing: its JSON, or the message.
local function outcome(body)
  local r = run(body)
  return r.value, r.state
end

local function at(line, message)
  return "s.lua:" .. FIRST + line .. ": " .. message
end

describe("a flow", function()
  it("gets the event and returns a value", function()
    local r = host [[return { event.id, event.key, event.name, event.data.N, #event.data.L }]]
      :run({ N = 9007199254740993, L = json.array {} }, { key = "k" })
    assert.same({ "succeeded", '["01900000-0000-7000-8000-00000000000e","k","e",9007199254740993,0]' }, { r.state, r.value })
    assert.same({}, r.asked)
  end)

  it("may return nothing, and one value of several", function()
    assert.same({ nil, "succeeded", n = 2 }, table.pack(outcome "return"))
    assert.same({ nil, "succeeded", n = 2 }, table.pack(outcome "return nil, 1"))
    assert.equal("null", (outcome "return json.null"))
    assert.equal("false", (outcome "return false"))
    assert.equal('"x"', (outcome "return 'x', 'y'"))
  end)

  it("is told that what it returned is not kept", function()
    local r = run "return { f = print }"
    assert.same({ "succeeded", nil }, { r.state, r.value })
    assert.same({ { level = "warn", message = "what the flow returned is not kept: cannot encode f: a function",
      fields = { flow = "f", run = r.id } } }, r.host.native.logged)
  end)

  it("has an event without data", function()
    local r = host("return event.data"):run(nil)
    assert.equal("{}", r.value)
  end)

  it("is to be there", function()
    local boot = helper.good(HOOKS)
    assert.same({ nil, "the scripts that it runs under have no flow 'f'", n = 2 },
      table.pack(boot.run_new("x", "f", '{"name":"e"}', "x", 0)))
    assert.equal(0, boot.flow_count())
    assert.equal(1, host("").boot.flow_count())
  end)

  it("fails with the line of what was raised, and of its callers", function()
    assert.same({ at(1, "boom (called from s.lua:" .. FIRST + 3 .. ")"), "failed" },
      { outcome "local function g()\n error 'boom' end\n\n g() return" })
    assert.equal(at(1, "attempt to index a nil value (field 'x')"), (outcome "\nlocal t = {} return t.x.y"))
    assert.equal(at(1, "undefined variable 'slepp'; did you mean 'sleep'?"), (outcome "\nslepp '2h'"))
    assert.equal(at(0, "error(nil)"), (outcome "error(nil)"))
    assert.equal(at(0, "bare"), (outcome "error('bare', 0)"))
    assert.equal(at(0, "flow 'f': the script raised an object: {\"code\":5}"), (outcome "error { code = 5 }"))
    assert.equal(at(0, "flow 'f': the script raised an object"), (outcome "error { f = print }"))
    assert.equal(at(0, "flow 'f': the script raised an object"), (outcome "error { s = ('x'):rep(1000) }"))
  end)
end)

describe("call", function()
  it("asks for a step with a delivery, and waits", function()
    local r = run [[local res = call("a", event.data)
      return { res.ok, res.status, res.attempts, res.duration, res.delivery_id, res.vars.id, res.json.id, res.headers["x-a"], res.body }]]
    assert.same({ "waiting", nil }, { r.state, r.value })
    assert.same({ { number = 1, kind = "call", path = "1", name = "a", delivery = "00000000-0000-7000-8000-000000000001" } }, r.asked)
    assert.same({ 1, "a", "http://h.test/a?n=1", '{"n":1}' }, { #r.sent, r.sent[1].webhook, r.sent[1].url, r.sent[1].body })
    r:answer(1, 201, '{"id":5}', { ok = true, attempts = 3 })
    assert.same({ "succeeded", {} }, { r.state, r.sent })
    assert.equal('[true,201,3,0.0025,"00000000-0000-7000-8000-000000000001",5,5,"b","{\\"id\\":5}"]', r.value)
  end)

  it("does not raise for what the world does wrong", function()
    local body = "local res = call('plain') return { res.ok, res.status, res.error, res.vars, res.attempts }"
    assert.equal('[false,500,{"kind":"status","message":"the receiver answered 500"},{},1]', run(body):answer(1, 500, "x").value)
    local r = run(body):put(1, { result = '{"ok":false,"attempts":4,"error":{"kind":"connect","message":"refused"}}' }):go()
    assert.equal('[false,0,{"kind":"connect","message":"refused"},{},4]', r.value)
  end)

  it("says as the journal does whether it was a success", function()
    local h = flow_host.new [[
      integration "i" { url = "http://h.test/" }
      webhook "w" { integration = "i", success = { 404 }, response = function(res) return { seen = res.ok } end }
      flow "f" { on = "e", run = function() local res = call "w" return { res.ok, res.vars, res.error } end }]]
    assert.equal('[true,{"seen":true}]', h:run():answer(1, 404, "", { ok = true, attempts = 1 }).value)
    local refused = { ok = false, attempts = 1, error = { kind = "rule", message = "no" } }
    assert.equal('[false,{"seen":false},{"kind":"rule","message":"no"}]', h:run():answer(1, 200, "", refused).value)
  end)

  it("fails where the variables cannot be had", function()
    local body = "local res = call('a', event.data) return { res.ok, res.status, res.vars, res.error }"
    assert.equal('[false,200,{},{"kind":"mapping","message":"webhook \'a\': response.id: the answer has nothing at \'id\'"}]',
      run(body):answer(1, 200, "{}").value)
    assert.equal('[false,200,{},{"kind":"mapping","message":"the response is not JSON: line 1, column 1: invalid token near \'<\'"}]',
      run(body):answer(1, 200, "<html>").value)
    assert.equal('[false,503,{},{"kind":"status","message":"the receiver answered 503"}]', run(body):answer(1, 503, "<html>").value)
  end)

  it("reads no variables where no answer came", function()
    local h = flow_host.new [[
      integration "i" { url = "http://h.test/" }
      webhook "w" { integration = "i", body = "${ x }", response = function() log "read" return { x = 1 } end }
      flow "f" { on = "e", run = function() return { call("w", { x = 1 }).vars, call("w").vars } end }]]
    local r = h:run():put(1, { result = '{"ok":false,"attempts":1,"error":{"kind":"connect","message":"refused"}}' }):go()
    assert.same({ "succeeded", "[{},{}]", {} }, { r.state, r.value, h.native.logged })
  end)

  it("ends at once where the request cannot be rendered", function()
    local r = run "local res = call('a', {}) return { res.ok, res.status, res.attempts, res.error.kind, res.error.message }"
    local kept = json.decode(r.journal[1].result)
    assert.same({ false, 0, "render" }, { kept.ok, kept.attempts, kept.error.kind })
    assert.equal("succeeded", r.state)
    local value = json.decode(r.value)
    assert.same({ false, 0, 0, "render" }, { value[1], value[2], value[3], value[4] })
    assert.matches("^s%.lua:2:%d+: ", value[5])
    assert.same({ 0, 1, value[5] }, { #r.sent, #r.failed, r.failed[1].message })
    assert.truthy(r.journal[1].ended_ms)
    local again = r:replayed()
    assert.same({ r.value, {}, {} }, { again.value, again.asked, again.failed })
  end)

  local MISUSE = {
    { "call('plan')", "call: no webhook 'plan'; did you mean 'plain'?" },
    { "call()", "call: expected the name of a webhook, found nothing" },
    { "call(5)", "call: expected the name of a webhook, found a number" },
    { "call('a', 'x')", "call 'a': expected a table of data, found a string" },
    { "call('a', json.null)", "call 'a': expected a table of data, found json.null" },
    { "call('a', json.array {})", "call 'a': expected a table of data, found a table" },
    { "send('zzz')", "send: no webhook 'zzz'" },
    { "sleep()", 'sleep: expected a duration up to ten years, such as "30s", or a number of seconds; found nothing' },
    { "sleep 'soon'", 'sleep: expected a duration up to ten years, such as "30s", or a number of seconds; found \'soon\'' },
    { "sleep(-1)", 'sleep: expected a duration up to ten years, such as "30s", or a number of seconds; found -1' },
    { "sleep '9999d'", 'sleep: expected a duration up to ten years, such as "30s", or a number of seconds; found \'9999d\'' },
    { "wait_event()", "wait_event: expected the name of an event, found nothing" },
    { "wait_event ''", "wait_event: expected the name of an event, found a string" },
    { "wait_event('x', 5)", "wait_event: expected a table of options, found a number" },
    { "wait_event('x', { mach = {} })", "wait_event: unknown option 'mach'; there are match and timeout" },
    { "wait_event('x', { timeout = 'x' })",
      'wait_event: timeout: expected a duration up to ten years, such as "30s", or a number of seconds; found \'x\'' },
    { "wait_event('x', { match = 5 })", 'wait_event: match: expected a table such as {["Order.Id"] = 17}, found a number' },
    { "wait_event('x', { match = { 5 } })", "wait_event: match: bad path '1'; write names and [0], as in Order.Items[0].Id" },
    { "wait_event('x', { match = { ['a[*]'] = 5 } })",
      "wait_event: match: bad path 'a[*]'; write names and [0], as in Order.Items[0].Id" },
    { "wait_event('x', { match = { ['a!'] = 5 } })",
      "wait_event: match: bad path 'a!'; write names and [0], as in Order.Items[0].Id" },
    { "wait_event('x', { match = { a = {} } })",
      "wait_event: match: 'a': expected a text, a number or a boolean, found a table" },
    { "wait_event('x', { match = { a = json.null } })",
      "wait_event: match: 'a': expected a text, a number or a boolean, found json.null" },
    { "wait_event('x', { match = { a = ('x'):rep(1000) } })", "wait_event: match: longer than 1000 bytes" },
    { "parallel()", "parallel: expected functions, found nothing" },
    { "parallel('x')", "parallel: expected functions, found a string" },
    { "parallel(print, nil, print)", "parallel: expected functions, found nothing" },
    { "parallel { 5 }", "parallel: expected functions, found a number" },
    { "parallel { [true] = print }", "parallel: expected names or a list, found a boolean as a key" },
    { "local t = {} for i = 1, 1001 do t[i] = print end parallel(t)", "parallel: more than 1000 functions" },
  }
  for _, case in ipairs(MISUSE) do
    it("and the others raise for misuse: " .. case[1], function()
      assert.same({ at(1, case[2]), "failed" }, { outcome("\n" .. case[1] .. " return 1") })
      assert.equal(json.encode { false, at(1, case[2]) },
        (outcome("return { pcall(function()\n" .. case[1] .. " return 1 end) }")))
    end)
  end

  it("gives what was answered before to the templates of later ones", function()
    local r = run [[call("b", event.data) call("a", event.data) call("b", event.data) call("b", { Responses = { a = { id = "own" } } })]]
    assert.equal('{"a":"none"}', r.sent[1].body)
    r:answer(1, 200):answer(2, 200, '{"id":[7]}'):answer(3, 500)
    assert.equal('{"a":"own"}', r.sent[1].body)
    r = run [[call("a", event.data) call("a", event.data) call("b", event.data)]]
    r:answer(1, 200, '{"id":7}'):answer(2, 200, "{}")
    assert.equal('{"a":7}', r.sent[1].body) -- of the last that was a success
  end)

  it("does not add to the data of the flow", function()
    local r = run [[call("a", event.data) call("b", event.data) return event.data]]
    assert.equal('{"N":1}', r:answer(1, 200, '{"id":7}'):answer(2, 200).value)
  end)

  it("keeps the flow's data from functions that change it", function()
    local h = flow_host.new [[
      integration "i" { url = "http://h.test/" }
      template_function("spoil", function(t) t.n = 9 return "x" end)
      webhook "w" { integration = "i", body = function(data) data.n, data.deep.n = 2, 2 return data end }
      webhook "v" { integration = "i", body = { "${ deep | spoil }" } }
      flow "f" { on = "e", run = function()
        local mine = { n = 1, deep = { n = 1 }, list = json.array {} }
        send("w", mine) send("v", mine)
        return mine
      end }]]
    local r = h:run()
    assert.equal('{"deep":{"n":2},"list":[],"n":2}', r.sent[1].body)
    assert.equal('{"deep":{"n":1},"list":[],"n":1}', r.value)
  end)
end)

describe("send", function()
  it("gives the id of a delivery and goes on", function()
    local r = run "local id = send('plain') return { id, send('a', event.data) }"
    assert.equal('["00000000-0000-7000-8000-000000000001","00000000-0000-7000-8000-000000000002"]', r.value)
    assert.same({ "1 send 'plain'", "2 send 'a'" }, shown(r.asked))
    assert.same({ 1700000000000, '"00000000-0000-7000-8000-000000000001"' }, { r.asked[1].ended_ms, r.asked[1].result })
    assert.equal(r.value, r:replayed().value)
    assert.same({}, r:replayed().asked)
  end)

  it("gives one also where the request cannot be rendered", function()
    local r = run "return send('a', {})"
    assert.same({ "succeeded", '"00000000-0000-7000-8000-000000000001"', 0, 1 }, { r.state, r.value, #r.sent, #r.failed })
  end)
end)

describe("sleep", function()
  it("waits for a time", function()
    local r = run "sleep '2h' sleep(0.25) return sleep(0)"
    assert.same({ "waiting", { "1 sleep '2h'" }, 1700007200000 }, { r.state, shown(r.asked), r.asked[1].due_ms })
    r:wake(1)
    assert.same({ "waiting", { "2 sleep '250ms'" } }, { r.state, shown(r.asked) })
    r:wake(2):wake(3)
    assert.same({ "succeeded" }, { r.state, r.value })
  end)
end)

describe("wait_event", function()
  it("waits for an event of that name", function()
    local r = run "local e = wait_event 'paid' return { e.id, e.key, e.name, e.data.x }"
    assert.same({ number = 1, kind = "wait_event", path = "1", name = "paid", match = '["paid"]', form = "" }, r.asked[1])
    r:event(1, { x = 1 }, "k")
    assert.equal('["01900000-0000-7000-8000-0000000000ee","k","paid",1]', r.value)
  end)

  it("gives nil when time is up", function()
    local r = run "local e = wait_event('paid', { timeout = '1d' }) return { e == nil }"
    assert.equal(1700086400000, r.asked[1].due_ms)
    assert.equal("[true]", r:wake(1).value)
  end)

  -- What the waiting side asks for is what an event of these data brings, or not.
  local MATCHES = {
    { "{ Id = 17 }", { Id = 17 }, true },
    { "{ Id = 17 }", { Id = 17.0 }, true },
    { "{ Id = 17.0 }", { Id = 17 }, true },
    { "{ Id = 17 }", { Id = 17.5 }, false },
    { "{ Id = 17 }", { Id = "17" }, false },
    { "{ Id = '17' }", { Id = "17" }, true },
    { "{ Id = 9007199254740993 }", { Id = 9007199254740993 }, true },
    { "{ Id = 9007199254740993 }", { Id = 9007199254740992 }, false },
    { "{ Id = 0.1 }", { Id = 0.1 }, true },
    { "{ Id = -0.0 }", { Id = 0 }, true },
    { "{ Id = true }", { Id = true }, true },
    { "{ Id = false }", { Id = false }, true },
    { "{ Id = false }", { Id = null }, false },
    { "{ Id = 17 }", { id = 17 }, false },
    { "{ Id = 17 }", {}, false },
    { "{ Id = 17 }", { Id = { 17 } }, false },
    { "{ ['Order.Id'] = 'ä\"\\n' }", { Order = { Id = 'ä"\n' } }, true },
    { "{ ['L[1].x'] = 2 }", { L = { { x = 1 }, { x = 2 } } }, true },
    { "{ ['Order.Id'] = 1, Name = 'n' }", { Order = { Id = 1 }, Name = "n" }, true },
    { "{ Name = 'n', ['Order.Id'] = 1 }", { Order = { Id = 1 }, Name = "n" }, true },
    { "{ Name = 'n', ['Order.Id'] = 1 }", { Order = { Id = 2 }, Name = "n" }, false },
    { "{ Name = 'n', ['Order.Id'] = 1 }", { Name = "n" }, false },
    { "{ a = 1, b = 2 }", { a = 2, b = 1 }, false },
    { "{}", { x = 1 }, true },
  }
  for i, case in ipairs(MATCHES) do
    it("meets what an event brings, " .. i .. ": " .. case[1] .. " and " .. json.encode(case[2]), function()
      local h = host("return wait_event('paid', { match = " .. case[1] .. " })")
      local r = h:run()
      h.native.waited.paid = r.asked[1].form .. "\0other"
      assert(h.boot.event(json.encode { name = "paid", data = case[2] }))
      assert.equal(case[3], h.native.keys[1] == r.asked[1].match)
    end)
  end

  it("is told of events in each form in which somebody waits", function()
    local h = host ""
    h.native.waited = { paid = "a\0\0a\nb\0c" }
    assert(h.boot.event '{"name":"paid","data":{"a":1,"b":"x"}}')
    assert(h.boot.event '{"name":"else","data":{"a":1,"b":"x"}}')
    assert(h.boot.event '{"name":"paid"}')
    assert.same({ '["paid","a",1]', '["paid"]', '["paid","a",1,"b","x"]', '["paid"]' }, h.native.keys)
  end)
end)

describe("parallel", function()
  it("runs functions side by side", function()
    local r = run [[local x, y, z = parallel(function() return call("a", event.data).vars.id end, function() sleep "1h" end,
      function() return 3 end) return { x, y == nil, z }]]
    assert.same({ "1.1.1 call 'a'", "1.2.1 sleep '1h'" }, shown(r.asked))
    assert.equal("waiting", r:wake(2).state)
    assert.equal("[7,true,3]", r:answer(1, 200, '{"id":7}').value)
    assert.equal("[7,true,3]", r:replayed().value)
  end)

  it("takes a table of names, a list, and nothing", function()
    local r = run [[local out = parallel { x = function() return call("a", event.data).vars.id end, [2] = function() return 2 end,
      y = function() return wait_event("paid").data.n end } return { out.x, out[2], out.y }]]
    assert.same({ "1.2.1 call 'a'", "1.3.1 wait_event 'paid'" }, shown(r.asked)) -- in the order of numbers, then names
    assert.equal("[1,2,5]", r:event(2, { n = 5 }):answer(1, 200, '{"id":1}').value)
    assert.equal("[1,2]", (outcome "return parallel { function() return 1 end, function() return 2 end }"))
    assert.equal("{}", (outcome "return parallel {}"))
  end)

  it("may be nested", function()
    local r = run [[sleep(1) local x, y = parallel(function() local p, q = parallel(function() sleep(2) return "p" end,
      function() sleep(3) return "q" end) sleep(4) return p .. q end, function() sleep(5) return "y" end) sleep(6) return x .. y]]
    r:wake(1)
    assert.same({ "2.2.1 sleep '5s'", "2.1.1.1.1 sleep '2s'", "2.1.1.2.1 sleep '3s'" }, shown(r.asked))
    r:wake(4):wake(3)
    assert.same({ "2.1.2 sleep '4s'" }, shown(r.asked))
    r:wake(2):wake(5)
    assert.same({ "3 sleep '6s'" }, shown(r.asked))
    assert.equal('"pqy"', r:wake(6).value)
    assert.equal('"pqy"', r:replayed().value)
  end)

  it("raises the first error in order when all have ended", function()
    local body = [[parallel(function() sleep(1) error "one" end,
      function() error "two" end,
      function() call("plain") return "went on" end) return]]
    local r = run(body)
    assert.same({ "waiting", { "1.1.1 sleep '1s'", "1.3.1 call 'plain'" } }, { r.state, shown(r.asked) })
    assert.equal("waiting", r:wake(1).state)
    r:answer(2, 200)
    assert.same({ "failed", at(0, "one") }, { r.state, r.value })
    assert.same({ "failed", at(0, "one") }, { r:replayed().state, r:replayed().value })
  end)

  it("has errors that can be caught, as they were raised", function()
    assert.equal('[false,{"code":5}]', (outcome "return { pcall(parallel, function() error { code = 5 } end) }"))
    assert.equal(json.encode { false, at(0, "error(nil)") }, (outcome "return { pcall(parallel, function() error() end) }"))
  end)
end)

describe("Responses", function()
  local BODY = [[
    parallel(function() return call("a", { N = 1 }) end, function() return call("a", { N = 2 }) end)
    call("b", {})]]

  local function sent(first, second)
    local r = run(BODY)
    r:answer(first, 200, '{"id":' .. first .. "}")
    r:answer(second, 200, '{"id":' .. second .. "}")
    return r.sent[1].body
  end

  it("after parallel() are those of the last branch, whichever was answered last", function()
    assert.equal('{"a":2}', sent(1, 2))
    assert.equal('{"a":2}', sent(2, 1))
  end)

  it("in a branch are those from before it, and its own", function()
    local r = run [[
      call("a", { N = 1 })
      parallel(function() call("a", { N = 2 }) call("b", {}) end, function() call("b", {}) end)]]
    r:answer(1, 200, '{"id":1}')
    local other = r.sent[2].body
    r:answer(2, 200, '{"id":2}')
    assert.same({ '{"a":1}', '{"a":2}' }, { other, r.sent[1].body })
  end)
end)

describe("a run", function()
  it("has a bounded number of branches", function()
    local body = "local n = 0 while true do\nparallel(function() n = n + 1 end) end"
    assert.same({ at(1, "more than 65535 branches in one run"), "failed" }, { outcome(body) })
  end)

  it("has a bounded depth of branches", function()
    local message = at(1, "parallel() inside parallel(): more than 100 deep")
    assert.equal(message, (outcome "local function f()\nparallel(f) return end f() return"):sub(1, #message))
  end)

  it("lets others have their turn after a thousand stretches", function()
    local r = run "for i = 1, 2500 do send 'plain' end"
    assert.same({ "succeeded", 3, 2500 }, { r.state, r.turns, #r.asked })
    assert.same({ "succeeded", 3, {} }, { r:replayed().state, r:replayed().turns, r:replayed().asked })
  end)

  it("lets others have their turn after some time", function()
    local h = host "for i = 1, 3 do send 'plain' end"
    local real = h.native.step
    function h.native.step(...)
      h.native.time = h.native.time + 60
      return real(...)
    end
    local r = h:run {}
    assert.same({ "succeeded", 4, 3 }, { r.state, r.turns, #r.asked })
  end)

  it("has a bounded number of steps", function()
    local h = host "while true do\nsend 'plain' end"
    local r = h:new_run({})
    for i = 1, 65534 do
      h.boot.run_put(r.task, { number = i, kind = "send", path = tostring(i), name = "plain", ended_ms = 1, result = '"x"' })
      r.journal[i] = {}
    end
    r:go()
    assert.same({ "failed", { "65535 send 'plain'" } }, { r.state, shown(r.asked) })
    assert.equal(at(1, "more than 65535 steps in one run"), r.value)
  end)
end)

describe("an error in a flow", function()
  it("can be caught where it was raised, across steps", function()
    local r = run [[return { pcall(function() call("plain") error({ code = 1 }) end) }]]
    assert.equal('[false,{"code":1}]', r:answer(1, 200).value)
    r = run [[return { select("#", pcall(function() sleep(1) error() end)) }]]
    assert.equal("[2]", r:wake(1).value)
    r = run [[local t <close> = setmetatable({}, { __close = function() log "closed" end }) sleep(1) error "x"]]
    assert.equal("failed", r:wake(1).state)
    assert.equal("closed", r.host.native.logged[1].message)
  end)
end)

describe("the words of flows", function()
  it("are for flows", function()
    for _, word in ipairs { "call", "send", "sleep", "wait_event", "parallel" } do
      assert.same({ "s.lua:1: " .. word .. "() is for flows: call it inside the run function of a flow" },
        (helper.load(word .. " 'x'")))
    end
    local boot, native = helper.good(helper.webhook "body = function() return { select(2, pcall(call, 'w')) } end")
    assert(boot.call("w", ""))
    assert.equal('["call() is for flows: call it inside the run function of a flow"]', native.emitted[1].body)
  end)

  it("are not for body functions that a flow's call runs", function()
    local h = flow_host.new [[
      integration "i" { url = "http://h.test/" }
      webhook "w" { integration = "i", body = function() sleep(1) return {} end }
      flow "f" { on = "e", run = function() return call("w").error.message end }]]
    local r = h:run()
    assert.same({ { "1 call 'w'" },
      '"s.lua:2: sleep() is for flows: call it inside the run function of a flow"' }, { shown(r.asked), r.value })
  end)

  it("are not for coroutines of one's own", function()
    local message = "sleep() cannot be called in a coroutine of one's own; parallel { … } runs several at once"
    assert.equal(json.encode { false, at(0, message) },
      (outcome "return { coroutine.resume(coroutine.create(function() sleep(1) end)) }"))
    assert.equal("[1,2]", (outcome [[local next = coroutine.wrap(function() coroutine.yield(1) return 2 end) return { next(), next() }]]))
  end)

  it("are not for where Lua cannot wait", function()
    local message = " cannot be called here: a flow cannot wait inside string.gsub or a response function"
    local r = run [[return { pcall(string.gsub, "x", "x", function() sleep(1) end) }]]
    assert.same({ {}, json.encode { false, at(0, "sleep()" .. message) } }, { shown(r.asked), r.value })
    r = run [[return { pcall(string.gsub, "x", "x", function() send "plain" end) }]]
    assert.same({ {}, json.encode { false, at(0, "send()" .. message) } }, { shown(r.asked), r.value })
    local h = flow_host.new [[
      integration "i" { url = "http://h.test/" }
      webhook "w" { integration = "i", response = function() wait_event "x" end }
      flow "f" { on = "e", run = function() local error = call("w").error sleep(1) return error.message end }]]
    r = h:run():answer(1, 200)
    assert.same({ "2 sleep '1s'" }, shown(r.asked))
    assert.equal(json.encode("s.lua:2: wait_event()" .. message), r:wake(2).value)
  end)

  it("are what lets a flow wait, and coroutine.yield is not", function()
    local message = "flow 'f': coroutine.yield() outside of a coroutine of one's own; sleep() and wait_event() let a flow wait"
    assert.same({ at(0, message), "failed" }, { outcome "pcall(coroutine.yield, 1) return 1" })
  end)
end)

describe("a replay", function()
  local JOURNEY = [[
    local a = call("a", event.data)
    sleep "1h"
    local e = wait_event("paid", { timeout = "1d", match = { Id = a.vars.id } })
    local x, y = parallel(function() return call("plain").status end, function() sleep(2) return send "plain" end)
    return { a.vars.id, a.headers["X-A"], a.json, e and e.data.n, x, y, now(), uuid(), math.random(1000) }]]

  it("gives the same results and asks nothing twice, wherever it begins", function()
    local h = host(JOURNEY)
    local function journey(each)
      local r = each(h:run({ N = 1 }))
      r = each(r:answer(1, 200, '{"id":7}'))
      r = each(r:wake(2))
      r = each(r:event(3, { n = 3 }))
      r = each(r:wake(5))
      return each(r:answer(4, 202))
    end
    local start = h.native.time
    local straight = journey(function(r) return r end)
    assert.same({ "succeeded", { "1 call 'a'", "2 sleep '1h'", "3 wait_event 'paid'", "4.1.1 call 'plain'", "4.2.1 sleep '2s'",
      "4.2.2 send 'plain'" } }, { straight.state, shown(straight.journal) })
    h.native.time, h.native.ids = start, 0
    local broken = journey(function(r)
      if r.state ~= "waiting" then return r end
      local again = r:replayed()
      assert.same({ "waiting", {}, {}, {} }, { again.state, again.asked, again.sent, again.failed })
      return again
    end)
    assert.equal(straight.value, broken.value)
    assert.same(straight.journal, broken.journal)
    assert.equal(straight.value, straight:replayed().value)
  end)

  -- What was asked for first, how its steps ended, what a flow asks for now, and what is said.
  local MISMATCHES = {
    { "sleep(1) sleep(2)", "sleep(1)\nsleep(3)", at(1, "step 2: the journal has sleep '2s', but the flow asked for sleep '3s'") },
    { "call('a', event.data)", "\ncall('b', event.data)",
      at(1, "step 1: the journal has call 'a', but the flow asked for call 'b'") },
    { "sleep(1) call('a', event.data)", "sleep(1)\n\nsend('a', event.data)",
      at(2, "step 2: the journal has call 'a', but the flow asked for send 'a'") },
    { "sleep(1) sleep(1)", "local function g()\nwait_event('e') end\n sleep(1) g()",
      at(1, "step 2: the journal has sleep '1s', but the flow asked for wait_event 'e'") },
    { "parallel(function() sleep(1) end, function() sleep(2) end)",
      "parallel(function() sleep(1) end,\nfunction() sleep(5) end)",
      at(1, "step 2: the journal has sleep '2s', but the flow asked for sleep '5s'") },
  }
  for i, case in ipairs(MISMATCHES) do
    it("that asks for something else parks, " .. i, function()
      local r = run(case[1])
      if case[1]:find "^sleep" then r:wake(1) end
      assert.equal("waiting", r.state)
      for _, body in ipairs { case[2], "pcall(function() " .. case[2] .. " end) sleep(99)" } do
        local again = r:replayed(host(body))
        assert.same({ "parked", case[3] }, { again.state, again.value })
        again:go()
        assert.same({ "parked", case[3], {} }, { again.state, again.value, again.asked })
      end
    end)
  end

  -- The same where the flow comes to wait or to its end without having met a step of the journal.
  local AMISS = {
    { "sleep(1)", "return sleep(2)", at(0, "flow 'f': step 1: the journal has sleep '1s', but the flow asked for sleep '2s'") },
    { "sleep(1)", "return 1", at(0, "flow 'f': step 1: the journal has sleep '1s', but the flow ended before it") },
    { "sleep(1)", "\nerror 'x'", at(0, "flow 'f': step 1: the journal has sleep '1s', but the flow ended before it: " .. at(1, "x")) },
    { "sleep(1)", "parallel(function()\nsleep(1) end)",
      at(1, "step 1: the journal has sleep '1s', but the flow asked for sleep '1s' in parallel()") },
    { "parallel(function() sleep(1) end)", "\nsend('plain') return sleep(1)",
      at(1, "step 1: the journal has sleep '1s' in parallel(), but the flow asked for send 'plain'") },
    { "parallel(print, function() sleep(1) end)", "parallel(print) return",
      at(0, "flow 'f': step 1: the journal has sleep '1s' in parallel(), but the flow ended before it") },
    { "parallel(print, function() sleep(1) end)", "parallel(function()\nsleep(1) end)",
      at(0, "flow 'f': step 1: the journal has sleep '1s' in parallel(), but the flow went another way") },
  }
  for i, case in ipairs(AMISS) do
    it("that misses a step parks, " .. i, function()
      local again = run(case[1]):replayed(host(case[2]))
      assert.same({ "parked", case[3] }, { again.state, again.value })
    end)
  end
end)

describe("the log", function()
  it("has the lines of a flow once, with its name and the run's id", function()
    local h = host [[log("one") sleep(1) log.warn("two", { x = 1 }) print("three", 3) parallel(function() log "four" sleep(2) end)
      log("five", { flow = "mine" })]]
    local function lines()
      local out = {}
      for i, line in ipairs(h.native.logged) do out[i] = line.message end
      h.native.logged = {}
      return out
    end
    local r = h:run()
    assert.same({ { level = "info", message = "one", fields = { flow = "f", run = r.id } } }, h.native.logged)
    lines()
    r = r:replayed()
    assert.same({}, lines())
    r:wake(1)
    assert.same({ level = "warn", message = "two", fields = { flow = "f", run = r.id, x = 1 } }, h.native.logged[1])
    assert.same({ "two", "three\t3", "four" }, lines())
    r = r:replayed()
    assert.same({}, lines())
    r:wake(2)
    assert.same({ flow = "mine", run = r.id }, h.native.logged[1].fields)
    assert.same({ "five" }, lines())
  end)

  it("has what a branch says at its end once", function()
    local h = host [[parallel(function() log "a" parallel(function() sleep(1) log "b" end) log "c" end, function() log "d" end)
      sleep(2) log "e"]]
    local function count(r)
      local lines = {}
      for i, line in ipairs(h.native.logged) do lines[i] = line.message end
      return table.concat(lines, " "), r.state
    end
    assert.same({ "a d", "waiting" }, { count(h:run()) })
    local r = h:run():wake(1)
    h.native.logged = {}
    assert.same({ "", "waiting" }, { count(r:replayed()) })
    assert.same({ "e", "succeeded" }, { count(r:replayed():wake(2)) })
  end)
end)

describe("an event", function()
  local function start(fields, data, more)
    local boot, native = helper.good(HOOKS .. 'flow "f" { on = "e", ' .. fields .. " run = function() end } " .. (more or ""))
    assert(boot.event(json.encode { name = "e", id = "k", data = data or { Id = 17, Name = "Ana" } }))
    return native.runs[1], native, boot
  end

  it("starts a run of each flow that is on it, in order of name", function()
    local _, native, boot = start("", nil, 'flow "d" { on = "e", run = print } flow "x" { on = "other", run = print }')
    assert.same({ { flow = "d" }, { flow = "f" } }, native.runs)
    assert.is_true(boot.start("x", '{"name":"other"}'))
    assert.same({ flow = "x" }, native.runs[3])
    assert.same({ nil, 404, "no flow 'y'", n = 3 }, table.pack(boot.start("y", '{"name":"e"}')))
  end)

  it("gives a run its key", function()
    assert.equal("17", start('key = "${ Id }",').key)
    assert.equal("Ana-17", start('key = "${ Name }-${ Id }",').key)
    assert.equal("all", start('key = "all",').key)
    assert.equal("e k 17", start("key = function(event) return event.name .. ' ' .. event.key .. ' ' .. event.data.Id end,").key)
    assert.equal("17", start("key = function(event) return event.data.Id end,").key)
    assert.same({ flow = "f" }, start("key = function() end,"))
    assert.same({ flow = "f" }, start("key = false,"))
  end)

  it("tells a key that cannot be had", function()
    local line = FIRST .. ": "
    assert.matches("^s%.lua:" .. FIRST .. ":%d+: ", start('key = "${ Missing }",').message)
    local EXPECTED = "s.lua:" .. line .. "flow 'f': key: expected a text of 1 to 255 characters, found "
    assert.equal(EXPECTED .. "0", start("key = function() return '' end,").message)
    assert.equal(EXPECTED .. "256", start("key = function() return ('x'):rep(256) end,").message)
    assert.equal(EXPECTED .. "256", start('key = "' .. ("x"):rep(256) .. '",').message)
    assert.equal(EXPECTED .. "an object", start("key = function() return { a = 2 } end,").message)
    assert.equal(EXPECTED .. "a boolean", start("key = function() return true end,").message)
    assert.equal("s.lua:" .. line .. "no", start("key = function() error 'no' end,").message)
    assert.is_nil(start("key = function() error 'no' end,").key)
  end)

  it("is not changed by a function for the key, for those that come after", function()
    local boot, native = helper.good(HOOKS .. [[
      template_function("spoil", function(order) order.Id = 6 return "x" end)
      flow "d" { on = "e", key = "${ Order | spoil }", run = print }
      flow "f" { on = "e", key = function(event) event.data.Order.Id = 5 end, run = print }
      flow "g" { on = "e", key = "${ Order.Id }", run = print }]])
    native.waited.e = "Order.Id"
    assert(boot.event '{"name":"e","data":{"Order":{"Id":1}}}')
    assert.same({ "x", nil, "1" }, { native.runs[1].key, native.runs[2].key, native.runs[3].key })
    assert.same({ '["e","Order.Id",1]' }, native.keys)
  end)
end)

describe("a flow's definition", function()
  local BAD = {
    { "on = 'e'", "'run' is missing; write run = function(event) … end" },
    { "run = print", "'on' is missing; write on = \"…\", the event that starts it" },
    { "on = 5, run = print", "on: expected the name of an event, found a number" },
    { "on = 'e', run = 5", "run: expected a function, found a number" },
    { "on = 'e', run = print, key = 5", 'key: expected a template such as "${Customer.Id}" or a function, found 5' },
    { "on = 'e', run = print, keys = 'x'", "unknown field 'keys'; did you mean 'key'?" },
    { "on = 'e', run = print, name = 5", "name: expected a string, found a number" },
  }
  for _, case in ipairs(BAD) do
    it("is checked: " .. case[1], function()
      assert.same({ "s.lua:1: flow 'f': " .. case[2] }, (helper.load('flow "f" { ' .. case[1] .. " }")))
    end)
  end

  it("is checked: a template for the key", function()
    assert.same({ "s.lua:1:34: expected a value, found '}'" }, (helper.load 'flow "f" { on = "e", key = "k ${ }", run = print }'))
  end)

  it("is checked: no copy, no second one", function()
    assert.same({ "s.lua:1: flow 'g': copy is for webhooks" },
      (helper.load "flow 'f' { on = 'e', run = print } flow 'g' (copy 'f' {})"))
    assert.same({ "s.lua:2: flow 'f' is defined twice; the first is at s.lua:1" },
      (helper.load "flow 'f' { on = 'e', run = print }\nflow 'f' { on = 'e', run = print }"))
  end)

  it("is listed", function()
    local boot = helper.good [[
flow "b" { on = "e", key = "${ Id }", run = print, name = "B", description = "d" }
flow "a" { on = "e", key = function() end, run = print }]]
    assert.same({ flows = {
      { name = "a", display_name = null, description = null, on = "e", key = "function", where = "s.lua:2" },
      { name = "b", display_name = "B", description = "d", on = "e", key = "${ Id }", where = "s.lua:1" },
    } }, json.decode(boot.list "flows"))
  end)
end)
