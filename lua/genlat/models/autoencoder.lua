--- autoencoder.lua: the autoencoder (Hinton & Salakhutdinov 2006): an image squeezed through a few numbers.
--
-- x -> hidden layers -> z -> hidden layers -> x', trained to make x' like x. Nothing says where z should lie, so its
-- latent space has holes; scripts/compare_latents.lua shows them.

local check = require "genlat.check"
local core = require "genlat.core"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"

local Autoencoder = nn.class "Autoencoder"

--- config: image {H, W, C}, maps {of convolutions; none for a dense network}, hidden {sizes}, latent, likelihood
-- "bernoulli" (pixels in 0..1) or "gaussian", unit "relu" or "tanh", noise (0).
function Autoencoder:init(config)
  config = networks.config("autoencoder", config, {
    image = {{28, 28, 1}}, maps = {{}}, hidden = {{400}}, latent = {20}, likelihood = {"bernoulli"},
    unit = {"relu"}, noise = {0, check.number {least = 0}},
  })
  rawset(self, "config", config)
  rawset(self, "input_shape", config.image)
  self.latent = config.latent
  local encoder, width = networks.encoder("autoencoder", config)
  self.encoder = encoder
  self.to_latent = nn.Linear(width, config.latent)
  self.decoder = networks.decoder("autoencoder", config)
  networks.add_variance(self)
  self:register_buffer("latent_mean", core.zeros(config.latent))
  self:register_buffer("latent_std", core.ones(config.latent))
end

--- x: N x H x W x C -> z: N x latent
function Autoencoder:encode(x) return self.to_latent(self.encoder(x)) end

--- z: N x latent -> images N x H x W x C
function Autoencoder:decode(z) return networks.images(self.config, self.decoder(z)) end

function Autoencoder:forward(x) return self:decode(self:encode(x)) end

--- The images as the model gives them back.
Autoencoder.reconstruct = Autoencoder.forward

--- -log p(x | z), nats per image. There is no KL: it is 0. In training with config.noise, z is that of x with Gaussian
-- noise of this standard deviation added: a denoising autoencoder (Vincent et al. 2008).
function Autoencoder:loss(x)
  local seen = x
  if self.training and self.config.noise > 0 then seen = x + core.randn(x.shape) * self.config.noise end
  local reconstruction = networks.reconstruction(self, networks.rows(x), self.decoder(self:encode(seen)))
  return {loss = reconstruction, reconstruction = reconstruction, kl = core.zeros {}}
end

--- Fits a Gaussian with independent axes to encoded images z (N x latent), for sample to draw from: an autoencoder has
-- no prior.
function Autoencoder:fit_sampler(z)
  self.latent_mean:copy_(z:mean(1))
  self.latent_std:copy_(z:std(1))
end

--- Standard normal vectors e to where the encoded images lie: mean + std * e.
function Autoencoder:unstandardize(e) return self.latent_mean + self.latent_std * e end

--- n images decoded from the fitted Gaussian. An autoencoder does not promise that these look like anything.
function Autoencoder:sample(n) return self:decode(self:unstandardize(core.randn(n, self.latent))) end

--- The float32 numbers of the widest tensor for an image: see networks.widest.
function Autoencoder:widest() return networks.widest(self.config) end

return Autoencoder
