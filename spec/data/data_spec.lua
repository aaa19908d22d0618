-- Data sets and their batches.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"

local function idx_folder(images, labels, compressed)
  local folder = Folder.new()
  local ending = compressed and ".gz" or ""
  for _, part in ipairs {"train", "t10k"} do
    assert(gl.write_idx(folder:path(part .. "-images-idx3-ubyte" .. ending), images))
    assert(gl.write_idx(folder:path(part .. "-labels-idx1-ubyte" .. ending), labels))
  end
  return folder
end

local images = gl.tensor({{{0, 255}, {128, 127}}, {{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}, {dtype = "uint8"})
local labels = gl.tensor({0, 2, 1}, {dtype = "uint8"})

describe("IDX files", function()
  for _, compressed in ipairs {false, true} do
    it("load " .. (compressed and "compressed" or "plain"), function()
      local folder = idx_folder(images, labels, compressed)
      local data = assert(gl.data.load(folder.name))
      assert.same({2, 2, 1}, data.shape)
      assert.same({"0", "1", "2"}, data.classes)
      assert.same({1, 3, 2}, data.train.labels:totable())
      assert.equal("3 images of 2 x 2 x 1, labels of 3 classes", tostring(data.train))
      folder:remove()
    end)
  end

  it("that are missing, say which", function()
    local folder = idx_folder(images, labels)
    os.remove(folder:path "t10k-labels-idx1-ubyte")
    local data, message = gl.data.load(folder.name)
    assert.is_nil(data)
    assert.equal(folder.name .. ": there is no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz", message)
    os.remove(folder:path "train-labels-idx1-ubyte") -- then it is a set without labels
    data = assert(gl.data.load(folder.name))
    assert.is_nil(data.train.labels)
    assert.same({{}, 3, 3}, {data.classes, data.train.count, data.test.count})
    folder:remove()
  end)

  it("that do not fit together, say so", function()
    local folder = idx_folder(images, gl.tensor({0, 1}, {dtype = "uint8"}))
    local _, message = gl.data.load(folder.name)
    assert.matches("3 images, but .* has labels for 2", message)
    folder:remove()
  end)

  it("are found by name in $GENLAT_DATA and the cache folder, and missed with advice", function()
    local _, message = gl.data.load "mnist"
    if message then
      assert.matches("download it with `genlat fetch mnist`, or say where it is with %-%-data PATH", message)
    end
    assert.matches("^there is no data set called nonsense %(digits, .*mnist.*%), and no such folder$",
      (select(2, gl.data.load "nonsense")))
    assert.error_matches(function() gl.data.load(3) end, "expected a name or a path, got number")
  end)
end)

describe("batches", function()
  local folder, data
  setup(function()
    folder = idx_folder(images, labels)
    data = gl.data.load(folder.name)
  end)
  teardown(function() folder:remove() end)

  local function collect(options)
    local list = {}
    for step, x, y in data.train:batches(options) do
      list[step] = {x = x, y = y}
    end
    return list
  end

  it("are scaled to 0..1, in order, the last one smaller", function()
    local list = collect {size = 2, shuffle = false}
    assert.equal(2, #list)
    assert.equal(2, data.train:steps(2))
    assert.same({2, 2, 2, 1}, list[1].x.shape)
    assert.same({1, 2, 2, 1}, list[2].x.shape)
    assert.equal(1, list[1].x:max():item())
    assert.is_true(math.abs(list[1].x[{1, 2, 1, 1}]:item() - 128 / 255) < 1e-6)
    assert.same({1, 3}, list[1].y:totable())
    assert.same({2}, list[2].y:totable())
  end)

  it("can be binarized at one half", function()
    assert.same({0, 1, 1, 0}, collect({shuffle = false, binarize = "threshold"})[1].x[1]:flatten():totable())
  end)

  it("can be binarized anew each time, a pixel's brightness being its probability", function()
    local sum, n = gl.zeros(4), 2000
    gl.seed(1)
    for _ = 1, n do
      local x = collect({shuffle = false, binarize = "dynamic"})[1].x[1]:flatten()
      assert.equal(0, (x * (1 - x)):sum():item())
      sum:add_(x)
    end
    local mean = (sum / n):totable()
    for i, p in ipairs {0, 1, 128 / 255, 127 / 255} do
      assert.is_true(math.abs(mean[i] - p) < 0.06)
    end
  end)

  it("come in an order of their own in each epoch, the same for the same seed, each image once", function()
    local split = gl.data.load("digits", {train = 50, test = 1}).train
    local function order(seed, epoch)
      local list = {}
      for _, _, y in split:batches {size = 7, seed = seed, epoch = epoch} do
        for _, label in ipairs(y:totable()) do
          list[#list + 1] = math.tointeger(label)
        end
      end
      return table.concat(list)
    end
    local function sorted(text)
      local list = {}
      for c in text:gmatch "." do
        list[#list + 1] = c
      end
      table.sort(list)
      return table.concat(list)
    end
    gl.seed(1)
    local first = order(1, 1)
    gl.seed(2)
    assert.equal(first, order(1, 1))
    assert.not_equal(first, order(1, 2))
    assert.not_equal(first, order(2, 1))
    assert.equal(sorted(first), sorted(order(1, 2)))
  end)

  it("can begin within an epoch", function()
    local all, rest = {}, {}
    local split = gl.data.load("digits", {train = 20, test = 1}).train
    for step, x in split:batches {size = 6, seed = 3} do
      all[step] = x:sum():item()
    end
    for step, x in split:batches {size = 6, seed = 3, first = 3} do
      rest[step] = x:sum():item()
    end
    assert.same({nil, nil, all[3], all[4]}, rest)
  end)

  it("refuse sizes that make no sense", function()
    assert.error_matches(function() data.train:batches {size = 0} end, "size is a whole number from 1, not 0")
  end)
end)

describe("padded", function()
  it("is of the usual size, where none is asked for and it is no larger", function()
    local function shape(usual) return gl.data.load("digits", {train = 8, test = 8, usual = {size = usual}}).shape end
    assert.same({{32, 32, 1}, {32, 32, 1}, {28, 28, 1}, {28, 28, 1}}, {shape(32), shape {32, 32}, shape {32, 40},
      shape(16)})
    for usual, message in pairs {
      [3] = "usual is a table or nothing, not 3",
      [{size = "x"}] = "usual.size is a whole number from 1, or {height, width} or nothing, not 'x'",
    } do
      assert.error_matches(function() gl.data.load("digits", {usual = usual}) end, "data.load: " .. message, 1, true)
    end
  end)

  it("puts images in the middle of a black square", function()
    local set = gl.data.load("digits", {train = 3, test = 2})
    local wide = gl.data.padded(set, 32)
    assert.same({32, 32, 1}, wide.shape)
    assert.same({3, 32, 32, 1}, wide.train.images.shape)
    local middle = wide.train.images:slice(2, 3, 30):slice(3, 3, 30):float()
    assert.equal(0, (middle - set.train.images:float()):abs():max():item())
    assert.equal(set.train.images:float():sum():item(), wide.train.images:float():sum():item())
    assert.same({28, 28, 1}, set.shape)
    local none, message = gl.data.padded(set, 20)
    assert.is_nil(none)
    assert.equal("digits: images of 28 x 28 do not fit into 20 x 20", message)
  end)
end)

describe("shift", function()
  it("moves each image by its own whole number of pixels, black coming in", function()
    gl.seed(4)
    local x = gl.zeros(500, 5, 5, 2)
    x:select(2, 3):select(2, 3):fill_(1)
    local y, counts = gl.core.shift(x, 1), gl.zeros(5, 5)
    assert.equal(1000, y:sum():item())
    counts:add_(y:sum{axis = {1, 4}} / 2)
    for r = 1, 5 do
      for c = 1, 5 do
        local n = counts[{r, c}]:item()
        local inside = r >= 2 and r <= 4 and c >= 2 and c <= 4
        assert.is_true(inside and n > 25 and n < 90 or not inside and n == 0, ("%d at %d, %d"):format(n, r, c))
      end
    end
    assert.equal(0, gl.core.shift(gl.ones(50, 1, 1, 1), 3):lt(0):sum():item())
  end)
end)

describe("MNIST", function()
  local folder = "../shared/data/mnist"
  local there = gl.core.file_kind(folder) == "folder";
  (there and it or pending)("has the published numbers of images and labels", function()
    local data = assert(gl.data.load(folder))
    assert.equal(60000, data.train.count)
    assert.equal(10000, data.test.count)
    assert.same({28, 28, 1}, data.shape)
    local counts = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949} -- of 0 .. 9 in the training set
    for class, count in ipairs(counts) do
      assert.equal(count, data.train.labels:eq(class):sum():item())
    end
  end)

  it("leave out the training images of a class", function()
    local set = gl.data.load("digits", {train = 300, test = 50, without = "7"})
    assert.equal(0, set.train.labels:eq(8):sum():item())
    assert.is_true(set.train.count > 200 and set.train.count < 300)
    assert.equal(50, set.test.count)
    assert.equal(set.train.count, #set.train.factors)
    local nothing, message = gl.data.load("digits", {train = 30, test = 5, without = "x"})
    assert.is_nil(nothing)
    assert.equal("digits has no class x to leave out; it has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9", message)
    assert.error_matches(function() gl.data.load("digits", {train = 30, test = 5, without = {}}) end,
      "without: class is a text, not an empty table")
    assert.error_matches(function() gl.data.without(set) end, "without: class is a text, not nothing")
    assert.error_matches(function() gl.data.fingerprint(3) end, "fingerprint: set is a data set, not 3")
  end)
end)
