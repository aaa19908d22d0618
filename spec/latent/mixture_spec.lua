-- Mixtures of Gaussians fitted to latent vectors.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local safetensors = require "genlat.safetensors"
local Mixture = gl.latent.mixture

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function same(expected, got, tolerance)
  assert.same(expected.shape, got.shape)
  near(0, (expected - got):abs():max():item(), tolerance or 0)
end

-- Three Gaussians in the plane: weight, mean, and l of the covariance l l^T.
local TRUTH = {
  {weight = 0.5, mean = {0, 0}, l = {{1, 0}, {0.6, 0.8}}}, -- covariance {{1, 0.6}, {0.6, 1}}
  {weight = 0.3, mean = {8, 1}, l = {{0.5, 0}, {0, 2}}},
  {weight = 0.2, mean = {-3, 9}, l = {{1.5, 0}, {-1, 0.5}}},
}

local function covariance(l) return gl.tensor(l):matmul(gl.tensor(l):t()) end

-- n vectors of them, exactly in proportion.
local function drawn(n)
  local rows = {}
  for i, part in ipairs(TRUTH) do
    rows[i] = gl.randn(math.floor(n * part.weight + 0.5), 2):matmul(gl.tensor(part.l):t()) + gl.tensor(part.mean)
  end
  return gl.core.cat(rows)
end

-- log N(x | mean, c) of two dimensions, by its formula, in double precision.
local function log_normal(x, mean, c)
  local u, v = x[1] - mean[1], x[2] - mean[2]
  local determinant = c[1][1] * c[2][2] - c[1][2] * c[2][1]
  local q = (c[2][2] * u * u - (c[1][2] + c[2][1]) * u * v + c[1][1] * v * v) / determinant
  return -q / 2 - math.log(2 * math.pi) - math.log(determinant) / 2
end

describe("a mixture", function()
  it("finds the Gaussians that vectors were drawn from", function()
    gl.seed(1)
    local mixture = Mixture.fit(drawn(6000), {components = 3})
    for _, part in ipairs(TRUTH) do
      local nearest = (mixture.means - gl.tensor(part.mean)):square():sum(2):argmin(1):item()
      nearest = math.tointeger(nearest)
      near(part.weight, mixture.weights[nearest]:item(), 0.005)
      same(gl.tensor(part.mean), mixture.means[nearest], 0.12)
      same(covariance(part.l), mixture.covariances[nearest], 0.2)
    end
  end)

  it("tells the density that its formula tells", function()
    gl.seed(2)
    local mixture, reached = Mixture.fit(drawn(500), {components = 3})
    local x = gl.randn(50, 2) * 6
    local got = mixture:log_density(x):totable()
    local weights, means, covariances = mixture.weights:totable(), mixture.means:totable(),
      mixture.covariances:totable()
    for i, row in ipairs(x:totable()) do
      local p = 0
      for k = 1, 3 do p = p + weights[k] * math.exp(log_normal(row, means[k], covariances[k])) end
      near(math.log(p), got[i], 1e-4 * math.max(1, math.abs(got[i])))
    end
    local again = Mixture.fit(drawn(500), {components = 1})
    assert.is_true(reached > again:log_density(drawn(500)):mean():item() + 0.5)
  end)

  it("is a Gaussian with the sample's moments where it has one component", function()
    gl.seed(3)
    local z = gl.randn(400, 3) * gl.tensor {1, 2, 0.1} + gl.tensor {5, 0, 0}
    local mixture, reached = Mixture.fit(z, {components = 1})
    local centred = z - z:mean(1)
    local expected = centred:t():matmul(centred) / 400
    same(z:mean(1), mixture.means[1], 1e-4)
    same(expected, mixture.covariances[1], 0.005)
    near(mixture:log_density(z):mean():item(), reached, 1e-4)
    assert.equal("a mixture of 1 Gaussian in 3 dimensions", tostring(mixture))
  end)

  it("never fits worse after an iteration, and better from more starts", function()
    gl.seed(4)
    local z, runs, last = drawn(1000), 0, -math.huge
    Mixture.fit(z, {components = 6, tolerance = 1e-3, progress = function(mean)
      assert.is_true(mean > last - 1e-4, ("%g after %g"):format(mean, last))
      last, runs = mean, runs + 1
    end})
    assert.is_true(runs > 5)
    local function reached(restarts)
      gl.seed(5)
      return select(2, Mixture.fit(z, {components = 6, restarts = restarts, iterations = 3}))
    end
    assert.is_true(reached(8) > reached(1))
  end)

  it("depends on the seed alone", function()
    gl.seed(6)
    local z = drawn(300)
    local function fit(seed)
      gl.seed(seed)
      local mixture = Mixture.fit(z, {components = 5, iterations = 4})
      return mixture, mixture:sample(20)
    end
    local a, x = fit(7)
    local b, y = fit(7)
    same(a.means, b.means)
    same(x, y)
    assert.is_true((x - select(2, fit(8))):abs():max():item() > 0.1)
  end)

  it("draws vectors with its moments", function()
    gl.seed(8)
    local mixture = Mixture.fit(drawn(3000), {components = 3})
    local x = mixture:sample(60000)
    local mean, second = gl.zeros(2), gl.zeros(2, 2)
    for k = 1, 3 do
      local w, m = mixture.weights[k], mixture.means[k]
      mean = mean + w * m
      second = second + w * (mixture.covariances[k] + m:unsqueeze(2):matmul(m:unsqueeze(1)))
    end
    same(mean, x:mean(1), 0.07)
    same(second, x:t():matmul(x) / 60000, 0.6)
  end)

  it("shrinks towards the components' means by truncation", function()
    gl.seed(9)
    local mixture = Mixture.fit(drawn(1000), {components = 3})
    local function sample(truncation)
      gl.seed(10)
      return mixture:sample(30, {truncation = truncation})
    end
    local full, half, none = sample(1), sample(0.5), sample(0)
    same(none + (full - none) / 2, half, 1e-5)
    for _, row in ipairs(none:totable()) do
      near(0, (mixture.means - gl.tensor(row)):square():sum(2):min():item(), 1e-10)
    end
  end)

  it("is safe where numbers are at their worst", function()
    local function is_finite(z, components)
      gl.seed(11)
      local mixture, reached = Mixture.fit(z, {components = components})
      assert.is_true(math.abs(reached) < math.huge)
      assert.is_true(math.abs(mixture:log_density(z * 1e3 + 1e3):min():item()) < 1e30)
      assert.is_true(mixture:sample(10):square():sum():item() < math.huge)
      near(1, mixture.weights:sum():item(), 1e-5)
    end
    is_finite(gl.ones(20, 3), 4) -- all the same
    is_finite(gl.core.cat {gl.zeros(10, 2), gl.ones(10, 2)}, 5) -- fewer places than components
    is_finite(gl.randn(100, 3) * gl.tensor {1, 0, 1e-6}, 3) -- an axis that does not move, one that hardly does
    is_finite(gl.randn(10, 10), 10) -- a vector a component
    is_finite(gl.core.cat {gl.randn(50, 2), gl.full({1, 2}, 1e6)}, 2) -- an outlier
  end)

  it("fits vectors of any size that float32 holds", function()
    local folder = Folder.new()
    gl.seed(14)
    local z = drawn(300)
    local function fit(x)
      gl.seed(15)
      return Mixture.fit(x, {components = 3})
    end
    local usual, reached = fit(z)
    for _, exponent in ipairs {-120, -60, -20, 60, 63, 64, 67, 120} do
      local size, means = 2.0 ^ exponent, {}
      local mixture, mean = fit(z * size)
      near(reached - 2 * exponent * math.log(2), mean, 1e-3)
      assert(mixture:save(folder:path "sampler.safetensors"))
      for i, one in ipairs {mixture, assert(Mixture.load(folder:path "sampler.safetensors", 2))} do
        local off = one:log_density(z * size) - usual:log_density(z) + 2 * exponent * math.log(2)
        near(0, off:abs():max():item(), 0.01)
        gl.seed(16)
        local x = one:sample(40) / size
        gl.seed(16)
        near(0, (x - usual:sample(40)):abs():max():item(), 0.02)
        means[i] = one.means
      end
      same(means[1], means[2])
    end
    folder:remove()
  end)

  it("fits 10,000 vectors of 20 dimensions quickly", function()
    gl.seed(12)
    local z = gl.randn(10000, 20)
    for k = 0, 9 do z:slice(1, k * 1000 + 1, k * 1000 + 1000):add_(gl.randn(1, 20) * 3) end
    local began = os.clock()
    local mixture = Mixture.fit(z, {components = 10})
    assert.is_true(os.clock() - began < 10)
    for _, weight in ipairs(mixture.weights:totable()) do near(0.1, weight, 0.002) end
  end)

  it("is kept in a file", function()
    local folder = Folder.new()
    gl.seed(13)
    local mixture = Mixture.fit(drawn(200), {components = 3})
    assert.is_true(mixture:save(folder:path "sampler.safetensors"))
    local again = assert(Mixture.load(folder:path "sampler.safetensors", 2))
    local x = drawn(10)
    same(mixture:log_density(x), again:log_density(x))
    folder:remove()
  end)

  it("of a damaged file is told", function()
    local folder = Folder.new()
    local path = folder:path "sampler.safetensors"
    local good = {weights = gl.tensor {0.5, 0.5}, means = gl.zeros(2, 3), covariances = gl.eye(3):unsqueeze(1) +
      gl.zeros(2, 1, 1)}
    local function refused(pattern, change, latent, format)
      local tensors = {weights = good.weights, means = good.means, covariances = good.covariances}
      for name, tensor in pairs(change) do tensors[name] = tensor end
      assert(safetensors.save(path, tensors, {format = format or "genlat mixture"}))
      local mixture, message = Mixture.load(path, latent)
      assert.is_nil(mixture)
      assert.equal(path .. ": ", message:sub(1, #path + 2))
      assert.matches(pattern, message)
    end
    refused("this is no mixture", {}, 3, "other")
    refused("this is no mixture", {means = gl.zeros(3, 3)})
    refused("this is no mixture", {covariances = gl.zeros(2, 3)})
    refused("a mixture of 3 dimensions, the latent space has 4", {}, 4)
    refused("add up to 1, these to 3", {weights = gl.tensor {1, 2}})
    refused("add up to 1, these to %-?nan", {weights = gl.tensor {1, 0 / 0}})
    for _, exponent in ipairs {"x", "1.5", "200", "nan"} do
      assert(safetensors.save(path, good, {format = "genlat mixture", exponent = exponent}))
      assert.matches("this is no mixture", (select(2, Mixture.load(path))))
    end
    refused("a mean is not finite", {means = gl.full({2, 3}, math.huge)})
    refused("a covariance is not positive definite", {covariances = -good.covariances})
    assert.is_nil((Mixture.load(folder:path "nothing")))
    folder:remove()
  end)

  it("explains what it cannot do", function()
    assert.error_matches(function() Mixture.fit(gl.zeros(5)) end, "fit: latent vectors are N x D, these are 5")
    assert.error_matches(function() Mixture.fit(gl.zeros(5, 2)) end, "10 components need as many vectors .* are 5")
    assert.error_matches(function() Mixture.fit(gl.zeros(5, 2), {components = 0}) end,
      "components is a whole number from 1, not 0")
    for _, value in ipairs {0 / 0, 1 / 0} do
      local z = gl.randn(20, 2)
      z[3] = gl.full({2}, value)
      assert.error_matches(function() Mixture.fit(z, {components = 2}) end, "finite numbers, these are not all")
    end
    local mixture = Mixture.fit(gl.randn(5, 2), {components = 1})
    assert.error_matches(function() mixture:log_density(gl.zeros(5, 3)) end, "N x 2, these are 5x3")
  end)
end)
