--- classifier.lua: the LeNet-5 that images are judged by. genlat trains it once on the data set that the model was
-- trained on, with a fixed seed, and keeps it in the cache folder.

local core = require "genlat.core"
local fetch = require "genlat.data.fetch"
local models = require "genlat.models"
local optim = require "genlat.optim"
local aside = require "genlat.metrics.aside"

local classifier = {}

-- Three epochs or 500 steps, whichever is more. Another recipe gets another version.
local RECIPE = {version = 1, seed = 19981101, epochs = 3, steps = 500, batch = 64, lr = 1e-3}
local SAMPLED = 100 -- images that tell data sets apart

--- The share of a split's images that it gets right.
function classifier.accuracy(model, split)
  return aside(model, nil, function()
    local right = 0
    for _, x, labels in split:batches {size = 500, shuffle = false} do
      right = right + model(x):argmax(2):eq(labels):sum():item()
    end
    return right / split.count
  end)
end

local function fit(model, split, progress)
  local optimizer = optim.Adam(model, {lr = RECIPE.lr})
  local steps, done = split:steps(RECIPE.batch), 0
  local epochs = math.max(RECIPE.epochs, math.ceil(RECIPE.steps / steps))
  for epoch = 1, epochs do
    for _, x, labels in split:batches {size = RECIPE.batch, seed = RECIPE.seed, epoch = epoch} do
      local loss = model(x):cross_entropy(labels)
      optimizer:zero_grad()
      loss:backward()
      optimizer:step()
      done = done + 1
      if progress then progress(done, steps * epochs) end
    end
  end
end

--- Trains a LeNet-5 on a data set with labels; returns it in evaluation. progress(steps done, of how many) is called
-- after each step, if given.
function classifier.train(data, progress)
  local seed, counter = core.rng_state()
  local recording = core.set_recording(true)
  core.seed(RECIPE.seed)
  local ok, result = pcall(function()
    local model = models.lenet5 {image = data.shape, classes = #data.classes}
    fit(model, data.train, progress)
    return model:eval()
  end)
  core.set_recording(recording)
  core.rng_state(seed, counter)
  if not ok then error(result, 0) end
  return result
end

-- What tells a data set's contents from another's under the same name: sizes, classes, the first images and labels.
local function fingerprint(data)
  local split = data.train
  local n = math.min(SAMPLED, split.count)
  local pixels = split.images:slice(1, 1, n):float():flatten():totable()
  local labels = split.labels:slice(1, 1, n):totable()
  local words = {
    RECIPE.version, split.count, table.concat(data.shape, "x"), table.concat(data.classes, ","),
    table.concat(labels, ","), table.concat(pixels, ","),
  }
  return core.hash(table.concat(words, "\n"))
end

--- Where the classifier of a data set is kept: ~/.cache/genlat/classifiers/NAME-FINGERPRINT.safetensors.
function classifier.path(data)
  return ("%s/%s-%016x.safetensors"):format(fetch.folder "classifiers", data.name:gsub("[^%w%-]", "_"),
    fingerprint(data))
end

-- Is it a LeNet-5 for this data set? true; or false and a message.
local function check(model, path, data)
  local config = model.config
  if config.model ~= "lenet5" or config.classes ~= #data.classes or
    table.concat(config.image, "x") ~= table.concat(data.shape, "x") then
    return false, ("%s: expected a LeNet-5 for %d classes of %s images"):format(path, #data.classes,
      table.concat(data.shape, "x"))
  end
  return true
end

--- The classifier of a data set: the one in options.file, or the one in the cache, or one that is trained now
-- (options.progress as in train) and kept there. Returns it and the path of its file; or nil and a message.
function classifier.of(data, options)
  options = options or {}
  local path = options.file or classifier.path(data)
  if options.file or core.file_kind(path) == "file" then
    local model, message = models.load(path)
    if not model then return nil, message end
    local fits, why = check(model, path, data)
    if not fits then return nil, why end
    return model, path
  end
  local model = classifier.train(data, options.progress)
  local ok, message = core.mkdirs(fetch.folder "classifiers")
  if ok then ok, message = models.save(path, model, {data = data.name, recipe = RECIPE}) end
  if not ok then return nil, message end
  return model, path
end

--- What it makes of images: features N x 84 and logits N x classes. batches: a function that returns a batch of images
-- each time, and nil after the last one.
function classifier.judge(model, batches)
  return aside(model, nil, function()
    local features, logits = {}, {}
    for x in batches do
      features[#features + 1] = model:embed(x)
      logits[#logits + 1] = model.output(features[#features])
    end
    return core.cat(features), core.cat(logits)
  end)
end

return classifier
