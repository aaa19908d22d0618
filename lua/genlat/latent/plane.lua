--- plane.lua: planes in latent space, and morph grids: what a model decodes all over one of them.
--
--   local p = latent.plane_of_axes(space, 1, 2)              -- or _of_images, _of_change, _of_directions
--   local x, right, up = latent.morph(space, p, 20)          -- 400 images, row by row
--   gl.write_png("manifold.png", gl.plot.images.grid(x, {columns = 20, gap = 0, scale = 1}))
--
-- A plane:
--   axes     latent x 2: the point (a, b) is origin + a axes[:, 1] + b axes[:, 2]; the first to the right, the second
--            upwards
--   origin   latent; nil for 0               names   what the two axes are called
--   units    what the number 1 stands for along each of them
--   ranges   {{least, most}, {least, most}}: how far a morph grid goes, in equal steps; nil: the quantiles of N(0, 1)
-- An axis' column is one standard deviation long: of the prior, or for an autoencoder of the latent vectors themselves.

local check = require "genlat.check"
local core = require "genlat.core"

local plane = {}

local DEVIATIONS = "standard deviations"
local EPSILON = 0.5 -- standard deviations: half the step of finite differences
local SAMPLES = 16 -- latent vectors at which they are taken

-- Columns (D x k) each with its largest component positive.
local function upright(axes)
  for j = 1, axes:size(2) do
    local column = axes:select(2, j)
    if column:abs():max():item() > column:max():item() then column:mul_(-1) end
  end
  return axes
end

--- Principal components (Pearson 1901): of rows x (N x D), {mean = D, axes = D x k (orthonormal columns, by falling
-- variance, each with its largest component positive), variance = k, total = the sum of all variances}. k: 2 if left
-- out, and D at most.
function plane.principal_components(x, k)
  check.value("principal_components: x", x, check.tensor())
  k = check.value("principal_components: k", k or 2, check.whole(1))
  local mean, axes, variance, total = core.linalg.principal(x, math.min(k, x:size(2)))
  return {mean = mean, axes = upright(axes), variance = core.tensor(variance), total = total}
end

local SIZE = check.whole(1, 4096) -- of a grid: 16 million points

--- The standard normal distribution's quantile: x with P(X <= x) = p, 0 < p < 1, to 1e-9. By bisection of its series.
function plane.quantile(p)
  if type(p) ~= "number" or not (p > 0 and p < 1) then check.fail("quantile: p is between 0 and 1, not %s", p) end
  local function cumulative(x) -- Marsaglia 2004: 1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...)
    local sum, term, n = x, x, 1
    while math.abs(term) > 1e-17 * math.abs(sum) do
      n = n + 2
      term = term * x * x / n
      sum = sum + term
    end
    return 0.5 + sum * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
  end
  local low, high = -8, 8
  while high - low > 1e-10 do
    local middle = (low + high) / 2
    if cumulative(middle) < p then low = middle else high = middle end
  end
  return (low + high) / 2
end

-- The quantiles at equal steps of probability from 0.5/n to 1 - 0.5/n.
local function quantiles(n)
  n = check.value("the grid's size", n, SIZE)
  local q = {}
  for i = 1, n do
    q[i] = plane.quantile((i - 0.5) / n)
  end
  return q
end

-- n numbers in equal steps over a range.
local function steps(range, n)
  n = check.value("the grid's size", n, SIZE)
  local list = {}
  for i = 1, n do
    list[i] = n == 1 and (range[1] + range[2]) / 2 or range[1] + (range[2] - range[1]) * (i - 1) / (n - 1)
  end
  return list
end

-- The points of the plane at the numbers of `right`, and of `up` from the last to the first, row by row.
local function lattice(right, up, axes, origin)
  local points = {}
  for r = #up, 1, -1 do
    for c = 1, #right do
      points[#points + 1] = {right[c], up[r]}
    end
  end
  local z = core.tensor(points):matmul(axes:t())
  return origin and z + origin or z
end

--- Latent vectors for a morph grid: n x n of them, row by row, on the plane through `origin` (latent) along the columns
-- of axes (latent x 2), at the quantiles of the prior N(0, I): equal steps of probability from 0.5/n to 1 - 0.5/n. The
-- first axis runs to the right, the second upwards.
function plane.grid(n, axes, origin)
  check.arguments("grid", "n:any axes:tensor origin:tensor?", n, axes, origin)
  local q = quantiles(n)
  return lattice(q, q, axes, origin)
end

-- Planes -------------------------------------------------------------------------------------------------------------

local function make(axes, origin, names)
  return {axes = axes, origin = origin, names = names, units = {DEVIATIONS, DEVIATIONS}}
end

--- The plane of two latent axes, by their numbers (b may be left out where there is but one), through the middle of the
-- prior.
function plane.plane_of_axes(space, a, b)
  check.arguments("plane_of_axes", "space:space", space)
  local axis = check.whole(1, space.latent)
  a = check.value("plane_of_axes: an axis", a, axis)
  b = b and check.value("plane_of_axes: an axis", b, axis)
  if a == b then check.fail("plane_of_axes: two different axes span a plane, not %d and %d", a, b) end
  local units = core.zeros(3, space.latent)
  units[{1, a}] = 1
  if b then units[{2, b}] = 1 end
  local z = space:unstandardize(units) -- the third row is the origin
  return make((z:slice(1, 1, 2) - z[3]):t(), z[3], {"z" .. a, b and "z" .. b or ""})
end

--- The plane on which encoded images z (N x latent) are spread out most: of a model with two latent dimensions these,
-- else the first two principal components of z. It also has points, N x 2: where they lie, for a map (not in standard
-- deviations, but as latent space measures).
function plane.plane_of_images(space, z)
  check.arguments("plane_of_images", "space:space z:tensor", space, z)
  local axes, origin, names
  if space.latent == 1 then
    axes, names = core.tensor {{1, 0}}, {"z1", ""}
  elseif space.latent == 2 then
    axes, names = core.eye(2), {"z1", "z2"}
  else
    local p = plane.principal_components(z, 2)
    axes, origin, names = p.axes, p.mean, {"first principal component", "second principal component"}
  end
  local points = (origin and z - origin or z):matmul(axes)
  if space.model.unstandardize then -- an autoencoder: no prior says how far its latent vectors go, they do
    axes, origin = axes * points:std(1), z:mean(1)
  end
  local p = make(axes, origin, names)
  p.points = points
  return p
end

--- The plane along which what is decoded changes most: the two leading eigenvectors of E[J^T J], J the decoder's
-- Jacobian, averaged over the prior (Wang & Ponce 2021, "A geometric analysis of deep generative image models", there
-- with a perceptual distance, here that of pixels). For models without an encoder: to the prior all directions are
-- alike. J is measured by finite differences at 16 latent vectors drawn from the prior.
-- label: of a conditional model, the one class to draw. The plane goes through the first of the vectors: at 0 a GAN was
-- never trained.
function plane.plane_of_change(space, label)
  check.arguments("plane_of_change", "space:space", space)
  local d = space.latent
  if d == 1 then error("plane_of_change: the latent space has one dimension only", 2) end
  local z, metric = space:prior(SAMPLES), core.zeros(d, d)
  local shifts = space:unstandardize(core.eye(d) * EPSILON) - space:unstandardize(core.zeros(1, d))
  for i = 1, SAMPLES do
    local j = (space:decode(z[i] + shifts, label) - space:decode(z[i] - shifts, label)):flatten(2)
    metric = metric + j:matmul(j:t())
  end
  local _, rows = core.linalg.eigh(metric, 2)
  local axes = upright(core.tensor(rows):t():contiguous())
  return make(axes, z[1], {"direction of most change", "direction of second most change"})
end

--- The plane of two of the space's saved directions, by name, through the middle of the prior: as far as their ranges
-- go, in their units.
function plane.plane_of_directions(space, a, b)
  check.arguments("plane_of_directions", "space:space a:text b:text?", space, a, b)
  local p = make(nil, space:unstandardize(core.zeros(1, space.latent))[1], {a, b})
  local columns = {}
  p.ranges = {}
  for i, name in ipairs {a, b} do
    local least, most, unit = space.directions:range(name)
    columns[i], p.ranges[i], p.units[i] = space.directions:vector(name), {least, most}, unit
  end
  p.axes = core.stack(columns, 2)
  return p
end

--- A morph grid: n x n images (row by row, the last row first along the second axis), and the two lists of numbers at
-- which they were decoded along the first axis (to the right) and the second (upwards); a plane of one dimension is one
-- row of n. At the quantiles of N(0, 1), equal steps of probability (Kingma & Welling 2014, appendix A), or in
-- equal steps over the plane's ranges. label: of a conditional model, the class to draw.
function plane.morph(space, p, n, label)
  check.arguments("morph", "space:space p:plane", space, p)
  local ranges = p.ranges or {}
  local right = ranges[1] and steps(ranges[1], n) or quantiles(n)
  local up = ranges[2] and steps(ranges[2], n) or quantiles(n)
  if space.latent == 1 then up = {0} end
  return space:decode(lattice(right, up, p.axes, p.origin), label), right, up
end

return plane
