-- copy: a webhook's fields, some replaced.

local helper = require "tests.lua.helper"

local ROOT = 'integration "i" { url = "http://h.test/", headers = { R = "root" } }\n'

local function sent(script)
  return (assert(helper.sent(ROOT .. script, { n = 7 })))
end

describe("copy", function()
  it("replaces fields, merges headers and may come first", function()
    local request = sent [[
      webhook "w" (copy "base" { url = "new", headers = { a = "changed", B = "2" } })
      webhook "base" { integration = "i", method = "PUT", url = "old", headers = { A = "1", C = "3" }, body = "x ${ n }" }
    ]]
    assert.equal("http://h.test/new", request.url)
    assert.equal("PUT", request.head.method)
    assert.equal("x 7", request.body)
    assert.same({ "a", "changed", "B", "2", "C", "3", "Content-Type", "text/plain; charset=utf-8", "R", "root" },
      request.headers)
  end)

  it("goes from file to file and through copies", function()
    local boot, native = helper.good {
      ["a.lua"] = 'webhook "w" (copy "mid" { body = "w" })',
      ["b.lua"] = 'webhook "mid" (copy "base" { url = "mid", headers = { R = false } })',
      ["c.lua"] = ROOT .. 'webhook "base" { integration = "i", url = "base", body = "base", on = "e" }',
    }
    assert.is_true(boot.call("w", ""))
    assert.equal("http://h.test/mid", native.emitted[1].url)
    assert.equal("w", native.emitted[1].body)
    assert.same({ "Content-Type", "text/plain; charset=utf-8" }, native.emitted[1].headers)
    assert.is_true(boot.event '{"name":"e"}')
    assert.equal(4, #native.emitted)
  end)

  it("turns fields off with false", function()
    local boot, native = helper.good(ROOT .. [[
      webhook "base" { integration = "i", on = "e", body = "x" }
      webhook "w" (copy "base" { on = false, body = false })
    ]])
    assert.is_true(boot.event '{"name":"e"}')
    assert.equal(1, #native.emitted)
    assert.is_true(boot.call("w", ""))
    assert.is_nil(native.emitted[2].body)
  end)

  it("without changes is the same webhook", function()
    assert.equal("http://h.test/x", sent('webhook "base" { integration = "i", url = "x" }\nwebhook "w" (copy "base")').url)
  end)

  it("tells mistakes at the place that wrote them, once", function()
    assert.same({
      "s.lua:3: webhook 'base': unknown field 'metod'; did you mean 'method'?",
      "s.lua:4:13: unknown function 'nope'",
      "s.lua:7: webhook 'w': on: expected the name of an event, found a number",
      "s.lua:8: webhook 'w': unknown field 'bdy'; did you mean 'body'?",
    }, (helper.load(ROOT .. [[
webhook "base" { integration = "i",
  metod = "X",
  url = "${ nope(1) }",
}
webhook "w" (copy "base" {
  on = 5,
  bdy = "x",
})]])))
  end)

  it("of nothing, or of itself, is a mistake", function()
    assert.same({
      "s.lua:2: webhook 'a': copies itself, by way of 'b'",
      "s.lua:4: webhook 'c': copy of the unknown webhook 'nowhere'",
      "s.lua:5: webhook 'self': copies itself, by way of 'self'",
      "s.lua:6: webhook 'near': copy of the unknown webhook 'nera'; did you mean 'near'?",
      "s.lua:7: copy: expected a table of changes, found a string",
    }, (helper.load(ROOT .. [[
webhook "a" (copy "b" {})
webhook "b" (copy "a" {})
webhook "c" (copy "nowhere" {})
webhook "self" (copy "self" {})
webhook "near" (copy "nera" {})
webhook "text" (copy "self" "x")]])))
  end)
end)
