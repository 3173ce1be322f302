-- scripts/journey.lua on a host that ends its steps: each way that a customer may go.

local flow_host = require "tests.lua.flow_host"
local helper = require "tests.lua.helper"
local json, shown = helper.json, flow_host.shown

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

local CUSTOMER = json.decode(read "scripts/journey.json")
local CREATED = '{"data":{"id":"crm-1"}}'
local ORDER = { Customer = { Id = 4711 }, Order = { Id = 17, Total = 1234.5 } }

local function host(env)
  return flow_host.new(read "scripts/journey.lua", { env = env or {} })
end

local function start(h)
  return (h or host()):run(CUSTOMER, { flow = "journey", name = "customer.registered" })
end

local function bodies(r)
  local out = {}
  for i, sent in ipairs(r.sent) do out[i] = json.decode(sent.body) end
  return out
end

describe("the journey", function()
  it("begins with the customer's registration, one for each at a time", function()
    local h = host()
    assert(h.boot.event(json.encode { name = "customer.registered", data = CUSTOMER }))
    assert.same({ { flow = "journey", key = "4711" } }, h.native.runs)
  end)

  it("creates the customer and welcomes it by the CRM's id", function()
    local r = start()
    assert.same({ "1 call 'crm_customer'" }, shown(r.asked))
    assert.same({ { externalId = 4711, name = "ana souza", email = "ana@example.com" } }, bodies(r))
    r:answer(1, 201, CREATED)
    assert.same({ "2 send 'welcome'", "3 wait_event 'order.paid'" }, shown(r.asked))
    assert.same({ { template = "welcome", to = "ana@example.com", name = "Ana Souza", customer = "crm-1" } }, bodies(r))
    assert.same({ '["order.paid","Customer.Id",4711]', 3 * 86400000 },
      { r.asked[2].match, r.asked[2].due_ms - r.host.native.time })
  end)

  it("thanks for an order", function()
    local r = start():answer(1, 201, CREATED):event(3, ORDER)
    assert.same({ "4.1.1 send 'thank_you'", "4.2.1 call 'crm_stage'" }, shown(r.asked))
    assert.same({ { template = "thank-you", to = "ana@example.com", customer = "crm-1", order = 17, total = "1,234.50" },
      { stage = "bought", order = 17 } }, bodies(r))
    assert.matches("/crm/customers/crm%-1%?transactionId=", r.sent[2].url)
    r:answer(5, 200)
    assert.same({ "succeeded", '{"crm":"crm-1","stage":"bought"}', {} }, { r.state, r.value, r.asked })
  end)

  it("reminds who has not ordered within three days, with a voucher that stays the same", function()
    local h = host { JOURNEY_DAY = "0.5" }
    local r = start(h):answer(1, 201, CREATED)
    assert.equal(1500, r.asked[2].due_ms - h.native.time)
    r:wake(3)
    assert.same({ "4.1.1 send 'reminder'", "4.2.1 call 'crm_stage'" }, shown(r.asked))
    local reminder, stage = table.unpack(bodies(r))
    assert.matches("^HELLO%-%d%d%d%d$", reminder.voucher)
    assert.same({ "crm-1", { stage = "reminded" } }, { reminder.customer, stage })
    assert.equal('{"crm":"crm-1","stage":"reminded"}', r:answer(5, 200).value)
    local again = start(h)
    assert.equal(reminder.voucher, bodies(again:answer(1, 201, CREATED):wake(3))[1].voucher)
  end)

  it("tells the team when the customer was not created", function()
    for _, case in ipairs { { 500, "", "the receiver answered 500" },
      { 200, "{}", "webhook 'crm_customer': response.id: the answer has nothing at 'data.id'" } } do
      local r = start():answer(1, case[1], case[2])
      assert.same({ "2 send 'alert'" }, shown(r.asked))
      assert.same({ { text = "Customer 4711: not created in the CRM: " .. case[3] } }, bodies(r))
      assert.same({ "succeeded", '{"stage":"unknown to the CRM"}' }, { r.state, r.value })
      assert.equal("warn", r.host.native.logged[1].level)
    end
  end)

  it("tells the team when the customer was not moved", function()
    local r = start():answer(1, 201, CREATED):event(3, ORDER):answer(5, 503)
    assert.same({ "5 send 'alert'" }, shown(r.asked))
    assert.same({ { text = "Customer 4711: not moved to 'bought' in the CRM: the receiver answered 503" } }, bodies(r))
    assert.equal('{"crm":"crm-1","stage":"bought"}', r.value)
  end)

  it("is replayed from any place", function()
    local r = start():replayed():answer(1, 201, CREATED):replayed():event(3, ORDER):replayed()
    assert.same({ "waiting", {}, {} }, { r.state, r.asked, r.sent })
    assert.equal('{"crm":"crm-1","stage":"bought"}', r:answer(5, 200).value)
  end)
end)
