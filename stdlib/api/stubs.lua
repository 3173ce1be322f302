-- stubs: the API as annotations that editors read (LuaLS, EmmyLua), so that they complete and check scripts.

local concat, find, format, gsub, ipairs, match, sub =
  table.concat, string.find, string.format, string.gsub, ipairs, string.match, string.sub

local stubs = {}

local HEAD = [[
---@meta
-- The words of anzol's scripts, for editors. Not to be loaded as a script.
]]

local function put(out, line, ...)
  out[#out + 1] = format(line, ...)
end

-- A type with the classes of the API under their names here.
local function typed(api, s)
  return (gsub(s, "()([%a_][%w_]*)()", function(from, name, to)
    if not api.table(name) then return nil end
    local quoted = sub(s, from - 1, from - 1) == '"'
    if quoted or find(s, "^%??:", to) then return nil end -- a constant, or the name of a parameter
    return "anzol." .. name
  end))
end

local function comment(s)
  return (gsub(s, "\n", " "))
end

local function field_line(api, out, field, optional)
  local name, mark = field[1], optional and not find(field[1], "^%[") and "?" or ""
  local more = field.default and format(" (without it: %s)", field.default) or ""
  put(out, "---@field %s%s %s %s", name, mark, typed(api, field[2]), comment(field[3] .. more))
end

-- What scripts write may leave fields out; what they get has them.
local function put_class(api, out, t)
  put(out, "---%s", t.summary)
  put(out, "---@class anzol.%s", t.name)
  for _, field in ipairs(t.fields) do field_line(api, out, field, t.kind == "written" and not field.required) end
  if t.name == "secret" then
    put(out, "---@operator concat(string|number|anzol.secret): anzol.secret")
  end
  put(out, "")
end

-- A copy leaves out what it does not change.
local function put_changes(api, out)
  put(out, "---what copy changes of a webhook")
  put(out, "---@class anzol.webhook_changes")
  for _, field in ipairs(api.table("webhook").fields) do field_line(api, out, field, true) end
  put(out, "")
end

local function put_text(out, entry)
  put(out, "---%s", entry.summary)
  if entry.details then put(out, "---%s", comment(entry.details)) end
  if entry.example then
    put(out, "---```lua")
    put(out, "---%s", (gsub(entry.example, "\n", "\n---")))
    put(out, "---```")
  end
end

local function put_function(api, out, entry)
  local names = {}
  put_text(out, entry)
  for i, param in ipairs(entry.params) do
    names[i] = match(param[1], "^[^?]+")
    put(out, "---@param %s %s %s", param[1], typed(api, param[2]), comment(param[3]))
  end
  for _, kind in ipairs(entry.returns) do
    kind = typed(api, kind)
    if entry.name == "copy" then kind = "fun(changes: anzol.webhook_changes): anzol.webhook" end
    put(out, "---@return %s", kind)
  end
  put(out, "function %s(%s) end", entry.name, concat(names, ", "))
  put(out, "")
end

local function put_value(out, entry)
  put_text(out, entry)
  put(out, "---@type %s", entry.value)
  put(out, "%s = nil", entry.name)
  put(out, "")
end

-- A table of words, which may be called itself: log.
local function put_owner(api, out, name, entry)
  if entry then
    local params = {}
    for i, param in ipairs(entry.params) do params[i] = param[1] .. ": " .. typed(api, param[2]) end
    put_text(out, entry)
    put(out, "---@overload fun(%s)", concat(params, ", "))
  end
  put(out, "%s = {}", name)
  put(out, "")
end

-- The whole text.
function stubs.write(api)
  local out, owners = { HEAD }, {}
  for _, t in ipairs(api.tables) do
    if not t.console then put_class(api, out, t) end
  end
  put_changes(api, out)
  for _, entry in ipairs(api.words) do
    local owner = match(entry.name, "^(.-)%.")
    local in_scripts = api.is_for(entry, "script") or api.is_for(entry, "flow")
    if in_scripts and owner and not owners[owner] then
      owners[owner] = true
      put_owner(api, out, owner)
    end
    if in_scripts and not entry.lua then
      if entry.value then
        put_value(out, entry)
      elseif #api.parts(entry.name) > 0 then
        owners[entry.name] = true
        put_owner(api, out, entry.name, entry)
      else
        put_function(api, out, entry)
      end
    end
  end
  return (gsub(concat(out, "\n"), " +\n", "\n"))
end

return stubs
