-- The documents a script author reads: they name all there is, and their examples load.

local flow_host = require "tests.lua.flow_host"
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

  for _, word in ipairs { "integration", "webhook", "flow" } do
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

  it("names each kind of error that a call may have", function()
    local file = assert(io.open "runtime/core/attempt.c")
    local list = file:read("a"):match "attempt_error_name(.-)\n}"
    file:close()
    for kind in list:gmatch '"(%a+)"' do
      assert.truthy(kind == "unknown" or REFERENCE:find("`" .. kind .. "`", 1, true), kind)
    end
  end)

  it("names each of the words `runs`", function()
    helper.boot()
    for _, word in ipairs(names(require("stdlib.runs").words)) do
      assert.truthy(REFERENCE:find("`runs." .. word .. "[( ]"), word)
    end
  end)

  it("has an example of a flow that goes as it says", function()
    local host = flow_host.new(REFERENCE:match 'flow "NAME".-```lua\n(.-)```')
    local options = { flow = "invoicing", name = "order.shipped" }
    local r = host:run({ Order = { Id = 1 } }, options):answer(1, 200, '{"number":7}')
    assert.equal('{"invoice":7,"paid":true}', r:event(2, { Number = 7 }).value)
    r = host:run({ Order = { Id = 1 } }, options):answer(1, 200, '{"number":7}'):wake(2)
    assert.same({ '{"invoice":7,"paid":false}', '{"invoice":7}' }, { r.value, r.sent[1].body })
    assert.equal('"failed"', host:run({ Order = { Id = 1 } }, options):answer(1, 500).value)
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
  it("has a first script that loads, and a flow for it", function()
    local scripts = {}
    for script in README:gmatch "```lua\n(.-)```" do scripts[#scripts + 1] = script end
    local boot = helper.good(table.concat(scripts, "\n"), { secrets = { SHOP_TOKEN = true } })
    assert.same({ 2, 1 }, { #scripts, boot.flow_count() })
  end)
end)
