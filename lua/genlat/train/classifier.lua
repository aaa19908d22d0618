--- classifier.lua: what scripts/train_classifier.lua needs beside its loop: options, measures, pictures and report.

local chunks = require "genlat.chunks"
local core = require "genlat.core"
local data_sets = require "genlat.data"
local images = require "genlat.plot.images"
local lines = require "genlat.plot.lines"
local models = require "genlat.models"
local report = require "genlat.report"
local scope = require "genlat.scope"
local train = require "genlat.train"
local results = require "genlat.train.results"
local Options = require "genlat.train.options"

local classifier = {}

--- What is measured: the cross-entropy in nats per image and the error in per cent.
classifier.MEASURES = {"loss", "error"}

local EVALUATED = 500 -- images at a time, at most
local SHOWN = 50 -- of the images that it got wrong

--- The options that training a classifier has and training other models has not.
function classifier.add_options(options)
  options:add("--model", {default = "lenet5", choices = {"lenet5", "vgg"}, metavar = "NAME",
    help = "lenet5 or vgg"})
  options:add("--width", {default = 1, convert = Options.whole(1), help = "LeNet-5 with as many times the maps"})
  options:add("--vgg", {default = "A", choices = {"A", "B", "C", "D", "E"}, metavar = "LETTER",
    help = "VGG's configuration, A to E"})
  options:add("--shift", {default = 0, convert = Options.whole(0), metavar = "PIXELS",
    help = "move training images by up to so many pixels at random"})
  options:add("--test-data", {metavar = "DATA", convert = Options.path,
    help = "a data set whose test images to test on (its own)"})
end

-- The test images of another data set, with their labels as those to train on have them.
local function other_test(run, data)
  local o = run.values
  local other, message = train.data.load {data = o.test_data, size = o.size, channels = o.channels, fit = o.fit,
    broken = o.broken, transpose = o.transpose}
  if not other then return nil, message end
  o.test_data = other.source
  if table.concat(other.shape, "x") ~= table.concat(data.shape, "x") then
    return nil, ("images of %s, those to train on are %s"):format(table.concat(other.shape, " x "),
      table.concat(data.shape, " x "))
  end
  local line
  other, line = data_sets.matched(other, {names = data.classes, numbers = data.numbers, count = #data.classes})
  if not other then return nil, line end
  if line then run:say("%s", line) end
  local same
  same, message = train.data.compare(run, other, "test_dataset")
  if not same then return nil, message end
  return other.test
end

--- The data of a run to train and test on, or nil and a message. VGG's images are padded to 32 x 32.
function classifier.data(run)
  local data, message = train.data.open(run, {needs = "there are none to learn"})
  if not data then return nil, message end
  local o = run.values
  if o.test_data then
    data.test, message = other_test(run, data)
    if not data.test then return nil, "--test-data: " .. message end
  end
  if o.model == "vgg" and data.shape[1] < 32 then return data_sets.padded(data, 32) end
  return data
end

--- The model of the options: LeNet-5, or a VGG for small images (dense layers of 512, batch normalization).
function classifier.model(o, data)
  if o.model == "lenet5" then
    return models.lenet5 {image = data.shape, classes = #data.classes, width = o.width}
  end
  return models.vgg {
    image = data.shape, classes = #data.classes, configuration = o.vgg, hidden = {512}, normalized = true,
  }
end

--- The share of a batch that was misclassified, in per cent.
function classifier.error(logits, labels) return 100 * logits:detach():argmax(2):ne(labels):mean():item() end

--- "0.031, error 0.97 %"
function classifier.text(values) return ("%.4f, error %.2f %%"):format(values.loss, values.error) end

--- "test error 0.97 %"
function classifier.last_line(test) return ("test error %.2f %%"):format(test.error) end

-- Calls f(images, labels, logits, predicted) for all of a split, in evaluation, unrecorded.
local function each_batch(model, split, f)
  scope.run({recording = false, eval = model}, function()
    for _, x, labels in split:batches {size = chunks.size(chunks.floats(model), EVALUATED), shuffle = false} do
      local logits = model(x)
      f(x, labels, logits, logits:argmax(2))
    end
  end)
end

--- {loss =, error =} on a split.
function classifier.evaluate(model, split)
  local loss, wrong = 0, 0
  each_batch(model, split, function(_, labels, logits, predicted)
    loss = loss + logits:cross_entropy(labels, "sum"):item()
    wrong = wrong + predicted:ne(labels):sum():item()
  end)
  return {loss = loss / split.count, error = 100 * wrong / split.count}
end

-- Pictures and report -------------------------------------------------------------------------------------------------

-- The first images that were misclassified, and how often each class was taken for each: counts[true][predicted].
local function mistakes(model, data)
  local wrong, counts = {}, {}
  for i = 1, #data.classes do
    counts[i] = {}
    for k = 1, #data.classes do
      counts[i][k] = 0
    end
  end
  each_batch(model, data.test, function(x, labels, _, predicted)
    local truth, said = labels:totable(), predicted:totable()
    for i = 1, #truth do
      local a, b = math.tointeger(truth[i]), math.tointeger(said[i])
      if counts[a] and counts[a][b] then counts[a][b] = counts[a][b] + 1 end
      if a ~= b and #wrong < SHOWN then wrong[#wrong + 1] = x:slice(1, i, i) end
    end
  end)
  return wrong, counts
end

local function confusion_table(counts, classes)
  local rows = {}
  for i, row in ipairs(counts) do
    rows[i] = {classes[i], table.unpack(row)}
  end
  return {
    title = "Confusions", text = "How often test images of each class (rows) were taken for each (columns).",
    columns = {"", table.unpack(classes)}, rows = rows,
  }
end

local function curves(run)
  local function panel(title, part, unit)
    local function series(name, kind, dash)
      local x, y = {}, {}
      for i, row in ipairs(run.rows) do
        x[i], y[i] = row.epoch, row[kind][part]
      end
      return {name = name, x = x, y = y, dash = dash}
    end
    return {
      title = title, xlabel = "epoch", ylabel = unit,
      series = {series("training", "train", true), series("test", "test")},
    }
  end
  return lines.panels {columns = 2, width = 980, panel("Cross-entropy", "loss", "nats per image"),
    panel("Error", "error", "%")}
end

local function write_all(run, data)
  local wrong, counts = mistakes(run.model, data)
  local sections = {}
  if #wrong > 0 then
    train.check(core.write_png(run.folder .. "/mistakes.png", images.grid(core.cat(wrong), {columns = 10})))
    sections[1] = {title = "Mistakes", text = "The first test images that it misclassified.", image = "mistakes.png"}
  end
  local svg, test = curves(run), run:last_test()
  train.check(core.write_file(run.folder .. "/loss.svg", svg))
  sections[#sections + 1] = {
    title = "Loss and error", text = "By epoch, in training and on the test images.", svg = svg,
  }
  train.check(core.write_file(run.folder .. "/report.html", train.check(report.html {
    title = results.title(run), model = run.model:name(),
    subtitle = results.subtitle(run, data),
    headline = {name = "test error", value = ("%.2f"):format(test.error), unit = "%"},
    facts = results.facts(run, data, run.values.test_data and {{"tested on", run.values.test_data}}),
    folder = run.folder, sections = sections,
    table = confusion_table(counts, data.classes),
    files = {{"model.safetensors", "the trained model"}, {"checkpoint.safetensors", "where --resume goes on"},
      {"log.csv", "loss and error by epoch"}, {"loss.svg", "the curves"}},
  })))
end

--- classifier.results(data): a function for run:finish.
function classifier.results(data)
  return function(run) scope.run({recording = false}, write_all, run, data) end
end

return classifier
