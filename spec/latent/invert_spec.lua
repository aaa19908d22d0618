-- Finding latent vectors, compared with linear decoders, whose most probable vectors are known.
local gl = require "genlat"
local latent = gl.latent

local function near(a, b, tolerance)
  local off = (a - b):abs():max():item()
  assert.is_true(off <= (tolerance or 1e-4), ("off by %g"):format(off))
end

local W, B, VARIANCE = {{0.5, 0.1}, {-0.3, 0.2}, {0.2, 0.4}, {0.1, -0.6}}, {0.5, 0.4, 0.6, 0.5}, 0.02

-- A model of 2 x 2 images whose decoder is W z + B, with Gaussian noise.
local function linear(kind)
  local model = gl.models[kind] {image = {2, 2, 1}, hidden = {}, latent = 2, likelihood = "gaussian"}
  gl.no_grad(function()
    model.decoder:parameters()[1]:copy_(gl.tensor(W))
    model.decoder:parameters()[2]:copy_(gl.tensor(B))
    model.pixel_logvar:copy_(gl.tensor {math.log(VARIANCE)})
  end)
  return model
end

-- The z that minimizes |x - (W z + B)|^2 / (2 VARIANCE) + lambda |z|^2 / 2, of W = w, B = b.
local function most_probable(x, w, b, lambda)
  local list = {}
  for n, row in ipairs(x:flatten(2):totable()) do
    local a, c, d, e, f = lambda, 0, lambda, 0, 0 -- (W'W / VARIANCE + lambda) z = W'(x - b) / VARIANCE
    for i, value in ipairs(row) do
      local u, v, r = w[i][1], w[i][2], (value - b[i]) / VARIANCE
      a, c, d = a + u * u / VARIANCE, c + u * v / VARIANCE, d + v * v / VARIANCE
      e, f = e + u * r, f + v * r
    end
    local determinant = a * d - c * c
    list[n] = {(d * e - c * f) / determinant, (a * f - c * e) / determinant}
  end
  return gl.tensor(list)
end

describe("invert", function()
  local x
  before_each(function()
    gl.seed(1)
    x = gl.rand(5, 2, 2, 1)
  end)

  it("finds the most probable vector of a linear decoder, from any start", function()
    local space = latent.space(linear "vae")
    for _, lambda in ipairs {1, 5} do
      local truth = most_probable(x, W, B, lambda)
      for _, method in ipairs {"optimize", "both"} do
        local found = latent.invert(space, x, {method = method, lambda = lambda, restarts = 2})
        near(truth, found.z, 1e-3)
        near(space:decode(truth), found.images, 1e-3)
        near((found.images - x):square():flatten(2):mean(2), found.mse, 1e-6)
        near(found.mse:log() * (-10 / math.log(10)), found.psnr, 1e-3)
      end
    end
  end)

  it("measures the prior of an autoencoder by the Gaussian fitted to its vectors", function()
    local model, mean, std = linear "autoencoder", {1, -2}, {0.5, 3}
    gl.no_grad(function() model.latent_mean:copy_(gl.tensor(mean)) model.latent_std:copy_(gl.tensor(std)) end)
    local w, b = {}, {}
    for i, row in ipairs(W) do -- W (mean + std e) + B in the coordinates e
      w[i] = {row[1] * std[1], row[2] * std[2]}
      b[i] = B[i] + row[1] * mean[1] + row[2] * mean[2]
    end
    local truth = gl.tensor(mean) + gl.tensor(std) * most_probable(x, w, b, 1)
    near(truth, latent.invert(latent.space(model), x, {method = "optimize"}).z, 3e-3)
  end)

  it("gives what the encoder says, and its loss", function()
    local model = linear "vae"
    local space = latent.space(model)
    local found = latent.invert(space, x, {method = "encoder"})
    near(space:encode(x), found.z, 1e-6)
    local squares = (x:flatten(2) - (found.z:matmul(gl.tensor(W):t()) + gl.tensor(B))):square():sum(2)
    local constant = 2 * math.log(2 * math.pi * VARIANCE)
    near(squares / (2 * VARIANCE) + constant + found.z:square():sum(2) / 2, found.loss, 1e-3)
    assert.is_nil(found.trace)
  end)

  it("traces a loss that only falls, to the one that it returns", function()
    local space = latent.space(gl.models.gan {image = {8, 8, 1}, hidden = {16}, latent = 3})
    local found = latent.invert(space, gl.rand(4, 8, 8, 1), {steps = 20, restarts = 3})
    assert.same({21, 4}, found.trace.shape)
    assert.is_true((found.trace:slice(1, 2, 21) - found.trace:slice(1, 1, 20)):max():item() <= 0)
    assert.is_true((found.trace[1] - found.trace[21]):min():item() > 0)
    near(found.trace[21], found.loss, 1e-6)
    assert.same({4, 8, 8, 1}, found.images.shape)
  end)

  it("takes the class with which an image is explained best, of those allowed", function()
    local model = gl.models.cvae {image = {2, 2, 1}, hidden = {}, latent = 2, classes = 3, likelihood = "gaussian"}
    gl.no_grad(function() -- pixels are 0.2, 0.5 or 0.8 by the class, whatever z
      model.decoder:parameters()[1]:copy_(gl.tensor {{0, 0, 0.2, 0.5, 0.8}}:expand(4, 5))
      model.decoder:parameters()[2]:zero_()
    end)
    local space = latent.space(model)
    local grey = gl.tensor {0.79, 0.18, 0.5}:reshape(3, 1, 1, 1):expand(3, 2, 2, 1):clone()
    for _, method in ipairs {"encoder", "optimize", "both"} do
      local found = latent.invert(space, grey, {method = method, steps = 5})
      assert.same({3, 1, 2}, found.labels:totable())
      near(gl.tensor {0.8, 0.2, 0.5}, found.images:flatten(2):mean(2), 1e-5)
    end
    assert.same({2, 1, 2}, latent.invert(space, grey, {method = "encoder", classes = {1, 2}}).labels:totable())
    assert.same({3, 3, 3}, latent.invert(space, grey, {method = "encoder", labels = 3}).labels:totable())
  end)

  it("finds the best start also where the loss of others is not a number", function()
    local Root = gl.nn.class "Root" -- has no image for vectors with a negative number
    Root.prior = "normal"
    function Root:init()
      rawset(self, "config", {image = {1, 2, 1}})
      self.latent = 2
    end
    Root.decode = function(_, z) return z:sqrt():reshape(#z, 1, 2, 1) end
    local images = gl.tensor {0.7, 1, 0.6, 0.9}:reshape(2, 1, 2, 1)
    local found = latent.invert(latent.space(Root()), images, {restarts = 40, steps = 200, lambda = 0})
    near(images, found.images, 0.02)
    assert.is_true(found.trace[1]:max():item() < math.huge)
    near(found.trace[201], found.loss, 1e-6)
  end)

  it("gives equal results for equal seeds, and each image its own", function()
    local space = latent.space(gl.models.vae {image = {4, 4, 1}, hidden = {8}, latent = 2})
    local images = gl.rand(300, 4, 4, 1)
    local function find(seed, method, y)
      gl.seed(seed)
      return latent.invert(space, y or images, {method = method, steps = 4, restarts = 8}).z
    end
    near(find(3, "optimize"), find(3, "optimize"), 0)
    assert.is_true((find(3, "optimize") - find(4, "optimize")):abs():max():item() > 1e-3)
    -- in more than one chunk as alone
    near(find(3, "both"):slice(1, 257, 257), find(3, "both", images:slice(1, 257, 257)), 1e-5)
  end)

  it("leaves the model as it was, trainable and without gradients", function()
    local model = gl.models.gan {image = {4, 4, 1}, hidden = {8}, latent = 2}
    model.discriminator:freeze()
    local before, trainable = {}, {}
    for i, p in ipairs(model:parameters()) do
      before[i], trainable[i] = p:detach():clone(), p.requires_grad
    end
    local space = latent.space(model)
    latent.invert(space, gl.rand(2, 4, 4, 1), {steps = 3})
    local failed = pcall(latent.invert, space, gl.rand(2, 4, 4, 1), {steps = 3, progress = function() error "no" end})
    assert.is_false(failed)
    for i, p in ipairs(model:parameters()) do
      near(before[i], p:detach(), 0)
      assert.equal(trainable[i], p.requires_grad)
      assert.is_nil(p.grad)
    end
    assert.is_true(gl.core.set_recording(true))
  end)

  it("tells how far it has come", function()
    local seen = {}
    latent.invert(latent.space(linear "vae"), gl.rand(1500, 2, 2, 1), {steps = 2, progress = function(done, total)
      seen[#seen + 1] = done .. "/" .. total
    end})
    assert.same({"0/4", "1/4", "2/4", "2/4", "3/4", "4/4"}, seen)
  end)

  it("says what it cannot do", function()
    local vae, gan = latent.space(linear "vae"), latent.space(gl.models.gan {image = {2, 2, 1}, hidden = {4}})
    for _, case in ipairs {
      {vae, {method = "guess"}, "method is encoder, optimize or both, not guess"},
      {gan, {method = "both"}, "a GAN has no encoder: method is optimize"},
      {vae, {steps = 0}, "steps is a whole number from 1, not 0"},
      {vae, {restarts = 2.5}, "restarts is a whole number from 1, not 2.5"},
      {vae, {lambda = -1}, "lambda is a number from 0, not %-1"},
    } do
      assert.error_matches(function() latent.invert(case[1], x, case[2]) end, case[3])
    end
    local cvae = latent.space(gl.models.cvae {image = {2, 2, 1}, hidden = {4}, latent = 2, classes = 3})
    for shape, labels in pairs {["4"] = gl.ones(4), ["5x1"] = gl.ones(5, 1), ["10"] = gl.ones(10)} do
      for _, method in ipairs {"encoder", "optimize"} do
        assert.error_matches(function() latent.invert(cvae, x, {method = method, labels = labels}) end,
          "invert: labels are 5, one an image, these are " .. shape .. "$")
      end
    end
    assert.error_matches(function() latent.invert(vae, gl.zeros(1, 3, 2, 1)) end,
      "expected images N x 2 x 2 x 1, got 1x3x2x1")
  end)
end)

describe("typicality", function()
  local function space_of(d) return latent.space(gl.models.vae {image = {2, 2, 1}, hidden = {2}, latent = d}) end
  local function along(d, length)
    local z = gl.zeros(1, d)
    z[{1, 1}] = length
    return z
  end

  it("finds vectors that are too short or too long unusual", function()
    local space = space_of(20)
    local function share(length) return latent.typicality(space, along(20, length)).share:item() end
    assert.equal(0, share(0))
    assert.equal(0, share(9))
    assert.is_true(share(1.5) < 0.001)
    assert.is_true(share(math.sqrt(19)) > 0.98) -- the chi density's mode is at sqrt(d - 1)
  end)

  it("knows that in one dimension nothing is too short", function()
    local found = latent.typicality(space_of(1), along(1, 0))
    assert.is_true(found.share:item() > 0.99)
    assert.is_true(found.least < 0.01)
    near(gl.tensor {1.96}, gl.tensor {found.most}, 0.05)
    near(gl.tensor {0.3173}, latent.typicality(space_of(1), along(1, 1)).share, 0.02)
  end)

  it("calls 5 % of draws unusual, those outside the range", function()
    local space = space_of(6)
    gl.seed(7)
    local z = space:prior(4000)
    local found = latent.typicality(space, z)
    near(gl.tensor {0.05}, found.share:lt(0.05):mean(), 0.015)
    near(gl.tensor {0.5}, found.share:mean(), 0.03) -- shares of draws are uniform
    local outside = found.length:lt(found.least) + found.length:gt(found.most)
    assert.is_true((outside - found.share:lt(0.05)):abs():mean():item() < 0.002)
  end)

  it("measures an autoencoder's vectors in standard deviations, and leaves random numbers alone", function()
    local model = linear "autoencoder"
    gl.no_grad(function() model.latent_mean:copy_(gl.tensor {5, 5}) model.latent_std:copy_(gl.tensor {2, 4}) end)
    local before = {gl.rng_state()}
    local found = latent.typicality(latent.space(model), gl.tensor {{7, 5}, {5, 17}})
    near(gl.tensor {1, 3}, found.length, 1e-5)
    near(gl.tensor {1, math.exp(-4.5)}, found.share, 0.01) -- of 2: P(r > 3) = e^-4.5, and r = 1 is the mode
    assert.same(before, {gl.rng_state()})
  end)
end)
