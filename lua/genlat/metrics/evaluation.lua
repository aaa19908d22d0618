--- evaluation.lua: all that can be measured of a model, by name: what it can do decides what that is.
--
--   it makes images (sample), and the data have classes  frechet_lenet, precision, recall, classifier_score,
--                                                        modes_covered, class_variation
--   it gives images back (reconstruct)                   mse, psnr, ssim
--   it has a likelihood (loss)                           reconstruction; of a VAE: kl, elbo, log_likelihood
-- Each of the first ones is also measured of as many real images from the training data, against the same test images:
-- NAME_real, and frechet_lenet_floor. NAME_std is the spread over seeds (of the sampling: the model is one).

local check = require "genlat.check"
local scope = require "genlat.scope"
local classifier = require "genlat.metrics.classifier"
local image = require "genlat.metrics.image"
local likelihood = require "genlat.metrics.likelihood"
local samples = require "genlat.metrics.samples"

-- What is measured, in its order: values are added by name, and a list of several, one a seed, as mean and spread.
local Results = {}
Results.__index = Results

local function new_results() return setmetatable({names = {}, values = {}}, Results) end

function Results:add(name, value)
  if value == nil then return end
  self.names[#self.names + 1] = name
  self.values[name] = value
end

-- rows: a table of values for each seed.
function Results:add_spread(name, rows, key)
  local mean, deviation = samples.spread(rows, key or name)
  self:add(name, mean)
  self:add(name .. "_std", deviation)
end

local function measure_samples(results, model, data, o)
  local reference = samples.reference(data, o)
  local made = scope.run({recording = false, eval = model}, function() -- also where the model draws by itself
    return samples.of_draws(o.draw or function(n) return model:sample(n) end, reference, o, model.config.classes)
  end)
  local real = samples.of_split(data.train, reference, o)
  results:add("classifier_accuracy", classifier.accuracy(o.classifier, data.test))
  for _, name in ipairs(samples.MEASURES) do
    results:add_spread(name, made)
    results:add_spread(name == "frechet_lenet" and "frechet_lenet_floor" or name .. "_real", real, name)
  end
end

-- Images and nats --------------------------------------------------------------------------------------------------

local function measure_reconstruction(results, model, data)
  local values = image.reconstruction(model, data.test)
  for _, name in ipairs {"mse", "psnr", "ssim"} do
    results:add(name, values[name])
  end
end

local function measure_likelihood(results, model, data, o)
  local rows = {}
  for i = 1, model.posterior and o.seeds or 1 do -- without a posterior nothing is drawn
    rows[i] = likelihood.elbo(model, data.test, {binarize = o.binarize, seed = o.seed + i - 1})
    o.progress("ELBO", i, o.seeds)
  end
  results:add_spread("reconstruction", rows)
  if not model.posterior then return end
  results:add_spread("kl", rows)
  results:add_spread("elbo", rows)
  local mean, standard_error = likelihood.log_likelihood(model, data.test, {
    images = o.images, binarize = o.binarize, seed = o.seed,
    progress = function(...) o.progress("log-likelihood", ...) end,
  })
  results:add("log_likelihood", mean)
  results:add("log_likelihood_stderr", standard_error)
end

local OPTIONS = {
  samples = {check.whole(2), 10000}, seeds = {check.whole(1), 3}, seed = {check.seed, 1},
  images = {check.whole(1), 500}, binarize = {check.text}, classifier = {check.table}, draw = {check.callable},
  progress = {check.callable, function() end},
}

--- Measures a model on a data set. options: samples (10000 images), seeds (3), seed (of the first, 1), images (for the
-- log-likelihood, 500), binarize (as in training), classifier (a LeNet-5; without one, what needs it is left out),
-- draw(n) (n images; model:sample, from the prior, if left out: a space's sampler may be another, see
-- latent/space.lua), progress(label, done, total). Returns {names = in their order, values = by name}.
return function(model, data, options)
  check.arguments("evaluate", "model:model data:data options:table?", model, data, options)
  local o = check.options("evaluate", options, OPTIONS)
  local results = new_results()
  if (o.draw or model.sample) and o.classifier and classifier.applies(data) then
    measure_samples(results, model, data, o)
  end
  if model.reconstruct then
    measure_reconstruction(results, model, data)
    measure_likelihood(results, model, data, o)
  end
  return results
end
