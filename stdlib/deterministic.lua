-- deterministic: what a script may ask of clock, chance and tables, so that a flow's replay gets the same answers: inside a
-- flow they come from the run, outside from the world.

local error, floor, format, getmetatable, lower, math_type, next, pairs, rawget, sort, sub, tointeger, tonumber, type =
  error, math.floor, string.format, getmetatable, string.lower, math.type, next, pairs, rawget, table.sort, string.sub,
  math.tointeger, tonumber, type
local pack, unpack, random, randomseed = string.pack, string.unpack, math.random, math.randomseed
local clock, os_date, os_time = os.clock, os.date, os.time
local min, move, table_sort = math.min, table.move, table.sort

local native = require "stdlib.native"
local run = require "stdlib.run"

local deterministic = {}

-- Milliseconds since 1970. In a flow: when its last step ended.
function deterministic.now_ms()
  local b = run.active()
  return b and b.now_ms or native.now_ms()
end

-- The same in seconds, with a fraction.
function deterministic.now()
  return deterministic.now_ms() / 1000
end

-- A new id. In a flow: made of the run's id and how many there were.
function deterministic.uuid()
  local b = run.active()
  if not b then return native.uuid() end
  b.uuids = (b.uuids or 0) + 1
  local hex = lower(native.hex(native.digest("sha256", format("%s/%suuid/%d", b.run.id, b.prefix, b.uuids))))
  local variant = 8 | tonumber(sub(hex, 17, 17), 16) & 3 -- RFC 9562: version 8, variant 10
  return format("%s-%s-8%s-%x%s-%s", sub(hex, 1, 8), sub(hex, 9, 12), sub(hex, 14, 16), variant, sub(hex, 18, 20),
    sub(hex, 21, 32))
end

-- --- chance -----------------------------------------------------------------------------------------------------

-- SplitMix64 (Steele, Lea, Flood 2014): one number for each branch to remember.
local function draw(b)
  b.seed = (b.seed or unpack("<i8", native.digest("sha256", b.run.id .. "/" .. b.prefix))) + 0x9E3779B97F4A7C15
  local z = b.seed
  z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
  z = (z ~ z >> 27) * 0x94D049BB133111EB
  return z ~ z >> 31
end

-- An end of an interval.
local function bound(v)
  return tointeger(v) or error("math.random: expected whole numbers", 3)
end

-- math.random
function deterministic.random(low, high)
  local b = run.active()
  if not b then
    if high ~= nil then return random(low, high) end
    if low ~= nil then return random(low) end
    return random()
  end
  local n = draw(b)
  if low == nil then return (n >> 11) * 0x1p-53 end
  if low == 0 and high == nil then return n end -- all bits
  low, high = high == nil and 1 or bound(low), bound(high == nil and low or high)
  if low > high then error("math.random: the interval is empty", 2) end
  local range = high - low + 1
  if range <= 0 then error("math.random: the interval is too large", 2) end
  return low + (n >> 1) % range
end

-- math.randomseed
function deterministic.randomseed(...)
  local b = run.active()
  if not b then return randomseed(...) end
  local seed = ...
  if type(seed) ~= "number" then error("math.randomseed: in a flow, expected a number", 2) end
  b.seed = math_type(seed) == "integer" and seed or unpack("<i8", pack("<d", seed))
end

-- --- clock ------------------------------------------------------------------------------------------------------

-- os.time
function deterministic.time(t)
  if t == nil and run.active() then return floor(deterministic.now()) end
  return os_time(t)
end

-- os.date
function deterministic.date(form, t)
  return os_date(form, t == nil and deterministic.time() or t)
end

-- os.clock
function deterministic.clock()
  local b = run.active()
  if not b then return clock() end
  return (b.now_ms - b.run.started_ms) / 1000
end

-- --- order ------------------------------------------------------------------------------------------------------

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return RANK[ta] < RANK[tb] end
  if ta == "boolean" then return not a and b end
  return a < b
end

local function sorted_keys(t)
  local keys, plain, kind = {}, true, nil
  for key in next, t do
    local of = type(key)
    if not RANK[of] then error(format("a %s as a key has no order that a replay could repeat", of), 3) end
    plain = plain and (kind == nil or kind == of) and of ~= "boolean"
    kind = of
    keys[#keys + 1] = key
  end
  if plain then sort(keys) else sort(keys, before) end
  return keys
end

-- pairs: in a flow numbers first, then texts, then booleans, each in their order.
function deterministic.pairs(t)
  if not run.active() or type(t) ~= "table" then return pairs(t) end
  local meta = getmetatable(t)
  if type(meta) == "table" and rawget(meta, "__pairs") then return pairs(t) end
  local keys, i = sorted_keys(t), 0
  local function step()
    while true do
      i = i + 1
      local key = keys[i]
      if key == nil then return nil end
      local v = rawget(t, key)
      if v ~= nil then return key, v end
    end
  end
  return step, t, nil
end

-- next: in the order of pairs.
function deterministic.next(t, key)
  if not run.active() or type(t) ~= "table" then return next(t, key) end
  local least
  for k in next, t do
    if not RANK[type(k)] then error(format("a %s as a key has no order that a replay could repeat", type(k)), 2) end
    if (key == nil or before(key, k)) and (least == nil or before(k, least)) then least = k end
  end
  if least == nil then return nil end
  return least, rawget(t, least)
end

-- table.sort: Lua's own draws its pivots from the clock where a list is uneven, and leaves the order of equals to them. In a flow
-- equals stay as they were.
function deterministic.sort(t, less)
  if not run.active() or type(t) ~= "table" then return table_sort(t, less) end
  if less ~= nil and type(less) ~= "function" then return table_sort(t, less) end -- which says what is wrong
  less = less or function(a, b) return a < b end
  local n = #t
  local from, to, width = move(t, 1, n, 1, {}), {}, 1
  while width < n do
    for low = 1, n, 2 * width do
      local middle, high = min(low + width, n + 1), min(low + 2 * width, n + 1)
      local i, j = low, middle
      for k = low, high - 1 do
        if i < middle and (j >= high or not less(from[j], from[i])) then
          to[k], i = from[i], i + 1
        else
          to[k], j = from[j], j + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  move(from, 1, n, 1, t)
end

return deterministic
