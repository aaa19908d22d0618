-- anomaly.lua: finds images unlike those that a model was trained on. `lua scripts/anomaly.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local text = require "genlat.text"
local folder = require "genlat.data.folder"
local scan = require "genlat.data.scan"
local view = require "genlat.explore.anomaly"
local anomaly, train = gl.latent.anomaly, gl.train
local retrain, whole = train.retrain, train.options.whole

local TRIAL = 100 -- images whose scoring tells how long all will take
local OF_GAN = 1000 -- test images that a model without an encoder scores, unless more are asked for
local HERE = arg[0]:match("^(.*)[/\\]") or "."

local function define(command)
  command:add("--methods", {metavar = "LIST", convert = explore.list(),
    help = "scores, such as elbo,mse: mse, correlation, reconstruction, elbo, deviance, inversion (all that are fast)"})
  command:add("--by", {metavar = "METHOD", help = "the score that pictures go by (deviance; of a GAN inversion)"})
  command:add("--test-images", {convert = whole(1), help = "the first so many test images (all; 1000 for a GAN)"})
  command:add("--samples", {default = 10, convert = whole(1), help = "draws of latent vectors for elbo and deviance"})
  command:add("--each-class", {flag = true,
    help = "train the run again without each class in turn, and measure how well it is found"})
  command:add("--images", {metavar = "FOLDER", convert = train.options.path,
    help = "score the PNG files in a folder instead"})
  command.parser:epilog("Of a run trained --without CLASS: how well each score tells that class' test images from "
    .. "the others. Of any other run: its most unusual test images or, with --each-class, the same for each class. "
    .. "AUROC is the chance that an anomaly scores higher than another image: 0.5 by chance, below it the wrong way "
    .. "round. Average precision is by chance the share of anomalies among the images. "
    .. "Writes anomaly.svg, anomaly_images.svg and anomaly.csv; --each-class its runs to anomaly/CLASS.")
end

-- Scoring -------------------------------------------------------------------------------------------------------------

local function choose_methods(space, options)
  local has, known, listed = anomaly.methods(space), {}, {}
  for _, name in ipairs(has) do known[name] = true end
  options.methods = options.methods or anomaly.quick_methods(space)
  for _, name in ipairs(options.methods) do
    if not known[name] then
      explore.fail(options, "--methods", "a %s has %s, not %s", space.model:name(), table.concat(has, ", "), name)
    end
    listed[name] = true
  end
  options.by = options.by or listed.deviance and "deviance" or options.methods[1]
  if not listed[options.by] then
    explore.fail(options, "--by", "it is one of %s, not %s", table.concat(options.methods, ", "), options.by)
  end
end

local function score(space, images, options, method, progress)
  return anomaly.score(space, images, {
    method = method, samples = options.samples, seed = options.seed, progress = progress,
  })
end

-- Says how long scoring n images takes with each of some models, by a few of these.
local function say_time(what, space, images, options, n, models)
  local few, seconds = images:slice(1, 1, math.min(TRIAL, #images)), 0
  for _, method in ipairs(options.methods) do
    score(space, images:slice(1, 1, 1), options, method) -- the first time is slower
    local began = gl.core.clock()
    score(space, few, options, method)
    seconds = seconds + gl.core.clock() - began
  end
  print(("%s: about %s"):format(what, view.time(seconds * n / #few * (models or 1))))
end

-- The scores of images by all methods: {method = list of N numbers}.
local function score_all(space, images, options)
  local scores, progress = {}, train.progress.new(true)
  for _, method in ipairs(options.methods) do
    progress:start(#images)
    scores[method] = score(space, images, options, method, function(done)
      progress:update(method, done, function(rate) return ("%.0f images/s"):format(rate) end, "")
    end):totable()
  end
  progress:clear()
  return scores
end

-- The test images that are scored, their labels as a list, and their classes' names (both nil where there are none).
local function test_images(space, options)
  local split, names = space.data.test, {}
  local n = math.min(options.test_images or (space:has_encoder() and split.count or OF_GAN), split.count)
  local images, labels = split.images:slice(1, 1, n), split.labels and split.labels:slice(1, 1, n):totable()
  for i, label in ipairs(labels or {}) do
    names[i] = space.data.classes[math.tointeger(label)]
  end
  return images, labels, labels and names
end

local function label_of(space, class)
  for label, name in ipairs(space.data.classes or {}) do
    if name == class then return label end
  end
end

-- Ends the script where the images that are scored do not hold both this class and others.
local function check_both(options, class, label, labels)
  local held = 0
  for _, value in ipairs(labels) do
    if value == label then held = held + 1 end
  end
  if held > 0 and held < #labels then return end
  explore.fail(options, "--test-images", "of %d test images %d are of class %s: both are needed, it and others",
    #labels, held, class)
end

-- A run trained without one class -------------------------------------------------------------------------------------

local function without_one(space, options, class)
  local images, labels, classes = test_images(space, options)
  local label = labels and label_of(space, class)
  if not label then explore.fail(options, "--data", "%s has no class %s", space.data.name, class) end
  check_both(options, class, label, labels)
  say_time("scoring " .. text.count(#images, "test image"), space, images, options, #images)
  local scores = score_all(space, images, options)
  local found, share = anomaly.detection(scores, labels, label)
  print(view.detection(options, found, share))
  local sides = {class = class, held = {}, normal = {}}
  for i, value in ipairs(labels) do
    sides[value == label and "held" or "normal"][i] = true
  end
  explore.save_text(options, "anomaly.svg", view.class_histograms(options, scores, sides, found))
  explore.save_text(options, "anomaly_images.svg", view.class_images(options, space, images, scores, sides))
  explore.save_text(options, "anomaly.csv", view.csv(options, scores, nil, classes))
end

-- Each class in turn --------------------------------------------------------------------------------------------------

-- Where the runs without a class are, by class: classes may have names that no folder can have.
local function folders_of(options, classes)
  local folders = {}
  for i, name in ipairs(text.folder_names(classes)) do
    folders[classes[i]] = options.out .. "/anomaly/" .. name
  end
  return folders
end

-- Trains what is not finished yet.
local function train_each(space, options, classes, folders)
  local open, each = {}, retrain.seconds(options.run)
  for _, class in ipairs(classes) do
    local state = train.check(retrain.state(folders[class], space.notes, class))
    if state ~= "finished" then open[#open + 1] = class end
  end
  if #open > 0 then
    print(("training %d models of %d as %s was trained%s"):format(#open, #classes, options.run,
      each and ": about " .. view.time(each * #open) or ""))
  end
  for i, class in ipairs(open) do
    local began = gl.core.clock()
    train.check(retrain.without(folders[class], space.notes, class, HERE, options.threads))
    each = gl.core.clock() - began
    print(("without %s: trained in %s%s"):format(text.shown(class), view.time(each),
      i < #open and ", about " .. view.time(each * (#open - i)) .. " left" or ""))
  end
end

local function each_class(space, options)
  local images, labels = test_images(space, options)
  if not labels then explore.fail(options, "--each-class", "%s has no labels", space.data.name) end
  local classes, rows, all = space.data.classes, {}, {}
  for label, class in ipairs(classes) do check_both(options, class, label, labels) end
  local folders = folders_of(options, classes)
  train_each(space, options, classes, folders)
  say_time(("scoring %d test images with %d models"):format(#images, #classes), space, images, options, #images,
    #classes)
  for label, class in ipairs(classes) do
    local other = train.check(gl.load(folders[class]))
    other.data = space.data
    all[label] = anomaly.detection(score_all(other, images, options), labels, label)
    rows[label] = {class = class, found = all[label]}
  end
  rows[#rows + 1] = {class = "mean", found = anomaly.mean_detection(all)}
  print(view.classes(options, rows))
  explore.save_text(options, "anomaly.svg", view.class_dots(options, space, rows))
  explore.save_text(options, "anomaly.csv", view.class_csv(options, rows))
end

-- The most unusual images ---------------------------------------------------------------------------------------------

local function unusual(space, options)
  local images, labels, classes = test_images(space, options)
  say_time("scoring " .. text.count(#images, "test image"), space, images, options, #images)
  local scores, names = score_all(space, images, options), {}
  for i = 1, #images do
    names[i] = ("test %d%s"):format(i, classes and ", " .. classes[i] or "")
  end
  print(view.highest(options, scores, names))
  explore.save_text(options, "anomaly_images.svg", view.images(options, space, images, scores))
  explore.save_text(options, "anomaly.svg", view.histograms(options, "Scores of the test images",
    {{name = "test images", scores = scores}}))
  explore.save_text(options, "anomaly.csv", view.csv(options, scores, nil, classes))
  if labels then
    local each, count = retrain.seconds(options.run), #space.data.classes
    print(("%s knows all classes: --each-class trains it again without each%s"):format(options.run,
      each and (", %d models in about %s"):format(count, view.time(each * count)) or ""))
  end
end

local function given_images(space, options, without)
  local paths, left = scan.files(options.images)
  if not paths then error(left, 0) end
  if left then print(("%s: %s"):format(options.images, left)) end
  local normal = {}
  local h, w, c = space.image[1], space.image[2], space.image[3]
  local images = train.check(folder.read(paths, {size = {h, w}, channels = c}))
  local tests, labels = test_images(space, options)
  local label = without and label_of(space, without)
  for i = 1, #tests do
    if not label or labels[i] ~= label then normal[#normal + 1] = i end
  end
  tests = tests:index_select(gl.tensor(normal))
  say_time(("scoring %d images and %d test images"):format(#images, #tests), space, images, options, #images + #tests)
  local scores, beside = score_all(space, images, options), score_all(space, tests, options)
  print(view.highest(options, scores, paths, beside))
  explore.save_text(options, "anomaly_images.svg", view.images(options, space, images, scores))
  explore.save_text(options, "anomaly.svg", view.histograms(options, "Scores of images and of test images",
    {{name = "test images", scores = beside}, {name = options.images, scores = scores}}))
  explore.save_text(options, "anomaly.csv", view.csv(options, scores, paths))
end

explore.main("anomaly", "Finds images that are unlike those that a model was trained on.", define,
  function(space, options)
    local without = anomaly.left_out(space)
    choose_methods(space, options)
    if options.images then return given_images(space, options, without) end
    if not options.each_class then
      if without then return without_one(space, options, without) end
      return unusual(space, options)
    end
    if without then explore.fail(options, "--each-class", "%s was trained without %s", options.run, without) end
    if not space.notes.options then explore.fail(options, "--each-class", "the run's options are not known") end
    each_class(space, options)
  end)
