-- What the sweep of allocations runs: each kind of webhook, a flow with each kind of step. VERSION becomes 2 in a reload.
local VERSION = 1

integration "shop" {
  url     = env "SHOP_URL",
  headers = { ["Content-Type"] = "application/json", Authorization = secret "SHOP_TOKEN", ["X-Version"] = tostring(VERSION) },
  timeout = "2s",                      -- what libcurl loses for want of memory ends by it
  retry   = { delays = { 0.02, 0.02, 0.02, 0.02, 0.02, 0.02 }, within = "30s" },
}

webhook "paid" {                       -- with the key; refused the first time
  integration = "shop",
  url         = "paid?id=${Id}&k=${WebhookRequest.TransactionalId}",
  body        = function(data) return { id = data.Id, items = data.Items, note = "a text" } end,
  response    = { crm = "data.id" },
  on          = "order.paid",
}

webhook "note" {                       -- without it: never sent twice
  integration = "shop",
  url         = "note?id=${Id}&",
  headers     = { ["Content-Type"] = "text/plain" },
  body        = "Order ${Id}: ${Text | toLower}",
  on          = "order.paid",
}

webhook "line" {
  integration = "shop",
  url         = "line?id=${Id}&k=${WebhookRequest.TransactionalId}",
  body        = { id = "${Id}", items = each("i in Items", { sku = "${i.Sku}" }), text = when("Text != null", "${Text}") },
  on          = "order.line",
}

webhook "slow"    (copy "line" { url = "slow?id=${Id}&k=${WebhookRequest.TransactionalId}", on = "order.slow" })
webhook "direct"  (copy "paid" { url = "direct?id=${Id}&k=${WebhookRequest.TransactionalId}", on = false })
webhook "created" (copy "paid" { url = "created?id=${Id}&k=${WebhookRequest.TransactionalId}", on = false })
webhook "done" {
  integration = "shop",
  url         = "done?id=${Id}&k=${WebhookRequest.TransactionalId}&crm=${Responses.created.crm}",
  method      = "PUT",
  body        = { shipped = "${Shipped}" },
}

flow "journey" {
  on  = "order.placed",
  key = "${Id}",
  run = function(event)
    local created = call("created", event.data)
    if not created.ok then error("created: " .. created.error.message) end
    local sent, slept = parallel(
      function() return send("line", event.data) end,
      function() sleep(0.01) return uuid() end)
    local shipped = wait_event("order.shipped", { match = { Id = event.data.Id }, timeout = "10m" })
    local res = call("done", { Id = event.data.Id, Shipped = shipped and shipped.data.Carrier or "never" })
    if not res.ok then error("done: " .. res.error.message) end
    return { sent = sent ~= nil, slept = slept ~= nil, carrier = shipped.data.Carrier }
  end,
}
