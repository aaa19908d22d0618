-- 04_holes.lua: why an autoencoder's latent space has holes: with two latent dimensions, it can be drawn.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local nn = gl.nn
local out = arg[1] or "runs/examples/04_holes"
assert(gl.core.mkdirs(out))
gl.seed(1)

local data = gl.data.load("digits", {train = 10000, test = 2000})

-- The autoencoder of example 03 with a layer more on each side, as two numbers have more to say than twelve.
local encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(),
  nn.Linear(64, 2))
local decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784))
local autoencoder = nn.Sequential(encoder, decoder)
local optimizer = gl.optim.Adam(autoencoder, {lr = 2e-3})
for epoch = 1, 15 do
  local sum, steps = 0, 0
  for _, x in data.train:batches {size = 100, epoch = epoch} do
    local loss = autoencoder(x):bce_with_logits(x:flatten(2))
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
    sum, steps = sum + loss:item(), steps + 1
  end
  if epoch % 5 == 0 then print(("epoch %2d: loss %.1f nats per image"):format(epoch, sum / steps)) end
end
autoencoder:freeze() -- nothing is learned from here on

local function decode(z) return decoder(z):sigmoid():reshape(-1, 28, 28, 1) end

-- The map: where the test images lie in the plane.
local test, labels = data.test:head(2000)
local z = encoder(test) -- 2000 x 2

-- The box around all but the outermost 1 % of them on each side, cut into 20 x 20 cells.
local CELLS = 20
local function middle(values) -- the range of an axis
  table.sort(values)
  local outer = math.floor(#values / 100)
  return values[1 + outer], values[#values - outer]
end
local left, right = middle(z:select(2, 1):totable())
local low, high = middle(z:select(2, 2):totable())
local side = gl.tensor {(right - left) / CELLS, (low - high) / CELLS} -- a cell's width and height; rows count down
local corner = gl.tensor {left, high}
local column, row = gl.arange(CELLS):expand(CELLS, CELLS), gl.arange(CELLS):unsqueeze(2):expand(CELLS, CELLS)
local cells = gl.stack({column, row}, 3):reshape(-1, 2) -- 400 x 2: (1, 1), (2, 1), ... row by row from the top
local centers = corner + (cells - 0.5) * side

-- How many images each cell holds: of every image its cell's place in the list, turned into a 1 there, and summed.
local place = ((z - corner) / side):floor() -- 2000 x 2, from 0
local inside = (place:ge(0) * place:lt(CELLS)):min(2)
local index = (place:clamp(0, CELLS - 1) * gl.tensor {1, CELLS}):sum(2) + 1
local count = (index:one_hot(CELLS * CELLS) * inside:unsqueeze(2)):sum(1)
local empty = count:eq(0)

-- Two faults of the map: some cells are empty, and in others images crowd. How few cells hold half of all images?
local crowded, sum, half = count:totable(), 0, 0
table.sort(crowded, function(a, b) return a > b end)
while sum < 1000 do
  half = half + 1
  sum = sum + crowded[half]
end
print(("of %d cells, %d hold not one of the 2000 images, and %d hold half of them"):format(CELLS * CELLS,
  empty:sum():item(), half))

-- Every cell can be decoded, also an empty one, but there the two networks were never made to agree. Encode again what
-- was decoded: how many cells away does it land?
local images = decode(centers)
local moved = ((encoder(images) - centers) / side):norm(2)
print(("decoded and encoded again, the middle of a cell that holds images moves by %.2f cells, of an empty one by %.2f")
  :format((moved * count:gt(0)):sum():item() / count:gt(0):sum():item(),
    (moved * empty):sum():item() / empty:sum():item()))

-- A walk through a hole: of a thousand pairs of images, the one whose midpoint is farthest from any image. Nothing in
-- the loss speaks of what lies between images: training puts them wherever they are told apart best.
local first, second = z:slice(1, 1, 1000), z:slice(1, 1001, 2000)
local midpoint = (first + second) / 2
local squared = midpoint:square():sum(2, true) + z:square():sum(2) - 2 * midpoint:matmul(z:t()) -- as in example 01
local deepest = squared:min(2):argmax():item()
local from, to = first[deepest], second[deepest]

-- The picture: the map with the walk as a class of its own, the decoded cells, and what the walk passes.
local points = gl.cat {z, gl.latent.lerp(from, to, 150)}
local names, label = {table.unpack(data.classes)}, {}
names[11] = "a walk"
for i = 1, #points do
  label[i] = i <= 2000 and math.tointeger(labels[i]:item()) or 11
end
local tint = gl.where(empty:reshape(-1, 1, 1, 1), gl.tensor {1, 0.35, 0.35}, gl.tensor {1, 1, 1})
local sheet = gl.plot.images.grid(images * tint, {columns = CELLS, gap = 0, scale = 1})
assert(gl.core.write_file(out .. "/holes.svg", gl.plot.scatter.panels {
  title = "An autoencoder's latent space", subtitle = "2000 test images of 784 numbers, as two numbers each",
  classes = names,
  {x = points:select(2, 1):totable(), y = points:select(2, 2):totable(), label = label, xlabel = "z1", ylabel = "z2",
    caption = ("Where the encoder puts images. No one asked it to leave no gaps: half of them lie in %d of %d cells.")
      :format(half, CELLS * CELLS)},
  {image = gl.plot.sheet.uri(sheet),
    caption = "What is decoded from the middle of each cell; red where no image lies. To draw a new digit, which point "
      .. "would you take? A 4, say?"},
}))
assert(gl.core.write_file(out .. "/walk.svg", gl.plot.sheet.svg {
  title = "A walk through a hole", rows = {{images = decode(gl.latent.lerp(from, to, 11))}},
  foot = "Both ends are images; what is between them was never learned from any.",
}))
print("Look at " .. out .. "/holes.svg and " .. out .. "/walk.svg")
