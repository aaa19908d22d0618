--- vae.lua: the variational autoencoder (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014).
--
-- The encoder gives a Gaussian q(z|x) for each image, the decoder the likelihood p(x|z); the prior p(z) is N(0, I).
-- Training minimizes the negative evidence lower bound (their eq. 10):
--   -ELBO = E_q[-log p(x|z)] + beta KL(q(z|x) || p(z)),   beta = 1 but for the beta-VAE (Higgins et al. 2017)

local check = require "genlat.check"
local core = require "genlat.core"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"

local VAE = nn.class "VAE"

VAE.prior = "normal" -- latent vectors are drawn from N(0, I)

--- config: image {H, W, C}, maps {of convolutions; none for a dense network}, hidden {sizes}, latent, beta, likelihood
-- "bernoulli" (pixels in 0..1) or "gaussian", unit "relu" or "tanh", samples (K of the importance weighted bound that
-- is trained; 1: the ELBO).
function VAE:init(config)
  config = networks.config("vae", config, {
    image = {{28, 28, 1}}, maps = {{}}, hidden = {{400}}, latent = {20}, beta = {1}, likelihood = {"bernoulli"},
    unit = {"relu"}, samples = {1, networks.size},
  })
  if config.samples > 1 and config.beta ~= 1 then
    check.fail("vae: the bound of %d samples has no KL of its own to weigh: beta is 1, not %s", config.samples,
      config.beta)
  end
  rawset(self, "config", config)
  rawset(self, "input_shape", config.image)
  self.latent = config.latent
  local width
  self.encoder, width = networks.encoder("vae", config)
  self.mean = nn.Linear(width, config.latent)
  self.logvar = nn.Linear(width, config.latent)
  self.decoder = networks.decoder("vae", config)
  networks.add_variance(self)
end

--- The posterior q(z|x): its mean and the logarithm of its variance, each N x latent.
function VAE:posterior(x)
  local h = self.encoder(x)
  return self.mean(h), self.logvar(h)
end

--- x: N x H x W x C -> the posterior's mean, N x latent
function VAE:encode(x) return (self:posterior(x)) end

--- What the decoder says of z, before the likelihood's nonlinearity: N x HWC.
function VAE:decode_output(z) return self.decoder(z) end

--- z: N x latent -> images N x H x W x C
function VAE:decode(z) return networks.images(self.config, self:decode_output(z)) end

function VAE:forward(x)
  local mean, logvar = self:posterior(x)
  return self:decode(mean:gaussian_sample(logvar))
end

--- The images decoded from the posterior's mean.
function VAE:reconstruct(x) return self:decode(self:encode(x)) end

--- -ELBO and its parts: see networks.elbo; with several samples the tighter bound of Burda et al. 2016, see
-- networks.iwae_bound.
function VAE:loss(x) return (self.config.samples > 1 and networks.iwae_bound or networks.elbo)(self, x) end

--- n images decoded from the prior.
function VAE:sample(n) return self:decode(core.randn(n, self.latent)) end

--- The float32 numbers of the widest tensor for an image: see networks.widest.
function VAE:widest() return networks.widest(self.config) end

return VAE
