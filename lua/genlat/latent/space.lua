--- space.lua: a latent space: a trained model with what belongs to its run, as all the tools of genlat.latent take it.
--
--   local space = gl.load "runs/vae"                -- or latent.space(model)
--   local z = space:prior(16)                       -- 16 x latent, drawn from the prior
--   local x = space:decode(z)                       -- 16 x H x W x C, 0..1
--   z = space:encode(space.data.test:head(10))      -- of models that have an encoder
--   x = space:decode(z + 2 * space.directions:vector "smile")
--
-- Fields:
--   model        in evaluation                      latent       how many dimensions the latent space has
--   folder       the run's folder, or nil           notes        what the run noted of itself: options, epochs
--   image        {H, W, C}                          conditional  how many classes a conditional model knows, or nil
--   data         the data set that it was trained on, loaded when it is first asked for (raises if it is not there)
--   directions   the run's saved directions: see directions.lua
--   sampler      the mixture of Gaussians that fit_sampler fitted to the run's encoded images (see mixture.lua), which
--                prior then draws from; or false
--   adversarial  true for a GAN
-- Nothing that is computed here is recorded for backward: for gradients call space.model itself.

local core = require "genlat.core"
local data = require "genlat.data"
local models = require "genlat.models"
local networks = require "genlat.models.networks"
local scope = require "genlat.scope"
local Directions = require "genlat.latent.directions"
local Mixture = require "genlat.latent.mixture"

local Space = {}

local CHUNK = 250 -- images that are encoded or decoded at a time

-- Fields that are made when they are first asked for.
local lazy = {}

function lazy.data(self)
  local options = self.notes.options
  if not options then error("data: the model came without a run, which would name its data set", 3) end
  local set, message = data.load(options.data, {size = options.size, without = options.without})
  if not set then error(message, 0) end
  return set
end

function lazy.directions(self)
  local store, message = Directions.load(self.folder, self.latent)
  if not store then error(message, 0) end
  return store
end

function lazy.sampler(self)
  local path = self.folder and self.folder .. "/sampler.safetensors"
  if not path or core.file_kind(path) ~= "file" then return false end
  local sampler, message = Mixture.load(path, self.latent)
  if not sampler then error(message, 0) end
  return sampler
end

function Space.__index(self, key)
  local method = Space[key]
  if method ~= nil or not lazy[key] then return method end
  local value = lazy[key](self)
  rawset(self, key, value)
  return value
end

function Space:__tostring()
  local config = self.model.config
  local words = {("%s: a %s of %s images, %d latent dimensions"):format(self.folder or "a space", self.model:name(),
    table.concat(self.image, " x "), self.latent)}
  if self.conditional then words[#words + 1] = ("told one of %d classes"):format(self.conditional) end
  if self.notes.options then
    local epochs = self.notes.epochs or "some"
    words[#words + 1] = ("trained on %s for %s epoch%s"):format(self.notes.options.data, epochs,
      epochs == 1 and "" or "s")
  end
  if config.beta and config.beta ~= 1 then words[#words + 1] = ("beta %g"):format(config.beta) end
  local sampler = self.sampler
  if sampler then
    words[#words + 1] = ("samples are drawn from a mixture of %d Gaussian%s"):format(sampler.components,
      sampler.components == 1 and "" or "s")
  end
  local names = self.folder and self.directions:names() or {}
  if #names > 0 then words[#words + 1] = "directions " .. table.concat(names, ", ") end
  return table.concat(words, "; ")
end

local function is_model(model) return type(model) == "table" and type(model.config) == "table" end

--- The space of a model with a decoder. settings: folder, notes, data (all may be left out).
function Space.new(model, settings)
  settings = settings or {}
  if not is_model(model) then error(("space: expected a model, got %s"):format(type(model)), 2) end
  if not model.decode then error(("space: a %s makes no images"):format(model:name()), 2) end
  return setmetatable({
    model = model:eval(), latent = model.latent, image = model.config.image, folder = settings.folder,
    notes = settings.notes or {}, data = settings.data, conditional = model.config.classes or nil,
    adversarial = model.generator ~= nil,
  }, Space)
end

--- The space of the model in a run's folder or a model's file; or nil and a message.
function Space.open(path)
  local model, notes = models.load(path)
  if not model then return nil, notes end
  if not model.decode then return nil, ("%s: a %s makes no images"):format(path, model:name()) end
  return Space.new(model, {folder = core.file_kind(path) == "folder" and path or nil, notes = notes})
end

-- Calls f(first, last) for chunks of n rows, unrecorded, in evaluation; returns what it returned, joined.
local function in_chunks(self, n, f)
  return scope.run({recording = false, eval = self.model}, function()
    local parts = {}
    for first = 1, n, CHUNK do
      parts[#parts + 1] = f(first, math.min(first + CHUNK - 1, n))
    end
    return #parts == 1 and parts[1] or core.cat(parts)
  end)
end

local function check_latents(self, z, name)
  if z.ndim == 1 then z = z:unsqueeze(1) end
  if z.ndim ~= 2 or z:size(2) ~= self.latent then
    error(("%s: latent vectors are N x %d, these are %s"):format(name, self.latent, table.concat(z.shape, "x")), 3)
  end
  return z
end

--- Labels for n images of a conditional model: all of one class (a number from 1), or each class in turn; nil for other
-- models. labels may be a tensor already, which is returned.
--
--   space:decode(z, space:labels(#z, 3))
function Space:labels(n, labels)
  local classes = self.conditional
  if not classes then return nil end
  if labels == nil then return networks.labels_in_turn(n, classes) end
  if type(labels) ~= "number" then return labels end
  if labels % 1 ~= 0 or labels < 1 or labels > classes then
    error(("labels: a class is 1 to %d, not %s"):format(classes, labels), 2)
  end
  return core.full({n}, labels)
end

--- z: N x latent (or latent) -> images N x H x W x C, 0..1. labels, of a conditional model: N, or one class for all;
-- left out, each class in turn.
function Space:decode(z, labels)
  z = check_latents(self, z, "decode")
  labels = self:labels(#z, labels)
  return in_chunks(self, #z, function(first, last)
    return self.model:decode(z:slice(1, first, last), labels and labels:slice(1, first, last)):detach()
  end)
end

--- Has the model an encoder? GANs have none: latent.invert finds their latent vectors.
--
--   if space:has_encoder() then z = space:encode(x) end
function Space:has_encoder() return self.model.encode ~= nil end

--- x: N x H x W x C, 0..1 (and labels N of a conditional model) -> z: N x latent, of a VAE the posterior's mean.
function Space:encode(x, labels)
  if not self.model.encode then error(("encode: a %s has no encoder"):format(self.model:name()), 2) end
  return in_chunks(self, #x, function(first, last)
    return self.model:encode(x:slice(1, first, last), labels and labels:slice(1, first, last)):detach()
  end)
end

--- The latent vectors of a split's images (of the first `count`), and their labels: N x latent, N or nil.
--
--   local z, labels = space:encode_split(space.data.test, 1000)
function Space:encode_split(split, count)
  count = math.min(count or split.count, split.count)
  if not self.model.encode then error(("encode: a %s has no encoder"):format(self.model:name()), 2) end
  local z = in_chunks(self, count, function(first, last)
    local x = core.batch(split.images, core.arange(count), first, last - first + 1)
    return self.model:encode(x, split.labels and split.labels:slice(1, first, last)):detach()
  end)
  return z, split.labels and split.labels:slice(1, 1, count)
end

--- Standard normal vectors e (N x latent) to where the model's latent vectors lie: themselves for a model with the
-- prior N(0, I); an autoencoder, which has none, was fitted a Gaussian with independent axes after its training.
--
--   local z = space:unstandardize(gl.randn(16, space.latent))
function Space:unstandardize(e) return self.model.unstandardize and self.model:unstandardize(e):detach() or e end

--- The inverse of unstandardize.
--
--   local e = space:standardize(z)            -- about N(0, I)
function Space:standardize(z)
  if not self.model.unstandardize then return z end
  return (z - self.model.latent_mean) / self.model.latent_std:maximum(1e-6)
end

local samplers = {gaussian = true, mixture = true}

-- The fitted mixture, where that is what is to be drawn from; false for the Gaussian.
local function chosen_sampler(self, name, where)
  if name == nil then return self.sampler end
  if not samplers[name] then
    error(("%s: sampler is gaussian or mixture, not %s"):format(where, tostring(name)), 3)
  elseif name == "mixture" and not self.sampler then
    error(("%s: no mixture was fitted to this run's latent vectors (fit_sampler does)"):format(where), 3)
  end
  return name == "mixture" and self.sampler
end

--- n latent vectors, N x latent: drawn from the mixture that was fitted to the run's encoded images, where there is one
-- (space.sampler); else from the prior N(0, I) or, of an autoencoder, from the Gaussian fitted to its latent vectors.
-- options: truncation: each vector's distance from the mean (of its component) is multiplied by this (1; Karras et al.
-- 2019, sec. B: below 1, samples are more usual and less varied); sampler: "gaussian" or "mixture", to choose.
function Space:prior(n, options)
  local truncation = options and options.truncation or 1
  if type(truncation) ~= "number" or truncation < 0 then
    error(("prior: truncation is a number from 0, not %s"):format(tostring(truncation)), 2)
  end
  local mixture = chosen_sampler(self, options and options.sampler, "prior")
  if mixture then return mixture:sample(n, {truncation = truncation}) end
  return self:unstandardize(core.randn(n, self.latent) * truncation)
end

--- log p(z) of latent vectors z (N x latent) under what prior draws from, in nats: N. options: sampler as in prior.
function Space:log_density(z, options)
  z = check_latents(self, z, "log_density")
  local mixture = chosen_sampler(self, options and options.sampler, "log_density")
  if mixture then return mixture:log_density(z) end
  local log_p = -(self:standardize(z):square() + math.log(2 * math.pi)):sum(2) / 2
  if not self.model.unstandardize then return log_p end
  return log_p - self.model.latent_std:maximum(1e-6):log():sum()
end

--- n images decoded from the prior, and their latent vectors. options: truncation, sampler as in prior; labels as in
-- decode.
--
--   local x, z = space:sample(16, {truncation = 0.7})
function Space:sample(n, options)
  local z = self:prior(n, options)
  return self:decode(z, options and options.labels), z
end

return Space
