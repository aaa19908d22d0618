--- plane.lua: planes in latent space: principal components, and grids of points at the prior's quantiles.

local core = require "genlat.core"

local plane = {}

-- Gram-Schmidt on the columns of v, in place; columns that vanish are replaced by unit vectors.
local function orthonormalize(v)
  local columns = v:size(2)
  for k = 1, columns do
    local c = v:select(2, k):clone()
    for j = 1, k - 1 do
      local d = v:select(2, j)
      c = c - d * (c * d):sum()
    end
    local length = c:norm():item()
    if length < 1e-12 then
      c = core.zeros(#c)
      c[(k - 1) % #c + 1] = 1
      length = 1
    end
    v:select(2, k):copy_(c / length)
  end
  return v
end

--- Principal components (Pearson 1901): of rows x (N x D), {mean = D, axes = D x k (orthonormal columns, by falling
-- variance, each with its largest component positive), variance = k}. By orthogonal iteration on the covariance.
function plane.principal_components(x, k)
  local mean = x:mean(1)
  local centred = x - mean
  local covariance = centred:t():matmul(centred) / math.max(#x - 1, 1)
  local d = #mean
  k = math.min(k or 2, d)
  local axes = core.zeros(d, k)
  for i = 1, d do -- a fixed start without a zero projection on anything likely
    for j = 1, k do
      axes:select(1, i)[j] = math.sin(i * j + j)
    end
  end
  orthonormalize(axes)
  for _ = 1, 200 do
    axes = orthonormalize(covariance:matmul(axes))
  end
  local variance = (axes * covariance:matmul(axes)):sum(1)
  for j = 1, k do
    local column = axes:select(2, j)
    if column:abs():max():item() > column:max():item() then column:mul_(-1) end
  end
  return {mean = mean, axes = axes, variance = variance}
end

--- The standard normal distribution's quantile: x with P(X <= x) = p, 0 < p < 1, to 1e-9. By bisection of its series.
function plane.quantile(p)
  if not (p > 0 and p < 1) then error(("quantile: p is between 0 and 1, not %s"):format(tostring(p)), 2) end
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

--- Latent vectors for a morph grid: n x n of them, row by row, on the plane through `origin` (latent) along the columns
-- of axes (latent x 2), at the quantiles of the prior N(0, I): equal steps of probability from 0.5/n to 1 - 0.5/n. The
-- first axis runs to the right, the second upwards.
function plane.grid(n, axes, origin)
  local q = {}
  for i = 1, n do
    q[i] = plane.quantile((i - 0.5) / n)
  end
  local points = {}
  for r = n, 1, -1 do
    for c = 1, n do
      points[#points + 1] = {q[c], q[r]}
    end
  end
  local z = core.tensor(points):matmul(axes:t())
  return origin and z + origin or z
end

return plane
