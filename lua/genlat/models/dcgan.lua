--- dcgan.lua: the deep convolutional GAN (Radford, Metz & Chintala 2016), with labels too if asked.
--
-- Their guidelines (sec. 3): strided convolutions instead of pooling, batch normalization in both networks but for the
-- generator's output and the discriminator's input, no hidden dense layers, ReLU in the generator and tanh at its end,
-- LeakyReLU(0.2) in the discriminator; weights from N(0, 0.02); Adam with a learning rate of 0.0002 and beta1 of 0.5.

local check = require "genlat.check"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"
local Adversarial = require "genlat.models.adversarial"

local DCGAN = nn.class("DCGAN", Adversarial)

-- The side of the smallest images and how often they are doubled: 64 = 4 * 2^4, 28 = 7 * 2^2.
local function stages(image)
  for _, start in ipairs {4, 5, 6, 7} do
    local side, doublings = start, 0
    while side < image[1] do
      side, doublings = side * 2, doublings + 1
    end
    if side == image[1] and image[1] == image[2] and doublings > 0 then return start, doublings end
  end
  check.fail("dcgan: images are squares whose side is 4, 5, 6 or 7 times a power of two (28, 32, 64, ...), not %d x %d",
    image[1], image[2])
end

-- A convolution without bias where batch normalization follows.
local function add_block(layers, convolution, maps, slope, normalized)
  layers[#layers + 1] = convolution
  if normalized then
    layers[#layers + 1] = nn.BatchNorm(maps, {slope = slope})
  elseif slope then
    layers[#layers + 1] = nn.LeakyReLU(slope)
  end
end

local function generator(config)
  local start, doublings = stages(config.image)
  local inputs, layers = config.latent + (config.classes or 0), {}
  layers[1] = nn.Reshape(1, 1, inputs)
  local maps = config.maps << (doublings - 1)
  add_block(layers, nn.ConvTranspose2d(inputs, maps, start, {bias = false}), maps, 0, true)
  for _ = 2, doublings do
    local fewer = maps // 2
    add_block(layers, nn.ConvTranspose2d(maps, fewer, 4, {stride = 2, padding = 1, bias = false}), fewer, 0, true)
    maps = fewer
  end
  add_block(layers, nn.ConvTranspose2d(maps, config.image[3], 4, {stride = 2, padding = 1}))
  layers[#layers + 1] = nn.Tanh()
  return nn.Sequential(table.unpack(layers))
end

local function discriminator(config)
  local start, doublings = stages(config.image)
  local function conv(inputs, outputs, kernel, options)
    options.spectral = config.spectral
    return nn.Conv2d(inputs, outputs, kernel, options)
  end
  local normalized = not config.spectral -- spectral normalization takes batch normalization's place
  local maps, layers = config.maps, {}
  add_block(layers, conv(config.image[3] + (config.classes or 0), maps, 4, {stride = 2, padding = 1}), maps, 0.2, false)
  for _ = 2, doublings do
    add_block(layers, conv(maps, maps * 2, 4, {stride = 2, padding = 1, bias = not normalized}), maps * 2, 0.2,
      normalized)
    maps = maps * 2
  end
  add_block(layers, conv(maps, 1, start, {}))
  layers[#layers + 1] = nn.Flatten()
  return nn.Sequential(table.unpack(layers))
end

-- "All weights were initialized from a zero-centered Normal distribution with standard deviation 0.02" (sec. 4); the
-- scales of batch normalization around 1, biases 0.
local function initialize(module)
  local name = module:name()
  if name == "Conv2d" or name == "ConvTranspose2d" then
    nn.init.normal(module.weight, 0, 0.02)
  elseif name == "BatchNorm" then
    nn.init.normal(module.weight, 1, 0.02)
  end
  if module.bias then nn.init.constant(module.bias, 0) end
end

--- config: image {H, W, C}, maps (of the widest image; twice as many for each halving), latent, loss "gan",
-- "wasserstein" or "hinge", spectral (normalization in the discriminator), classes (conditional on that many; false).
function DCGAN:init(config)
  config = networks.config("dcgan", config, {
    image = {{28, 28, 1}}, latent = {100}, loss = {"gan", Adversarial.rules.loss},
    spectral = {false, Adversarial.rules.spectral}, classes = {false, Adversarial.rules.classes},
    maps = {64, networks.size},
  })
  rawset(self, "config", config)
  self.latent = config.latent
  self.generator = generator(config)
  self.discriminator = discriminator(config)
  self.generator:apply(initialize)
  self.discriminator:apply(initialize)
end

return DCGAN
