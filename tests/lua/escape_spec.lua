-- Values written at their places: nothing that data holds can break out.

local helper = require "tests.lua.helper"

local NASTY = "a\"b\\c\nd\te\1</script>&'<x> ñ%"

local CASES = {
  { "text", "${ v }", NASTY },
  { "json", '"${ v }"', [["a\"b\\c\nd\te\u0001</script>&'<x> ñ%"]] },
  { "json", "${ v }", [["a\"b\\c\nd\te\u0001</script>&'<x> ñ%"]] },
  { "json", "{\"k\": \"<${ v }>\"}", [[{"k": "<a\"b\\c\nd\te\u0001</script>&'<x> ñ%>"}]] },
  { "form", "v=${ v }", "v=a%22b%5Cc%0Ad%09e%01%3C%2Fscript%3E%26%27%3Cx%3E%20%C3%B1%25" },
  { "url", "https://h/${ v }", "https://h/a%22b%5Cc%0Ad%09e%01%3C%2Fscript%3E%26%27%3Cx%3E%20%C3%B1%25" },
  { "xml", "<a b=\"${ v }\"/>", "<a b=\"a&quot;b\\c\nd\te\1&lt;/script&gt;&amp;&#39;&lt;x&gt; ñ%\"/>" },
  { "text", "${ v | raw }", NASTY },
  { "form", "v=${ v | raw }", "v=" .. NASTY },
  { "xml", "${ v | raw }", NASTY },
  { "url", "https://h/?q=${ 'a b' | urlEncode }", "https://h/?q=a%20b" },
  { "form", "q=${ 'a b' | urlEncode }", "q=a%20b" },
  { "text", "${ 'a b' | urlEncode }", "a%20b" },
  { "json", '"${ \'"\' | raw }"', '"""' },
  { "url", "${ u }/x?b=${ u }", "https://h.test/a?q=1/x?b=https%3A%2F%2Fh.test%2Fa%3Fq%3D1" },
  { "url", "@{ if true }${ u }@{ end if }", "https://h.test/a?q=1" },
  { "url", "/${ n }/${ f }/${ t }", "/-7/1.5/True" },
  { "header", "x ${ n } ${ 'ñ' }", "x -7 ñ" },
}

local DATA = { v = NASTY, u = "https://h.test/a?q=1", n = -7, f = 1.5, t = true, lines = "a\r\nX-Evil: 1" }

describe("a value", function()
  for _, case in ipairs(CASES) do
    it("is written in " .. case[1] .. " " .. case[2], function()
      local result, message = helper.render(case[2], DATA, case[1])
      assert.is_nil(message)
      assert.equal(case[3], result)
    end)
  end

  it("with a line break is an error in a header, raw or not", function()
    for _, filter in ipairs { "", " | raw", " & ''" } do
      local result, message = helper.render("x ${ lines" .. filter .. " }", DATA, "header")
      assert.is_nil(result)
      assert.matches("^1:6: 'lines.*' holds a line break; a header cannot$", message)
    end
  end)

  it("that begins a URL has no white space", function()
    local result, message = helper.render("${ v }", DATA, "url")
    assert.is_nil(result)
    assert.equal("1:4: 'v' holds white space or a control character; it begins the URL", message)
  end)
end)
