--- likelihood.lua: how probable a VAE finds images: its evidence lower bound, and the log-likelihood itself.
--
-- In nats per image. Of a Bernoulli likelihood they mean something for binarized images only; for grey ones they can be
-- compared with each other.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local scope = require "genlat.scope"
local networks = require "genlat.models.networks"

local likelihood = {}

local SEED = 20160101
local MOST = 500 -- images at a time
local ROWS, ROWS_BYTES = 2000, 32 << 20 -- latent vectors that are decoded at a time
local IMAGES = 10 -- images at a time

--- The evidence lower bound (Kingma & Welling 2014, eq. 3) and its parts, elbo = -reconstruction - kl, with beta = 1
-- and one latent vector for each image: {elbo =, reconstruction =, kl =}; of an autoencoder, which has no such bound,
-- {reconstruction =}. Options: binarize, seed.
--
--   gl.metrics.elbo(model, set.test).elbo
function likelihood.elbo(model, split, options)
  check.arguments("elbo", "model:model split:split options:table?", model, split, options)
  local o = check.options("elbo", options, {binarize = {check.text}, seed = {check.seed, SEED}})
  return scope.run({recording = false, seed = o.seed, eval = model}, function()
    local sums = {reconstruction = 0, kl = model.posterior and 0}
    local size = chunks.size(chunks.floats(model, split), MOST)
    for _, x, labels in split:batches {size = size, shuffle = false, binarize = o.binarize} do
      local parts = model.posterior and networks.elbo(model, x, labels) or model:loss(x)
      for name in pairs(sums) do
        sums[name] = sums[name] + parts[name]:item() * #x / split.count
      end
    end
    sums.elbo = sums.kl and -sums.reconstruction - sums.kl
    return sums
  end)
end

-- log(1/count sum e^x) of a list.
local function log_mean_exp(list, count)
  local most, sum = math.max(table.unpack(list)), 0
  for _, value in ipairs(list) do
    sum = sum + math.exp(value - most)
  end
  return most + math.log(sum / count)
end

-- log 1/K sum of the importance weights, for each of a few images.
local function estimates(model, x, labels, samples)
  local sums = {}
  for i = 1, #x do
    sums[i] = {}
  end
  local most = math.max(1, chunks.size(chunks.floats(model, {images = x}), ROWS, ROWS_BYTES) // #x)
  for first = 1, samples, most do
    local log_w = networks.log_weights(model, x, math.min(most, samples - first + 1), labels)
    for i, value in ipairs(log_w:logsumexp(2):totable()) do
      table.insert(sums[i], value)
    end
  end
  for i, list in ipairs(sums) do
    sums[i] = log_mean_exp(list, samples)
  end
  return sums
end

local function mean_and_error(list)
  local n, sum, squares = #list, 0, 0
  for _, value in ipairs(list) do
    sum = sum + value
  end
  for _, value in ipairs(list) do
    squares = squares + (value - sum / n) ^ 2
  end
  return sum / n, math.sqrt(squares / math.max(n - 1, 1) / n)
end

--- log p(x) by importance sampling (Burda et al. 2016, eq. 8, which approaches it from below as K grows):
-- log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k from q(z|x). Returns the mean over images, its standard error, and the
-- list of all. Options: samples (K, 5000), images (how many, drawn at random: 500), binarize, seed,
-- progress(images done, of how many).
--
--   local mean, standard_error = gl.metrics.log_likelihood(model, set.test, {samples = 500, images = 100})
function likelihood.log_likelihood(model, split, options)
  check.arguments("log_likelihood", "model:model split:split options:table?", model, split, options)
  local o = check.options("log_likelihood", options, {
    samples = {check.whole(1), 5000}, images = {check.whole(1), 500}, binarize = {check.text},
    seed = {check.seed, SEED}, progress = {check.callable},
  })
  local samples, count, seed, all = o.samples, math.min(o.images, split.count), o.seed, {}
  return scope.run({recording = false, seed = seed, eval = model}, function()
    for _, x, labels in split:batches {size = math.min(IMAGES, count), seed = seed, binarize = o.binarize} do
      for _, value in ipairs(estimates(model, x, labels, samples)) do
        all[#all + 1] = value
      end
      if o.progress then o.progress(math.min(#all, count), count) end
      if #all >= count then break end
    end
    local mean, standard_error = mean_and_error({table.unpack(all, 1, count)})
    return mean, standard_error, {table.unpack(all, 1, count)}
  end)
end

return likelihood
