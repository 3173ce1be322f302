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
  { "a-b[*]", "null" },
  { "data[0][*].id", "null" },
}

local function vars(mapping, status, headers, body, truncated)
  local boot = helper.good(helper.webhook("response = " .. mapping))
  return boot.vars("w", status or 200, headers or "", body or BODY, truncated or false)
end

-- Strict paths; false: fails with that message.
local STRICT = {
  { "data[0].id!", "7" },
  { "data[*].id!", "[7,9007199254740993]" },
  { "a-b.c[*].d!", "[]" },
  { "ok!", "true" },
  { "nil!", false, "the answer has null at 'nil'" },
  { "nope.deeper!", false, "the answer has nothing at 'nope.deeper'" },
  { "data[9].id!", false, "the answer has nothing at 'data[9].id'" },
  { "data[*].tags!", false, "the answer has null, or nothing, at 'data[*].tags'" },
  { "data[*].tags[*]!", false, "the answer has null, or nothing, at 'data[*].tags[*]'" },
  { "a-b[*].c!", false, "the answer has nothing at 'a-b[*].c'" },
  { "nope[*].id!", false, "the answer has nothing at 'nope[*].id'" },
}

describe("a response's variable", function()
  for _, case in ipairs(PATHS) do
    it("at " .. case[1], function()
      assert.equal('{"v":' .. case[2] .. "}", vars("{ v = '" .. case[1] .. "' }"))
    end)
  end

  for _, case in ipairs(STRICT) do
    it("must be there at " .. case[1], function()
      local text, message = vars("{ b = 'ok', v = '" .. case[1] .. "' }")
      if case[2] then
        assert.equal('{"b":true,"v":' .. case[2] .. "}", text)
      else
        assert.is_nil(text)
        assert.equal("webhook 'w': response.v: " .. case[3], message)
      end
    end)
  end

  it("is of the webhook that was copied to, not from", function()
    local boot = helper.good(helper.webhook "response = { v = 'x!' }" .. '\nwebhook "c" (copy "w" {})')
    local _, message = boot.vars("c", 200, "", "{}", false)
    assert.equal("webhook 'c': response.v: the answer has nothing at 'x'", message)
    _, message = boot.vars("w", 200, "", "{}", false)
    assert.equal("webhook 'w': response.v: the answer has nothing at 'x'", message)
  end)

  it("comes from no body that was cut", function()
    assert.same({ nil, "the response was cut at 256 KiB, so its JSON is not whole", n = 2 },
      table.pack(vars("{ v = 'ok' }", 200, "", BODY, true)))
  end)

  it("comes from JSON of another charset", function()
    assert.equal('{"v":"Привет"}', vars("{ v = 'x' }", 200, "Content-Type: application/json; charset=windows-1251\n",
      '{"x":"\xcf\xf0\xe8\xe2\xe5\xf2"}'))
  end)

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

-- The object, made as the flow code makes it.
local function new(status, headers, body, truncated)
  helper.boot()
  return require("stdlib.response").new(status, headers, body, truncated)
end

describe("an answer", function()
  it("has what came", function()
    local res = new(201, "Content-Type: Text/Plain; Charset=UTF-8\nX: 1\n", "hé", false)
    assert.same({ true, 201, "1", "hé", "hé", "utf-8", false },
      { res.ok, res.status, res.headers.x, res.body, res.text, res.charset, res.truncated })
    assert.is_nil(res.nothing)
  end)

  it("that never came has a status of 0", function()
    local res = new(0, "", "")
    assert.same({ false, 0, "", "", false }, { res.ok, res.status, res.body, res.text, res.truncated })
    assert.is_nil(next(res.headers))
    assert.is_nil(res.charset)
  end)

  it("takes more fields", function()
    local res = new(200, "", "{}")
    res.attempts, res.vars, res.error, res.ok = 2, { a = 1 }, { kind = "rule" }, false
    assert.same({ 2, { a = 1 }, { kind = "rule" }, false }, { res.attempts, res.vars, res.error, res.ok })
  end)

  it("can be written down as JSON, with what has been looked at", function()
    local res = new(200, "A: 1\na: 2\n", "x")
    assert.equal('{"body":"x","ok":true,"status":200,"truncated":false}', helper.json.encode(res))
    assert.equal("1, 2", res.headers.A)
    assert.equal('{"body":"x","headers":{"a":"1, 2"},"ok":true,"status":200,"truncated":false}', helper.json.encode(res))
  end)

  it("keeps repeated headers apart", function()
    local res = new(200, "Set-Cookie: a=1, b\nX: y\nset-cookie: c=2 \nSet-Cookie:\n", "")
    assert.equal("a=1, b, c=2, ", res.headers["SET-cookie"])
    assert.same({ "a=1, b", "c=2", "" }, res:all "Set-Cookie")
    assert.same({ "y" }, res:all "x")
    assert.same({}, res:all "none")
    res:all "x"[1] = "changed"
    assert.same({ "y" }, res:all "x")
    assert.has_error(function() res:all(5) end, "res:all: expected the name of a header, found a number")
  end)

  local CHARSETS = {
    { "text/plain; charset=windows-1251", "windows-1251", "\xcf", "П" },
    { 'text/plain; a=b ; charset="KOI8-R"; x=y', "koi8-r", "\xf0", "П" },
    { "text/plain;charset=ISO-8859-1", "iso-8859-1", "\xe9", "é" },
    { "text/plain; charset=utf-8", "utf-8", "\xff", "\xff" },
    { "text/plain; charset=klingon", "klingon", "\xff", "\xff" },
    { "text/plain; charset=windows-1251", "windows-1251", "\x98", "\x98" },
    { "text/plain; charset=", nil, "\xff", "\xff" },
    { "text/plain; xcharset=utf-16", nil, "x", "x" },
    { "charset=utf-16", nil, "x", "x" },
  }
  for i, case in ipairs(CHARSETS) do
    it("has its text by the charset, " .. i .. ": " .. case[1], function()
      local res = new(200, "Content-Type: " .. case[1] .. "\n", case[3])
      assert.equal(case[2], res.charset)
      assert.equal(case[4], res.text)
      assert.equal(case[3], res.body)
    end)
  end

  it("is decoded once", function()
    local res = new(200, "", '{"a":[1]}')
    assert.equal(res.json, res.json)
    assert.equal(1, res.json.a[1])
    assert.equal(false, new(200, "", "false").json)
    assert.equal(helper.null, new(200, "", "null").json)
  end)

  it("is decoded without the mark of UTF-8", function()
    assert.equal(1, new(200, "", '\xEF\xBB\xBF{"a":1}').json.a)
    assert.equal(1, new(200, "Content-Type: x/y; charset=utf-16le\n", "\xff\xfe1\0").json)
  end)

  it("says why it is not decoded", function()
    local function read(res) return function() return res.json end end
    assert.error_matches(read(new(200, "", "<html>")), "the response is not JSON: line 1, column 1: invalid token near '<'", 1, true)
    assert.error_matches(read(new(200, "", "{}", true)), "the response was cut at 256 KiB, so its JSON is not whole", 1, true)
  end)
end)
