-- Labels that do not lie on one another.
local labels = require "genlat.plot.labels"

describe("labels.spread", function()
  it("leaves alone what does not touch", function()
    assert.same({ 10, 50, 90 }, labels.spread({ 10, 50, 90 }, { 10, 10, 10 }, 0, 100))
  end)

  it("moves what overlaps apart by as little as needed, in order", function()
    assert.same({ 45, 55 }, labels.spread({ 50, 50 }, { 10, 10 }, 0, 100))
    assert.same({ 56, 46 }, labels.spread({ 52, 50 }, { 10, 10 }, 0, 100))
    assert.same({ 40, 50, 60 }, labels.spread({ 50, 50, 50 }, { 10, 10, 10 }, 0, 100))
  end)

  it("stays within the bounds", function()
    assert.same({ 5, 15 }, labels.spread({ 0, 0 }, { 10, 10 }, 0, 100))
    assert.same({ 95, 85 }, labels.spread({ 100, 99 }, { 10, 10 }, 0, 100))
  end)

  it("never lets labels overlap where there is room", function()
    local wanted, heights = {}, {}
    for i = 1, 9 do wanted[i], heights[i] = (i * 37) % 23 + 40, 5 + i % 4 * 2 end
    local placed = labels.spread(wanted, heights, 0, 120)
    for i = 1, 9 do
      assert.is_true(placed[i] - heights[i] / 2 >= -1e-9 and placed[i] + heights[i] / 2 <= 120 + 1e-9)
      for j = 1, i - 1 do
        assert.is_true(math.abs(placed[i] - placed[j]) >= (heights[i] + heights[j]) / 2 - 1e-9)
      end
    end
  end)
end)

describe("labels.separate", function()
  it("leaves no two boxes on one another", function()
    local boxes = {}
    for i = 1, 10 do boxes[i] = { x = 200 + i, y = 200 - i % 3, width = 30 + 3 * i, height = 16 } end
    labels.separate(boxes, 0, 0, 400, 400)
    for i = 1, 10 do
      local a = boxes[i]
      assert.is_true(a.x - a.width / 2 >= 0 and a.x + a.width / 2 <= 400)
      for j = 1, i - 1 do
        local b = boxes[j]
        assert.is_true(math.abs(a.x - b.x) >= (a.width + b.width) / 2 - 0.5
          or math.abs(a.y - b.y) >= (a.height + b.height) / 2 - 0.5)
      end
    end
  end)

  it("moves nothing that stands free", function()
    local boxes = { { x = 50, y = 50, width = 20, height = 10 }, { x = 90, y = 50, width = 20, height = 10 } }
    labels.separate(boxes, 0, 0, 100, 100)
    assert.same({ 50, 90 }, { boxes[1].x, boxes[2].x })
  end)
end)
