-- A customer's journey: registered, welcomed, and then three days in which to buy something. To watch it, on three terminals:
--
--   anzol listen --body '{"data": {"id": "crm-1"}}'        stands for the CRM and the service that sends messages
--   JOURNEY_DAY=10 anzol run scripts/journey.lua           a day of ten seconds
--   anzol emit customer.registered --data scripts/journey.json
--   echo '{"Customer": {"Id": 4711}, "Order": {"Id": 1, "Total": 59.9}}' | anzol emit order.paid --data -    or wait
--
-- Then: anzol runs, anzol show ID

local DAY = tonumber(env("JOURNEY_DAY", "86400"))         -- in seconds

integration "crm" {
  url     = env("CRM_URL", "http://127.0.0.1:8021/crm/"),
  rate    = 20,
  headers = { ["Content-Type"] = "application/json" },
}

integration "messages" {
  url     = env("MESSAGES_URL", "http://127.0.0.1:8021/messages/"),
  rate    = 50,
  headers = { ["Content-Type"] = "application/json" },
}

webhook "crm_customer" {
  integration = "crm",
  description = "Creates the customer",
  url         = "customers?transactionId=${WebhookRequest.TransactionalId}",
  body        = { externalId = "${Customer.Id}", name = "${Customer.Name}", email = "${Customer.Email | trim | toLower}" },
  response    = { id = "data.id!" },                      -- with "!" it must be there, or the call is no success
}

webhook "crm_stage" {
  integration = "crm",
  description = "Says how far the customer has come",
  method      = "PATCH",
  url         = "customers/${Responses.crm_customer.id}?transactionId=${WebhookRequest.TransactionalId}",
  body        = { stage = "${Stage}", order = when("Order != null", "${Order.Id}") },
}

webhook "welcome" {
  integration = "messages",
  url         = "send?key=${WebhookRequest.TransactionalId}",
  body        = {
    template = "welcome",
    to       = "${Customer.Email | trim | toLower}",
    name     = "${Customer.Name | capitalizeAllWords}",
    customer = "${Responses.crm_customer.id}",            -- what an earlier call of the flow has read
  },
}

webhook "thank_you" (copy "welcome" {
  body = {
    template = "thank-you",
    to       = "${Customer.Email | trim | toLower}",
    customer = "${Responses.crm_customer.id}",
    order    = "${Order.Id}",
    total    = "${formatDecimal(Order.Total, 'N2')}",
  },
})

webhook "reminder" (copy "welcome" {
  body = {
    template = "reminder",
    to       = "${Customer.Email | trim | toLower}",
    customer = "${Responses.crm_customer.id}",
    voucher  = "${Voucher}",
  },
})

webhook "alert" {
  integration = "messages",
  description = "Tells the team what needs a hand",
  url         = "team?key=${WebhookRequest.TransactionalId}",
  body        = { text = "Customer ${Customer.Id}: ${Problem}" },
}

-- What went wrong with the CRM is the team's from here on.
local function alert(customer, what, res)
  log.warn(what, { customer = customer.Id, error = res.error.message })
  send("alert", { Customer = customer, Problem = what .. ": " .. res.error.message })
end

flow "journey" {
  description = "From registration to the first order, or a reminder",
  on  = "customer.registered",
  key = "${Customer.Id}",                                 -- one journey at a time for each customer
  run = function(event)
    local customer = event.data.Customer
    local created = call("crm_customer", event.data)      -- waits for the final outcome, retries included
    if not created.ok then
      alert(customer, "not created in the CRM", created)
      return { stage = "unknown to the CRM" }
    end
    send("welcome", event.data)                           -- nobody waits for this one

    -- An order that came while the CRM was being asked counts too.
    local paid = wait_event("order.paid", { match = { ["Customer.Id"] = customer.Id }, timeout = 3 * DAY })
    local data = { Customer = customer, Stage = "reminded", Voucher = "HELLO-" .. math.random(1000, 9999) }
    if paid then data = { Customer = customer, Stage = "bought", Order = paid.data.Order } end

    local _, moved = parallel(
      function() return send(paid and "thank_you" or "reminder", data) end,
      function() return call("crm_stage", data) end)
    if not moved.ok then alert(customer, "not moved to '" .. data.Stage .. "' in the CRM", moved) end
    return { stage = data.Stage, crm = created.vars.id }
  end,
}
