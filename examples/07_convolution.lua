-- 07_convolution.lua: what convolution, padding, stride and pooling do to an image, and the way back up.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local out = arg[1] or "runs/examples/07_convolution"
assert(gl.core.mkdirs(out))
gl.seed(1)

-- Two images, as one batch N x H x W x C: a face (built in, drawn by program), and a digit enlarged to the same size.
local SIDE = 64
local face = gl.data.face({smile = 0.8, glasses = 1, hair_length = 0.4}, {side = SIDE}):mean(3, true)
local digit = gl.data.load("digits", {train = 1, test = 8}).test:head(8)[7] -- 28 x 28
local x = gl.stack {face, gl.zeros(SIDE, SIDE, 1)}
x[2]:slice(1, 5, 60):slice(2, 5, 60):copy_(digit:unsqueeze(1):upsample_bilinear2d(2)[1])

-- 1. A kernel ---------------------------------------------------------------------------------------------------------

-- A convolution puts a small window over every pixel and adds up what it sees, each place by its weight:
--   y[i][j] = sum_a sum_b weight[a][b] x[i + a - 1][j + b - 1]
-- A weight is outputs x height x width x inputs; here one output, and one input, as the images are grey.
local function kernel(rows)
  local w = gl.tensor(rows)
  return w:reshape(1, #rows, #rows[1], 1)
end
local kernels = {
  {"the image", kernel {{1}}},
  {"mean of 5 x 5", gl.full({1, 5, 5, 1}, 1 / 25)},
  {"sharper", kernel {{0, -1, 0}, {-1, 5, -1}, {0, -1, 0}}},
  {"left to right", kernel {{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}}, true}, -- of Sobel & Feldman 1968
  {"top to bottom", kernel {{-1, -2, -1}, {0, 0, 0}, {1, 2, 1}}, true},
  {"curvature", kernel {{0, 1, 0}, {1, -4, 1}, {0, 1, 0}}, true}, -- the Laplace operator
}

local by_hand, sobel = 0, kernels[4][2]
for a = 1, 3 do
  for b = 1, 3 do
    by_hand = by_hand + sobel[1][a][b]:item() * x[1][30 + a - 1][20 + b - 1]:item()
  end
end
print(("one pixel by hand %.5f, by conv2d %.5f"):format(by_hand, x:conv2d(sobel)[1][30][20]:item()))

-- An edge is where neighbours differ, in either direction: where the answer may be negative, grey stands for 0.
local columns, faces, digits = {}, {}, {}
for i, entry in ipairs(kernels) do
  local name, weight, signed = entry[1], entry[2], entry[3]
  local y = x:conv2d(weight, nil, 1, math.floor(weight:size(2) / 2)) -- no bias, stride 1, padding of half a window
  if signed then y = 0.5 + 0.25 * y end
  columns[i], faces[i], digits[i] = name, y[1]:clamp(0, 1), y[2]:clamp(0, 1)
end
assert(gl.core.write_file(out .. "/kernels.svg", gl.plot.sheet.svg {
  title = "Small kernels, everywhere", columns = columns, scale = 2,
  rows = {{images = gl.stack(faces)}, {images = gl.stack(digits)}},
  foot = "Each looks for one thing, everywhere, with 9 numbers (the mean: 25). In the last three, grey is 0.",
}))

-- The same weights everywhere: move the image, and the answer moves along. (Away from the border: 64 - 2 * 8 pixels.)
local function moved(t) return gl.cat({t:slice(3, 6), t:slice(3, 1, 5)}, 3) end -- 5 pixels to the left, and round
local function inner(t) return t:slice(2, 9, -9):slice(3, 9, -9) end
local apart = inner(moved(x):conv2d(sobel, nil, 1, 1)) - inner(moved(x:conv2d(sobel, nil, 1, 1)))
print(("moved and convolved, or convolved and moved: they differ by at most %g"):format(apart:abs():max():item()))
print(("weights from 64 x 64 to 64 x 64 pixels: %d for this convolution, %d for a dense layer"):format(sobel:numel(),
  SIDE ^ 4))

-- 2. A kernel can be learned ------------------------------------------------------------------------------------------

-- A network is not given its kernels. Given only what should come out, descent finds the nine numbers.
local wanted = x:conv2d(sobel)
local learned = gl.randn(1, 3, 3, 1)
learned.requires_grad = true
local optimizer = gl.optim.Adam({learned}, {lr = 0.1})
for step = 1, 1500 do
  local loss = x:conv2d(learned):mse_loss(wanted, "mean")
  optimizer:zero_grad()
  loss:backward()
  optimizer:step()
  if step == 1 or step % 500 == 0 then print(("step %4d: loss %.6f"):format(step, loss:item())) end
end
print("the kernel that was learned:")
for a = 1, 3 do
  print(("  %6.3f %6.3f %6.3f"):format(table.unpack(learned[1][a]:flatten():totable())))
end

-- 3. Smaller ----------------------------------------------------------------------------------------------------------

-- The side of what comes out: floor((n + 2 padding - kernel) / stride) + 1.
local mean5 = kernels[2][2]
local smaller = {
  {"no padding", x:conv2d(mean5)}, -- the window has to fit: two pixels are lost on each side
  {"padding 2", x:conv2d(mean5, nil, 1, 2)}, -- zeros around: the size stays, the border gets dark
  {"stride 2", x:conv2d(mean5, nil, 2, 2)}, -- every second window
  {"mean pool 4", x:avg_pool2d(4)}, -- the window's mean, windows side by side
  {"max pool 4", x:max_pool2d(4)}, -- the window's largest: is it there, wherever exactly?
}
-- For the sheet, each at the middle of a canvas.
local function on_canvas(images)
  local canvas, side = gl.full({2, SIDE, SIDE, 1}, 0.22), images:size(2)
  local first = math.floor((SIDE - side) / 2) + 1
  canvas:slice(2, first, first + side - 1):slice(3, first, first + side - 1):copy_(images)
  return canvas
end
local names, top, bottom = {}, {}, {}
for i, entry in ipairs(smaller) do
  local side = entry[2]:size(2)
  print(("%-12s %d x %d -> %d x %d"):format(entry[1], SIDE, SIDE, side, side))
  local canvas = on_canvas(entry[2])
  names[i], top[i], bottom[i] = ("%s: %d"):format(entry[1], side), canvas[1], canvas[2]
end
assert(gl.core.write_file(out .. "/smaller.svg", gl.plot.sheet.svg {
  title = "Smaller", subtitle = "What is left of 64 x 64 pixels. The first three take the mean of 5 x 5.",
  columns = names, scale = 2, rows = {{images = gl.stack(top)}, {images = gl.stack(bottom)}},
}))

-- 4. Larger -----------------------------------------------------------------------------------------------------------

-- A decoder has to go the other way. A transposed convolution puts its kernel down, scaled, at every pixel, `stride`
-- apart, and adds up where they overlap. A window of 3 at stride 2 overlaps unevenly: a checkerboard (Odena, Dumoulin &
-- Olah 2016). One of 4 does not, which is why DCGANs have windows of 4.
local small = x:avg_pool2d(2)
local function transposed(size, padding, extra)
  local y = small:conv_transpose2d(gl.ones(1, size, size, 1), nil, 2, padding, extra)
  return y * 4 / size ^ 2 -- what a pixel gets on average
end
local larger = {
  {"32 pixels", on_canvas(small)},
  {"nearest", small:upsample_nearest2d(2)},
  {"bilinear", small:upsample_bilinear2d(2)},
  {"transposed, 3", transposed(3, 1, 1)},
  {"transposed, 4", transposed(4, 1, 0)},
}
for i, entry in ipairs(larger) do
  names[i], top[i], bottom[i] = entry[1], entry[2][1], entry[2][2]
end
assert(gl.core.write_file(out .. "/larger.svg", gl.plot.sheet.svg {
  title = "Larger", subtitle = "Four ways from 32 x 32 to 64 x 64 pixels. Transposed convolutions with equal weights.",
  columns = names, scale = 2, rows = {{images = gl.stack(top)}, {images = gl.stack(bottom)}},
  foot = "Kernels of 3 at stride 2 meet some pixels four times, others once: a checkerboard no one asked for.",
}))
print(("Look at %s/kernels.svg, %s/smaller.svg and %s/larger.svg"):format(out, out, out))
