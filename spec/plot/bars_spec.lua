-- Bars: as long as their numbers.
local bars = require "genlat.plot.bars"
local theme = require "genlat.plot.theme"
local xml = dofile "spec/plot/xml.lua"

-- The bars of a picture from the left: {height =, top =, fill =}; without the card and the legend.
local function drawn(picture)
  local list = {}
  for i, rect in ipairs(xml.all(picture, "rect")) do
    local a = rect.attributes
    if i > 1 and not a.rx then
      list[#list + 1] = {x = tonumber(a.x), width = tonumber(a.width), top = tonumber(a.y), height = tonumber(a.height),
        fill = a.fill}
    end
  end
  return list
end

describe("bars.svg", function()
  it("draws a bar for each number, in their order, on one base line", function()
    local list = drawn(bars.svg {values = {4, 1, 2, 0}, names = {"a", "b", "c", "d"}})
    assert.equal(4, #list)
    for i, v in ipairs {4, 1, 2, 0} do
      assert.near(list[1].height * v / 4, list[i].height, 0.02)
      assert.near(list[1].top + list[1].height, list[i].top + list[i].height, 0.02)
      assert.is_true(i == 1 or list[i].x >= list[i - 1].x + list[i - 1].width)
    end
  end)

  it("draws negative numbers downwards", function()
    local list = drawn(bars.svg {values = {1, -1}})
    assert.near(list[1].top + list[1].height, list[2].top, 0.02)
    assert.near(list[1].height, list[2].height, 0.02)
  end)

  it("highlights some, and says which", function()
    local picture = bars.svg {values = {3, 2, 1}, strong = {true, false, true}, words = {"active", "inactive"}}
    local list = drawn(picture)
    assert.equal(theme.color(1), list[1].fill)
    assert.equal(list[1].fill, list[3].fill)
    assert.are_not.equal(list[1].fill, list[2].fill)
    assert.same({1, 1}, {xml.count_text(picture, "active"), xml.count_text(picture, "inactive")})
  end)

  it("has all its words, escaped", function()
    local picture = bars.svg {
      values = {1}, names = {"<1>"}, title = "a & b", subtitle = "c", xlabel = "d", ylabel = "e",
    }
    for _, text in ipairs {"<1>", "a & b", "c", "d", "e"} do
      assert.equal(1, xml.count_text(picture, text), text)
    end
  end)

  it("leaves names out where there is no room for all", function()
    local values, names = {}, {}
    for i = 1, 128 do
      values[i], names[i] = 1 / i, "unit " .. i
    end
    local picture = bars.svg {values = values, names = names}
    assert.equal(128, #drawn(picture))
    assert.equal(1, xml.count_text(picture, "unit 1"))
    local shown = 0
    for _, name in ipairs(names) do
      shown = shown + xml.count_text(picture, name)
    end
    assert.is_true(shown >= 5 and shown <= 30, shown)
  end)

  it("draws numbers that are all 0", function()
    assert.equal(0, drawn(bars.svg {values = {0, 0}})[1].height)
  end)

  it("refuses what it cannot draw", function()
    assert.has_error(function() bars.svg {values = {}} end, "bars.svg: values is a list of numbers")
    assert.has_error(function() bars.svg {values = {1, 0 / 0}} end, "bars.svg: value 2 is not a finite number")
    assert.has_error(function() bars.svg {values = {1}, names = {}} end, "bars.svg: names: there are 0 for 1 values")
    assert.has_error(function() bars.svg {values = {1}, strong = {true, true}} end,
      "bars.svg: strong: there are 2 for 1 values")
  end)
end)
