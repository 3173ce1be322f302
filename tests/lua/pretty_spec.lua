-- How values are shown: as Lua that reads back, cut where it is long, and without a byte that a terminal would obey.

local console_host = require "tests.lua.console_host"

local function console(options)
  return console_host.new('integration "i" { url = "http://h.test", headers = { A = secret "TOKEN" } }\n'
    .. 'hidden, joined = secret "TOKEN", "Bearer " .. secret "TOKEN" .. "!"', { secrets = { TOKEN = true }, width = options })
end

describe("a value", function()
  local c = console()

  for code, text in pairs {
    ["'a\"b\\\\c'"] = [["a\"b\\c"]], ["'a\\nb\\tc\\rd'"] = [["a\nb\tc\rd"]], ["'\\27[2J\\0\\127'"] = [["\x1b[2J\x00\x7f"]],
    ["'ä€😀'"] = '"ä€😀"', ["'\\xff\\xc3(ä\\xe2\\x82'"] = [["\xff\xc3(ä\xe2\x82"]], ["'\\u{9b}31m'"] = [["\u{9b}31m"]],
    ["1"] = "1", ["-1"] = "-1", ["1.0"] = "1.0", ["1e15"] = "1e+15", ["0.1"] = "0.1", ["2^53"] = "9007199254740992.0",
    ["1/0, -1/0, 0/0"] = "math.huge\n-math.huge\n0/0",
    ["math.mininteger, math.maxinteger"] = "math.mininteger\n9223372036854775807",
    ["true, false, nil"] = "true\nfalse\nnil", ["json.null"] = "json.null", ["{}"] = "{}", ["json.array {}"] = "json.array {}",
    ["json.array { 1, 2 }"] = "{1, 2}", ["{ 1, 'a', { b = 1 } }"] = '{1, "a", {b = 1}}',
    ["{ b = 1, a = 2, [1] = 3, [-1] = 4 }"] =
    "{3, [-1] = 4, a = 2, b = 1}",
    ["{ ['a b'] = 1, ['end'] = 2, _x = 3, ['1a'] = 4 }"] = '{["1a"] = 4, _x = 3, ["a b"] = 1, ["end"] = 2}',
    ["{ [1.5] = 1, [true] = 2, [false] = 3 }"] = "{[1.5] = 1, [false] = 3, [true] = 2}",
    ["{ 1, nil, 3, [10] = 4 }"] = "{1, [3] = 3, [10] = 4}",
    ["hidden"] = 'secret "TOKEN" (***)', ["joined"] = '"Bearer " .. secret "TOKEN" (***) .. "!"',
    ["{ t = hidden }"] = '{t = secret "TOKEN" (***)}',
    ["{ [hidden] = 1 }"] = "{[table] = 1}", ["coroutine.create(print)"] = "thread", ["function() end"] = "function",
    ["string.rep, pcall, call, runs.get"] =
      "function string.rep\nfunction pcall\nfunction call(webhook, data?): makes a delivery and waits for its outcome\n"
      .. "function runs.get(id): a run with its steps",
    ["template.compile 'a'"] = "template", ["{ '\\27' }, { ['\\27'] = 1 }"] = "{\"\\x1b\"}\n{[\"\\x1b\"] = 1}",
  } do
    it("shows " .. code, function() assert.equal(text, c:says(code)) end)
  end

  it("breaks tables that are wider than the terminal", function()
    local narrow = console(31)
    assert.equal("{\n  items = {\n    {qty = 1, sku = \"a\"},\n    {qty = 2, sku = \"bcdefgh\"}\n  },\n  name = \"x\"\n}",
      narrow:says "{ name = 'x', items = { { sku = 'a', qty = 1 }, { sku = 'bcdefgh', qty = 2 } } }")
    assert.equal('{a = "123456789012345678901"}', narrow:says "{ a = '123456789012345678901' }")
    assert.equal('{\n  a = "1234567890123456789012345"\n}', narrow:says "{ a = '1234567890123456789012345' }")
  end)

  it("reads back", function()
    local code = [[{ 1, 2.5, "a\n\"\\\xff", true, { x = { y = -0.0, ["z z"] = math.mininteger } }, 1e300, [99] = "ä" }]]
    local text = c:says(code)
    assert.same(load("return " .. code)(), load("return " .. text)())
  end)

  it("is cut where it would go on and on", function()
    assert.matches('"a+" … 10,000 bytes more$', c:says "('a'):rep(20000)")
    assert.matches('{\n  "a+" … 100 bytes more\n}', c:says "{ ('a'):rep(500) }")
    assert.matches('^"' .. ("ä"):rep(5) .. '.*" … 10,000 bytes more$', c:says "('ä'):rep(10000)")
    assert.is_truthy(utf8.len((c:says "('€'):rep(10000)")))
    local list = c:says "t = {} for i = 1, 138 do t[i] = i end return t"
    assert.matches("\n  50,\n  … 88 more\n}$", list)
    assert.matches("… 1,950 more", c:says "t = {} for i = 1, 2000 do t['k' .. i] = i end return t")
    assert.matches("{…}", c:says "t = {} local u = t for i = 1, 20 do u.a = {} u = u.a end return t")
    assert.truthy(#c:says "t = {} for i = 1, 100 do t[i] = {} for j = 1, 100 do t[i][j] = {1, 2, 3} end end return t" < 60000)
  end)

  it("may hold itself", function()
    assert.equal("{a = <table above>, b = {c = <table above>}}", c:says "t = { b = {} } t.a, t.b.c = t, t.b return t")
    assert.equal("{{1}, {1}}", c:says "u = { 1 } return { u, u }")
  end)

  it("runs no code of what it shows", function()
    c:says "called = 0"
    c:says [[
      hit = function() called = called + 1 return "hit" end
      magic = setmetatable({ 1, a = 2 }, { __index = hit, __len = hit, __pairs = hit, __tostring = hit, __call = hit,
        __eq = hit,
        __lt = hit, __concat = hit, __name = "x", __close = hit, __newindex = hit })
    ]]
    assert.equal("{1, a = 2}", c:says "magic")
    assert.equal("{k = {1, a = 2}, [table] = 1}", c:says "{ [magic] = 1, k = magic }")
    c:run("magic", { json = true })
    assert.equal("0", c:says "called")
  end)

  it("has the width that the terminal has of it", function()
    c:says "1"
    local pretty = require "stdlib.console.pretty"
    assert.same({ 3, 2, 4, 1, 2 }, { pretty.width "abc", pretty.width "äö", pretty.width "日本", pretty.width "e\u{301}",
      pretty.width "😀" })
    assert.same({ "abc", "ab…", "日…", "日本", "…" }, { pretty.fit("abc", 3), pretty.fit("abcd", 3), pretty.fit("日本語", 4),
      pretty.fit("日本", 4), pretty.fit("日本", 1) })
  end)
end)

describe("JSON", function()
  console():says "1"
  local pretty = require "stdlib.console.pretty"

  for text, shown in pairs {
    ['{"b":1.50,"a":[1,2,{}],"c":"x,{\\"y\\"}: ","d":[]}'] =
      '{\n  "b": 1.50,\n  "a": [\n    1,\n    2,\n    {}\n  ],\n  "c": "x,{\\"y\\"}: ",\n  "d": []\n}',
    ["[]"] = "[]", ["{ }"] = "{}", [" [ 1 , 2 ] "] = "[\n  1,\n  2\n]", ['"a\\\\"'] = '"a\\\\"', ["12"] = "12",
    ['["\127"]'] = '[\n  "\\x7f"\n]',
  } do
    it("is broken into lines: " .. text, function() assert.equal(shown, pretty.json(text)) end)
  end

  it("is nil where it is none", function()
    for _, text in ipairs { "{", "", "{a}", "[1,]" } do assert.is_nil((pretty.json(text))) end
  end)
end)
