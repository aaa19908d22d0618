-- fit_sampler.lua: fits a mixture of Gaussians to where images are encoded, for better samples. `... --help` explains
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local explore = require "genlat.explore"
local judge_of = require("genlat.explore.judges").of
local samples = gl.metrics.samples
local latent, images, sheet, train = gl.latent, gl.plot.images, gl.plot.sheet, gl.train
local whole = train.options.whole

local COLUMNS, SHOWN = 10, 100
local ITERATIONS = 200 -- at most, of a fit

local function define(command)
  command:add("--components", {default = 10, convert = whole(1), help = "Gaussians in the mixture"})
  command:add("--restarts", {default = 1, convert = whole(1), help = "begin so many times at random and keep the best"})
  command:add("--samples", {default = 10000, convert = whole(2), help = "images to measure the Frechet distance on"})
  command:add("--seeds", {default = 3, convert = whole(1), help = "times that they are drawn"})
  command:add("--classifier", {metavar = "FILE", convert = train.options.path,
    help = "file of a LeNet-5 for these data (trained once, and kept)"})
  command.parser:epilog("For models with an encoder. Writes sampler.safetensors into the run's folder, from where "
    .. "every script that draws latent vectors takes it then (remove the file to go back to one Gaussian), "
    .. "samples_mixture.png and sampler.svg. Prints the log density of the encoded test images under the prior (an "
    .. "autoencoder's: the Gaussian fitted to it) and under the mixture, in nats a vector, and the Frechet distances "
    .. "of samples of both from test images (mean and standard deviation over --seeds), by the features of a LeNet-5 "
    .. "(trained when it is first needed for a data set, in half a minute or so, and kept): smaller is better. "
    .. "evaluate prints the same as frechet_lenet.")
end

-- Fits the mixture to the encoded training images, and keeps it.
local function fit(space, options)
  local z = space:encode_split(space.data.train)
  if #z < options.components then
    explore.fail(options, "--components", "%d need as many training images, there are %d", options.components, #z)
  end
  local bar, done = train.progress.new(true), 0
  bar:start(ITERATIONS * options.restarts)
  local mixture = latent.mixture.fit(z, {
    components = options.components, restarts = options.restarts, iterations = ITERATIONS,
    progress = function(mean)
      done = done + 1
      bar:update("fitting", done, function(rate) return ("%.1f iterations/s"):format(rate) end,
        ("%.3f nats"):format(mean))
    end,
  })
  bar:clear()
  train.check(mixture:save(options.run .. "/sampler.safetensors"))
  print(options.run .. "/sampler.safetensors")
  return mixture
end

-- Fréchet distances ---------------------------------------------------------------------------------------------------

-- "12.34 (0.15)": the mean over seeds and the standard deviation.
local function distance_text(rows)
  local mean, deviation = samples.spread(rows, "frechet_lenet")
  return deviation and ("%.2f (%.2f)"):format(mean, deviation) or ("%.2f"):format(mean)
end

-- The Fréchet distances from test images, in words, by sampler; nil for data without labels. As evaluate measures them.
local function measure(space, options)
  local data = space.data
  local judged, missing = gl.metrics.classifier.applies(data)
  if not judged then
    print(("Frechet distance: left out, %s"):format(missing))
    return nil
  end
  local o = {
    classifier = judge_of(data, "classifier", options.classifier), samples = options.samples, seeds = options.seeds,
    seed = options.seed, progress = function() end,
  }
  local reference, found = samples.reference(data, o), {}
  for _, sampler in ipairs {"gaussian", "mixture"} do
    found[sampler] = distance_text(samples.of_draws(function(n)
      return (space:sample(n, {sampler = sampler}))
    end, reference, o, space.conditional))
  end
  print(("Frechet distance of %d samples from test images: Gaussian %s, mixture %s; training images %s"):format(
    o.samples, found.gaussian, found.mixture, distance_text(samples.of_split(data.train, reference, o))))
  return found
end

-- Pictures ------------------------------------------------------------------------------------------------------------

local function draw(space, options, distances)
  explore.save_png(options, "samples_mixture.png",
    images.grid(space:sample(SHOWN, {sampler = "mixture"}), {columns = COLUMNS}))
  local rows = {{name = "test images", images = (space.data.test:head(COLUMNS))}}
  for _, sampler in ipairs {"gaussian", "mixture"} do
    for i = 1, 3 do
      rows[#rows + 1] = {
        images = space:sample(COLUMNS, {sampler = sampler}), name = i == 1 and sampler or nil,
        note = i == 1 and distances and "Fr\u{E9}chet distance " .. distances[sampler] or nil,
      }
    end
  end
  explore.save_text(options, "sampler.svg", sheet.svg {title = "Samples of one Gaussian and of a mixture",
    subtitle = ("%s, %d components"):format(options.run, options.components), rows = rows})
end

explore.main("fit_sampler", "Fits a mixture of Gaussians to encoded training images, to draw samples from.", define,
  function(space, options)
    if not space:has_encoder() then
      error(("fit_sampler: %s: a %s has no encoder, and draws from the prior it was trained with"):format(options.run,
        space.model:name()), 0)
    elseif not space.folder then
      error(("fit_sampler: %s: the run's folder is wanted, to keep the mixture in"):format(options.run), 0)
    end
    space.sampler = fit(space, options)
    local z = space:encode_split(space.data.test)
    print(("log density of %d encoded test images: Gaussian %.2f, mixture %.2f nats a vector"):format(#z,
      space:log_density(z, {sampler = "gaussian"}):mean():item(), space:log_density(z):mean():item()))
    draw(space, options, measure(space, options))
    print(("samples of %s are drawn from the mixture from now on (--sampler gaussian, where a script has it, for the "
      .. "other)"):format(options.run))
  end)
