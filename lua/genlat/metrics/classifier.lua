--- classifier.lua: the LeNet-5 that images are judged by: it tells the classes of the data set apart that the model was
-- trained on. See judge.lua for how it is trained and kept.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local scope = require "genlat.scope"
local judge = require "genlat.metrics.judge"
local text = require "genlat.text"

local classifier = {}

local KIND = {
  folder = "classifiers", what = "classes",
  recipe = {version = 1, seed = 19981101, epochs = 3, steps = 500, batch = 64, lr = 1e-3},
  names = function(data) return data.classes end,
  examples = function(data) return data.train end,
  loss = function(logits, labels) return logits:cross_entropy(labels) end,
  notes = function(_, data) return {classes = data.classes} end,
}

--- Whether a data set has classes to tell apart (features that were learned for a single one mean nothing) and test
-- images to compare with. Else false and what is missing.
function classifier.applies(data)
  check.arguments("classifier.applies", "data:data", data)
  local labels = data.train.labels
  if not labels then return false, data.name .. " has no labels" end
  if #data.classes < 2 or labels:min():item() == labels:max():item() then
    return false, data.name .. " has one class only, so that there is nothing to tell apart"
  end
  if data.test.count < 2 then return false, data.name .. " has one test image only, too few to compare with" end
  return true
end

-- The outputs of a file are known by the names of the classes.
function KIND.arrange(model, names, data)
  local place, places, known = {}, {}, 0
  for i, name in ipairs(names) do
    place[name] = i
  end
  for i, name in ipairs(data.classes) do
    places[i] = place[name] or 1
    if place[name] then known = known + 1 end
  end
  if known ~= #data.classes or known ~= #names or known ~= model.config.classes then
    return nil, text.message("it tells the classes %s apart, %s has %s", text.list(names), data.name,
      text.list(data.classes))
  end
  scope.run({recording = false}, function()
    local rows = core.tensor(places)
    for _, parameter in ipairs {model.output.weight, model.output.bias} do
      parameter:copy_(parameter:index_select(rows))
    end
  end)
  return true
end

--- The share of a split's images that it gets right.
function classifier.accuracy(model, split)
  check.arguments("classifier.accuracy", "model:model split:split", model, split)
  return scope.run({recording = false, eval = model}, function()
    local right = 0
    for _, x, labels in split:batches {size = chunks.size(chunks.floats(model, split), 500), shuffle = false} do
      right = right + model(x):argmax(2):eq(labels):sum():item()
    end
    return right / split.count
  end)
end

--- Trains one on a data set with labels; returns it in evaluation. progress(steps done, of how many) is called after
-- each step, if given.
function classifier.train(data, progress)
  check.arguments("classifier.train", "data:data progress:callable?", data, progress)
  return judge.train(KIND, data, progress)
end

--- Where the classifier of a data set is kept: ~/.cache/genlat/classifiers/NAME-FINGERPRINT.safetensors.
function classifier.path(data)
  check.arguments("classifier.path", "data:data", data)
  return judge.path(KIND, data)
end

--- The classifier of a data set: the one in options.file, or the one in the cache, or one that is trained now
-- (options.progress as in train) and kept there. Returns it, the path of its file, and whether the file names its
-- classes (then they are matched by their names, else by number); or nil and a message.
function classifier.of(data, options)
  check.arguments("classifier.of", "data:data options:table?", data, options)
  local applies, missing = classifier.applies(data)
  if not applies then return nil, "classifier: " .. missing end
  local model, path, notes = judge.of(KIND, data, options)
  return model, path, model and notes.classes ~= nil
end

--- What it makes of images: features N x 84 and logits N x classes. batches: a function that returns a batch of images
-- each time, and nil after the last one.
function classifier.judge(model, batches)
  check.arguments("classifier.judge", "model:model batches:callable", model, batches)
  return scope.run({recording = false, eval = model}, function()
    local features, logits = {}, {}
    for x in batches do
      features[#features + 1] = model:embed(x)
      logits[#logits + 1] = model.output(features[#features])
    end
    return core.cat(features), core.cat(logits)
  end)
end

return classifier
