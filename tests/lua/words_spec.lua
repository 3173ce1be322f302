-- The words of the console: what each asks the host, what it accepts, how what it gives is shown.

local console_host = require "tests.lua.console_host"
local helper = require "tests.lua.helper"
local null = helper.null

local SCRIPT = [[
integration "shop" { url = "http://h.test", headers = { A = secret "TOKEN" } }
webhook "order_paid" { integration = "shop", on = "order.paid" }
hidden = secret "TOKEN"
function helper_of_scripts(name) local r = call(name) return r end
]]
local ID, OTHER = "01900000-0000-7000-8000-0000000000aa", "01900000-0000-7000-8000-0000000000bb"

local c
before_each(function() c = console_host.new(SCRIPT, { secrets = { TOKEN = true } }) end)

local DELIVERY = {
  id = ID, webhook = "order_paid", integration = "shop", state = "succeeded", attempt_count = 2,
    created_at = "2023-11-14T22:13:00.000Z",
  next_attempt_at = null, finished_at = "2023-11-14T22:13:10.000Z", status = 200, error = null, event = null, run = null,
  request = { method = "POST", url = "http://h.test/x", headers = { { name = "A", value = "***" } }, body = null,
    idempotent = true },
  attempts = {
    { number = 1, retry = 0, started_at = "2023-11-14T22:13:00.000Z", duration_ms = 5000, status = null,
      error = { kind = "timeout", message = "timed out" }, response = null },
    { number = 2, retry = 1, started_at = "2023-11-14T22:13:09.000Z", duration_ms = 12.5, status = 200, error = null,
      response = { headers = { { name = "Content-Type", value = "application/json" }, { name = "Set-Cookie", value = "a" },
        { name = "set-cookie", value = "b" } }, body = '{"data":[{"id":"crm-1"}],"big":9007199254740993}',
          truncated = false } },
  },
  vars = { crmId = "crm-1", none = null },
}

describe("the words", function()
  for code, asked in pairs {
    ["webhooks()"] = { "webhooks", {} }, ["status()"] = { "status", {} }, ["reload()"] = { "reload", {} },
    ["deliveries()"] = { "deliveries", {} },
    ["deliveries 'order_paid'"] = { "deliveries", { webhook = "order_paid" } },
    ["deliveries { state = 'failed', since = '1h', limit = 5 }"] = { "deliveries", { state = "failed",
      since = "2023-11-14T21:13:20Z", limit = 5 } },
    ["deliveries { since = 60, before = '2026-11-23' }"] = { "deliveries", { since = "2023-11-14T22:12:20Z",
    ["until"] = "2026-11-23" } },
    ["deliveries { ['until'] = '2026-11-23' }"] = { "deliveries", { ["until"] = "2026-11-23" } },
    ["delivery('" .. ID:upper() .. "')"] = { "delivery", { id = ID } },
    ["delivery { id = '" .. ID .. "' }"] = { "delivery", { id = ID } },
    ["preview('order_paid', { a = { 1, json.null } })"] = { "preview", { webhook = "order_paid", data = { a = { 1, null } } } },
    ["preview 'order_paid'"] = { "preview", { webhook = "order_paid", data = {} } },
    ["send('unknown here', { n = math.maxinteger })"] =
    { "send", { webhook = "unknown here", data = { n = math.maxinteger } } },
    ["call('order_paid')"] = { "call", { webhook = "order_paid", data = {} } },
    ["emit('e', { a = 1 }, 'k')"] = { "emit", { name = "e", data = { a = 1 }, id = "k" } },
    ["emit 'e'"] = { "emit", { name = "e", data = {} } },
    ["resend('" .. ID .. "')"] = { "resend", { id = ID } },
    ["pause('shop', '10m')"] = { "pause", { integration = "shop", ms = 600000 } },
    ["pause 'shop'"] = { "pause", { integration = "shop" } }, ["resume 'shop'"] = { "resume", { integration = "shop" } },
    ["drain 'shop'"] = { "drain", { integration = "shop" } }, ["sleep '2s'"] = { "sleep", { ms = 2000 } },
    ["sleep(0.5)"] = { "sleep", { ms = 500 } },
    ["runs()"] = { "runs", {} },
    ["runs { flow = 'f', state = 'parked', limit = 3 }"] = { "runs", { flow = "f", state = "parked", limit = 3 } },
    ["runs.list 'f'"] = { "runs", { flow = "f" } }, ["runs.get '" .. ID .. "'"] = { "run", { id = ID } },
    ["runs.cancel '" .. ID .. "'"] = { "run_cancel", { id = ID } },
    ["runs.resume '" .. ID .. "'"] = { "run_resume", { id = ID } },
    ["runs.resume('" .. ID .. "', 'current')"] = { "run_resume", { id = ID, scripts = "current" } },
    ["runs.restart '" .. ID .. "'"] = { "run_restart", { id = ID } },
    ["trace 'order_paid'"] = { "trace", { webhook = "order_paid" } },
    ["trace()"] = { "trace", {} }, ["integrations()"] = { "integrations", {} }, ["flows()"] = { "flows", {} },
  } do
    it("ask: " .. code, function()
      assert.matches("no answer to " .. asked[1], c:fails(code))
      assert.same({ { op = asked[1], args = asked[2] } }, c.asked)
    end)
  end

  for code, message in pairs {
    ["call()"] = "call: expected the name of a webhook, found nothing",
    ["call(5)"] = "call: expected the name of a webhook, found a number",
    ["call ''"] = "call: expected the name of a webhook, found an empty text",
    ["call('w', 5)"] = "call: expected a table of data, found a number",
    ["call('w', 'x')"] = "call: expected a table of data, found a string",
    ["call('w', { 1, 2 })"] = "call: expected a table of data with names, found a list",
    ["call('w', json.array {})"] = "call: expected a table of data with names, found a list",
    ["call('w', { Order = { f = print } })"] = "call: data.Order.f: a function cannot be sent",
    ["emit('e', { ['a b'] = { 1, 0/0 } })"] = 'emit: data["a b"][2]: NaN cannot be sent',
    ["send('w', { t = '\\xff' })"] = "send: data.t: text that is not valid UTF-8 cannot be sent",
    ["send('w', { 1, a = 2 })"] = "send: data: a table with both names and numbers as keys cannot be sent",
    ["send('w', { x = { y = hidden } })"] =
      "send: data.x.y: a secret cannot be sent from here; webhooks put it into their requests",
    ["send('w', hidden)"] = "send: expected a table of data, found a secret",
    ["emit()"] = "emit: expected the name of an event, found nothing",
    ["emit('e', {}, 5)"] = "emit: expected a text as the id, found a number",
    ["deliveries(5)"] =
      'deliveries: expected a table such as { webhook = "…", limit = 10 } or the name of a webhook, found a number',
    ["deliveries { web = 1 }"] = "deliveries: unknown filter 'web'; there are before, limit, since, state, until and webhook",
    ["deliveries { stat = 1 }"] = "deliveries: unknown filter 'stat'; did you mean 'state'?",
    ["deliveries { 'x' }"] = "deliveries: unknown filter 1; there are before, limit, since, state, until and webhook",
    ["deliveries { state = 'faild' }"] = "deliveries: unknown state 'faild'; did you mean 'failed'?",
    ["deliveries { state = 5 }"] =
      "deliveries: unknown state 5; there are queued, sending, waiting, succeeded, failed, unknown and canceled",
    ["deliveries { limit = 0 }"] = "deliveries: limit: expected a whole number from 1 to 1000, found 0",
    ["deliveries { since = 'soon' }"] =
    "deliveries: since: expected a time such as \"1h\" (ago), \"2026-11-23\" or \"2026-11-23T10:00:00Z\", found 'soon'",
    ["deliveries { webhook = 5 }"] = "deliveries: expected the name of a webhook as webhook, found a number",
    ["runs { state = 'sending' }"] =
      "runs: unknown state 'sending'; there are running, waiting, sleeping, queued, succeeded, failed, parked and canceled",
    ["delivery()"] = "delivery: expected the id of a delivery, found nothing",
    ["delivery 'x y'"] = "delivery: expected the id of a delivery, found 'x y'",
    ["delivery '0190'"] = "delivery: no id that begins with '0190' was printed here; give the whole id",
    ["delivery {}"] = "delivery: expected the id of a delivery, found a table",
    ["runs.get(5)"] = "runs.get: expected the id of a run, found a number",
    ["runs.resume('" .. ID .. "', 'now')"] = "runs.resume: unknown choice of scripts 'now'; there are current",
    ["pause()"] = "pause: expected the name of an integration, found nothing", ["pause('shop', 'long')"] =
    "pause: expected a duration such as \"10m\", or a number of seconds; found 'long'", ["sleep()"] =
    'sleep: expected a duration such as "10m", or a number of seconds; found nothing',
    ["trace(5)"] = "trace: expected the name of a webhook, found a number",
    ["template(5)"] = "template: expected a text, found 5",
    ["template('a', 5)"] = "template: expected a table of data, found number",
    ["template('a', {}, 'jsn')"] = 'template: expected text, json, form, url, header or xml, found "jsn"',
    ["template '${ Name | upper }'"] = "template: 1:11: unknown function 'upper'; did you mean 'toUpper'?",
    ["integration 'x' { url = '' }"] =
      "integration: not at the console; it belongs in a script: edit the file, then reload()",
    ["wait_event 'x'"] =
    "wait_event: not at the console; only a flow can wait for an event: edit the file, then reload(); emit() makes one, trace() watches",
    ["helper_of_scripts 'order_paid'"] = "s.lua:4: call() is for flows: call it inside the run function of a flow",
  } do
    it("refuse " .. code, function()
      assert.equal(message, c:fails(code))
      assert.same({}, c.asked)
    end)
  end

  it("say what the host says, with a hint of their own where it has none", function()
    c:on("call", function() return nil, "no webhook 'order_pad'" end)
    assert.equal("call: no webhook 'order_pad'; did you mean 'order_paid'?", c:fails "call('order_pad', {})")
    c:on("call", function() return nil, "no webhook 'order_pad'; did you mean 'order_paid_eu'?" end)
    assert.equal("call: no webhook 'order_pad'; did you mean 'order_paid_eu'?", c:fails "call('order_pad', {})")
    c:on("pause", function() return nil, "no integration 'shp'" end)
    assert.equal("pause: no integration 'shp'; did you mean 'shop'?", c:fails "pause 'shp'")
  end)

  it("take the beginning of an id that was given before", function()
    c:on("send", { id = ID }):on("emit", { id = "e", deliveries = { OTHER }, runs = {}, woken = 0,
      duplicate = false }):on("delivery", DELIVERY)
    assert.equal('"' .. ID .. '"', c:says "send 'order_paid'")
    c:says "delivery '0190'"
    assert.same({ id = ID }, c.asked[2].args)
    c:says "emit 'e'"
    assert.equal("delivery: 2 ids begin with '0190', among them " .. ID .. " and " .. OTHER, c:fails "delivery '0190'")
    c:says("delivery '" .. OTHER:sub(1, 35) .. "'")
    assert.same({ id = OTHER }, c.asked[4].args)
  end)
end)

describe("call", function()
  before_each(function() c:on("call", DELIVERY) end)

  it("gives the response that flows get", function()
    assert.equal("true\n200\n2\n0.0125\nnil\n\"" .. ID .. "\"",
      c:says "r = call('order_paid', {}) return r.ok, r.status, r.attempts, r.duration, r.error, r.delivery_id")
    assert.equal('"application/json"\n"a, b"\n{"a", "b"}',
      c:says "r.headers['CONTENT-type'], r.headers['Set-Cookie'], r:all 'set-cookie'")
    assert.equal('"crm-1"\n9007199254740993\n"crm-1"\njson.null',
      c:says "r.json.data[1].id, r.json.big, r.vars.crmId, r.vars.none")
  end)

  it("shows its most useful fields first, and JSON indented", function()
    assert.equal(([[
ok = true
status = 200
vars = {crmId = "crm-1", none = json.null}
attempts = 2
duration = 0.0125
delivery_id = "%s"
headers:
  content-type: application/json
  set-cookie: a, b
body:
  {
    "data": [
      {
        "id": "crm-1"
      }
    ],
    "big": 9007199254740993
  }]]):format(ID), c:says "call('order_paid', {})")
  end)

  it("gives what it knows where no answer came", function()
    c:on("call", { id = ID, state = "failed", attempt_count = 1, error = { kind = "connect", message = "refused" }, attempts =
      { { number = 1, duration_ms = 1, status = null, error = { kind = "connect", message = "refused" }, response = null } } })
    assert.equal('ok = false\nstatus = 0\nerror = {kind = "connect", message = "refused"}\nvars = {}\nattempts = 1\nduration = 0.001\n'
      .. 'delivery_id = "' .. ID .. '"', c:says "call 'order_paid'")
    assert.equal('"connect"', c:says "_.error.kind")
  end)

  it("is no success where its variables cannot be had", function()
    c:on("call", { id = ID, state = "succeeded", attempt_count = 1, vars_error = "nothing at 'id'", attempts = {} })
    assert.equal("false\n\"mapping\"\n\"nothing at 'id'\"",
      c:says "r = call 'order_paid' return r.ok, r.error.kind, r.error.message")
  end)

  it("is whole in JSON", function()
    local _, _, text = c:run("call 'order_paid'", { json = true })
    local v = helper.json.decode(text)[1]
    assert.same({ true, 200, "application/json", ID, "crm-1" }, { v.ok, v.status, v.headers["content-type"], v.delivery_id,
      v.vars.crmId })
  end)

  it("lets no byte of an answer through that a terminal obeys", function()
    c:on("call", { id = ID, state = "succeeded", attempt_count = 1, attempts = { { number = 1, duration_ms = 1, status = 200,
      response =
      { headers = { { name = "X", value = "\27[2J" } }, body = "a\27]0;x\7\n\u{9b}b", truncated = true } } } })
    local text = c:says "call 'order_paid'"
    assert.falsy(text:find "[%z\1-\9\11-\31\127]")
    assert.truthy(text:find([[x: \x1b[2J]], 1, true))
    assert.truthy(text:find("a\\x1b]0;x\\x07\n  \\u{9b}b\n  … cut at 256 KiB", 1, true))
  end)
end)

describe("lists", function()
  it("are shown as aligned tables, and are plain tables", function()
    c:on("webhooks", { webhooks = {
      { name = "order_paid", integration = "shop", method = "POST", url = "http://h.test/orders", on = "order.paid",
        where = "s.lua:2", display_name = null },
      { name = "w", integration = "shop", method = "GET", url = "http://h.test/", on = null, where = "s.lua:3" },
    } })
    assert.equal([[
name        integration  on          method  url                   where
order_paid  shop         order.paid  POST    http://h.test/orders  s.lua:2
w           shop                     GET     http://h.test/        s.lua:3]], c:says "webhooks()")
    assert.equal('"order_paid"\n2\nnil', c:says "w = webhooks() return w[1].name, #w, w[2].on")
    assert.equal('"table"\nnil', c:says "type(w), getmetatable(w[1])")
  end)

  it("say none where they are empty", function()
    c:on("deliveries", { deliveries = {}, next = null }):on("runs", { runs = {}, next = null })
    assert.equal("none\nnone", c:says "deliveries(), runs()")
  end)

  it("fit the terminal", function()
    local rows = {}
    for i = 1, 3 do
      rows[i] = { id = ID, webhook = ("long_name_"):rep(4), integration = "shop", state = "failed", status = 500,
        attempt_count = 4,
        created_at = "2023-11-14T22:13:00.000Z", error = { kind = "status", message = ("broken "):rep(20) .. "\27" } }
    end
    c:on("deliveries", { deliveries = rows, next = "abc" })
    for _, width in ipairs { 40, 60, 80, 100, 200 } do
      c.width = width
      local text = c:says "deliveries()"
      for line in text:gmatch "[^\n]+" do
        assert.truthy(utf8.len(line) <= math.max(width, 56), width .. ": " .. line)
      end
      assert.truthy(width < 60 or text:find(ID, 1, true), text)
      assert.truthy(text:find("more; deliveries { limit = 6 }", 1, true))
    end
  end)

  it("say how long ago, what comes next, and the rate", function()
    c:on("deliveries", { deliveries = { { id = ID, webhook = "w", state = "waiting", status = 503, attempt_count = 1,
      created_at = "2023-11-14T22:11:20.000Z", next_attempt_at = "2023-11-14T22:13:40.000Z", error = null } }, next = null })
    assert.equal([[
id                                    webhook  state    status  tries  created  note
01900000-0000-7000-8000-0000000000aa  w        waiting     503      1  2m ago   again in 20s]], (function()
      c.width = 100
      return c:says "deliveries()"
    end)())
    c:on("integrations", { integrations = { { name = "shop", url = "http://h.test", rate = 10.0, per = "1s", queued = 3,
      waiting = 0, in_flight = 1,
      webhooks = 2, paused_until = "2023-11-14T22:23:20.000Z", paused = true }, { name = "x", url = "u", rate = 100,
        per = "1m", queued = 0, waiting = 0,
      in_flight = 0, webhooks = 1, paused_until = null, paused = true }, { name = "y", url = "u", rate = null, queued = 0,
        waiting = 0,
      in_flight = 0, webhooks = 1, paused_until = null, paused = false } } })
    assert.equal([[
name  rate      queued  waiting  in flight  paused          webhooks  url
shop  10/s           3        0          1  10m more               2  http://h.test
x     100/m          0        0          0  until resume()         1  u
y     no limit       0        0          0                         1  u]], c:says "integrations()")
  end)

  it("are shown as they are where a person has changed them", function()
    c:on("flows", { flows = { { name = "f", on = "e" } } })
    assert.equal('{1, {name = "f", on = "e"}}', c:says "f = flows() table.insert(f, 1, 1) return f")
  end)

  it("are plain in JSON", function()
    c:on("flows", { flows = { { name = "f", on = "e", key = null } } })
    local _, _, text = c:run("flows(), #flows()", { json = true })
    assert.equal('[[{"name":"f","on":"e"}],1]', text)
  end)
end)

describe("single things", function()
  it("a preview reads as a request", function()
    c:on("preview", { webhook = "w", integration = "shop", method = "POST", url = "http://h.test/x?t=1", headers =
      { { name = "A", value = "***", from = "integration" }, { name = "B", value = "2", from = "webhook" } }, body = '{"id":7}',
      idempotent = true, delivery_id = ID })
    assert.equal('POST http://h.test/x?t=1\nA: ***\nB: 2\n\n{\n  "id": 7\n}', c:says "preview('order_paid', {})")
    assert.equal('"http://h.test/x?t=1"\n"***"', c:says "_.url, _.headers[1].value")
    c:on("preview", { method = "GET", url = "http://h.test/", headers = {}, body = null })
    assert.equal("GET http://h.test/\nnil", c:says "p = preview('order_paid') return p, p.body")
  end)

  it("a delivery shows its request and each attempt", function()
    c:on("delivery", DELIVERY)
    assert.equal(([[
%s  order_paid of shop: succeeded
created 20s ago, finished 10s ago
vars = {crmId = "crm-1", none = json.null}
  POST http://h.test/x
  A: ***
attempt 1, 20s ago: timed out in 5.00 s
attempt 2, 11s ago: 200 in 12.5 ms
  Content-Type: application/json
  Set-Cookie: a
  set-cookie: b

  {"data":[{"id":"crm-1"}],"big":9007199254740993}]]):format(ID), c:says("delivery '" .. ID .. "'"))
    assert.equal('nil\n2\n"timeout"', c:says "_.error, #_.attempts, _.attempts[1].error.kind")
  end)

  it("a run shows its steps", function()
    c:on("run", { id = ID, flow = "checkout", state = "sleeping", key = "k", created_at = "2023-11-14T22:13:10.000Z",
      finished_at = null, error = null,
      step_count = 2, event = { id = OTHER, key = null, name = "e", data = { a = null } }, steps = {
        { number = 1, path = "1", kind = "call", name = "w", state = "done", ended_at = "2023-11-14T22:13:15.000Z",
          result = { ok = true }, delivery = ID },
        { number = 2, path = "2", kind = "sleep", name = "2h", state = "open", ended_at = null,
          due_at = "2023-11-15T00:13:20.000Z", result = null } } })
    assert.equal(([[
%s  checkout: sleeping
created 10s ago
key = "k"
event = {
  data = {a = json.null},
  id = "%s",
  name = "e"
}
step  kind   name  state  ended   due    result
1     call   w     done   5s ago         {ok = true}
2     sleep  2h    open           in 2h]]):format(ID, OTHER), c:says("runs.get '" .. ID .. "'"))
  end)

  it("a reload says what has changed", function()
    c:on("reload", { generation = 4, integrations = 1, webhooks = 3, flows = 0, changes = "+1 webhook, ~2, -0",
      warnings = { "a.lua:1: hm" } })
    assert.equal("generation 4: 1 integration, 3 webhooks, 0 flows (+1 webhook, ~2, -0)\nwarning: a.lua:1: hm",
      c:says "reload()")
  end)

  it("an exchange is shown as it ends", function()
    local n = 0
    c:on("trace", function()
      n = n + 1
      if n == 3 then return nil, "that was all" end
      return { delivery = ID, webhook = "w", integration = "shop", number = n, started_at = "2023-11-14T22:13:10.000Z",
        duration_ms = 13.24,
        status = n == 1 and 200 or null, error = n == 2 and { kind = "reset", message = "reset by peer" } or null,
          method = "POST", url = "http://h.test/",
        request_headers = { { name = "A", value = "b" } }, request_body = "x=1",
          response = n == 1 and { headers = { { name = "C", value = "d" } },
          body = "fine" } or null, missed = n == 2 and 5 or 0 }
    end)
    assert.equal("trace: that was all", c:fails "trace()")
    assert.equal(([[
the exchanges of all webhooks; Ctrl-C ends it
w of shop, attempt 1: 200 in 13.2 ms  %s
    POST http://h.test/
    A: b

    x=1
  200
    C: d

    fine
… 5 exchanges were missed
w of shop, attempt 2: reset by peer in 13.2 ms  %s
    POST http://h.test/
    A: b

    x=1
]]):format(ID, ID), c:printed())
  end)
end)

describe("what needs no host", function()
  it("templates are rendered", function()
    assert.equal('"ANA"\n"{\\"a\\":\\"x\\"}"\n"fixed"', c:says [[
      return template("${ Name | toUpper }", { name = "ana" }), template('{"a":${ A }}', { A = "x" }, "json"),
        template "fixed" ]])
    assert.equal('"7"', c:says "template.render('${ Id }', { Id = 7 })")
    assert.matches("^template: .*'a.b' is null", c:fails "template('${ a.b }', { a = {} })")
  end)

  it("print writes to the terminal, and no byte that it obeys", function()
    assert.equal("", c:says "print('a', 1, nil, { b = 2 }, 'x\\ny\\27[2J')")
    assert.equal("a\t1\tnil\t{b = 2}\tx\ny\\x1b[2J\n", c:printed())
    c:says "print() print(setmetatable({}, { __tostring = function() return 'mine' end })) print(hidden)"
    assert.equal('\nmine\nsecret "TOKEN" (***)\n', c:printed())
    c:on("flows", { flows = { { name = "f", on = "e" } } })
    c:says "print(flows())"
    assert.equal("name  on\nf     e\n", c:printed())
  end)

  it("scripts' words are there", function()
    assert.equal('true\n"table"\n"x"', c:says "now() > 0, type(require 'anzol'), json.decode('[\"x\"]')[1]")
  end)
end)
