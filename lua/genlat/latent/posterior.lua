--- posterior.lua: where a model's encoder puts images, and how well that fits where its samples come from: the KL and
-- the activity of each latent dimension, and the aggregate posterior's density on a plane beside the prior's.
--
--   local q = posterior.of(space, space.data.test, 5000)
--   local units = posterior.units(q)                           -- of a VAE: units.kl, units.active, ...
--   local plane = posterior.axes(space.latent, 1, 2)           -- or latent.principal_components(q.mean, 2)
--   local grid = posterior.grid(space, q, plane)
--   local density, prior = posterior.density(q, plane, grid), posterior.prior_density(space, plane, grid)
--   print(posterior.overlap(density, prior, grid))
--
-- A plane is {mean = latent (a point of it), axes = latent x 2 (orthonormal columns)}; a density on it is that of the
-- vectors' coordinates (z - mean) axes: the marginal one, all other directions summed over. A grid is {x = {from, to},
-- y = {from, to}, size =}: size x size square cells; what is computed on it has its first row at the top, at the
-- greatest y.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local scope = require "genlat.scope"

local posterior = {}

local CHUNK = 250             -- images that are encoded at a time
local ACTIVE = 0.01           -- Burda et al. 2016, sec. 5.2
local SIZE, REACH = 160, 3.2  -- of a grid: cells along a side; how many standard deviations of the prior are on it
local OUTSIDE = 0.002         -- the share of the images, at each side, that may be off a grid

-- encode(x, labels) for the first `count` images of a split, `size` at a time: the list of its results, each N x
-- latent.
local function encode_all(split, count, size, encode)
  local parts, order = {{}, {}}, core.arange(count)
  for first, last in chunks.each(count, size) do
    local x = core.batch(split.images, order, first, last - first + 1)
    for i, part in ipairs {encode(x, split.labels and split.labels:slice(1, first, last))} do
      parts[i][#parts[i] + 1] = part:detach()
    end
  end
  return core.cat(parts[1]), #parts[2] > 0 and core.cat(parts[2]) or nil
end

--- What the encoder says of a split's images (of the first `count`): {mean = N x latent, logvar = N x latent (of models
-- without a posterior nil), labels = N or nil}. Raises for a model without an encoder.
function posterior.of(space, split, count)
  check.arguments("posterior.of", "space:space split:table count:count?", space, split, count)
  local model = space.model
  if not model.encode then error(("posterior: a %s has no encoder"):format(model:name()), 2) end
  count = math.min(count or split.count, split.count)
  local mean, logvar = scope.run({recording = false, eval = model}, function()
    return encode_all(split, count, chunks.size(chunks.floats(model), CHUNK), function(x, labels)
      if model.posterior then return model:posterior(x, labels) end
      return (model:encode(x, labels))
    end)
  end)
  return {mean = mean, logvar = logvar, labels = split.labels and split.labels:slice(1, 1, count)}
end

--- How much each latent dimension of a VAE is used, from what `of` returned for 2 images or more:
--   kl        latent: the mean over the images of KL(q(z_u|x) || N(0, 1)) = (m^2 + s^2 - 1 - log s^2) / 2, in nats;
--             together they are the KL of the ELBO
--   activity  latent: A_u = Cov_x(E[z_u | x]), the variance of the posterior's mean (Burda et al. 2016, sec. 5.2)
--   active    list of true where A_u > 0.01, else false; count: how many are
--   mean, std of the aggregate posterior, latent each: its variance is A_u and the mean of s^2 together
function posterior.units(q)
  check.arguments("posterior.units", "q:posterior", q)
  if not q.logvar then error("units: the model has no posterior, only VAEs do", 2) end
  if #q.mean < 2 then error("units: expected 2 images or more, got " .. #q.mean, 2) end
  local variance = q.logvar:exp()
  local units = {
    kl = ((q.mean:square() + variance - 1 - q.logvar) / 2):mean(1), activity = q.mean:var(1), active = {}, count = 0,
    mean = q.mean:mean(1), threshold = ACTIVE,
  }
  units.std = (q.mean:var(1, false, 0) + variance:mean(1)):sqrt()
  for i, activity in ipairs(units.activity:totable()) do
    units.active[i] = activity > ACTIVE
    if units.active[i] then units.count = units.count + 1 end
  end
  return units
end

-- Planes --------------------------------------------------------------------------------------------------------------

--- The plane of the latent dimensions i and j, counted from 1, through the origin.
function posterior.axes(latent, i, j)
  check.arguments("posterior.axes", "latent:count i:count j:count", latent, i, j)
  for _, k in ipairs {i, j} do
    if not check.test(k, check.whole(1, latent)) then
      check.fail("axes: the latent dimensions are 1 to %d, there is no %s", latent, k)
    end
  end
  i, j = math.tointeger(i), math.tointeger(j)
  if i == j then check.fail("axes: expected two latent dimensions, got %d twice", i) end
  local axes = core.zeros(latent, 2)
  axes[{i, 1}], axes[{j, 2}] = 1, 1
  return {mean = core.zeros(latent), axes = axes}
end

--- Coordinates on a plane of latent vectors z (N x latent): N x 2.
function posterior.project(z, plane)
  check.arguments("posterior.project", "z:tensor plane:table", z, plane)
  return (z - plane.mean):matmul(plane.axes)
end

-- Variances along a plane's axes and their covariance, for Gaussians with those variances (N x latent) along the
-- dimensions of latent space: three tensors of N.
local function project_variance(variance, plane)
  local u, v = plane.axes:select(2, 1), plane.axes:select(2, 2)
  return variance:matmul(u * u), variance:matmul(v * v), variance:matmul(u * v)
end

-- The same of the components of a mixture, which have full covariances, K x latent x latent.
local function project_covariance(covariances, plane)
  local k, latent = #covariances, covariances:size(2)
  local u, v = plane.axes:select(2, 1), plane.axes:select(2, 2)
  local half = covariances:reshape(k * latent, latent):matmul(plane.axes):reshape(k, latent, 2)
  local to_u, to_v = half:select(3, 1), half:select(3, 2)
  return (to_u * u):sum(2), (to_v * v):sum(2), (to_u * v):sum(2)
end

-- The prior or, of an autoencoder, the Gaussian fitted to its latent vectors, on the plane: mean, 1 x 2, and variances
-- as above.
local function prior_on(space, plane)
  local mean, std = space:unstandardize(core.zeros(1, space.latent)), core.ones(1, space.latent)
  if space.model.latent_std then std = space.model.latent_std:unsqueeze(1) end
  return posterior.project(mean, plane), project_variance(std:square(), plane)
end

-- Grids ---------------------------------------------------------------------------------------------------------------

-- The least and greatest of values, but for the outermost.
local function middle(values)
  table.sort(values)
  local cut = math.floor(#values * OUTSIDE)
  return values[1 + cut], values[#values - cut]
end

--- The grid on a plane that shows all but the outermost images and the prior to 3.2 standard deviations; of `size`
-- (160) cells along each side.
function posterior.grid(space, q, plane, size)
  check.arguments("posterior.grid", "space:space q:posterior plane:table size:count?", space, q, plane, size)
  local points = posterior.project(q.mean, plane)
  local mean, xx, yy = prior_on(space, plane)
  local from, to = {}, {}
  for k, variance in ipairs {xx, yy} do
    local low, high = middle(points:select(2, k):totable())
    local centre, reach = mean[{1, k}]:item(), REACH * math.sqrt(variance[1]:item())
    from[k], to[k] = math.min(low, centre - reach), math.max(high, centre + reach)
  end
  local side = math.max(to[1] - from[1], to[2] - from[2])
  local function around(k)
    local centre = (from[k] + to[k]) / 2
    return {centre - side / 2, centre + side / 2}
  end
  return {x = around(1), y = around(2), size = size or SIZE}
end

-- The centres of a grid's cells along an axis.
local function centres(range, size)
  local half = (range[2] - range[1]) / size / 2
  return core.linspace(range[1] + half, range[2] - half, size)
end

local function cell_area(grid) return (grid.x[2] - grid.x[1]) * (grid.y[2] - grid.y[1]) / grid.size ^ 2 end

-- The mean of N Gaussians' densities on a grid, with weights (N) where given; mean: N x 2; xx, yy, xy: N or 1 each.
-- Each is widened by the variance of a cell, h^2 / 12, so that a narrow one does not fall between the cells' centres.
local function gaussians_on(grid, mean, xx, yy, xy, weights)
  local h = (grid.x[2] - grid.x[1]) / grid.size
  xx, yy = xx + h * h / 12, yy + h * h / 12
  local slope = (xy / xx):unsqueeze(2)                                  -- of y on x
  local rest = (yy - xy * xy / xx):maximum(1e-6 * h * h):unsqueeze(2)   -- the variance of y given x
  local mx, my = mean:slice(2, 1, 1), mean:slice(2, 2, 2)
  local dx = centres(grid.x, grid.size) - mx                            -- N x size
  local log_x = dx:square() / (-2 * xx:unsqueeze(2)) - (xx:unsqueeze(2) * rest):log() / 2 - math.log(2 * math.pi)
  if weights then log_x = log_x + (weights * #mean):log():unsqueeze(2) end
  local expected = my + slope * dx
  local rows = {}
  for r, y in ipairs(centres(grid.y, grid.size):totable()) do
    rows[grid.size + 1 - r] = ((expected - y):square() / (-2 * rest) + log_x):exp():mean(1)
  end
  return core.stack(rows)
end

--- The density of the aggregate posterior q(z) = (1/N) sum_n q(z|x_n) (Makhzani et al. 2016; Hoffman & Johnson 2016) on
-- a plane's grid, per unit area: size x size. Of each image's Gaussian it takes the marginal on the plane. For a model
-- without a posterior, a density estimate of where the encoder puts images, with Gaussian kernels whose standard
-- deviation along each axis is the points' own times N^(-1/6) (Silverman 1986, eq. 4.14 for two dimensions).
function posterior.density(q, plane, grid)
  check.arguments("posterior.density", "q:posterior plane:table grid:table", q, plane, grid)
  local points = posterior.project(q.mean, plane)
  if q.logvar then return gaussians_on(grid, points, project_variance(q.logvar:exp(), plane)) end
  local n = #points
  local variance = points:var(1, false, 0) * n ^ (-1 / 3)
  return gaussians_on(grid, points, variance:slice(1, 1, 1), variance:slice(1, 2, 2), core.zeros(1))
end

--- The density on a plane's grid of what space:prior draws from: size x size: the mixture that was fitted to the run's
-- encoded images, where there is one; else the prior N(0, I) or, of an autoencoder, the Gaussian fitted to its latent
-- vectors.
function posterior.prior_density(space, plane, grid)
  check.arguments("posterior.prior_density", "space:space plane:table grid:table", space, plane, grid)
  local mixture = space.sampler
  if not mixture then return gaussians_on(grid, prior_on(space, plane)) end
  local xx, yy, xy = project_covariance(mixture.covariances, plane)
  return gaussians_on(grid, posterior.project(mixture.means, plane), xx, yy, xy, mixture.weights)
end

--- How much two densities on a grid have in common: the integral of the smaller one, 0 to 1; 1 less their total
-- variation distance.
function posterior.overlap(a, b, grid)
  check.arguments("posterior.overlap", "a:tensor b:tensor grid:table", a, b, grid)
  return a:minimum(b):sum():item() * cell_area(grid)
end

return posterior
