-- Rows of images with names.
local gl = require "genlat"
local sheet = require "genlat.plot.sheet"
local xml = dofile "spec/plot/xml.lua"

describe("sheet.svg", function()
  it("shows every image and every word", function()
    local text = sheet.svg {
      title = "Walks", subtitle = "by hand", columns = {"-1", "0", "1"}, mark = 2, foot = "a note",
      rows = {{name = "smile & more", note = "small", images = gl.rand(3, 8, 8, 3)}, {images = gl.rand(2, 8, 8, 3)}},
    }
    assert.is_true(#xml.elements(text) > 0)
    assert.equal(5, select(2, text:gsub("<image ", "")))
    for _, words in ipairs {"Walks", "by hand", "smile &amp; more", "small", "a note"} do
      assert.is_truthy(text:find(words, 1, true), words)
    end
  end)

  it("carries the pixels as they are", function()
    local x = gl.rand(1, 5, 4, 1)
    local uri = sheet.uri(x[1])
    local path = os.tmpname()
    local encoded = uri:match "^data:image/png;base64,(.*)$"
    assert(gl.core.write_file(path, gl.core.png_encode(x[1])))
    assert.equal(encoded, require("genlat.plot.base64").encode(io.open(path, "rb"):read "a"))
    assert.is_true((gl.read_png(path):float() / 255 - x[1]):abs():max():item() < 0.003)
    os.remove(path)
  end)

  it("refuses rows that do not fit together", function()
    assert.error_matches(function() sheet.svg {rows = {}} end, "a list of rows")
    assert.error_matches(function()
      sheet.svg {rows = {{images = gl.zeros(1, 8, 8, 1)}, {images = gl.zeros(1, 9, 8, 1)}}}
    end, "row 2 has images of 9x8x1, row 1 of 8x8x1")
  end)
end)
