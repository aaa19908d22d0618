-- Nearest neighbours: exact also for tight groups that lie far apart, and for equal points.
local gl = require "genlat"
local linalg = gl.core.linalg

local function squared(a, b)
  local sum = 0.0
  for i = 1, #a do sum = sum + (a[i] - b[i]) ^ 2 end
  return sum
end

local function radii_of(rows, k)
  local radii = {}
  for i, row in ipairs(rows) do
    local all = {}
    for j, other in ipairs(rows) do
      if j ~= i then all[#all + 1] = squared(row, other) end
    end
    table.sort(all)
    radii[i] = all[k]
  end
  return radii
end

local function count_of(x, y, radii)
  local count = 0
  for _, row in ipairs(x) do
    for j, other in ipairs(y) do
      if squared(row, other) <= radii[j] then
        count = count + 1
        break
      end
    end
  end
  return count
end

local function groups(n, d, width, apart)
  return gl.cat {gl.randn(n, d) * width, gl.randn(n, d) * width + apart, gl.randn(3, d) * apart}
end

local cases = {
  {"a cloud", function() return gl.randn(90, 20) end},
  {"a cloud far from 0", function() return gl.randn(70, 5) + 1e4 end},
  {"groups 1000 widths apart", function() return groups(40, 16, 1e-2, 10) end},
  {"groups 100,000 widths apart", function() return groups(40, 16, 1e-4, 10) end},
  {"huge points", function() return groups(30, 3, 1e33, 1e38) end},
  {"tiny points", function() return gl.randn(50, 4) * 1e-37 end},
  {"denormal points", function() return gl.randn(50, 4) * 1e-41 end},
  {"points that are there five times", function()
    local u = gl.randn(12, 84)
    return gl.cat {u, u, u, u, u}
  end},
  {"one point with an outlier", function() return gl.cat {gl.ones(40, 3), gl.full({1, 3}, 1e6)} end},
  {"a grid, whose distances are equal", function()
    local rows = {}
    for i = 1, 7 do
      for j = 1, 7 do rows[#rows + 1] = {i, j} end
    end
    return gl.tensor(rows)
  end},
}

describe("neighbours", function()
  for _, case in ipairs(cases) do
    it("are those of all distances compared one by one: " .. case[1], function()
      gl.seed(21)
      local x, y = case[2](), case[2]()
      local threads = gl.threads()
      finally(function() gl.threads(threads) end)
      for _, k in ipairs {1, 3, 10} do
        local right = radii_of(x:totable(), k)
        for n = 1, 2 do
          gl.threads(n)
          local radii = linalg.neighbour_radii(x, k)
          for i, radius in ipairs(right) do -- sums may be made in another order
            assert.is_true(math.abs(radii[i] - radius) <= 1e-12 * radius)
          end
          assert.equal(count_of(y:totable(), x:totable(), right), linalg.count_within(y, x, radii))
          assert.equal(#x, linalg.count_within(x, x, radii))
        end
      end
    end)
  end

  it("are refused where they cannot be", function()
    local x = gl.randn(5, 2)
    assert.error_matches(function() linalg.neighbour_radii(x, 5) end, "neighbour_radii: k is from 1 to 4, not 5")
    assert.error_matches(function() linalg.neighbour_radii(x, 0) end, "k is from 1 to 4, not 0")
    assert.error_matches(function() linalg.count_within(x, gl.randn(5, 3), {}) end, "points of 2 and of 3 dimensions")
    assert.error_matches(function() linalg.count_within(x, x, {1}) end, "expected a radius for each of 5 points")
    x[{4, 1}] = 0 / 0
    assert.error_matches(function() linalg.neighbour_radii(x, 1) end, "point 4 is not finite: its dimension 1 is ")
    assert.error_matches(function() linalg.count_within(x, gl.randn(1, 2), {1}) end, "count_within: point 4 is not fin")
  end)

  it("leave nothing behind where memory runs out", function()
    local x = gl.randn(40, 3)
    local radii = linalg.neighbour_radii(x, 2)
    collectgarbage()
    collectgarbage()
    local before = gl.memory().live
    for _, compute in ipairs {
      function() linalg.neighbour_radii(x, 2) end, function() linalg.count_within(x, x, radii) end,
    } do
      local failures = 0
      for n = 0, 30 do
        gl.core.memory_fail_after(n)
        local ok, message = pcall(compute)
        gl.core.memory_fail_after(-1)
        if not ok then
          failures = failures + 1
          assert.matches("out of memory", message)
        end
        assert.equal(before, gl.memory().live)
      end
      assert.is_true(failures >= 6)
    end
  end)
end)
