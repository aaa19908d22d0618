-- Heat maps: panels in one scale.
local gl = require "genlat"
local colormap = require "genlat.plot.colormap"
local heatmap = require "genlat.plot.heatmap"
local sheet = require "genlat.plot.sheet"
local xml = dofile "spec/plot/xml.lua"

local p, q = gl.tensor {{0, 1}, {2, 3}}, gl.tensor {{4, 0}, {1, 1}}

local function options(more)
  local o = {x = {-1, 1}, y = {-1, 1}, panels = {{values = p, title = "one"}, {values = q, title = "two"}}}
  for key, value in pairs(more or {}) do
    o[key] = value
  end
  return o
end

local function hrefs(picture)
  local list = {}
  for i, image in ipairs(xml.all(picture, "image")) do
    list[i] = image.attributes.href
  end
  return list
end

describe("heatmap.svg", function()
  it("draws the panels in one scale, with one colour bar", function()
    local list = hrefs(heatmap.svg(options()))
    assert.equal(3, #list)
    assert.equal(sheet.uri(colormap.picture("sequential", p, 0, 4)), list[1])
    assert.equal(sheet.uri(colormap.picture("sequential", q, 0, 4)), list[2])
  end)

  it("draws a difference around 0, with a colour bar of its own", function()
    local list = hrefs(heatmap.svg(options {difference = {values = p - q, title = "three"}}))
    assert.equal(5, #list)
    assert.equal(sheet.uri(colormap.picture("diverging", p - q, -4, 4)), list[4])
  end)

  it("is not spoilt by a peak, and says so", function()
    local values = gl.ones(20, 20)
    values[{3, 3}] = 1000
    local picture = heatmap.svg(options {panels = {{values = values}}})
    assert.equal(sheet.uri(colormap.picture("sequential", values, 0, 1)), hrefs(picture)[1])
    local words = "Peaks, at most 0.5 % of the area, have the colour at the end of their scale."
    assert.equal(1, xml.count_text(picture, words))
    assert.equal(0, xml.count_text(heatmap.svg(options()), words))
  end)

  it("has all its words", function()
    local picture = heatmap.svg(options {title = "a & b", subtitle = "c", xlabel = "d", ylabel = "e",
      difference = {values = p, title = "three", caption = "four"}})
    for _, text in ipairs {"a & b", "c", "one", "two", "three", "four", "e"} do
      assert.equal(1, xml.count_text(picture, text), text)
    end
    assert.equal(3, xml.count_text(picture, "d"))
  end)

  it("draws what is 0 everywhere", function()
    assert.equal(2, #hrefs(heatmap.svg(options {panels = {{values = gl.zeros(3, 3)}}})))
  end)

  it("refuses what it cannot draw", function()
    assert.has_error(function() heatmap.svg {} end, "heatmap.svg: panels is a list of densities")
    assert.has_error(function() heatmap.svg(options {x = {1, 1}}) end, "heatmap.svg: x and y are {from, to}")
    assert.has_error(function() heatmap.svg(options {panels = {{values = gl.zeros(3)}}}) end,
      "heatmap.svg: panel 1: values are H x W")
    assert.has_error(function() heatmap.svg(options {difference = {values = p / 0}}) end,
      "heatmap.svg: panel 3 has values that are not finite")
  end)
end)
