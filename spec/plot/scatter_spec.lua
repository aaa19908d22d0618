-- The latent map: every point once, every class named, nothing lost in silence.
local scatter = require "genlat.plot.scatter"
local xml = dofile("spec/plot/xml.lua")

local pixel = "data:image/png;base64,iVBORw0KGgo="

-- n points of `classes` classes on circles, with no random numbers so that the specs always see the same map.
local function map(n, classes)
  local m = { x = {}, y = {}, label = {}, classes = {} }
  for k = 1, classes do m.classes[k] = "class " .. k end
  for i = 1, n do
    local k = (i - 1) % classes + 1
    m.x[i], m.y[i], m.label[i] = 3 * math.cos(k) + math.sin(i * i), 3 * math.sin(k) + math.cos(3 * i * i), k
  end
  return m
end

local function points(picture)
  local n = 0
  for _, path in ipairs(xml.all(picture, "path")) do
    n = n + select(2, (path.attributes.d or ""):gsub("M[%d%.%-]+ [%d%.%-]+h0", ""))
  end
  return n
end

-- The colours of the points.
local function colors(picture)
  local set, n = {}, 0
  for _, path in ipairs(xml.all(picture, "path")) do
    local stroke = path.attributes.stroke
    if path.attributes.d:find("h0") and not set[stroke] then set[stroke], n = true, n + 1 end
  end
  return n
end

describe("scatter.svg", function()
  it("draws classes named after colours in these, where all are", function()
    local m = map(30, 3)
    m.classes = { "black", "Blond", "white" }
    local picture = scatter.svg(m)
    for _, color in ipairs({ "#1b2129", "#e3b53c", "#b8bec8" }) do
      assert.is_truthy(picture:find('stroke="' .. color, 1, true), color)
      assert.is_truthy(picture:find('fill="' .. color, 1, true), color)
      assert.is_truthy(scatter.panels({ m }):find('fill="' .. color, 1, true), color)
    end
    m.classes[2] = "bald"
    assert.is_nil(scatter.svg(m):find("#b8bec8", 1, true))
  end)

  it("draws one point per datum, in a colour per class", function()
    local picture = scatter.svg(map(237, 10))
    assert.equal(237, points(picture))
    assert.equal(10, colors(picture))
  end)

  it("is small for 5,000 points, and quick", function()
    local m = map(5000, 10)
    local start = os.clock()
    local picture = scatter.svg(m)
    assert.is_true(os.clock() - start < 1)
    assert.equal(5000, points(picture))
    assert.is_true(#picture < 120000)
  end)

  it("gives the same file for the same data", function()
    assert.equal(scatter.svg(map(50, 3)), scatter.svg(map(50, 3)))
  end)

  it("names each class twice, in the legend and in the map, with its number of points", function()
    local picture = scatter.svg(map(25, 5))
    for k = 1, 5 do assert.equal(2, xml.count_text(picture, "class " .. k)) end
    assert.is_true(xml.count_text(picture, "5") >= 5)
  end)

  it("keeps a class without points in the legend", function()
    local m = map(10, 2)
    m.classes[3] = "nobody"
    assert.equal(1, xml.count_text(scatter.svg(m), "nobody"))
  end)

  it("has a colour of its own for each of 30 classes", function()
    assert.equal(30, colors(scatter.svg(map(300, 30))))
  end)

  it("takes labels without names, and points without labels", function()
    local m = map(9, 3)
    m.classes = nil
    assert.equal(9, points(scatter.svg(m)))
    m.label = nil
    assert.equal(1, colors(scatter.svg(m)))
  end)

  it("escapes names and titles", function()
    local m = map(4, 1)
    m.classes, m.title, m.subtitle, m.xlabel = { "<&>" }, "a < b & \"c\"", "d > e", "z<1>"
    local picture = scatter.svg(m)
    assert.equal(2, xml.count_text(picture, "<&>"))
    assert.equal(1, xml.count_text(picture, "a < b & \"c\""))
    assert.equal(1, xml.count_text(picture, "z<1>"))
  end)

  it("has equal units on both axes unless told otherwise", function()
    local m = { x = { 0, 100 }, y = { 0, 1 }, width = 700, height = 400 }
    local function slope(picture)
      local x1, y1, x2, y2 = picture:match("M([%d%.]+) ([%d%.]+)h0M([%d%.]+) ([%d%.]+)h0")
      return (y1 - y2) / (x2 - x1)
    end
    assert.near(0.01, slope(scatter.svg(m)), 0.001)
    m.equal = false
    assert.is_true(slope(scatter.svg(m)) > 0.3)
  end)

  it("puts larger y higher", function()
    local _, y1, _, y2 = scatter.svg({ x = { 0, 0 }, y = { 1, 2 } }):match(
      "M([%d%.]+) ([%d%.]+)h0M([%d%.]+) ([%d%.]+)h0")
    assert.is_true(tonumber(y2) < tonumber(y1))
  end)

  it("draws the prior's circles at one and two deviations, and keeps them in view", function()
    local m = { x = { 0.01 }, y = { 0.02 }, prior = true }
    local circles = xml.all(scatter.svg(m), "ellipse")
    assert.equal(2, #circles)
    assert.near(2, circles[2].attributes.rx / circles[1].attributes.rx, 0.01)
    assert.equal(circles[1].attributes.rx, circles[1].attributes.ry)
    assert.equal(0, #xml.all(scatter.svg({ x = { 0 }, y = { 0 } }), "ellipse"))
  end)

  it("leaves out points that are not finite, and says so", function()
    local m = map(20, 2)
    m.x[3], m.y[4], m.x[5] = 0 / 0, math.huge, -math.huge
    local picture = scatter.svg(m)
    assert.equal(17, points(picture))
    assert.equal(1, xml.count_text(picture, "3 points not drawn: not finite numbers"))
    assert.is_nil(picture:find("nan"))
    assert.is_nil(picture:find("inf[^o]"))
  end)

  it("draws an empty map where there is nothing to draw", function()
    assert.equal(0, points(scatter.svg({ x = {}, y = {} })))
    assert.equal(0, points(scatter.svg({ x = { 0 / 0 }, y = { 1 }, label = { 1 }, classes = { "a" } })))
  end)

  it("draws a single point, and points that are all the same", function()
    assert.equal(1, points(scatter.svg({ x = { 5 }, y = { -3 } })))
    assert.equal(3, points(scatter.svg({ x = { 1e6, 1e6, 1e6 }, y = { 0, 0, 0 } })))
  end)

  it("brings its own light background", function()
    local card = xml.all(scatter.svg(map(5, 1)), "rect")[1]
    assert.equal("#ffffff", card.attributes.fill)
    assert.is_true(tonumber(card.attributes.rx) > 0)
  end)

  it("colours points by a number, with a colour bar", function()
    local m = map(300, 1)
    m.label, m.classes, m.value, m.value_name = nil, nil, {}, "smile"
    for i = 1, 300 do m.value[i] = i <= 100 and 2 or i <= 200 and 3 or 4 end
    m.value[7] = 0 / 0
    local picture = scatter.svg(m)
    assert.equal(299, points(picture))
    assert.equal(3, colors(picture))
    assert.equal(1, #xml.all(picture, "image"))
    for _, text in ipairs({ "smile", "2", "4", "1 point not drawn: not finite numbers" }) do
      assert.is_true(xml.count_text(picture, text) >= 1, text)
    end
    m.value[300] = nil
    assert.has_error(function() scatter.svg(m) end, "scatter.svg: x has 300 numbers, value 299")
  end)

  it("has no numbers and lines where they mean nothing", function()
    local m = map(20, 2)
    m.numbers, m.classes = false, { "a", "b" }
    local picture = scatter.svg(m)
    assert.equal(20, points(picture))
    assert.equal(6, #xml.texts(picture)) -- the classes' names, twice, and counts
  end)

  it("refuses data that do not fit together", function()
    assert.has_error(function() scatter.svg({ x = { 1, 2 }, y = { 1 } }) end, "scatter.svg: x has 2 numbers, y 1")
    assert.has_error(function() scatter.svg({ x = { 1 }, y = { 1 }, label = {} }) end,
      "scatter.svg: x has 1 numbers, label 0")
    assert.has_error(function() scatter.svg({ x = { 1 }, y = { 1 }, label = { 3 }, classes = { "a", "b" } }) end,
      "scatter.svg: label 1 is 3, but there are 2 classes")
    assert.has_error(function() scatter.svg({ x = { 1 }, y = { 1 }, label = { 0 } }) end,
      "scatter.svg: label 1 is 0, not a number from 1")
    assert.has_error(function() scatter.svg({ x = { "a" }, y = { 1 } }) end, "scatter.svg: point 1 is not two numbers")
  end)
end)

describe("scatter.panels", function()
  it("holds all maps and images, with their titles and captions", function()
    local a, b = map(30, 3), map(40, 3)
    a.title, b.title = "Autoencoder", "VAE"
    local picture = scatter.panels({ a, b, { image = pixel, caption = "decoded" }, { image = pixel }, columns = 2,
      title = "Two maps" })
    assert.equal(70, points(picture))
    local images = xml.all(picture, "image")
    assert.equal(2, #images)
    assert.equal(pixel, images[1].attributes.href)
    for _, text in ipairs({ "Autoencoder", "VAE", "decoded", "Two maps" }) do
      assert.equal(1, xml.count_text(picture, text))
    end
  end)

  it("has one legend, and the names in each map", function()
    local picture = scatter.panels({ map(30, 3), map(30, 3) })
    assert.equal(3, xml.count_text(picture, "class 2"))
  end)

  it("shows an image as large as the map above it, at the same place", function()
    local picture = scatter.panels({ map(9, 3), { image = pixel }, columns = 1 })
    local plot, image = xml.all(picture, "svg")[2].attributes, xml.all(picture, "image")[1].attributes
    assert.same({ plot.x, plot.width, plot.height }, { image.x, image.width, image.height })
    assert.is_true(tonumber(image.y) > plot.y + plot.height)
  end)

  it("shares the names given for all", function()
    local m = map(6, 2)
    m.classes = nil
    assert.equal(2, xml.count_text(scatter.panels({ m, classes = { "cat", "dog" } }), "dog"))
  end)

  it("says in which panel a mistake is", function()
    assert.has_error(function() scatter.panels({ map(3, 1), { x = { 1 }, y = {} } }) end,
      "scatter.panels: panel 2: x has 1 numbers, y 0")
  end)

  it("notes points that are not drawn", function()
    local m = map(3, 1)
    m.x[1] = 0 / 0
    assert.equal(1, xml.count_text(scatter.panels({ m }), "1 point not drawn: not finite numbers."))
  end)
end)
