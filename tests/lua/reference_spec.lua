-- The documents a script author reads: they name all there is, and their examples load.

local helper = require "tests.lua.helper"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local REFERENCE, README = read "scripts/REFERENCE.md", read "README.md"

local function names(t)
  local found = {}
  for name in pairs(t) do found[#found + 1] = name end
  table.sort(found)
  return found
end

describe("the script reference", function()
  helper.boot()
  local fields, functions = require "stdlib.fields", require "stdlib.template.functions"

  for _, word in ipairs { "integration", "webhook" } do
    local section = REFERENCE:match("\n## " .. word .. " .-\n## ")
    for _, field in ipairs(names(fields[word])) do
      it("names " .. word .. "'s field " .. field, function()
        assert.truthy(section:find("`" .. field .. "`", 1, true))
      end)
    end
  end

  it("names each function of templates", function()
    for _, name in ipairs(functions.names()) do
      assert.truthy(REFERENCE:find("`" .. name, 1, true), name)
    end
  end)

  it("names each word", function()
    helper.boot()
    for _, word in ipairs(names(require("stdlib.sandbox").words)) do
      assert.truthy(REFERENCE:find("`" .. word .. "[`.( ]") or REFERENCE:find("## " .. word .. " ", 1, true), word)
    end
  end)

  it("has examples that load", function()
    local count = 0
    for example in REFERENCE:gmatch "```lua\n(.-)```" do
      helper.good(example:find "^[%a_]+ = " and helper.webhook(example) or example) -- a field, or a script
      count = count + 1
    end
    assert.is_true(count >= 3)
  end)
end)

describe("the examples", function()
  it("of templates give what they show", function()
    local boot, native = helper.good(read "scripts/templates.lua")
    assert(boot.event('{"name":"order.shipped","data":' .. read "scripts/templates.json" .. "}"))
    assert.same({}, native.failed)
    local mail = assert(helper.json.decode(native.emitted[1].body))
    assert.same({ "ana@example.com", "Order 1042: 2 items for A.S.", "Thursday, 26 November", 32.4 },
      { mail.to, mail.subject, mail.arrives, mail.total })
    assert.equal('Happy birthday, "Zé"!', mail.gift.note)
    assert.equal("text=Ana%20Souza%2C%20your%20order%20is%20on%20its%20way&id=1042&sent=1795425300", native.emitted[2].body)
  end)
end)

describe("the README", function()
  it("has a first script that loads", function()
    local script = README:match "```lua\n(.-)```"
    helper.good(script, { secrets = { SHOP_TOKEN = true } })
  end)
end)
