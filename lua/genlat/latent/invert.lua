--- invert.lua: the latent vectors of given images: by the encoder, by optimization through the decoder, or by both.
--
--   local found = gl.latent.invert(space, x)                    -- x: N x H x W x C, 0..1
--   gl.write_png("again.png", gl.plot.images.grid(found.images))
--   print(found.psnr, gl.latent.typicality(space, found.z).share)
--
-- What is minimized, in nats, is D(x, z) + lambda |e|^2 / 2: e is z in standard deviations of the prior, D what the
-- model's own likelihood says, -log p(x|z), so that with lambda = 1 the result is the most probable z given x (the sum
-- is -log p(x, z) but for a constant), and neither term has to be weighed by hand. Generators of GANs have no
-- likelihood: theirs is the squared error with an assumed Gaussian noise of SIGMA a pixel. Without the prior's term z
-- drifts to where the decoder was never trained (Lipton & Tripathi 2017 clip z to keep it; Creswell & Bharath 2018 add
-- this term). The most probable z is shorter than draws of the prior are: see typicality.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local scope = require "genlat.scope"
local image = require "genlat.metrics.image"
local networks = require "genlat.models.networks"
local optim = require "genlat.optim"

local invert = {}

local SIGMA = 0.1 -- the noise of a pixel that a GAN's generator is taken to leave
local ROWS, ROWS_BYTES = 1000, 16 << 20 -- latent vectors that are optimized at a time, at least those of one image
local TYPICAL, TYPICAL_SEED, DRAWS = 0.95, 20150101, 10000

local GAUSSIAN = {sampler = "gaussian"} -- the model's own prior, whatever was fitted to its latent vectors


-- Settings ------------------------------------------------------------------------------------------------------------

local OPTIONS = {
  method = {check.word {"encoder", "optimize", "both"}}, restarts = {check.whole(1), 8}, steps = {check.whole(1), 300},
  rate = {check.number {above = 0}, 0.3}, lambda = {check.number {least = 0}, 1}, progress = {check.callable},
  labels = {check.any}, classes = {check.list(check.whole(1))},
}

local function settings_of(space, options)
  local o = check.options("invert", options, OPTIONS)
  o.method = o.method or space:has_encoder() and "both" or "optimize"
  if o.method ~= "optimize" and not space:has_encoder() then
    check.fail("invert: a %s has no encoder: method is optimize", space.model:name())
  end
  return o
end

-- The labels to try for each of n images of a conditional model: n x K; nil for other models.
local function candidates(space, n, o)
  if not space.conditional then return nil end
  if o.labels then
    local labels = space:labels(n, o.labels)
    if labels.ndim ~= 1 or #labels ~= n then
      error(("invert: labels are %d, one an image, these are %s"):format(n, table.concat(labels.shape, "x")), 0)
    end
    return labels:reshape(n, 1)
  end
  local classes = o.classes and core.tensor(o.classes) or core.arange(space.conditional)
  return classes:unsqueeze(1):expand(n, #classes)
end

-- Each row of t (N x ...) `times` times, one after the other: N times x ...
local function repeated(t, times)
  local n, shape = #t, t.shape
  shape[1] = n * times
  return t:reshape(n, 1, -1):expand(n, times, t:numel() // n):reshape(shape)
end

-- The loss ------------------------------------------------------------------------------------------------------------

--- How badly latent vectors explain images, in nats: -log p(x|z), N, of a model with a likelihood; of a GAN, the
-- squared error over 2 SIGMA^2. x: N x H x W x C, z: N x latent, labels: N of a conditional model.
function invert.distortion(model, x, z, labels)
  if not model.config.likelihood then
    return (model:decode(z, labels) - x):square():flatten(2):sum(2) / (2 * SIGMA ^ 2)
  end
  local output = model.decode_output and model:decode_output(z, labels) or model.decoder(z)
  return networks.reconstruction(model, networks.rows(x), output, "none"):sum(2)
end

-- From standard deviations of the prior to the model's latent vectors, recorded for backward.
local function place(model, e) return model.unstandardize and model:unstandardize(e) or e end

local function loss_of(model, x, e, labels, lambda)
  return invert.distortion(model, x, place(model, e), labels) + e:square():sum(2) * (lambda / 2)
end

-- Adam from the starts e (rows x latent), the rate falling as half a cosine; each row keeps the best it came by.
-- note(step, losses) is called after each step, from 0, with the least loss of each row so far: infinite where there
-- was none that is a number.
local function descend(model, x, e, labels, o, note)
  return scope.run({recording = true, frozen = model}, function()
    local best_e, best = e:detach():clone(), core.full({#e}, math.huge)
    e = e:detach():clone():requires_grad_()
    local optimizer = optim.Adam({e}, {lr = o.rate})
    local schedule = optim.CosineAnnealingLR(optimizer, {t_max = o.steps})
    for step = 0, o.steps do
      local loss = loss_of(model, x, e, labels, o.lambda)
      local value = loss:detach()
      local better = value:lt(best)
      best_e = core.where(better:unsqueeze(2), e:detach(), best_e)
      best = core.where(better, value, best)
      note(step, best)
      if step == o.steps then break end
      optimizer:zero_grad()
      loss:sum():backward()
      optimizer:step()
      schedule:step()
    end
    return {e = best_e, loss = best}
  end)
end

-- Inverting -----------------------------------------------------------------------------------------------------------

-- Where to begin for some images: rows x latent in standard deviations, `starts` rows for each image and label.
local function begin(space, x, labels, draws, o)
  if o.method ~= "optimize" then return space:standardize(space:encode(x, labels)) end
  local n, kinds = #draws, #x // #draws
  return draws:unsqueeze(2):expand(n, kinds, o.restarts, space.latent):reshape(-1, space.latent)
end

-- Of rows (n images, each with as many), the least loss of each image: n, and the numbers of those rows: n.
local function least(losses, n)
  local table_of = losses:reshape(n, -1)
  return table_of:min(2), (core.arange(n) - 1) * table_of:size(2) + table_of:argmin(2)
end

-- The best of some images: {e =, loss =, labels =, trace = (steps + 1) x n}.
local function invert_some(space, x, labels, draws, o, advance)
  local n, kinds = #x, labels and labels:size(2) or 1
  local starts = o.method == "optimize" and o.restarts or 1
  x, labels = repeated(x, kinds), labels and labels:reshape(-1)
  local e = begin(space, x, labels, draws, o)
  x, labels = repeated(x, starts), labels and repeated(labels, starts)
  local trace, found = {}
  if o.method == "encoder" then
    found = {e = e, loss = loss_of(space.model, x, e, labels, o.lambda):detach()}
  else
    found = descend(space.model, x, e, labels, o, function(step, losses)
      trace[step + 1] = least(losses, n)
      advance(step)
    end)
  end
  local loss, rows = least(found.loss, n)
  return {
    e = found.e:index_select(rows), loss = loss, labels = labels and labels:index_select(rows),
    trace = trace[1] and core.stack(trace),
  }
end

-- Parts of results, joined.
local function joined(parts, key, axis)
  if not parts[1][key] then return nil end
  local list = {}
  for i, part in ipairs(parts) do
    list[i] = part[key]
  end
  return core.cat(list, axis)
end

--- The latent vectors of images x, N x H x W x C, 0..1. options:
--   method    "encoder": what it says; "optimize": Adam from `restarts` draws of the prior for each image, all at once,
--             the best kept (Lipton & Tripathi 2017); "both": Adam from what the encoder says ("both" where there is an
--             encoder)
--   restarts  8        steps  300        rate    Adam's at first, in standard deviations of the prior: 0.3
--   lambda    weight of the prior's term (1)
--   labels    of a conditional model: N, or one class for all; without them every class of `classes` (a list; all) is
--             tried and the one of the least loss kept
--   progress  a function that is called with the steps done so far and in all
-- Returns {z = N x latent, images = decode(z), labels = N or nil, loss = N (nats: see above), mse = N, psnr = N (dB),
-- trace = (steps + 1) x N: the least loss of each image so far, or nil where nothing was optimized, method =}. Draws
-- from the generator of random numbers. Raises for images that the model is not made for.
function invert.invert(space, x, options)
  check.arguments("invert", "space:space x:tensor options:table?", space, x, options)
  local o = settings_of(space, options)
  x = space:as_images(x, "invert")
  local n, labels = #x, candidates(space, #x, o)
  local per_image = (labels and labels:size(2) or 1) * (o.method == "optimize" and o.restarts or 1)
  local size, parts = math.max(1, chunks.size(chunks.floats(space.model), ROWS, ROWS_BYTES) // per_image), {}
  local draws = o.method == "optimize"
    and space:standardize(space:prior(n * o.restarts, GAUSSIAN)):reshape(n, o.restarts, space.latent)
  local count = (n + size - 1) // size
  for first = 1, n, size do
    local function part(t) return t and t:slice(1, first, math.min(first + size - 1, n)) end
    parts[#parts + 1] = scope.run({recording = false, eval = space.model}, function()
      return invert_some(space, part(x), part(labels), part(draws), o, function(step)
        if o.progress then o.progress(#parts * o.steps + step, count * o.steps) end
      end)
    end)
  end
  local result = {
    z = space:unstandardize(joined(parts, "e")), labels = joined(parts, "labels"), loss = joined(parts, "loss"),
    trace = joined(parts, "trace", 2), method = o.method,
  }
  result.images = space:decode(result.z, result.labels)
  result.mse, result.psnr = image.mse(result.images, x), image.psnr(result.images, x)
  return result
end

-- How usual -----------------------------------------------------------------------------------------------------------

-- The logarithm of the chi density of lengths (tensor) in d dimensions, but for a constant.
local function length_density(lengths, d) return lengths:maximum(1e-30):log() * (d - 1) - lengths:square() / 2 end

--- How usual latent vectors z (N x latent) are for the prior, told by their length in standard deviations: in many
-- dimensions nearly all draws have a length around sqrt(latent), and a vector can be too short as well as too long,
-- although the prior's density is highest at 0 (the typical set; Nalisnick et al. 2019). Returns
--   length       N, |e|
--   least, most  the lengths of the 95 % most probable of 10,000 draws of the prior
--   share        N: the share of those draws whose length is less probable than that of z, 0..1: below 0.05, z is
--                outside of least..most
-- The draws are the same every time.
--   local t = gl.latent.typicality(space, found.z); print(t.length, t.least, t.most, t.share)
function invert.typicality(space, z)
  check.arguments("typicality", "space:space z:tensor", space, z)
  return scope.run({recording = false, seed = TYPICAL_SEED}, function()
    local function length_of(v) return space:standardize(v):square():sum(2):sqrt() end
    local d, lengths, drawn = space.latent, length_of(z), length_of(space:prior(DRAWS, GAUSSIAN))
    local density_drawn = length_density(drawn, d)
    local densities, lengths_drawn = density_drawn:totable(), drawn:totable()
    local order, least_length, most_length = {}, math.huge, 0
    for i = 1, DRAWS do
      order[i] = i
    end
    table.sort(order, function(a, b) return densities[a] > densities[b] end)
    for i = 1, math.floor(TYPICAL * DRAWS) do
      least_length = math.min(least_length, lengths_drawn[order[i]])
      most_length = math.max(most_length, lengths_drawn[order[i]])
    end
    local share = {}
    for i, density in ipairs(length_density(lengths, d):totable()) do
      share[i] = density_drawn:lt(density):mean():item()
    end
    return {length = lengths, least = least_length, most = most_length, share = core.tensor(share)}
  end)
end

return invert
