--- gan.lua: the original generative adversarial network (Goodfellow et al. 2014), dense, and its conditional version
-- (Mirza & Osindero 2014), in which both networks are told the label, one-hot.
--
-- Their generators are rectifier networks; the discriminators' maxout is LeakyReLU(0.2) and dropout here.

local core = require "genlat.core"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"
local Adversarial = require "genlat.models.adversarial"

local GAN = nn.class("GAN", Adversarial)

--- config: image {H, W, C}, hidden {sizes of the generator; the discriminator's in reverse}, latent, loss "gan",
-- "wasserstein" or "hinge", spectral (normalization in the discriminator), classes (conditional on that many; false).
function GAN:init(config)
  config = networks.config("gan", config, {
    image = {{28, 28, 1}}, hidden = {{256, 512}}, latent = {64}, loss = {"gan", Adversarial.rules.loss},
    spectral = {false, Adversarial.rules.spectral}, classes = {false, Adversarial.rules.classes},
  })
  rawset(self, "config", config)
  self.latent = config.latent
  local h, w, c = table.unpack(config.image)
  local classes = config.classes or 0

  local layers, width = networks.stack(config.latent + classes, config.hidden)
  layers[#layers + 1] = nn.Linear(width, h * w * c)
  layers[#layers + 1] = nn.Tanh()
  layers[#layers + 1] = nn.Reshape(h, w, c)
  self.generator = nn.Sequential(table.unpack(layers))

  local from = h * w * c + classes
  layers = {}
  for _, size in ipairs(networks.mirrored(config.hidden)) do
    layers[#layers + 1] = nn.Linear(from, size, {spectral = config.spectral})
    layers[#layers + 1] = nn.LeakyReLU(0.2)
    layers[#layers + 1] = nn.Dropout(0.3)
    from = size
  end
  layers[#layers + 1] = nn.Linear(from, 1, {spectral = config.spectral})
  self.discriminator = nn.Sequential(table.unpack(layers))
end

--- The discriminator's scores, N x 1, of images in -1..1 (and their labels).
function GAN:score(x, labels)
  local rows = networks.rows(x)
  return self.discriminator(labels and core.cat({rows, labels:one_hot(self.config.classes)}, 2) or rows)
end

return GAN
