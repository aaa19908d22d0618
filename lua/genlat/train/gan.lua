--- gan.lua: what the scripts that train GANs share: options, what is measured along the way, pictures and report.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local latent = require "genlat.latent"
local images = require "genlat.plot.images"
local lines = require "genlat.plot.lines"
local networks = require "genlat.models.networks"
local report = require "genlat.report"
local scope = require "genlat.scope"
local train = require "genlat.train"
local results = require "genlat.train.results"

local gan = {}

--- What is measured: in training by stepped, in the test by evaluate. generator, discriminator: the losses of the two;
-- on_real, on_fake: D(real) and D(fake), see Adversarial:belief; spread: how much samples vary beside real images. The
-- two losses are of opponents: neither they nor their sum say how good the samples are.
gan.TRAIN = {"generator", "discriminator", "on_real", "on_fake"}
gan.TEST = {"generator", "discriminator", "on_real", "on_fake", "spread"}

local EVALUATED, EVALUATED_BYTES = 1000, 64 << 20 -- test images, at once where they take no more
local SHOWN, MOST_IN_FRAME = 64, 1 << 20 -- images of the fixed latent vectors in progress.gif; numbers of a frame
local FRAMES = 40 -- about as many frames in progress.gif
local FIXED_SEED = 161803
local COLUMNS = 8

--- What run.memory holds of a GAN: check.lua's rule.
gan.MEMORY = check.record {
  points = check.optional(check.list(check.map(check.number()))),
  sums = check.optional(check.record {
    n = check.number {least = 0}, generator = check.number(), discriminator = check.number(), on_real = check.number(),
    on_fake = check.number(),
  }),
}

--- The options that all GANs have.
function gan.add_options(options)
  options:add("--loss", {default = "gan", choices = {"gan", "wasserstein", "hinge"}, metavar = "KIND",
    help = "gan, wasserstein or hinge"})
  options:add("--spectral", {flag = true, help = "spectral normalization in the discriminator (Miyato et al. 2018)"})
end

-- A critic's scores have no zero (Arjovsky et al. 2017): what it says is how far apart real images and samples are, the
-- negative of its loss.
local function is_critic(model) return model.config.loss == "wasserstein" end

--- A function that puts measured values into words: "D(real) 0.61, D(fake) 0.40 (generator 0.83, discriminator 0.69)",
-- or of a Wasserstein critic "distance 0.53 (generator -0.21)"; in the test also the spread of the samples.
function gan.text(model)
  return function(values)
    local spread = values.spread and (", spread of samples %.0f %%"):format(100 * values.spread) or ""
    if is_critic(model) then
      return ("distance %.2f%s (generator %.2f)"):format(-values.discriminator, spread, values.generator)
    end
    return ("D(real) %.2f, D(fake) %.2f%s (generator %.2f, discriminator %.2f)"):format(values.on_real, values.on_fake,
      spread, values.generator, values.discriminator)
  end
end

--- The last line of a script: what the last test measured.
function gan.last_line(model)
  local text = gan.text(model)
  return function(test) return "test " .. text(test) end
end

-- Along the way -------------------------------------------------------------------------------------------------------

-- The same latent vectors and labels whenever they are asked for.
local function fixed_noise(model, n)
  return scope.run({seed = FIXED_SEED}, core.randn, n, model.latent)
end

-- The images of latent vectors (and labels: each class in turn), some at a time.
local function decoded(model, z, labels)
  local classes = model.config.classes
  labels = labels or classes and networks.labels_in_turn(#z, classes)
  return scope.run({recording = false, eval = model}, function()
    return chunks.map(#z, chunks.size(chunks.floats(model), SHOWN), function(first, last)
      return model:decode(z:slice(1, first, last), labels and labels:slice(1, first, last))
    end)
  end)
end

local function sheet_of(model, z) return images.grid(decoded(model, z), {columns = COLUMNS, scale = 1}) end

-- How many images are in a frame: those of the frames that there are; fewer of large ones, as all frames are kept.
local function frame_size(run)
  local frames, shape = run.keep.frames, run.model.config.image
  if frames then return (frames:size(2) - 1) // (shape[1] + 1) * COLUMNS end
  return images.fitting(shape, SHOWN, COLUMNS, MOST_IN_FRAME)
end

-- Adds a frame to those that are kept, in a tensor that has room for more: else each would leave all those before it
-- behind.
local function add_frame(run, frame)
  local frames = run.keep.frames
  local n = frames and #frames or 0
  if not run.film or n == #run.film then
    local shape = frame.shape
    shape[1] = math.max(16, 2 * n)
    run.film = core.zeros(shape, {dtype = "uint8"})
    if n > 0 then run.film:slice(1, 1, n):copy_(frames) end
  end
  run.film:slice(1, n + 1, n + 1):copy_(frame)
  run.keep.frames = run.film:slice(1, 1, n + 1)
end

local function keep_frame(run)
  add_frame(run, (sheet_of(run.model, fixed_noise(run.model, frame_size(run))) * 255):byte():unsqueeze(1))
  collectgarbage() -- what it was made of is no part of a training step, whose memory counts
end

local function keep_point(run, values)
  local memory = run.memory
  local sums = memory.sums
  sums.n = sums.n + 1
  for _, name in ipairs(gan.TRAIN) do
    sums[name] = sums[name] + values[name]
  end
end

local function fresh_sums() return {n = 0, generator = 0, discriminator = 0, on_real = 0, on_fake = 0} end

local function close_point(run, step)
  local point = {step = step}
  for _, name in ipairs(gan.TRAIN) do
    point[name] = run.memory.sums[name] / run.memory.sums.n
  end
  table.insert(run.memory.points, point)
  run.memory.sums = fresh_sums()
end

--- Says that a step was taken: the generator's loss, what discriminator_loss returned, the number of images. Keeps a
-- frame for progress.gif and a point of the curves every now and then.
function gan.stepped(run, generator_loss, judged, n)
  local values = {
    generator = generator_loss:item(), discriminator = judged.loss:item(), on_real = judged.real,
    on_fake = judged.fake,
  }
  run.memory.points = run.memory.points or {}
  run.memory.sums = run.memory.sums or fresh_sums()
  local step = (run.epoch - 1) * run.steps + run.step
  local every = math.max(1, run.values.epochs * run.steps // FRAMES)
  if step == 1 then keep_frame(run) end
  keep_point(run, values)
  if step % every == 0 then
    keep_frame(run)
    close_point(run, step)
  end
  run:stepped(values, n)
end

-- The mean and the sum of squares around it of some images, for spread.
local function moments(x)
  local mean = x:mean(1, true)
  return {n = #x, mean = mean, squares = (x - mean):square():sum():item(), pixels = x:numel() // #x}
end

-- How far apart images are on average, of a list of moments.
local function deviation(parts)
  local n, mean, squares = 0, 0, 0
  for _, part in ipairs(parts) do
    n, mean = n + part.n, mean + part.mean * part.n
  end
  for _, part in ipairs(parts) do
    squares = squares + part.squares + part.n * (part.mean - mean / n):square():sum():item()
  end
  return math.sqrt(squares / (n * parts[1].pixels))
end

-- How far apart made images are, as a share of what real ones are: near 0 where all samples are one. Where all real
-- images are one, but for rounding, no samples are too alike.
local function spread(made, real)
  local most = deviation(real)
  return most > 1e-6 and deviation(made) / most or 1
end

-- Runs f with the discriminator as in training, that is, with the statistics of each batch, as it never saw real and
-- made images in one; its running statistics stay as they are.
local function as_in_training(discriminator, f)
  local kept, state = {}, discriminator:state_dict()
  for name, tensor in pairs(state) do
    kept[name] = tensor:detach():clone()
  end
  discriminator:train()
  return scope.closing(setmetatable({}, {__close = function() discriminator:load_state_dict(kept) end}), f)
end

-- Adds what is measured on real images, and on as many made of latent vectors z, to sums and to the lists of moments.
local function evaluate_some(model, x, labels, z, sums, real, made)
  local n, fake = #x, model:generate(z, labels)
  local judged, generator_loss = model:discriminator_loss(x, fake, labels), model:generator_loss(fake, labels)
  sums.generator = sums.generator + n * generator_loss:item()
  sums.discriminator = sums.discriminator + n * judged.loss:item()
  sums.on_real, sums.on_fake = sums.on_real + n * judged.real, sums.on_fake + n * judged.fake
  real[#real + 1], made[#made + 1] = moments(x), moments(fake)
end

--- Measures on the test images, the generator in evaluation: what gan.TEST names.
function gan.evaluate(model, split)
  local count = math.min(EVALUATED, split.count)
  local order, values = core.arange(count), {generator = 0, discriminator = 0, on_real = 0, on_fake = 0}
  local real, made = {}, {}
  local size = chunks.size(chunks.floats(model), count, EVALUATED_BYTES)
  if size < count then size = chunks.size(chunks.floats(model), count) end
  scope.run({recording = false, seed = FIXED_SEED, eval = model}, function()
    local z = core.randn(count, model.latent)
    as_in_training(model.discriminator, function()
      for first, last in chunks.each(count, size) do
        local x = model.scaled(core.batch(split.images, order, first, last - first + 1))
        local labels = model.config.classes and split.labels:slice(1, first, last) or nil
        evaluate_some(model, x, labels, z:slice(1, first, last), values, real, made)
      end
    end)
  end)
  for name, sum in pairs(values) do
    values[name] = sum / count
  end
  values.spread = spread(made, real)
  return values
end

--- What there is to worry about after an epoch, in words, or nil.
function gan.warning(model, values)
  if values.spread < 0.4 then
    return ("the samples are alike: they vary %.0f %% as much as real images (mode collapse)")
      :format(100 * values.spread)
  elseif not is_critic(model) and values.on_real > 0.97 and values.on_fake < 0.03 then
    return "the discriminator wins outright: the generator has little to learn from (try a smaller --lr or --spectral)"
  end
end

--- Ends an epoch: evaluates, logs, and says what is to worry about.
function gan.finish_epoch(run, split)
  local values = gan.evaluate(run.model, split)
  run:finish_epoch(values)
  local warning = gan.warning(run.model, values)
  if warning then run:say("           %s", warning) end
end

-- Pictures and report -------------------------------------------------------------------------------------------------

local function curves(run)
  local function series(label, name)
    local x, y = {}, {}
    for i, point in ipairs(run.memory.points) do
      x[i], y[i] = point.step, point[name]
    end
    return {name = label, x = x, y = y}
  end
  local losses = {title = "Losses", xlabel = "step", ylabel = run.values.loss == "gan" and "nats" or "loss", series = {
    series("generator", "generator"),
    series(is_critic(run.model) and "critic" or "discriminator", "discriminator"),
  }}
  if is_critic(run.model) then return lines.panels {columns = 1, width = 760, losses} end
  return lines.panels {
    columns = 2, width = 980, losses,
    {title = "What the discriminator takes for real", xlabel = "step", ylabel = "share", series = {
      series("of real images", "on_real"), series("of made images", "on_fake"),
    }},
  }
end

-- What each picture shows, for a model.
local function words(model)
  local conditional = model.config.classes
  return {
    samples = "Images that do not exist: random latent vectors through the generator"
      .. (conditional and ", a column for each class." or "."),
    progress = "The same latent vectors from the first step to the last"
      .. (conditional and ", each class in turn." or "."),
    walks = "Walks between random latent vectors along great circles: each row is one"
      .. (conditional and ", all of one class." or "."),
    loss = is_critic(model)
      and "The losses of the generator and of the critic. The negative of the critic's estimates how far the "
        .. "distributions of real images and samples are apart (the Wasserstein distance, up to a factor): it falls as "
        .. "the samples get better."
      or "The two networks' losses, and the share of real and of made images that the discriminator takes for real. "
        .. "Where it cannot tell them apart both shares are one half, and neither can win. The losses are of "
        .. "opponents: they do not say how good the samples are.",
    real = "Images from the training data.",
  }
end

-- The report's headline: D(real), D(fake) or the critic's distance, and how much the samples vary.
local function headline(model, test)
  local varied = {"spread of samples, of real images'", ("%.0f %%"):format(100 * test.spread), sign = ""}
  if is_critic(model) then
    return {name = "critic's distance between real images and samples", value = -test.discriminator,
      parts = {varied}}
  end
  return {
    name = "D(real): real test images taken for real", value = test.on_real,
    parts = {{"D(fake): samples taken for real", test.on_fake, sign = ""}, varied},
  }
end

local function samples(model, classes)
  local columns = model.config.classes and classes or 10
  local n = images.fitting(model.config.image, 10 * columns, columns)
  return images.grid(decoded(model, core.randn(n, model.latent)), {columns = columns})
end

local function walks(model)
  local rows = {}
  for i = 1, images.fitting(model.config.image, 80, 10) // 10 do
    rows[i] = latent.slerp(core.randn(model.latent), core.randn(model.latent), 10)
  end
  local z = core.cat(rows)
  local labels
  if model.config.classes then -- one class a row
    local list = {}
    for i = 1, #z do
      list[i] = ((i - 1) // 10) % model.config.classes + 1
    end
    labels = core.tensor(list)
  end
  return images.grid(decoded(model, z, labels), {columns = 10})
end

local function write_pictures(run, data)
  local model = run.model
  results.write_png(run, "real.png", images.grid(data.train:head(images.fitting(data.shape, 100, 10)), {columns = 10}))
  results.write_png(run, "samples.png", samples(model, #data.classes))
  results.write_png(run, "interpolation.png", walks(model))
  if run.keep.frames then
    train.check(core.write_gif(run.folder .. "/progress.gif", run.keep.frames, {delay = 20}))
  end
end

local function write_report(run, data, svg)
  local values, text = run.values, words(run.model)
  train.check(core.write_file(run.folder .. "/report.html", train.check(report.html {
    title = results.title(run), model = run.model:name(),
    subtitle = results.subtitle(run, data),
    headline = headline(run.model, run:last_test()),
    facts = results.facts(run, data, {
      {"loss", values.loss .. (values.spectral and ", spectral normalization" or "")},
    }),
    folder = run.folder,
    sections = {
      {title = "Samples", text = text.samples, image = "samples.png"},
      {title = "Progress", text = text.progress, image = "progress.gif"},
      {title = "Walks", text = text.walks, image = "interpolation.png"},
      {title = "Losses", text = text.loss, svg = svg},
      {title = "Real images", text = text.real, image = "real.png"},
    },
    files = {
      {"model.safetensors", "the trained model"}, {"checkpoint.safetensors", "where --resume goes on"},
      {"log.csv", "what was measured, by epoch"},
      {"samples.png", "new images"}, {"progress.gif", "the training as a film"},
      {"interpolation.png", "walks"}, {"real.png", "real images"}, {"loss.svg", "the curves"},
    },
  })))
end

--- gan.results(data): a function for run:finish.
function gan.results(data)
  return function(run)
    scope.run({recording = false, seed = FIXED_SEED}, write_pictures, run, data)
    local svg = curves(run)
    train.check(core.write_file(run.folder .. "/loss.svg", svg))
    write_report(run, data, svg)
  end
end

return gan
