-- names: what names stand for at the console, and what things are called: words, libraries, what the scripts have defined.

local ipairs, next, rawget, type = ipairs, next, rawget, type

local native = require "stdlib.native"
local mistakes = require "stdlib.mistakes"
local sandbox = require "stdlib.sandbox"
local words = require "stdlib.console.words"

local names = {}

local definitions -- boot's: () -> integrations, webhooks, flows

-- Tells how the definitions of the scripts are found.
function names.use(lister)
  definitions = lister
end

-- The names of integrations, webhooks, flows or events, sorted.
function names.list(what)
  local integrations, webhooks, flows = definitions()
  local set = {}
  if what == "integrations" then
    for _, whole in ipairs(integrations) do set[whole.def.name] = true end
  elseif what == "webhooks" or what == "flows" then
    for _, r in ipairs(what == "flows" and flows or webhooks) do set[r.name] = true end
  elseif what == "events" then
    for _, list in ipairs { webhooks, flows } do
      for _, r in ipairs(list) do
        if r.on then set[r.on] = true end
      end
    end
  end
  return mistakes.names(set)
end

-- The nearest of them; `kind`: "webhook".
function names.nearest(kind, name)
  return native.nearest(name, names.list(kind .. "s"))
end

-- What a name that no session has changed stands for; nil: nothing.
function names.root(name)
  local v = words.all[name]
  if v ~= nil then return v end
  return rawget(sandbox.env, name)
end

local function put(out, v, name)
  local t = type(v)
  if (t == "function" or t == "table") and out[v] == nil then out[v] = name end
end

local function put_fields(out, t, owner)
  for name, v in next, t do
    if type(name) == "string" and type(v) == "function" then put(out, v, owner .. "." .. name) end
  end
end

-- Values and their names. Console words come first: where both have a name, the console's is meant.
local function learned()
  local out = {}
  for _, env in ipairs { words.all, sandbox.env } do
    for _, name in ipairs(mistakes.names(env)) do
      local v = rawget(env, name)
      put(out, v, name)
      if type(v) == "table" and (env == words.all or sandbox.is_own(name)) then put_fields(out, v, name) end
    end
  end
  return out
end

local known -- what was learned; nil: not yet

-- What a function, or a table of words, is called; nil: nobody knows.
function names.of(v)
  local all = known or learned()
  known = all
  return all[v]
end

-- What is known is looked up anew: a line may have changed it.
function names.forget()
  known = nil
end

return names
