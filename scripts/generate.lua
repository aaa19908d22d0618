-- generate.lua: writes a synthetic data set of any size, drawn from a trained model. `lua scripts/generate.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local chunks = require "genlat.chunks"
local explore = require "genlat.explore"
local write = require "genlat.data.write"
local classifier, train = gl.metrics.classifier, gl.train
local whole, number = train.options.whole, train.options.number

local CHUNK = 500 -- images at a time, at most

local function define(command)
  command.folder = "generated"
  command:add("--count", {default = 60000, convert = whole(1), help = "images for training; a sixth as many more are "
    .. "for testing"})
  command:add("--format", {metavar = "KIND", choices = {"idx", "png"}, help = "idx: files in MNIST's naming, grey "
    .. "images only (their usual); png: a folder of PNG files (the usual for color)"})
  command:add("--truncation", {default = 1, convert = number(0), metavar = "FACTOR", help = "of each latent vector's "
    .. "distance from the mean: below 1, images are more usual and less varied"})
  command:add("--class", {metavar = "NAME", help = "the one class that a conditional model draws (each in turn)"})
  command:add("--sampler", {metavar = "KIND", choices = {"gaussian", "mixture"}, help = "draw latent vectors from the "
    .. "Gaussian or from the mixture of fit_sampler (where there is one)"})
  command:add("--test", {flag = true, help = "train a LeNet-5 on the images, one on as many real ones, and test both "
    .. "on the real test images"})
  command.parser:epilog("The images of a conditional model have labels, those of others have none. What is written is "
    .. "a data set for --data FOLDER of every script. It may be larger than the memory. One that was killed is begun "
    .. "anew by the same command.")
end

local function check_options(space, options)
  options.format = options.format or (space.image[3] == 1 and "idx" or "png")
  if options.sampler == "mixture" and not space.sampler then
    explore.fail(options, "--sampler", "no mixture was fitted to this run (genlat fit_sampler %s)", options.run)
  elseif options.test and not space.conditional then
    explore.fail(options, "--test", "a %s is told no class, so that its images have no labels to learn",
      space.model:name())
  elseif options.test and options.class then
    explore.fail(options, "--test", "one class alone (--class) is nothing to tell apart")
  end
end

-- The labels of images first .. first + n - 1 of a conditional model: all of one class, or each in turn.
local function labels_of(space, label, first, n)
  if not space.conditional then return nil end
  if label then return space:labels(n, label) end
  local list = {}
  for i = 1, n do
    list[i] = (first + i - 2) % space.conditional + 1
  end
  return gl.tensor(list)
end

-- A function that draws the next images and their labels, each time it is called.
local function source(space, options, label, count, progress)
  local done, size = 0, chunks.size(chunks.floats(space.model), CHUNK)
  return function()
    local n = math.min(size, count - done)
    local labels = labels_of(space, label, done + 1, n)
    local x = space:sample(n, {truncation = options.truncation, sampler = options.sampler, labels = labels})
    done = done + n
    progress(n)
    return x, labels
  end
end

local function write_set(space, options, label)
  local place = train.check(write.place(options.out, {
    parts = {"train", "test"}, format = options.format, shape = space.image, labelled = space.conditional ~= nil,
    classes = space.conditional and options.format == "png" and space.classes or nil,
  }))
  local counts = {{"train", options.count}, {"test", math.max(1, math.floor(options.count / 6 + 0.5))}}
  local bar, done = train.progress.new(true), 0
  bar:start(counts[1][2] + counts[2][2])
  local function progress(n)
    done = done + n
    bar:update("images", done, function(rate) return ("%.0f/s"):format(rate) end, "")
  end
  train.closing(place, function()
    for _, part in ipairs(counts) do
      train.check(place:split(part[1], part[2], source(space, options, label, part[2], progress)))
    end
  end)
  bar:clear()
  print(("%s: %d images for training and %d for testing"):format(options.out, counts[1][2], counts[2][2]))
end

-- Testing -------------------------------------------------------------------------------------------------------------

-- What was written, as a data set with the classes and the test images of the real one.
local function written_set(space, options)
  local set, real = train.check(gl.data.load(options.out)), space.data
  if options.format == "png" then
    set = train.check(gl.data.matched(set, {names = real.classes, count = #real.classes}))
  end
  set.classes, set.test = real.classes, real.test
  return set
end

-- The first n training images of a data set, as one.
local function first_images(set, n)
  local split = set.train
  local part = {images = split.images:slice(1, 1, n), labels = split.labels:slice(1, 1, n), count = n}
  return {name = set.name, shape = set.shape, classes = set.classes, test = set.test,
    train = setmetatable(part, getmetatable(split))}
end

local function test(space, options)
  local bar = train.progress.new(true)
  local function measure(set, what)
    bar:start(1)
    local began = false
    local judge = classifier.train(set, function(done, total)
      if not began then bar:start(total) end
      began = true
      bar:update("a LeNet-5 on " .. what, done, function(rate) return ("%.0f steps/s"):format(rate) end, "")
    end)
    bar:clear()
    local share = classifier.accuracy(judge, set.test)
    print(("a LeNet-5 trained on %d %s images tells %.2f %% of %d real test images right"):format(set.train.count, what,
      100 * share, set.test.count))
  end
  local real = space.data
  measure(written_set(space, options), "generated")
  measure(first_images(real, math.min(options.count, real.train.count)), "real")
end

explore.main("generate", "Writes a synthetic data set, drawn from a trained model.", define, function(space, options)
  check_options(space, options)
  write_set(space, options, explore.label(space, options))
  if options.test then test(space, options) end
end)
