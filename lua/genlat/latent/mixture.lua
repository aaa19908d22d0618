--- mixture.lua: a mixture of Gaussians with full covariances: where a model's encoded images really lie, to draw latent
-- vectors from. The prior of a VAE, and all the more the one Gaussian fitted to an autoencoder, also has places where
-- no image was ever encoded; drawing from a mixture fitted afterwards avoids most of them (Ghosh et al. 2020, "From
-- variational to deterministic autoencoders", sec. 4: ex-post density estimation).
--
--   local mixture = Mixture.fit(space:encode_split(space.data.train), {components = 10})
--   local x = space:decode(mixture:sample(16))
--   mixture:save("runs/vae/sampler.safetensors")        -- where space:prior finds it
--
-- Fields: weights K, means K x D, covariances K x D x D (tensors), components K, latent D. Vectors may be so large that
-- covariances leave float32: they are then inf, and what is computed is computed in units of 2^exponent.

local check = require "genlat.check"
local core = require "genlat.core"
local finite = require "genlat.nn.finite"
local safetensors = require "genlat.safetensors"
local text = require "genlat.text"

local Mixture = {}
Mixture.__index = Mixture

local FORMAT = "genlat mixture"
local FLOOR = 1e-3 -- added to the covariances' diagonals, as a share of the axis' variance over all vectors
local LEAST_VARIANCE = 1e-6 -- of an axis, as a share of the widest axis' variance
local EMPTY = 1e-6 -- share of all vectors below which a component keeps its mean
local SMALL, LARGE = 1e-4, 1e15 -- the largest number of vectors that are fitted as they are

local MOST_EXPONENT = 126 -- of a unit, which float32 has to hold, and its inverse too

-- The mixture itself -------------------------------------------------------------------------------------------------

-- What densities and samples need of each component: log_scale = log w - log |l| - D/2 log 2 pi, l^T and (l^-1)^T. nil
-- where a covariance is not positive definite.
local function prepare(self)
  local unit = 2.0 ^ self.exponent
  self.parts = {}
  for k, weight in ipairs(self.weights:totable()) do
    local l = core.linalg.cholesky(self.in_units.covariances[k])
    if not l then return nil end
    local log_scale = math.log(math.max(weight, 1e-300)) - self.latent * (math.log(2 * math.pi) / 2 + math.log(unit))
    for i = 1, #l do
      log_scale = log_scale - math.log(l[i][i])
    end
    self.parts[k] = {
      mean = self.means[k], log_scale = log_scale, transform = core.tensor(l):t() * unit,
      whiten = core.tensor(core.linalg.inverse_lower(l)):t() / unit,
    }
  end
  return self
end

-- A mixture of these tensors, in units of 2^exponent (0); nil where a covariance is not positive definite.
local function make(weights, means, covariances, exponent)
  exponent = exponent or 0
  local unit = 2.0 ^ exponent
  return prepare(setmetatable({
    weights = weights, means = means * unit, covariances = covariances * unit * unit, components = #weights,
    latent = means:size(2), exponent = exponent, in_units = {means = means, covariances = covariances},
  }, Mixture))
end

-- log (w_k N(z | m_k, C_k)): N x K.
local function joint(self, z)
  local columns = {}
  for k, part in ipairs(self.parts) do
    columns[k] = part.log_scale - (z - part.mean):matmul(part.whiten):square():sum(2, true) / 2
  end
  return core.cat(columns, 2)
end

--- log p(z) of latent vectors z (N x D), in nats: N.
function Mixture:log_density(z)
  check.value("log_density: latent vectors", z, check.tensor())
  if z.ndim ~= 2 or z:size(2) ~= self.latent then
    check.fail("log_density: latent vectors are N x %d, these are %s", self.latent, table.concat(z.shape, "x"))
  end
  return joint(self, z):logsumexp(2)
end

--- n latent vectors, n x D. options: truncation: each vector's distance from its component's mean is multiplied by this
-- (1).
function Mixture:sample(n, options)
  n = check.value("sample: n", n, check.whole(1))
  local o = check.options("sample", options, {truncation = {check.number {least = 0}, 1}})
  local e = core.randn(n, self.latent) * o.truncation
  local u, low = core.rand(n, 1), 0
  local z = core.zeros(n, self.latent)
  for k, weight in ipairs(self.weights:totable()) do
    local high = k < self.components and low + weight or math.huge
    local chosen = u:ge(low) * u:lt(high)
    z = z + chosen * (e:matmul(self.parts[k].transform) + self.parts[k].mean)
    low = high
  end
  return z
end

-- Fitting ------------------------------------------------------------------------------------------------------------

-- A place in 1..n, drawn with the chances that the list of weights tells; all alike where these are 0.
local function draw_place(weights)
  local total, n = 0.0, #weights
  for i = 1, n do
    total = total + weights[i]
  end
  local u = core.rand(1):item()
  if total <= 0 then return math.min(n, math.floor(u * n) + 1) end
  local left = u * total
  for i = 1, n do
    left = left - weights[i]
    if left < 0 then return i end
  end
  return n
end

-- k-means++ (Arthur & Vassilvitskii 2007): rows of z as centres, each drawn with a chance in proportion to the squared
-- distance from the nearest one before it; of a few such draws the one is taken that leaves the least (their sec. 5).
-- Returns to which centre each row is nearest, one-hot, N x K.
local function start(z, components)
  local tries = 2 + math.floor(math.log(components))
  local nearest, place = core.zeros(#z, 1), core.ones(#z)
  for k = 1, components do
    local chances, best = nearest:squeeze(2):totable(), nil
    for _ = 1, k == 1 and 1 or tries do
      local distances = (z - z[draw_place(chances)]):square():sum(2, true)
      local left = k == 1 and distances or nearest:minimum(distances)
      local total = left:sum():item()
      if not best or total < best.total then best = {left = left, distances = distances, total = total} end
    end
    place = core.where(best.distances:lt(nearest):squeeze(2), core.full({#z}, k), place)
    nearest = best.left
  end
  return place:one_hot(components)
end

-- The M step (Bishop 2006, eq. 9.24 to 9.26): the mixture of responsibilities r, N x K. floor: added to the diagonals.
-- A component that nothing is left of keeps its mean from `before` and gets the floor alone.
local function maximize(z, r, floor, before)
  local counts, covariances, means = r:sum(1), {}, {}
  for k, count in ipairs(counts:totable()) do
    local column = r:slice(2, k, k)
    if count > EMPTY * #z then
      means[k] = (z * column):sum(1) / count
      local centred = (z - means[k]) * column:sqrt()
      covariances[k] = centred:t():matmul(centred) / count + floor
    else
      means[k], covariances[k] = before and before.means[k] or z[1], floor
    end
  end
  return make(counts / #z, core.stack(means), core.stack(covariances))
end

local function climb(z, r, floor, o)
  local mixture, reached = maximize(z, r, floor), -math.huge
  for _ = 1, o.iterations do
    local log_joint = joint(mixture, z) -- the E step (Bishop 2006, eq. 9.23)
    local log_p = log_joint:logsumexp(2, true)
    local mean = log_p:mean():item()
    if o.progress then o.progress(mean) end
    if mean - reached < o.tolerance then return mixture, mean end
    reached = mean
    mixture = maximize(z, (log_joint - log_p):exp(), floor, mixture)
  end
  return mixture, mixture:log_density(z):mean():item()
end

local OPTIONS = {
  components = {check.whole(1), 10}, restarts = {check.whole(1), 1}, iterations = {check.whole(1), 200},
  tolerance = {check.number {least = 0}, 1e-3}, progress = {check.callable},
}

local function check_vectors(z, o)
  check.value("fit: latent vectors", z, check.tensor())
  if z.ndim ~= 2 then check.fail("fit: latent vectors are N x D, these are %s", table.concat(z.shape, "x")) end
  if not (z:abs():max():item() < math.huge and z:sum():item() == z:sum():item()) then
    check.fail("fit: latent vectors are finite numbers, these are not all")
  elseif #z < o.components or #z < 2 then
    check.fail("fit: %d components need as many vectors and at least 2, there are %d", o.components, #z)
  end
end

-- The exponent of the unit in which the squares of z are well inside float32.
local function exponent_of(z)
  local largest = z:abs():max():item()
  if largest == 0 or largest >= SMALL and largest <= LARGE then return 0 end
  return math.max(-MOST_EXPONENT, math.min(MOST_EXPONENT, math.floor(math.log(largest, 2))))
end

--- Fits a mixture to latent vectors z (N x D) by expectation maximization (Dempster, Laird & Rubin 1977; Bishop 2006,
-- sec. 9.2). options:
--   components  K (10)
--   restarts    how many times it begins at random, the best being kept (1)
--   iterations  at most so many (200); it ends sooner where one adds less than
--   tolerance   nats a vector (1e-3)
--   progress    called after each iteration with the mean log density so far
-- Returns the mixture and the mean log density of z under it, nats a vector.
function Mixture.fit(z, options)
  check.arguments("mixture.fit", "z:tensor options:table?", z, options)
  local o = check.options("fit", options, OPTIONS)
  check_vectors(z, o)
  local exponent = exponent_of(z)
  z = z * 2.0 ^ -exponent
  local shift = z:size(2) * exponent * math.log(2) -- of log densities
  local progress = o.progress
  if progress then o.progress = function(mean) progress(mean - shift) end end
  local variance = (z - z:mean(1)):square():mean(1)
  local widest = math.max(variance:max():item(), 1e-12)
  local floor = core.eye(z:size(2)) * variance:clamp(LEAST_VARIANCE * widest) * FLOOR
  local best, reached
  for _ = 1, o.restarts do
    local mixture, mean = climb(z, start(z, o.components), floor, o)
    if not best or mean > reached then best, reached = mixture, mean end
  end
  if exponent == 0 then return best, reached end
  return make(best.weights, best.means, best.covariances, exponent), reached - shift
end

-- Files --------------------------------------------------------------------------------------------------------------

--- Writes it to a file. Returns true, or nil and a message.
function Mixture:save(path)
  return finite.save(path, {
    weights = self.weights, means = self.in_units.means, covariances = self.in_units.covariances,
  }, {format = FORMAT, exponent = self.exponent ~= 0 and ("%d"):format(self.exponent) or nil})
end

-- What is wrong with the tensors of a file, or nil.
local function problem_of(tensors, metadata, latent)
  local weights, means, covariances = tensors.weights, tensors.means, tensors.covariances
  local exponent = math.tointeger(tonumber(metadata.exponent or 0))
  local complete = weights and means and covariances and exponent and math.abs(exponent) <= MOST_EXPONENT
  if metadata.format ~= FORMAT or not complete or weights.ndim ~= 1 or #weights == 0 then
    return "this is no mixture"
  end
  local k, d = #weights, means.ndim == 2 and means:size(2) or 0
  if table.concat(means.shape, "x") ~= k .. "x" .. d
    or table.concat(covariances.shape, "x") ~= ("%dx%dx%d"):format(k, d, d) then
    return "this is no mixture"
  elseif latent and d ~= latent then
    return ("a mixture of %d dimensions, the latent space has %d"):format(d, latent)
  end
  local sum = weights:sum():item()
  if sum ~= sum or weights:min():item() < 0 or math.abs(sum - 1) > 1e-3 then
    return text.format("the weights of a mixture add up to 1, these to %g", sum)
  end
  if (means * 0):sum():item() ~= 0 then return "a mean is not finite" end
end

--- Reads a mixture from a file; latent: how many dimensions it has to have (any). Or nil and a message.
function Mixture.load(path, latent)
  local tensors, metadata = safetensors.load(path)
  if not tensors then return nil, metadata end
  local problem = problem_of(tensors, metadata, latent)
  if problem then return nil, text.message("%s: %s", path, problem) end
  local mixture = make(tensors.weights, tensors.means, tensors.covariances, tonumber(metadata.exponent))
  if not mixture then return nil, text.message("%s: a covariance is not positive definite", path) end
  return mixture
end

function Mixture:__tostring()
  return ("a mixture of %s in %s"):format(text.count(self.components, "Gaussian"), text.count(self.latent, "dimension"))
end

return Mixture
