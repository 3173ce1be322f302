-- Clock, chance and order: repeated by a replay inside flows, the world's outside of them.

local flow_host = require "tests.lua.flow_host"
local helper = require "tests.lua.helper"

-- Runs a flow of this body: what it returned.
local function value(body, id)
  local r = flow_host.new('flow "f" { on = "e", run = function() ' .. body .. " end }"):run({}, { id = id })
  assert(r.state == "succeeded", r.value)
  return r.value
end

local function message(body)
  local r = flow_host.new('flow "f" { on = "e", run = function() ' .. body .. " end }"):run()
  assert(r.state == "failed", r.state)
  return r.value
end

local A, B = "01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b"

local DRAWS = {
  "math.random()", "math.random(1000000)", "math.random(-5, 1000000)", "math.random(0)", "uuid()",
  "template.render('${ uuid() }', {})", "template.render('${ chooseRandomText(\"a\", \"b\", \"c\", \"d\") }', {})",
}

describe("chance in a flow", function()
  for _, draw in ipairs(DRAWS) do
    it("is of the run: " .. draw, function()
      local body = "local out = {} for i = 1, 20 do out[i] = " .. draw .. " end return out"
      assert.equal(value(body, A), value(body, A))
      assert.not_equal(value(body, A), value(body, B))
    end)
  end

  it("goes on, and differs from draw to draw", function()
    value [[local seen = {} for i = 1, 100 do local id = uuid() assert(not seen[id]) seen[id] = true
      assert(id:find "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-8%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", id) end]]
    value [[local sum, least, most = 0, 9, 0 for i = 1, 3000 do local n = math.random(6) sum = sum + n
      least, most = math.min(least, n), math.max(most, n) end assert(least == 1 and most == 6 and sum > 9900 and sum < 11100, sum)]]
    value [[for i = 1, 1000 do local x = math.random() assert(x >= 0 and x < 1) end]]
    value [[assert(math.random(5, 5) == 5 and math.random(3.0) <= 3 and math.type(math.random(3.0)) == "integer")]]
    value [[assert(math.type(math.random(0)) == "integer")]]
  end)

  it("can be given a seed", function()
    local body = "math.randomseed(7) return { math.random(1000000), math.random(1000000) }"
    assert.equal(value(body, A), value(body, B))
    assert.not_equal(value(body), value(body:gsub("7", "7.5")))
    assert.equal("s.lua:1: math.randomseed: in a flow, expected a number", message "math.randomseed() return")
  end)

  it("refuses what has no number", function()
    assert.equal("s.lua:1: math.random: the interval is empty", message "math.random(2, 1) return")
    assert.equal("s.lua:1: math.random: the interval is empty", message "math.random(1, 0) return")
    assert.equal("s.lua:1: math.random: the interval is empty", message "math.random(-1) return")
    assert.equal("s.lua:1: math.random: expected whole numbers", message "math.random(1.5) return")
    assert.equal("s.lua:1: math.random: expected whole numbers", message "math.random(1, {}) return")
    assert.equal("s.lua:1: math.random: the interval is too large", message "math.random(math.mininteger, math.maxinteger) return")
  end)

  it("of a branch does not depend on how branches interleave", function()
    local h = flow_host.new [[flow "f" { on = "e", run = function()
      local function branch(event) return function() local n = { math.random(1e9 // 1), uuid() } wait_event(event)
        n[3], n[4] = math.random(1e9 // 1), uuid() return n end end
      local x, y = parallel(branch "x", branch "y")
      return { x, y, math.random(1e9 // 1) }
    end }]]
    local first = h:run():event(1, {}):event(2, {})
    local second = h:run():event(2, {}):event(1, {})
    local third = h:run():event(2, {}):replayed():event(1, {}):replayed()
    assert.equal(first.value, second.value)
    assert.equal(first.value, third.value)
    local x, y = table.unpack(helper.json.decode(first.value))
    for i = 1, 4 do assert.not_equal(x[i], y[i]) end
  end)
end)

describe("the clock in a flow", function()
  local CLOCKS = "{ now(), os.time(), os.date('!%H:%M:%S'), os.clock(), template.render('${ now() }', {}) }"

  it("stands while the flow does not wait, and is that of the journal", function()
    local h = flow_host.new('flow "f" { on = "e", run = function() local a = ' .. CLOCKS .. " sleep(3600) local b = " .. CLOCKS
      .. " return { a, b } end }")
    h.native.time = 1700000000250
    local r = h:run()
    h.native.time = 1700003600249
    r:wake(1)
    local expected = '[[1700000000.25,1700000000,"22:13:20",0.0,"2023-11-14T22:13:20.250Z"],'
      .. '[1700003601.249,1700003601,"23:13:21",3600.999,"2023-11-14T23:13:21.249Z"]]'
    assert.equal(expected, r.value)
    h.native.time = 1800000000000
    assert.equal(expected, r:replayed().value)
  end)

  it("does not go back when the machine's does, and is each branch's own", function()
    local h = flow_host.new [[flow "f" { on = "e", run = function()
      local x, y = parallel(function() sleep(1) return now() end, function() sleep(2) return now() end)
      return { x, y, now() }
    end }]]
    local r = h:run()
    h.native.time = 1600000000000
    r:wake(1)
    h.native.time = 1700000009000
    assert.equal("[1700000000.0,1700000010.0,1700000010.0]", r:wake(2).value)
  end)

  it("formats and reads times as ever", function()
    assert.equal('[0,"1970"]', value "return { os.time { year = 1970, month = 1, day = 1, hour = 12 } // 86400, os.date('!%Y', 5) }")
  end)
end)

describe("the order of tables in a flow", function()
  local TABLE = "{ b = 1, a = 2, [3] = 3, [-1] = 4, [1.5] = 5, [true] = 6, [false] = 7, ['10'] = 8, [10] = 9, [2^53] = 0 }"
  local ORDER = "[4,5,3,9,0,8,2,1,7,6]"

  it("is numbers, texts, booleans", function()
    assert.equal(ORDER, value("local out = {} for _, v in pairs(" .. TABLE .. ") do out[#out + 1] = v end return out"))
    assert.equal(ORDER, value("local out = {} for _, v in next, " .. TABLE .. " do out[#out + 1] = v end return out"))
    assert.equal('["a","b","c"]', value "local out = {} for k in pairs { c = 1, b = 1, a = 1 } do out[#out + 1] = k end return out")
    assert.equal("[true,true]", value "return { next {} == nil, pairs {} ~= nil }")
  end)

  it("bears changes while it is walked", function()
    assert.equal("[1,3]", value "local t, out = { 1, 2, 3 }, {} for k, v in pairs(t) do t[2] = nil out[#out + 1] = v end return out")
    assert.equal("{}", value "local t = { a = 1, b = 2 } for k in pairs(t) do t[k] = nil end return t")
  end)

  it("follows metatables", function()
    assert.equal('["x"]', value [[local out, t = {}, setmetatable({}, { __pairs = function() return function(_, k)
      return not k and "x" or nil end end }) for k in pairs(t) do out[#out + 1] = k end return out]])
    assert.equal("[1]", value [[local out = {} for _, v in pairs(setmetatable({ 1 }, { __index = { 2, 3 } })) do out[#out + 1] = v end
      return out]])
  end)

  it("leaves equals as they were when a list is sorted", function()
    value [[
      for _, n in ipairs { 0, 1, 2, 3, 7, 64, 1000 } do
        local t = {}
        for i = 1, n do t[i] = { k = (i * 7919) % 11, i = i } end
        table.sort(t, function(a, b) return a.k < b.k end)
        assert(#t == n)
        for i = 2, n do assert(t[i - 1].k < t[i].k or t[i - 1].k == t[i].k and t[i - 1].i < t[i].i) end
      end
      local words = { "b", "C", "a" }
      table.sort(words)
      assert(table.concat(words) == "Cab")
      assert(not pcall(table.sort, { 1, "a" }))
      local kept = { 3, 1, 2 }
      assert(not pcall(table.sort, kept, function() error "x" end) and kept[1] + kept[2] + kept[3] == 6)
      assert(not pcall(table.sort, { 2, 1 }, 7))]]
  end)

  it("is none for keys without one", function()
    for _, key in ipairs { "{}", "print", "coroutine.create(print)", "json.null" } do
      local kind = key == "{}" and "table" or key == "print" and "function" or key == "json.null" and "userdata" or "thread"
      local said = "s.lua:1: a " .. kind .. " as a key has no order that a replay could repeat"
      assert.equal(said, message("for _ in pairs { [" .. key .. "] = 1 } do end return"))
      assert.equal(said, message("next({ [" .. key .. "] = 1 }) return"))
    end
    assert.equal("s.lua:1: bad argument #1 to 'for iterator' (table expected, got nil)", message "for _ in pairs(nil) do end return")
  end)
end)

describe("outside of flows", function()
  it("clock, chance and order are the world's", function()
    helper.good [[
      assert(now() == 1700000000 and uuid() == "11111111-1111-4111-8111-111111111111")
      assert(math.abs(os.time() - os.time(os.date "*t")) <= 1 and os.date("%Y") + 0 > 2000 and os.clock() > 0)
      math.randomseed(42)
      local a, b, c = math.random(), math.random(10), math.random(3, 4)
      math.randomseed(42)
      assert(a == math.random() and b == math.random(10) and c == math.random(3, 4))
      local n = 0
      for key in pairs { [{}] = 1, [print] = 2, x = 3 } do n = n + 1 end
      for key in next, { [{}] = 1 } do n = n + 1 end
      assert(n == 4)
    ]]
  end)

  it("they are so in the requests of a flow", function()
    local h = flow_host.new [[
      integration "i" { url = "http://h.test/" }
      webhook "w" { integration = "i", body = function() local n = 0 for _ in pairs { [{}] = 1 } do n = n + 1 end
        return { now(), uuid(), n } end }
      webhook "v" { integration = "i", body = { "${ now() }", "${ uuid() }" } }
      flow "f" { on = "e", run = function() sleep(1) send "w" send "v" return now() end }]]
    local r = h:run({}, { started_ms = 1600000000000 })
    r:put(1, { result = "null" })
    h.native.time = 1700000060000
    r:go()
    assert.equal('[1700000060.0,"11111111-1111-4111-8111-111111111111",1]', r.sent[1].body)
    assert.equal('["2023-11-14T22:14:20.000Z","11111111-1111-4111-8111-111111111111"]', r.sent[2].body)
  end)
end)
