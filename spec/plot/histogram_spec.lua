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

  it("makes groups of one shape equally high, however large, and counts what is beyond the axis in the last bin",
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
      few[1000] = nil
      local spread = numbers(1, 1000)
      spread[1001] = 1e6
      local far = areas {spread, {1e6}}
      assert.is_truthy(far[2]:match "V%S+H%S+V%S+$") -- the lone number stands in the last bin
      assert.is_true(far[2]:match "V(%S-)H%S+V%S+$" ~= far[2]:match "V(%S+)$")
    end)

  it("draws nothing and equal numbers, and refuses what does not fit", function()
    assert.is_true(#xml.elements(histogram.panels {groups = {"a"}, {values = {{}}}, {values = {{2, 2}}}}) > 0)
    assert.error_matches(function() histogram.panels {groups = {"a", "b"}, {values = {{1}}}} end,
      "panel 1: values is a list of numbers for each of 2 groups")
    assert.error_matches(function() histogram.panels {groups = {"a"}} end, "wants groups")
  end)
end)
