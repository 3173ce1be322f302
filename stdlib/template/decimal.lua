-- decimal: numbers by .NET's standard and custom formats, in the invariant culture. Rounding is done on decimal digits, half
-- away from zero; a number is {negative =, whole = digits, part = digits}.

local concat, find, format, gsub, ipairs, match, rep, sub = table.concat, string.find, string.format, string.gsub, ipairs,
  string.match, string.rep, string.sub
local abs, math_type, tonumber = math.abs, math.type, tonumber

local decimal = {}

-- The digits of a number; a double below 1e13 has the 15 it is good for, so that sums show no noise.
local function digits_of(n)
  local text = math_type(n) == "integer" and format("%d", n) or format(abs(n) < 1e13 and "%.15g" or "%.17g", n)
  local sign, whole, part, power = match(text, "^(-?)(%d+)%.?(%d*)e?([+-]?%d*)$")
  power = tonumber(power) or 0
  if power > 0 then
    part = part .. rep("0", power - #part)
    whole, part = whole .. sub(part, 1, power), sub(part, power + 1)
  elseif power < 0 then
    whole = rep("0", -power - #whole + 1) .. whole
    whole, part = sub(whole, 1, #whole + power), sub(whole, #whole + power + 1) .. part
  end
  return { negative = sign == "-", whole = gsub(whole, "^0+", ""), part = part }
end

local function shifted(d, places)
  local part = d.part .. rep("0", places - #d.part)
  return { negative = d.negative, whole = gsub(d.whole .. sub(part, 1, places), "^0+", ""), part = sub(part, places + 1) }
end

-- Divided by a thousand, `times` times.
local function scaled_down(d, times)
  local whole = rep("0", 3 * times - #d.whole) .. d.whole
  local at = #whole - 3 * times
  return { negative = d.negative, whole = gsub(sub(whole, 1, at), "^0+", ""), part = sub(whole, at + 1) .. d.part }
end

local function incremented(digits)
  local head, nines = match(digits, "^(.-)(9*)$")
  if head == "" then return "1" .. rep("0", #nines) end
  return sub(head, 1, -2) .. (sub(head, -1) + 1) .. rep("0", #nines)
end

-- Rounded to so many places, which it then has.
local function rounded(d, places)
  if #d.part <= places then
    return { negative = d.negative, whole = d.whole, part = d.part .. rep("0", places - #d.part) }
  end
  local all = d.whole .. sub(d.part, 1, places)
  if sub(d.part, places + 1, places + 1) >= "5" then all = incremented(all) end
  local at = #all - places
  return { negative = d.negative, whole = gsub(sub(all, 1, at), "^0+", ""), part = sub(all, at + 1) }
end

local function is_zero(d)
  return not find(d.whole, "[1-9]") and not find(d.part, "[1-9]")
end

local function grouped(whole)
  local head = #whole % 3
  local rest = gsub(sub(whole, head + 1), "%d%d%d", ",%0")
  return head == 0 and sub(rest, 2) or sub(whole, 1, head) .. rest
end

local function signed(d, text)
  return d.negative and not is_zero(d) and "-" .. text or text
end

local function plain(d, group)
  local whole = d.whole == "" and "0" or group and grouped(d.whole) or d.whole
  return d.part == "" and whole or whole .. "." .. d.part
end

local function fixed(places, group)
  return function(d)
    d = rounded(d, places)
    return signed(d, plain(d, group))
  end
end

local function percent(places)
  return function(d)
    d = rounded(shifted(d, 2), places)
    return signed(d, plain(d, true) .. " %")
  end
end

local function trimmed(d)
  return signed(d, plain { whole = d.whole, part = gsub(d.part, "0+$", "") })
end

local function significant(places)
  if places == 0 then return trimmed end
  return function(d)
    local _, zeros = find(d.part, "^0*")
    local before = d.whole ~= "" and #d.whole or -zeros
    if before > places then return decimal.compile("E" .. places - 1).write(d) end
    return trimmed(rounded(d, places - before))
  end
end

-- Scientific: one digit, so many places, at least three digits of exponent.
local function exponent(places, letter)
  return function(d)
    local all, power = gsub(d.whole .. d.part, "^0+", ""), #d.whole - 1
    if d.whole == "" then power = -#match(d.part, "^0*") - 1 end
    if all == "" then all, power = "0", 0 end
    local one = rounded({ whole = sub(all, 1, 1), part = sub(all, 2) }, places)
    if #one.whole > 1 then
      one, power = { whole = "1", part = rep("0", places) }, power + 1
    end
    return signed(d, format("%s%s%s%03d", plain(one), letter, power < 0 and "-" or "+", abs(power)))
  end
end

-- Letter -> function(places), and the places when none are said.
local STANDARD = {
  N = { function(n) return fixed(n, true) end, 2 }, F = { fixed, 2 }, P = { percent, 2 }, G = { significant, 0 },
  E = { function(n) return exponent(n, "E") end, 6 }, e = { function(n) return exponent(n, "e") end, 6 },
}

local function invalid(s, why)
  return nil, format("'%s' is no format: %s", s, why)
end

local function standard(s, letter, places)
  local entry = STANDARD[letter] or STANDARD[letter:upper()]
  if letter == "C" or letter == "c" then
    return invalid(s, "a currency depends on a country; write it beside a format like N2")
  end
  if not entry then return invalid(s, "there is no such standard format for decimals") end
  return { write = entry[1](tonumber(places) or entry[2]) }
end

-- --- custom formats -------------------------------------------------------------------------------------------

-- The text that a quote or backslash at `at` stands for, and the position behind it.
local function literal(s, at)
  local c = sub(s, at, at)
  if c == "\\" then
    local one = match(s, "^[^\128-\191][\128-\191]*", at + 1)
    return one, at + 1 + #(one or "")
  end
  local stop = find(s, c, at + 1, true)
  return stop and sub(s, at + 1, stop - 1), (stop or 0) + 1
end

local function new_section()
  return { items = {}, wholes = 0, parts = 0, least_whole = 0, least_part = 0, shift = 0, thousands = 0 }
end

local function add_digit(section, c)
  section.items[#section.items + 1] = { digit = true }
  if section.point then
    section.parts = section.parts + 1
    if c == "0" then section.least_part = section.parts end
  else
    section.wholes = section.wholes + 1
    if section.commas and section.wholes > 1 then section.group = true end
    if c == "0" and not section.first then section.first = section.wholes end
    section.commas = nil
  end
end

local function add_character(section, c)
  if c == "0" or c == "#" then
    add_digit(section, c)
  elseif c == "." then
    if not section.point then
      section.items[#section.items + 1] = { point = true }
      section.point, section.thousands, section.commas = true, section.commas or 0, nil
    end
  elseif c == "," then
    if not section.point and section.wholes > 0 then section.commas = (section.commas or 0) + 1 end
  else
    if c == "%" then section.shift = section.shift + 2 end
    if c == "‰" then section.shift = section.shift + 3 end
    section.items[#section.items + 1] = { text = c }
  end
end

local function close_section(section)
  if section.commas then section.thousands = section.commas end
  section.least_whole = section.first and section.wholes - section.first + 1 or 0
  return section
end

local function sections_of(s)
  local list, section, at = {}, new_section(), 1
  while at <= #s do
    local c = match(s, "^[^\128-\191][\128-\191]*", at) or sub(s, at, at)
    if c == ";" then
      list[#list + 1] = close_section(section)
      section, at = new_section(), at + 1
    elseif find(c, "^[\"'\\]") then
      local text, behind = literal(s, at)
      if not text then return invalid(s, c == "\\" and "nothing follows '\\'" or "the quote is not closed") end
      section.items[#section.items + 1] = { text = text }
      at = behind
    elseif find(s, "^[eE][+-]?0", at) then
      return invalid(s, "an exponent stands alone, as in E2")
    else
      add_character(section, c)
      at = at + #c
    end
  end
  list[#list + 1] = close_section(section)
  if #list > 3 then return invalid(s, "there are three sections at most") end
  return list
end

local function fit(section, d)
  if section.shift > 0 then d = shifted(d, section.shift) end
  if section.thousands > 0 then d = scaled_down(d, section.thousands) end
  return rounded(d, section.parts)
end

-- The digits of the whole part that placeholder i writes: the first writes all that are more than there are placeholders.
local function whole_digits(section, whole, i)
  local from, to = #whole - section.wholes + i, #whole - section.wholes + i
  if i == 1 then from = 1 end
  if to < 1 then return "" end
  if not section.group then return sub(whole, from, to) end
  local out = {}
  for k = from, to do
    local left = #whole - k
    out[#out + 1] = sub(whole, k, k) .. (left > 0 and left % 3 == 0 and "," or "")
  end
  return concat(out)
end

local function write_section(section, d)
  local whole = rep("0", section.least_whole - #d.whole) .. d.whole
  local part = gsub(d.part, "0+$", "")
  part = part .. rep("0", section.least_part - #part)
  local out, wholes, parts, behind = {}, 0, 0, false
  for i, item in ipairs(section.items) do
    if item.text then
      out[i] = item.text
    elseif item.point then
      out[i], behind = part == "" and "" or ".", true
    elseif behind then
      parts = parts + 1
      out[i] = sub(part, parts, parts)
    else
      wholes = wholes + 1
      out[i] = whole_digits(section, whole, wholes)
    end
  end
  if section.wholes == 0 and section.point then -- ".00" of 12.5
    for i, item in ipairs(section.items) do
      if item.point then out[i] = whole .. out[i] end
    end
  end
  return concat(out)
end

local function custom(s)
  local sections, why = sections_of(s)
  if not sections then return nil, why end
  local function write(d)
    local section, sign = sections[1], d.negative and "-" or ""
    if d.negative and sections[2] and #sections[2].items > 0 then section, sign = sections[2], "" end
    local fitted = fit(section, d)
    if is_zero(fitted) then
      section, sign = sections[3] and #sections[3].items > 0 and sections[3] or sections[1], ""
      fitted = fit(section, d)
    end
    return sign .. write_section(section, fitted)
  end
  return { write = write }
end

-- The format of a text, or nil and what is wrong with it.
function decimal.compile(s)
  if s == "" then return { write = trimmed } end
  local letter, places = match(s, "^(%a)(%d?%d?)$")
  if letter then return standard(s, letter, places) end
  return custom(s)
end

-- A finite number by a format.
function decimal.write(n, form)
  return form.write(digits_of(n))
end

return decimal
