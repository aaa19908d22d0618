-- 09_dcgan.lua: the game of example 08 between convolutions, a small DCGAN (Radford, Metz & Chintala 2016): digits, out
-- of noise.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local scope = require "genlat.scope"
local nn = gl.nn
local out = arg[1] or "runs/examples/09_dcgan"
assert(gl.core.mkdirs(out))
gl.seed(1)

local LATENT, MAPS, BATCH, EPOCHS = 32, 24, 32, 5
local data = gl.data.load("digits", {train = 8000, test = 100})

-- The generator is a decoder of transposed convolutions: 1 x 1 pixel, 7 x 7, 14 x 14, 28 x 28, with fewer maps each
-- time; the discriminator goes the same way back, by strides and without pooling. Between the layers stands batch
-- normalization, which gives every map mean 0 and variance 1 over the batch: without it, deep GANs hardly start. tanh
-- at the end: pixels are -1 to 1 here (their sec. 3).
local generator = nn.Sequential(
  nn.Reshape(1, 1, LATENT),
  nn.ConvTranspose2d(LATENT, 2 * MAPS, 7, {bias = false}), nn.BatchNorm(2 * MAPS), nn.ReLU(),
  nn.ConvTranspose2d(2 * MAPS, MAPS, 4, {stride = 2, padding = 1, bias = false}), nn.BatchNorm(MAPS), nn.ReLU(),
  nn.ConvTranspose2d(MAPS, 1, 4, {stride = 2, padding = 1}), nn.Tanh())
local discriminator = nn.Sequential(
  nn.Conv2d(1, MAPS, 4, {stride = 2, padding = 1}), nn.LeakyReLU(0.2),
  nn.Conv2d(MAPS, 2 * MAPS, 4, {stride = 2, padding = 1, bias = false}), nn.BatchNorm(2 * MAPS), nn.LeakyReLU(0.2),
  nn.Conv2d(2 * MAPS, 1, 7), nn.Flatten())
generator:summary(LATENT)
discriminator:summary(28, 28, 1)

-- All weights from N(0, 0.02) (their sec. 4).
for _, network in ipairs {generator, discriminator} do
  network:apply(function(module)
    local name = module:name()
    if name == "Conv2d" or name == "ConvTranspose2d" then nn.init.normal(module.weight, 0, 0.02) end
  end)
end

-- A larger rate than the paper's 0.0002, as this has to be quick, and falling to 0; beta1 = 0.5 is theirs.
local RATE, STEPS = 1e-3, EPOCHS * data.train:steps(BATCH)
local g_optimizer = gl.optim.Adam(generator, {lr = RATE, betas = {0.5, 0.999}})
local d_optimizer = gl.optim.Adam(discriminator, {lr = RATE, betas = {0.5, 0.999}})
local function called_real(logits) return logits:bce_with_logits(gl.ones(logits.shape), "mean") end
local function called_made(logits) return logits:bce_with_logits(gl.zeros(logits.shape), "mean") end

-- What the same 40 points of the latent space look like now. In evaluation, batch normalization uses the mean and
-- variance that it has kept from training, so that an image does not depend on its neighbours in the batch.
local fixed = gl.randn(40, LATENT)
local function sheet()
  local x = scope.run({recording = false, eval = generator}, generator, fixed)
  return gl.plot.images.grid((x + 1) / 2, {columns = 8})
end

local frames = {}
local curves = {step = {}, real = {}, made = {}}
local step, real, fake = 0, 0, 0
for epoch = 1, EPOCHS do
  for _, x in data.train:batches {size = BATCH, epoch = epoch} do
    if step <= 80 and step % 8 == 0 or step % 30 == 0 then frames[#frames + 1] = sheet() end
    g_optimizer.lr, d_optimizer.lr = RATE * (1 - step / STEPS), RATE * (1 - step / STEPS)
    step = step + 1
    local made = generator(gl.randn(#x, LATENT))

    discriminator:unfreeze()
    local on_real, on_made = discriminator(x * 2 - 1), discriminator(made:detach())
    local loss = called_real(on_real) + called_made(on_made)
    d_optimizer:zero_grad()
    loss:backward()
    d_optimizer:step()

    discriminator:freeze()
    local fooled = called_real(discriminator(made))
    g_optimizer:zero_grad()
    fooled:backward()
    g_optimizer:step()

    real, fake = real + on_real:sigmoid():mean():item() / 25, fake + on_made:sigmoid():mean():item() / 25
    if step % 25 == 0 then
      table.insert(curves.step, step)
      table.insert(curves.real, real)
      table.insert(curves.made, fake)
      if step % 250 == 0 then
        print(("step %4d: D's belief in real images %.2f, in made ones %.2f"):format(step, real, fake))
      end
      real, fake = 0, 0
    end
  end
end

-- New images beside real ones, and the way there.
local last = sheet()
for _ = 1, 12 do frames[#frames + 1] = last end -- it stays a while
assert(gl.write_gif(out .. "/training.gif", gl.stack(frames), {delay = 14}))
generator:eval()
local made = gl.no_grad(generator, gl.randn(36, LATENT))
local function square(x) return gl.plot.sheet.uri(gl.plot.images.grid(x, {columns = 6, scale = 1})) end
assert(gl.core.write_file(out .. "/samples.svg", gl.plot.scatter.panels {
  title = ("A small DCGAN after %d steps"):format(STEPS), width = 700,
  {title = "made", image = square((made + 1) / 2)}, {title = "real", image = square((data.train:head(36)))},
}))
assert(gl.core.write_file(out .. "/beliefs.svg", gl.plot.lines.svg {
  title = "The discriminator's belief that an image is real", subtitle = "Means over 25 steps", xlabel = "step",
  series = {
    {name = "real images", x = curves.step, y = curves.real}, {name = "made images", x = curves.step, y = curves.made},
  },
}))
print(("Look at %s/training.gif, %s/samples.svg and %s/beliefs.svg"):format(out, out, out))
