-- evaluate.lua: measures how good a trained model is. `lua scripts/evaluate.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local json = require "genlat.json"
local metrics, train = gl.metrics, gl.train
local Options = train.options

local EXPLANATION = [[
Prints one "name value" a line and writes metrics.json; what the model can do decides which.
Samples are drawn as by every script: from the mixture that fit_sampler fitted to the run, where there is one, else from
the prior (an autoencoder's: the Gaussian fitted to its latent vectors). --sampler chooses; metrics.json names it.
frechet_lenet: Frechet distance on the 84 features of a LeNet-5 that genlat trains on the same data. It is not the
Inception FID of papers; frechet_lenet_floor is what real training images have against the same test images.
classifier_score: the Inception score's formula with that LeNet-5; precision, recall: Kynkaanniemi et al. 2019;
modes_covered: share of classes with at least a tenth of an equal share of samples; class_variation: total variation
between the classes of samples and of test images; NAME_real: the same of real training images.
mse, psnr, ssim: reconstructed test images. reconstruction, kl, elbo, log_likelihood (importance sampling with 5,000
samples, Burda et al. 2016): nats per test image, binarized as in training; elbo is -reconstruction - kl, the bound
itself, whatever beta the model was trained with.
NAME_std: standard deviation over --seeds drawings from the one model; log_likelihood_stderr: standard error over
images.
The LeNet-5 is kept in ~/.cache/genlat/classifiers, by data set, or is given by --classifier.]]

local function parse()
  local command = Options.empty("evaluate", "Measures how good a trained model is.")
  command.parser:epilog(EXPLANATION):argument("run", "the run's folder, such as runs/vae"):convert(Options.path)
  command:add("--samples", {default = 10000, convert = Options.whole(2),
    help = "images drawn from the model, and at most as many real ones"})
  command:add("--seeds", {default = 3, convert = Options.whole(1), help = "times that they are drawn"})
  command:add("--images", {default = 500, convert = Options.whole(1), help = "test images for the log-likelihood"})
  command:add("--sampler", {metavar = "NAME", choices = {"gaussian", "mixture"},
    help = "gaussian or mixture: where latent vectors are drawn from (mixture, where one was fitted)"})
  command:add("--data", {metavar = "DATA", convert = Options.path, help = "data set to compare with (the run's own)"})
  command:add("--classifier", {metavar = "FILE", convert = Options.path,
    help = "file of a LeNet-5 for these data (trained once, and kept)"})
  command:add("--out", {metavar = "FOLDER", convert = Options.path, help = "folder for metrics.json (the run's)"})
  command:add_common "of the first time"
  command:add("--quiet", {flag = true, help = "print the values only"})
  local _, options = command:read(arg)
  return options
end

-- The data that the run was trained on, with the class that it was trained without, or those asked for; in the model's
-- form.
local function load_data(space, options, say)
  local trained = space.notes.options -- nil where the model came without a run
  local name = options.data or trained and trained.without and space.data.source
  local data, message
  if name then
    data, message = train.data.other(name, space.notes, space.model, true)
    if not data then error("evaluate: " .. message, 0) end
  else
    data = space.data
  end
  for _, note in ipairs(data.notes) do
    say("%s", note)
  end
  return data
end

-- Where samples' latent vectors are drawn from.
local function choose_sampler(space, options)
  local sampler = options.sampler or (space.sampler and "mixture" or "gaussian")
  if sampler == "mixture" and not space.sampler then
    error("evaluate: --sampler: no mixture was fitted to this run's latent vectors (fit_sampler does)", 0)
  end
  return sampler
end

-- A function that shows how far something is (what, done, total), and one that clears that away.
local function progress_bar(options)
  local bar, label = train.progress.new(not options.quiet), nil
  local function per_second(rate) return ("%.0f/s"):format(rate) end
  return function(what, done, total)
    if what ~= label then bar:start(total) end
    label = what
    bar:update(what, done, per_second, "")
  end, function() bar:clear() end
end

-- The LeNet-5 that judges images; nil for data without classes.
local function load_judge(data, options, advance, clear, say)
  local judged, missing = metrics.classifier.applies(data)
  if not judged then
    say("%s: what needs a classifier is left out", missing)
    return nil
  end
  local judge, path, named = metrics.classifier.of(data, {
    file = options.classifier, progress = function(...) advance("training a LeNet-5", ...) end,
  })
  train.check(judge, path)
  clear()
  say("images are judged by the LeNet-5 in %s%s", path, options.classifier and not named
    and ", which does not name its classes: they are matched by number" or "")
  return judge
end

train.main(function()
  local options = parse()
  if options.threads then gl.threads(options.threads) end
  local function say(...)
    if not options.quiet then io.stderr:write(string.format(...), "\n") end
  end
  local space = train.check(gl.latent.open(options.run))
  local sampler = choose_sampler(space, options)
  local data = load_data(space, options, say)
  local out = options.out or space.folder or "." -- as where the other tools write
  train.check(gl.core.mkdirs(out)) -- before anything is measured in vain

  local advance, clear = progress_bar(options)
  local judge = load_judge(data, options, advance, clear, say)
  if judge and sampler == "mixture" then
    say("samples are drawn from the mixture of %d Gaussians that was fitted to the run (--sampler gaussian for one "
      .. "alone)", space.sampler.components)
  end
  local settings = {
    samples = options.samples, seeds = options.seeds, seed = options.seed, images = options.images,
    binarize = space.notes.options and space.notes.options.binarize,
  }
  local results = metrics.evaluate(space.model, data, {
    samples = settings.samples, seeds = settings.seeds, seed = settings.seed, images = settings.images,
    binarize = settings.binarize, classifier = judge, progress = advance,
    draw = function(n) return (space:sample(n, {sampler = sampler})) end,
  })
  clear()
  for _, name in ipairs(results.names) do
    print(("%s %.6g"):format(name, results.values[name]))
  end
  settings.run, settings.model, settings.data = options.run, space.model.config.model, data.name
  settings.sampler = sampler
  local record = results.values
  record.settings = settings
  train.check(gl.core.write_file(out .. "/metrics.json", json.encode(record) .. "\n"))
end)
