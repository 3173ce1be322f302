-- Templates as text: a JSON body with a loop, dates and plural forms; a form; functions of one's own. All is in REFERENCE.md.

integration "mail" {
  url     = "http://127.0.0.1:8021/mail/",
  rate    = 20,
  headers = { ["Content-Type"] = "application/json" },
}

template_function("initials", function(name)
  return (name:gsub("(%a)%S*%s*", "%1."))
end)

webhook "shipped_mail" {
  integration = "mail",
  on   = "order.shipped",
  url  = "send?key=${WebhookRequest.TransactionalId}",
  body = [[{
  "to": "${ Customer.Email | trim | toLower }",
  @{ set n = count(Order.Items) }"subject": "Order ${ Order.Id }: ${ appendForms(n, "item", "items", "items") } for ${
    Customer.Name | initials }",
  "arrives": ${ Order.ShippedAt | addDays(3) | formatDateTime("dddd, d MMMM") },
  @{ set total = 0 }"lines": [@{ for line in Order.Items }
    @{ set sum = line.Price * line.Quantity }@{ set total = total + sum }{"sku": ${ line.Sku }, "sum": "${
      formatDecimal(sum, "N2") }"}@{ if not loop.last },@{ end if }@{ end for }
  ],
  "total": ${ total },
  "gift": @{ if isEmpty(Order.Note) }null@{ else }{"note": ${ Order.Note | truncate(40) }}@{ end if }
}]],
}

webhook "shipped_sms" {
  integration = "mail",
  on      = "order.shipped",
  url     = "sms/${ Customer.Phone }",
  headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
  body    = "text=${ Customer.Name & ', your order is on its way' }&id=${ Order.Id }&sent=${ Order.ShippedAt | toUnixTimeStamp }",
}
