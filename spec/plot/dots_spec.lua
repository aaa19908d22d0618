-- Dots in rows.
local dots = require "genlat.plot.dots"
local xml = dofile "spec/plot/xml.lua"

describe("dots.svg", function()
  it("draws a dot for each value where it belongs, and every word", function()
    local text = dots.svg {
      title = "AUROC", subtitle = "a run", xlabel = "area", series = {"elbo", "mse"}, reference = 0.5,
      rows = {{name = "T-shirt & top", values = {0.5, 0.75}}, {name = "mean", values = {0.625, 1}, bold = true}},
    }
    assert.is_true(#xml.elements(text) > 0)
    local x = {}
    for cx in text:gmatch 'cx="([%d.]+)"' do x[#x + 1] = tonumber(cx) end
    assert.equal(4, #x)
    assert.is_true(math.abs((x[2] - x[1]) - 2 * (x[3] - x[1])) < 0.05)
    assert.is_true(math.abs((x[4] - x[1]) - 4 * (x[3] - x[1])) < 0.05)
    local line = tonumber(text:match 'd="M([%d.]+) [%d.]+V[%d.]+"[^>]*stroke%-dasharray')
    assert.is_true(math.abs(line - x[1]) < 0.1)
    for _, words in ipairs {"AUROC", "a run", "area", "elbo", "mse", "T-shirt &amp; top", "mean"} do
      assert.is_truthy(text:find(words, 1, true), words)
    end
  end)

  it("takes equal values, and refuses rows that do not fit", function()
    assert.is_true(#xml.elements(dots.svg {series = {"a"}, rows = {{name = "x", values = {2}}}}) > 0)
    assert.error_matches(function() dots.svg {series = {"a"}, rows = {{name = "x", values = {}}}} end,
      "row x has 0 values, there are 1 series")
    assert.error_matches(function() dots.svg {rows = {}} end, "needs series")
  end)
end)
