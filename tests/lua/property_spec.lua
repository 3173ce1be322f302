-- Random data through templates: see property.lua.

local property = require "tests.lua.property"

describe("random data", function()
  for seed = 1, 4 do
    it("comes out of templates as it went in, seed " .. seed, function() property.run(500, seed) end)
  end
end)
