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
--   data         the data set that it was trained on, loaded when it is first asked for, from any working folder;
--                raises where it is not there, or is another one now. Its labels count as the model's
--   classes      the names of the classes, as the model numbers them
--   on_data      a function that is called with the data set when it was loaded; nil
--   directions   the run's saved directions: see directions.lua
--   sampler      the mixture of Gaussians that fit_sampler fitted to the run's encoded images (see mixture.lua), which
--                prior then draws from; or false
--   adversarial  true for a GAN
-- What others save in the folder meanwhile, directions and a sampler, is seen when it is asked for the next time.
-- Nothing that is computed here is recorded for backward: for gradients call space.model itself.
--
-- A model of your own has to have
--   latent           how many dimensions its latent vectors have
--   config           a table with image = {H, W, C} and, of a conditional model, classes = how many
--   decode(z)        images N x H x W x C, 0..1, of z: N x latent (and labels N, of a conditional model)
-- and, for what needs it,
--   encode(x)        latent vectors N x latent of images (and labels)
--   prior            "normal" where its latent vectors are drawn from N(0, I). A model whose latent vectors lie
--                    elsewhere has buffers latent_mean and latent_std, and, as an autoencoder, unstandardize(e) =
--                    latent_mean + latent_std * e; or a mixture is fitted to them (space.sampler =
--                    latent.mixture.fit(z)). Without any of these nothing is drawn.
-- examples/13_own.lua has one.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local models = require "genlat.models"
local networks = require "genlat.models.networks"
local scope = require "genlat.scope"
local text = require "genlat.text"
local dataset = require "genlat.runs.dataset"
local Directions = require "genlat.latent.directions"
local Mixture = require "genlat.latent.mixture"

local Space = {}

local CHUNK = 250 -- images that are encoded or decoded at a time

-- Fields that are made when they are asked for; those that are made once are kept.
local lazy, fresh = {}, {}

function fresh.data(self)
  local kept = rawget(self, "kept_data")
  if kept then return kept end
  local options = self.notes.options
  if not (options and options.data) then
    check.fail("data: the model came without a run, which would name its data set")
  end
  local set, message = dataset.of_model(self.notes, self.model)
  if not set then error(message, 0) end
  rawset(self, "kept_data", set)
  if self.on_data then self.on_data(set) end
  return set
end

-- The names of the classes, as the model numbers them; of an old model, which does not say, those of its data set.
function lazy.classes(self)
  if self.notes.classes then return self.notes.classes end
  local options = self.notes.options
  if rawget(self, "kept_data") or not (options and options.data) then return self.data.classes end
  local names, message = dataset.class_names(self.notes)
  if not names then error(message, 0) end
  if self.on_data then self.on_data {notes = {message}} end
  return names
end

function lazy.directions(self)
  local store, message = Directions.load(self.folder, self.latent)
  if not store then error(message, 0) end
  return store
end

function fresh.sampler(self)
  local path = self.folder and self.folder .. "/sampler.safetensors"
  local stamp = path and core.file_stamp(path)
  if not stamp then return false end
  if stamp ~= self.sampler_stamp then
    local sampler, message = Mixture.load(path, self.latent)
    if not sampler then error(message, 0) end
    self.sampler_stamp, self.kept_sampler = stamp, sampler
  end
  return self.kept_sampler
end

function Space.__index(self, key)
  local method = Space[key]
  if method ~= nil then return method end
  if fresh[key] then return fresh[key](self) end
  if not lazy[key] then return nil end
  local value = lazy[key](self)
  rawset(self, key, value)
  return value
end

-- A data set that is given to the space has its labels counted as the model's, by the classes' names.
function Space.__newindex(self, key, value)
  if key == "data" then
    if type(value) ~= "table" then
      check.fail("data: expected a data set, such as gl.data.load returns, got %s", type(value))
    end
    local set, message = dataset.fit(value, self.notes, self.model)
    if not set then check.fail("data: %s", message) end
    key, value = "kept_data", set
  end
  rawset(self, key, value)
end

function Space:__tostring()
  local config = self.model.config
  local words = {text.message("%s: %s of %s images, %d latent dimensions", self.folder or "a space",
    text.a(self.model:name()), table.concat(self.image, " x "), self.latent)}
  if self.conditional then words[#words + 1] = ("told one of %d classes"):format(self.conditional) end
  if self.notes.options then
    local epochs = self.notes.epochs or "some"
    words[#words + 1] = text.message("trained on %s for %s epoch%s", self.notes.options.data, epochs,
      epochs == 1 and "" or "s")
  end
  if config.beta and config.beta ~= 1 then words[#words + 1] = text.format("beta %g", config.beta) end
  local sampler = self.sampler
  if sampler then
    words[#words + 1] = "samples are drawn from a mixture of " .. text.count(sampler.components, "Gaussian")
  end
  local names = self.folder and self.directions:names() or {}
  if #names > 0 then words[#words + 1] = "directions " .. table.concat(names, ", ") end
  return table.concat(words, "; ")
end

local NEEDS = "it has to have latent, how many dimensions; config.image, {H, W, C}; and decode(z), which makes images "
  .. "N x H x W x C of latent vectors N x latent (genlat/latent/space.lua says more)"

local CONFIG = check.record {
  image = check.list(check.whole(1), {count = 3}),
  classes = check.optional(check.either(check.whole(1), check.off)),
}

-- What keeps a model from being a space, or nil.
local function problem_of(model)
  if type(model) ~= "table" then return text.message("expected a model, got %s", type(model)) end
  local name = type(model.name) == "function" and model:name() or "table"
  if not model.decode then return text.message("%s makes no images", text.a(name)) end
  local latent, message = check.schema(name, "latent", model.latent, check.whole(1))
  local config, message2 = check.schema(name, "config", model.config, CONFIG)
  return not (latent and config) and (message or message2) or nil
end

local SETTINGS = {folder = {check.text}, notes = {check.table}, data = {check.table}, prior = {check.word {"normal"}}}

--- The space of a model with a decoder: see above for what it has to have. settings: folder, notes, data, and prior =
-- "normal", where the model itself does not say that (all may be left out).
function Space.new(model, settings)
  local problem = problem_of(model)
  if problem then check.fail("space: %s; %s", problem, NEEDS) end
  local o = check.options("space", settings, SETTINGS)
  local self = setmetatable({
    model = model:eval(), latent = math.tointeger(model.latent), image = model.config.image, folder = o.folder,
    notes = o.notes or {}, conditional = model.config.classes or nil,
    adversarial = model.generator ~= nil, normal = model.prior == "normal" or o.prior == "normal",
  }, Space)
  if o.data then self.data = o.data end
  return self
end

--- The space of the model in a run's folder or a model's file; or nil and a message.
function Space.open(path)
  local model, notes = models.load(path)
  if not model then return nil, notes end
  local problem = problem_of(model)
  if problem then return nil, text.message("%s: %s", path, problem) end
  return Space.new(model, {folder = core.file_kind(path) == "folder" and path or nil, notes = notes})
end

-- Calls f(first, last) for chunks of n rows, unrecorded, in evaluation; returns what it returned, joined.
local function in_chunks(self, n, f)
  return scope.run({recording = false, eval = self.model}, function()
    return chunks.map(n, chunks.size(chunks.floats(self.model), CHUNK), f)
  end)
end

local function check_latents(self, z, name)
  check.value(name .. ": latent vectors", z, check.tensor())
  if z.ndim == 1 then z = z:unsqueeze(1) end
  if z.ndim ~= 2 or z:size(2) ~= self.latent then
    check.fail("%s: latent vectors are N x %d, these are %s", name, self.latent, table.concat(z.shape, "x"))
  end
  return z
end

-- Why images of this shape are not the model's: what they look like instead.
local function shape_hint(self, shape)
  local h, w, c = table.unpack(self.image)
  if #shape == 4 and shape[2] == c and shape[3] == h and shape[4] == w then
    return ": that is N x C x H x W; x:permute(1, 3, 4, 2) has the channels last"
  elseif #shape == 2 and shape[2] == h * w * c then
    return (": those are rows; x:reshape(-1, %d, %d, %d) makes images of them"):format(h, w, c)
  end
  return ""
end

-- How values that are not 0 to 1 become so.
local function range_hint(least, most)
  if least >= 0 and most <= 255 then return ": divide them by 255" end
  if least >= -1 and most <= 1 then return ": (x + 1) / 2 brings -1 to 1 to 0 to 1" end
  return ": x:clamp(0, 1) cuts off what is outside"
end

local SLACK = 1e-3 -- for values that were computed

--- Images as N x H x W x C, floats of 0..1 or bytes; a single image is one of N. Raises where they are of another shape
-- than the model's or of another range. name: the function that was given them.
function Space:checked_images(x, name)
  check.value(name .. ": images", x, check.tensor())
  if x.ndim == 3 then x = x:unsqueeze(1) end
  if x.ndim ~= 4 or table.concat(x.shape, "x", 2) ~= table.concat(self.image, "x") then
    check.fail("%s: expected images N x %s, got %s%s", name, table.concat(self.image, " x "),
      table.concat(x.shape, "x"), shape_hint(self, x.shape))
  end
  if x.dtype == "uint8" then return x end
  local least, most = x:detach():min():item(), x:detach():max():item()
  if not (least >= -SLACK and most <= 1 + SLACK) then
    check.fail("%s: images have values from 0 to 1, these from %.6g to %.6g%s", name, least, most,
      range_hint(least, most))
  end
  return x
end

--- The same as the model sees them: bytes are divided by 255.
function Space:as_images(x, name)
  x = self:checked_images(x, name)
  return x.dtype == "uint8" and x:float() / 255 or x
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
    check.fail("labels: a class is 1 to %d, not %s", classes, labels)
  end
  return core.full({n}, labels)
end

-- The labels that a model is given with n images or latent vectors.
local function labels_of(self, n, labels, name)
  labels = self:labels(n, labels)
  return labels and check.value(name .. ": labels", labels, check.tensor {n})
end

--- z: N x latent (or latent) -> images N x H x W x C, 0..1. labels, of a conditional model: N, or one class for all;
-- left out, each class in turn.
function Space:decode(z, labels)
  z = check_latents(self, z, "decode")
  labels = labels_of(self, #z, labels, "decode")
  return in_chunks(self, #z, function(first, last)
    return self.model:decode(z:slice(1, first, last), labels and labels:slice(1, first, last)):detach()
  end)
end

--- Has the model an encoder? GANs have none: latent.invert finds their latent vectors.
--
--   if space:has_encoder() then z = space:encode(x) end
function Space:has_encoder() return self.model.encode ~= nil end

local function need_encoder(self)
  if not self.model.encode then check.fail("encode: %s has no encoder", text.a(self.model:name())) end
end

--- x: N x H x W x C, 0..1 or bytes, and of a conditional model labels: N, or one class for all -> z: N x latent, of a
-- VAE the posterior's mean.
function Space:encode(x, labels)
  need_encoder(self)
  x = self:as_images(x, "encode")
  if self.conditional and labels == nil then
    check.fail("encode: a %s is given labels with the images: N, or one class for all", self.model:name())
  end
  labels = labels and labels_of(self, #x, labels, "encode")
  return in_chunks(self, #x, function(first, last)
    return self.model:encode(x:slice(1, first, last), labels and labels:slice(1, first, last)):detach()
  end)
end

--- The latent vectors of a split's images (of the first `count`), and their labels: N x latent, N or nil.
--
--   local z, labels = space:encode_split(space.data.test, 1000)
function Space:encode_split(split, count)
  if type(split) ~= "table" or not split.images then
    check.fail("encode_split: expected a split of a data set, such as data.test, got %s", type(split))
  elseif self.conditional and not split.labels then
    check.fail("encode_split: a %s is given labels with the images, and these have none", self.model:name())
  end
  count = math.min(check.value("encode_split: count", count or split.count, check.whole(1)), split.count)
  need_encoder(self)
  local z = in_chunks(self, count, function(first, last)
    local x = core.batch(split.images, core.arange(count), first, last - first + 1)
    return self.model:encode(x, split.labels and split.labels:slice(1, first, last)):detach()
  end)
  return z, split.labels and split.labels:slice(1, 1, count)
end

-- Raises where nothing says how the model's latent vectors are distributed.
local function need_prior(self, where)
  if self.normal or self.model.unstandardize then return end
  local name = self.model:name()
  check.fail("%s: nothing says what the latent vectors of a %s are drawn from: %s.prior = \"normal\" says N(0, I), and "
    .. "space.sampler = gl.latent.mixture.fit(z) fits a mixture to encoded images (genlat/latent/space.lua says more)",
    where, name, name)
end

--- Standard normal vectors e (N x latent) to where the model's latent vectors lie: themselves for a model with the
-- prior N(0, I); an autoencoder, which has none, was fitted a Gaussian with independent axes after its training.
--
--   local z = space:unstandardize(gl.randn(16, space.latent))
function Space:unstandardize(e)
  need_prior(self, "unstandardize")
  return self.model.unstandardize and self.model:unstandardize(e):detach() or e
end

--- The inverse of unstandardize.
--
--   local e = space:standardize(z)            -- about N(0, I)
function Space:standardize(z)
  need_prior(self, "standardize")
  if not self.model.unstandardize then return z end
  return (z - self.model.latent_mean) / self.model.latent_std:maximum(1e-6)
end

-- The fitted mixture, where that is what prior draws from; false for the Gaussian.
local function chosen_sampler(self, name, where)
  if name ~= "gaussian" and self.sampler then return self.sampler end
  if name == "mixture" then
    check.fail("%s: no mixture was fitted to this run's latent vectors (fit_sampler does)", where)
  end
  need_prior(self, where)
  return false
end

local SAMPLER = {check.word {"gaussian", "mixture"}}
local DRAWING = {truncation = {check.number {least = 0}, 1}, sampler = SAMPLER}
local SAMPLING = {truncation = DRAWING.truncation, sampler = SAMPLER, labels = {check.any}}

--- n latent vectors, N x latent: drawn from the mixture that was fitted to the run's encoded images, where there is one
-- (space.sampler); else from the prior N(0, I) or, of an autoencoder, from the Gaussian fitted to its latent vectors.
-- options: truncation: each vector's distance from the mean (of its component) is multiplied by this (1; Karras et al.
-- 2019, sec. B: below 1, samples are more usual and less varied); sampler: "gaussian" or "mixture", to choose.
function Space:prior(n, options)
  local o = check.options("prior", options, DRAWING)
  n = check.value("prior: n", n, check.whole(1))
  local mixture = chosen_sampler(self, o.sampler, "prior")
  if mixture then return mixture:sample(n, {truncation = o.truncation}) end
  return self:unstandardize(core.randn(n, self.latent) * o.truncation)
end

--- log p(z) of latent vectors z (N x latent) under what prior draws from, in nats: N. options: sampler as in prior.
function Space:log_density(z, options)
  z = check_latents(self, z, "log_density")
  local o = check.options("log_density", options, {sampler = SAMPLER})
  local mixture = chosen_sampler(self, o.sampler, "log_density")
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
  local o = check.options("sample", options, SAMPLING)
  local z = self:prior(n, {truncation = o.truncation, sampler = o.sampler})
  return self:decode(z, o.labels), z
end

return Space
