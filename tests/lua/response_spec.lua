-- Variables out of responses: paths and functions.

local helper = require "tests.lua.helper"

local BODY = '{"data":[{"id":7,"tags":["x","y"]},{"id":9007199254740993}],"ok":true,"nil":null,"a-b":{"c":[]},"0":"zero"}'

local PATHS = {
  { "data[0].id", "7" },
  { "data[1].id", "9007199254740993" },
  { "data[*].id", "[7,9007199254740993]" },
  { "data[*].tags[*]", '[["x","y"],null]' },
  { "data[*].tags[1]", '["y",null]' },
  { "data[0].tags", '["x","y"]' },
  { "data[0]", '{"id":7,"tags":["x","y"]}' },
  { "data[9].id", "null" },
  { "nope.deeper", "null" },
  { "ok.deeper", "null" },
  { "nil", "null" },
  { "a-b.c", "[]" },
  { "a-b.c[*].d", "[]" },
  { "0", '"zero"' },
}

local function vars(mapping, status, headers, body)
  local boot = helper.good(helper.webhook("response = " .. mapping))
  return boot.vars("w", status or 200, headers or "", body or BODY)
end

describe("a response's variable", function()
  for _, case in ipairs(PATHS) do
    it("at " .. case[1], function()
      assert.equal('{"v":' .. case[2] .. "}", vars("{ v = '" .. case[1] .. "' }"))
    end)
  end

  it("at the root of a list", function()
    assert.equal('{"a":1,"b":[1,2]}', vars("{ a = '[0]', b = '[*]' }", 200, "", "[1,2]"))
  end)

  it("comes from no response that is not JSON", function()
    assert.same({ nil, "the response is not JSON: line 1, column 1: invalid token near '<'", n = 2 },
      table.pack(vars("{ v = 'x' }", 200, "", "<html>")))
  end)

  it("is absent without a mapping", function()
    local boot = helper.good(helper.webhook "")
    assert.same({ nil, n = 1 }, table.pack(boot.vars("w", 200, "", BODY)))
    assert.same({ nil, n = 1 }, table.pack(boot.vars("gone", 200, "", BODY)))
    assert.is_nil((vars "{}"))
  end)
end)

describe("a response function", function()
  it("gets the response", function()
    assert.equal('{"a":"text/x","b":"1, 2","c":201,"d":true,"e":7,"f":true,"g":"b: c"}', vars([[function(res)
      return { a = res.headers["content-type"], b = res.headers.Multi, c = res.status, d = res.ok, e = res.json.data[1].id,
        f = res.body == res.body and res.headers.None == nil and res.other == nil, g = res.headers.A }
    end]], 201, "Content-Type: text/x \nMULTI: 1\nmulti: 2\nA: b: c\n"))
    assert.equal('{"ok":false}', vars("function(res) return { ok = res.ok } end", 404))
    assert.equal('{"a":"","b":"x"}', vars("function(res) return { a = res.headers.a, b = res.headers.b } end", 200,
      "A: " .. (" "):rep(60000) .. "\n" .. ("no colon"):rep(8000) .. "\nB: x\n"))
  end)

  it("may return nothing", function()
    assert.same({ nil, n = 1 }, table.pack(vars "function() end"))
  end)

  it("fails with its line", function()
    local _, message = vars "function() error 'no' end"
    assert.equal("s.lua:3: no", message)
    _, message = vars("function(res)\n return res.json end", 200, "", "x")
    assert.equal("s.lua:4: the response is not JSON: line 1, column 1: invalid token near 'x'", message)
    _, message = vars "function() return 5 end"
    assert.equal("the response function returned a number, not a table", message)
    _, message = vars "function() return { print } end"
    assert.equal("the response function: cannot encode [1]: a function", message)
  end)
end)
