-- `template` and `template_function` in scripts; methods of the data.

local helper = require "tests.lua.helper"

-- What a script makes of `expression`, told by its log.
local function value_of(expression, options)
  local errors, _, _, native = helper.load("log(tostring(" .. expression .. "))", options)
  if #errors > 0 then return nil, errors[1] end
  return native.logged[1].message
end

describe("template", function()
  local CASES = {
    { "template.render('${ a } and ${ b | toUpper }', { a = 1, b = 'x' })", "1 and X" },
    { "template.render('static', nil)", "static" },
    { "template.render('', {})", "" },
    { [[template.render('{"a": ${ a }}', { a = 'x"' }, 'json')]], [[{"a": "x\""}]] },
    { [[template.render('a=${ a }', { a = 'x y' }, { as = "form" })]], "a=x%20y" },
    { "template.compile('${ a }'):render { a = 2 }", "2" },
    { "template.render(template.compile('${ a }'), { a = 2 })", "2" },
    { "template.render('${ a.b[0] }', { a = { b = { 5 } } })", "5" },
    { "template.render('${ a | default(1) }', json.null)", "1" },
    { "template.compile('x')", "template" },
    { "getmetatable(template.compile('x'))", "template" },
    { "template.render('${ WebhookRequest.TransactionalId }', {}, nil, { TransactionalId = 'id' })", "id" },
    { "template.render('${ l.Take(2) | json }', { l = { 1, 2, 3, Take = function(l, n) return { l[1], n } end } })", "[1,2]" },
    { "template.render('${ o.NAME() }', { o = { Name = function() return 'n' end } })", "n" },
    { "template.render('${ o.Get() | default(1) }', { o = { Get = function() return json.null end } })", "1" },
    { "template.render('${ n.toUpper() }', { n = 'x' })", "X" },
    { "pcall(template.render, '${ a }', {}) or template.render('after', {})", "after" },
  }
  for _, case in ipairs(CASES) do
    it("gives " .. case[1], function()
      local result, message = value_of(case[1])
      assert.is_nil(message)
      assert.equal(case[2], result)
    end)
  end

  local MISTAKES = {
    { "template.compile('${ nope( }')", "s.lua:1: template: 1:10: expected a value, found '}'" },
    { "template.compile('${ foo() } ${ bar() }')", "s.lua:1: template: 1:4: unknown function 'foo'; 1:15: unknown function 'bar'" },
    { "template.compile('x', 'yaml')", "s.lua:1: template: expected as = text, json, form, url, header or xml, found 'yaml'" },
    { "template.compile('x', { at = 1 })", "s.lua:1: template: unknown option 'at'; there is: as" },
    { "template.compile('x', 5)", "s.lua:1: template: expected a table of options, found a number" },
    { "template.compile(5)", "s.lua:1: template: expected a text, found a number" },
    { "template.compile(secret 'S')", "s.lua:1: template: a secret cannot be in a text that scripts see" },
    { "template.render('x', 5)", "s.lua:1: template: expected a table of data, found a number" },
    { "template.render('${ a.b }', {})", "s.lua:1: 1:4: 'a.b' is null" },
    { "template.render('${ WebhookRequest.TransactionalId }', {})",
      "s.lua:1: template: it uses WebhookRequest.TransactionalId: give the body function's request behind the data" },
    { "template.render('${ l.Take(2) }', { l = {} })", "s.lua:1: 1:4: 'l.Take(2)': the data has no method 'Take'" },
    { "template.compile('${ l.Take(n) }')", "s.lua:1: template: 1:11: the arguments of a method are constants; 'n' is none" },
    { "template.compile('x').render(5)", "s.lua:1: template: expected a template, found a number" },
  }
  for _, case in ipairs(MISTAKES) do
    it("refuses " .. case[1], function()
      local result, message = value_of(case[1], { secrets = { S = true } })
      assert.is_nil(result)
      assert.equal(case[2], message)
    end)
  end

  it("cannot be changed", function()
    local _, message = value_of "(function() template.compile('x').render = 1 end)()"
    assert.equal("s.lua:1: a template cannot be changed", message)
  end)

  it("renders in a body function, with the request's id", function()
    local request = helper.sent([[local t = template.compile('{"id": ${ Id }, "key": "${ WebhookRequest.TransactionalId }"}', "json")
      ]] .. helper.webhook "body = function(data, request) return t:render(data, request) end", { Id = 7 })
    assert.equal('{"id": 7, "key": "00000000-0000-7000-8000-000000000001"}', request.body)
    assert.is_true(request.head.has_key)
  end)

  it("that fails inside another leaves that one as it was", function()
    local script = [[template_function("try", function() return pcall(template.render, "abc${ nope }", {}) end)
      ]] .. helper.webhook [[body = "x@{ if n = 1 }${ try() }@{ end if }y", headers = { ["Content-Type"] = "text/plain" }]]
    assert.equal("xFalsey", helper.sent(script, { n = 1 }).body)
  end)
end)

describe("template_function", function()
  local FUNCTIONS = [[
    template_function("double", function(n) return n * 2 end)
    template_function("greet", function(name, greeting) return (greeting or "Hello") .. ", " .. (name or "you") end)
    template_function("parts", function(s) local t = json.array {} for w in s:gmatch "%a+" do t[#t + 1] = w end return t end)
    template_function("nothing", function() return json.null end)
    template_function("fails", function() error "no luck" end)
    template_function("yields", function() coroutine.yield() end)
    template_function("spoil", function(o) o.a = "spoilt" return "" end)
  ]]

  local function body(text, data)
    local request, message = helper.sent(FUNCTIONS .. helper.webhook("body = [=[" .. text .. "]=]"), data)
    return request and request.body, message
  end

  it("adds one to the language, in any case", function()
    assert.equal("4 Hello, Ana Bye, Ana Hello, you", (body("${ double(n) } ${ greet('Ana') } ${ 'Ana' | GREET('Bye') } ${ greet(x) }",
      { n = 2, x = helper.null })))
    assert.equal("a.b.1", (body("@{ for p in parts('a b') }${ p }.@{ end for }${ nothing() | default(1) }", {})))
  end)

  it("is escaped as other values are", function()
    local request = helper.sent(FUNCTIONS .. helper.webhook [[body = { a = "${ greet('\"') }", b = "${ double(n) }" }]], { n = 2 })
    assert.equal([[{"a":"Hello, \"","b":4}]], request.body)
  end)

  it("fails with the script's line", function()
    local _, message = body("${ fails() }", {})
    assert.equal("s.lua:5: no luck", message)
  end)

  it("cannot yield", function()
    local _, message = body("${ yields() }", {})
    assert.matches("yield", message)
  end)

  it("may change the data without other webhooks seeing it", function()
    local script = FUNCTIONS .. [[integration "i" { url = "https://h.test/" }
      webhook "a" { integration = "i", on = "e", body = "${ spoil(o) }${ o.a }" }
      webhook "b" { integration = "i", on = "e", body = "${ o.a }" }]]
    local boot, native = helper.good(script)
    assert(boot.event '{"name":"e","data":{"o":{"a":"as it was"}}}')
    assert.equal("spoilt", native.emitted[1].body)
    assert.equal("as it was", native.emitted[2].body)
  end)

  it("is checked", function()
    local errors = helper.load [[
      template_function("a b", print)
      template_function(5, print)
      template_function("good", "x")
      template_function("TOUPPER", print)
      template_function("mine", print)
      template_function("Mine", print)]]
    assert.same({
      "s.lua:1: template_function: expected a name of letters, digits and '_', found 'a b'",
      "s.lua:2: template_function: expected a name of letters, digits and '_', found a number",
      "s.lua:3: template_function: 'good': expected a function, found a string",
      "s.lua:4: template_function: 'TOUPPER' is a function of the language already",
      "s.lua:6: template_function: 'Mine' is defined at s.lua:5 already",
    }, errors)
  end)

  it("is for the top of a script", function()
    local _, message = helper.sent(helper.webhook "body = function() template_function('x', print) end", {})
    assert.equal("s.lua:3: template_function() is for the top of a script; scripts are loaded already", message)
  end)
end)

describe("the transactional id", function()
  local USES = {
    [[url = "x?id=${ WebhookRequest.TransactionalId }"]],
    [[headers = { A = "${ webhookrequest.TRANSACTIONALID | toUpper }" }]],
    [[body = "@{ set a = WebhookRequest.TransactionalId }${ a }"]],
    [[body = "${ default(null, WebhookRequest.TransactionalId) }"]],
    [[body = "@{ if false }${ WebhookRequest.TransactionalId }@{ end if }"]],
    [[body = "${ 'a' & WebhookRequest.TransactionalId }"]],
    [[body = "${ if(true, md5(WebhookRequest.TransactionalId), 1) }"]],
    [[body = { a = { b = { "x ${ WebhookRequest.TransactionalId }" } } }]],
    [[body = { a = when("WebhookRequest.TransactionalId != null", 1) }]],
    [[body = { a = each("x in split(WebhookRequest.TransactionalId, '-')", "${ x }") }]],
    [[body = function(data, request) return request.TransactionalId end]],
  }
  for _, use in ipairs(USES) do
    it("is seen in " .. use, function()
      assert.is_true(helper.sent(helper.webhook(use), {}).head.has_key)
    end)
  end

  it("is not seen where it is not", function()
    assert.is_false(helper.sent(helper.webhook [[body = "${ TransactionalId | default('x') }"]], {}).head.has_key)
  end)
end)
