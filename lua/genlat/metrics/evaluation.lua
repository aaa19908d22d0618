--- evaluation.lua: all that can be measured of a model, by name: what it can do decides what that is.
--
--   it makes images (sample), and the data have labels   frechet_lenet, precision, recall, classifier_score,
--                                                        modes_covered, class_variation
--   it gives images back (reconstruct)                   mse, psnr, ssim
--   it has a likelihood (loss)                           reconstruction; of a VAE: kl, elbo, log_likelihood
-- Each of the first ones is also measured of as many real images from the training data, against the same test images:
-- NAME_real, and frechet_lenet_floor. NAME_std is the spread over seeds (of the sampling: the model is one).

local aside = require "genlat.metrics.aside"
local classifier = require "genlat.metrics.classifier"
local distribution = require "genlat.metrics.distribution"
local image = require "genlat.metrics.image"
local likelihood = require "genlat.metrics.likelihood"

local BATCH = 500
local NEIGHBOURS = 3 -- Kynkäänniemi et al. 2019, sec. 3.1

local OF_IMAGES = {
  "frechet_lenet", "precision", "recall", "classifier_score", "modes_covered", "class_variation",
}

-- What is measured, in its order: values are added by name, and a list of several, one a seed, as mean and spread.
local Results = {}
Results.__index = Results

local function new_results() return setmetatable({names = {}, values = {}}, Results) end

function Results:add(name, value)
  if value == nil then return end
  self.names[#self.names + 1] = name
  self.values[name] = value
end

local function mean_and_deviation(list)
  local sum, squares = 0, 0
  for _, value in ipairs(list) do
    sum = sum + value / #list
  end
  for _, value in ipairs(list) do
    squares = squares + (value - sum) ^ 2
  end
  return sum, #list > 1 and math.sqrt(squares / (#list - 1)) or nil
end

-- rows: a table of values for each seed.
function Results:add_spread(name, rows, key)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = row[key or name]
  end
  local mean, deviation = mean_and_deviation(list)
  self:add(name, mean)
  self:add(name .. "_std", deviation)
end

-- Batches of images ------------------------------------------------------------------------------------------------

-- Counts the images of an iterator's batches.
local function counted(batches, total, report)
  local done = 0
  return function()
    local x = batches()
    done = done + (x and #x or 0)
    report(done, total)
    return x
  end
end

-- n images of a split, in an order of its own for each seed.
local function real_batches(split, n, seed, report)
  local next_batch, left = split:batches {size = BATCH, seed = seed}, math.min(n, split.count)
  return counted(function()
    local _, x = next_batch()
    if left == 0 then return nil end
    if #x > left then x = x:slice(1, 1, left) end
    left = left - #x
    return x
  end, left, report)
end

-- n images of a model; of a conditional one, in whole rounds of its classes.
local function made_batches(model, n, report)
  local classes, left = model.config.classes or 1, n
  local size = math.max(1, BATCH // classes) * classes
  return counted(function()
    local count = math.min(size, left)
    left = left - count
    return count > 0 and model:sample(count) or nil
  end, n, report)
end

-- Distributions ----------------------------------------------------------------------------------------------------

-- A set of images as the classifier sees it.
local function judged(judge, batches)
  local features, logits = classifier.judge(judge, batches)
  return {
    moments = distribution.moments(features), logits = logits,
    neighbourhood = distribution.neighbourhood(features, math.min(NEIGHBOURS, #features - 1)),
    labels = logits:argmax(2), shares = distribution.class_shares(logits:argmax(2), logits:size(2)),
  }
end

local function compare(set, reference)
  local precision, recall = distribution.precision_recall(reference.neighbourhood, set.neighbourhood)
  return {
    frechet_lenet = distribution.frechet(reference.moments, set.moments), precision = precision, recall = recall,
    classifier_score = distribution.classifier_score(set.logits),
    modes_covered = distribution.modes_covered(set.labels, #set.shares),
    class_variation = distribution.variation(set.shares, reference.shares),
  }
end

local function measure_distribution(results, model, data, o)
  local function report(label) return function(...) o.progress(label, ...) end end
  local reference = judged(o.classifier, real_batches(data.test, o.samples, o.seed, report "test images"))
  local made, real = {}, {}
  for i = 1, o.seeds do
    local seed = o.seed + i - 1
    made[i] = aside(model, seed, function()
      return compare(judged(o.classifier, made_batches(model, o.samples, report "samples")), reference)
    end)
    local batches = real_batches(data.train, o.samples, seed, report "training images")
    real[i] = compare(judged(o.classifier, batches), reference)
  end
  results:add("classifier_accuracy", classifier.accuracy(o.classifier, data.test))
  for _, name in ipairs(OF_IMAGES) do
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

--- Measures a model on a data set. options: samples (10000 images), seeds (3), seed (of the first, 1), images (for the
-- log-likelihood, 500), binarize (as in training), classifier (a LeNet-5; without one, what needs it is left out),
-- progress(label, done, total). Returns {names = in their order, values = by name}.
return function(model, data, options)
  local o = {samples = 10000, seeds = 3, seed = 1, images = 500, progress = function() end}
  for key, value in pairs(options or {}) do
    o[key] = value
  end
  local results = new_results()
  if model.sample and o.classifier then measure_distribution(results, model, data, o) end
  if model.reconstruct then
    measure_reconstruction(results, model, data)
    measure_likelihood(results, model, data, o)
  end
  return results
end
