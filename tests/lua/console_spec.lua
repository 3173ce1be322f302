-- The console: lines, variables, what outlives a generation.

local console_host = require "tests.lua.console_host"
local helper = require "tests.lua.helper"

local SCRIPT = [[
integration "shop" { url = "http://h.test" }
webhook "order_paid" { integration = "shop", body = { id = "${Order.Id}" } }
VAT = 0.2
function gross(net) return net * (1 + VAT) end
function broken() return nil + 1 end
function thrower() error({ code = 7 }) end
]]

describe("a line", function()
  local c
  before_each(function() c = console_host.new(SCRIPT) end)

  for code, text in pairs {
    ["1 + 1"] = "2", ["x = 5"] = "", ["return 1, 'a'"] = '1\n"a"', ["nil"] = "nil", [""] = "", ["-- nothing"] = "",
    ["1, nil, 3"] = "1\nnil\n3", ["do local a = 1 end"] = "", ["for i = 1, 3 do end"] = "", ["gross(100)"] = "120.0",
    ["string.upper 'a'"] = '"A"', ["('a'):rep(3)"] = '"aaa"', ["#'abc'"] = "3", ["if true then return 7 end"] = "7",
    ["x = 1; return x"] = "1", ["json.encode { a = 1 }"] = [["{\"a\":1}"]], ["function f() end"] = "",
    ["x = 1; x"] = "1", ["local a = 2\n\na + 1"] = "3", ["x = 5; -- c\n(x)"] = "5", ["x = 1; { x }"] = "{1}",
    ["'a' --[[ b ]] .. 'c'"] = '"ac"', ["pcall(error, 'a')"] = 'false\n"a"',
  } do
    it("gives the values of " .. code, function() assert.equal(text, c:says(code)) end)
  end

  for _, code in ipairs {
    "x = {", "for i = 1, 3 do", "'abc' ..", "--[[ comment", "[[ long string", "f(", "x =", "if x then", "function f()", "1 +",
      "not",
    "call('a', {", "x = {\n  a = 1,", "return", "repeat", "local function f(", "'a\\", "a.b.", "x,", "x:", "x = 1; y =",
      "x = 1\nf(", "local a = 2\na +", "x = 1; {",
    "if x then\nx",
  } do
    it((code == "return" and "ends with " or "goes on after ") .. code, function()
      assert.equal(code == "return" and "done" or "more", (c:run(code)))
    end)
  end

  for code, message in pairs {
    ["x = = 3"] = "line:1: unexpected symbol near '='", ["'abc"] = "line:1: unfinished string near ''abc'",
    ["{1,, 2}"] = "line:1: unexpected symbol near ','", [")"] = "line:1: unexpected symbol near ')'",
    ["1 != 2"] = "line:1: <eof> expected near '!'; 'not equal' is ~=", ["a\nb c"] = "line:2: syntax error near 'b'",
    ["webhoks()"] = "undefined variable 'webhoks'; did you mean 'webhooks'?",
    ["grosss(1)"] = "undefined variable 'grosss'; did you mean 'gross'?",
    ["function f()\n  retrun end"] = "line:2: syntax error near 'end'",
    ["exit"] = "undefined variable 'exit'; Ctrl-D ends the session", ["{ until = 5 }"] =
    "line:1: unexpected symbol near 'until'; 'until' is Lua's: write before = …",
    ["qqqqqqqq"] = "undefined variable 'qqqqqqqq'",
    ["error 'my own'"] = "line:1: my own", ["error('no place', 0)"] = "no place", ["error()"] = "error(nil)",
    ["error { code = 5 }"] = "error: {code = 5}", ["thrower()"] = "error: {code = 7}", ["nil + 1"] =
    "line:1: attempt to perform arithmetic on a nil value",
    ["broken()"] = "s.lua:5: attempt to perform arithmetic on a nil value",
    ["local a\n\na.b = 1"] = "line:3: attempt to index a nil value (local 'a')",
    ["coroutine.yield(1)"] = "coroutine.yield() outside of a coroutine of one's own; sleep() lets a line wait",
    ["('x'):rep(1, 2, 3, {}):foo()"] = "line:1: attempt to call a nil value (method 'foo')",
    ["error '\27[2J'"] = "line:1: \\x1b[2J", ["string.rep()"] =
    "line:1: bad argument #1 to 'rep' (string expected, got no value)",
    ["local t = 1\ncall(5)"] = "line:2: call: expected the name of a webhook, found a number",
  } do
    it("fails: " .. code, function() assert.equal(message, c:fails(code)) end)
  end

  it("never shows a place inside the library", function()
    c:on("webhooks", "[]")
    for _, code in ipairs { "webhooks()", "runs.get(5)", "template(1)", "integration 'x'", "json.decode()", "trace {}" } do
      assert.falsy(c:fails(code):find("stdlib", 1, true), code)
    end
  end)

  it("tells who misses a local what became of it", function()
    c:says "local mine = 5"
    assert.equal("undefined variable 'mine'; a local is gone after its line: leave 'local' out", c:fails "mine")
  end)

  it("leaves its last result in _", function()
    c:says "6 * 7"
    assert.equal("42", c:says "_")
    c:says "x = 1"
    assert.equal("42", c:says "_")
    assert.equal("nil", console_host.new(""):says "_")
  end)

  it("may be stopped anywhere, and asks only in its own coroutine", function()
    local how = c.boot.console_eval(c.session, "coroutine.yield() return 5", 80)
    assert.equal("slice", how)
    assert.is_nil(c.native.line)
    assert.same({ "done", "5" }, { c.boot.console_go(c.session) })
    assert.equal("line:1: status: cannot be called in a coroutine of one's own",
      c:fails "coroutine.wrap(function() status() end)()")
    assert.equal("status: cannot wait here, inside string.gsub, table.sort or a metamethod",
      c:fails "string.gsub('a', 'a', function() status() end)")
  end)

  it("says which coroutine may be stopped", function()
    local seen
    c:on("status", function() return {} end)
    local set = c.native.console_line
    function c.native.console_line(co)
      seen = seen or co
      set(co)
    end
    c:says "status()"
    assert.equal("thread", type(seen))
    assert.is_nil(c.native.line)
  end)

  it("ends where it is canceled, and its variables to be closed are closed", function()
    c:says "log_of = {}"
    local how, op = c.boot.console_eval(c.session,
      "local a <close> = setmetatable({}, { __close = function() log_of[1] = true end }) sleep(5)", 80)
    assert.same({ "asked", "sleep" }, { how, op })
    c.boot.console_cancel(c.session)
    assert.equal("true", c:says "log_of[1]")
    assert.same({ "failed", "no line is being run" }, { c.boot.console_go(c.session) })
  end)

  it("gets what the host answers, or raises what it says", function()
    c:on("status", { ready = true }):on("reload", function() return nil, "a.lua:1: no\nb.lua:2: nor this" end)
    assert.equal("{ready = true}", c:says "status()")
    assert.equal("reload:\na.lua:1: no\nb.lua:2: nor this", c:fails "reload()")
    assert.equal("false\n\"reload:\\na.lua:1: no\\nb.lua:2: nor this\"", c:says "pcall(reload)")
  end)

  it("has a session's variables, then words, then those of scripts", function()
    c:says "VAT = 0.5"
    assert.equal("0.5\n120.0", c:says "VAT, gross(100)")
    c:says "webhooks = 1"
    assert.equal("1", c:says "webhooks")
    c:says "webhooks = nil"
    assert.equal("function", c:says("webhooks"):match "^function")
    assert.equal("0.2", console_host.new(SCRIPT):says "VAT")
  end)

  it("gives values as JSON too", function()
    local _, text, made = c:run("1, 'a', { b = { 1, print } }, nil, print, '\\xff', 0/0", { json = true })
    assert.matches("^1\n", text)
    assert.equal([=[[1,"a",{"b":[1,"function print"]},null,"function print","\"\\xff\"","0/0"]]=], made)
    assert.is_nil((select(3, c:run "1")))
    assert.equal("[]", (select(3, c:run("x = 1", { json = true }))))
  end)
end)

describe("a session's variables", function()
  local function kept(code)
    local c = console_host.new(SCRIPT)
    c:says(code)
    local text, lost = c.boot.console_keep(c.session)
    return console_host.new(SCRIPT, { kept = text }), lost
  end

  it("outlive a generation where JSON can hold them", function()
    local c, lost = kept [[
      i, big, f, s, t, e, l, n = 1, math.mininteger, 1.0, "a\0b", { a = { 1, 2, { b = true } } }, {}, json.array {}, json.null
      bytes, keys = "\xff\0\xfe", { ["\xff"] = 1, ["$a"] = 2, ["$bytes"] = "00", ["a\0b"] = { "\xfe" } }
      tiny = 5e-324
      _ = 7
    ]]
    assert.same({}, lost)
    assert.equal("nil", c:says "_")
    assert.equal("1\nmath.mininteger\n1.0\n" .. [["a\x00b"]] .. "\n{a = {1, 2, {b = true}}}\n{}\njson.array {}\njson.null",
      c:says "i, big, f, s, t, e, l, n")
    assert.equal("true\n1\n2\n\"00\"\ntrue\ntrue",
      c:says [[bytes == "\xff\0\xfe", keys["\xff"], keys["$a"], keys["$bytes"], keys["a\0b"][1] == "\xfe", tiny == 5e-324]])
  end)

  it("have the ids that were printed beside them", function()
    local first = console_host.new(SCRIPT):on("send", { id = "01900000-0000-7000-8000-0000000000aa" })
    first:says "send 'order_paid'"
    local second = console_host.new(SCRIPT, { kept = (first.boot.console_keep(first.session)) })
    assert.matches("no answer to delivery", second:fails "delivery '01900'")
    assert.matches("undefined variable", second:fails "ids")
  end)

  it("are named where it cannot", function()
    local c, lost = kept [[
      ok = 1
      f, th, nan, mixed, me = print, coroutine.create(print), 0/0, { 1, a = 2 }, setmetatable({}, { __index = {} })
      loop = {} loop.loop = loop
      inner = { a = { b = print } }
    ]]
    assert.same({ "f", "inner", "loop", "me", "mixed", "nan", "th" }, lost)
    assert.equal("1", c:says "ok")
    assert.matches("undefined variable 'loop'", c:fails "loop")
  end)

  it("may be none", function()
    local c = console_host.new ""
    assert.same({ "{}", {} }, { c.boot.console_keep(c.session) })
    assert.equal(helper.json.encode {}, (c.boot.console_keep(c.session)))
  end)
end)
