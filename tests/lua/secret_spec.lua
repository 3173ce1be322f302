-- Secrets: slots in URLs, headers and bodies, "***" everywhere else.

local helper = require "tests.lua.helper"

local OPTIONS = { secrets = { S = true, T = true } }

local function sent(fields, data)
  return (assert(helper.sent(helper.webhook(fields), data or { n = 7 }, OPTIONS)))
end

-- Pieces with neighbouring strings joined.
local function joined(pieces)
  local out = {}
  for _, piece in ipairs(pieces) do
    if type(piece) == "string" and type(out[#out]) == "string" then
      out[#out] = out[#out] .. piece
    else
      out[#out + 1] = piece
    end
  end
  return out
end

local function slot(name, encoding)
  return { secret = name, encoding = encoding }
end

describe("a secret", function()
  it("is a slot in a header, alone and between texts", function()
    local headers = sent('headers = { A = secret "S", B = "Bearer " .. secret "T", C = "${ n }-" .. secret "S" .. "-x" }').headers
    assert.same({ slot("S", "header") }, headers[2])
    assert.same({ "Bearer ", slot("T", "header") }, headers[4])
    assert.same({ "7-", slot("S", "header"), "-x" }, headers[6])
  end)

  it("nests with others and with templates around", function()
    local value = 'local both = secret "S" .. ":" .. secret "T"\n'
    local script = value .. helper.webhook('headers = { A = "@{ if n = 7 }<" .. both .. ">@{ end if }" }')
    local request = helper.sent(script, { n = 7 }, OPTIONS)
    assert.same({ "<", slot("S", "header"), ":", slot("T", "header"), ">" }, request.headers[2])
    assert.same({}, helper.sent(script, { n = 8 }, OPTIONS).headers[2])
  end)

  it("is percent-encoded in a URL, raw where it begins one", function()
    assert.same({ "https://h.test/x?k=", slot("S", "url"), "&n=7" }, sent('url = "x?k=" .. secret "S" .. "&n=${ n }"').url)
    local request = helper.sent([[integration "i" { url = secret "S" } webhook "w" { integration = "i", url = "x" }]], nil, OPTIONS)
    assert.same({ slot("S", "raw"), "/x" }, request.url)
  end)

  it("is escaped in a table body", function()
    assert.same({ '{"a":"', slot("S", "json"), '","b":"x ', slot("T", "json"), '","n":7}' },
      sent('body = { a = secret "S", b = "x " .. secret "T", n = "${ n }" }').body)
    assert.same({ '{"l":["', slot("S", "json"), '"]}' },
      joined(sent('body = { l = each("x in list", secret "S") }', { list = helper.json.array { 1 } }).body))
    assert.same({ '{"a":"', slot("S", "json"), '"}' },
      joined(sent('body = { a = when("n = 7", secret "S"), b = when("n = 8", secret "T") }').body))
  end)

  it("signs what a template gives, in its place", function()
    local function mac(encoding, form, message) return { secret = "S", encoding = encoding, hmac = form, message = message } end
    local headers = sent([[headers = { A = "sha256=${ hmacSha256(n & '.x', secret('S')) }", B = "${ hmacSha256(n, secret('S'), 'base64') }",
      C = "${ hmacsha256(WebhookRequest.TransactionalId, SECRET('S'), 'hex') };" }]]).headers
    assert.same({ "sha256=", mac("header", "HEX", "7.x") }, headers[2])
    assert.same({ mac("header", "base64", "7") }, headers[4])
    assert.same({ mac("header", "hex", "00000000-0000-7000-8000-000000000001"), ";" }, headers[6])
    assert.same({ '{"l":["', mac("json", "HEX", "1"), '","', mac("json", "HEX", "2"), '"],"s":"x ', mac("json", "HEX", "7"), '"}' },
      joined(sent([[body = { l = each("v in list", "${ hmacSha256(v, secret('S')) }"), s = "x ${ hmacSha256(n, secret('S')) }" }]],
        { n = 7, list = helper.json.array { 1, 2 } }).body))
    assert.same({ "https://h.test/?s=", mac("url", "base64", "7") },
      joined(sent([[url = "?s=${ hmacSha256(n, secret('S'), 'base64') }"]]).url))
  end)

  it("that signs is checked", function()
    local cases = {
      ["hmacSha256(n, secret('NOPE'))"] = "secret 'NOPE' is not set, or empty; put NOPE=… into the environment",
      ["hmacSha256(n, secret(n))"] = 'expected secret("NAME")',
      ["hmacSha256(n, secret('S'), 'x')"] = "expected 'HEX', 'hex' or 'base64', found 'x'",
      ["md5(secret('S'))"] = 'secret() can only be the key of hmacSha256, as in ${ hmacSha256(text, secret("NAME")) }',
    }
    for text, message in pairs(cases) do
      local errors = helper.load(helper.webhook('url = "${ ' .. text .. ' }"'), OPTIONS)
      assert.equal(1, #errors)
      assert.equal(message, (errors[1]:gsub("^s%.lua:%d+:%d+: ", "")))
    end
  end)

  it("is escaped in a string body by its place", function()
    assert.same({ '{"a":"', slot("S", "json"), '","b":"', slot("T", "json"), '"}' },
      sent([[headers = { ["Content-Type"] = "application/json" }, body = '{"a":"' .. secret "S" .. '","b":' .. secret "T" .. '}']]).body)
    assert.same({ "a=", slot("S", "url"), "&b=7" },
      sent([[headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }, body = "a=" .. secret "S" .. "&b=${ n }"]]).body)
    assert.same({ "<a>", slot("S", "xml"), "</a>" },
      sent([[headers = { ["Content-Type"] = "text/xml" }, body = "<a>" .. secret "S" .. "</a>"]]).body)
    assert.same({ "x", slot("S", "raw") }, sent('body = "x" .. secret "S"').body)
  end)

  it("is a slot in what a function returns", function()
    local boot, native = helper.good('local s = secret "S"\n' .. helper.webhook(
      "body = function(data) if data.t then return 'x' .. s end return { a = s, b = { 'y' .. s .. 'z', 1 }, c = data } end"),
      OPTIONS)
    assert.is_true(boot.call("w", '{"d":[]}'))
    assert.same({ '{"a":"', slot("S", "json"), '","b":["y', slot("S", "json"), 'z",1],"c":{"d":[]}}' }, native.emitted[1].body)
    assert.is_true(boot.call("w", '{"t":1}'))
    assert.same({ "x", slot("S", "raw") }, native.emitted[2].body)
  end)

  it("shows as ***", function()
    helper.good([[
      assert(tostring(secret "S") == 'secret "S" (***)')
      assert(tostring("a" .. secret "S" .. 5) == "a***5")
      assert(("%s"):format(secret "S") == 'secret "S" (***)')
      assert(not pcall(json.encode, { secret "S" }))
      assert(not pcall(function() return #secret "S" end))
      local ok, message = pcall(function() return secret "S" .. {} end)
      assert(not ok and message:find "s.lua:6: a secret can be joined with strings only, found table", message)
      for key, value in pairs(secret "S") do assert(type(value) == "function", key) end
    ]], OPTIONS)
    local boot = helper.good(helper.webhook('headers = { A = "Bearer " .. secret "S" }, url = "?k=" .. secret "S", '
      .. 'body = { a = secret "S" }'), OPTIONS)
    local preview = helper.json.decode(boot.preview("w", ""))
    assert.equal("https://h.test/?k=***", preview.url)
    assert.equal("Bearer ***", preview.headers[1].value)
    assert.equal('{"a":"***"}', preview.body)
    assert.is_nil(boot.list("webhooks"):find "%[\"secret\"")
    assert.equal("https://h.test/?k=***", helper.json.decode(boot.list "webhooks").webhooks[1].url)
  end)

  it("that is missing or misused is told at its place", function()
    assert.same({
      "s.lua:1: secret 'NOPE' is not set, or empty; put NOPE=… into the environment",
      "s.lua:2: secret: expected a name, as in secret \"TOKEN\"; found a number",
      "s.lua:3: secret: bad name 'a-b'; letters, digits and '_'",
    }, (helper.load 'local a = secret "NOPE"\nlocal b = secret(5)\nlocal c = secret "a-b"'))
  end)

  it("is not to be had with env", function()
    local options = { secrets = { S = true, T = true }, env = { S = "value", T = "value" } }
    assert.same({ "s.lua:1: env: 'S' is a secret; write secret \"S\"" }, (helper.load('secret "S" env "S"', options)))
    assert.same({ "s.lua:2: secret 'T': it was read with env, which shows it; use secret in both places" },
      (helper.load('env "T"\nsecret "T"', options)))
    local boot = helper.good(helper.webhook('headers = { A = secret "S" }, body = function() return env "S" end'), options)
    assert.same({ nil, 422, "s.lua:2: webhook 'w': env: 'S' is a secret; write secret \"S\"" }, { boot.preview("w", "{}") })
  end)
end)
