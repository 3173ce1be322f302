-- The one table of the API: it has all that there is and nothing else, and what is made of it is right.

local console_host = require "tests.lua.console_host"
local helper = require "tests.lua.helper"

helper.boot()
require "stdlib.console"
local api, fields = require "stdlib.api", require "stdlib.fields"
local names = require "stdlib.console.names"
local sandbox, words = require "stdlib.sandbox", require "stdlib.console.words"

local function keys(t)
  local out = {}
  for key in pairs(t) do out[#out + 1] = key end
  table.sort(out)
  return out
end

local LUAS = {}
for name in pairs(_G) do LUAS[name] = true end
LUAS.print, LUAS.require = nil, nil

-- "json.encode" for each word of an environment: tables give their fields, and their own name when they can be called.
local function flat(env, out)
  for name, v in pairs(env) do
    if not LUAS[name] then
      local meta = type(v) == "table" and getmetatable(v)
      if type(v) ~= "table" or meta == "log" or meta == "runs" or meta == "template word" then out[name] = true end
      for key in pairs(type(v) == "table" and v or {}) do out[name .. "." .. key] = true end
    end
  end
  return out
end

local function named(...)
  local out = {}
  for _, entry in ipairs(api.words) do
    for _, place in ipairs { ... } do
      if api.is_for(entry, place) then out[entry.name] = true end
    end
  end
  return out
end

-- What "json.encode" stands for at the console.
local function resolve(path)
  local v
  for name in path:gmatch("[^.]+") do
    if v == nil then v = names.root(name) elseif type(v) == "table" then v = rawget(v, name) end
    if v == nil then return nil end
  end
  return v
end

describe("the table of the API", function()
  it("has each word of scripts, and no other", function()
    local there = flat(sandbox.words, flat(sandbox.env, {}))
    assert.same(keys(there), keys(named("script", "flow")))
  end)

  it("has each word of the console, and no other", function()
    local there = flat(words.all, {})
    for name in pairs(words.NOT_HERE) do there[name] = nil end
    for name in pairs(named "console") do
      if named("script", "flow")[name] and resolve(name) ~= nil then there[name] = true end
    end
    assert.same(keys(there), keys(named "console"))
  end)

  it("says of each word that is not for the console that it is for scripts", function()
    for name in pairs(words.NOT_HERE) do
      assert.truthy(named("script", "flow")[name], name)
      assert.is_nil(named("console")[name], name)
    end
  end)

  for _, kind in ipairs { "integration", "webhook", "flow" } do
    it("has each field of " .. kind .. ", and no other", function()
      local there, required = {}, {}
      for _, field in ipairs(api.table(kind).fields) do
        there[field[1]] = true
        if field.required then required[field[1]] = true end
      end
      assert.same(keys(fields[kind]), keys(there))
      assert.same(keys(fields.required[kind]), keys(required))
    end)
  end

  it("has each field of a response", function()
    local res = require("stdlib.response").new(200, "A: b\n", "{}", false)
    for _, field in ipairs(api.table("response").fields) do
      local of_calls = field[3]:find("^of a call") or field[1] == "attempts" or field[1] == "charset"
      assert.truthy(of_calls or res[field[1]] ~= nil, field[1])
    end
  end)

  it("has the filters that the console knows", function()
    for name, known in pairs { delivery_filter = words.DELIVERY_FILTERS, run_filter = words.RUN_FILTERS } do
      local there = {}
      for _, field in ipairs(api.table(name).fields) do there[field[1]] = true end
      assert.same(keys(known), keys(there))
    end
  end)

  it("says each state", function()
    for name, states in pairs { ["delivery_filter.state"] = words.DELIVERY_STATES, ["run_filter.state"] = words.RUN_STATES } do
      for _, state in ipairs(states) do assert.truthy(api.field(name)[3]:find(state, 1, true), state) end
    end
  end)

  it("has whole entries, in groups that there are", function()
    local groups = {}
    for _, group in ipairs(api.groups) do groups[group[1]] = true end
    for _, entry in ipairs(api.words) do
      assert.truthy(groups[entry.group], entry.name)
      assert.truthy(#entry.where > 0 and entry.summary ~= "" and entry.params and entry.returns, entry.name)
      assert.truthy(not entry.of or api.table(entry.of), entry.name)
    end
  end)

  it("has examples that are Lua", function()
    local function check(name, example)
      local ok = load(example) or load("return " .. example) or load("return {" .. example .. "}")
      assert.truthy(ok, name .. ": " .. example)
    end
    for _, entry in ipairs(api.words) do if entry.example then check(entry.name, entry.example) end end
    for _, t in ipairs(api.tables) do
      for _, field in ipairs(t.fields) do if field.example then check(t.name .. "." .. field[1], field.example) end end
    end
  end)
end)

describe("the stubs for editors", function()
  local boot, native = helper.boot()
  local text = boot.api_stubs()

  it("are Lua", function()
    assert.truthy(native.compile(text, "=stubs"))
    assert.truthy(text:find "^%-%-%-@meta\n")
  end)

  it("declare each word of scripts, and know each class they name", function()
    local env = setmetatable({}, { __index = function(t, key) return rawget(t, key) end })
    assert(native.compile(text, "=stubs", env))()
    for name in pairs(sandbox.words) do assert.truthy(env[name], name) end
    for class in text:gmatch "anzol%.[%w_]+" do
      assert.truthy(text:find("---@class " .. class .. "\n", 1, true), class)
    end
  end)

  it("has no word of the console alone", function()
    assert.falsy(text:find("function deliveries", 1, true))
  end)
end)

describe("the reference", function()
  it("is what scripts/API.md holds: make api", function()
    local file = assert(io.open "scripts/API.md")
    local text = file:read "a"
    file:close()
    assert.truthy(helper.boot().api_markdown() == text, "it is not what stdlib/api says: make api")
  end)

  it("names each word and each field", function()
    local text = helper.boot().api_markdown()
    for _, entry in ipairs(api.words) do assert.truthy(text:find("### " .. api.form(entry), 1, true), entry.name) end
    for _, t in ipairs(api.tables) do
      for _, field in ipairs(t.fields) do assert.truthy(text:find("\n| `" .. field[1] .. "` |", 1, true), field[1]) end
    end
  end)
end)

describe("help", function()
  local c = console_host.new "function mine() end"
  local function help(code)
    c:says(code)
    return c:printed()
  end

  it("fits 80 columns, one line a word", function()
    local text = help "help()"
    for line in text:gmatch "[^\n]+" do assert.truthy(utf8.len(line) <= 80, line) end
    for _, entry in ipairs(api.words) do
      assert.truthy(text:find("\n  " .. api.form(entry, true) .. " ", 1, true), entry.name)
    end
  end)

  it("says all about a word, by name or by value", function()
    local text = help "help 'call'"
    assert.truthy(text:find("^call%(webhook, data%?%)  gives response\n"))
    assert.equal(text, help "help(call)")
    assert.equal(help "help 'json.encode'", help "help(json.encode)")
    assert.equal(help "help(runs)", help "help 'runs'")
    assert.equal(help "help 'webhook'", help "help(webhook)")
    assert.truthy(help("help 'webhook'"):find("for scripts, not here", 1, true))
    assert.truthy(help("help(json)"):find("json.array(t)", 1, true))
    assert.truthy(help("help(help)"):find("help(word?)", 1, true))
  end)

  it("says all about a field", function()
    assert.truthy(help("help 'webhook.retry'"):find("^webhook.retry: retry|false\n  when a request is sent again"))
    assert.truthy(help("help 'response'"):find("\n  delivery_id ", 1, true))
  end)

  it("fits the terminal", function()
    c.width = 50
    for line in help("help 'integration'"):gmatch "[^\n]+" do assert.truthy(#line <= 75, line) end
    c.width = 80
  end)

  it("knows what is near", function()
    assert.equal("help 'wehbook': nothing is called that; did you mean 'webhook'?", c:fails "help 'wehbook'")
    assert.equal("help 'webhook.rety': nothing is called that; did you mean 'webhook.retry'?", c:fails "help 'webhook.rety'")
    assert.equal("help 'delays': a field: see help \"retry.delays\"", c:fails "help 'delays'")
    assert.equal("help: expected a word or its name, found a number", c:fails "help(5)")
    assert.equal("help 'mine': nothing is called that", (c:fails "help(mine)"):match "^[^;]+")
  end)

  it("has something to say about each name it knows", function()
    for _, name in ipairs(api.names()) do assert.truthy(#help("help '" .. name .. "'") > 10, name) end
  end)
end)
