--- semantics.lua: directions of a latent space that are found without knowing what images show: where latent vectors
-- vary most, or where what a generator or decoder makes of them first does.
--
--   local list = semantics.weights(space, {count = 6})      -- or components, activations
--   local x = space:decode(z + 3 * list[1].vector)
--
-- Each returns a list of {vector = latent, share = its part of the whole variance, 0 to 1}, by falling share. A vector
-- is as long as the standard deviation of latent vectors along it; its largest component is positive.

local check = require "genlat.check"
local core = require "genlat.core"
local scope = require "genlat.scope"
local attributes = require "genlat.latent.attributes"

local linalg = core.linalg

local semantics = {}

local COUNT = 6
local IMAGES = 20000
local SAMPLES = 4000 -- latent vectors whose activations are looked at
local MOST_NUMBERS = 1 << 23 -- activations that are held at a time
local SEED = 20200406

-- Where the prior's latent vectors lie: the standard deviation of each axis, latent.
local function prior_scale(space)
  local ends = space:unstandardize(core.stack {core.zeros(space.latent), core.ones(space.latent)})
  return ends[2] - ends[1]
end

-- v, as long as the standard deviation along it of vectors whose axes are independent, each with its own (scale); its
-- largest component positive.
local function with_length(v, scale)
  local unit = v / v:norm()
  if unit:abs():max():item() > unit:max():item() then unit = -unit end
  return unit * (unit * scale):norm()
end

local function share_of(value, total) return total > 0 and value / total or 0 end

--- Principal components (Pearson 1901) of the latent vectors that the encoder gives the training images; of a
-- conditional model, within the classes. settings: count (6), images (of the training images; 20,000). Raises for
-- models without an encoder: the prior N(0, I) has no direction of its own.
function semantics.components(space, settings)
  check.arguments("semantics.components", "space:space settings:table?", space, settings)
  settings = check.options("components", settings, {count = {check.whole(1), COUNT}, images = {check.whole(1), IMAGES},
    seed = {check.seed}})
  if not space:has_encoder() then
    check.fail("components: a %s draws z from N(0, I), where no direction is different; take activations or weights",
      space.model:name())
  end
  return scope.run({recording = false, eval = space.model}, function()
    local z, labels = space:encode_split(space.data.train, settings.images)
    local centred = attributes.centred(z, space.conditional and labels)
    local _, axes, variance, total = linalg.principal(centred, math.min(settings.count, space.latent))
    local found = {}
    for i, value in ipairs(variance) do
      found[i] = {vector = with_length(axes:select(2, i), math.sqrt(value)), share = share_of(value, total)}
    end
    return found
  end)
end

-- The first layers --------------------------------------------------------------------------------------------------

local weighted = {Linear = true, ConvTranspose2d = true}

-- The generator's or decoder's modules up to the first one with weights, and those between it and the second.
local function first_layers(space)
  local network = space.model.generator or space.model.decoder
  local up_to, behind = {}, {}
  local seen = 0
  for i = 1, #network do
    local module = network[i]
    if weighted[module:name()] then seen = seen + 1 end
    if seen > 1 then break end
    table.insert((seen == 0 or weighted[module:name()]) and up_to or behind, module)
  end
  return up_to, behind
end

local function through(modules, x)
  for _, module in ipairs(modules) do x = module(x) end
  return x
end

-- Latent vectors (N x latent) as the network takes them: with the label, one-hot, for a conditional model.
local function as_input(space, z, labels)
  return labels and core.cat({z, labels:one_hot(space.conditional)}, 2) or z
end

-- The coordinates of rows (N x D) on their k first principal components, centred: N x k, and the components' shares of
-- the variance.
local function principal_coordinates(rows, k)
  local mean, axes, variance, total = linalg.principal(rows, math.min(k, #rows, rows:size(2)))
  local shares = {}
  for i, value in ipairs(variance) do shares[i] = share_of(value, total) end
  return (rows - mean):matmul(axes), shares
end

--- GANSpace (Härkönen et al. 2020, sec. 2.2): principal components of what the generator's or decoder's first layer
-- makes, after its nonlinearity, of latent vectors drawn from the prior; then, for the k-th coordinate x_k of the drawn
-- vectors, u_k = argmin sum |u_k x_k - (z - mean)|^2: the direction of z that goes with it (their U; coordinates on
-- principal components are uncorrelated, so each has its own least squares). settings: count (6), samples (4000, fewer
-- for wide layers), seed. Of a conditional model each class in turn is drawn.
function semantics.activations(space, settings)
  check.arguments("semantics.activations", "space:space settings:table?", space, settings)
  settings = check.options("activations", settings, {count = {check.whole(1), COUNT},
    samples = {check.whole(1), SAMPLES}, seed = {check.seed, SEED}})
  return scope.run({recording = false, seed = settings.seed, eval = space.model}, function()
    local up_to, behind = first_layers(space)
    local function activations(z, labels)
      return through(behind, through(up_to, as_input(space, z, labels))):flatten(2):detach()
    end
    local count = math.min(settings.count, space.latent)
    local width = activations(space:prior(1), space:labels(1)):size(2)
    local samples = math.min(settings.samples, math.max(2 * space.latent, MOST_NUMBERS // width))
    local z = space:prior(samples)
    local x, shares = principal_coordinates(activations(z, space:labels(samples)), count)
    local u = x:t():matmul(z - z:mean(1)) / x:square():sum(1):maximum(1e-30):unsqueeze(2)
    local scale, found = prior_scale(space), {}
    for k, share in ipairs(shares) do
      if u[k]:norm():item() > 0 then found[#found + 1] = {vector = with_length(u[k], scale), share = share} end
    end
    return found
  end)
end

--- SeFa (Shen & Zhou 2021, eq. 5): the eigenvectors of A' A with the largest eigenvalues, A the first layer's weights
-- that z is multiplied with: the directions along which that layer's output changes most. No image is needed. For an
-- autoencoder, whose latent axes have their own scales, A is what the layer makes of standardized ones. settings: count
-- (6).
function semantics.weights(space, settings)
  check.arguments("semantics.weights", "space:space settings:table?", space, settings)
  settings = check.options("weights", settings, {count = {check.whole(1), COUNT}, seed = {check.seed}})
  return scope.run({recording = false, eval = space.model}, function()
    local up_to = first_layers(space)
    local scale, d = prior_scale(space), space.latent
    local axes = core.cat {core.zeros(1, d), core.eye(d) * scale} -- what the layer makes of 0, and of each axis
    local outputs = through(up_to, as_input(space, axes, space:labels(d + 1, 1))):flatten(2):detach()
    local a = outputs:slice(1, 2, d + 1) - outputs[1]
    local values, vectors = linalg.eigh(linalg.product(a, a:t()), math.min(settings.count, d))
    local total, found = 0, {}
    for _, value in ipairs(values) do total = total + math.max(value, 0) end
    for i, vector in ipairs(vectors) do
      if values[i] > 0 then
        found[#found + 1] = {vector = with_length(core.tensor(vector) * scale, scale), share = values[i] / total}
      end
    end
    return found
  end)
end

return semantics
