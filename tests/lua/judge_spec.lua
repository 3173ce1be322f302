-- `success` and `on_response`: what a webhook makes of an answer.

local helper = require "tests.lua.helper"

-- The judgement of an answer: kind, retry_ms, pause_ms, message, what failed.
local function judge(fields, status, body, integration)
  local boot = helper.good(helper.webhook(fields, integration))
  return table.pack(boot.judge("w", status or 200, "X-Quota: 0\n", body or "{}", false, 2))
end

local function verdict(...)
  local j = judge(...)
  assert.is_nil(j[5])
  return { j[1], j[4] }
end

local DEFAULT = { "default", 0, 0, n = 5 }

describe("success", function()
  it("without it the status decides", function()
    assert.same({ "default" }, verdict("", 200))
    assert.same({ "default" }, verdict("", 404))
  end)

  it("as a list", function()
    local fields = "success = { 201, '3xx', 404 }"
    assert.same({ "default" }, verdict(fields, 201))
    assert.same({ "ok" }, verdict(fields, 302))
    assert.same({ "ok" }, verdict(fields, 404))
    assert.same({ "failed", "status 200 is not among the webhook's success: 201, 3xx, 404" }, verdict(fields, 200))
    assert.same({ "default" }, verdict(fields, 503))
    assert.same({ "default" }, verdict(fields, 403))
  end)

  it("as a function", function()
    local fields = "success = function(res) return res.json.fine == true or res.status == 404 and res.attempts == 2 end"
    assert.same({ "failed", "the success function said no" }, verdict(fields, 200))
    assert.same({ "default" }, verdict(fields, 200, '{"fine":true}'))
    assert.same({ "ok" }, verdict(fields, 404))
    assert.same({ "default" }, verdict(fields, 500))
  end)

  it("that fails has no say", function()
    local j = judge("success = function(res)\n return res.json.x.y end")
    assert.same({ "default", 0, 0 }, { j[1], j[2], j[3] })
    assert.matches("^s.lua:4: attempt to index a nil value", j[5])
    j = judge "success = function() return nil end"
    assert.equal("default", j[1])
    assert.equal("s.lua:2: webhook 'w': the success function returned nothing, not true or false", j[5])
    j = judge("success = function() error {} end", 404)
    assert.equal("default", j[1])
    assert.equal("s.lua:2: webhook 'w': the success function raised a table", j[5])
  end)

  it("is inherited, and the webhook's own wins", function()
    assert.same({ "ok" }, verdict("", 404, "{}", "success = { 404 }"))
    assert.same({ "default" }, verdict("success = false", 404, "{}", "success = { 404 }"))
    assert.same({ "failed", "status 200 is not among the webhook's success: 201" },
      verdict("success = { 201 }", 200, "{}", "success = { 404 }"))
  end)

  it("is what res.ok says to the others", function()
    assert.same({ "failed", "told" }, verdict(
      "success = { 404 }, on_response = function(res) if res.ok then return { ok = false, error = 'told' } end end", 404))
    local boot = helper.good(helper.webhook "success = { 404 }, response = function(res) return { ok = res.ok } end")
    assert.equal('{"ok":true}', boot.vars("w", 404, "", "", false))
    assert.equal('{"ok":false}', boot.vars("w", 200, "", "", false))
  end)
end)

-- What the function returns, the status; the judgement.
local DECISIONS = {
  { "nil", 200, "default", 0, 0 },
  { "{}", 404, "default", 0, 0 },
  { "{ ok = true }", 404, "ok", 0, 0 },
  { "{ ok = true, error = 'no matter' }", 404, "ok", 0, 0 },
  { "{ ok = false }", 200, "failed", 0, 0, "the on_response function said no" },
  { "{ ok = false, error = 'a\\nb' }", 503, "failed", 0, 0, "a b" },
  { "{ ok = false, retry = false }", 503, "final", 0, 0, "the on_response function said no" },
  { "{ retry = false, error = 'gone' }", 503, "final", 0, 0, "gone" },
  { "{ ok = true, retry = false }", 503, "ok", 0, 0 },
  { "{ retry = '30s' }", 200, "retry", 30000, 0, "the on_response function asked for another attempt" },
  { "{ retry = 1.5, error = 'later' }", 200, "retry", 1500, 0, "later" },
  { "{ retry = '1ms', ok = false }", 200, "retry", 100, 0, "the on_response function asked for another attempt" },
  { "{ retry = 0 }", 200, "retry", 100, 0, "the on_response function asked for another attempt" },
  { "{ pause = '10m' }", 200, "default", 0, 600000 },
  { "{ pause = '3d', ok = true }", 500, "ok", 0, 86400000 },
  { "{ pause = 60, retry = '1m' }", 429, "retry", 60000, 60000, "the on_response function asked for another attempt" },
  { "{ ok = json.null, error = json.null, retry = json.null, pause = json.null }", 200, "default", 0, 0 },
}

local WRONG = {
  { "5", "expected a table or nothing, found a number" },
  { "true", "expected a table or nothing, found a boolean" },
  { "{ rety = '30s' }", "unknown field 'rety'; did you mean 'retry'?" },
  { "{ colour = 1 }", "unknown field 'colour'; there are error, ok, pause and retry" },
  { "{ 'x' }", "unknown field '1'; there are error, ok, pause and retry" },
  { "{ ok = 1 }", "ok: expected true or false, found 1" },
  { "{ ok = false, error = {} }", "error: expected a string, found a table" },
  { "{ retry = 'soon' }", "retry: expected a duration such as \"30s\" or a number of seconds, found 'soon'" },
  { "{ retry = -1 }", 'retry: expected a duration such as "30s" or a number of seconds, found -1' },
  { "{ retry = true }", 'retry: expected a duration such as "30s" or a number of seconds, found a boolean' },
  { "{ pause = false }", 'pause: expected a duration such as "30s" or a number of seconds, found a boolean' },
  { "{ ok = true, retry = '1s' }", "ok = true and retry contradict each other" },
  { "{ error = 'x' }", "error without ok = false or retry decides nothing" },
}

describe("on_response", function()
  for _, case in ipairs(DECISIONS) do
    it("returns " .. case[1], function()
      assert.same({ case[3], case[4], case[5], case[6], n = 5 },
        judge("on_response = function() return " .. case[1] .. " end", case[2]))
    end)
  end

  for _, case in ipairs(WRONG) do
    it("cannot return " .. case[1], function()
      local j = judge("on_response = function() return " .. case[1] .. " end", 404)
      assert.equal("s.lua:2: webhook 'w': the on_response function's answer: " .. case[2], j[5])
      j[5] = nil
      assert.same(DEFAULT, j)
    end)
  end

  it("sees the answer", function()
    assert.same({ "failed", "no 0 2 200" }, verdict([[on_response = function(res)
      return { ok = false, error = res.json.why .. " " .. res.headers["x-quota"] .. " " .. res.attempts .. " " .. res.status }
    end]], 200, '{"why":"no"}'))
  end)

  it("comes before success", function()
    local fields = "success = { 404 }, on_response = function(res) if res.status == 500 then return nil end return { ok = %s } end"
    assert.same({ "ok" }, verdict(fields:format "true", 200))
    assert.same({ "failed", "the on_response function said no" }, verdict(fields:format "false", 404))
    assert.same({ "default" }, verdict(fields:format "true", 500))
  end)

  it("that fails leaves the word to success", function()
    local j = judge("success = { 404 }, on_response = function() error 'oh' end", 404)
    assert.same({ "ok", "s.lua:3: oh" }, { j[1], j[5] })
    j = judge("success = function() error 'one' end, on_response = function() error 'two' end", 404)
    assert.same({ "default", "s.lua:3: one; s.lua:3: two" }, { j[1], j[5] })
  end)

  it("is inherited, and the webhook's own wins", function()
    local inherited = "on_response = function() return { ok = true } end"
    assert.same({ "ok" }, verdict("", 404, "{}", inherited))
    assert.same({ "default" }, verdict("on_response = false", 404, "{}", inherited))
    assert.same({ "failed", "own" }, verdict("on_response = function() return { ok = false, error = 'own' } end", 404, "{}", inherited))
  end)
end)

describe("a delivery", function()
  local function judged(fields, integration)
    return helper.sent(helper.webhook(fields, integration)).head.judged
  end

  it("is marked when its answers are judged", function()
    assert.is_nil(judged "")
    assert.is_nil(judged("success = false, on_response = false", "success = { 404 }, on_response = print"))
    assert.is_true(judged "success = { 200 }")
    assert.is_true(judged "on_response = print")
    assert.is_true(judged("", "success = { 404 }"))
    assert.is_true(judged("success = false", "on_response = print"))
    assert.is_true(judged "success = { 200 }, body = function(_, request) return request.TransactionalId end")
  end)

  it("of a webhook that is gone is judged by its status", function()
    local boot = helper.good(helper.webhook "success = { 404 }")
    assert.same({ "default", 0, 0, n = 3 }, table.pack(boot.judge("gone", 404, "", "", false, 1)))
  end)
end)
