--- samples.lua: how images that are drawn from a model compare with real ones, by the features of a classifier
-- (metrics.classifier). One definition for whoever asks: the same reference, the same seeds, the same numbers.
--
--   local reference = samples.reference(data, o)
--   local rows = samples.of_draws(function(n) return model:sample(n) end, reference, o)
--   print(rows[1].frechet_lenet)
--
-- o, in all of them: classifier (a LeNet-5), samples (images that are drawn each time, and at most as many real ones),
-- seeds (how often), seed (of the first time), progress(label, done, total).
-- A row, one for each seed: {frechet_lenet =, precision =, recall =, classifier_score =, modes_covered =,
-- class_variation =}.

local chunks = require "genlat.chunks"
local scope = require "genlat.scope"
local classifier = require "genlat.metrics.classifier"
local distribution = require "genlat.metrics.distribution"

local samples = {}

--- The names of what a row holds, in their order.
samples.MEASURES = {
  "frechet_lenet", "precision", "recall", "classifier_score", "modes_covered", "class_variation",
}

local BATCH = 500 -- images at a time, at most
local NEIGHBOURS = 3 -- Kynkäänniemi et al. 2019, sec. 3.1

local function batch_of(o) return chunks.size(chunks.floats(o.classifier), BATCH) end

-- Counts the images of an iterator's batches.
local function counted(batches, total, label, o)
  local done = 0
  return function()
    local x = batches()
    done = done + (x and #x or 0)
    o.progress(label, done, total)
    return x
  end
end

-- At most o.samples images of a split, in an order of its own for each seed.
local function real_batches(split, seed, label, o)
  local next_batch, left = split:batches {size = batch_of(o), seed = seed}, math.min(o.samples, split.count)
  return counted(function()
    local _, x = next_batch()
    if left == 0 then return nil end
    if #x > left then x = x:slice(1, 1, left) end
    left = left - #x
    return x
  end, left, label, o)
end

-- o.samples images by draw(n); of a conditional model, in whole rounds of its classes. Their number is a multiple of 4
-- where it is not BATCH: see chunks.lua.
local function drawn_batches(draw, classes, o)
  local size, round = batch_of(o), classes
  if size < BATCH then round = classes % 4 == 0 and classes or classes % 2 == 0 and 2 * classes or 4 * classes end
  local left = o.samples
  size = math.max(1, size // round) * round
  return counted(function()
    local count = math.min(size, left)
    left = left - count
    return count > 0 and draw(count) or nil
  end, left, "samples", o)
end

-- A set of images as the classifier sees it.
local function judged(o, batches)
  local features, logits = classifier.judge(o.classifier, batches)
  local labels = logits:argmax(2)
  return {
    moments = distribution.moments(features), logits = logits, labels = labels,
    neighbourhood = distribution.neighbourhood(features, math.min(NEIGHBOURS, #features - 1)),
    shares = distribution.class_shares(labels, logits:size(2)),
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

--- The test images of a data set that everything is compared with.
function samples.reference(data, o) return judged(o, real_batches(data.test, o.seed, "test images", o)) end

--- Rows for the images that draw(n) makes, n at a time, from each seed. classes: of a conditional model, how many it
-- draws in turn (1 if left out).
function samples.of_draws(draw, reference, o, classes)
  local rows = {}
  for i = 1, o.seeds do
    rows[i] = scope.run({recording = false, seed = o.seed + i - 1}, function()
      return compare(judged(o, drawn_batches(draw, classes or 1, o)), reference)
    end)
  end
  return rows
end

--- Rows for a split's images: what real ones reach.
function samples.of_split(split, reference, o)
  local rows = {}
  for i = 1, o.seeds do
    rows[i] = compare(judged(o, real_batches(split, o.seed + i - 1, "training images", o)), reference)
  end
  return rows
end

--- The mean of one measure over rows, and its standard deviation (nil for one row).
function samples.spread(rows, name)
  local mean, squares = 0, 0
  for _, row in ipairs(rows) do
    mean = mean + row[name] / #rows
  end
  for _, row in ipairs(rows) do
    squares = squares + (row[name] - mean) ^ 2
  end
  return mean, #rows > 1 and math.sqrt(squares / (#rows - 1)) or nil
end

return samples
