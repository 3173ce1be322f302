-- Joining an integration's URL with a webhook's, and what is no URL.

local helper = require "tests.lua.helper"

local SEAMS = { -- root, suffix, URL
  { "https://h.test", nil, "https://h.test" },
  { "https://h.test/", nil, "https://h.test/" },
  { "https://h.test", "orders", "https://h.test/orders" },
  { "https://h.test/", "orders", "https://h.test/orders" },
  { "https://h.test/", "/orders", "https://h.test/orders" },
  { "https://h.test", "/orders", "https://h.test/orders" },
  { "https://h.test//", "//orders", "https://h.test/orders" },
  { "https://h.test/v3", "orders/", "https://h.test/v3/orders/" },
  { "https://h.test/v3/", "orders/paid?x=1", "https://h.test/v3/orders/paid?x=1" },
  { "https://h.test/v3/", "", "https://h.test/v3/" },
  { "https://h.test/p", "?x=1", "https://h.test/p?x=1" },
  { "https://h.test/p/", "?x=1", "https://h.test/p/?x=1" },
  { "https://h.test/p", "&x=1", "https://h.test/p?x=1" },
  { "https://h.test/p?a=1", "?x=1", "https://h.test/p?a=1&x=1" },
  { "https://h.test/p?a=1", "&x=1", "https://h.test/p?a=1&x=1" },
  { "https://h.test/p?a=1&", "x=1", "https://h.test/p?a=1&x=1" },
  { "https://h.test/p?a=1&", "&x=1", "https://h.test/p?a=1&x=1" },
  { "https://h.test/p?", "x=1", "https://h.test/p?x=1" },
  { "https://h.test/p?", "?x=1", "https://h.test/p?x=1" },
  { "https://h.test/p?op=", "Paid&x=1", "https://h.test/p?op=Paid&x=1" },
  { "https://h.test/p?a=1", "orders", "https://h.test/p/orders?a=1" },
  { "https://h.test/p/?a=1", "/orders?x=1", "https://h.test/p/orders?a=1&x=1" },
  { "https://h.test?a=1", "orders?x=1", "https://h.test/orders?a=1&x=1" },
  { "https://h.test/p", "?", "https://h.test/p" },
  { "https://h.test/p", "http://other.test/x", "http://other.test/x" },
  { "https://h.test/p", "HTTPS://other.test/x", "HTTPS://other.test/x" },
  { "https://h.test:8443/p", "x", "https://h.test:8443/p/x" },
  { "http://[::1]:8021", "x", "http://[::1]:8021/x" },
  { "https://h.test/", "${ Id }", "https://h.test/a%2Fb%20c" },
  { "https://h.test/p", "${ Id }/x", "https://h.test/p/a%2Fb%20c/x" },
  { "https://h.test/p", "/${ Id }/x", "https://h.test/p/a%2Fb%20c/x" },
  { "https://h.test/${ n }", "x", "https://h.test/7/x" },
  { "https://h.test/${ n }/", "/x?${ n }=1", "https://h.test/7/x?7=1" },
  { "https://${ n }.test/", "x", "https://7.test/x" },
  { "https://h.test/p?a=${ n }", "x?b=${ n }", "https://h.test/p/x?a=7&b=7" },
  { "https://h.test/?k=${ if(n = 7, '?', '!') }", "x", "https://h.test/x?k=%3F" },
  { "https://h.test/", "x@{ if n = 7 }?a=1@{ end if }", "https://h.test/x?a=1" },
  { "${ Root }", "x?a=1", "https://r.test/base/x?a=1" },
  { "${ Root }/deep", "x", "https://r.test/base/deep/x" },
  { "${ Root }", nil, "https://r.test/base" },
  { "https://h.test/", "t?id=${WebhookRequest.TransactionalId}", "https://h.test/t?id=00000000-0000-7000-8000-000000000001" },
  { "https://h.test/", "x?b=${ Flag }", "https://h.test/x?b=True" },
}

local MISTAKES = { -- root, suffix, mistakes
  { "h.test/x", nil, "s.lua:1:24: a URL begins with http:// or https://; did you mean 'https://h.test/x'?" },
  { "/x", nil, "s.lua:1:24: a URL begins with http:// or https://" },
  { "ftp://h.test", nil, "s.lua:1:24: unknown scheme 'ftp'; a URL begins with http:// or https://" },
  { "https:///x", nil, "s.lua:1:24: this URL has no host" },
  { "https://h.test:0/", nil, "s.lua:1:24: bad port '0' in this URL" },
  { "https://h_*/", nil, "s.lua:1:24: bad host 'h_*' in this URL" },
  { "https://h.test/a b", nil, "s.lua:1:40: ' ' in a URL must be percent-encoded" },
  { "https://h.test/ñ", nil, "s.lua:1:39: 'ñ' in a URL must be percent-encoded" },
  { "https://h.test/#x", nil, "s.lua:1:39: a '#' and what follows it is never sent to a server" },
  { "https://h.test/", "a/{id}", "s.lua:2:41: '{' in a URL; an expression is written ${ … }" },
  { "https://h.test/", "gopher://x", "s.lua:2:39: unknown scheme 'gopher'; a URL begins with http:// or https://" },
  { "https://h.test/", "x${ n", "s.lua:2:40: '${' is never closed" },
  { "https://h.test/?a", "x@{ if n = 7 }?a@{ end if }",
    "s.lua:2:53: a '?' inside a block cannot be joined with the query of the integration's url" },
  { "", nil, "s.lua:1: integration 'i': 'url' is missing; write url = \"https://…\"" },
}

local function script(root, suffix)
  return ('integration "i" { url="%s" }\nwebhook "w" { integration = "i", %s}')
    :format(root, suffix and ('url="%s" '):format(suffix) or "")
end

describe("a URL", function()
  for _, case in ipairs(SEAMS) do
    it(("of %s and %s"):format(case[1], case[2] or "nothing"), function()
      local data = { Id = "a/b c", n = 7, Root = "https://r.test/base", Flag = true }
      local request, message = helper.sent(script(case[1], case[2]), data)
      assert.is_nil(message)
      assert.equal(case[3], request.url)
    end)
  end

  for _, case in ipairs(MISTAKES) do
    it(("is not made of %s and %s"):format(case[1], case[2] or "nothing"), function()
      local errors = helper.load(script(case[1], case[2]))
      assert.same({ case[3] }, errors)
    end)
  end

  it("from the data must be one", function()
    local _, message, code = helper.sent(script("${ Root }", "x"), { Root = "file:///etc/passwd" })
    assert.equal("s.lua:1:24: 'file:///etc/passwd/x' begins the URL, but is no http:// or https:// URL", message)
    assert.equal(422, code)
  end)

  it("does not let a suffix from the data choose another host", function()
    local request = helper.sent(script("https://h.test/", "${ Root }"), { Root = "https://evil.test/" })
    assert.equal("https://h.test/https%3A%2F%2Fevil.test%2F", request.url)
  end)
end)
