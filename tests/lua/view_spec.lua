-- Previews and lists.

local helper = require "tests.lua.helper"

local SCRIPT = [[
integration "shop" { name = "Shop", url = "https://h.test/v1?key=" .. secret "S", rate = { 100, per = "90s" },
  headers = { A = "root", B = "Bearer " .. secret "S", C = false, E = 5 } }
integration "bare" { url = "http://b.test" }

webhook "w" { integration = "shop", name = "W", description = "d", url = "x/${ n }?t=${WebhookRequest.TransactionalId}",
  headers = { a = "own ${ n }", X = "1", B = false }, body = { n = "${ n }", s = secret "S" }, on = "e" }
webhook "g" { integration = "bare", method = "GET", retry = false, success = { 200, "2xx", 404 }, on_response = function() end }
webhook "f" { integration = "bare", success = function() return true end, body = function(_, r) return r.TransactionalId end }
]]

local null = helper.null

describe("a preview", function()
  local boot
  before_each(function() boot = helper.good(SCRIPT, { secrets = { S = true } }) end)

  it("shows the whole request", function()
    local id = "00000000-0000-7000-8000-000000000001"
    assert.same({
      webhook = "w", integration = "shop", method = "POST", url = "https://h.test/v1/x/7?key=***&t=" .. id,
      headers = {
        { name = "a", value = "own 7", from = "webhook", overrides = true },
        { name = "Content-Type", value = "application/json", from = "default" },
        { name = "E", value = "5", from = "integration" },
        { name = "X", value = "1", from = "webhook" },
      },
      deselected = { "B" }, body = '{"n":7,"s":"***"}', idempotent = true, delivery_id = id,
    }, helper.json.decode(boot.preview("w", '{"n":7}')))
  end)

  it("says null where there is no body, and empty lists", function()
    local text = boot.preview("g", "")
    assert.matches('"body":null', text, 1, true)
    assert.matches('"headers":[]', text, 1, true)
    assert.matches('"deselected":[]', text, 1, true)
    assert.matches('"idempotent":false', text, 1, true)
    assert.matches('"idempotent":true', boot.preview("f", ""), 1, true)
  end)
end)

describe("a list", function()
  local boot
  before_each(function() boot = helper.good(SCRIPT, { secrets = { S = true } }) end)

  it("of integrations", function()
    assert.same({ integrations = {
      { name = "bare", display_name = null, description = null, url = "http://b.test", rate = null, per = null, concurrency = 64,
        headers = {}, webhooks = 2, where = "s.lua:3" },
      { name = "shop", display_name = "Shop", description = null, url = "https://h.test/v1?key=***", rate = 100, per = "1m30s",
        concurrency = 64, webhooks = 1, where = "s.lua:1",
        headers = { { name = "A", value = "root" }, { name = "B", value = "Bearer ***" }, { name = "E", value = "5" } } },
    } }, helper.json.decode(boot.list "integrations"))
  end)

  it("of webhooks", function()
    local list = helper.json.decode(boot.list "webhooks").webhooks
    assert.same({ "f", "g", "w" }, { list[1].name, list[2].name, list[3].name })
    assert.equal(null, list[1].idempotent)
    assert.is_false(list[2].retry)
    assert.same({ { 200, "2xx", 404 }, true }, { list[2].success, list[2].on_response })
    assert.equal("function", list[1].success)
    assert.same({
      name = "w", display_name = "W", description = "d", integration = "shop", method = "POST",
      url = "https://h.test/v1/x/${ n }?key=***&t=${WebhookRequest.TransactionalId}", on = "e", idempotent = true,
      headers = {
        { name = "a", value = "own ${ n }", from = "webhook", overrides = true },
        { name = "Content-Type", value = "application/json", from = "default" },
        { name = "E", value = "5", from = "integration" },
        { name = "X", value = "1", from = "webhook" },
      },
      deselected = { "B" }, retry = { delays = { "20s", "1m20s", "4m" }, on = { 429, "5xx", "timeout" }, within = "6m" },
      where = "s.lua:5", success = null, on_response = false,
    }, list[3])
  end)
end)
