-- Where encoders put images: KL and activity of latent units, densities on planes.
local gl = require "genlat"
local latent = gl.latent
local posterior = latent.posterior

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function model_of(kind, latents)
  gl.seed(1)
  local classes = kind == "cvae" and 2 or nil
  return gl.models[kind] {image = {8, 8, 1}, hidden = {12}, latent = latents or 3, classes = classes}
end

-- A split of random images of two classes.
local function random_split(n)
  gl.seed(2)
  local labels = {}
  for i = 1, n do
    labels[i] = i % 2 + 1
  end
  return {images = (gl.rand(n, 8, 8, 1) * 255):byte(), labels = gl.tensor(labels), count = n}
end

-- The integral over a grid.
local function mass(density, grid)
  return density:sum():item() * (grid.x[2] - grid.x[1]) * (grid.y[2] - grid.y[1]) / grid.size ^ 2
end

-- The density of N(mean, diag(variance)) at z: lists of numbers.
local function gaussian(z, mean, variance)
  local log_p = 0
  for i = 1, #z do
    log_p = log_p - ((z[i] - mean[i]) ^ 2 / variance[i] + math.log(2 * math.pi * variance[i])) / 2
  end
  return math.exp(log_p)
end

-- The coordinates of a grid's cell.
local function cell(grid, row, column)
  local h = (grid.x[2] - grid.x[1]) / grid.size
  return grid.x[1] + (column - 0.5) * h, grid.y[2] - (row - 0.5) * h
end

describe("posterior.of", function()
  it("is what the model says of all images, in their order, in chunks", function()
    local split = random_split(530)
    for _, kind in ipairs {"vae", "cvae"} do
      local space = latent.space(model_of(kind))
      local q = posterior.of(space, split, 520)
      local x = split.images:slice(1, 1, 520):float() / 255
      local mean, logvar = space.model:posterior(x, split.labels:slice(1, 1, 520))
      assert.same({520, 3}, q.mean.shape)
      near(0, (q.mean - mean):abs():max():item(), 1e-5)
      near(0, (q.logvar - logvar):abs():max():item(), 1e-5)
      assert.equal(520, #q.labels)
      assert.is_false(q.mean.requires_grad)
    end
  end)

  it("is what the model says in evaluation, whatever it was in", function()
    local model, training = model_of "vae", nil
    local space, said = latent.space(model), model.posterior
    function model:posterior(...)
      training = self.training
      return said(self, ...)
    end
    for _, before in ipairs {true, false} do
      model:train(before)
      posterior.of(space, random_split(5))
      assert.is_false(training)
      assert.equal(before, model.training)
    end
    model:train()
    model.posterior = function() error("no", 0) end
    assert.error_matches(function() posterior.of(space, random_split(5)) end, "no")
    assert.is_true(model.training)
    assert.is_true(gl.core.set_recording(true))
  end)

  it("of an autoencoder has no spread, and of a GAN there is none", function()
    local q = posterior.of(latent.space(model_of "autoencoder"), random_split(5))
    assert.same({5, 3}, q.mean.shape)
    assert.is_nil(q.logvar)
    assert.error_matches(function() posterior.units(q) end, "units: the model has no posterior")
    assert.error_matches(function() posterior.of(latent.space(model_of "gan"), random_split(5)) end,
      "posterior: a GAN has no encoder")
  end)
end)

describe("posterior.units", function()
  it("are measured as defined", function()
    local m, s2 = {{1, 0.5, 0}, {-1, 0.5, 0.1}, {3, 0.5, 0.19}}, {{0.5, 1, 0.9}, {0.25, 1, 0.8}, {0.125, 1, 0.7}}
    local units = posterior.units {mean = gl.tensor(m), logvar = gl.tensor(s2):log()}
    for u = 1, 3 do
      local kl, mean, square, spread = 0, 0, 0, 0
      for i = 1, 3 do
        kl = kl + (m[i][u] ^ 2 + s2[i][u] - 1 - math.log(s2[i][u])) / 2 / 3
        mean, square, spread = mean + m[i][u] / 3, square + m[i][u] ^ 2 / 3, spread + s2[i][u] / 3
      end
      near(kl, units.kl[u]:item(), 1e-6)
      near((square - mean ^ 2) * 3 / 2, units.activity[u]:item(), 1e-6)
      near(mean, units.mean[u]:item(), 1e-6)
      near(math.sqrt(square - mean ^ 2 + spread), units.std[u]:item(), 1e-6)
    end
    assert.same({true, false, false}, units.active) -- the third's is 0.009
    assert.equal(1, units.count)
  end)

  it("have together the KL of the model's loss", function()
    local model, split = model_of "vae", random_split(40)
    local q = posterior.of(latent.space(model), split)
    local loss = model:loss(split.images:float() / 255)
    near(loss.kl:item(), posterior.units(q).kl:sum():item(), 1e-4)
  end)

  it("need two images", function()
    assert.error_matches(function() posterior.units {mean = gl.zeros(1, 2), logvar = gl.zeros(1, 2)} end,
      "2 images or more, got 1")
  end)
end)

describe("planes", function()
  it("of axes have these as coordinates", function()
    local z = gl.tensor {{1, 2, 3}, {4, 5, 6}}
    assert.same({{3, 1}, {6, 4}}, posterior.project(z, posterior.axes(3, 3, 1)):totable())
    assert.error_matches(function() posterior.axes(3, 1, 4) end, "dimensions are 1 to 3, there is no 4")
    assert.error_matches(function() posterior.axes(3, 2, 2) end, "got 2 twice")
  end)
end)

describe("the aggregate posterior's density", function()
  -- an oblique plane in three dimensions, and the direction across it
  local plane = {
    mean = gl.tensor {0.3, -0.2, 0.1},
    axes = gl.tensor {{2 / 3, -2 / 3}, {2 / 3, 1 / 3}, {1 / 3, 2 / 3}},
  }
  local across = {1 / 3, -2 / 3, 2 / 3}
  local means, variances = {{0.5, 0, 0}, {-1, 0.5, 1}, {0, 1, -1}}, {{0.3, 0.1, 0.2}, {1, 0.5, 0.2}, {0.05, 0.6, 1}}
  local q = {mean = gl.tensor(means), logvar = gl.tensor(variances):log()}
  local grid = {x = {-5, 5}, y = {-5.5, 4.5}, size = 250}

  it("is the integral across the plane of the mean of the Gaussians", function()
    local density = posterior.density(q, plane, grid)
    assert.same({250, 250}, density.shape)
    local origin, axes = plane.mean:totable(), plane.axes:totable()
    for _, place in ipairs {{120, 130}, {100, 150}, {150, 90}, {80, 80}} do
      local a, b = cell(grid, place[1], place[2])
      local sum, step = 0, 0.01
      for t = -8, 8, step do
        local z = {}
        for i = 1, 3 do
          z[i] = origin[i] + a * axes[i][1] + b * axes[i][2] + t * across[i]
        end
        for n = 1, 3 do
          sum = sum + gaussian(z, means[n], variances[n]) * step / 3
        end
      end
      near(sum, density[place]:item(), 0.004 * sum + 1e-6) -- each Gaussian is widened by a cell's variance
    end
    near(1, mass(density, grid), 1e-3)
  end)

  it("loses nothing of Gaussians narrower than a cell", function()
    gl.seed(3)
    local narrow = {mean = gl.randn(500, 3) * 0.5, logvar = gl.full({500, 3}, -16)}
    local coarse = {x = {-4, 4}, y = {-4, 4}, size = 40}
    near(1, mass(posterior.density(narrow, plane, coarse), coarse), 0.02)
  end)

  it("is estimated with Silverman's kernels where there is no posterior", function()
    local points = {{-1, 0}, {1, 1}, {0, -2}, {0.5, 0.5}}
    local flat = posterior.axes(2, 1, 2)
    local density = posterior.density({mean = gl.tensor(points)}, flat, grid)
    local variance = {}
    for k = 1, 2 do
      local mean, square = 0, 0
      for _, p in ipairs(points) do
        mean, square = mean + p[k] / 4, square + p[k] ^ 2 / 4
      end
      variance[k] = (square - mean ^ 2) * (4 ^ (-1 / 6)) ^ 2
    end
    for _, place in ipairs {{120, 130}, {90, 110}} do
      local a, b = cell(grid, place[1], place[2])
      local sum = 0
      for _, p in ipairs(points) do
        sum = sum + gaussian({a, b}, p, variance) / 4
      end
      near(sum, density[place]:item(), 0.002 * sum)
    end
  end)
end)

describe("the prior's density", function()
  it("is a standard normal one for a VAE", function()
    local space = latent.space(model_of "vae")
    local grid = {x = {-5, 5}, y = {-5, 5}, size = 100}
    local density = posterior.prior_density(space, posterior.axes(3, 1, 3), grid)
    local a, b = cell(grid, 30, 60)
    near(gaussian({a, b}, {0, 0}, {1, 1}), density[{30, 60}]:item(), 2e-4)
    near(1, mass(density, grid), 1e-3)
  end)

  it("is the fitted Gaussian's for an autoencoder, on any plane", function()
    local model = model_of "autoencoder"
    model.latent_mean:copy_(gl.tensor {1, 2, 0})
    model.latent_std:copy_(gl.tensor {1, 2, 0.5})
    local space, grid = latent.space(model), {x = {-8, 8}, y = {-8, 8}, size = 160}
    local density = posterior.prior_density(space, posterior.axes(3, 2, 1), grid)
    local a, b = cell(grid, 70, 90)
    near(gaussian({a, b}, {2, 1}, {4, 1}), density[{70, 90}]:item(), 2e-4)
    local c = math.sqrt(0.5)
    local oblique = {mean = gl.zeros(3), axes = gl.tensor {{c, -c}, {c, c}, {0, 0}}}
    density = posterior.prior_density(space, oblique, grid)
    a, b = cell(grid, 70, 90)
    near(gaussian({(a - b) * c, (a + b) * c}, {1, 2}, {1, 4}), density[{70, 90}]:item(), 2e-4)
  end)
end)

describe("a fitted mixture's density", function()
  it("is that of its vectors on the plane", function()
    local Mixture = require "genlat.latent.mixture"
    gl.seed(6)
    local first = gl.randn(600, 3):matmul(gl.tensor {{1, 0.5, 0}, {0, 0.6, 0.3}, {0, 0, 0.4}})
    local z = gl.cat {first, gl.randn(200, 3) * 0.5 + gl.tensor {3, 0, 1}}
    local space, grid = latent.space(model_of "vae"), {x = {-5, 6}, y = {-5, 6}, size = 110}
    space.sampler = Mixture.fit(z, {components = 2})
    local plane = {mean = gl.tensor {0, 0, 1}, axes = gl.tensor {{0.6, 0}, {0.8, 0}, {0, 1}}}
    local density = posterior.prior_density(space, plane, grid)
    near(1, mass(density, grid), 2e-3)
    -- the share of many drawn vectors that lie in a square, and in a half plane
    local points = posterior.project(space:prior(40000), plane)
    local x, y = points:select(2, 1), points:select(2, 2)
    local inside = (x:ge(0) * x:lt(1) * y:ge(-1) * y:lt(0)):mean():item()
    near(inside, mass(density:slice(2, 51, 60):slice(1, 61, 70), {x = {0, 1}, y = {-1, 0}, size = 10}), 0.008)
    near(x:ge(1):mean():item(), density:slice(2, 61, 110):sum():item() * 0.01, 0.008)
  end)
end)

describe("the grid", function()
  it("is square and shows the prior and all but the outermost images", function()
    local space = latent.space(model_of("vae", 2))
    gl.seed(5)
    local z = gl.randn(2000, 2) * 0.1
    z[{1, 1}], z[{2, 2}] = 100, 5
    for i = 3, 12 do
      z[{i, 2}] = 6
    end
    local grid = posterior.grid(space, {mean = z}, posterior.axes(2, 1, 2), 50)
    assert.equal(50, grid.size)
    near(-3.2, grid.y[1], 1e-5)
    near(6, grid.y[2], 1e-5)
    near(grid.y[2] - grid.y[1], grid.x[2] - grid.x[1], 1e-5)
    near(0, grid.x[1] + grid.x[2], 1e-5)
  end)
end)

describe("the overlap", function()
  it("of two Gaussians is what the normal distribution says", function()
    local grid = {x = {-5, 8}, y = {-6.5, 6.5}, size = 200}
    local function at(x) -- N((x, 0), I)
      return posterior.density({mean = gl.tensor {{x, 0}}, logvar = gl.zeros(1, 2)}, posterior.axes(2, 1, 2), grid)
    end
    near(1, posterior.overlap(at(0), at(0), grid), 1e-3)
    near(2 * 0.1586553, posterior.overlap(at(0), at(2), grid), 2e-3) -- 2 P(X > 1)
  end)
end)
