-- Table bodies: one JSON template, keys sorted, types kept, each() and when().

local helper = require "tests.lua.helper"

local DATA = { n = 7, f = 1.5, s = 'q"x', t = true, none = helper.null, o = { b = 1, a = helper.json.array {} },
  list = helper.json.array { { k = "a", q = 1 }, { k = "b", q = 2 }, { k = "c", q = 3 } }, empty = helper.json.array {} }

local BODIES = {
  { "{}", "{}" },
  { "json.array {}", "[]" },
  { "{ {}, json.array {}, { {} } }", "[{},[],[{}]]" },
  { "{ b = 1, a = 2.5, c = true, d = false, e = json.null, f = 'x' }", '{"a":2.5,"b":1,"c":true,"d":false,"e":null,"f":"x"}' },
  { "{ 1, 'x', json.null, true }", '[1,"x",null,true]' },
  { "{ big = 9007199254740993, ['a\"b'] = 'c\\n' }", '{"a\\"b":"c\\n","big":9007199254740993}' },
  { "{ n = '${ n }', f = '${ f }', s = '${ s }', t = '${ t }', z = '${ none }', o = '${ o }' }",
    '{"f":1.5,"n":7,"o":{"a":[],"b":1},"s":"q\\"x","t":true,"z":null}' },
  { "{ a = ' ${ n }', b = '${ n }${ s }', c = '${ t }!' }", '{"a":" 7","b":"7q\\"x","c":"true!"}' },
  { "{ a = '${ 1/3 }', b = '${ n & s }', c = '${ n = 7 }' }", '{"a":0.33,"b":"7q\\"x","c":true}' },
  { "{ a = '@{ if t }\"${ n }\"@{ else }\\n@{ end if }' }", '{"a":"\\"7\\""}' },
  { "{ a = '@{ for x in list }${ x.k }@{ end for }' }", '{"a":"abc"}' },
  { "{ a = { b = { c = { '${ n }' } } } }", '{"a":{"b":{"c":[7]}}}' },
  { "each('x in list', { k = '${ x.k }', i = '${ loop.index }' })", '[{"i":1,"k":"a"},{"i":2,"k":"b"},{"i":3,"k":"c"}]' },
  { "{ a = each('x in empty', 1), b = each('x in list', '${ x.q }'), c = each('x in list', 'k ${ x.k }') }",
    '{"a":[],"b":[1,2,3],"c":["k a","k b","k c"]}' },
  { "each('x in list', each('y in list', '${ x.k & y.k }'))",
    '[["aa","ab","ac"],["ba","bb","bc"],["ca","cb","cc"]]' },
  { "each('x in list', when('x.q > 1', '${ x.k }'))", '["b","c"]' },
  { "each('x in list', when('x.q > 5', '${ x.k }'))", "[]" },
  { "each('x in list', when('x.q = 2', '${ x.k }', json.null))", '[null,"b",null]' },
  { "each('x in list', { k = when('x.q = 2', '${ x.k }') })", '[{},{"k":"b"},{}]' },
  { "{ a = when('n = 7', 1), b = 2 }", '{"a":1,"b":2}' },
  { "{ a = when('n = 8', 1), b = 2 }", '{"b":2}' },
  { "{ a = 1, b = when('n = 8', 1), c = 2 }", '{"a":1,"c":2}' },
  { "{ a = 1, b = when('n = 7', 1) }", '{"a":1,"b":1}' },
  { "{ a = when('n = 8', 1), b = when('n = 7', 2), c = when('n = 7', 3) }", '{"b":2,"c":3}' },
  { "{ a = when('n = 8', 1), b = when('n = 8', 2) }", "{}" },
  { "{ a = when('n = 8', 1), b = { c = when('n = 7', 2) } }", '{"b":{"c":2}}' },
  { "{ a = when('n = 8', 1, 2), b = when('n = 7', 1, 2), c = when('n = 8', 1, false) }", '{"a":2,"b":1,"c":false}' },
  { "{ a = when('n = 7', when('t', 1, 2), 3) }", '{"a":1}' },
  { "{ when('n = 8', 1), 2, when('n = 7', 3) }", "[2,3]" },
  { "{ when('n = 8', 1), when('n = 7', 2), when('n = 7', 3) }", "[2,3]" },
  { "{ when('none != null', '${ none }') }", "[]" },
  { "when('n = 7', { a = 1 }, { b = 2 })", '{"a":1}' },
  { "{ a = when('n = 7', each('x in list', '${ x.q }')) }", '{"a":[1,2,3]}' },
  { "{ ['$'] = 'costs $5 @home' }", '{"$":"costs $5 @home"}' },
}

local MISTAKES = {
  { "{ a = '${ x' }", "s.lua:3:15: '${' is never closed" },
  { "{ a = each('x of y', 1) }", "s.lua:3:22: expected 'in': for x in list" },
  { "{ a = each('x in ', 1) }", "s.lua:3:25: expected a value, found the end" },
  { "{ a = each(5, 1) }", "s.lua:3: each: expected \"name in list\", found a number" },
  { "{ a = each('x in y') }", "s.lua:3: each: expected a second argument, what each element becomes" },
  { "{ a = each('loop in y', 1) }", "s.lua:3:20: 'loop' cannot be a variable" },
  { "{ a = each('x in y', 1), b = '${ x }' }", "s.lua:3:41: 'x' is the variable of a loop; it means nothing outside" },
  { "{ a = when('n = ', 1) }", "s.lua:3:24: expected a value, found the end" },
  { "{ a = when('n = 7') }", "s.lua:3: when: expected a second argument, the value" },
  { "{ a = when(n, 1) }", "s.lua:3: undefined variable 'n'" },
  { "{ a = when('n', 1, when('m', 2)) }",
    "s.lua:3: webhook 'w': body.a: when() without a third argument is for a field or a member of a list, which it leaves out" },
  { "{ a = function() end }", "s.lua:3: webhook 'w': body.a: a body cannot hold a function" },
  { "(function() local t = {} t.t = t return t end)()", false },
}

describe("a table body", function()
  for _, case in ipairs(BODIES) do
    it("of " .. case[1], function()
      local request, message = helper.sent(helper.webhook("body = " .. case[1]), DATA)
      assert.is_nil(message)
      assert.equal(case[2], request.body)
      assert.same(helper.json.decode(case[2]), helper.json.decode(request.body))
    end)
  end

  for _, case in ipairs(MISTAKES) do
    it("has no " .. case[1], function()
      local errors = helper.load(helper.webhook("body = " .. case[1]))
      if case[2] then
        assert.equal(case[2], errors[1])
      else
        assert.matches("nested too deeply, or holds itself", errors[1])
      end
      assert.equal(1, #errors)
    end)
  end

  it("fails with the place of what cannot be had", function()
    local _, message, code = helper.sent(helper.webhook("body = {\n  a = each('x in list', {\n    k = 'no ${ x.nope }' }) }"), DATA)
    assert.equal("s.lua:5:16: 'x.nope' is null", message)
    assert.equal(422, code)
    _, message = helper.sent(helper.webhook("body = {\n  a = each('x in nope', 1) }"), DATA)
    assert.equal("s.lua:4:18: 'nope' is null", message)
  end)

  it("that others have too fails at its own place", function()
    local body = "body = { a = 'x', b = { n = '${ n }', t = '${ s | toUpper }', c = 'and ${ o.c }' } }"
    local boot, native = helper.good('integration "i" { url = "https://h.test/" }\n'
      .. 'webhook "one" { integration = "i", ' .. body .. ' }\nwebhook "two" { integration = "i", url = "x",\n ' .. body .. ' }')
    for _, name in ipairs { "one", "two" } do
      assert.is_true(boot.call(name, helper.json.encode { n = 7, s = "q", o = { c = "d" } }))
    end
    assert.equal('{"a":"x","b":{"c":"and d","n":7,"t":"Q"}}', native.emitted[1].body)
    assert.equal(native.emitted[1].body, native.emitted[2].body)
    for name, place in pairs { one = "s.lua:2:", two = "s.lua:4:" } do
      local _, _, message = boot.call(name, '{"n":1,"s":"q"}')
      assert.equal(place, message:match "^s%.lua:%d+:")
      assert.matches("'o%.c' is null$", message)
      _, _, message = boot.call(name, '{"n":1,"s":[]}')
      assert.equal(place, message:match "^s%.lua:%d+:")
      assert.matches("^s%.lua:%d+:%d+: 's' is", message)
    end
  end)

  it("of many fields is one template", function()
    local fields, expected = {}, {}
    for i = 1, 400 do
      fields[i] = ("k%03d = 'v ${ n }'"):format(i)
      expected[i] = ('"k%03d":"v 7"'):format(i)
    end
    local request = helper.sent(helper.webhook("body = { " .. table.concat(fields, ", ") .. " }"), DATA)
    assert.equal("{" .. table.concat(expected, ",") .. "}", request.body)
  end)
end)
