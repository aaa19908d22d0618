--- vae.lua: the dense variational autoencoder (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014).
--
-- The encoder gives a Gaussian q(z|x) for each image, the decoder the likelihood p(x|z); the prior p(z) is N(0, I).
-- Training minimizes the negative evidence lower bound (their eq. 10):
--   -ELBO = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z)),   beta = 1 but for the beta-VAE (Higgins et al. 2017)

local core = require "genlat.core"
local nn = require "genlat.nn"
local dense = require "genlat.models.dense"

local VAE = nn.class "VAE"

--- config: image {H, W, C}, hidden {sizes}, latent, beta, likelihood "bernoulli" (pixels in 0..1) or "gaussian".
function VAE:init(config)
  config = dense.config("vae", config, {
    image = {28, 28, 1}, hidden = {400}, latent = 20, beta = 1, likelihood = "bernoulli",
  })
  if type(config.beta) ~= "number" or config.beta < 0 then
    error(("vae: beta is a number from 0, not %s"):format(tostring(config.beta)), 0)
  end
  rawset(self, "config", config)
  rawset(self, "input_shape", config.image)
  self.latent = config.latent
  local pixels = dense.pixels(config)
  local layers, width = dense.stack(pixels, config.hidden)
  self.encoder = nn.Sequential(nn.Flatten(), table.unpack(layers))
  self.mean = nn.Linear(width, config.latent)
  self.logvar = nn.Linear(width, config.latent)
  layers, width = dense.stack(config.latent, dense.mirrored(config.hidden))
  layers[#layers + 1] = nn.Linear(width, pixels)
  self.decoder = nn.Sequential(table.unpack(layers))
  dense.add_variance(self)
end

--- The posterior q(z|x): its mean and the logarithm of its variance, each N x latent.
function VAE:posterior(x)
  local h = self.encoder(x)
  return self.mean(h), self.logvar(h)
end

--- x: N x H x W x C -> the posterior's mean, N x latent
function VAE:encode(x) return (self:posterior(x)) end

--- z: N x latent -> images N x H x W x C
function VAE:decode(z) return dense.images(self.config, self.decoder(z)) end

function VAE:forward(x)
  local mean, logvar = self:posterior(x)
  return self:decode(mean:gaussian_sample(logvar))
end

--- The images decoded from the posterior's mean.
function VAE:reconstruct(x) return self:decode(self:encode(x)) end

--- -ELBO and its parts, with one sample of z for each image; nats per image. beta weighs the KL in `loss` only.
function VAE:loss(x)
  local mean, logvar = self:posterior(x)
  local z = mean:gaussian_sample(logvar)
  local reconstruction = dense.reconstruction(self, dense.rows(x), self.decoder(z))
  local kl = mean:kl_normal(logvar)
  local beta = self.config.beta
  return {loss = reconstruction + (beta == 1 and kl or kl * beta), reconstruction = reconstruction, kl = kl}
end

--- n images decoded from the prior.
function VAE:sample(n) return self:decode(core.randn(n, self.latent)) end

return VAE
