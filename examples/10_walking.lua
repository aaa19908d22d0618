-- 10_walking.lua: walks through a latent space: how long latent vectors are, why walks between them are bent, and a way
-- through all ten digits and back.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local latent = gl.latent
local out = arg[1] or "runs/examples/10_walking"
assert(gl.core.mkdirs(out))
gl.seed(1)

-- 1. Where the prior is -----------------------------------------------------------------------------------------------

-- Draw z from N(0, I) in d dimensions. Its density is highest at 0, yet nothing is ever drawn near 0: |z|^2 is a sum of
-- d squares, d on average, with a standard deviation of sqrt(2 d). So |z| is close to sqrt(d), and the larger d, the
-- closer: the draws lie in a thin shell.
--
-- Two draws are nearly at right angles, so that the middle of the straight line between them is only |z| / sqrt(2) =
-- 0.71 |z| long: inside of the shell, where the decoder was hardly trained. Spherical interpolation (Shoemake 1985; for
-- latent spaces White 2016) goes round within the shell. Measured on 200 pairs:
print "dimensions   length of a draw    sqrt(d)   middle of: straight walk   spherical walk"
for _, d in ipairs {10, 100, 1000} do
  local draws, straight, round = gl.randn(400, d):norm(2), 0, 0
  for _ = 1, 200 do
    local a, b = gl.randn(d), gl.randn(d)
    straight = straight + latent.lerp(a, b, 3)[2]:norm():item() / 200
    round = round + latent.slerp(a, b, 3)[2]:norm():item() / 200
  end
  print(("%10d   %7.2f +- %5.2f %10.2f %27.2f %16.2f"):format(d, draws:mean():item(), draws:std():item(),
    math.sqrt(d), straight, round))
end

local a, b = gl.randn(100), gl.randn(100)
local t, series = gl.linspace(0, 1, 41):totable(), {}
for i, name in ipairs {"lerp", "slerp"} do
  series[i] = {name = name, x = t, y = latent[name](a, b, 41):norm(2):totable()}
end
series[3] = {name = "sqrt(100)", x = t, y = gl.full({41}, 10):totable(), dash = true}
assert(gl.core.write_file(out .. "/lengths.svg", gl.plot.lines.svg {
  title = "The length of z on the way", subtitle = "Between two draws from N(0, I) in 100 dimensions", series = series,
  xlabel = "part of the way", ylabel = "|z|",
}))

-- 2. A model to walk in -----------------------------------------------------------------------------------------------

-- The VAE of example 05 from the library, with ten latent dimensions; model:loss(x) is the same sum.
local data = gl.data.load("digits", {train = 20000, test = 1000})
local model = gl.models.vae {image = data.shape, hidden = {400}, latent = 10}
local optimizer = gl.optim.Adam(model, {lr = 2e-3})
for epoch = 1, 8 do
  for _, x in data.train:batches {size = 100, epoch = epoch} do
    local loss = model:loss(x)
    optimizer:zero_grad()
    loss.loss:backward()
    optimizer:step()
  end
  if epoch % 4 == 0 then
    print(("epoch %d: test loss %s"):format(epoch, gl.train.losses.text(model)(gl.train.evaluate(model, data.test))))
  end
end

-- A space is a model as the tools of gl.latent take it; gl.load "runs/vae" gives that of a trained run.
local space = latent.space(model, {data = data})

-- 3. Through all ten digits -------------------------------------------------------------------------------------------

-- Of each class a test image that is usual and comes back well: with the least product of its latent vector's distance
-- from the class's mean and of its error after encoding and decoding.
local x = data.test:head(1000)
local z, labels = space:encode_split(data.test)
local err = (space:decode(z) - x):square():sum {2, 3, 4} -- 1000
local stations = {}
for class = 1, 10 do
  local is_class = labels:eq(class)
  local mean = (z * is_class:unsqueeze(2)):sum(1) / is_class:sum()
  stations[class] = z[((z - mean):norm(2) * err + 1e6 * (1 - is_class)):argmin():item()]
end

-- One walk after the other and home again: each without its last point, which the next one begins with, so that the
-- animation runs round without a stop.
local STEPS = 12
local frames, rows = {}, {}
for class = 1, 10 do
  local way = latent.slerp(stations[class], stations[class % 10 + 1], STEPS + 1)
  local images = space:decode(way)
  frames[class] = images:slice(1, 1, STEPS)
  rows[class] = {name = ("from %s to %s"):format(data.classes[class], data.classes[class % 10 + 1]), images = images}
end
local film = gl.cat(frames):upsample_bilinear2d(8)
assert(gl.write_gif(out .. "/round.gif", film, {delay = 8}))
assert(gl.core.write_file(out .. "/walks.svg", gl.plot.sheet.svg {
  title = "From digit to digit in a VAE", rows = rows, scale = 2,
  foot = "Between two digits there is now an image at every step: what example 01 was looking for.",
}))
print(("Look at %s/round.gif, %s/walks.svg and %s/lengths.svg; scripts/interpolate.lua does it with trained runs")
  :format(out, out, out))
