-- markdown: the API as a reference to read.

local concat, format, gsub, ipairs, select, sub, upper =
  table.concat, string.format, string.gsub, ipairs, select, string.sub, string.upper

local markdown = {}

local HEAD = [[
# The words of scripts and of the console

Written by `make api` from `stdlib/api`. [REFERENCE.md](REFERENCE.md) tells how things work together; at the console `help()` and
`help "webhook.retry"` say what stands here. A `?` behind a name: it may be left out.
]]

local function code(s)
  return "`" .. gsub(s, "|", "\\|") .. "`"
end

local function sentence(s)
  return upper(sub(s, 1, 1)) .. sub(s, 2) .. "."
end

local function cell(s)
  return (gsub(gsub(s or "", "\n", " "), "|", "\\|"))
end

local function put(out, line, ...)
  out[#out + 1] = select("#", ...) > 0 and format(line, ...) or line
end

local function put_example(out, example)
  if not example then return end
  put(out, "```lua")
  put(out, example)
  put(out, "```")
  put(out, "")
end

local function put_params(out, entry)
  local any = false
  for _, param in ipairs(entry.params) do any = any or param[3] ~= "" end
  if not any then return end
  for _, param in ipairs(entry.params) do
    put(out, "- `%s`: `%s`%s", param[1], param[2], param[3] ~= "" and ", " .. param[3] or "")
  end
  put(out, "")
end

local function put_word(out, api, entry)
  put(out, "### %s", api.form(entry))
  local gives = api.gives(entry)
  put(out, "%s%s For: %s.", sentence(entry.summary), gives and " Gives `" .. gives .. "`." or "", concat(entry.where, ", "))
  put(out, "")
  if entry.details then
    put(out, entry.details)
    put(out, "")
  end
  put_params(out, entry)
  if entry.of then
    put(out, "Fields: see [%s](#table-%s).", entry.of, entry.of)
    put(out, "")
  end
  put_example(out, entry.example)
end

local function put_fields(out, t)
  put(out, "| field | type | holds | without it |")
  put(out, "|---|---|---|---|")
  for _, field in ipairs(t.fields) do
    local default = field.required and "required" or field.default and cell(field.default) or ""
    put(out, "| %s | %s | %s | %s |", code(field[1]), code(field[2]), cell(field[3]), default)
  end
  put(out, "")
end

local function put_table(out, t)
  put(out, '### <a name="table-%s"></a>%s', t.name, t.name)
  put(out, "%s", sentence(t.summary))
  put(out, "")
  if #t.fields > 0 then put_fields(out, t) end
  for _, field in ipairs(t.fields) do
    if field.details then
      put(out, "**`%s`**: %s", field[1], gsub(field.details, "\n", " "))
      put(out, "")
    end
    put_example(out, field.example)
  end
end

local function put_group(out, api, name)
  for _, group in ipairs(api.groups) do
    if group[1] == name then put(out, "## %s", group[2]) end
  end
  put(out, "")
  for _, entry in ipairs(api.words) do
    if entry.group == name then put_word(out, api, entry) end
  end
end

-- In the order in which authors need them; the console has its own.
local BEFORE, AFTER = { "definitions", "values", "steps", "flows", "data" }, { "look", "act" }

-- The whole text.
function markdown.write(api)
  local out = { HEAD }
  for _, name in ipairs(BEFORE) do put_group(out, api, name) end
  put(out, "## Tables")
  put(out, "")
  for _, t in ipairs(api.tables) do put_table(out, t) end
  for _, name in ipairs(AFTER) do put_group(out, api, name) end
  while out[#out] == "" do out[#out] = nil end
  return concat(out, "\n") .. "\n"
end

return markdown
