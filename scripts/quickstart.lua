-- A first script. See what it would send:  anzol preview order_paid scripts --data scripts/quickstart.json
-- Deliver it to a receiver of your own:    anzol dev scripts --emit order.paid --data scripts/quickstart.json

integration "shop" {                      -- a service that receives; its webhooks share what is written here
  name    = "Shop CRM",
  url     = env("SHOP_URL", "http://127.0.0.1:8021/"),
  rate    = 10,                           -- requests per second, retries included
  headers = {
    ["Content-Type"] = "application/json",
    -- ["Authorization"] = "Bearer " .. secret "SHOP_TOKEN",   -- from the environment; never shown, logged or stored
  },
  retry   = { delays = { "2s", "10s", "60s" } },  -- short ones, to watch them; without this line: 20s, 80s, 240s
}

webhook "order_paid" {
  integration = "shop",
  description = "Tells the CRM that an order was paid",
  on          = "order.paid",             -- every event of this name makes one delivery
  -- The transactional id is the same in every attempt: with it a receiver can tell a repetition, and anzol may retry.
  url         = "orders?transactionId=${WebhookRequest.TransactionalId}",
  body        = {                         -- a table is sent as JSON; ${ … } reads the event's data
    id    = "${Order.Id}",                -- alone in its string it keeps its type: a number stays a number
    email = "${Customer.Email | toLower}",
    total = "${Order.Total}",
    items = each("line in Order.Items", { sku = "${line.Sku}", qty = "${line.Qty}" }),
    note  = when("Order.Note != null", "${Order.Note}"),      -- left out when there is no note
  },
  response    = { crmId = "data[0].id" }, -- variables read from the JSON that comes back
}
