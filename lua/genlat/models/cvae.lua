--- cvae.lua: the conditional variational autoencoder (Sohn, Lee & Yan 2015; Kingma et al. 2014, M2): encoder and
-- decoder are told the label, one-hot, so that z is left to say what the label does not: the style.

local check = require "genlat.check"
local core = require "genlat.core"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"
local VAE = require "genlat.models.vae"

local CVAE = nn.class("CVAE", VAE)

--- config: as the VAE's, and classes: how many labels there are.
function CVAE:init(config)
  config = networks.config("cvae", config, {
    image = {{28, 28, 1}}, maps = {{}}, hidden = {{400}}, latent = {20}, beta = {1}, likelihood = {"bernoulli"},
    classes = {10}, unit = {"relu"},
  })
  rawset(self, "config", config)
  self.latent = config.latent
  local width
  self.encoder, width = networks.encoder("cvae", config, config.classes)
  self.mean = nn.Linear(width, config.latent)
  self.logvar = nn.Linear(width, config.latent)
  self.decoder = networks.decoder("cvae", config, config.classes)
  networks.add_variance(self)
end

-- Images with their labels as further channels (convolutions) or, flattened, as further numbers.
local function with_label(self, x, labels)
  check.value("cvae: images", x, check.tensor())
  check.value("cvae: labels", labels, check.tensor {#x})
  local code = labels:one_hot(self.config.classes)
  if #self.config.maps == 0 then return core.cat({networks.rows(x), code}, 2) end
  local n, h, w = table.unpack(x.shape)
  return core.cat({x, code:reshape(n, 1, 1, self.config.classes):expand(n, h, w, self.config.classes)}, 4)
end

--- The posterior q(z|x, label): mean and logarithm of the variance, each N x latent.
function CVAE:posterior(x, labels)
  local h = self.encoder(with_label(self, x, labels))
  return self.mean(h), self.logvar(h)
end

--- x: N x H x W x C and labels N -> the posterior's mean, N x latent
function CVAE:encode(x, labels) return (self:posterior(x, labels)) end

function CVAE:decode_output(z, labels) return self.decoder(core.cat({z, labels:one_hot(self.config.classes)}, 2)) end

--- z: N x latent and labels N (each class in turn, if left out) -> images N x H x W x C
function CVAE:decode(z, labels)
  return networks.images(self.config, self:decode_output(z, labels or networks.labels_in_turn(#z, self.config.classes)))
end

--- -ELBO of p(x | label) and its parts, as VAE:loss.
function CVAE:loss(x, labels) return networks.elbo(self, x, labels) end

function CVAE:forward(x, labels)
  local mean, logvar = self:posterior(x, labels)
  return self:decode(mean:gaussian_sample(logvar), labels)
end

--- The images decoded from the posterior's mean.
function CVAE:reconstruct(x, labels) return self:decode(self:encode(x, labels), labels) end

--- n images from the prior, each class in turn, or of the labels given.
function CVAE:sample(n, labels) return self:decode(core.randn(n, self.latent), labels) end

return CVAE
