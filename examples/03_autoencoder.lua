-- 03_autoencoder.lua: an autoencoder (Hinton & Salakhutdinov 2006), whole: networks, loss and training loop. An image
-- is squeezed through twelve numbers and has to come out again.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local nn = gl.nn
local out = arg[1] or "runs/examples/03_autoencoder"
assert(gl.core.mkdirs(out))
gl.seed(1) -- equal seeds, equal numbers: run it again and it prints the same

local LATENT, EPOCHS = 12, 10
local data = gl.data.load("digits", {train = 20000, test = 1000})

-- The encoder makes 12 numbers of 784, the decoder 784 of 12. A layer is a matrix and a bias, h = x W' + b; between two
-- of them stands max(h, 0), without which they would be one matrix. W and b start at random; they are what is learned.
local encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, LATENT))
local decoder = nn.Sequential(nn.Linear(LATENT, 256), nn.ReLU(), nn.Linear(256, 784))
local autoencoder = nn.Sequential(encoder, decoder)
print(autoencoder)

-- What the decoder says of a pixel is a logit; sigmoid makes of it p, the ink that it expects. The loss is how much the
-- image x surprises someone who expects p: -x log p - (1 - x) log(1 - p), summed over the pixels and averaged over the
-- batch, in nats per image.
local function loss_of(x) return autoencoder(x):bce_with_logits(x:flatten(2)) end
local function decode(z) return decoder(z):sigmoid():reshape(-1, 28, 28, 1) end

-- For the picture: how eight test images come out. no_grad writes nothing on the tape, as nothing is learned here.
local test = data.test:head(1000)
local rows = {{name = "test images", note = "784 numbers each", images = test:slice(1, 1, 8)}}
local function keep(name)
  rows[#rows + 1] = {name = name, note = ("through %d numbers"):format(LATENT),
    images = gl.no_grad(function() return decode(encoder(test:slice(1, 1, 8))) end)}
end

-- The loop of example 02, with the loss of a hundred images in place of f: loss, gradient, step.
local optimizer = gl.optim.Adam(autoencoder, {lr = 2e-3})
keep "before training"
for epoch = 1, EPOCHS do
  for _, x in data.train:batches {size = 100, epoch = epoch} do
    local loss = loss_of(x)
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
  local loss = gl.no_grad(loss_of, test):item() -- on images that it was not shown
  print(("epoch %2d: test loss %.1f nats per image"):format(epoch, loss))
  if epoch == 1 or epoch == EPOCHS then keep(("after epoch %d"):format(epoch)) end
end

-- The loss cannot reach 0: a grey pixel surprises even someone who expects exactly its grey.
local p = test:clamp(1e-6, 1 - 1e-6)
print(("a perfect copy would have %.1f"):format(-(test * p:log() + (1 - test) * (1 - p):log()):sum():item() / #test))

-- Now halfway between two images, first pixel by pixel as in example 01, then between their twelve numbers.
local from, to = test[2], test[5] -- a 9 and a 5
local t = gl.linspace(0, 1, 8)
rows[#rows + 1] = {name = "from 9 to 5", note = "pixel by pixel",
  images = (1 - t:reshape(8, 1, 1, 1)) * from + t:reshape(8, 1, 1, 1) * to}
gl.no_grad(function()
  local ends = encoder(gl.stack {from, to}) -- 2 x 12
  rows[#rows + 1] = {name = "from 9 to 5", note = "between their latent vectors",
    images = decode((1 - t:unsqueeze(2)) * ends[1] + t:unsqueeze(2) * ends[2])}
  print("the 9 is" .. (" %.1f"):rep(LATENT):format(table.unpack(ends[1]:totable())))
end)

assert(gl.core.write_file(out .. "/autoencoder.svg", gl.plot.sheet.svg {
  title = ("An autoencoder: 784 numbers, %d numbers, 784 numbers"):format(LATENT), rows = rows,
  foot = "A straight line between latent vectors bends one image into the other, where one between pixels fades.",
}))
print("Look at " .. out .. "/autoencoder.svg")
