-- Every field's checks, with their exact messages.

local helper = require "tests.lua.helper"

-- Fields of an integration; the field stands on line 2.
local INTEGRATION = {
  { "name = 5", "name: expected a string, found a number" },
  { "description = {}", "description: expected a string, found a table" },
  { "url = 5", "url: expected a string, found a number" },
  { "urll = 5", "unknown field 'urll'; did you mean 'url'?" },
  { "colour = 5", "unknown field 'colour'; there are concurrency, connect_timeout, description, headers, name, on_response, "
    .. "rate, redirects, retry, success, timeout and url" },
  { "'x'", "a value without a name; fields are written name = value" },
  { "rate = '10'", 'rate: expected requests per second, or {100, per = "1m"}; found a string' },
  { "rate = 0", "rate: 0 is out of range; it must be over 0" },
  { "rate = -1.5", "rate: -1.5 is out of range; it must be over 0" },
  { "rate = 0/0", "rate: NaN is out of range; it must be over 0" },
  { "rate = {}", "rate: expected a number, found nothing" },
  { "rate = {10, per = 'x'}", 'rate.per: expected a duration such as "1m", found \'x\'' },
  { "rate = {10, each = '1s'}", 'rate: unknown field \'each\'; a rate is written {100, per = "1m"}' },
  { "headers = 'x'", "headers: expected a table, found a string" },
  { "timeout = 'soon'", 'timeout: expected a duration such as "30s" or a number of seconds, found \'soon\'' },
  { "timeout = true", 'timeout: expected a duration such as "30s" or a number of seconds, found a boolean' },
  { "timeout = 0", "timeout: 0 is out of range; from 1ms to 1h" },
  { "connect_timeout = '2h'", "connect_timeout: '2h' is out of range; from 1ms to 1h" },
  { "concurrency = 1.5", "concurrency: expected a whole number from 1 to 4096, found 1.5" },
  { "concurrency = 0", "concurrency: expected a whole number from 1 to 4096, found 0" },
  { "redirects = 1", "redirects: expected true or false, found a number" },
  { "retry = true", "retry: expected a table or false, found a boolean" },
  { "retry = { delay = 1 }", "retry: unknown field 'delay'; did you mean 'delays'?" },
  { "retry = { delays = '1s' }", "retry.delays: expected a list of durations, found a string" },
  { "retry = { delays = {'1s', 'x'} }", "retry.delays: expected a duration such as \"30s\" or a number of seconds, found 'x'" },
  { "retry = { delays = { {} } }", "retry.delays: expected a duration such as \"30s\" or a number of seconds, found a table" },
  { "retry = { delays = { '90d' }, within = '99d' }", "retry.within: '99d' is out of range; at most 30d", 2 },
  { "retry = { on = 429 }", "retry.on: expected a list, found a number" },
  { "retry = { on = {'time'} }", "retry.on: unexpected 'time'; a status from 300 to 599, \"4xx\", \"5xx\" or \"timeout\"" },
  { "retry = { on = {'timeot'} }", "retry.on: unexpected 'timeot'; did you mean 'timeout'?" },
  { "retry = { on = {200} }", "retry.on: unexpected '200'; a status from 300 to 599, \"4xx\", \"5xx\" or \"timeout\"" },
  { "retry = { within = 'x' }", "retry.within: expected a duration such as \"30s\" or a number of seconds, found 'x'" },
  { "retry = { delays = {'5m', '5m'} }", 'retry: the delays add up to 10m, but within is 6m; add within = "11m"' },
  { "retry = { within = '1m' }", "retry: the delays add up to 5m40s, but within is 1m" },
}

local WEBHOOK = {
  { "integration = 5", "integration: expected a string, found a number" },
  { "integration = 'shpo'", "unknown integration 'shpo'; did you mean 'shop'?" },
  { "metod = 'POST'", "unknown field 'metod'; did you mean 'method'?" },
  { "rate = 5", "unknown field 'rate'; there are body, connect_timeout, description, headers, integration, method, name, on, "
    .. "on_response, redirects, response, retry, success, timeout and url" },
  { "method = 'post'", "unknown method 'post'; did you mean 'POST'?" },
  { "method = 'FETCH'", "unknown method 'FETCH'; there are GET, POST, PUT, PATCH and DELETE" },
  { "method = 5", "method: expected a string, found a number" },
  { "url = {}", "url: expected a string, found a table" },
  { "body = 5", "body: expected a table, a string or a function, found a number" },
  { "body = when('a = 1', 2)", "body: when() needs a third argument here" },
  { "on = 5", "on: expected the name of an event, found a number" },
  { "on = ''", "on: bad name of an event; 1 to 255 characters, no control characters" },
  { "response = 'x'", "response: expected a table of paths or a function, found a string" },
  { "response = { a = 5 }", 'response.a: expected a path such as "data[0].id", found a number' },
  { "response = { a = 'x[-1]' }", "response.a: bad path 'x[-1]' at '[-1]'; write names, [0] and [*], as in data[0].id" },
  { "response = { a = 'x..y' }", "response.a: bad path 'x..y' at '..y'; write names, [0] and [*], as in data[0].id" },
  { "response = { a = '' }", "response.a: bad path ''; write names, [0] and [*], as in data[0].id" },
  { "response = { ['a b'] = 'x' }", "response: bad name of a variable 'a b'; letters, digits and '_'" },
  { "response = { a = '!' }", "response.a: bad path '!'; write names, [0] and [*], as in data[0].id" },
  { "success = 201", 'success: expected a list such as {200, "2xx", 404} or a function, found a number' },
  { "success = true", 'success: expected a list such as {200, "2xx", 404} or a function, found a boolean' },
  { "success = secret 'S'", 'success: expected a list such as {200, "2xx", 404} or a function, found a secret' },
  { "success = {}", "success: an empty list; then nothing would be a success" },
  { "success = { '2x' }", "success: unexpected '2x'; did you mean '2xx'?" },
  { "success = { 200, 99 }", "success: unexpected '99'; a status from 200 to 599, \"2xx\", \"3xx\", \"4xx\" or \"5xx\"" },
  { "success = { 200.5 }", "success: unexpected '200.5'; a status from 200 to 599, \"2xx\", \"3xx\", \"4xx\" or \"5xx\"" },
  { "success = { true }", "success: unexpected a boolean; a status from 200 to 599, \"2xx\", \"3xx\", \"4xx\" or \"5xx\"" },
  { "success = { codes = 200 }", 'success: unknown field \'codes\'; it is a list such as {200, "2xx", 404}' },
  { "on_response = {}", "on_response: expected a function, found a table" },
  { "on_response = 'retry'", "on_response: expected a function, found a string" },
  { "timeout = {}", 'timeout: expected a duration such as "30s" or a number of seconds, found a table' },
  { "redirects = 'no'", "redirects: expected true or false, found a string" },
  { "name = secret 'S'", "name: expected a string, found a secret" },
  { "body = { f = print }", "body.f: a body cannot hold a function" },
  { "body = { 1, a = 2 }",
    "body: a table with both list items and named fields, or with gaps, is neither a list nor an object in JSON" },
  { "body = { [true] = 2 }",
    "body: a table with both list items and named fields, or with gaps, is neither a list nor an object in JSON" },
  { "body = { a = { b = 1/0 } }", "body.a.b: JSON has no number inf" },
  { "body = { ['${ x }'] = 1 }", "body: a field's name cannot be a template: '${ x }'" },
  { "body = { a = { {}, '\\xff' } }", "body.a[2]: this text is not valid UTF-8" },
  { "body = each('x in y', when('x = 1', 2, each('z in', 3)))", false },
}

describe("an integration's", function()
  for _, case in ipairs(INTEGRATION) do
    it("field is checked: " .. case[1], function()
      local rest = case[1]:find "^url = " and "" or "url = 'http://h.test',"
      local errors = helper.load('integration "i" { ' .. rest .. "\n" .. case[1] .. "\n}")
      assert.equal("s.lua:2: integration 'i': " .. case[2], errors[#errors])
      assert.equal(case[3] or 1, #errors)
    end)
  end
end)

describe("a webhook's", function()
  for _, case in ipairs(WEBHOOK) do
    it("field is checked: " .. case[1], function()
      local rest = case[1]:find "^integration = " and "" or 'integration = "shop",'
      local errors = helper.load("integration 'shop' { url = 'http://h.test' } webhook 'w' { " .. rest .. "\n" .. case[1]
        .. "\n}", { secrets = { S = true } })
      if case[2] then
        assert.same({ "s.lua:2: webhook 'w': " .. case[2] }, errors)
      else
        assert.equal(1, #errors)
      end
    end)
  end

  it("missing field is told", function()
    assert.same({ "s.lua:1: integration 'i': 'url' is missing; write url = \"https://…\"",
      "s.lua:1: webhook 'w': 'integration' is missing; write integration = \"…\", the one it belongs to" },
      (helper.load "integration 'i' {} webhook 'w' {}"))
  end)

  it("missing integration is told when there are none", function()
    assert.same({ "s.lua:2: webhook 'w': unknown integration 'x'; no integration is defined" },
      (helper.load "webhook 'w' {\nintegration = 'x' }"))
  end)

  it("good values pass", function()
    helper.good [[
      integration "i" { name = "n", description = "d", url = "http://127.0.0.1:1", rate = { 100, per = "1m" }, retry = false,
        success = { 200, "2xx", 404 }, on_response = function() end,
        timeout = 1.5, connect_timeout = "250ms", concurrency = 1, redirects = true, headers = {} }
      integration "j" { url = "http://h.test", rate = 0.5, retry = { delays = {}, on = {}, within = 0 } }
      webhook "a-b.c_1" { integration = "i", name = "n", description = "d", method = "GET", url = "x", body = "with a body",
        on = "any event", response = { a = "a.b[0][*].c-d", b = "[1]" }, retry = { delays = { 1, "2s" }, on = { 408, "4xx" } },
        timeout = "1h", connect_timeout = 1, redirects = false, headers = {} }
      webhook "off" { integration = "j", body = false, on = false, response = false, retry = false, url = "",
        success = false, on_response = false }
      webhook "rules" { integration = "j", success = function() return true end, on_response = print,
        response = { id = "data[0].id!", all = "[*]!" } }
    ]]
  end)
end)

describe("definitions", function()
  it("have good names", function()
    assert.same({
      "s.lua:1: webhook: bad name 'a b'; letters, digits, '_', '-' and '.', at most 100",
      "s.lua:2: integration: expected a name, as in integration \"name\" { … }; found a table",
      "s.lua:3: webhook 'x': expected a table of fields, found a string",
      "s.lua:4: webhook 'y': no table of fields follows",
      "s.lua:5: integration 'z': copy is for webhooks",
      "s.lua:6: copy: expected a name, as in copy \"name\" { … }; found a number",
    }, (helper.load("webhook 'a b' {}\nintegration {}\nwebhook 'x' 'y'\nwebhook 'y'\n"
      .. "integration 'z' (copy 'z' {})\nlocal _ = copy(5)")))
  end)

  it("are told twice with both places", function()
    local errors = helper.load {
      ["a.lua"] = "integration 'i' { url = 'http://h.test' }\nwebhook 'w' { integration = 'i' }",
      ["b.lua"] = "\nwebhook 'w' { integration = 'i' }\n\nintegration 'i' { url = 'http://h.test' }",
    }
    assert.same({
      "b.lua:2: webhook 'w' is defined twice; the first is at a.lua:2",
      "b.lua:4: integration 'i' is defined twice; the first is at a.lua:1",
    }, errors)
  end)

  it("warn of what does nothing", function()
    local errors, warnings = helper.load([[
integration "i" { url = "http://h.test", retry = { delays = { "1s" } }, headers = { ["Content-Type"] = "text/xml" } }
webhook "a" { integration = "i",
  retry = { delays = { "2s" } } }
webhook "b" { integration = "i", url = "${WebhookRequest.TransactionalId}", retry = { delays = { "2s" } } }
webhook "c" { integration = "i",
  body = {} }
webhook "d" { integration = "i", headers = {
  ["X-Trace"] = false, ["content-type"] = false } }
integration "j" { url = "http://h.test", headers = { X = "1" } }
webhook "e" { integration = "j", headers = { X = false } }
webhook "f" (copy "e" { integration = "i" })]])
    assert.same({}, errors)
    assert.same({
      "s.lua:3: webhook 'a': retry does nothing for answers: nothing in the request uses ${WebhookRequest.TransactionalId}, so "
        .. "sending it again could repeat it",
      "s.lua:6: webhook 'c': a table body is JSON, but the Content-Type says otherwise",
      "s.lua:8: webhook 'd': header 'X-Trace' = false takes nothing away: the integration has no such header",
    }, warnings)
  end)
end)
