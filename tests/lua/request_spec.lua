-- The rendered request: the idempotency key, function bodies, what is inherited.

local helper = require "tests.lua.helper"

local KEYS = { -- fields, whether the request carries the key
  { "", false },
  { 'url = "?id=${WebhookRequest.TransactionalId}"', true },
  { 'url = "?id=${ webhookrequest.TRANSACTIONALID }"', true },
  { 'headers = { K = "${WebhookRequest.TransactionalId}" }', true },
  { 'body = "${ WebhookRequest.TransactionalId | toUpper }"', true },
  { 'body = { a = { each("x in l", "${WebhookRequest.TransactionalId}") } }', true },
  { 'body = { a = when("WebhookRequest.TransactionalId != null", 1) }', true },
  { 'body = "WebhookRequest.TransactionalId"', false },
  { 'body = "@{ set WebhookRequestX = 1 }${ WebhookRequestX }"', false },
  { "body = function() return {} end", false },
  { "body = function(data, request) return { id = request.TransactionalId } end", true },
  { "body = function(data, request) return request.transactionalid end", true },
  { "body = function(data, request) return { x = tostring(request.Other) } end", false },
}

describe("a request", function()
  for _, case in ipairs(KEYS) do
    it((case[2] and "carries" or "carries no") .. " key: " .. case[1], function()
      local request = assert(helper.sent(helper.webhook(case[1]), { l = helper.json.array { 1 } }))
      assert.equal(case[2], request.head.has_key)
    end)
  end

  it("has the delivery's id everywhere", function()
    local id = "00000000-0000-7000-8000-000000000001"
    local request = helper.sent(helper.webhook('url = "?id=${WebhookRequest.TransactionalId}", headers = { K = '
      .. '"${WebhookRequest.TransactionalId}" }, body = function(_, request) return { request.TransactionalId } end'))
    assert.equal("https://h.test/?id=" .. id, request.url)
    assert.same({ "Content-Type", "application/json", "K", id }, request.headers)
    assert.equal('["' .. id .. '"]', request.body)
  end)

  it("decides about the key of a function each time", function()
    local boot, native = helper.good(helper.webhook(
      "body = function(data, request) return data.t and request.TransactionalId or 'x' end"))
    boot.call("w", '{"t":true}')
    boot.call("w", '{"t":false}')
    assert.is_true(native.emitted[1].head.has_key)
    assert.is_false(native.emitted[2].head.has_key)
  end)

  it("inherits options, the webhook's own first", function()
    local head = helper.sent(helper.webhook("timeout = '3s'", "timeout = 9, connect_timeout = '1s', redirects = true, "
      .. "retry = { delays = { '1s', 2 }, on = { 503, 408, '4xx' }, within = '1m' }")).head
    assert.same({ method = "POST", has_key = false, has_body = false, redirects = true, timeout_ms = 3000, connect_ms = 1000,
      retry = { delays = helper.json.array { 1000, 2000 }, codes = helper.json.array { 408, 503 }, c4xx = true, c5xx = false,
        timeout = false, within = 60000 } }, head)
    head = helper.sent(helper.webhook("redirects = false, retry = false, method = 'GET', body = ''",
      "redirects = true, retry = { on = {} }")).head
    assert.is_false(head.redirects)
    assert.equal("GET", head.method)
    assert.is_true(head.has_body)
    assert.same({}, head.retry.delays)
  end)

  it("has the defaults", function()
    assert.same({ method = "POST", has_key = false, has_body = false, redirects = false, timeout_ms = 30000, connect_ms = 5000,
      retry = { delays = { 20000, 80000, 240000 }, codes = { 429 }, c4xx = false, c5xx = true, timeout = true, within = 360000 } },
      helper.sent(helper.webhook("")).head)
  end)

  it("body may be a template of any kind", function()
    local function body(type_of, text)
      local headers = type_of and ('headers = { ["Content-Type"] = "%s" }, '):format(type_of) or ""
      return helper.sent(helper.webhook(headers .. "body = [[" .. text .. "]]"), { v = 'a"&<' }).body
    end
    assert.equal('{"a": "a\\"&<"}', body("application/vnd.x+json; charset=utf-8", '{"a": ${ v }}'))
    assert.equal("a=a%22%26%3C", body("application/x-www-form-urlencoded", "a=${ v }"))
    assert.equal("<a>a&quot;&amp;&lt;</a>", body("application/soap+xml", "<a>${ v }</a>"))
    assert.equal('a"&<', body(nil, "${ v }"))
    assert.equal('a"&<', body("text/csv", "${ v }"))
  end)

  it("with a JSON string body that can never be JSON is a mistake", function()
    local errors = helper.load(helper.webhook(
      [[headers = { ["Content-Type"] = "application/json" },]] .. "\nbody = '{\"a\":1 \"b\":2}'"))
    assert.same({ "s.lua:4:16: this can never be JSON: expected ',' or '}', found a string" }, errors)
  end)
end)

describe("a body function", function()
  local function fails(body)
    local _, message, code = helper.sent(helper.webhook("body = " .. body), {}, { secrets = { S = true } })
    assert.equal(422, code)
    return message
  end

  it("gets the data and returns a table, a string or JSON of any shape", function()
    assert.equal('{"n":[1,{}],"x":null}',
      helper.sent(helper.webhook("body = function(data) data.x = json.null return data end"), { n = helper.json.array { 1, {} } }).body)
    assert.equal("${ not a template }", helper.sent(helper.webhook("body = function() return '${ not a template }' end")).body)
    assert.equal("[]", helper.sent(helper.webhook("body = function() return json.array {} end")).body)
  end)

  it("fails with its line", function()
    assert.matches("^s%.lua:3: attempt to index a nil value", fails "function(data) return data.a.b end")
    assert.equal("s.lua:3: oops", fails "function() error 'oops' end")
    assert.equal("s.lua:2: webhook 'w': the script raised an object: {}" , fails "function() error {} end")
  end)

  it("must return something", function()
    assert.equal("s.lua:2: webhook 'w': the body function returned nothing; expected a table or a string", fails "function() end")
    assert.equal("s.lua:2: webhook 'w': the body function returned a number; expected a table or a string", fails "function() return 5 end")
    assert.equal("s.lua:2: webhook 'w': cannot encode [1]: a function", fails "function() return { print } end")
  end)

  it("returns no marks and no circles", function()
    local script = "local m, s = each('x in y', 1), secret 'S'\n"
    local function failing(body)
      local _, message = helper.sent(script .. helper.webhook("body = " .. body), {}, { secrets = { S = true } })
      return message
    end
    assert.equal("s.lua:3: webhook 'w': each() and when() are for table bodies; in a function write a loop",
      failing "function() return { m } end")
    assert.equal("s.lua:3: webhook 'w': the body is nested too deeply, or holds itself",
      failing "function() local t = {} t[1] = t return t end")
  end)
end)
