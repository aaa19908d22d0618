--- project.lua: pictures of scripts/project.lua, as SVG: densities, and which latent dimensions are used. run: the
-- run's folder, for their headings.

local bars = require "genlat.plot.bars"
local heatmap = require "genlat.plot.heatmap"
local posterior = require "genlat.latent.posterior"

local view = {}

-- Where samples come from, as a panel with this density.
local function sampler_panel(space, density)
  if space.sampler then
    return {values = density, title = "Fitted mixture",
      caption = ("%d Gaussians fitted to the images: samples are drawn from these."):format(space.sampler.components)}
  elseif space.model.unstandardize then
    return {values = density, title = "Fitted Gaussian",
      caption = "An autoencoder has no prior: its samples are drawn from a Gaussian with independent axes."}
  end
  return {values = density, title = "Prior", caption = "N(0, I), from which samples are drawn."}
end

--- Densities of encoded images and of where samples come from, on a plane, and their difference. q: posterior.of.
function view.densities(run, space, q, plane)
  local grid = posterior.grid(space, q, plane)
  local images, samples = posterior.density(q, plane, grid), posterior.prior_density(space, plane, grid)
  local common = 100 * posterior.overlap(images, samples, grid)
  return heatmap.svg {
    title = "Where images lie, and where samples are drawn from",
    subtitle = ("%s: densities on the plane of %s, %.0f %% in common"):format(run, plane.words, common),
    x = grid.x, y = grid.y, xlabel = plane[1], ylabel = plane[2],
    panels = {
      {values = images, title = q.logvar and "Aggregate posterior" or "Encoded images",
        caption = (q.logvar and "The mean of q(z|x) over %d test images."
          or "%d test images, smoothed by Silverman's rule."):format(#q.mean)},
      sampler_panel(space, samples),
    },
    difference = {values = images - samples, title = "Difference",
      caption = "Orange: more images. Blue: more samples."},
  }
end

-- The places of numbers, by falling number.
local function falling(values)
  local order = {}
  for i = 1, #values do
    order[i] = i
  end
  table.sort(order, function(a, b) return values[a] > values[b] or (values[a] == values[b] and a < b) end)
  return order
end

--- The KL of each latent dimension as bars, by falling KL. units: posterior.units(q).
function view.units(run, q, units)
  local kl, o = units.kl:totable(), {values = {}, names = {}, strong = {}}
  for place, unit in ipairs(falling(kl)) do
    o.values[place], o.names[place], o.strong[place] = kl[unit], unit, units.active[unit]
  end
  o.title = ("%d of %d latent units are active"):format(units.count, #kl)
  o.subtitle = ("%s: KL(q(z|x) || p(z)) of each latent dimension, mean over %d test images, %.2f nats together. "
    .. "Active: the posterior mean varies over images, A_u > %g"):format(run, #q.mean, units.kl:sum():item(),
    units.threshold)
  o.words = units.count < #kl and {"active", "inactive"} or nil
  o.xlabel, o.ylabel = "latent dimension", "KL, nats"
  return bars.svg(o)
end

return view
