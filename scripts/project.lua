-- project.lua: maps a model's latent space and measures its dimensions. `lua scripts/project.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local chunks = require "genlat.chunks"
local explore = require "genlat.explore"
local classifier = require "genlat.metrics.classifier"
local judge_of = require("genlat.explore.judges").of
local text = require "genlat.text"
local tsne = require "genlat.latent.tsne"
local view = require "genlat.explore.project"
local core, posterior, train = gl.core, gl.latent.posterior, gl.train
local number, whole = train.options.number, train.options.whole

local BATCH = 250 -- images that a GAN makes at a time, at most

local function two_axes(word)
  local list, message = explore.list(whole(1))(word)
  if not list then return nil, message end
  if #list ~= 2 or list[1] == list[2] then return nil, ("'%s' is not two axes such as 1,2"):format(word) end
  return list
end

local function define(command)
  command:add("--method", {choices = {"axes", "pca", "tsne"}, metavar = "WORD", help = "axes: two latent dimensions; "
    .. "pca: the plane on which images are spread out most; tsne: neighbours side by side (axes for models with two "
    .. "dimensions, tsne for GANs, else pca)"})
  command:add("--axes", {metavar = "A,B", convert = two_axes, help = "the two dimensions, by their numbers (1,2)"})
  command:add("--images", {default = 5000, convert = whole(4), help = "test images on the map; GANs: samples"})
  command:add("--perplexity", {convert = number(1), help = "of t-SNE: about how many neighbours count (30)"})
  command:add("--colour", {default = "class", metavar = "NAME", help = "what colours show: class, or a factor of the "
    .. "built-in data, such as smile"})
  command.parser:epilog("Writes latent_map.svg, a point for each test image. For models with an encoder also "
    .. "density.svg: where the encoder puts images beside where samples are drawn from, on the same plane (with tsne: "
    .. "of the principal components); for VAEs kl.svg: the KL of each latent dimension, and which are active: those "
    .. "whose posterior mean varies over images, A_u > 0.01 (Burda et al. 2016). A GAN has no encoder, and its latent "
    .. "vectors are noise: its map is of its samples' features in a LeNet-5 trained on the same data, with the classes "
    .. "that this takes them for. t-SNE computes all pairs exactly: its time grows with the square of the images; only "
    .. "who is near whom means something on its map.")
end

-- t-SNE -----------------------------------------------------------------------------------------------------------

local function per_second(rate) return ("%.0f steps/s"):format(rate) end

-- A function of what is done and the total that draws a progress bar, and one that takes it away.
local function progress_of(label)
  local bar, started = train.progress.new(true), false
  return function(done, total)
    if not started then bar:start(total) end
    started = true
    bar:update(label, done, per_second, "")
  end, function() bar:clear() end
end

-- The map of x by t-SNE, and what to say of it.
local function run_tsne(x, options)
  local perplexity, most = options.perplexity or tsne.perplexity(#x), (#x - 1) / 3
  if perplexity > most then
    explore.fail(options, "--perplexity", "at most a third of the other images: %.4g for %d images", most, #x)
  end
  local advance, clear = progress_of "t-SNE"
  local map, divergence = gl.latent.tsne(x, {perplexity = perplexity, progress = advance})
  clear()
  local words = ("t-SNE, perplexity %.4g, KL divergence %.2f nats"):format(perplexity, divergence)
  print(words)
  return {points = map, words = words .. "; only who is near whom means something", numbers = false}
end

-- Maps ------------------------------------------------------------------------------------------------------------

local function choose_method(space, options)
  local method = options.method
  if not method then
    method = options.axes and "axes" or space.adversarial and "tsne" or space.latent == 2 and "axes"
      or space.latent == 1 and "tsne" or "pca"
  end
  if options.axes and method ~= "axes" then explore.fail(options, "--axes", "is for --method axes") end
  if options.perplexity and method ~= "tsne" then explore.fail(options, "--perplexity", "is for --method tsne") end
  if method == "axes" and space.adversarial then
    explore.fail(options, "--method", "a GAN's map is of its samples' features: pca or tsne")
  elseif method ~= "tsne" and space.latent < 2 and not space.adversarial then
    explore.fail(options, "--method", "there is one latent dimension and no plane to draw: only tsne")
  end
  return method
end

-- The plane of the first two principal components of vectors x, through `origin`, with names for its axes.
local function principal_plane(x, origin)
  local plane = gl.latent.principal_components(x, 2)
  local total = x:var(1):sum():item()
  for i, word in ipairs {"first", "second"} do
    plane[i] = ("%s principal component (%.0f %% of the variance)"):format(word, 100 * plane.variance[i]:item() / total)
  end
  plane.mean, plane.words = origin or plane.mean, "principal components"
  return plane
end

-- The plane of a model's map and densities. Where there is a prior N(0, I), it goes through the prior's middle.
local function latent_plane(space, q, method, options)
  if method == "axes" or space.latent == 2 then
    local axes = options.axes or {1, 2}
    for _, k in ipairs(axes) do
      if k > space.latent then explore.fail(options, "--axes", "there are %d axes, no number %d", space.latent, k) end
    end
    local plane = posterior.axes(space.latent, axes[1], axes[2])
    plane[1], plane[2] = "z" .. axes[1], "z" .. axes[2]
    plane.words = plane[1] .. " and " .. plane[2]
    return plane
  end
  return principal_plane(q.mean, q.logvar and core.zeros(space.latent))
end

-- The coordinates of vectors x on a plane, for a map.
local function on_plane(x, plane)
  return {points = posterior.project(x, plane), words = plane.words, xlabel = plane[1], ylabel = plane[2]}
end

local function integers(labels)
  local list = labels:totable()
  for i, label in ipairs(list) do
    list[i] = math.tointeger(label)
  end
  return list
end

-- What colours the points of test images: fields for scatter.svg.
local function colours(data, q, options)
  local name = options.colour
  if name == "class" then
    return q.labels and {label = integers(q.labels), classes = data.classes} or {}
  end
  for i, factor in ipairs(data.test.factors and data.factor_names or {}) do
    if factor == name then
      local values = data.test.factors:slice(1, 1, #q.mean):select(2, i):totable()
      return {value = values, value_name = name:gsub("_", " ")}
    end
  end
  explore.fail(options, "--colour", "there is no %s; %s has class%s", name, data.name,
    data.test.factors and ", " .. table.concat(data.factor_names, ", ") or " only")
end

-- Draws a map with the fields of `look` besides.
local function draw_map(options, map, look)
  look.x, look.y = map.points:select(2, 1):totable(), map.points:select(2, 2):totable()
  look.xlabel, look.ylabel, look.numbers = map.xlabel, map.ylabel, map.numbers
  explore.save_text(options, "latent_map.svg", gl.plot.scatter.svg(look))
end

-- Models with an encoder --------------------------------------------------------------------------------------------

local function check_images(space, options)
  local has, wants = table.concat(space.data.shape, " x "), table.concat(space.image, " x ")
  if has ~= wants then
    explore.fail(options, "--data", "%s has images of %s, the model of %s", space.data.name, has, wants)
  end
end

local function map_images(space, options)
  local method = choose_method(space, options)
  check_images(space, options)
  local q = posterior.of(space, space.data.test, options.images)
  if #q.mean < 4 then
    explore.fail(options, "--data", "%s has %s, too few for a map: 4 are needed", space.data.name,
      text.count(#q.mean, "test image"))
  end
  local look = colours(space.data, q, options)
  local plane = space.latent > 1 and latent_plane(space, q, method, options)
  local map = method == "tsne" and run_tsne(q.mean, options) or on_plane(q.mean, plane)
  look.title = ("Latent map (%s)"):format(space.model:name())
  look.subtitle = ("%s: %d test images of %s; %s"):format(options.run, #q.mean, space.data.name, map.words)
  if q.logvar and method ~= "tsne" then
    look.prior = true
    look.subtitle = look.subtitle .. "; circles at 1 and 2 standard deviations of the prior"
  end
  draw_map(options, map, look)
  if plane then explore.save_text(options, "density.svg", view.densities(options.run, space, q, plane)) end
  if q.logvar then
    local units = posterior.units(q)
    explore.save_text(options, "kl.svg", view.units(options.run, q, units))
    print(("%d of %d latent units are active (A_u > %g); KL %.2f nats per image"):format(units.count, space.latent,
      units.threshold, units.kl:sum():item()))
  end
end

-- GANs --------------------------------------------------------------------------------------------------------------

-- The features of n samples (n x 84) and the classes that the LeNet-5 of the data takes them for (n).
local function judge_samples(space, n)
  local left, size = n, chunks.size(chunks.floats(space.model), BATCH)
  local features, logits = classifier.judge(judge_of(space.data, "classifier"), function()
    local count = math.min(size, left)
    left = left - count
    return count > 0 and space:sample(count) or nil
  end)
  return features, logits:argmax(2)
end

local function map_samples(space, options)
  local method = choose_method(space, options)
  if options.colour ~= "class" then
    explore.fail(options, "--colour", "samples of a GAN have no known factors, only a class")
  elseif not space.data.train.labels then
    explore.fail(options, "--data", "%s has no classes to tell a GAN's samples by", space.data.name)
  end
  check_images(space, options)
  local features, labels = judge_samples(space, options.images)
  local map = method == "tsne" and run_tsne(features, options) or on_plane(features, principal_plane(features))
  draw_map(options, map, {
    title = ("Samples of a %s as a classifier sees them"):format(space.model:name()),
    subtitle = ("%s: %d samples; features of a LeNet-5 trained on %s, coloured by the class that it takes them for; %s")
      :format(options.run, options.images, space.data.name, map.words),
    label = integers(labels), classes = space.data.classes,
  })
end

explore.main("project", "Maps a model's latent space and measures its dimensions.", define,
  function(space, options) (space.adversarial and map_samples or map_images)(space, options) end)
