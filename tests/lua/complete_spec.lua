-- Completion at the console: what could stand at the cursor.

local console_host = require "tests.lua.console_host"

local SCRIPT = [[
integration "shop" { url = "http://h.test" }
integration "mail" { url = "http://m.test" }
webhook "order_paid" { integration = "shop", on = "order.paid" }
webhook "order_sent" { integration = "shop", on = "order.sent" }
webhook "welcome" { integration = "mail" }
flow "checkout" { on = "cart.left", run = function() end }
local prices = require "prices"
VAT, shop = 0.2, { vat = 1, total = function() end, ["not a name"] = 1, address = { street = "x", city = "y" } }
]]

local c
before_each(function()
  c = console_host.new(SCRIPT, { files = { ["prices.lua"] = "return {}" } })
end)

-- The candidates for a text with the cursor at "|"; and where they begin.
local function at(text)
  local before, after = text:match "^(.-)|(.*)$"
  local from, items = c.boot.console_complete(c.session, before .. after, #before)
  return items, from, before
end

local function has(text, ...)
  local items = at(text)
  local set = {}
  for _, item in ipairs(items) do set[item] = true end
  for _, item in ipairs { ... } do assert.truthy(set[item], text .. ": " .. item .. " in " .. table.concat(items, " ")) end
  return set
end

describe("completion", function()
  for text, items in pairs {
    ["webh|"] = { "webhook(", "webhooks()" }, ["web|hooks"] = { "webhook(", "webhooks()" },
    ["x = deliv|"] = { "deliveries(", "delivery(" },
    ["whi|"] = { "while" }, ["shop.a|"] = { "address" }, ["shop.|"] = { "address", "total(", "vat" }, ["shop:|"] = { "total(" },
    ["shop.address.|"] = { "city", "street" }, ["shop . address . c|"] = { "city" }, ["shop['address'].s|"] = { "street" },
    ["shop[\"address\"].s|"] = { "street" }, ["shop.to|(1)"] = { "total" }, ["VA|"] = { "VAT" },
    ["json.e|"] = { "encode(" }, ["runs.|"] = { "cancel(", "get(", "list(", "restart(", "resume(" },
    ["call('|"] = { "order_paid'", "order_sent'", "welcome'" }, ["call('order|"] = { "order_paid'", "order_sent'" },
    ['call("w|'] = { 'welcome"' }, ["call 'w|"] = { "welcome'" }, ["x = send ( 'w|"] = { "welcome'" },
    ["preview 'w|"] = { "welcome'" },
    ["trace('w|"] = { "welcome')" }, ["trace 'w|"] = { "welcome'" }, ["trace('w|')"] = { "welcome" },
    ["call('w|', {})"] = { "welcome" },
    ["deliveries 'w|"] = { "welcome'" }, ["deliveries('w|"] = { "welcome')" }, ["pause('s|"] = { "shop')" },
    ["resume 's|"] = { "shop'" },
    ["drain(\"s|"] = { 'shop")' }, ["emit('|"] = { "cart.left'", "order.paid'", "order.sent'" }, ["runs 'c|"] = { "checkout'" },
    ["deliveries { webhook = 'w|"] = { "welcome'" }, ["deliveries { limit = 5, webhook='w|"] = { "welcome'" },
    ["deliveries { integration = 's|"] = { "shop'" }, ["runs { flow = 'c|"] = { "checkout'" },
    ["runs({ state = 'par|"] = { "parked'" },
    ["deliveries { state = 'par|"] = {}, ["deliveries { state = 's|"] = { "sending'", "succeeded'" },
    ["runs.list { state = 'sl|"] = { "sleeping'" }, ["x = { state = 's|"] = {},
    ["deliveries { |"] = { "limit = ", "since = ", "before = ", "state = ", "webhook = " },
    ["deliveries { state = 'failed', s|"] = { "since = ", "state = " }, ["runs{ f|"] = { "flow = " },
    ["help('webhook.re|"] = { "webhook.redirects')", "webhook.response')", "webhook.retry')" }, ["help 'call|"] = { "call'" },
    ["help(call|"] = { "call)" },
    ["help(deliv|)"] = { "deliveries", "delivery" }, ["require '|"] = { "anzol'", "cjson'", "prices'" },
    ["require('p|"] = { "prices')" },
    ["shop['|"] = { "address']", "not a name']", "total']", "vat']" }, ["other('w|"] = {}, ["call('welcome', { a = 'w|"] = {},
    ["'web|"] = {}, ["-- web|"] = {}, ["--[[ web|"] = {}, ["[[ web|"] = {}, ["x = 'a' .. web|"] = { "webhook(", "webhooks()" },
    ["12|"] = {}, ["0x1f|"] = {}, ["nothing.|"] = {}, ["webhooks().|"] = {}, ["VAT.|"] = {}, ["1 |"] = {}, ["shop |"] = {},
    ["'a'.up|"] = { "upper(" }, ["('a'):up|"] = { "upper(" }, ["('%d'):for|"] = { "format(" }, ["f('a'):up|"] = {},
    ["-- a comment\nweb|"] = { "webhook(", "webhooks()" }, ["x = {\n  a = 'b',\n  b = web|"] = { "webhook(", "webhooks()" },
    ["call(\n  'w|"] = { "welcome'" }, ["local wonder = 1\nwon|"] = { "wonder" },
    ["for wonder, wond in pairs(x) do won|"] = { "wond", "wonder" },
    ["function f(wonder) won|"] = { "wonder" }, ["local shop = 1\nshop.|"] = {}, ["call('wel\\x|"] = {}, ["''|"] = {},
    ["goto web|"] = { "webhook(", "webhooks()" }, ["a.b.c.|"] = {}, [".|"] = {}, [":|"] = {},
    ["'web\nweb|"] = { "webhook(", "webhooks()" }, ["'a\\\nweb|"] = {}, ["'a\\z  \n web|"] = {},
  } do
    it("of " .. text:gsub("\n", "\\n"), function()
      local expected = { table.unpack(items) }
      table.sort(expected)
      assert.same(expected, (at(text)))
    end)
  end

  it("says where what it completes begins", function()
    for text, from in pairs { ["x = web|"] = 4, ["shop.a|"] = 5, ["call('w|"] = 6, ["|"] = 0, ["x = |"] = 4,
    ["'ä' .. web|"] = 8,
      ["call 'we|lcome'"] = 6 } do
      assert.equal(from, (select(2, at(text))), text)
    end
  end)

  it("offers the session's variables and the words when nothing is typed", function()
    c:says "mine, other = 1, function() end"
    local set = has("|", "mine", "other(", "webhooks()", "call(", "runs")
    assert.is_nil(set["string"])
    assert.is_nil(set["while"])
    assert.is_nil(set["webhook("])
    has("|", "json", "now()")
    has("x = |", "mine", "status()")
    has("f(|", "mine")
    has("m|", "mine", "math")
  end)

  it("looks into what lines have left", function()
    c:says "t = { a = { { name = 'x', nice = 1 } }, f = function() end }"
    assert.same({ "name", "nice" }, (at "t.a[1].n|"))
    assert.same({ "f(" }, (at "t:|"))
    assert.same({ "a", "f(" }, (at "t.|"))
    c:says "t['a b'], s = 1, 'text'"
    assert.same({ "a", "f(" }, (at "t.|"))
    has("s:|", "upper(", "rep(")
  end)

  it("follows __index where it is a table, and calls nothing", function()
    c:says [[
      base = setmetatable({ greet = function() end }, { __index = { deep = 1 } })
      called = 0
      thing = setmetatable({ own = 1 }, { __index = base, __pairs = function() called = called + 1 end, __len = error })
      magic = setmetatable({ own = 1 }, { __index = function() called = called + 1 end, __call = error, __tostring = error })
      loop = setmetatable({}, {}) getmetatable(loop).__index = loop
    ]]
    assert.same({ "deep", "greet(", "own" }, (at "thing.|"))
    assert.same({ "greet(" }, (at "thing:|"))
    assert.same({ "own" }, (at "magic.|"))
    assert.same({}, (at "magic.other.|"))
    assert.same({}, (at "loop.|"))
    assert.same({}, (at "loop.a.|"))
    assert.equal("0", c:says "called")
    local ok = pcall(at, "undefined_thing.|")
    assert.is_true(ok)
  end)

  it("knows what responses make on first use", function()
    c:on("call", { id = "x", state = "succeeded", attempts = {} })
    c:says "r = call('welcome')"
    has("r.|", "json", "headers", "ok", "delivery_id", "text")
    assert.same({ "headers" }, (at "r.hea|"))
  end)

  it("takes ids that were printed", function()
    local id = "01900000-0000-7000-8000-0000000000aa"
    c:on("send", { id = id })
    c:says "send('welcome')"
    assert.same({ id .. "'" }, (at "delivery '0190|"))
    assert.same({ id .. "')" }, (at "resend('|"))
    assert.same({}, (at "runs.get('|"))
  end)

  it("knows session variables that hide words and scripts' globals", function()
    c:says "shop = { mine = 1 }"
    assert.same({ "mine" }, (at "shop.|"))
    c:says "webhooks = 5"
    assert.same({ "webhook(", "webhooks" }, (at "webh|"))
  end)

  it("bears any text and any cursor", function()
    local texts = { "call('w", "t[", "t['", "{", "}", "((((", "]]", "--[==[ a ]=]", "'\\", "[==[", "a.b:c'x", "\xff\xfe.",
      "1..2", "...", "::a::",
      "function(", "local function f(a, ", "for", "x:|", "deliveries{state='", "}})", "help(", "require'" }
    for _, text in ipairs(texts) do
      for cursor = 0, #text do
        local from, items = c.boot.console_complete(c.session, text, cursor)
        assert.truthy(from >= 0 and from <= cursor and type(items) == "table", text)
      end
    end
  end)
end)
