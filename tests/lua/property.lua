-- property: random data through templates that put every value everywhere: each JSON body parses and gives the values back, each
-- URL and form parses to the same components, each XML to the same texts, no header holds a line break. `run(n, seed)` takes n
-- documents; property_spec.lua runs some, `make property` a hundred thousand.

local helper = require "tests.lua.helper"

local property = {}

local random, concat, char = math.random, table.concat, utf8.char

local PIECES = { '"', "\\", "/", "\b", "\f", "\n", "\r", "\t", "\0", "\1", "\31", "\127", "'", "<", ">", "&", "%", "+", " ", "#", "?", "=",
  ";", "${", "@{", "}", "$", "@", "${n}", "\\u0041", "\\", "é", "ñ", "Привет", "Ελ", "€", "\u{2028}", "\u{FFFD}", "😀", "\u{10FFFF}",
  "null", "true", "</script>", "]]>", "\r\nX-Evil: 1", "a", "Z", "0", "..", "%41", "&amp;" }

local function random_string()
  local out = {}
  for i = 1, random(0, 12) do
    local kind = random(10)
    if kind <= 6 then
      out[i] = PIECES[random(#PIECES)]
    elseif kind <= 8 then
      out[i] = char(random(0, 0x7f))
    else
      out[i] = char(random(2) == 1 and random(0x80, 0xd7ff) or random(0xe000, 0x10ffff))
    end
  end
  return concat(out)
end

local NUMBERS = { math.maxinteger, math.mininteger, 2 ^ 53, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 1e15, 1e-5 }

local function random_number()
  local kind = random(7)
  if kind == 1 then return random(-1000, 1000) end
  if kind == 2 then return random(0) end
  if kind == 3 then return random(-10 ^ 9 // 1 | 0, 10 ^ 9 // 1 | 0) / 100 end
  if kind == 4 then return (random() - 0.5) * 10.0 ^ random(-320, 308) end
  if kind == 5 then return NUMBERS[random(#NUMBERS)] end
  if kind == 6 then return random(0, 9) + 0.0 end
  local v = string.unpack("d", string.pack("i8", random(0)))
  return v - v == 0 and v or 0.5
end

local random_value

local function random_list(depth)
  local out = helper.json.array {}
  for i = 1, random(0, 4) do out[i] = random_value(depth + 1) end
  return out
end

-- Jansson takes no NUL in names.
local function random_name()
  return (random_string():gsub("%z", ""))
end

local function random_object(depth)
  local out = {}
  for _ = 1, random(0, 4) do out[random_name()] = random_value(depth + 1) end
  return out
end

function random_value(depth)
  local kind = random(depth > 3 and 8 or 10)
  if kind <= 4 then return random_string() end
  if kind <= 6 then return random_number() end
  if kind == 7 then return random(2) == 1 end
  if kind == 8 then return helper.null end
  return kind == 9 and random_list(depth) or random_object(depth)
end

-- Equal to the bit: 1 is not 1.0, a list no object.
local function same(a, b)
  if type(a) ~= type(b) or math.type(a) ~= math.type(b) then return false end
  if type(a) ~= "table" then return a == b and (a ~= 0 or 1 / a == 1 / b) end
  if helper.json.is_array(a) ~= helper.json.is_array(b) then return false end
  for key, v in pairs(a) do
    if not same(v, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function show(v)
  return helper.json.encode(v)
end

local function fail(what, template, data, result)
  error(("%s\ntemplate: %s\ndata: %s\nresult: %q"):format(what, template, show(data), result), 0)
end

-- A value's text: what it is inside a string.
local function text_of(v)
  if type(v) == "string" then return v end
  if type(v) == "boolean" then return v and "true" or "false" end
  return math.type(v) == "integer" and ("%d"):format(v) or helper.json.number(v)
end


local JSON = '{"v": ${ v }, "list": [@{ for x in l }${ x }@{ if not loop.last }, @{ end if }@{ end for }],'
  .. ' @{ if isEmpty(v) }"empty": true@{ else }"empty": false@{ end if }, "each": [@{ for x in l }{"i": ${ loop.index }, "x": ${ x }}'
  .. '@{ if loop.last }@{ else },@{ end if }@{ end for }], "text": "<${ s }>", ${ "key:" & k }: "${ json(v) }", "n": "${ n }", "m": ${ n }}'

local function check_json(render, data)
  local result = render(data)
  local back, why = helper.json.decode(result)
  if back == nil then fail("this is no JSON: " .. why, JSON, data, result) end
  local good = same(back.v, data.v) and same(back.list, data.l) and back.text == "<" .. data.s .. ">"
    and back.n == text_of(data.n) and same(back.m, data.n) and #back.each == #data.l
  for i, x in ipairs(data.l) do good = good and same(back.each[i].x, x) and back.each[i].i == i end
  local inner = back["key:" .. data.k]
  if not good or type(inner) ~= "string" or not same(helper.json.decode(inner), data.v) then
    fail("other values", JSON, data, result)
  end
end

local function unescaped(s)
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local URL = "https://h.test/a/${ s }/${ n }?q=${ s }&n=${ n }&b=${ b }#${ s }"

local function check_url(render, data)
  local result = render(data)
  local path_s, path_n, q, n, b, fragment = result:match "^https://h%.test/a/([^/?#]*)/([^/?#]*)%?q=([^&#]*)&n=([^&#]*)&b=([^&#]*)#(.*)$"
  if not path_s or result:find "[^%w._~:/?#&=%%-]" then fail("another form of URL", URL, data, result) end
  local s, number = data.s, text_of(data.n)
  local whole = unescaped(path_s) == s and unescaped(q) == s and unescaped(fragment) == s
  if not whole or unescaped(path_n) ~= number or unescaped(n) ~= number or b ~= (data.b and "True" or "False") then
    fail("other components", URL, data, result)
  end
end

local FORM = "s=${ s }&n=${ n }&t=${ s & n }"

local function check_form(render, data)
  local result = render(data)
  local s, n, t = result:match "^s=([^&=]*)&n=([^&=]*)&t=([^&=]*)$"
  local number = text_of(data.n)
  if not s or unescaped(s) ~= data.s or unescaped(n) ~= number or unescaped(t) ~= data.s .. number then
    fail("other fields", FORM, data, result)
  end
end

local XML = "<a b=\"${ s }\" c='${ s }'>${ s }</a>"
local NAMES = { ["&amp;"] = "&", ["&lt;"] = "<", ["&gt;"] = ">", ["&quot;"] = '"', ["&#39;"] = "'" }

local function check_xml(render, data)
  local result = render(data)
  local b, c, inner = result:match "^<a b=\"([^\"<>']*)\" c='([^\"<>']*)'>([^\"<>']*)</a>$"
  for _, part in ipairs { b or false, c or false, inner or false } do
    if not part or part:gsub("&#?%w+;", NAMES) ~= data.s then fail("another text", XML, data, result) end
  end
end

local HEADER = "Bearer ${ s } ${ n };${ s & '' }"

local function check_header(render, data)
  local ok, result = pcall(render, data)
  local breaks = data.s:find "[\r\n\0]"
  if ok == (breaks ~= nil) then fail("a line break", HEADER, data, tostring(result)) end
  if ok and (result:find "[\r\n\0]" or result ~= "Bearer " .. data.s .. " " .. text_of(data.n) .. ";" .. data.s) then
    fail("another header", HEADER, data, result)
  end
end

-- A table body: random values at random places, each by an expression alone, which keeps its type.
local TABLE = [[webhook "t" { integration = "i", body = { v = "${ v }", n = { "${ n }", "x${ s }", each("x in l", { x = "${ x }" }) },
  w = when("b", "${ s }"), [ [=[k"\]=] ] = "${ l }" } }]]

local function check_table(render, data)
  local result = render(data)
  local back, why = helper.json.decode(result)
  if back == nil then fail("this is no JSON: " .. why, TABLE, data, result) end
  local good = same(back.v, data.v) and same(back.n[1], data.n) and back.n[2] == "x" .. data.s and same(back['k"\\'], data.l)
    and back.w == (data.b and data.s or nil) and #back.n[3] == #data.l
  for i, x in ipairs(data.l) do good = good and same(back.n[3][i].x, x) end
  if not good then fail("other values", TABLE, data, result) end
end

-- Checks n documents; the seed makes them. Raises what differs.
function property.run(n, seed)
  math.randomseed(seed)
  local script = 'integration "i" { url = "https://h.test/" }\n' .. TABLE
    .. "\nfor as, text in pairs(TEMPLATES) do RENDER[as] = template.compile(text, as) end"
  local templates, render = { json = JSON, url = URL, form = FORM, xml = XML, header = HEADER }, {}
  local boot, native = helper.boot()
  local env = require("stdlib.sandbox").env
  env.TEMPLATES, env.RENDER = templates, render
  local errors = boot.load({ { path = "p.lua", text = script } }, { "." })
  assert(#errors == 0, concat(errors, "\n"))
  helper.free_strings()
  local function renderer(as)
    return function(data) return render[as]:render(data) end
  end
  local json, url, form, xml, header = renderer "json", renderer "url", renderer "form", renderer "xml", renderer "header"
  local function body(data)
    native.emitted = {}
    assert(boot.call("t", helper.json.encode(data)))
    return native.emitted[1].body
  end
  for _ = 1, n do
    local data = {
      v = random_value(1), l = random_list(1), s = random_string(), k = random_name(), n = random_number(), b = random(2) == 1,
    }
    check_json(json, data)
    check_url(url, data)
    check_form(form, data)
    check_xml(xml, data)
    check_header(header, data)
    check_table(body, data)
  end
end

return property
