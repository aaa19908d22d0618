--- adversarial.lua: what all generative adversarial networks share (Goodfellow et al. 2014): a generator that makes
-- images of latent vectors, a discriminator that tells them from real ones, and their losses. The loop stands in the
-- scripts.
--
-- Inside, pixels are in -1..1, as tanh makes them; decode and sample return images in 0..1 like every model.

local check = require "genlat.check"
local core = require "genlat.core"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"

local Adversarial = nn.class "Adversarial"

Adversarial.prior = "normal" -- latent vectors are drawn from N(0, I)

local losses = {}

--- Goodfellow et al. 2014, eq. 1, the generator's in its non-saturating form (their sec. 3): scores are logits.
losses.gan = {
  discriminator = function(real, fake)
    return real:bce_with_logits(core.ones(real.shape), "mean") + fake:bce_with_logits(core.zeros(fake.shape), "mean")
  end,
  generator = function(fake) return fake:bce_with_logits(core.ones(fake.shape), "mean") end,
}

--- Arjovsky et al. 2017, eq. 2. The critic has to be Lipschitz: use spectral normalization.
losses.wasserstein = {
  discriminator = function(real, fake) return fake:mean() - real:mean() end,
  generator = function(fake) return -fake:mean() end,
}

--- Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17.
losses.hinge = {
  discriminator = function(real, fake) return (1 - real):relu():mean() + (1 + fake):relu():mean() end,
  generator = function(fake) return -fake:mean() end,
}

--- Rules of their configs: see networks.config.
Adversarial.rules = {
  loss = check.word {"gan", "wasserstein", "hinge"}, spectral = check.flag,
  classes = check.either(networks.size, check.off),
}

--- Images in 0..1 as the networks see them, in -1..1.
function Adversarial.scaled(x) return x * 2 - 1 end

local function with_label(self, labels) return labels and labels:one_hot(self.config.classes) end

--- What the generator makes of latent vectors (and labels): N x H x W x C in -1..1.
function Adversarial:generate(z, labels)
  local code = with_label(self, labels)
  return self.generator(code and core.cat({z, code}, 2) or z)
end

--- The discriminator's scores, N x 1, of images in -1..1 (and their labels): the larger, the more real.
function Adversarial:score(x, labels)
  local code = with_label(self, labels)
  if code then
    local h, w = x:size(2), x:size(3)
    code = code:reshape(#x, 1, 1, self.config.classes):expand(#x, h, w, self.config.classes)
    x = core.cat({x, code}, 4)
  end
  return self.discriminator(x)
end

--- The share that the discriminator takes for real, on average: 0.5 on both is where neither can win. For losses whose
-- scores are no logits, the share of positive scores.
function Adversarial:belief(scores)
  local values = scores:detach()
  if self.config.loss == "gan" then return values:sigmoid():mean():item() end
  return values:gt(0):mean():item()
end

--- The discriminator's loss for real images and made ones: {loss =, real =, fake =}, the latter two its beliefs.
-- `fake` is detached: the generator learns nothing here.
function Adversarial:discriminator_loss(real, fake, labels)
  local on_real, on_fake = self:score(real, labels), self:score(fake:detach(), labels)
  return {
    loss = losses[self.config.loss].discriminator(on_real, on_fake), real = self:belief(on_real),
    fake = self:belief(on_fake),
  }
end

--- The generator's loss for images it made. Freeze the discriminator meanwhile: its gradients are not wanted.
function Adversarial:generator_loss(fake, labels)
  return losses[self.config.loss].generator(self:score(fake, labels))
end

--- z: N x latent (and labels N, for a conditional model) -> images N x H x W x C, 0..1
function Adversarial:decode(z, labels)
  if self.config.classes then labels = labels or networks.labels_in_turn(#z, self.config.classes) end
  return (self:generate(z, labels) + 1) / 2
end

Adversarial.forward = Adversarial.decode

--- n images from the prior; of a conditional model, each class in turn or the labels given.
function Adversarial:sample(n, labels) return self:decode(core.randn(n, self.latent), labels) end

--- The float32 numbers of the widest tensor for an image: see networks.widest.
function Adversarial:widest() return networks.widest(self.config) end

return Adversarial
