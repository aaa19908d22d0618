-- Histograms of groups.
local histogram = require "genlat.plot.histogram"
local xml = dofile "spec/plot/xml.lua"

local function numbers(from, to)
  local list = {}
  for i = from, to do list[#list + 1] = i end
  return list
end

describe("histogram.panels", function()
  it("draws an area for each group of each panel, and every word", function()
    local text = histogram.panels {
      title = "Scores", groups = {"normal", "other & more"},
      {title = "first", xlabel = "nats", note = "a note", values = {numbers(1, 50), numbers(30, 90)}},
      {title = "second", values = {numbers(1, 5), {}}},
    }
    assert.is_true(#xml.elements(text) > 0)
    assert.equal(4, select(2, text:gsub('fill%-opacity="0.25"', "")))
    for _, words in ipairs {"Scores", "normal", "other &amp; more", "first", "second", "nats", "a note"} do
      assert.is_truthy(text:find(words, 1, true), words)
    end
  end)

  it("makes groups of one shape equally high, however large, and says how many are beyond the axis",
    function()
      local function areas(values)
        local list = {}
        for d in histogram.panels({groups = {"a", "b"}, {values = values}}):gmatch ' d="([^"]*)" fill="#' do
          list[#list + 1] = d
        end
        return list
      end
      local few, many = numbers(1, 100), {}
      for i = 1, 300 do many[i] = (i - 1) // 3 + 1 end
      local same = areas {few, many}
      assert.equal(2, #same)
      assert.equal(same[1], same[2])
      local spread = numbers(1, 1000)
      spread[1], spread[1000] = -1e6, 1e6
      local text = histogram.panels {groups = {"a"}, {values = {spread}}}
      assert.is_truthy(text:find(">10 beyond the axis<", 1, true)) -- half a percent at either end
      local heights = {}
      for v in text:match ' d="([^"]*)" fill="#':gmatch "V([%d.]+)H" do heights[#heights + 1] = tonumber(v) end
      table.sort(heights)
      assert.is_true(heights[#heights] - heights[1] < 10, heights[#heights] - heights[1]) -- no bar collects them
      assert.is_nil(same[1]:find("beyond", 1, true))
    end)

  it("gives a few images bars as wide as they need beside many, and reaches to all of them", function()
    local text = histogram.panels {groups = {"many", "few"}, {values = {numbers(1, 100), {40, 300}}}}
    local list = {}
    for d in text:gmatch ' d="([^"]*)" fill="#' do list[#list + 1] = select(2, d:gsub("H", "")) end
    assert.same({10, 10}, list)
    assert.is_truthy(text:find(">20 %<", 1, true))
    assert.is_nil(text:find("beyond the axis", 1, true))
  end)

  it("draws nothing and equal numbers, and refuses what does not fit", function()
    assert.is_true(#xml.elements(histogram.panels {groups = {"a"}, {values = {{}}}, {values = {{2, 2}}}}) > 0)
    assert.error_matches(function() histogram.panels {groups = {"a", "b"}, {values = {{1}}}} end,
      "panel 1: values is a list of numbers for each of 2 groups")
    assert.error_matches(function() histogram.panels {groups = {"a"}} end, "needs groups")
  end)
end)
