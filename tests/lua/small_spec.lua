-- native.is_small: what is looked at without anything that counts instructions.

local native = require("tests.lua.native").new()

local function none() return nil end

describe("is_small", function()
  it("takes data of some size", function()
    for _, v in ipairs { 1, "text", true, {}, { a = { b = { "c", 1.5, false } } }, { print, none } } do
      assert.is_true(native.is_small(v, none))
    end
    assert.is_true(native.is_small(nil, none))
    assert.is_true(native.is_small(("x"):rep(60000), none))
  end)

  it("takes no more than that", function()
    assert.is_false(native.is_small(("x"):rep(70000), none))
    assert.is_false(native.is_small({ [("x"):rep(70000)] = 1 }, none))
    local long = {}
    for i = 1, 4000 do long[i] = i end
    assert.is_false(native.is_small(long, none))
    local deep = {}
    for _ = 1, 100 do deep = { deep } end
    assert.is_false(native.is_small(deep, none))
  end)

  it("takes nothing that was large once, and takes as long to look through", function()
    local emptied, list = {}, {}
    for i = 1, 1000000 do emptied[i] = true end
    for i = 1, 1000000 do emptied[i] = nil end
    for i = 1, 1500 do list[i] = emptied end
    local began = os.clock()
    assert.is_false(native.is_small(list, none))
    assert.is_true(os.clock() - began < 1) -- all of them take several
  end)

  it("counts what is met twice", function()
    local double, circle = {}, {}
    for _ = 1, 20 do double = { double, double } end
    circle.circle = circle
    assert.is_false(native.is_small(double, none))
    assert.is_false(native.is_small(circle, none))
  end)

  it("opens what has a metatable, or refuses it", function()
    local marked = setmetatable({}, { __index = error, __len = error, __pairs = error })
    assert.is_false(native.is_small(marked, none))
    assert.is_false(native.is_small({ { marked } }, none))
    assert.is_true(native.is_small({ { marked } }, function(v) return v == marked and { 1 } or nil end))
    assert.is_false(native.is_small({ { marked } }, function() return ("x"):rep(10) end))
  end)
end)
