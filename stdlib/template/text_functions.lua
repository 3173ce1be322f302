-- text_functions: the language's functions of texts. Positions and lengths count code points; case is Unicode's (native).

local concat, find, match, select, sub, type = table.concat, string.find, string.match, select, string.sub, type
local next, utf8_len, utf8_offset = next, utf8.len, utf8.offset

local native = require "stdlib.native"
local deterministic = require "stdlib.deterministic"
local digest, hex, upper = native.digest, native.hex, native.upper

-- The byte where code point n begins; behind the end when there are fewer. Bytes, where it is no UTF-8.
local function offset(s, n)
  if not utf8_len(s) then return n end
  return n > #s and #s + 1 or utf8_offset(s, n) or #s + 1
end

local function length(v)
  return type(v) == "table" and #v or utf8_len(v) or #v
end

-- White space is no content.
local function is_empty(v)
  if v == nil then return true end
  if type(v) == "string" then return not find(v, "%S") end
  return type(v) == "table" and next(v) == nil
end

-- Linear in #s, whatever it holds: "%s+$" alone would be tried anew at every blank.
local function trim(s)
  local from = find(s, "%S")
  return from and match(s, ".*%S", from) or ""
end

-- The first letter large; words are joined by one blank.
local function capitalize(s)
  local words, n = {}, 0
  for word in s:gmatch "[^ ]+" do
    n = n + 1
    words[n] = word
  end
  if n == 0 then return "" end
  local second = offset(words[1], 2)
  words[1] = upper(sub(words[1], 1, second - 1)) .. sub(words[1], second)
  return concat(words, " ")
end

-- What there is of the text from that position on.
local function substring(s, position, count)
  local from = offset(s, position)
  if not count then return sub(s, from) end
  return sub(s, from, offset(sub(s, from), count + 1) + from - 2)
end

local function truncate(s, limit)
  if length(s) <= limit then return s end
  local cut = sub(s, 1, offset(s, limit - 2) - 1)
  local word = match(cut, "([^ ]+) *$")
  if word and length(word) == 1 then cut = sub(cut, 1, offset(cut, length(cut)) - 1) end
  return sub(cut, 1, native.alnum_end(cut)) .. "..."
end

local function replace(s, a, b)
  local out, n, from = {}, 0, 1
  while true do
    local at, stop = find(s, a, from, true)
    if not at then break end
    out[n + 1], out[n + 2], n = sub(s, from, at - 1), b, n + 2
    from = stop + 1
  end
  out[n + 1] = sub(s, from)
  return concat(out)
end

local function split(s, separator)
  local out, from = native.json_array {}, 1
  while true do
    local at, stop = find(s, separator, from, true)
    if not at then break end
    out[#out + 1] = sub(s, from, at - 1)
    from = stop + 1
  end
  out[#out + 1] = sub(s, from)
  return out
end

local function choose(...)
  return (select(deterministic.random(select("#", ...)), ...))
end

local function replace_if_empty(v, fallback)
  if is_empty(v) then return fallback end
  return v
end

local function hash(algorithm)
  return function(s) return hex(digest(algorithm, s)) end
end

local function hmac(s, key, form)
  local mac = native.hmac("sha256", key, s)
  if form == "base64" then return native.base64(mac) end
  return form == "hex" and native.lower(hex(mac)) or hex(mac)
end

local function of_text(name, call)
  return { name = name, args = { "text" }, result = "string", straight = true, call = call }
end

local function json(v)
  if v == nil then return "null" end
  return native.json_encode(v)
end

return {
  of_text("toUpper", upper),
  of_text("toLower", native.lower),
  { name = "capitalize", args = { "text" }, result = "string", call = capitalize },
  of_text("capitalizeAllWords", native.title),
  of_text("trim", trim),
  of_text("urlEncode", native.percent_encode),
  of_text("md5", hash "md5"),
  of_text("sha1", hash "sha1"),
  of_text("sha256", hash "sha256"),
  of_text("sha512", hash "sha512"),
  of_text("toBase64", native.base64),
  of_text("toHexadecimal", hex),
  { name = "hmacSha256", args = { "text", "text", "mac_form" }, straight = true, min = 2, result = "string", call = hmac },
  { name = "isEmpty", args = { "maybe" }, straight = true, result = "boolean", call = is_empty },
  { name = "replaceIfEmpty", args = { "maybe", "maybe" }, straight = true, call = replace_if_empty },
  { name = "default", args = { "maybe", "maybe" }, straight = true, lazy = "default" },
  { name = "if", args = { "maybe", "maybe", "maybe" }, straight = true, lazy = "if" },
  { name = "length", args = { "text_or_list" }, straight = true, result = "number", call = length },
  { name = "substring", args = { "text", "position", "count" }, min = 2, result = "string", call = substring },
  { name = "truncate", args = { "text", "limit" }, result = "string", call = truncate },
  { name = "chooseRandomText", args = { "text" }, rest = true, result = "string", call = choose },
  { name = "replace", args = { "text", "filled", "text" }, result = "string", call = replace },
  { name = "split", args = { "text", "filled" }, result = "list", call = split },
  { name = "json", args = { "maybe" }, straight = true, result = "string", call = json },
  { name = "raw", args = { "maybe" }, straight = true, lazy = "raw" },
  { name = "uuid", args = {}, straight = true, result = "string", call = function() return deterministic.uuid() end },
}
