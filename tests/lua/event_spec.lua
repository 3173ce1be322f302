-- Events and calls: which webhooks, what data, what is refused.

local helper = require "tests.lua.helper"

local ROOT = "integration 'i' { url = 'http://h.test/' }\n"

local REFUSED = { -- envelope, message
  { "", "line 1, column 1: it is empty; expected JSON" },
  { '{"name":', "line 1, column 9: unexpected token at the end of the text" },
  { "[]", "an event is an object, found a list" },
  { '"x"', "an event is an object, found a string" },
  { "{}", "'name' is missing: the name of the event" },
  { '{"nme":"x"}', "unknown field 'nme' of an event; did you mean 'name'?" },
  { '{"name":5}', "'name': expected a string, found a number" },
  { '{"name":null}', "'name': expected a string, found null" },
  { '{"name":""}', "'name': expected 1 to 255 characters, found 0" },
  { '{"name":"e","id":5}', "'id': expected a string, found a number" },
  { '{"name":"e","id":""}', "'id': expected 1 to 255 characters, found 0" },
  { '{"name":"e","data":[]}', "'data': expected an object, found a list" },
  { '{"name":"e","data":null}', "'data': expected an object, found null" },
  { '{"name":"e","payload":{}}', "unknown field 'payload' of an event" },
}

describe("an event", function()
  it("makes a delivery for each webhook that is on it, by name", function()
    local boot, native = helper.good {
      ["a.lua"] = ROOT .. 'webhook "b" { integration = "i", on = "e", body = "${ n }" }',
      ["b.lua"] = 'webhook "a" { integration = "i", on = "e" } webhook "c" { integration = "i", on = "f" }'
        .. 'webhook "d" { integration = "i" }',
    }
    assert.is_true(boot.event '{"name":"e","id":"k","data":{"n":7}}')
    assert.same({ { name = "e", key = "k" } }, native.events)
    assert.same({ "a", "b" }, { native.emitted[1].webhook, native.emitted[2].webhook })
    assert.equal("7", native.emitted[2].body)
    assert.equal(2, #native.emitted)
    assert.is_true(boot.event '{"name":"nobody listens"}')
    assert.same({ name = "nobody listens" }, native.events[2])
    assert.equal(2, #native.emitted)
    assert.equal(4, boot.webhook_count())
  end)

  it("whose rendering fails leaves the others alone", function()
    local boot, native = helper.good(ROOT .. 'webhook "a" { integration = "i", on = "e", body = "${ x }" }\n'
      .. 'webhook "b" { integration = "i", on = "e" }\nwebhook "c" { integration = "i", on = "e",'
      .. '\n body = function() error "no" end }')
    assert.is_true(boot.event '{"name":"e"}')
    assert.same({ { webhook = "a", integration = "i", message = "s.lua:2:55: 'x' is null" },
      { webhook = "c", integration = "i", message = "s.lua:5: no" } }, native.failed)
    assert.equal("b", native.emitted[1].webhook)
  end)

  it("gives every webhook the data as it came", function()
    local boot, native = helper.good(ROOT .. [[
      webhook "a" { integration = "i", on = "e", body = function(data) data.n = 8 return data end }
      webhook "b" { integration = "i", on = "e", body = "${ n }" }
    ]])
    assert.is_true(boot.event '{"name":"e","data":{"n":7}}')
    assert.same({ '{"n":8}', "7" }, { native.emitted[1].body, native.emitted[2].body })
  end)

  for _, case in ipairs(REFUSED) do
    it("is refused: " .. case[1], function()
      local boot, native = helper.good(ROOT .. 'webhook "w" { integration = "i", on = "e" }')
      assert.same({ nil, 400, case[2], n = 3 }, table.pack(boot.event(case[1])))
      assert.same({ {}, {} }, { native.events, native.emitted })
    end)
  end
end)

describe("a call", function()
  local boot, native
  before_each(function()
    boot, native = helper.good(ROOT .. 'webhook "order" { integration = "i", body = "${ n | default(0) }" }')
  end)

  it("makes one delivery; no data is an empty object", function()
    assert.is_true(boot.call("order", ""))
    assert.is_true(boot.call("order", '{"n":7}'))
    assert.same({ "0", "7" }, { native.emitted[1].body, native.emitted[2].body })
    assert.same({}, native.events)
  end)

  it("is refused with a code", function()
    assert.same({ nil, 404, "no webhook 'ordr'; did you mean 'order'?", n = 3 }, table.pack(boot.call("ordr", "")))
    assert.same({ nil, 404, "no webhook 'zzz'", n = 3 }, table.pack(boot.preview("zzz", "")))
    assert.same({ nil, 400, "line 1, column 1: invalid token near 'x'", n = 3 }, table.pack(boot.call("order", "x")))
    assert.same({ nil, 400, "expected an object as the data, found a number", n = 3 }, table.pack(boot.call("order", "5")))
    assert.same({ nil, 422, "s.lua:2:49: 'n | default(0)' is an object, which has no text; write json(n | default(0))", n = 3 },
      table.pack(boot.preview("order", '{"n":{}}')))
    assert.equal(0, #native.emitted)
  end)
end)

describe("integrations", function()
  it("are told to the host, sorted", function()
    local boot = helper.good [[
      integration "b" { url = "http://h.test", rate = { 100, per = "1m" }, concurrency = 2 }
      integration "a" { url = "http://h.test", rate = 2.5 }
      integration "c" { url = "http://h.test" }
    ]]
    assert.same({
      { name = "a", rate = 2.5, per_ms = 1000, concurrency = 64 },
      { name = "b", rate = 100, per_ms = 60000, concurrency = 2 },
      { name = "c", rate = 0, per_ms = 1000, concurrency = 64 },
    }, boot.integrations())
  end)
end)
