-- help: what there is, on a page; and all about one word, one table or one field.

local concat, error, format, gmatch, gsub, ipairs, match, max, rep, type = table.concat, error, string.format,
  string.gmatch, string.gsub, ipairs, string.match, math.max, string.rep, type

local api = require "stdlib.api"
local dsl = require "stdlib.dsl"
local line = require "stdlib.console.line"
local mistakes = require "stdlib.mistakes"
local names = require "stdlib.console.names"
local pretty = require "stdlib.console.pretty"
local words = require "stdlib.console.words"

local help = {}

local LEFT = 31 -- columns for how a word is written

-- "  name   what it is", on the next line where the name is long.
local function put_pair(out, name, text, left)
  local gap = left - pretty.width(name)
  if gap >= 1 then
    out[#out + 1] = "  " .. name .. rep(" ", gap) .. text
  else
    out[#out + 1] = "  " .. name
    out[#out + 1] = rep(" ", left + 2) .. text
  end
end

-- Text in lines of at most `width` columns.
local function wrapped(text, width)
  local out, current = {}, ""
  for word in gmatch(text, "%S+") do
    if current ~= "" and pretty.width(current) + 1 + pretty.width(word) > width then
      out[#out + 1], current = current, word
    else
      current = current == "" and word or current .. " " .. word
    end
  end
  out[#out + 1] = current
  return concat(out, "\n")
end

-- The page of all words.
function help.overview()
  local out = {}
  for _, group in ipairs(api.groups) do
    out[#out + 1] = group[2]
    for _, entry in ipairs(api.words) do
      if entry.group == group[1] then put_pair(out, api.form(entry, true), entry.summary, LEFT) end
    end
    out[#out + 1] = ""
  end
  out[#out + 1] = 'help "call" or help(call) says more, help "webhook.retry" is about a field.'
  out[#out + 1] = "_ is the last result. What you assign stays: x = call(…)."
  return concat(out, "\n")
end

-- --- one of them --------------------------------------------------------------------------------------------------

local function put_fields(out, t, width)
  local left = 0
  for _, field in ipairs(t.fields) do left = max(left, #field[1] + 2) end
  for _, field in ipairs(t.fields) do
    local more = api.without(field)
    local text = wrapped(field[3] .. (more and " (" .. more .. ")" or ""), max(width - left - 2, 30))
    put_pair(out, field[1], (gsub(text, "\n", "\n" .. rep(" ", left + 2))), left)
  end
end

local function put_rest(out, entry, width)
  if entry.details then out[#out + 1] = pretty.indent(wrapped(entry.details, width - 2), 2) end
  if entry.example then
    out[#out + 1] = ""
    out[#out + 1] = pretty.indent(entry.example, 4)
  end
end

local function put_parts(out, parts)
  for _, part in ipairs(parts) do put_pair(out, api.form(part, true), part.summary, LEFT) end
end

local function word_text(entry, width)
  local gives = api.gives(entry)
  local out = { api.form(entry) .. (gives and "  gives " .. gives or "") }
  out[2] = pretty.indent(wrapped(entry.summary, width - 2), 2)
  if words.NOT_HERE[entry.name] then out[#out + 1] = "  for " .. concat(entry.where, " and ") .. "s, not here" end
  for _, param in ipairs(entry.params) do
    local more = param[3] ~= "" and ", " .. param[3] or ""
    out[#out + 1] = pretty.indent(wrapped(format("%s: %s%s", param[1], param[2], more), width - 4), 4)
  end
  put_rest(out, entry, width)
  local t = entry.of and api.table(entry.of)
  if t then
    out[#out + 1] = ""
    out[#out + 1] = "fields:"
    put_fields(out, t, width)
  end
  put_parts(out, api.parts(entry.name))
  return concat(out, "\n")
end

local function table_text(t, width)
  local out = { format("%s: %s", t.name, t.summary) }
  put_fields(out, t, width)
  return concat(out, "\n")
end

local function field_text(field, t, width)
  local without = api.without(field)
  local out = { format("%s.%s: %s", t.name, field[1], field[2]),
    pretty.indent(wrapped(field[3] .. (without and "; " .. without or ""), width - 2), 2) }
  put_rest(out, field, width)
  return concat(out, "\n")
end

local function parts_text(name)
  local parts = api.parts(name)
  if #parts == 0 then return nil end
  local out = { name }
  put_parts(out, parts)
  return concat(out, "\n")
end

-- What there is to say about a name; nil: nothing.
function help.about(name, width)
  local entry, t = api.find(name), api.table(name)
  if entry then return word_text(entry, width) end
  if t then return table_text(t, width) end
  local field, owner = api.field(name)
  if field then return field_text(field, owner, width) end
  return parts_text(name)
end

local function unknown(name)
  local owners = api.owners(name)
  if #owners > 0 then return "a field: see help \"" .. concat(owners, '", help "') .. '"' end
  return "nothing is called that" .. mistakes.hint(api.nearest(name))
end

-- The name that help was asked for: of a text itself, else what the value is called.
local function name_of(v)
  if type(v) == "string" then return (gsub(match(v, "^%s*(.-)%s*$"), "%(%)?$", "")) end
  return names.of(v)
end

-- The word: help(), help "name", help(call).
function help.word(...)
  local v = ...
  if v == nil then return line.write(help.overview()) end
  local name = name_of(v)
  if not name then
    error("help: expected a word or its name, found " .. dsl.kind(v), 0)
  end
  local text = help.about(name, line.width())
  if not text then error(format("help '%s': %s", pretty.one_line(name), unknown(name)), 0) end
  line.write(text)
end

return help
