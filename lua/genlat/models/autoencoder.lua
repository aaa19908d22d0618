--- autoencoder.lua: the dense autoencoder (Hinton & Salakhutdinov 2006): an image squeezed through a few numbers.
--
-- x -> hidden layers -> z -> hidden layers -> x', trained to make x' like x. Nothing says where z should lie, so its
-- latent space has holes; scripts/compare_latents.lua shows them.

local core = require "genlat.core"
local nn = require "genlat.nn"
local dense = require "genlat.models.dense"

local Autoencoder = nn.class "Autoencoder"

--- config: image {H, W, C}, hidden {sizes}, latent, likelihood "bernoulli" (pixels in 0..1) or "gaussian".
function Autoencoder:init(config)
  config = dense.config("autoencoder", config, {
    image = {28, 28, 1}, hidden = {400}, latent = 20, likelihood = "bernoulli",
  })
  rawset(self, "config", config)
  rawset(self, "input_shape", config.image)
  self.latent = config.latent
  local pixels = dense.pixels(config)
  local layers, width = dense.stack(pixels, config.hidden)
  layers[#layers + 1] = nn.Linear(width, config.latent)
  self.encoder = nn.Sequential(nn.Flatten(), table.unpack(layers))
  layers, width = dense.stack(config.latent, dense.mirrored(config.hidden))
  layers[#layers + 1] = nn.Linear(width, pixels)
  self.decoder = nn.Sequential(table.unpack(layers))
  dense.add_variance(self)
  self:register_buffer("latent_mean", core.zeros(config.latent))
  self:register_buffer("latent_std", core.ones(config.latent))
end

--- x: N x H x W x C -> z: N x latent
function Autoencoder:encode(x) return self.encoder(x) end

--- z: N x latent -> images N x H x W x C
function Autoencoder:decode(z) return dense.images(self.config, self.decoder(z)) end

function Autoencoder:forward(x) return self:decode(self:encode(x)) end

--- The images as the model gives them back.
Autoencoder.reconstruct = Autoencoder.forward

--- -log p(x | z), nats per image. There is no KL: it is 0.
function Autoencoder:loss(x)
  local reconstruction = dense.reconstruction(self, dense.rows(x), self.decoder(self:encode(x)))
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

return Autoencoder
