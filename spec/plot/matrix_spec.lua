-- Tables of numbers in colours.
local gl = require "genlat"
local xml = dofile "spec/plot/xml.lua"
local matrix = gl.plot.matrix

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

local example = {
  title = "Effects", subtitle = "of <two>", columns = {"smile", "skin"}, column_title = "change of",
  note_title = "ratio",
  rows = {{name = "smile", values = {0.5, -1}, mark = 1, note = "0.5"}, {name = "skin", values = {0, 0.25}}},
  foot = "measured",
}

describe("matrix.svg", function()
  it("writes each number in a cell of its colour", function()
    local text = matrix.svg(example)
    assert.is_true(#xml.elements(text) > 0)
    for _, word in ipairs {"0.50", "-1.00", "0.00", "0.25", "of &lt;two&gt;", "change of", "ratio", "measured"} do
      assert.is_true(text:find(">" .. word .. "<", 1, true) ~= nil, word)
    end
    local function color_of(number)
      return text:match('fill="(#%x+)"[^>]*/><text[^>]*>' .. number:gsub("%p", "%%%0"))
    end
    local colormap = gl.plot.colormap
    assert.equal(colormap.hex("diverging", 0), color_of "-1.00")
    assert.equal(colormap.hex("diverging", 0.5), color_of "0.00")
    assert.equal(colormap.hex("diverging", 0.75), color_of "0.50")
    assert.equal(1, count(text, 'stroke%-width="1.5"')) -- the marked cell
    assert.equal(1, count(text, 'class="gl%-paper"[^>]*>%-1.00')) -- white on the dark one
    assert.equal(text, matrix.svg(example))
  end)

  it("takes other formats, and zeros only", function()
    assert.matches(">50 %%<", matrix.svg {columns = {"a"}, rows = {{values = {50}}}, format = "%.0f %%"})
    assert.is_true(#xml.elements(matrix.svg {columns = {"a"}, rows = {{values = {0}}}}) > 0)
  end)

  it("explains what does not fit", function()
    assert.error_matches(function() matrix.svg {columns = {"a"}, rows = {}} end, "rows is a list of rows of numbers")
    assert.error_matches(function() matrix.svg {columns = {"a", "b"}, rows = {{values = {1}}}} end,
      "row 1: there are 2 columns, and values for 1")
    assert.error_matches(function() matrix.svg {columns = {"a"}, rows = {{values = {0 / 0}}}} end,
      "row 1 has a value that is not a finite number")
    assert.error_matches(function() matrix.svg {rows = {{values = {1}}}} end, "columns is a list of names")
  end)
end)
