-- Loss curves: each value at its place, the last ones readable, gaps and cuts said.
local lines = require "genlat.plot.lines"
local xml = dofile("spec/plot/xml.lua")

local nan = 0 / 0

local function series(name, ...)
  local s = { name = name, x = {}, y = { ... } }
  for i = 1, #s.y do s.x[i] = i end
  return s
end

local function loss(name, epochs, first, last)
  local s = { name = name, x = {}, y = {} }
  for i = 1, epochs do s.x[i], s.y[i] = i, last + (first - last) * 0.5 ^ (i - 1) end
  return s
end

-- The curves: paths in a clipped part of the picture are drawn 2 pixels wide.
local function curves(picture)
  local found = {}
  for _, path in ipairs(xml.all(picture, "path")) do
    if path.attributes["stroke-width"] == "2" then found[#found + 1] = path.attributes end
  end
  return found
end

local function starts_with(picture, beginning)
  for _, text in ipairs(xml.texts(picture)) do
    if text:sub(1, #beginning) == beginning then return text end
  end
end

describe("lines.svg", function()
  it("draws each series with all its points, its name, and its last value", function()
    local picture = lines.svg({ title = "Loss", xlabel = "epoch", ylabel = "nats per image",
      series = { series("training loss", 200, 170, 160, 151.25), series("test loss", 190, 172, 163, 158) } })
    local found = curves(picture)
    assert.equal(2, #found)
    assert.equal(4, select(2, found[1].d:gsub("[ML]", "")))
    for _, text in ipairs({ "Loss", "epoch", "nats per image", "training loss", "151.2", "test loss", "158.0" }) do
      assert.equal(1, xml.count_text(picture, text), text)
    end
  end)

  it("dashes what is asked to be dashed", function()
    local a, b = series("a", 1, 2), series("b", 2, 3)
    b.dash = true
    local found = curves(lines.svg({ series = { a, b } }))
    assert.is_nil(found[1]["stroke-dasharray"])
    assert.is_string(found[2]["stroke-dasharray"])
  end)

  it("shows a single epoch as a dot, with that epoch as the only tick", function()
    local picture = lines.svg({ series = { series("loss", 151.5) }, xlabel = "epoch" })
    assert.equal(0, #curves(picture))
    assert.is_true(#xml.all(picture, "circle") >= 1)
    assert.equal(1, xml.count_text(picture, "1"))
    assert.equal(0, xml.count_text(picture, "2"))
    assert.equal(1, xml.count_text(picture, "151.5"))
  end)

  it("has ticks at whole epochs only, the first one among them", function()
    local picture = lines.svg({ series = { loss("loss", 2, 200, 150) } })
    assert.equal(1, xml.count_text(picture, "1"))
    assert.equal(0, xml.count_text(picture, "1.5"))
    assert.equal(1, xml.count_text(lines.svg({ series = { loss("loss", 50, 200, 150) } }), "1"))
  end)

  it("leaves a gap at values that are not finite, and says so", function()
    local picture = lines.svg({ series = { series("loss", 5, 4, nan, 3, 2, math.huge, 1) }, xlabel = "epoch" })
    assert.equal(2, select(2, curves(picture)[1].d:gsub("M", ""))) -- 1-2, 4-5; the last epoch stands alone
    assert.equal(1, xml.count_text(picture, "loss: 2 of 7 values not finite, first at epoch 3."))
    assert.is_nil(curves(picture)[1].d:find("nan"))
  end)

  it("says when a run ended in NaN", function()
    local picture = lines.svg({ series = { series("loss", 5, 4, nan) } })
    assert.equal(1, xml.count_text(picture, "4.00"))
    assert.equal(1, xml.count_text(picture, "loss, then nan"))
  end)

  it("draws what is empty or all NaN without curves", function()
    assert.equal(0, #curves(lines.svg({ series = {} })))
    local picture = lines.svg({ series = { series("loss", nan, nan) } })
    assert.equal(0, #curves(picture))
    assert.equal(1, xml.count_text(picture, "loss: 2 of 2 values not finite, first at x 1."))
  end)

  it("cuts the axis where the first value dwarfs the rest, and says so", function()
    local picture = lines.svg({ series = { series("loss", 5000, 160, 158, 156, 155, 154, 153, 152, 151, 150) } })
    assert.equal(1, xml.count_text(picture, "Axis cut: early values reach 5000 (loss)."))
    assert.equal(0, xml.count_text(picture, "5000"))
    assert.equal(10, select(2, curves(picture)[1].d:gsub("[ML]", ""))) -- the line still comes from up there
    assert.is_true(xml.count_text(picture, "156") + xml.count_text(picture, "155") > 0)
  end)

  it("cuts at the bottom in the same way", function()
    assert.is_string(starts_with(lines.svg({ series = { series("ELBO", -9000, -160, -158, -156, -155, -154) } }),
      "Axis cut: early values reach \u{2212}9000"))
  end)

  it("does not cut an ordinary loss, nor a short one", function()
    local ordinary = loss("loss", 20, 220, 150)
    for i = 1, 20 do ordinary.y[i] = 150 + 70 / i end
    assert.is_nil(starts_with(lines.svg({ series = { ordinary } }), "Axis cut"))
    assert.is_nil(starts_with(lines.svg({ series = { loss("loss", 2, 5000, 150) } }), "Axis cut"))
  end)

  it("does not cut values that are large late: a loss that blows up is seen", function()
    local picture = lines.svg({ series = { series("loss", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1e4) } })
    assert.is_nil(starts_with(picture, "Axis cut"))
    assert.equal(2, xml.count_text(picture, "10000")) -- the tick and the label
  end)

  it("keeps the labels at the line ends apart", function()
    local list = {}
    for i = 1, 5 do list[i] = loss("series " .. i, 10, 200, 150 + i / 100) end
    local ys = {}
    for _, text in ipairs(xml.all(lines.svg({ series = list }), "text")) do
      if text.attributes.class == "gl-value" then ys[#ys + 1] = tonumber(text.attributes.y) end
    end
    assert.equal(5, #ys)
    table.sort(ys)
    for i = 2, #ys do assert.is_true(ys[i] - ys[i - 1] >= 28) end
  end)

  it("draws a constant", function()
    assert.equal(1, #curves(lines.svg({ series = { series("flat", 5, 5, 5) } })))
    assert.equal(1, #curves(lines.svg({ series = { series("zero", 0, 0, 0) } })))
  end)

  it("escapes names", function()
    assert.equal(1, xml.count_text(lines.svg({ series = { series("<a&b>", 1, 2) } }), "<a&b>"))
  end)

  it("refuses data that do not fit together", function()
    assert.has_error(function() lines.svg({}) end, "lines.svg: series must be a table of {name =, x =, y =}")
    assert.has_error(function() lines.svg({ series = { { x = {}, y = {} } } }) end, "lines.svg: series 1 has no name")
    assert.has_error(function() lines.svg({ series = { { name = "a", x = { 1 }, y = {} } } }) end,
      "lines.svg: a: x has 1 numbers, y 0")
    assert.has_error(function() lines.svg({ series = { { name = "a", x = { 1 }, y = { "b" } } } }) end,
      "lines.svg: a: point 1 is not two numbers")
  end)
end)

describe("lines.svg with xlog", function()
  it("has a logarithmic x axis, which begins above 0", function()
    local line = { name = "a", x = { 1, 10, 1000 }, y = { 1, 2, 3 } }
    local picture = lines.svg({ series = { line }, xlog = true })
    assert.equal(1, xml.count_text(picture, "100"))
    local a, b, c = curves(picture)[1].d:match "M([%d.]+) [%d.]+L([%d.]+) [%d.]+L([%d.]+) "
    assert.is_true(math.abs((c - b) / (b - a) - 2) < 0.01)
    line.x[1] = 0
    assert.has_error(function() lines.svg({ series = { line }, xlog = true }) end,
      "lines.svg: a: point 1 has x = 0, and the logarithmic scale begins above 0")
  end)
end)

describe("lines.panels", function()
  it("holds all panels with their titles", function()
    local picture = lines.panels({ title = "Training", columns = 3,
      { title = "loss", series = { series("a", 3, 2, 1) } },
      { title = "reconstruction", series = { series("b", 3, 2, 1) } },
      { title = "KL", series = { series("c", 1, 2, 3) } } })
    assert.equal(3, #curves(picture))
    for _, text in ipairs({ "Training", "loss", "reconstruction", "KL" }) do
      assert.equal(1, xml.count_text(picture, text))
    end
  end)

  it("stacks them where there is one column", function()
    local panel = { series = { series("a", 3, 2, 1) } }
    local function height(columns)
      return tonumber(xml.elements(lines.panels({ panel, panel, columns = columns }))[1].attributes.height)
    end
    assert.is_true(height(1) > 1.7 * height(2))
  end)

  it("says in which panel a mistake is", function()
    assert.has_error(function() lines.panels({ { series = {} }, {} }) end,
      "lines.panels: panel 2: series must be a table of {name =, x =, y =}")
  end)
end)
