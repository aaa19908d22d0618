-- Ticks and numbers on axes.
local axis = require "genlat.plot.axis"

local minus = "\u{2212}"

describe("axis.step", function()
  it("is 1, 2 or 5 times a power of ten", function()
    assert.equal(1, axis.step(0, 5, 5))
    assert.equal(2, axis.step(0, 10, 5))
    assert.equal(5, axis.step(0, 21, 5))
    assert.equal(10, axis.step(0, 26, 5))
    assert.near(0.2, axis.step(0, 1, 5), 1e-12)
    assert.near(5e-7, axis.step(0, 2e-6, 5), 1e-15)
    assert.equal(2e9, axis.step(-5e9, 5e9, 5))
  end)

  it("is at least 1 where only whole numbers make sense", function()
    assert.equal(1, axis.step(1, 2, 8, true))
  end)
end)

describe("axis.ticks", function()
  it("are few, whatever the range and the picture's size", function()
    for _, case in ipairs {{0, 1, math.huge}, {0, 1, 1e30}, {1e30, math.huge, 5}, {1e300, 1e300 * (1 + 1e-15), 5},
                           {1e16, 1e16 + 2, 5}, {-1e308, 1e308, 5}, {0, 0, 5}, {0 / 0, 1, 5}, {1, 0, 5}} do
      assert.is_true(#axis.ticks(table.unpack(case)) <= 201)
    end
  end)

  it("lie in the range, at multiples of the step, with as many decimals as they need", function()
    local values, labels = axis.ticks(-1.1, 1.1, 5)
    assert.same({ minus .. "1", minus .. "0.5", "0", "0.5", "1" }, labels)
    assert.same({ -1, -0.5, 0, 0.5, 1 }, values)
    assert.same({ "0", "0.1", "0.2", "0.3", "0.4" }, select(2, axis.ticks(0, 0.4, 4)))
    assert.same({ "148", "150", "152", "154" }, select(2, axis.ticks(147.3, 155, 4)))
  end)

  it("include the ends of the range", function()
    assert.same({ "0", "0.2", "0.4", "0.6" }, select(2, axis.ticks(0, 0.6, 3)))
    assert.same({ "0", "5", "10" }, select(2, axis.ticks(0, 10, 2)))
  end)

  it("are short where numbers are very large or very small", function()
    assert.same({ "0", "1e9", "2e9" }, select(2, axis.ticks(0, 2.4e9, 3)))
    assert.same({ "0", "2e" .. minus .. "7", "4e" .. minus .. "7" }, select(2, axis.ticks(0, 4e-7, 3)))
  end)

  it("never are more than asked for plus one", function()
    for k = -30, 30 do
      local hi = 1.7 ^ k
      local values = axis.ticks(0, hi, 6)
      assert.is_true(#values >= 3 and #values <= 7)
    end
  end)
end)

describe("axis.number", function()
  it("gives about four digits", function()
    assert.equal("151.2", axis.number(151.234))
    assert.equal("24.10", axis.number(24.1))
    assert.equal("0.501", axis.number(0.5008))
    assert.equal("0.0123", axis.number(0.01234))
    assert.equal("12346", axis.number(12345.6))
    assert.equal(minus .. "1.50", axis.number(-1.5))
    assert.equal("3e9", axis.number(3e9))
    assert.equal("2e" .. minus .. "5", axis.number(2e-5))
    assert.equal("0", axis.number(0))
  end)

  it("names what is not finite", function()
    assert.equal("nan", axis.number(0 / 0))
    assert.equal("inf", axis.number(math.huge))
    assert.equal(minus .. "inf", axis.number(-math.huge))
  end)
end)

describe("axis.new", function()
  it("maps its range to its pixels", function()
    local y = axis.new(0, 10, 300, 100, 5)
    assert.equal(300, y.at(0))
    assert.equal(100, y.at(10))
    assert.equal(200, y.at(5))
  end)
end)

describe("axis.log", function()
  it("maps equal ratios to equal lengths, with round ticks", function()
    local x = axis.log(0.3, 30, 100, 300, 12)
    assert.is_true(math.abs(x.at(0.3) - 100) < 1e-9 and math.abs(x.at(3) - 200) < 1e-9)
    assert.same({"0.5", "1", "2", "5", "10", "20"}, x.labels)
    assert.same({"1", "10"}, axis.log(0.3, 30, 100, 300, 5).labels)
  end)
end)
