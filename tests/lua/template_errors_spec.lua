-- What is wrong with a template, with line and column: while it compiles and while it renders.

local helper = require "tests.lua.helper"

local DATA = { n = 7, s = "text", Order = { Note = helper.null, Items = helper.json.array { 1 } }, flag = "yes" }

local MISTAKES = {
  text = {
    { "a ${ x", "1:3: '${' is never closed" },
    { "a\nb @{ if x", "2:3: '@{' is never closed" },
    { "${ 'x }", "1:4: this string is never closed" },
    { "@{* x } *}", "1:1: this comment is not closed with *}" },
    { "${ }", "1:4: expected a value, found '}'" },
    { "${ a b }", "1:6: unexpected 'b'" },
    { "${ a + }", "1:8: expected a value, found '}'" },
    { "${ (a }", "1:7: expected ')', found '}'" },
    { "${ a. }", "1:7: expected the name of a field, found '}'" },
    { "${ a[b] }", "1:6: expected a whole number as the index, found 'b'" },
    { "${ a == 1 }", "1:6: unexpected '=='; equality is written =" },
    { "${ a % 1 }", "1:6: unexpected '%'" },
    { "${ ñ }", "1:4: unexpected 'ñ'" },
    { "é${ a ! }", "1:7: unexpected '!'" },
    { "${ a | }", "1:8: expected the name of a filter, found '}'" },
    { "${ toUper(s) }", "1:4: unknown function 'toUper'; did you mean 'toUpper'?" },
    { "${ s | tolwer }", "1:8: unknown function 'tolwer'; did you mean 'toLower'?" },
    { "${ frobnicate(s) }", "1:4: unknown function 'frobnicate'" },
    { "${ list.Take(4) }", "1:9: unknown method 'Take'" },
    { "${ toUpper() }", "1:4: 'toUpper' takes 1 argument, found 0" },
    { "${ s | default }", "1:8: 'default' takes 2 arguments, found 1" },
    { "${ now(1) }", "1:4: 'now' takes no arguments, found 1" },
    { "${ toUpper(s | x) }", "1:14: expected ')', found '|'" },
    { "${ toUpper(raw(s)) }", "1:12: 'raw' can only be the last filter of an output" },
    { "${ 'a' + 1 }", "1:4: arithmetic needs numbers; 'a' is a string" },
    { "${ 1 * (2 = 3) }", "1:9: arithmetic needs numbers; 2 = 3 is a boolean" },
    { "@{ if 1 }x@{ end if }", "1:7: expected a condition; 1 is a number" },
    { "${ not 'x' }", "1:8: expected a condition; 'x' is a string" },
    { "@{ if a }x", "1:1: this 'if' has no 'end if'" },
    { "@{ for a in b }x", "1:1: this 'for' has no 'end for'" },
    { "x@{ end if }", "1:2: 'end if' without 'if'" },
    { "x@{ else }", "1:2: 'else' without 'if'" },
    { "@{ end for }", "1:1: 'end for' without 'for'" },
    { "@{ if a = 1 }@{ end for }", "1:14: 'end for' inside an 'if' that is not closed" },
    { "@{ for a in b }@{ end if }", "1:16: 'end if' inside a 'for' that is not closed" },
    { "@{ if a = 1 }@{ else }@{ else if b = 2 }@{ end if }", "1:23: 'else if' after 'else'" },
    { "@{ endif }", "1:4: write 'endif' in two words" },
    { "@{ end }", "1:4: write 'end if' or 'end for'" },
    { "@{ while x }", "1:4: expected if, else, end, for or set" },
    { "@{ for x }@{ end for }", "1:10: expected 'in': for x in list" },
    { "@{ for 1 in x }@{ end for }", "1:8: expected the name of a variable, found '1'" },
    { "@{ set x 1 }", "1:10: expected '=': set x = value" },
    { "@{ set loop = 1 }", "1:1: 'loop' cannot be a variable" },
    { "@{ for x in Order.Items }@{ end for }${ x }",
      "1:41: 'x' is the variable of a loop; it means nothing outside" },
    { "@{ for x in Order.Items }${ loop.count }@{ end for }", "1:29: expected loop.index, loop.first or loop.last" },
    { "${ WebhookRequest.Id }", "1:4: unknown field 'Id' of WebhookRequest; it has: TransactionalId" },
    { "${ " .. ("("):rep(100) .. "1 }", "1:64: this expression is nested too deeply" },
    { "${ foo(1) } ${ bar(2) }\n${ baz(3) }",
      "1:4: unknown function 'foo'\n1:16: unknown function 'bar'\n2:4: unknown function 'baz'" },
    { "${ a b } ${ ! } ${ foo() }\n@{ if }${ x. }@{ end if y }@{ set 1 }${ 'x",
      "1:6: unexpected 'b'\n1:13: unexpected '!'\n1:20: unknown function 'foo'\n2:7: expected a value, found '}'\n"
        .. "2:14: expected the name of a field, found '}'\n2:25: unexpected 'y'\n"
        .. "2:35: expected the name of a variable, found '1'\n2:41: this string is never closed" },
    { "@{ for x in l }${ foo() }@{ if a }", "1:19: unknown function 'foo'\n1:26: this 'if' has no 'end if'" },
    { "@{ end if }${ foo() }", "1:1: 'end if' without 'if'\n1:15: unknown function 'foo'" },
    { "${ a }@{ set a = 1 }", "1:4: 'a' is used before it is set" },
    { "@{ for x in Order.Items }${ A }@{ set a = x }@{ end for }", "1:29: 'A' is used before it is set" },
    { "${ 1 < 'a' } ${ null > 2 }", "1:4: '1 < 'a'' compares a number with a string\n"
      .. "1:17: 'null > 2' compares a null with a number" },
    { "@{ for x in 5 }@{ end for }", "1:13: expected a list; 5 is a number" },
    { "${ n.x.y() }", "1:8: unknown method 'y'" },
    { ("@{ for x in l }"):rep(40) .. ("@{ end for }"):rep(40),
      "1:1: this template is too large or nested too deeply: too many local variables" },
    { "${ 1" .. ("0"):rep(400) .. " }", "1:4: this number is too large" },
    { "${ 'a' ' }' }", "1:8: unexpected \" }\"" },
    { "${ -'a' }", "1:5: arithmetic needs numbers; 'a' is a string" },
    { "${ 'a' & (1 }", "1:13: expected ')', found '}'" },
  },
  json = {
    { '{"a": ${ n }', "1:1: this can never be JSON: the '{' is not closed" },
    { '{"a": "${ n }}', "1:7: this can never be JSON: the string is not closed" },
    { '{"a": [1}', "1:9: this can never be JSON: expected ',' or ']', found '}'" },
    { '{"a": ${ n } "b": 1}', "1:14: this can never be JSON: expected ',' or '}', found a string" },
    { '{"a": ${ n }${ n }}', "1:13: this can never be JSON: expected ',' or '}', found a value" },
    { "Hello ${ n }", "1:1: this can never be JSON: expected a value, found 'Hello'" },
    { '{"a": "\\${ n }"}', "1:9: a value cannot follow a backslash" },
    { '{"a": @{ if n = 7 }"x@{ else }"y"@{ end if }}',
      "1:7: the branches of this 'if' end in different places: one inside a JSON string, one outside" },
    { '{"a": "@{ for x in l }"@{ end for }}',
      "1:8: the body of this 'for' ends outside a JSON string, but begins inside one" },
    { '[@{ for x in l }${ x },@{ end for }]', "1:36: this is no JSON when the loops run: expected a value, found ']'" },
    { '{"a": 1,}', "1:9: this can never be JSON: expected a name in quotes, found '}'" },
    { '{"a" 1}', "1:6: this can never be JSON: expected ':', found '1'" },
    { "{a: 1}", "1:2: this can never be JSON: expected a name in quotes or '}', found 'a'" },
    { "{'a': 1}", "1:2: this can never be JSON: expected a name in quotes or '}', found '''" },
    { "[1 2]", "1:4: this can never be JSON: expected ',' or ']', found '2'" },
    { "[01]", "1:2: this can never be JSON: expected a value or ']', found '01'" },
    { "[nul]", "1:2: this can never be JSON: expected a value or ']', found 'nul'" },
    { "[1,,2]", "1:4: this can never be JSON: expected a value, found ','" },
    { "{} {}", "1:4: this can never be JSON: expected the end, found '{'" },
    { "  ", "1:3: this can never be JSON: expected a value, found the end" },
    { '{"a": ', "1:7: this can never be JSON: expected a value, found the end" },
    { '{"a": [${ n }', "1:7: this can never be JSON: the '[' is not closed" },
    { '{@{ if n = 1 }"a": 1@{ else }"b" 2@{ end if }, "c" }', "1:52: this can never be JSON: expected ':', found '}'" },
    { "@{ if n = 1 }{@{ else }[@{ end if } 1 ]]", "1:40: this can never be JSON: expected the end, found ']'" },
    { '{"a": "b\nc"}', "1:9: this can never be JSON: a string holds no line break or control character as it is; write \\n or \\u…" },
    { '{"a": "\\x"}', "1:8: this can never be JSON: '\\x' is no escape" },
    { '{"a": "\\u12g4"}', "1:8: this can never be JSON: '\\u' is no escape" },
    { '{"a": "\xff"}', "1:1: this can never be JSON: it is not valid UTF-8" },
    { '{"a": ${ n }, ${ foo() } }', "1:18: unknown function 'foo'\n1:26: this can never be JSON: expected ':', found '}'" },
    { '[@{ for x in l }${ x },@{ end for }]}', "1:37: this can never be JSON: expected the end, found '}'" },
  },
}

local FAILURES = {
  text = {
    { "x ${ Order.Note }", "1:6: 'Order.Note' is null" },
    { "x\n  ${ Order . Nope }", "2:6: 'Order . Nope' is null" },
    { "${ Nope.Deep }", "1:4: 'Nope.Deep' is null" },
    { "${ Order.Note + 1 }", "1:4: 'Order.Note' is null" },
    { "${ s * 2 }", "1:4: 's' is a string, not a number" },
    { "${ 'a' & Order.Note }", "1:10: 'Order.Note' is null" },
    { "${ toUpper(Order.Note) }", "1:12: 'Order.Note' is null" },
    { "${ Order.Note | trim }", "1:4: 'Order.Note' is null" },
    { "${ Order }", "1:4: 'Order' is an object, which has no text; write json(Order)" },
    { "${ Order.Items }", "1:4: 'Order.Items' is a list, which has no text; write json(Order.Items)" },
    { "@{ if flag }x@{ end if }", "1:7: 'flag' is a string, not a boolean" },
    { "@{ if Nope }x@{ end if }", "1:7: 'Nope' is null" },
    { "@{ for x in Nope }x@{ end for }", "1:13: 'Nope' is null" },
    { "@{ for x in n }x@{ end for }", "1:13: 'n' is a number, not a list" },
    { "@{ for x in Order }x@{ end for }", "1:13: 'Order' is an object, not a list" },
    { "${ n / 0 }", "1:4: 'n / 0' divides by zero" },
    { "${ n < s }", "1:4: 'n < s' compares a number with a string" },
    { "${ n > Order.Note }", "1:4: 'n > Order.Note' is null" },
    { "${ count(s) }", "1:10: 's' is a string, not a list" },
  },
  json = {
    { '"${ Order.Note }"', "1:5: 'Order.Note' is null" },
    { "${ '\xff' }", "1:4: '\xff' is not valid UTF-8" },
    { "\"${ '\xff' }\"", "1:5: '\xff' is not valid UTF-8" },
  },
}

local function check(cases, what)
  for as, list in pairs(cases) do
    for _, case in ipairs(list) do
      it(what .. " " .. as .. " " .. case[1], function()
        local result, message = helper.render(case[1], DATA, as)
        assert.is_nil(result)
        assert.equal(case[2], message)
      end)
    end
  end
end

-- Templates whose JSON depends on the data: they compile.
local JSON = {
  "[@{ for x in l }${ x }@{ if not loop.last }, @{ end if }@{ end for }]",
  '{"a": 1@{ if n = 7 }, "b": 2@{ end if }}',
  '{@{ for x in l }"k${ x }": ${ x }@{ if loop.last }@{ else },@{ end if }@{ end for }}',
  '{"a": ${ n }00, "b": -${ n }, "c": 1${ n }, "d": ${ n }e2}',
  '@{ if n = 7 }{"a": 1}@{ else }[1, 2]@{ end if }',
  '@{ if n = 7 }{"a": @{ else }[@{ end if } 1 @{ if n = 7 }}@{ else }]@{ end if }',
  '@{ set a = 1 }{"a": [@{* nothing *}], "b": {}, "c": [[], {}, true, false, null, -1.5e-3, 0]}',
  '{"a\\"b\\u00e9\\/": "${ s }\\n"}',
  '{${ s }: 1, "b@{ if n = 7 }c@{ end if }": "x"}',
  "[${ '1,2' | raw }]",
  "[@{ for x in l }@{ for y in l }${ y },@{ end for }@{ end for } 1]",
  "${ n }",
}

describe("a JSON template", function()
  for _, text in ipairs(JSON) do
    it("may be JSON: " .. text, function()
      local _, message = helper.render(text, { n = 7, s = "x", l = helper.json.array { 1, 2 } }, "json")
      assert.is_nil(message)
    end)
  end
end)

describe("a JSON template of many ways", function()
  -- Following them all would take minutes.
  local CASES = {
    { "[" .. ("@{ for x in l }"):rep(22) .. ("@{ end for }"):rep(22) .. "1]", "[1]" },
    { "[" .. ("@{ for x in l }"):rep(22) .. "1," .. ("@{ end for }"):rep(22) .. "1]", "[1]" },
    { ('@{ if s = "" }[@{ else }[[@{ end if }'):rep(20) .. "1" .. ("]"):rep(40), ("["):rep(40) .. "1" .. ("]"):rep(40) },
  }
  for _, case in ipairs(CASES) do
    it("compiles: " .. case[1]:sub(1, 40), function()
      assert.equal(case[2], (helper.render(case[1], { l = helper.json.array {}, s = "x" }, "json")))
    end)
  end
end)

describe("a template's mistakes:", function()
  check(MISTAKES, "compiling")
  check(FAILURES, "rendering")

  it("are told of a kind that does not exist", function()
    local boot = helper.boot()
    assert.same({ nil, 400, "expected text, json, form, url, header or xml, found 'yaml'", n = 3 },
      table.pack(boot.template("x", "yaml", "{}")))
  end)

  it("are told of bad data", function()
    local boot = helper.boot()
    local _, code, message = boot.template("x", "text", '{"a":}')
    assert.equal(400, code)
    assert.equal("line 1, column 6: unexpected token near '}'", message)
    _, code, message = boot.template("x", "text", "[1]")
    assert.equal(400, code)
    assert.equal("expected an object as the data, found a list", message)
  end)
end)
