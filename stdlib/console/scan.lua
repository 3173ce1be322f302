-- scan: Lua text cut into tokens, however unfinished: what completion looks at, and where a line looks for its last
-- expression.

local find, match, sub = string.find, string.match, string.sub

local pretty = require "stdlib.console.pretty"

local scan = {}

-- The end of what began with brackets of this level at `at`; nil: it does not end.
local function long_end(s, equals, at)
  local _, stop = find(s, "]" .. equals .. "]", at, true)
  return stop
end

-- The end of a short string that begins at `at`; nil: it does not end. A line break that nothing escapes ends it too.
local function short_end(s, at)
  local quote = sub(s, at, at)
  local i = at + 1
  while i <= #s do
    local c = sub(s, i, i)
    if c == quote or c == "\n" then return i end
    if c == "\\" then
      i = i + 1
      if sub(s, i, i) == "z" then i = match(s, "^%s*()", i + 1) - 1 end
    end
    i = i + 1
  end
end

local OPERATORS = { "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>" }

local function operator(s, at)
  for i = 1, #OPERATORS do
    local op = OPERATORS[i]
    if sub(s, at, at + #op - 1) == op then return op end
  end
  return sub(s, at, at)
end

-- A comment, a long or a short string at `at`: its kind and end; the end is nil where it has none.
local function bracketed(s, at)
  local equals, inside = match(s, "^%-%-%[(=*)%[()", at)
  if equals then return "comment", long_end(s, equals, inside) end
  if sub(s, at, at + 1) == "--" then return "comment", find(s, "\n", at, true) end
  equals, inside = match(s, "^%[(=*)%[()", at)
  if equals then return "long", long_end(s, equals, inside) end
  if find(s, "^['\"]", at) then return "string", short_end(s, at) end
end

-- A number's end, as Lua's own lexer reads it.
local function number_end(s, at)
  local exponent = find(s, "^0[xX]", at) and "[pP]" or "[eE]"
  local stop = at
  while true do
    local _, e = find(s, "^" .. exponent .. "[+-]?", stop)
    if not e then e = match(s, "^[%w.]()", stop) and stop end
    if not e then return stop - 1 end
    stop = e + 1
  end
end

local function plain(s, at)
  local name = match(s, "^[%a_][%w_]*", at)
  if name then return pretty.KEYWORDS[name] and "keyword" or "name", at + #name - 1 end
  if find(s, "^%.?%d", at) then return "number", number_end(s, at) end
  return "op", at + #operator(s, at) - 1
end

-- The tokens {kind =, text =, at =, stop =}; and what the text ends in: "code", "comment", "long" or "string", and where that
-- string begins.
function scan.tokens(s)
  local out, at = {}, 1
  while true do
    at = match(s, "^%s*()", at)
    if at > #s then return out, "code" end
    local kind, stop = bracketed(s, at)
    if kind and not stop then return out, kind, at end
    if not kind then kind, stop = plain(s, at) end
    if kind ~= "comment" then
      out[#out + 1] = { kind = kind == "long" and "string" or kind, text = sub(s, at, stop), at = at, stop = stop }
    end
    at = stop + 1
  end
end

return scan
