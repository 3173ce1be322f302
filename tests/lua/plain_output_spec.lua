-- native.plain_output: the same expression as that of the lexer and the parser, or none.

local native = require("tests.lua.native").new()

local WORDS = { null = true, ["not"] = true }

local function read(text, at)
  return native.plain_output(text, at or 1, "origin", WORDS)
end

describe("plain_output", function()
  it("reads paths", function()
    local e, behind = read "${ Order.Customer_1.id } more"
    assert.same({ k = "path", root = "Order", key = "order", steps = { "Customer_1", "id" }, o = "origin",
      text = "${ Order.Customer_1.id } more", at = 4, stop = 22 }, e)
    assert.equal(25, behind)
    e, behind = read("a ${n}", 3)
    assert.same({ k = "path", root = "n", key = "n", steps = {}, o = "origin", text = "a ${n}", at = 5, stop = 5 }, e)
    assert.equal(7, behind)
  end)

  it("reads a filter", function()
    local text = "${\tx.y |\n toLower }"
    local e, behind = read(text)
    local path = { k = "path", root = "x", key = "x", steps = { "y" }, o = "origin", text = text, at = 4, stop = 6 }
    assert.same({ k = "call", name = "toLower", key = "tolower", args = { path }, filter = true, name_at = 11,
      o = "origin", text = text, at = 4, stop = 17 }, e)
    assert.equal(#text + 1, behind)
  end)

  it("leaves the rest alone", function()
    for _, text in ipairs { "", "$", "${", "${}", "${ ", "${x", "${ x", "${x.", "${x.}", "${.x}", "${x..y}", "${x.1}", "${1x}",
      "${x y}", "${x | }", "${x | f", "${x | f | g}", "${x | f()}", "${x[0]}", "${x + 1}", "${null}", "${NOT.x}", "@{x}", "${é}" } do
      assert.is_nil(read(text), text)
    end
    assert.is_nil(read("${x}", 2))
    assert.is_nil(read("${x}", 5))
    assert.is_nil(read("${x}", 0))
  end)
end)
