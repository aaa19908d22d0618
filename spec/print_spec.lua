-- The text of tensors.

local gl = require "genlat"

describe("printing", function()
  local function shows(text, x) assert.equal(text, tostring(x)) end

  it("shows single numbers as they are", function()
    shows("3", gl.tensor(3))
    shows("0.5000", gl.tensor(0.5))
    shows("nan", gl.tensor(0 / 0))
    shows("nan", gl.tensor(-(0 / 0)))
    shows("-inf", gl.tensor(-1 / 0))
    shows("1.2500e+05", gl.tensor(124999.5))
    shows("1.0000e-05", gl.tensor(1e-5))
  end)

  it("shows small tensors whole, in columns", function()
    shows("tensor 3 float32\n  1  2  3", gl.arange(3))
    shows("tensor 2x2 float32\n   1  -2\n  30   4", gl.tensor {{1, -2}, {30, 4}})
    shows("tensor 2x2 float32\n   0.5000  -2.0000\n  30.0000   4.0000", gl.tensor {{0.5, -2}, {30, 4}})
    shows("tensor 1x1x1 float32\n[1, ..]\n  7", gl.full({1, 1, 1}, 7))
    shows("tensor 2 float32\n  1.0000e-05  1.0000e+00", gl.tensor {1e-5, 1})
    shows("tensor 2 float32, requires grad\n  0  0", gl.zeros(2, {requires_grad = true}))
  end)

  it("shows bytes and numbers that are none", function()
    shows("tensor 3 uint8\n    0  128  255", gl.tensor({0, 128, 255}, {dtype = "uint8"}))
    shows("tensor 4 float32\n   inf  -inf   nan     1", gl.tensor {1 / 0, -1 / 0, 0 / 0, 1})
    shows("tensor 3 float32\n     inf    -inf  1.5000", gl.tensor {1 / 0, -1 / 0, 1.5})
  end)

  it("shows places whole, with all their digits", function()
    shows("tensor 2 int64\n  1234567890123             -1", gl.tensor({1234567890123, -1}, {dtype = "int64"}))
    shows("1234567890123", gl.full({}, 1234567890123, {dtype = "int64"}))
  end)

  it("shows the matrices of tensors with more axes", function()
    shows([[
tensor 2x2x1x2 float32
[1, 1, ..]
  1  2
[1, 2, ..]
  3  4
[2, 1, ..]
  5  6
[2, 2, ..]
  7  8]], gl.arange(8):reshape(2, 2, 1, 2))
  end)

  it("shows the edges of large tensors", function()
    shows("tensor 2000 float32\n     1     2     3  ...  1998  1999  2000", gl.arange(2000))
    shows([[
tensor 100x50 float32
     1     2     3  ...    48    49    50
    51    52    53  ...    98    99   100
   101   102   103  ...   148   149   150
  ...
  4851  4852  4853  ...  4898  4899  4900
  4901  4902  4903  ...  4948  4949  4950
  4951  4952  4953  ...  4998  4999  5000]], gl.arange(5000):reshape(100, 50))
    shows("tensor 41x1 float32\n   1\n   2\n   3\n  ...\n  39\n  40\n  41", gl.arange(41):reshape(41, 1))
    assert.equal(40, select(2, tostring(gl.zeros(40, 1)):gsub("\n", "")))
  end)

  it("goes on with a vector on the next line, and leaves out the middle of a matrix's rows", function()
    shows("tensor 24 float32\n" .. ("  100"):rep(16) .. "\n    " .. ("  100"):rep(8), gl.full({24}, 100))
    shows("tensor 1x17 float32\n" .. ("  100"):rep(16) .. "\n      100", gl.full({1, 17}, 100))
    shows("tensor 2x16 float32" .. ("\n" .. ("  100"):rep(16)):rep(2), gl.full({2, 16}, 100))
    shows("tensor 2x17 float32" .. ("\n  100  100  100  ...  100  100  100"):rep(2), gl.full({2, 17}, 100))
    shows("tensor 1x2x17 float32\n[1, ..]" .. ("\n  100  100  100  ...  100  100  100"):rep(2),
      gl.full({1, 2, 17}, 100))
  end)

  it("sums up large tensors with more than two axes", function()
    shows([[
tensor 20x2x30 float32
min 1, mean 600.5, max 1200
[1, .., ..]
   1   2   3  ...  28  29  30
  31  32  33  ...  58  59  60]], gl.arange(1200):reshape(20, 2, 30))
    shows("tensor 42x1x1 float32\nmin 0, mean 10.25, max 20.5\n[1, .., ..]\n  0",
      gl.arange(0, 20.5, 0.5):reshape(42, 1, 1))
    local x = gl.zeros(3, 30, 30)
    x[2][1][1] = 0 / 0
    assert.is_truthy(tostring(x):find "min 0, mean 0, max 0, and nan\n%[1, .., ..%]")
    assert.is_truthy(tostring(x / 0):find "\nall nan\n")
    x = gl.full({3, 30, 30}, 1 / 0, {requires_grad = true})
    assert.is_truthy(tostring(x):find "^tensor 3x30x30 float32, requires grad\nmin inf, mean inf, max inf\n")
  end)

  it("shows the middle of the first of many images", function()
    local row = gl.arange(8):reshape(1, 1, 8, 1)
    shows([[
tensor 5x9x8x3 uint8
min 1, mean 4.5, max 8
[1, 2..7, 2..7, 1]
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7]], row:expand(5, 9, 8, 3):clone():byte())
    shows([[
tensor 10x8x1 float32
min 1, mean 4.5, max 8
[3..8, 2..7, 1]
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7
  2  3  4  5  6  7]], row:expand(1, 10, 8, 1)[1])
  end)

  it("says what parts there are, and what they have", function()
    assert.is_truthy(tostring(gl):find "^genlat %S+, .*: data, latent, .*, train; gl.help%(%) says more$")
    assert.is_truthy(tostring(gl.latent):find "^gl.latent: .*, lerp, .*, slerp, ")
    assert.is_truthy(tostring(gl.plot):find "^gl.plot: .*images, ")
    assert.is_truthy(tostring(gl.ops):find "^gl.ops: abs, .*, zero_$")
    assert.equal("gl.exp: e^x; gl.help(gl.exp) says more", tostring(gl.ops.exp))
    assert.equal("class Linear", tostring(gl.nn.Linear))
    assert.is_nil(gl.none)
    assert.is_nil(gl.plot.none)
    assert.is_nil(gl.train.none)
  end)

  it("says of optimizers and schedules what they are set to and how far they are", function()
    local optimizer = gl.optim.Adam(gl.nn.Linear(3, 2), {lr = 0.01})
    local text = "Adam {lr = 0.01, betas = {0.9, 0.999}, eps = 1e-08, weight_decay = 0}: %d steps, 2 parameters, "
      .. "8 numbers"
    shows(text:format(0), optimizer)
    optimizer:step()
    shows(text:format(1), optimizer)
    local schedule = gl.optim.StepLR(optimizer, {step_size = 1, gamma = 0.5})
    schedule:step()
    shows("StepLR: 1 steps, lr 0.005 (at first 0.01)", schedule)
  end)

  it("says of data sets and their splits what is in them", function()
    local set = gl.data.load("faces", {train = 4, test = 2, side = 16})
    shows("faces16: 4 training and 2 test images of 16 x 16 x 3; classes black, brown, red, blond, white; factors "
      .. "smile, skin, hair_colour, hair_length, beard, glasses, eye_size, turn, background", set)
    shows("4 images of 16 x 16 x 3, labels of 5 classes, 9 factors each", set.train)
    assert.equal(set.classes, set.test.classes)
    set.classes = {}
    for i = 1, 20 do set.classes[i] = "c" .. i end
    assert.is_truthy(tostring(set):find("classes c1, c2, .*, c11, c12, ... %(20%); "))
    local split = require("genlat.data.split").new(set.test.images)
    shows("2 images of 16 x 16 x 3", split)
    for _, changed in ipairs {assert(gl.data.padded(set, 20)), assert(gl.data.without(set, "c1"))} do
      assert.equal(changed.classes, changed.train.classes)
    end
  end)

  it("gives back the memory that it needs", function()
    local x = gl.rand(50, 8, 8, 3):transpose(1, 2)
    tostring(x)
    collectgarbage()
    local before = gl.memory().live
    for _ = 1, 10 do tostring(x) end
    collectgarbage()
    assert.equal(before, gl.memory().live)
  end)

  it("does not walk through what it leaves out", function()
    shows("tensor 1099511627776 float32\n  1  1  1  ...  1  1  1", gl.ones(1):expand(1 << 40))
    shows("tensor 1073741824x2x2 float32\nmin 1, mean 2.5, max 4\n[1, .., ..]\n  1  2\n  3  4",
      gl.arange(4):reshape(1, 2, 2):expand(1 << 30, 2, 2))
  end)
end)
