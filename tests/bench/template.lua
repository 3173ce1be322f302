-- What templates cost, in CPU: rendering a JSON body of about 1 KB with ten expressions, one loop of five and one if (µs);
-- compiling the templates of 1,000 webhooks and loading them in all (ms). Runs stdlib on build/native.so. See template.py.

local helper = require "tests.lua.helper"

local BODY = [[{"id": ${ Order.Id }, "total": ${ Order.Total }, "currency": "${ Order.Currency }", "customer": {"name":
 "${ Customer.Name }", "email": "${ Customer.Email | toLower }", "city": "${ Customer.City }"}, @{ if Order.Paid }"paid": true,@{
 end if } "key": "${ WebhookRequest.TransactionalId }", "terms": "]] .. ("Goods remain ours until they are paid. "):rep(15) .. [[",
 "items": [@{ for line in Order.Items }{"sku": "${ line.Sku }", "quantity": ${ line.Quantity }, "price": ${ line.Price }}@{
 if not loop.last }, @{ end if }@{ end for }]}]]

local WEBHOOK = [[
webhook "hook_%d" {
  integration = "shop", on = "order.%d", url = "orders/%d?transactionId=${WebhookRequest.TransactionalId}",
  headers = { ["X-Trace"] = "t-%d-${Order.Id}" },
  body = {
    id = "${Order.Id}", email = "${Customer.Email | toLower}", source = "hook %d",
    items = each("line in Order.Items", { sku = "${line.Sku}", qty = "${line.Qty}" }),
    note = when("Order.Note != null", "${Order.Note}"),
  },
  response = { crmId = "data[0].id" },
}
]]

local function data()
  local items = helper.json.array {}
  for i = 1, 5 do items[i] = { Sku = ("SKU-%05d"):format(i), Quantity = i, Price = 9.5 + i } end
  return {
    Order = { Id = 1042, Total = 59.9, Currency = "EUR", Paid = true, Items = items },
    Customer = { Name = "Ana Souza", Email = "Ana@Example.com", City = "Lisboa" },
  }
end

local function render_us(rounds)
  helper.boot()
  local compiled = assert(require("stdlib.template_words").compile(BODY, "json"))
  local render, values, id = compiled.render, data(), "01930000-0000-7000-8000-000000000000"
  local start = os.clock()
  for _ = 1, rounds do render(values, id) end
  return (os.clock() - start) / rounds * 1e6, #render(values, id)
end

-- Makes the functions of the way in to the template compiler add up their time.
local function timed(build)
  local total = { ms = 0 }
  for _, name in ipairs { "segments", "template", "table" } do
    local f = build[name]
    build[name] = function(...)
      local start = os.clock()
      local result = f(...)
      total.ms = total.ms + (os.clock() - start) * 1e3
      return result
    end
  end
  return total
end

local function load_ms(count)
  local parts = { 'integration "shop" { url = "https://h.test/v3/", headers = { ["Content-Type"] = "application/json" } }\n' }
  for i = 1, count do parts[i + 1] = WEBHOOK:format(i, i, i, i, i) end
  local script = table.concat(parts)
  local boot, native = helper.boot()
  native.where = function() return "s.lua", 1 end -- what the debug library tells costs more here than in the binary
  local compiling = timed(require "stdlib.template.build")
  collectgarbage()
  collectgarbage("setpause", 400) -- as the binary does while it loads
  local start = os.clock()
  local errors = boot.load({ { path = "s.lua", text = script } }, { "." })
  local ms = (os.clock() - start) * 1e3
  assert(#errors == 0, errors[1])
  return compiling.ms, ms
end

local us, bytes = render_us(100000)
print(("%.3f %d %.1f %.1f"):format(us, bytes, load_ms(1000)))
