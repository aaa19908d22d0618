-- 13_own.lua: a model of your own in all the tools that genlat's own ones have: trained, saved, loaded, walked through.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local nn = gl.nn
local out = arg[1] or "runs/examples/13_own"
assert(gl.core.mkdirs(out))
gl.seed(1)

local data = gl.data.load("digits", {train = 10000, test = 1000})

-- 1. The class --------------------------------------------------------------------------------------------------------

-- A VAE with a wish: its first latent dimension shall say how much ink an image has, and leave all else to the others.
-- What an image's ink is needs no labels: the sum of its pixels, brought to mean 0 and standard deviation 1 over the
-- training images, so that it is distributed about as the prior is.
local Inked = nn.class "Inked"

-- What gl.models needs of a class to save and load it: init takes a table of plain data, and keeps it as self.config.
-- What gl.latent needs of it: config.image, {H, W, C}; self.latent, how many dimensions; decode(z); for most tools also
-- encode(x); and the prior, where there is one: N(0, I). Without that no tool would draw from a prior: gl.latent does
-- not suppose one.
Inked.prior = "normal"

function Inked:init(config)
  self.config, self.latent = config, config.latent
  local h, w, c = table.unpack(config.image)
  self.body = nn.Sequential(nn.Flatten(), nn.Linear(h * w * c, config.hidden), nn.ReLU())
  self.mean, self.logvar = nn.Linear(config.hidden, config.latent), nn.Linear(config.hidden, config.latent)
  self.decoder = nn.Sequential(nn.Linear(config.latent, config.hidden), nn.ReLU(), nn.Linear(config.hidden, h * w * c))
  self:register_buffer("ink_mean", gl.zeros(1)) -- state that is saved with the model but not trained
  self:register_buffer("ink_std", gl.ones(1))
end

function Inked:ink(x) return (x:flatten(2):sum(2) - self.ink_mean) / self.ink_std end

function Inked:encode(x) return self.mean(self.body(x)) end

function Inked:decode(z) return self.decoder(z):sigmoid():reshape(#z, table.unpack(self.config.image)) end

-- -ELBO as in example 05, and for the wish a squared error, weighed by config.wish.
function Inked:loss(x)
  local h = self.body(x)
  local mean, logvar = self.mean(h), self.logvar(h)
  local output = self.decoder(mean:gaussian_sample(logvar))
  local wish = (mean:select(2, 1) - self:ink(x)):square():mean()
  return output:bce_with_logits(x:flatten(2)) + mean:kl_normal(logvar) + wish * self.config.wish, wish
end

-- From here on gl.models.inked {...} makes one, and files know the class by that name.
gl.models.register("inked", Inked)

-- 2. Training ---------------------------------------------------------------------------------------------------------

local model = gl.models.inked {image = data.shape, hidden = 256, latent = 8, wish = 50}
local ink = data.train:head(data.train.count):flatten(2):sum(2)
model.ink_mean:copy_(ink:mean():reshape(1))
model.ink_std:copy_(ink:std():reshape(1))

local optimizer = gl.optim.Adam(model, {lr = 2e-3})
for epoch = 1, 8 do
  local loss, wish
  for _, x in data.train:batches {size = 100, epoch = epoch} do
    loss, wish = model:loss(x)
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
  if epoch % 4 == 0 then
    print(("epoch %d: loss of the last batch %.1f nats per image; first dimension off the ink by %.2f deviations")
      :format(epoch, loss:item(), wish:item() ^ 0.5))
  end
end

-- 3. A file, and back -------------------------------------------------------------------------------------------------

-- The file holds the tensors, the config and the name "inked", and no code: a program that loads it registers the class
-- first, as this one did. (For a module that is no model, net:save_state(path) and net:load_state(path) keep parameters
-- and buffers alone.)
assert(gl.models.save(out .. "/model.safetensors", model, {options = {data = "digits"}}))
local space = assert(gl.load(out))
print(space)

-- 4. Walking ----------------------------------------------------------------------------------------------------------

-- A direction of the latent space, kept in the folder under a name, where all tools find it: one unit is one standard
-- deviation of ink.
local axis = gl.zeros(space.latent)
axis[1] = 1
space.directions:set("ink", axis, {method = "by construction", unit = "standard deviations of ink", range = {-2, 2}})
assert(space.directions:save())

-- Test images, encoded, with no more changed than the first dimension.
space.data = data
local amounts = gl.linspace(-2, 2, 9)
local z, rows = space:encode(data.test:head(5)), {}
for i = 1, #z do
  local way = z[i]:unsqueeze(1):expand(9, space.latent):clone()
  way:select(2, 1):copy_(amounts)
  rows[i] = {images = space:decode(way)}
end
assert(gl.core.write_file(out .. "/ink.svg", gl.plot.sheet.svg {
  title = "Images with less and more ink", rows = rows, scale = 2,
  columns = {"-2", "-1.5", "-1", "-0.5", "0", "0.5", "1", "1.5", "2"},
  subtitle = "Five test images whose first latent dimension goes from -2 to 2; the others stay as they were encoded",
}))

-- Did the wish come true? The ink of what is decoded, by what was asked for.
local drawn = space:prior(500)
local asked, got = drawn:select(2, 1), space.model:ink(space:decode(drawn))
local function deviation(a) return a - a:mean() end
local correlation = (deviation(asked) * deviation(got)):mean() / (asked:std() * got:std())
print(("ink that was asked for and ink of what was drawn: correlation %.2f"):format(correlation:item()))

assert(gl.write_png(out .. "/samples.png", gl.plot.images.grid(space:sample(40), {columns = 10})))
gl.show(space, {count = 4})
print(("Look at %s/ink.svg and %s/samples.png; %s/model.safetensors and %s/directions.safetensors are the model's")
  :format(out, out, out, out))
