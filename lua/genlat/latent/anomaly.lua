--- anomaly.lua: how anomalous a trained model finds images: scores, higher for images unlike those that it was trained
-- on. metrics.auroc and metrics.average_precision say what a score is worth where the anomalies are known.
--
--   local anomaly = gl.latent.anomaly
--   local scores = anomaly.score(space, space.data.test.images, {method = "elbo"})       -- N
--   print(gl.metrics.auroc(scores, space.data.test.labels:eq(4)))
--
-- The scores, of what the model makes of an image x at z, the mean of what its encoder says:
--   mse             the mean squared error of a pixel
--   correlation     1 - the correlation of the pixels with those of the reconstruction: 0 to 2. The others grow with
--                   ink and contrast, and take what is plain for normal, whatever it shows; this one does not
--   reconstruction  -log p(x|z), in nats
--   elbo            -ELBO, the mean over draws of z, in nats
--   deviance        the same (of an autoencoder, reconstruction) less what the likelihood would ask for even if the
--                   reconstruction were perfect: with a Bernoulli likelihood the entropy of the pixels, because of
--                   which elbo takes grey for anomalous
--   inversion       the loss of latent.invert, -log p(x, z) at the best z that optimization finds, less the same; of a
--                   GAN the residual loss of AnoGAN (Schlegl et al. 2017), squared, with the prior's term
-- An autoencoder has all but elbo, a GAN inversion alone. A conditional model is asked for each class that it was
-- trained on: reconstruction, elbo and deviance are those of the mixture of all, each as likely, the others those of
-- the best class.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local scope = require "genlat.scope"
local image = require "genlat.metrics.image"
local invert = require "genlat.latent.invert"
local networks = require "genlat.models.networks"
local ranking = require "genlat.metrics.ranking"

local anomaly = {}

local ROWS, ROWS_BYTES = 2000, 32 << 20 -- latent vectors that are decoded at a time

-- Of K scores for each image, N x K: the smallest, or -log of the mean over k of e^-score.
local function smallest(scores) return scores:min(2) end
local function mixture(scores) return math.log(scores:size(2)) - (-scores):logsumexp(2) end

-- 1 - Pearson's correlation of the pixels of two batches of images, N; 1 where one of them is all of one colour.
local function decorrelation(x, y)
  local a, b = networks.rows(x), networks.rows(y)
  a, b = a - a:mean(2, true), b - b:mean(2, true)
  return 1 - (a * b):sum(2) / (a:square():sum(2) * b:square():sum(2)):sqrt():maximum(1e-12)
end

-- -log p(x|z) where the reconstruction is x itself, N: the least there can be. 0 of a GAN: see invert.distortion.
local function least_cost(model, x)
  local rows = networks.rows(x)
  if model.config.likelihood == "bernoulli" then
    local p = rows:clamp(1e-6, 1 - 1e-6)
    return -(p * p:log() + (1 - p) * (1 - p):log()):sum(2)
  end
  return model.config.likelihood and networks.reconstruction(model, rows, rows, "none"):sum(2) or core.zeros(#x)
end

local function reconstruction(space, x, labels)
  return invert.distortion(space.model, x, space.model:encode(x, labels), labels)
end

local function negative_elbo(space, x, labels, o)
  local _, log_px, mean, logvar = networks.log_weights(space.model, x, o.samples, labels)
  return mean:kl_normal(logvar, "none"):sum(2) - log_px:mean(2)
end

-- Each score: f(space, x, labels, options) of some images with a label each (nil for models that are told none); join:
-- how the scores of several classes become one; of: the model's method that it needs.
local kinds = {
  mse = {of = "encode", join = smallest, f = function(space, x, labels)
    return image.mse(space.model:reconstruct(x, labels), x)
  end},
  correlation = {of = "encode", join = smallest, f = function(space, x, labels)
    return decorrelation(x, space.model:reconstruct(x, labels))
  end},
  reconstruction = {of = "encode", join = mixture, f = reconstruction},
  elbo = {of = "posterior", join = mixture, f = negative_elbo},
  deviance = {of = "encode", join = mixture, f = function(space, x, labels, o)
    local bound = space.model.posterior and negative_elbo or reconstruction
    return bound(space, x, labels, o) - least_cost(space.model, x)
  end},
  inversion = {of = "decode"},
}

local ORDER = {"mse", "correlation", "reconstruction", "elbo", "deviance", "inversion"}

--- The names of the scores that a space has, in their order.
function anomaly.methods(space)
  check.arguments("anomaly.methods", "space:space", space)
  local names = {}
  for _, name in ipairs(ORDER) do
    if space.model[kinds[name].of] then names[#names + 1] = name end
  end
  return names
end

--- Those of them that are quick to compute: all but inversion, which searches; a GAN has that alone.
function anomaly.quick_methods(space)
  check.arguments("anomaly.quick_methods", "space:space", space)
  local names = {}
  for _, name in ipairs(anomaly.methods(space)) do
    if name ~= "inversion" or not space:has_encoder() then names[#names + 1] = name end
  end
  return names
end

--- The class that the space's run was trained without, by its name; nil where it was trained on all.
function anomaly.left_out(space)
  check.arguments("anomaly.left_out", "space:space", space)
  return space.notes.options and space.notes.options.without
end

--- The labels of the classes that a conditional model was trained on, as a list; nil for other models.
function anomaly.classes(space)
  check.arguments("anomaly.classes", "space:space", space)
  if not space.conditional then return nil end
  local without, list = anomaly.left_out(space), {}
  for label = 1, space.conditional do
    if not without or space.classes[label] ~= without then list[#list + 1] = label end
  end
  return list
end

-- Scores of images by inversion, N.
local function by_inversion(space, x, classes, o)
  return invert.invert(space, x, {
    steps = o.steps, restarts = o.restarts, lambda = o.lambda, classes = classes,
  }).loss - least_cost(space.model, x)
end

-- Scores of images by one of the other methods, N: each image with each class.
local function by_model(space, kind, x, classes, o)
  if not classes then return kind.f(space, x, nil, o) end
  local n, columns = #x, {}
  for i, label in ipairs(classes) do
    columns[i] = kind.f(space, x, core.full({n}, label), o)
  end
  return kind.join(core.stack(columns, 2))
end

local OPTIONS = {
  method = {check.text}, samples = {check.whole(1), 10}, steps = {check.whole(1)}, restarts = {check.whole(1), 4},
  lambda = {check.number {least = 0}, 1}, seed = {check.seed, 1}, progress = {check.callable},
}

local function settings_of(space, options)
  local o = check.options("score", options, OPTIONS)
  o.method = o.method or space:has_encoder() and "deviance" or "inversion"
  o.steps = o.steps or space:has_encoder() and 50 or 200
  local kind = kinds[o.method]
  if not kind or not space.model[kind.of] then
    check.fail("score: of a %s method is %s, not %s", space.model:name(), table.concat(anomaly.methods(space), ", "),
      o.method)
  end
  return o, kind
end

--- The scores of images (uint8 N x H x W x C, as splits have them, or 0..1): N. options:
--   method    one of anomaly.methods(space) ("deviance"; of a GAN "inversion")
--   samples   draws of z for elbo and deviance (10)
--   steps     of inversion (50 from what the encoder says; 200 for a GAN, from each of `restarts` draws, 4), lambda (1)
--   seed      of all that is drawn (1): equal scores for equal seeds
--   progress  a function that is called with the number of images done so far and in all
function anomaly.score(space, images, options)
  check.arguments("anomaly.score", "space:space images:tensor options:table?", space, images, options)
  local o, kind = settings_of(space, options)
  images = space:checked_images(images, "score")
  local n, classes, parts, order = #images, anomaly.classes(space), {}, nil
  local rows = chunks.size(chunks.floats(space.model), ROWS, ROWS_BYTES)
  local size = math.max(1, rows // (space.model.posterior and o.samples or 1))
  if images.dtype == "uint8" then order = core.arange(n) end
  return scope.run({recording = false, seed = o.seed, eval = space.model}, function()
    for first = 1, n, size do
      local count = math.min(size, n - first + 1)
      local x = order and core.batch(images, order, first, count) or images:slice(1, first, first + count - 1)
      parts[#parts + 1] = kind.f and by_model(space, kind, x, classes, o) or by_inversion(space, x, classes, o)
      if o.progress then o.progress(first + count - 1, n) end
    end
    return #parts == 1 and parts[1] or core.cat(parts)
  end)
end

--- How well scores tell the images of one class from the others. scores: {name = list of N}, such as of several
-- methods; labels: list of N. Returns {name = {auroc =, precision = the average precision}}, see metrics.auroc, and the
-- share of the images that are of the class: the precision by chance. Raises where none is, or all are.
--
--   gl.latent.anomaly.detection({elbo = {3, 1, 2}}, {4, 1, 1}, 4).elbo.auroc     --> 1
function anomaly.detection(scores, labels, label)
  check.arguments("anomaly.detection", "scores:table labels:any label:any", scores, labels, label)
  local positives, count, found = {}, 0, {}
  for i, value in ipairs(labels) do
    positives[i] = value == label and 1 or 0
    count = count + positives[i]
  end
  for name, values in pairs(scores) do
    found[name] = {
      auroc = ranking.auroc(values, positives), precision = ranking.average_precision(values, positives),
    }
  end
  return found, count / #labels
end

--- The mean of several detections (a list), such as of each class in turn, as one.
function anomaly.mean_detection(list)
  check.arguments("anomaly.mean_detection", "list:table", list)
  local mean = {}
  for name in pairs(list[1]) do
    local sums = {auroc = 0, precision = 0}
    for _, found in ipairs(list) do
      for key in pairs(sums) do sums[key] = sums[key] + found[name][key] / #list end
    end
    mean[name] = sums
  end
  return mean
end

return anomaly
