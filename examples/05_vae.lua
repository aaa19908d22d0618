-- 05_vae.lua: the variational autoencoder (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014), written out: an
-- autoencoder whose latent space is filled without gaps, so that new images can be drawn from it.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local nn = gl.nn
local out = arg[1] or "runs/examples/05_vae"
assert(gl.core.mkdirs(out))
gl.seed(1)

local LATENT = 2
local data = gl.data.load("digits", {train = 10000, test = 2000})

-- 1. The model --------------------------------------------------------------------------------------------------------

-- The story it tells: nature draws z from the prior p(z) = N(0, I), then an image from p(x|z), which is the decoder.
-- The encoder guesses backwards: which z may have made x? Its answer is no point but a Gaussian q(z|x), a mean and the
-- logarithm of a variance for each latent dimension: one cloud of points for each image.
local VAE = nn.class "VAE"
function VAE:init()
  self.body = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU())
  self.mean, self.logvar = nn.Linear(64, LATENT), nn.Linear(64, LATENT)
  self.decoder = nn.Sequential(nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784))
end

function VAE:posterior(x)
  local h = self.body(x)
  return self.mean(h), self.logvar(h)
end

-- Drawing z at random has no gradient. But a draw from N(mean, std^2) is mean + std * eps with eps from N(0, 1): then
-- chance comes in from outside, and z is a function of mean and std like any other (sec. 2.4, the reparameterization).
local function sample(mean, logvar)
  local eps = gl.randn(mean.shape)
  return mean + (logvar / 2):exp() * eps
end

-- What to minimize is -ELBO, an upper bound on -log p(x) (eq. 3). Two terms, for each image:
--   reconstruction  -log p(x|z): as in example 03, for a z drawn from the image's cloud
--   KL(q(z|x) || p(z)): what the clouds' being elsewhere than the prior costs; for Gaussians (appendix B)
--                   1/2 sum (mean^2 + var - 1 - log var)
function VAE:loss(x)
  local mean, logvar = self:posterior(x)
  local reconstruction = self.decoder(sample(mean, logvar)):bce_with_logits(x:flatten(2))
  local kl = 0.5 * (mean:square() + logvar:exp() - 1 - logvar):sum(2):mean()
  return reconstruction, kl
end

function VAE:decode(z) return self.decoder(z):sigmoid():reshape(-1, 28, 28, 1) end

-- 2. Training ---------------------------------------------------------------------------------------------------------

local vae = VAE()
local optimizer = gl.optim.Adam(vae, {lr = 2e-3})
for epoch = 1, 20 do
  local sums, steps = {0, 0}, 0
  for _, x in data.train:batches {size = 100, epoch = epoch} do
    local reconstruction, kl = vae:loss(x)
    optimizer:zero_grad();
    (reconstruction + kl):backward()
    optimizer:step()
    sums[1], sums[2], steps = sums[1] + reconstruction:item(), sums[2] + kl:item(), steps + 1
  end
  if epoch % 5 == 0 then
    print(("epoch %2d: reconstruction %.1f + KL %.2f nats per image"):format(epoch, sums[1] / steps, sums[2] / steps))
  end
end
vae:freeze()

-- 3. Why not the other way? -------------------------------------------------------------------------------------------

-- Another estimate of the gradient of E_q[f(z)] needs no gradient of f (sec. 2.2): the score function's,
--   f(z) * d log q(z) / d mean = f(z) (z - mean) / std^2.
-- It is right on average, too, and stays right when a constant such as the mean of f is taken from f. Here are all for
-- the cloud of one image, by the first component of its mean, with f the reconstruction term, from N draws.
local N = 5000
local x = data.test:head(1)
local mean, logvar = vae:posterior(x) -- 1 x 2
local std = (logvar / 2):exp()
local means = mean:expand(N, LATENT):clone()
means.requires_grad = true -- N copies of the mean, so that each draw has a gradient of its own
local z = means + std * gl.randn(N, LATENT)
local f = vae.decoder(z):bce_with_logits(x:flatten(2):expand(N, 784), "none"):sum(2) -- N
f:sum():backward()
local through = means.grad:select(2, 1)
local direction = ((z - means) / std:square()):detach():select(2, 1)
f = f:detach()
local score, centred = f * direction, (f - f:mean()) * direction
print(("three estimates of the gradient of the reconstruction term, from %d draws:"):format(N))
for _, estimate in ipairs {
  {"reparameterization", through}, {"score function", score}, {"with f less its mean", centred},
} do
  local name, draws = estimate[1], estimate[2]
  print(("  %-21s mean %8.2f +- %6.2f   variance of one draw %10.0f, %5.0f times the first's"):format(name,
    draws:mean():item(), draws:std():item() / math.sqrt(N), draws:var():item(),
    draws:var():item() / through:var():item()))
end
-- The variance says how many draws the same precision takes. Training takes one draw for each image.

-- 4. The latent space, as in example 04 -------------------------------------------------------------------------------

local test, labels = data.test:head(2000)
local points = vae:posterior(test) -- the means of the clouds
local label = labels:totable()
for i, class in ipairs(label) do label[i] = math.tointeger(class) end

-- A grid with equal steps of the prior's probability, so that each of its images stands for one draw in 400.
local CELLS = 20
local grid = vae:decode(gl.latent.grid(CELLS, gl.eye(2)))
assert(gl.core.write_file(out .. "/vae.svg", gl.plot.scatter.panels {
  title = "A VAE's latent space", subtitle = "The same images, as in example 04", classes = data.classes,
  {x = points:select(2, 1):totable(), y = points:select(2, 2):totable(), label = label, xlabel = "z1", ylabel = "z2",
    prior = true, caption = "The means of the images' clouds. The KL draws all of them to the prior, whose first and "
      .. "second standard deviation the circles are; reconstruction keeps them apart."},
  {image = gl.plot.sheet.uri(gl.plot.images.grid(grid, {columns = CELLS, gap = 0, scale = 1})),
    caption = "Decoded from a grid with equal steps of the prior's probability. Every point gives an image."},
}))

local samples = vae:decode(gl.randn(60, LATENT))
assert(gl.write_png(out .. "/samples.png", gl.plot.images.grid(samples, {columns = 12})))
print("Look at " .. out .. "/vae.svg (beside example 04's holes.svg) and " .. out .. "/samples.png: new digits")
