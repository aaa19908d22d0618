-- 01_tensors.lua: an image is a tensor, and a question about images is arithmetic on tensors.
--
-- Run it with `lua examples/01_tensors.lua`. It leaves its pictures in runs/examples/01_tensors, or in the folder that
-- is given as its first argument; so do all the examples.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local out = arg[1] or "runs/examples/01_tensors"
assert(gl.core.mkdirs(out))

-- A tensor is a block of numbers with a shape. The data set "digits" is drawn by a program, in the form of MNIST: grey
-- images of 28 x 28 pixels with the digit that each shows. Everything counts from 1, as everywhere in Lua.
local data = gl.data.load("digits", {train = 6000, test = 1000})
print(data)

-- Images are N x H x W x C: which image, which row, which column, which colour channel (grey images have one).
-- They are kept as bytes; head() gives the first ones as floats, 0 is paper and 1 is ink. Labels are class numbers.
local x, labels = data.train:head(data.train.count)
print("the training images: " .. table.concat(x.shape, " x ") .. ", the labels: " .. table.concat(labels.shape, " x "))

-- Indexing takes away the first axis. x[5] is image 5, x[5][14] its row 14, x[5][14][20] one pixel (its 1 channel).
print(("image 5 shows a %s; every second pixel of it, in tenths of full ink:"):format(data.classes[labels[5]:item()]))
for row = 6, 28, 2 do
  local line = {}
  for column = 6, 28, 2 do
    local ink = math.floor(10 * x[5][row][column]:item() + 0.5)
    line[#line + 1] = ink == 0 and " ." or ("%2d"):format(ink)
  end
  print("  " .. table.concat(line, " "))
end

-- Operations work on all elements at once, and along any axis. The mean over axis 1 (which image) of all zeros, of all
-- ones, ... is an average image. eq() is 1 where it is true, else 0; reshape makes it N x 1 x 1 x 1, and an axis of
-- size 1 is stretched to whatever it meets (broadcasting), so the product keeps the images of one class.
local means = {}
for class = 1, 10 do
  local is_class = labels:eq(class)
  means[class] = (x * is_class:reshape(-1, 1, 1, 1)):sum(1) / is_class:sum()
end
means = gl.stack(means) -- 10 x 28 x 28 x 1
print("the ten average images: " .. table.concat(means.shape, " x "))

-- Already this recognizes digits: call an image by the average that it is nearest to. The squared distance is
--   |a - b|^2 = |a|^2 + |b|^2 - 2 a.b,
-- and all the dot products a.b at once are one product of matrices, 1000 x 784 times 784 x 10.
local test, truth = data.test:head(1000)
local a, b = test:flatten(2), means:flatten(2)
local distance = a:square():sum(2, true) + b:square():sum(2) - 2 * a:matmul(b:t()) -- 1000 x 10
local guess = distance:argmin(2)
print(("nearest average: %.1f %% of 1000 test images are named rightly (blind guessing: 10 %%)")
  :format(100 * guess:eq(truth):mean():item()))

-- But pixels are a poor place to walk in. Half of one digit plus half of another is not a digit: it is two ghosts.
-- (1 - t) * from + t * to, for five t at once: t is 5 x 1 x 1 x 1 and the images 28 x 28 x 1.
local examples = {}
for class = 1, 10 do
  examples[class] = x[labels:eq(class):argmax():item()] -- argmax: the first of the largest, here the first 1
end
-- (1 - t) * from + t * to for ten t at once: t is 10 x 1 x 1 x 1, the images 28 x 28 x 1. Class 4 is the digit 3.
local from, to = examples[4], examples[8]
local t = gl.linspace(0, 1, 10):reshape(10, 1, 1, 1)
local fade = (1 - t) * from + t * to

local sheet = gl.plot.sheet.svg {
  title = "Images are tensors",
  subtitle = "6000 digits of 28 x 28 numbers. The second and third row are made of the first kind by arithmetic alone.",
  rows = {
    {name = "one of each", images = gl.stack(examples)},
    {name = "the average", note = "of all of its class", images = means},
    {name = "from 3 to 7", note = "straight, pixel by pixel", images = fade},
  },
  foot = "Halfway between two images there is no image. The examples that follow look for a space where there is one.",
}
assert(gl.core.write_file(out .. "/tensors.svg", sheet))
print("Look at " .. out .. "/tensors.svg, then at examples/02_gradients.lua")
