--- judge.lua: networks that images are judged by: a LeNet-5 that genlat trains once on a data set's real images, by a
-- fixed recipe from a fixed seed, and keeps in the cache folder. What it learns there, its kind says:
--
--   folder            of the cache: "classifiers"
--   what              it tells apart or measures: "classes"
--   recipe            version (another recipe gets another one), seed, batch, lr, epochs, steps (whichever of the two
--                     is more), width (times as many maps and units; 1), cosine (the rate falls to 0 so; else it stays)
--   names(data)       of the outputs
--   examples(data)    a split whose `labels`, N or N x outputs, are what it is to say of the images
--   loss(y, target)   of its outputs
--   notes(model, data)  what else to note in the file (may be left out)
--   arrange(model, names, data)  puts the outputs of a file that has these classes into the data set's order; true, or
--                     nil and a message (may be left out)

local check = require "genlat.check"
local core = require "genlat.core"
local cache = require "genlat.data.cache"
local fetch = require "genlat.data.fetch"
local models = require "genlat.models"
local optim = require "genlat.optim"
local scope = require "genlat.scope"
local text = require "genlat.text"

local judge = {}

local SAMPLED = 100 -- images that tell data sets apart

local function fit(model, split, kind, progress)
  local recipe = kind.recipe
  local optimizer = optim.Adam(model, {lr = recipe.lr})
  local steps, done = split:steps(recipe.batch), 0
  local epochs = math.max(recipe.epochs, math.ceil(recipe.steps / steps))
  local schedule = recipe.cosine and optim.CosineAnnealingLR(optimizer, {t_max = steps * epochs})
  for epoch = 1, epochs do
    for _, x, target in split:batches {size = recipe.batch, seed = recipe.seed, epoch = epoch} do
      local loss = kind.loss(model(x), target)
      optimizer:zero_grad()
      loss:backward()
      optimizer:step()
      done = done + 1
      if schedule then schedule:step() end
      if progress then progress(done, steps * epochs) end
    end
  end
end

--- Trains one; returns it in evaluation. progress(steps done, of how many) is called after each step, if given.
function judge.train(kind, data, progress)
  return scope.run({recording = true, seed = kind.recipe.seed}, function()
    local model = models.lenet5 {image = data.shape, classes = #kind.names(data), width = kind.recipe.width}
    fit(model, kind.examples(data), kind, progress)
    return model:eval()
  end)
end

-- What tells a data set's contents from another's under the same name: sizes, names, the first images and labels.
local function fingerprint(kind, data)
  local split = kind.examples(data)
  local n = math.min(SAMPLED, split.count)
  local function numbers(t) return table.concat(t:slice(1, 1, n):float():flatten():totable(), ",") end
  local words = {
    kind.recipe.version, split.count, table.concat(data.shape, "x"), table.concat(kind.names(data), ","),
    numbers(split.labels), numbers(split.images),
  }
  return core.hash(table.concat(words, "\n"))
end

--- Where that of a data set is kept: ~/.cache/genlat/FOLDER/NAME-FINGERPRINT.safetensors.
function judge.path(kind, data)
  return ("%s/%s-%016x.safetensors"):format(fetch.folder(kind.folder), data.name:gsub("[^%w%-]", "_"),
    fingerprint(kind, data))
end

local function load(kind, data, path)
  local model, notes = models.load(path)
  if not model then return nil, notes end
  local config, outputs, shape = model.config, #kind.names(data), table.concat(data.shape, "x")
  if config.model ~= "lenet5" or table.concat(config.image, "x") ~= shape
    or (config.classes ~= outputs and not notes.classes) then
    return nil, text.message("%s: expected a LeNet-5 for %d %s of %s images", path, outputs, kind.what, shape)
  end
  if notes.classes and kind.arrange then
    local ok, message = kind.arrange(model, notes.classes, data)
    if not ok then return nil, text.message("%s: %s", path, message) end
  end
  return model, path, notes
end

local OPTIONS = {file = {check.text}, progress = {check.callable}}

--- That of a data set: the one in options.file, or the one in the cache, or one that is trained now (options.progress
-- as in train) and kept there. Returns it, the path of its file, and its notes; or nil and a message.
function judge.of(kind, data, options)
  options = check.options((kind.folder:gsub("s$", ".of")), options, OPTIONS)
  local path = options.file or judge.path(kind, data)
  if options.file or core.file_kind(path) == "file" then return load(kind, data, path) end
  local ok, message = cache.prepare(fetch.folder(kind.folder)) -- before it takes its time
  if not ok then return nil, cache.advice(message, "trained networks") end
  local model = judge.train(kind, data, options.progress)
  local notes = kind.notes and kind.notes(model, data) or {}
  notes.data, notes.recipe = data.name, kind.recipe
  ok, message = models.save(path, model, notes)
  if not ok then return nil, message end
  return model, path, notes
end

return judge
