-- dsl: the words of a script: each call only notes what was defined and where; checking comes when all scripts are loaded.

local error, find, format, next, pairs, select, setmetatable, tostring, type =
  error, string.find, string.format, next, pairs, select, setmetatable, tostring, type

local native = require "stdlib.native"
local marks = require "stdlib.template.marks"
local mistakes = require "stdlib.mistakes"
local text = require "stdlib.text"

local dsl = {}

local loading, scripts = false, {}
local secret_names, plain_names = {}, {} -- of variables: asked for with secret, read with env
local defined = { integration = {}, webhook = {}, flow = {} }
local open = {} -- definitions whose table has not come yet

-- Opens and closes the time when definitions are accepted.
function dsl.set_loading(yes)
  loading = yes
end

-- Remembers a script's path: definitions are placed in scripts, not in the library.
function dsl.add_script(path)
  scripts[path] = true
end

-- The nearest script line that is being run: path, line.
function dsl.here()
  for level = 2, 40 do
    local path, line = native.where(level)
    if path and scripts[path] then return path, line end
  end
end
local here = dsl.here

-- Raises when the scripts are loaded already.
function dsl.only_while_loading(word)
  if not loading then error(format("%s() is for the top of a script; scripts are loaded already", word), 3) end
end
local only_while_loading = dsl.only_while_loading

local function fail(path, line, message, ...)
  mistakes.add(path, line, nil, format(message, ...))
end

-- What a value is, for messages: "a number".
function dsl.kind(v)
  local t = type(v)
  if v == nil then return "nothing" end
  if text.is(v) then return "a secret" end
  if v == native.json_null then return "json.null" end
  return (t == "userdata" and "an " or "a ") .. t
end
local kind = dsl.kind

-- A value in messages: a text in quotes, a number as it is, else what it is.
function dsl.shown(v)
  return type(v) == "string" and "'" .. v .. "'" or type(v) == "number" and tostring(v) or kind(v)
end

local function check_name(word, name, path, line)
  if type(name) ~= "string" then
    fail(path, line, '%s: expected a name, as in %s "name" { … }; found %s', word, word, kind(name))
  elseif not find(name, "^[%w_][%w_.-]*$") or #name > 100 then
    fail(path, line, "%s: bad name '%s'; letters, digits, '_', '-' and '.', at most 100", word, name)
  else
    return true
  end
end

local Copy = { __metatable = "copy", __name = "copy" }
local copies = setmetatable({}, { __mode = "k" })

local function note(def, fields)
  open[def] = nil
  local base = type(fields) == "table" and copies[fields]
  if base then
    if def.kind ~= "webhook" then
      return fail(def.path, def.line, "%s: copy is for webhooks", def.label)
    end
    def.base, fields = base.name, base.changes or {}
  end
  if type(fields) ~= "table" or text.is(fields) then
    return fail(def.path, def.line, "%s: expected a table of fields, found %s", def.label, kind(fields))
  end
  def.fields = {}
  for key, v in pairs(fields) do def.fields[key] = v end
  local list = defined[def.kind]
  list[#list + 1] = def
end

-- `integration`, `webhook` and `flow`: word "name" { fields }; word("name", { fields }) too.
local function definer(word)
  return function(name, fields_too)
    only_while_loading(word)
    local path, line = here()
    local def = { kind = word, name = name, path = path, line = line, label = format("%s '%s'", word, name) }
    if not check_name(word, name, path, line) then return function() end end
    if fields_too ~= nil then return note(def, fields_too) end
    open[def] = true
    return function(fields) note(def, fields) end
  end
end

function Copy.__call(self, changes)
  if type(changes) ~= "table" then
    local path, line = here()
    fail(path, line, "copy: expected a table of changes, found %s", kind(changes))
    changes = {}
  end
  copies[self].changes = changes
  return self
end

-- copy "name" { changes }: a webhook's fields, some replaced.
local function copy(name)
  only_while_loading("copy")
  local path, line = here()
  check_name("copy", name, path, line)
  local object = setmetatable({}, Copy)
  copies[object] = { name = type(name) == "string" and name or "?" }
  return object
end

-- secret "NAME": a slot where the core puts the value while sending.
local function secret(name)
  only_while_loading("secret")
  local path, line = here()
  if type(name) ~= "string" then
    fail(path, line, 'secret: expected a name, as in secret "TOKEN"; found %s', kind(name))
  elseif not find(name, "^[%a_][%w_]*$") or #name > 200 then
    fail(path, line, "secret: bad name '%s'; letters, digits and '_'", name)
  elseif not native.secret(name) then
    fail(path, line, "secret '%s' is not set, or empty; put %s=… into the environment", name, name)
  elseif plain_names[name] then
    fail(path, line, "secret '%s': it was read with env, which shows it; use secret in both places", name)
  end
  secret_names[name or "?"] = true
  return text.new { { secret = type(name) == "string" and name or "?" } }
end

local function spec(word, what, v)
  local path, line = here()
  if type(v) == "string" then return v end
  fail(path, line, '%s: expected %s, found %s', word, what, kind(v))
  return word == "each" and "x in x" or "true"
end

-- each("name in list", value): a list with a value for each element.
local function each(loop, value)
  only_while_loading("each")
  loop = spec("each", '"name in list"', loop)
  if value == nil then
    local path, line = here()
    fail(path, line, "each: expected a second argument, what each element becomes")
    value = ""
  end
  return marks.new { kind = "each", spec = loop, value = value }
end

-- when("condition", value[, other]): a value that is there when the condition holds.
local function when(condition, value, ...)
  only_while_loading("when")
  condition = spec("when", 'a condition, as in "Order.Note != null"', condition)
  if value == nil then
    local path, line = here()
    fail(path, line, "when: expected a second argument, the value")
    value = ""
  end
  return marks.new { kind = "when", spec = condition, value = value, other = (select(1, ...)) }
end

-- The words, for the environment of a script.
dsl.words = {
  integration = definer "integration", webhook = definer "webhook", flow = definer "flow", copy = copy, secret = secret,
  each = each, when = when,
}

-- Whether any script asked for a secret.
function dsl.secrets_used()
  return next(secret_names) ~= nil
end

-- env "NAME" is about to read a variable: raises when it is a secret's.
function dsl.read_plain(name)
  if secret_names[name] then error(format("env: '%s' is a secret; write secret \"%s\"", name, name), 3) end
  plain_names[name] = true
end

-- A script that ended in the middle: what it had begun is no mistake of its own.
function dsl.forget_open(path)
  for def in pairs(open) do
    if def.path == path then open[def] = nil end
  end
end

-- The definitions of a kind, in the order they came; the unfinished ones are told.
function dsl.definitions(word)
  for def in pairs(open) do
    if def.kind == word then fail(def.path, def.line, "%s: no table of fields follows", def.label) end
  end
  return defined[word]
end

return dsl
