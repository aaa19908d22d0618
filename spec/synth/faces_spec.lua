-- Cartoon faces, drawn by program.
local gl = require "genlat"
local core = gl.core

local names = core.faces_factors()
local column = {}
for i, name in ipairs(names) do column[name] = i end

local function lowest(name) return (name == "smile" or name == "turn") and -1 or 0 end

-- The mean absolute difference of two images, in levels of 255.
local function difference(a, b) return (a:float() - b:float()):abs():mean():item() end

local function assert_same(a, b)
  assert.same(a.shape, b.shape)
  assert.equal(0, difference(a, b))
end

-- Pearson's correlation of two attributes, from factors (N x F).
local function correlation(factors, a, b)
  local x, y = factors:select(2, column[a]), factors:select(2, column[b])
  x, y = x - x:mean(), y - y:mean()
  return (x * y):mean():item() / math.sqrt((x * x):mean():item() * (y * y):mean():item())
end

-- Images (N x 2h x 2w x C) at half the side, each pixel the mean of four.
local function halve(x)
  local n, h, w, c = table.unpack(x.shape)
  return x:float():reshape(n, h // 2, 2, w // 2, 2, c):mean({3, 5})
end

describe("faces", function()
  it("are bytes, labels from 1 and numbers", function()
    local images, labels, factors = core.faces(6, 5, 1, 64)
    assert.same({6, 64, 64, 3}, images.shape)
    assert.equal("uint8", images.dtype)
    assert.same({6}, labels.shape)
    assert.same({6, 9}, factors.shape)
    assert.same({"smile", "skin", "hair_colour", "hair_length", "beard", "glasses", "eye_size", "turn", "background"},
      names)
    assert.same({4, 32, 32, 3}, core.faces(4).shape)
  end)

  it("depend on seed and place only", function()
    local images, labels, factors = core.faces(20, 7)
    local later, later_labels, later_factors = core.faces(5, 7, 11)
    assert_same(images:slice(1, 11, 15), later)
    assert_same(labels:slice(1, 11, 15), later_labels)
    assert_same(factors:slice(1, 11, 15), later_factors)
    assert.is_true(difference(images, core.faces(20, 8)) > 10)
    assert.is_true(difference(images, core.faces(20, 7, 2)) > 10)
  end)

  it("are the same for any number of threads", function()
    local before = gl.threads()
    gl.threads(1)
    local one = core.faces(50, 3)
    gl.threads(4)
    local four = core.faces(50, 3)
    gl.threads(before)
    assert_same(one, four)
  end)

  it("look the same at two sides", function()
    local small, large, larger = core.faces(30, 2, 1, 32), core.faces(30, 2, 1, 64), core.faces(30, 2, 1, 128)
    assert.is_true(difference(small, halve(large)) < 1)
    assert.is_true(difference(large, halve(larger)) < 1)
  end)

  it("are classed by the colour of the hair", function()
    local classes = core.faces_classes()
    assert.same({"black", "brown", "red", "blond", "white"}, classes)
    local _, labels, factors = core.faces(500, 4)
    local colours = factors:select(2, column.hair_colour):totable()
    for i, label in ipairs(labels:totable()) do
      assert.is_true(math.abs(colours[i] - (label - 1) / 4) <= 0.125 + 1e-6)
    end
    for class = 1, #classes do assert.is_true(labels:eq(class):sum():item() > 30) end
  end)

  it("refuse counts, places and sides that make no sense", function()
    assert.error_matches(function() core.faces(0) end, "the count must be 1 to")
    assert.error_matches(function() core.faces(1, 1, 0) end, "the first image is 1 or later")
    assert.error_matches(function() core.faces(1, 1, 1, 15) end, "the side is 16 to 512 pixels")
    assert.error_matches(function() core.faces(1, 1, 1, 513) end, "the side is 16 to 512 pixels")
  end)
end)

describe("the attributes of faces", function()
  local n = 20000
  local _, _, free = core.faces(n, 9, 1, 16)
  local _, _, bound = core.faces(n, 9, 1, 16, true)

  it("are within their ranges and fill them evenly; half of the faces have a beard, half have glasses", function()
    for _, factors in ipairs {free, bound} do
      for i, name in ipairs(names) do
        local values, low = factors:select(2, i), lowest(name)
        assert.is_true(values:min():item() >= low and values:min():item() < low + 0.01)
        assert.is_true(values:max():item() <= 1 and values:max():item() > 0.99)
        if name == "beard" then
          assert.is_true(math.abs(values:eq(0):mean():item() - 0.5) < 0.02)
          assert.is_true(math.abs(values:mean():item() - 0.25) < 0.01)
        elseif name == "glasses" then
          assert.equal(n, (values:eq(0) + values:eq(1)):sum():item())
          assert.is_true(math.abs(values:mean():item() - 0.5) < 0.02)
        else
          local u = (values - low) / (1 - low)
          assert.is_true(math.abs(u:mean():item() - 1 / 2) < 0.01)
          assert.is_true(math.abs((u * u):mean():item() - 1 / 3) < 0.01)
        end
      end
    end
  end)

  it("are independent", function()
    for i = 1, #names do
      for j = 1, i - 1 do
        assert.is_true(math.abs(correlation(free, names[i], names[j])) < 0.03)
      end
    end
  end)

  it("are correlated as documented, if asked for", function()
    local expected = {["beard hair_length"] = -0.52, ["beard smile"] = -0.43, ["glasses skin"] = 0.66}
    for i, a in ipairs(names) do
      for j, b in ipairs(names) do
        local want = i ~= j and (expected[a .. " " .. b] or expected[b .. " " .. a] or 0)
        if want then assert.is_true(math.abs(correlation(bound, a, b) - want) < 0.03, a .. " " .. b) end
      end
    end
    for i, name in ipairs(names) do
      if name ~= "beard" and name ~= "glasses" then assert_same(free:select(2, i), bound:select(2, i)) end
    end
  end)
end)

describe("one face", function()
  it("is one of faces' images, given its attributes and its look", function()
    local images, _, factors = core.faces(8, 21, 5, 48)
    for i, row in ipairs(factors:totable()) do
      local attributes = {}
      for k, name in ipairs(names) do attributes[name] = row[k] end
      assert_same(images[i], core.face(attributes, 48, 21, 4 + i))
    end
  end)

  -- The picture has 255 levels; a mouth, an eye or glasses are a small part of it.
  local least = {smile = 1, skin = 10, hair_colour = 15, hair_length = 10, beard = 4, glasses = 3, eye_size = 1,
    turn = 10, background = 25}

  it("changes with each attribute, at both ends of its range", function()
    for _, side in ipairs {32, 64} do
      for look = 1, 5 do
        for _, name in ipairs(names) do
          local low, image = lowest(name), {}
          for step = 0, 2 do
            image[step] = core.face({[name] = low + (1 - low) * step / 2, hair_length = name ~= "hair_length" and 0.2
              or low + (1 - low) * step / 2}, side, 1, look)
          end
          assert.is_true(difference(image[0], image[2]) > least[name], name)
          assert.is_true(difference(image[0], image[1]) > least[name] / 4, name)
          assert.is_true(difference(image[1], image[2]) > least[name] / 4, name)
        end
      end
    end
  end)

  it("changes smoothly", function()
    for _, name in ipairs(names) do
      local low = lowest(name)
      local before
      for step = 0, 50 do
        local image = core.face({[name] = low + (1 - low) * step / 50}, 32)
        if before then assert.is_true(difference(before, image) < 4, name) end
        before = image
      end
    end
  end)

  it("has a mouth of its own for each smile: only the face changes", function()
    local sad, glad = core.face({smile = -1}, 64), core.face({smile = 1}, 64)
    assert.is_true(difference(sad:slice(1, 1, 10), glad:slice(1, 1, 10)) == 0)
    assert.is_true(difference(sad:slice(1, 34, 48), glad:slice(1, 34, 48)) > 5)
  end)

  it("refuses attributes that it does not know, or that are out of range", function()
    assert.error_matches(function() core.face {smil = 1} end, "there is no attribute smil")
    assert.error_matches(function() core.face {1} end, "there is no attribute 1")
    assert.error_matches(function() core.face {smile = "wide"} end, "smile is a number, not string")
    assert.error_matches(function() core.face {turn = 1.5} end, "turn is %-1 to 1, not 1%.5")
    assert.error_matches(function() core.face {beard = -0.1} end, "beard is 0 to 1, not %-0%.1")
    assert.error_matches(function() core.face {skin = 0 / 0} end, "skin is 0 to 1, not %-?nan")
    assert.error_matches(function() core.face({}, 8) end, "the side is 16 to 512 pixels")
    assert.error_matches(function() core.face(1) end, "table expected")
  end)
end)

describe("the data set of faces", function()
  it("comes with classes, attributes and their names", function()
    local data = gl.data.load("faces", {train = 30, test = 10})
    assert.equal("faces", data.name)
    assert.same({32, 32, 3}, data.shape)
    assert.same(core.faces_classes(), data.classes)
    assert.same(names, data.factor_names)
    assert.same({30, 9}, data.train.factors.shape)
    assert.same({10, 32, 32, 3}, data.test.images.shape)
    assert.is_true(difference(data.train.images:slice(1, 1, 10), data.test.images) > 10)
    for _, x, labels in data.train:batches {size = 30} do
      assert.same({30, 32, 32, 3}, x.shape)
      assert.is_true(labels:min():item() >= 1 and labels:max():item() <= 5)
    end
  end)

  it("has other sides and correlations by option or by name", function()
    local sizes = {train = 4, test = 2}
    local function load(name, options)
      for key, value in pairs(sizes) do options[key] = value end
      return gl.data.load(name, options)
    end
    for name, options in pairs {
      faces64 = {side = 64}, ["faces-correlated"] = {correlated = true},
      ["faces48-correlated"] = {side = 48, correlated = true},
    } do
      local by_name, by_option = load(name, {}), load("faces", options)
      assert.equal(name, by_name.name)
      assert.equal(name, by_option.name)
      assert.same(by_name.shape, by_option.shape)
      assert_same(by_name.train.images, by_option.train.images)
      assert_same(by_name.test.factors, by_option.test.factors)
    end
    assert.same({64, 64, 3}, load("faces64", {}).shape)
    for _, name in ipairs {"faces-", "faces64x", "face", "faces-correlated2", "faces 64"} do
      local data, message = gl.data.load(name)
      assert.is_nil(data)
      assert.matches("there is no data set called .* %(digits, faces, faces64, faces%-correlated, ", message)
    end
  end)

  it("draws a face for whoever asks", function()
    local image = gl.data.face({smile = 1, glasses = 1}, {side = 40})
    assert.same({40, 40, 3}, image.shape)
    assert.is_true(image:min():item() >= 0 and image:max():item() <= 1 and image:max():item() > 0.9)
    assert_same(gl.data.face(), gl.data.face {})
    local data = gl.data.load("faces", {train = 3, test = 1})
    local attributes = {}
    for i, value in ipairs(data.train.factors[3]:totable()) do attributes[names[i]] = value end
    assert_same(data.train.images[3], gl.data.face(attributes, {like = 3}) * 255)
  end)
end)
