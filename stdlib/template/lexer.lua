-- lexer: a template's text cut into segments: text, `${…}` outputs and `@{…}` statements, the latter two as tokens. What is
-- wrong is told to `report(origin, at, message)`, and the rest of the text is read on.

local find, format, sub = string.find, string.format, string.sub
local error, lower, tointeger, tonumber = error, string.lower, math.tointeger, tonumber
local plain_output = require("stdlib.native").plain_output

local lexer = {}

-- Words of the language: operators, and values that are no fields.
lexer.operators = { ["and"] = true, ["or"] = true, ["not"] = true, ["in"] = true }
lexer.words = { ["and"] = true, ["or"] = true, ["not"] = true, ["in"] = true, null = true, ["true"] = true, ["false"] = true }

-- Ends the compiling of this part: what is wrong, and where (an offset in the origin's text).
function lexer.fail(origin, at, message, ...)
  error({ origin = origin, at = at, message = format(message, ...) }, 0)
end

local TWO = { ["!="] = true, ["<="] = true, [">="] = true }

local function number_token(text, at)
  local _, stop = find(text, "^%d+%.%d+", at)
  if not stop then _, stop = find(text, "^%d+", at) end
  local value = tonumber(sub(text, at, stop))
  if value - value ~= 0 then return nil, "this number is too large" end
  return { t = "num", v = tointeger(value) or value, at = at, stop = stop }
end

local function string_token(text, at)
  local quote = sub(text, at, at)
  local stop = find(text, quote, at + 1, true)
  if not stop then return nil, "this string is never closed" end
  return { t = "str", v = sub(text, at + 1, stop - 1), at = at, stop = stop }
end

local function operator_token(text, at)
  local two = sub(text, at, at + 1)
  if TWO[two] then return { t = "op", v = two, at = at, stop = at + 1 } end
  if two == "==" then return nil, "unexpected '=='; equality is written =" end
  if not find(text, "^[%.|,()%[%]=<>+*/&-]", at) then
    local _, stop = find(text, "^[^\128-\191][\128-\191]*", at)
    return nil, format("unexpected '%s'", sub(text, at, stop or at))
  end
  return { t = "op", v = sub(text, at, at), at = at, stop = at }
end

-- The token at `at`; or nil and what is wrong there.
local function token(text, at)
  local _, stop = find(text, "^[%a_][%w_]*", at)
  if stop then
    local name = sub(text, at, stop)
    return { t = "id", v = name, key = lower(name), at = at, stop = stop }
  end
  if find(text, "^%d", at) then return number_token(text, at) end
  if find(text, "^[\"']", at) then return string_token(text, at) end
  return operator_token(text, at)
end

-- The tokens of an expression that begins at `at` and ends with `closing` ("}"), or with the text when that is nil.
-- Returns them and the position behind the end; `bad` in the list tells that something has been
-- reported, `unclosed` that the end is missing.
function lexer.tokens(text, at, origin, closing, report)
  local list, begin = {}, at
  while true do
    at = find(text, "%S", at)
    if not at or (closing and sub(text, at, at) == closing) then break end
    local t, why = token(text, at)
    if not t then
      report(origin, at, why)
      list.bad = true
      at = closing and find(text, closing, at, true)
      break
    end
    list[#list + 1] = t
    at = t.stop + 1
  end
  if closing and not at and not list.bad then
    report(origin, begin - 2, format("'%s' is never closed", sub(text, begin - 2, begin - 1)))
    list.bad, list.unclosed = true, true
  end
  list[#list + 1] = { t = "end", v = closing or "the end", at = at or #text + 1, stop = at or #text }
  return list, (at or #text) + 1
end

local function comment(text, at, origin, report)
  local stop = find(text, "}", at, true)
  if not stop or sub(text, stop - 1, stop - 1) ~= "*" or stop == at + 3 then
    report(origin, at, "this comment is not closed with *}")
  end
  return (stop or #text) + 1
end

-- The output or statement that begins at `at`, and the position behind it.
local function segment(text, at, origin, report)
  if sub(text, at, at) == "$" then
    local e, behind = lexer.plain(text, at, origin)
    if e then return { k = "out", e = e, at = at, stop = behind - 1, o = origin, text = text }, behind end
  end
  local tokens, behind = lexer.tokens(text, at + 2, origin, "}", report)
  local kind = sub(text, at, at) == "$" and "out" or "stmt"
  return { k = kind, tokens = tokens, at = at, stop = behind - 1, o = origin, text = text }, behind
end

-- The expression of an output that is a path, or a path and a filter, as most are, and the position behind it; else nil.
function lexer.plain(text, at, origin)
  return plain_output(text, at, origin, lexer.words)
end

-- The segments of a text: {k = "text", s =, at =} or {k = "out" | "stmt", tokens =, at =, stop =}, appended to `list`. A
-- plain output has its expression `e` in the place of tokens.
function lexer.split(list, text, origin, report)
  local from, at = 1, 1
  while true do
    at = find(text, "[$@]{", at)
    if (at or #text + 1) > from then
      list[#list + 1] = { k = "text", s = sub(text, from, (at or 0) - 1), at = from, o = origin }
    end
    if not at then return list end
    if sub(text, at, at + 2) == "@{*" then
      from = comment(text, at, origin, report)
    else
      list[#list + 1], from = segment(text, at, origin, report)
    end
    at = from
  end
end

return lexer
