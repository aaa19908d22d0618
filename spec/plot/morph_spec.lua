-- Morph grids with axes.
local gl = require "genlat"
local xml = dofile "spec/plot/xml.lua"
local morph = gl.plot.morph

local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = i - (n + 1) / 2 end
  return list
end

describe("a morph grid", function()
  it("has one picture, the numbers along its edges, and the names of the axes", function()
    local text = morph.svg {images = gl.rand(6, 4, 4, 3), right = {-1, 0, 1.256}, up = {-0.001, 2},
      names = {"smile", "turn"}, units = {"grins", "degrees"}, title = "Morph", subtitle = "of", foot = "a foot"}
    assert.equal(1, select(2, text:gsub("<image", "")))
    for _, word in ipairs {"smile (grins)", "turn (degrees)", ">\u{2212}1.00<", ">1.26<", ">0.00<", ">2.00<",
      "a foot", "Morph"} do
      assert.is_true(text:find(word, 1, true) ~= nil, word)
    end
    assert.is_nil(text:find("-0.00", 1, true))
    assert.equal("svg", xml.elements(text)[1].name)
  end)

  it("leaves out numbers that there is no room for, but never the first and the last", function()
    local text = morph.svg {images = gl.zeros(41 * 41, 4, 4, 1), right = numbers(41), up = numbers(41),
      names = {"z1", "z2"}, units = {}}
    local _, shown = text:gsub(">[^<>]*%.00<", "")
    assert.is_true(shown > 20 and shown < 82, shown)
    assert.equal(2, select(2, text:gsub(">20.00<", "")))
    assert.equal(2, select(2, text:gsub(">\u{2212}20.00<", "")))
  end)

  it("frames the image that is marked", function()
    local function picture(mark)
      return morph.svg {images = gl.zeros(15, 4, 4, 1), right = numbers(5), up = numbers(3), names = {"z1", "z2"},
        units = {}, mark = mark}
    end
    local text = picture {2, 3}
    local grid, frame = text:match "<image[^>]*>", text:match '<rect[^>]-gl%-ink%-line[^>]*>'
    local function number(element, key) return tonumber(element:match(" " .. key .. '="(%S-)"')) end
    assert.equal(number(grid, "x") + number(grid, "width") / 5, number(frame, "x"))
    assert.equal(number(grid, "y"), number(frame, "y"))
    assert.equal(number(grid, "height") / 3, number(frame, "height"))
    assert.is_nil(picture():find("gl-ink-line", 1, true))
  end)

  it("is a row where there is one axis", function()
    local text = morph.svg {images = gl.zeros(3, 4, 4, 1), right = numbers(3), up = {0}, names = {"z1", ""}, units = {}}
    assert.equal(1, select(2, text:gsub(">0.00<", "")))
  end)

  it("wants as many images as there are places", function()
    assert.error_matches(function() morph.svg {images = gl.zeros(5, 4, 4, 1), right = numbers(3), up = numbers(2)} end,
      "5 images are not 2 rows of 3")
  end)
end)
