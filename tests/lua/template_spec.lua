-- What templates mean: results, by the rules of the template language.

local helper = require "tests.lua.helper"
local null = helper.null

local DATA = {
  Order = { Id = 1042, Total = 59.9, Big = 9007199254740993, Note = null, Paid = true, Status = "New",
    Items = helper.json.array { { Sku = "a", Qty = 2, Price = 1.5 }, { Sku = "b", Qty = 1, Price = 0.1 } } },
  Customer = { Name = "Ana", Email = "Ana@Example.com", Empty = "", Blank = " \t" },
  list = helper.json.array { 1, 2, 3 }, none = helper.json.array {}, n = 7, minus = -1.005, zero = 0.0,
  name = "lower", Name = "upper",
}

local RESULTS = {
  text = {
    { "plain", "plain" },
    { "", "" },
    { "$ and @ and $x and @{* a comment *}.", "$ and @ and $x and ." },
    { "a${ Order.Id }b", "a1042b" },
    { "${Order.Id}${Order.Id}", "10421042" },
    { "${ order.id } ${ ORDER.ID }", "1042 1042" },
    { "${ name } ${ Name } ${ NAME }", function(s) return s:find "^lower upper " ~= nil end },
    { "${ Order.Items[0].Sku }${ Order.Items[1].Sku }${ list[2] }", "ab3" },
    { "${ Order.Total }", "59.9" },
    { "${ Order.Big }", "9007199254740993" },
    { "${ zero }", "0.0" },
    { "${ Order.Paid } ${ not Order.Paid }", "True False" },
    { "${ 'it' } ${ \"is\" } ${ 12 } ${ 1.5 }", "it is 12 1.5" },
    { "${ 1/3 }", "0.33" },
    { "${ 6*0.1 }", "0.6" },
    { "${ 85/5 }", "17" },
    { "${ 1.005*1 }", "1.01" },
    { "${ minus * 1 }", "-1.01" },
    { "${ -n }", "-7" },
    { "${ 2 + 3 * 4 - 6 / 2 }", "11" },
    { "${ (2 + 3) * 4 }", "20" },
    { "${ 10 - 3 - 2 }", "5" },
    { "${ - -2 }", "2" },
    { "${ Order.Big + 1 }", "9007199254740994" },
    { "${ 9223372036854775807 + 1 }", function(s) return s:find "^9.22" ~= nil end },
    { "${ 'a' & 'b' & 1 + 2 }", "ab3" },
    { "${ Customer.Name & ' ' & Order.Id }", "Ana 1042" },
    { "${ 'x' & 1/3 }", "x0.33" },
    { "${ 'x' & (1 = 1) }", "xTrue" },
    { "${ Customer.Name = 'ANA' } ${ Customer.Name != 'ana' }", "True False" },
    { "${ n = 7.00000001 } ${ n = 7.001 } ${ 0.1 + 0.2 = 0.3 }", "True False True" },
    { "${ n > 6 and n < 8 } ${ n >= 7 } ${ n <= 6 }", "True True False" },
    { "${ n < 7.00000001 } ${ n > 6.99999999 }", "False False" },
    { "${ 'a' < 'b' } ${ n = 'seven' }", "True False" },
    { "${ Order.Note = null } ${ Order.Nope = null } ${ null != Order.Id }", "True True True" },
    { "${ Nope.Deeper.Still = null }", "True" },
    { "${ 1 = 1 or Nope > 1 } ${ 1 = 2 and Nope > 1 }", "True False" },
    { "${ not 1 = 2 and 1 = 1 } ${ not (1 = 1 or 1 = 2) }", "True False" },
    { "${ true } ${ FALSE }", "True False" },
    { "@{ if Order.Paid }yes@{ else }no@{ end if }", "yes" },
    { "@{ if n = 1 }a@{ else if n = 7 }b@{ else }c@{ end if }", "b" },
    { "@{ if n = 1 }a@{ else if n = 2 }b@{ else }c@{ end if }", "c" },
    { "@{ IF n = 1 }a@{ END IF }.", "." },
    { "@{ for x in list }${ x }@{ if not loop.last }, @{ end if }@{ end for }", "1, 2, 3" },
    { "@{ for x in list }${ loop.index }${ loop.first }@{ end for }", "1True2False3False" },
    { "@{ for x in none }x@{ end for }.", "." },
    { "@{ for a in Order.Items }@{ for b in list }${ a.Sku }${ b }@{ end for }${ loop.index };@{ end for }",
      "a1a2a31;b1b2b32;" },
    { "@{ set t = 0 }@{ for i in Order.Items }@{ set t = t + i.Qty * i.Price }@{ end for }${ t }", "3.1" },
    { "@{ set a = 1 }@{ if true }@{ set a = 2 }@{ end if }${ a }", "2" },
    { "@{ if true }@{ set d = 'x' }@{ else }@{ set d = 'y' }@{ end if }${ d }", "x" },
    { "@{ for x in list }@{ set inner = x }@{ end for }${ inner | default('gone') }", "gone" },
    { "${ Order.Note | default('none') } ${ Order.Id | default('none') }", "none 1042" },
    { "${ default(Order.Note, toUpper('x')) }", "X" },
    { "${ default(Order.Id, toUpper(Order.Note)) }", "1042" },
    { "${ if(n > 5, 'big', 'small') } ${ if(n > 9, toUpper(Order.Note), 1/3) }", "big 0.33" },
    { "${ isEmpty(Order.Note) } ${ isEmpty(Customer.Empty) } ${ isEmpty(Customer.Blank) } ${ isEmpty(n) }",
      "True True True False" },
    { "${ isEmpty(none) } ${ isEmpty(list) }", "True False" },
    { "${ Customer.Email | toUpper } ${ toLower(Customer.Email) }", "ANA@EXAMPLE.COM ana@example.com" },
    { "${ '  x ' | trim }.${ ' a ' | trim | toUpper }", "x.A" },
    { "[${ trim('') }${ trim(' ') }${ trim(' a  b ') }${ trim(1) }]", "[a  b1]" },
    { "${ length('añb') } ${ length(list) } ${ count(Order.Items) }", "3 3 2" },
    { "${ json(list) } ${ Order.Items[0] | json } ${ json(Order.Note) }", '[1,2,3] {"Price":1.5,"Qty":2,"Sku":"a"} null' },
    { "${ 'a b&c' | urlEncode }", "a%20b%26c" },
    { "${ uuid() }", "11111111-1111-4111-8111-111111111111" },
    { "${ now() }", "2023-11-14T22:13:20.000Z" },
    { "@{\n  if n = 7\n}x@{end if}", "x" },
    { "@{ set total = Order.Total }${ total }", "59.9" },
    { "tail ${ n }", "tail 7" },
    { "\"quotes\" \\ and\nlines\0stay ${ n }", "\"quotes\" \\ and\nlines\0stay 7" },
  },
  json = {
    { '{"a": ${ Order.Id }, "b": ${ Customer.Name }}', '{"a": 1042, "b": "Ana"}' },
    { '{"a": "${ Order.Id }", "b": "x ${ Customer.Name }"}', '{"a": "1042", "b": "x Ana"}' },
    { '{"a": ${ Order.Note }, "b": ${ Order.Paid }, "c": "${ Order.Paid }"}', '{"a": null, "b": true, "c": "true"}' },
    { '{"a": ${ list }, "b": ${ Order.Items[1] }}', '{"a": [1,2,3], "b": {"Price":0.1,"Qty":1,"Sku":"b"}}' },
    { '{"a": ${ list | json }, "b": "${ none | json }"}', '{"a": [1,2,3], "b": "[]"}' },
    { '{"a": ${ 1/3 }, "b": ${ 2 * 3 }}', '{"a": 0.33, "b": 6}' },
    { '[@{ for x in list }${ x }@{ if not loop.last },@{ end if }@{ end for }]', "[1,2,3]" },
    { '{"a": @{ if n = 7 }"x"@{ else }null@{ end if }}', '{"a": "x"}' },
    { '{"a": "@{ if n = 7 }x@{ else }y@{ end if }"}', '{"a": "x"}' },
    { '{"a\\"b": "c\\\\${ n }"}', '{"a\\"b": "c\\\\7"}' },
    { '${ Order.Items }', '[{"Price":1.5,"Qty":2,"Sku":"a"},{"Price":0.1,"Qty":1,"Sku":"b"}]' },
    { '{${ Customer.Name }: 1}', '{"Ana": 1}' },
    { '{"a": ${ n }00}', '{"a": 700}' },
    { '${ "\\"x\\":1" | raw }', nil },
    { '{${ \'"x":1\' | raw }}', '{"x":1}' },
    { '{"a": "${ "x" & (1 = 1) }"}', '{"a": "xtrue"}' },
  },
}

describe("a template", function()
  for as, cases in pairs(RESULTS) do
    for _, case in ipairs(cases) do
      if case[2] then
        it("renders " .. as .. " " .. case[1], function()
          local result, message = helper.render(case[1], DATA, as)
          assert.is_nil(message)
          if type(case[2]) == "function" then
            assert.is_true(case[2](result), result)
          else
            assert.equal(case[2], result)
          end
        end)
      end
    end
  end

  it("renders many outputs and long texts", function()
    local parts, expected = {}, {}
    for i = 1, 500 do parts[i], expected[i] = "${ n }" .. ("x"):rep(i % 7), "7" .. ("x"):rep(i % 7) end
    assert.equal(table.concat(expected), (helper.render(table.concat(parts), DATA)))
  end)

  it("trims in time linear to the text", function()
    local blanks = (" "):rep(1000000)
    assert.equal("[x" .. blanks .. "y][]", (helper.render("[${ a | trim }][${ b | trim }]",
      { a = blanks .. "x" .. blanks .. "y" .. blanks, b = blanks })))
  end)

  it("renders from data without fields", function()
    assert.equal("x", (helper.render("${ a | default('x') }", {})))
  end)
end)
