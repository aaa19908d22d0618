--- results.lua: what a finished run of an autoencoder or a VAE leaves: its pictures and report.html.

local core = require "genlat.core"
local latent = require "genlat.latent"
local images = require "genlat.plot.images"
local lines = require "genlat.plot.lines"
local losses = require "genlat.train.losses"
local dataset = require "genlat.runs.dataset"
local report = require "genlat.report"
local scope = require "genlat.scope"
local scatter = require "genlat.plot.scatter"
local text = require "genlat.text"
local train = require "genlat.train"

local results = {}

local COLUMNS = 10
local MAP_POINTS = 5000
local MORPH = 20 -- images along a side of the morph grid
local LARGE = 96 -- pixels of a side, from which on pixels are shown as they are
local MORPH_CLASS = 1 -- that a conditional model draws there
local PICTURE_SEED = 271828

--- Writes a picture into the run's folder. What it was made of is let go before the next one is made.
function results.write_png(run, name, sheet)
  train.check(core.write_png(run.folder .. "/" .. name, sheet))
  collectgarbage()
  core.memory_trim()
end

local function write_text(run, name, content) train.check(core.write_file(run.folder .. "/" .. name, content)) end

--- The map of latent points (N x 2) coloured by class, as SVG.
function results.map(points, labels, classes, settings)
  settings.x, settings.y = points:select(2, 1):totable(), points:select(2, 2):totable()
  settings.label = labels and labels:totable()
  if settings.label then
    for i, label in ipairs(settings.label) do
      settings.label[i] = math.tointeger(label)
    end
  end
  settings.classes = classes
  return scatter.svg(settings)
end

local function loss_curves(run)
  local function series(name, kind, part, dash)
    local x, y = {}, {}
    for i, row in ipairs(run.rows) do
      x[i], y[i] = row.epoch, row[kind][part]
    end
    return {name = name, x = x, y = y, dash = dash}
  end
  local function panel(title, part)
    return {
      title = title, xlabel = "epoch", ylabel = "nats per image",
      series = {series("training", "train", part, true), series("test", "test", part)},
    }
  end
  local panels = {panel("loss", "loss"), columns = 3, width = 1100}
  if run.model.posterior then
    panels[2], panels[3] = panel("reconstruction", "reconstruction"), panel("KL", "kl")
  else
    panels.columns, panels.width = 1, 760
  end
  return lines.panels(panels)
end

-- Words for the report ------------------------------------------------------------------------------------------------

local function numbers(n) return n == 1 and "1 number" or n .. " numbers" end

-- What each picture shows, for a model: a VAE has a prior N(0, I); a conditional one is given the class beside z.
-- labelled: have the test images classes?
local function words(model, labelled)
  local vae, planar, conditional = model.posterior ~= nil, model.latent <= 2, model.config.classes
  local along = vae and "the prior's probability" or "a fitted Gaussian's probability"
  return {
    real = "Images from the training data, as the model sees them.",
    reconstructions = "Test images, which the model has not seen in training, and below each its reconstruction: "
      .. "encoded into " .. numbers(model.latent) .. (conditional and " beside its class" or "")
      .. " and decoded again.",
    samples = (vae
        and "Images that do not exist: latent vectors drawn from the prior N(0, I), decoded"
          .. (conditional and ", each class in turn" or "") .. ". The nearer they come to real ones, the better the "
          .. "decoder covers the prior."
        or "Latent vectors drawn from a Gaussian fitted to the encoded training images, decoded. An autoencoder has no "
          .. "prior: where its latent space has holes, these look like nothing."),
    manifold = "The decoder walked across latent space in equal steps of " .. along
      .. (conditional and ", all of one class, the first" or "")
      .. (planar and ", so that every image stands for an equally likely region: neighbors morph into one another."
        or ", on the plane of the first two principal components of the encoded test images, through their mean: "
          .. "neighbors morph into one another."),
    latent = "Each dot is a test image at the place where the encoder puts it"
      .. (planar and "" or " (the first two principal components of the latent space)")
      .. (not labelled and "." or conditional
        and ", colored by its class. The model is given the class beside z, so that z need not say it: where the "
          .. "colors mix, z holds what is left, the style."
        or ", colored by its class, which the model was never given.")
      .. (vae and " The dashed circles hold 39 % and 86 % of a two-dimensional standard normal distribution." or ""),
    loss = losses.explanation(model),
  }
end

--- The title of a run's report: its folder's name.
function results.title(run) return run.folder:match("([^/]+)/*$") or run.folder end

--- The line below it.
function results.subtitle(run, data)
  return ("trained on %s for %s"):format(data.name, text.count(#run.rows, "epoch"))
end

--- Facts about a run, for its report; `more` is a list of {name, value} of the script's own.
function results.facts(run, data, more)
  local values, info = run.values, core.info()
  local facts = {
    {"data", ("%s: %d training and %d test images"):format(data.name, data.train.count, data.test.count)},
    {"model", ("%s, %d parameters"):format(run.model:name(), run.model:parameter_count())},
    {"training", ("%s, batches of %d, Adam at %s, seed %d"):format(text.count(#run.rows, "epoch"), values.batch,
      run:rates_text(), values.seed)},
    {"time", ("%.1f s on %s (%s, OpenBLAS for %s)"):format(run.rows[#run.rows].seconds,
      text.count(core.threads(), "thread"), info.instruction_set, info.blas_core)},
    {"genlat", info.version},
  }
  for i, fact in ipairs(more or {}) do
    table.insert(facts, 2 + i, fact)
  end
  for i, fact in ipairs(dataset.facts(run)) do
    table.insert(facts, 1 + i, fact)
  end
  return facts
end

local function network_facts(model)
  local config = model.config
  local layers = #config.maps > 0 and "convolutions of " .. table.concat(config.maps, ", ") .. " maps, " or ""
  local facts = {{"network", ("%shidden layers %s, %s, %s likelihood"):format(layers,
    table.concat(config.hidden, ", "), text.count(model.latent, "latent dimension"), config.likelihood)}}
  local function add(name, value) facts[#facts + 1] = {name, value} end
  if config.classes then add("conditional on", ("%d classes"):format(config.classes)) end
  if config.beta and config.beta ~= 1 then add("beta", ("%g, the weight of the KL in the loss"):format(config.beta)) end
  if config.samples and config.samples > 1 then add("bound", ("of %d samples (IWAE)"):format(config.samples)) end
  if config.noise and config.noise > 0 then
    add("noise", ("of standard deviation %g, added to training images"):format(config.noise))
  end
  return facts
end

local files = {
  {"model.safetensors", "the trained model"}, {"checkpoint.safetensors", "where --resume goes on"},
  {"log.csv", "losses by epoch"}, {"real.png", "real images"},
  {"reconstructions.png", "test images and reconstructions"},
  {"samples.png", "new images"}, {"manifold.png", "the morph grid"}, {"latent.svg", "the latent map"},
  {"loss.svg", "the loss curves"},
}

local function write_report(run, data, svg)
  local say = words(run.model, data.test.labels)
  write_text(run, "report.html", train.check(report.html {
    title = results.title(run),
    model = run.model:name(),
    subtitle = results.subtitle(run, data),
    headline = losses.headline(run.model, run:last_test()),
    facts = results.facts(run, data, network_facts(run.model)),
    folder = run.folder,
    sections = {
      {title = "Samples", text = say.samples, image = "samples.png"},
      {title = "Reconstructions", text = say.reconstructions, image = "reconstructions.png"},
      {title = "Latent map", text = say.latent, svg = svg.latent},
      {title = "Morph grid", text = say.manifold, image = "manifold.png"},
      {title = "Loss", text = say.loss, svg = svg.loss},
      {title = "Real images", text = say.real, image = "real.png"},
    },
    files = files,
  }))
end

-- All of it -----------------------------------------------------------------------------------------------------------

-- How large the pixels of a sheet are: two by two, where images are small.
local function scale_of(shape) return math.max(shape[1], shape[2]) < LARGE and 2 or 1 end

local function write_sheets(run, data)
  local model = run.model
  local shown = images.fitting(data.shape, 10 * COLUMNS, COLUMNS)
  local look = {columns = COLUMNS, scale = scale_of(data.shape)}
  results.write_png(run, "real.png", images.grid(data.train:head(shown), look))
  local x, labels = data.test:head(images.fitting(data.shape, 8 * COLUMNS, 2 * COLUMNS) // 2)
  results.write_png(run, "reconstructions.png",
    images.grid(images.pairs(x, model:reconstruct(x, labels), COLUMNS), look))
  results.write_png(run, "samples.png", images.grid(model:sample(shown), look))
end

-- Writes a run's pictures and report.
local function write_all(run, data)
  local model = run.model
  write_sheets(run, data)
  local space = latent.space(model)
  local z, labels = space:encode_split(data.test)
  local plane = latent.plane_of_images(space, z)
  local side = math.min(MORPH, math.floor(math.sqrt(images.fitting(data.shape, MORPH * MORPH, 1))))
  results.write_png(run, "manifold.png", images.grid(
    (latent.morph(space, plane, side, space.conditional and MORPH_CLASS)), {columns = side, gap = 0, scale = 1}))
  local shown = math.min(MAP_POINTS, #z)
  local svg = {loss = loss_curves(run)}
  svg.latent = results.map(plane.points:slice(1, 1, shown), labels and labels:slice(1, 1, shown), data.classes, {
    title = "Latent space of " .. data.name, subtitle = ("%d test images, by class"):format(shown),
    xlabel = plane.names[1], ylabel = plane.names[2], prior = model.posterior ~= nil,
  })
  write_text(run, "latent.svg", svg.latent)
  write_text(run, "loss.svg", svg.loss)
  write_report(run, data, svg)
end

--- results.of(data): a function for run:finish.
function results.of(data)
  return function(run) scope.run({recording = false, seed = PICTURE_SEED}, write_all, run, data) end
end

return results
