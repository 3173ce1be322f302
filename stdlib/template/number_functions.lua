-- number_functions: the language's functions of numbers.

local ceil, floor = math.ceil, math.floor

local decimal = require "stdlib.template.decimal"

-- The form of a word beside a number, by the rule of Russian: 1 and 21; 2, 3, 4 and 22; the rest, and 11 to 19.
local function forms(n, one, few, many)
  n = (n < 0 and -n or n) % 100
  local last = n % 10
  if n // 10 == 1 then return many end
  if last == 1 then return one end
  return last >= 2 and last <= 4 and few or many
end

-- A whole number, rounded half to even.
local function whole_of(n)
  local low = floor(n)
  local rest = n - low
  return (rest > 0.5 or rest == 0.5 and low % 2 == 1) and low + 1 or low
end

local plain = decimal.compile ""
local FORMS = { "number", "text", "text", "text" }

return {
  { name = "floor", args = { "number" }, straight = true, result = "number", call = floor },
  { name = "ceiling", args = { "number" }, straight = true, result = "number", call = ceil },
  { name = "forms", args = FORMS, result = "string", call = function(n, ...) return forms(whole_of(n), ...) end },
  { name = "appendForms", args = FORMS, result = "string",
    call = function(n, ...) return decimal.write(n, plain) .. " " .. forms(whole_of(n), ...) end },
  { name = "formatDecimal", args = { "number", "decimal_format" }, result = "string", call = decimal.write },
}
