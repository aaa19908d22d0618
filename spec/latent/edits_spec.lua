-- Edits of images by an amount, and how much of one is in other images.
local gl = require "genlat"
local edits = gl.latent.edits

local function near(expected, got, tolerance)
  local difference = (expected - got):abs():max():item()
  assert.is_true(difference <= tolerance, ("off by %g, which is more than %g"):format(difference, tolerance))
end

-- Images N x h x w x 1 from functions of column and row, counted from 1.
local function image(h, w, f)
  local rows = {}
  for i = 1, h do
    rows[i] = {}
    for j = 1, w do rows[i][j] = f(j, i) end
  end
  return gl.tensor(rows):reshape(1, h, w, 1)
end

local function bar(width) -- upright, 21 high, in the middle of 31 x 31
  return image(31, 31, function(x, y)
    return math.abs(x - 16) <= (width - 1) / 2 and math.abs(y - 16) <= 10 and 1 or 0
  end)
end

local digits = gl.data.load("digits", {train = 1, test = 60}).test:head(60)

describe("an edit", function()
  it("changes nothing by the amount 0", function()
    for _, name in ipairs(edits.names) do
      local x, mask = edits.apply(name, digits, 0)
      near(digits, x, 1e-6)
      assert.equal(60 * 28 * 28, mask:sum():item(), name)
    end
  end)

  it("shifts to the right and down, and knows what came from outside", function()
    local x = gl.rand(2, 6, 7, 3)
    local right, mask = edits.apply("shift_x", x, 2)
    near(x:slice(3, 1, 5), right:slice(3, 3, 7), 1e-6)
    assert.equal(0, right:slice(3, 1, 2):sum():item())
    assert.same({0, 0, 1, 1, 1, 1, 1}, mask:select(1, 2):select(1, 6):reshape(7):totable())
    local up = edits.apply("shift_y", x, -1)
    near(x:slice(2, 2, 6), up:slice(2, 1, 5), 1e-6)
    near((x:slice(3, 1, 6) + x:slice(3, 2, 7)) / 2, edits.apply("shift_x", x, -0.5):slice(3, 1, 6), 1e-6)
  end)

  it("rotates clockwise", function()
    local x = gl.rand(1, 5, 5, 2)
    local turned, mask = edits.apply("rotate", x, 90)
    near(x:transpose(2, 3):flip(3), turned, 1e-5) -- the left column comes to the top
    assert.equal(25, mask:sum():item())
    assert.equal(0, select(2, edits.apply("rotate", x, 45))[{1, 1, 1, 1}]:item())
  end)

  it("zooms by powers of two", function()
    local square = image(16, 16, function(x, y) return x > 6 and x < 11 and y > 6 and y < 11 and 1 or 0 end)
    local larger = edits.apply("zoom", square, 1)
    assert.is_true(math.abs(larger:sum():item() / 16 - 4) < 0.3)
    local smaller, mask = edits.apply("zoom", square, -1)
    assert.is_true(math.abs(smaller:sum():item() / 16 - 0.25) < 0.05)
    assert.equal(64, mask:sum():item())
  end)

  it("widens strokes by so many pixels, or thins them", function()
    for _, case in ipairs {{3, 2, 5}, {1, 6, 7}, {5, -2, 3}, {7, -4, 3}} do
      near(bar(case[3]):slice(2, 16, 16), edits.apply("thicken", bar(case[1]), case[2]):slice(2, 16, 16), 1e-6)
    end
    near(gl.ones(1, 4, 4, 1), (edits.apply("thicken", gl.ones(1, 4, 4, 1), 1e30)), 1e-6) -- and comes to an end
    local row = edits.apply("thicken", bar(3), 1):select(2, 16):reshape(31)
    assert.is_true(math.abs(row:sum():item() - 4) < 1e-5)
  end)

  it("brightens light and leaves black alone", function()
    local x = gl.tensor {0, 0.2, 0.8}:reshape(1, 1, 3, 1)
    near(gl.tensor {0, 0.4, 1}, edits.apply("brighten", x, 1):reshape(3), 1e-6)
    near(gl.tensor {0, 0.1, 0.4}, edits.apply("brighten", x, -1):reshape(3), 1e-6)
  end)

  it("takes an amount for each image", function()
    for _, name in ipairs(edits.names) do
      local x = digits:slice(1, 1, 3)
      local all = edits.apply(name, x, gl.tensor {-0.3, 0, 0.7})
      for i, amount in ipairs {-0.3, 0, 0.7} do
        near(edits.apply(name, x:slice(1, i, i), amount), all:slice(1, i, i), 1e-5)
      end
    end
  end)

  it("explains what it cannot do", function()
    assert.error_matches(function() edits.apply("stretch", digits, 1) end, "no edit 'stretch'; there are shift_x, ")
    assert.error_matches(function() edits.apply("zoom", digits[1], 1) end, "N x H x W x C, these are 28x28x1")
    assert.error_matches(function() edits.apply("zoom", digits, gl.zeros(3)) end, "a number or 60 numbers, not 3")
  end)
end)

describe("images", function()
  it("are told apart by their ground", function()
    assert.is_true(edits.dark_ground(digits))
    assert.is_false(edits.dark_ground(1 - digits))
    assert.is_true(edits.suits("thicken", digits))
    assert.is_false(edits.suits("thicken", gl.zeros(2, 8, 8, 3)))
    assert.is_true(edits.suits("rotate", gl.zeros(2, 8, 8, 3)))
  end)
end)

describe("measure", function()
  -- What each measure finds of a known edit of real digits, on average, and what it may be off by.
  local cases = {
    {"shift_x", 1.3, {["centre of mass"] = 0.02, registration = 0.03}},
    {"shift_y", -1.7, {["centre of mass"] = 0.05, registration = 0.03}},
    {"rotate", 13, {registration = 0.3}}, {"rotate", -7, {registration = 0.3}},
    {"zoom", -0.23, {["second moments"] = 0.02, registration = 0.01}},
    {"thicken", 0.9, {["area / half perimeter"] = 0.15}}, {"brighten", -0.6, {["mean of ink"] = 0.01}},
  }
  for _, case in ipairs(cases) do
    local name, amount, tolerances = table.unpack(case)
    it(("finds %s by %g"):format(name, amount), function()
      local found = edits.measure(name, (edits.apply(name, digits, amount)), digits)
      for measure, tolerance in pairs(tolerances) do
        assert.is_true(math.abs(found[measure]:mean():item() - amount) <= tolerance, measure)
      end
      local unchanged = edits.measure(name, digits, digits)
      for _, measure in ipairs(found.names) do
        assert.is_true(unchanged[measure]:abs():max():item() < 1e-5, measure)
      end
    end)
  end

  it("finds the width of a bar", function()
    for width = 1, 7, 2 do -- two ends of half the width each are a part of its perimeter
      local reference = bar(1)
      local found = edits.measure("thicken", bar(width), reference)["area / half perimeter"]:item()
      local function expected(w) return 2 * 21 * w / (2 * (21 + w)) end
      assert.is_true(math.abs(found - (expected(width) - expected(1))) < 0.12 * width, width)
    end
  end)

  it("asks a regressor for the factors that it knows", function()
    local judge = {names = {"slant", "thickness", "rotation"}}
    function judge.column(_, name) return ({slant = 1, thickness = 2, rotation = 3})[name] end
    function judge.measure(_, x)
      local light = x:mean({2, 3, 4})
      return gl.stack({light, light * 10, light * 5}, 2)
    end
    local brighter = digits * 2
    local change = digits:mean({2, 3, 4})
    near(change * 10, edits.measure("thicken", brighter, digits, {judge = judge}).regressor, 1e-5)
    near(change * 6, edits.measure("rotate", brighter, digits, {judge = judge}).regressor, 1e-5)
    judge.names = {"slant", "thickness"}
    assert.same({"registration"}, edits.measure("rotate", brighter, digits, {judge = judge}).names)
  end)

  it("has only registration where the ground is not dark", function()
    local x = gl.rand(3, 16, 16, 3)
    local found = edits.measure("shift_x", (edits.apply("shift_x", x, 0.5)), x)
    assert.same({"registration"}, found.names)
    near(gl.full({3}, 0.5), found.registration, 0.05)
  end)
end)
