-- A load as a whole: all mistakes at once, each once, in order; modules; what a script sees and what it does not.

local helper = require "tests.lua.helper"

local OK = "integration 'i' { url = 'http://h.test' }\n"

describe("a load", function()
  it("tells all mistakes of all files, sorted", function()
    local errors = helper.load {
      ["b.lua"] = "local x = \n\n 5 5",
      ["a.lua"] = [[
integration "shop" {
  url = "https://h.test/",
  rate = -1,
}
webhook "w" {
  integration = "shp",
  body = {
    first = "${ Order. }",
    lines = each("line in Items", {
      sku = "${ line.Sku | toLowr }",
      sum = "x ${ 'abc' * 2 }",
    }),
    note = when("a ==", 1),
    ok = "${ fine }",
  },
}
x = webook
]],
      ["c.lua"] = "local t = nil\nprint(t.x)",
      ["d.lua"] = "error('boom')",
      ["e.lua"] = "error({})",
      ["f.lua"] = "error('bare', 0)",
      ["g.lua"] = "local function f()\n  assert(false, 'inside')\nend\nf()",
      ["h.lua"] = "local function f() return f(), 1 end\nf()",
    }
    assert.same({
      "a.lua:3: integration 'shop': rate: -1 is out of range; it must be over 0",
      "a.lua:6: webhook 'w': unknown integration 'shp'; did you mean 'shop'?",
      "a.lua:8:24: expected the name of a field, found '}'",
      "a.lua:10:28: unknown function 'toLowr'; did you mean 'toLower'?",
      "a.lua:11:19: arithmetic needs numbers; 'abc' is a string",
      "a.lua:13:20: unexpected '=='; equality is written =",
      "a.lua:17: undefined variable 'webook'; did you mean 'webhook'?",
      "b.lua:3: unexpected symbol near '5'",
      "c.lua:2: attempt to index a nil value (local 't')",
      "d.lua:1: boom",
      "e.lua:1: error: a table",
      "f.lua:1: bare",
      "g.lua:2: inside",
    }, { table.unpack(errors, 1, 13) })
    assert.matches("^h%.lua:%d+: stack overflow", errors[14])
    assert.equal(14, #errors)
  end)

  it("keeps the whole of a long path", function()
    local path = ("long/"):rep(20) .. "script.lua"
    assert.same({ path .. ":2: boom" }, (helper.load { [path] = "\nerror 'boom'" }))
    assert.same({ path .. ":1: <name> expected near '5'" }, (helper.load { [path] = "local 5" }))
  end)

  it("does nothing to an empty script", function()
    local errors, warnings, boot = helper.load ""
    assert.same({ {}, {} }, { errors, warnings })
    assert.equal(0, boot.webhook_count())
    assert.same({}, boot.integrations())
  end)

  it("defines nothing when there is a mistake", function()
    local _, _, boot = helper.load(OK .. "webhook 'w' { integration = 'i', on = 5 }")
    assert.equal(0, boot.webhook_count())
    assert.same({ nil, 404, "no webhook 'w'", n = 3 }, table.pack(boot.call("w", "")))
  end)

  it("finds places in templates through escapes, long strings and comments", function()
    local errors = helper.load(OK .. [==[
-- webhook "w" { a = "${ no" }
webhook("w")({ --[[ , ]] integration = "i"; ["url"] = "a\x41\z
     b\u{e9}\065${ bad( }",
  headers = { ["X-A"] = 'it\'s ${ x', B = function() local a, b = 1, 2 if a then b = 1 end return b end },
  body = [[
first
  ${ also bad }]] })]==])
    assert.same({
      "s.lua:4:7: 'é' in a URL must be percent-encoded",
      "s.lua:4:25: expected a value, found '}'",
      "s.lua:5: webhook 'w': header 'B': expected a string, a secret or false, found a function",
      "s.lua:5:32: '${' is never closed",
      "s.lua:8:11: unexpected 'bad'",
    }, errors)
  end)

  it("falls back to the field's line where a template is not written out", function()
    local errors = helper.load(OK .. "local t = '${ x'\nwebhook 'w' {\n  integration = 'i',\n  url = t }")
    assert.same({ "s.lua:5: webhook 'w': url: '${' is never closed" }, errors)
  end)

  it("finds definitions that a function of the script makes", function()
    local errors = helper.load(OK .. "local function make(name)\n  webhook(name) { integration = 'i', on = 5 }\nend\n"
      .. "make 'a'\nmake 'b'")
    assert.same({
      "s.lua:3: webhook 'a': on: expected the name of an event, found a number",
      "s.lua:3: webhook 'b': on: expected the name of an event, found a number",
    }, errors)
  end)
end)

describe("require", function()
  local function load(files, modules)
    return helper.load(files, { files = modules, dirs = { "scripts", "lib" } })
  end

  it("finds modules beside the scripts and in folders", function()
    local errors, _, _, native = load({ ["scripts/a.lua"] = [[
      log(require "mod".x .. require "dir.sub" .. require "init_too")
    ]] }, {
      ["scripts/mod.lua"] = "return { x = 'one ' }", ["scripts/dir/sub.lua"] = "return 'two '",
      ["lib/init_too/init.lua"] = "return 'three'",
    })
    assert.same({}, errors)
    assert.equal("one two three", native.logged[1].message)
  end)

  it("runs a script once, required or not", function()
    local files = {
      ["scripts/a.lua"] = "log(require 'b' .. require 'b')", ["scripts/b.lua"] = "log 'b runs' return 'b'",
    }
    local errors, _, _, native = load(files, { ["scripts/b.lua"] = "error 'not from the disk'" })
    assert.same({}, errors)
    assert.same({ "b runs", "bb" }, { native.logged[1].message, native.logged[2].message })
    assert.equal(2, #native.logged)
  end)

  it("runs a script that ran before its turn once", function()
    local errors, _, _, native = load { ["scripts/a.lua"] = "log 'a runs' x = 1", ["scripts/b.lua"] = "assert(require 'a' == true)" }
    assert.same({}, errors)
    assert.equal(1, #native.logged)
  end)

  it("tells a module's mistake once, in its own file", function()
    local files = { ["scripts/a.lua"] = "require 'm'", ["scripts/b.lua"] = "require 'm'", ["scripts/c.lua"] = "require 'n'" }
    local errors = load(files, { ["scripts/m.lua"] = "local 5", ["scripts/n.lua"] = "\nerror 'n'" })
    assert.same({ "scripts/m.lua:1: <name> expected near '5'", "scripts/n.lua:2: n" }, errors)
  end)

  it("tells what is not there, and circles", function()
    local errors = load {
      ["scripts/a.lua"] = "require 'shopp'", ["scripts/b.lua"] = "\nrequire 'nothing.like'",
      ["scripts/c.lua"] = "require 'd'", ["scripts/d.lua"] = "require 'c'", ["scripts/shop.lua"] = "",
      ["scripts/e.lua"] = "require '../secret'", ["scripts/f.lua"] = "require(5)", ["scripts/g.lua"] = "require 'a..b'",
    }
    assert.same({
      "scripts/a.lua:1: module 'shopp' not found; did you mean 'shop'?",
      "scripts/b.lua:2: module 'nothing.like' not found; looked for scripts/nothing/like.lua, lib/nothing/like.lua",
      "scripts/d.lua:1: module 'c' is being loaded already: modules require each other in a circle",
      "scripts/e.lua:1: require: bad module name '../secret'; letters, digits, '_' and '-', folders separated by '.'",
      "scripts/f.lua:1: require: expected a name, found a number",
      "scripts/g.lua:1: require: bad module name 'a..b'; letters, digits, '_' and '-', folders separated by '.'",
    }, errors)
  end)

  it("asks for the comma that is missing, where one may be", function()
    assert.same({ "s.lua:3: '}' expected (to close '{' at line 1) near 'rate'; is a comma missing before it?" },
      (helper.load 'integration "i" {\n  url = "http://h.test"\n  rate = 5,\n}'))
    assert.same({ "s.lua:2: '}' expected (to close '{' at line 1) near <eof>" }, (helper.load 'integration "i" {\n  url = "x"'))
  end)

  it("takes the fields as a second argument too", function()
    helper.good [[integration("i", { url = "http://h.test" }) webhook("w", { integration = "i" }) webhook("v", copy "w")]]
  end)

  it("gives the words as a table, and cjson where there is one", function()
    helper.good [[
      local anzol = require "anzol"
      anzol.integration "i" { url = anzol.env("X", "http://h.test") }
      anzol.webhook "w" { integration = "i", body = { anzol.when("a = 1", anzol.json.null) } }
      local cjson = require "cjson"
      assert(cjson.decode(cjson.encode { 1 })[1] == 1 and not cjson.new and not cjson.decode_max_depth)
    ]]
  end)
end)

describe("a script", function()
  local HOLES = { "io", "debug", "package", "load", "loadstring", "loadfile", "dofile", "rawget", "rawset", "rawequal",
    "collectgarbage", "_G", "native", "os.execute", "os.getenv", "os.exit", "string.dump" }
  for _, name in ipairs(HOLES) do
    it("sees no " .. name, function()
      local owner = name:match "^(%w+)%."
      local errors = helper.load(owner and ("assert(%s == nil)"):format(name) or ("return %s"):format(name))
      if owner then
        assert.same({}, errors)
      else
        assert.matches("^s%.lua:1: undefined variable '" .. name .. "'", errors[1])
      end
    end)
  end

  it("cannot reach what the library uses", function()
    helper.good([[
      assert(getmetatable("") == "string")
      assert(getmetatable(secret "S") == "secret")
      assert(getmetatable(json.decode "[]") ~= nil and type(getmetatable(json.decode "[]")) ~= "table")
      local log_meta = getmetatable(log)
      assert(type(log_meta) ~= "table")
      assert(not pcall(setmetatable, secret "S", {}))
      assert(not pcall(setmetatable, {}, { __gc = print }))
      assert(not pcall(function() local s = secret "S" s.x = 1 end))
      string.format, string.find, table.concat, math.type, pairs, tostring = nil, nil, nil, nil, nil, nil
      function string.gsub() error "poisoned" end
      function string.shout(s) return s:upper() .. "!" end
      assert(("a"):shout() == "A!")
      integration "i" { url = "http://h.test/" }
      webhook "w" { integration = "i", url = "x?y=${ z }", body = { a = "b ${ c | trim }" } }
    ]], { secrets = { S = true } })
  end)

  it("has its words, safe standard functions and the clock", function()
    helper.good([[
      assert(now() == 1700000000 and #uuid() == 36 and env "X" == "x" and env("Y", "z") == "z" and env "Y" == nil)
      assert(json.encode { b = 1, a = { json.null } } == '{"a":[null],"b":1}' and json.encode(json.array {}) == "[]")
      assert(json.decode "[1]"[1] == 1 and json.is_array(json.decode "[]"))
      local v, why = json.decode "{"
      assert(v == nil and why:find "^line 1")
      assert(os.time() and os.date("%Y") and os.clock() and os.difftime(2, 1) == 1)
      assert(select("#", pcall(error, "x")) == 2 and utf8.len "ñ" == 1 and coroutine.wrap(function() return 1 end)() == 1)
      print("a", 1, nil)
      log("hi", { n = 1, s = secret "S", t = true })
      log.warn "careful"
      undeclared = 5
      assert(undeclared == 5)
    ]], { env = { X = "x" }, secrets = { S = true } })
  end)

  it("logs", function()
    local _, native = helper.good([[print("a", 1, nil) log("hi", { n = 1, s = secret "S" }) log.warn "careful"]],
      { secrets = { S = true } })
    assert.same({ { level = "info", message = "a\t1\tnil" }, { level = "info", message = "hi",
      fields = { n = 1, s = 'secret "S" (***)' } }, { level = "warn", message = "careful" } }, native.logged)
    local errors = helper.load('log("hi", secret "S")', { secrets = { S = true } })
    assert.same({ "s.lua:1: log: expected a table of fields, found a secret" }, errors)
  end)

  it("defines nothing and requires nothing when it is loaded", function()
    local boot, native = helper.good(OK .. [[
      local define, hide, load = webhook, secret, require
      local function try(f, ...) local _, message = pcall(f, ...) return message end
      webhook "w" { integration = "i", body = function()
        return { try(define, "x"), try(hide, "S"), try(load, "m"), try(when, "a", 1), try(function() return missing end) }
      end }]])
    assert.is_true(boot.call("w", ""))
    assert.same({
      "webhook() is for the top of a script; scripts are loaded already",
      "secret() is for the top of a script; scripts are loaded already",
      "require 'm': not among the modules that the scripts have loaded",
      "when() is for the top of a script; scripts are loaded already",
      "s.lua:5: undefined variable 'missing'",
    }, helper.json.decode(native.emitted[1].body))
  end)
end)
