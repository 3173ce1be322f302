-- Headers: names and values, inheritance, the default Content-Type.

local helper = require "tests.lua.helper"

local function flat(integration, webhook, rest)
  local request, message = helper.sent(helper.webhook("headers = {" .. webhook .. "}, " .. (rest or ""),
    "headers = {" .. integration .. "}"), { n = 7, v = "x\r\ny" })
  return request and request.headers or message
end

describe("headers", function()
  it("are inherited, added and sorted by name", function()
    assert.same({ "A", "1", "b", "2", "C", "3" }, flat('A = "1", C = "3"', 'b = "2"'))
  end)

  it("override by name whatever the case, with the webhook's spelling", function()
    assert.same({ "x-TOKEN", "own" }, flat('["X-Token"] = "root"', '["x-TOKEN"] = "own"'))
  end)

  it("are deselected by false", function()
    assert.same({ "B", "2" }, flat('A = "1", B = "2"', "a = false, Nope = false"))
  end)

  it("may be false in the integration and set in the webhook", function()
    assert.same({ "A", "1" }, flat("A = false", 'A = "1"'))
  end)

  it("hold templates and numbers", function()
    assert.same({ "A", "x 7", "B", "7", "C", "2" }, flat("C = 2", 'A = "x ${ n }", B = "${ n }"'))
  end)

  it("never carry a line break from the data", function()
    assert.equal("s.lua:3:20: 'v' holds a line break; a header cannot", flat("", 'A = "${ v }"'))
  end)

  local TYPES = { -- headers, body, Content-Type
    { "", "body = {}", "application/json" },
    { "", 'body = "x"', "text/plain; charset=utf-8" },
    { "", 'body = secret "S"', "text/plain; charset=utf-8" },
    { "", "body = function() return {} end", "application/json" },
    { "", "body = function() return 'x' end", "text/plain; charset=utf-8" },
    { "", "", nil },
    { '["content-type"] = "a/b"', "body = {}", "a/b" },
    { '["Content-Type"] = false', "body = {}", nil },
  }
  for _, case in ipairs(TYPES) do
    it("default to the body's type: " .. case[1] .. " " .. case[2], function()
      local request = helper.sent(helper.webhook("headers = {" .. case[1] .. "}, " .. case[2]), nil, { secrets = { S = true } })
      assert.equal(case[3], request.headers[2])
    end)
  end

  it("change with each result of a function", function()
    local boot, native = helper.good(helper.webhook(
      "body = function(data) return data.t and {} or 'x' end"))
    assert.is_true(boot.call("w", '{"t": true}'))
    assert.is_true(boot.call("w", '{"t": false}'))
    assert.equal("application/json", native.emitted[1].headers[2])
    assert.equal("text/plain; charset=utf-8", native.emitted[2].headers[2])
  end)

  local MISTAKES = {
    { '["X Y"] = "1"', "bad header name 'X Y'; letters, digits and '-', no spaces or ':'" },
    { '["X:"] = "1"', "bad header name 'X:'; letters, digits and '-', no spaces or ':'" },
    { '[""] = "1"', "bad header name ''; letters, digits and '-', no spaces or ':'" },
    { '"X: 1"', 'a header is written ["Name"] = value' },
    { 'A = "1\\n2"', "header 'A' holds a line break; a header cannot" },
    { "A = {}", "header 'A': expected a string, a secret or false, found a table" },
    { "A = true", "header 'A': expected a string, a secret or false, found a boolean" },
    { 'A = "1", a = "2"', "header 'a' is given twice, also as 'A'" },
    { '["Content-Length"] = "1"', "header 'Content-Length' is set by anzol itself" },
  }
  for _, case in ipairs(MISTAKES) do
    it("are checked: " .. case[1], function()
      local errors = helper.load(helper.webhook("headers = {\n" .. case[1] .. "\n}"))
      assert.same({ "s.lua:4: webhook 'w': " .. case[2] }, errors)
    end)
  end
end)
