-- console_host: what the host does for a session of the console, as specs need it: answers what lines ask for, stops them.
--
--   local c = console_host.new(script)
--   c:on("call", function(args) return { … } end)      -- or nil, message
--   c:run "call('w', {})"                              -- how it ended, the text, the JSON

local helper = require "tests.lua.helper"
local json = helper.json

local console_host = {}

local Console = {}
Console.__index = Console

-- Loads scripts that must be right, begins a session. Options: as helper.load; width; kept.
function console_host.new(script, options)
  options = options or {}
  local boot, native = helper.good(script or "", options)
  local c = setmetatable({ boot = boot, native = native, answers = {}, asked = {}, width = options.width or 80 }, Console)
  c.session = boot.console_new(options.kept)
  return c
end

-- What the host answers to an op: a table, or a function of the arguments.
function Console:on(op, answer)
  self.answers[op] = answer
  return self
end

function Console:answer(op, args)
  args = json.decode(args)
  self.asked[#self.asked + 1] = { op = op, args = args }
  local answer, why = self.answers[op], nil
  if type(answer) == "function" then answer, why = answer(args) end
  if answer == nil then return self.boot.console_answer(self.session, false, why or "no answer to " .. op) end
  self.boot.console_answer(self.session, true, type(answer) == "string" and answer or json.encode(answer))
end

-- Runs a line to its end; `slices`: stop it every so many instructions, as the host's hook does.
function Console:run(code, options)
  options = options or {}
  self.slices = 0
  local how, a, b = self.boot.console_eval(self.session, code, self.width, options.json)
  while how == "asked" or how == "slice" do
    if how == "asked" then self:answer(a, b) else self.slices = self.slices + 1 end
    how, a, b = self.boot.console_go(self.session)
  end
  helper.free_strings()
  return how, a, b
end

-- The text of a line that must go well.
function Console:says(code)
  local how, text = self:run(code)
  if how ~= "done" then error(code .. ": " .. how .. ": " .. tostring(text), 2) end
  return text
end

-- The message of a line that must fail.
function Console:fails(code)
  local how, text = self:run(code)
  if how ~= "failed" then error(code .. ": " .. how .. ": " .. tostring(text), 2) end
  return text
end

-- What lines have printed since the last look.
function Console:printed()
  local out = table.concat(self.native.shown)
  self.native.shown = {}
  return out
end

return console_host
