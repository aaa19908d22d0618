-- Anomaly scores, compared with models that are known by heart.
local gl = require "genlat"
local networks = require "genlat.models.networks"
local latent, anomaly = gl.latent, gl.latent.anomaly

local function near(a, b, tolerance)
  local off = (a - b):abs():max():item()
  assert.is_true(off <= (tolerance or 1e-4), ("off by %g"):format(off))
end

-- A model of 2 x 2 images that gives back pixels of these values, whatever it sees and whatever z.
local function constant(kind, pixels, likelihood)
  local model = gl.models[kind] {image = {2, 2, 1}, hidden = {}, latent = 2, likelihood = likelihood}
  gl.no_grad(function()
    local p = gl.tensor(pixels)
    model.decoder:parameters()[1]:zero_()
    model.decoder:parameters()[2]:copy_(likelihood == "gaussian" and p or (p / (1 - p)):log())
  end)
  return latent.space(model)
end

local PIXELS = {0.1, 0.9, 0.5, 0.3}

describe("anomaly.score", function()
  local x
  before_each(function()
    gl.seed(2)
    x = gl.rand(6, 2, 2, 1)
  end)

  it("is the squared error, 1 - the correlation, and the likelihood of what the model makes of an image", function()
    local space = constant("autoencoder", PIXELS, "bernoulli")
    local mse, correlation, nats = {}, {}, {}
    for n, row in ipairs(x:flatten(2):totable()) do
      local squares, cost, mx, mp, xp, xx, pp = 0, 0, 0, 0.45, 0, 0, 0
      for _, v in ipairs(row) do mx = mx + v / 4 end
      for i, v in ipairs(row) do
        local p = PIXELS[i]
        squares, cost = squares + (v - p) ^ 2 / 4, cost - v * math.log(p) - (1 - v) * math.log(1 - p)
        xp, xx, pp = xp + (v - mx) * (p - mp), xx + (v - mx) ^ 2, pp + (p - mp) ^ 2
      end
      mse[n], nats[n], correlation[n] = squares, cost, 1 - xp / math.sqrt(xx * pp)
    end
    near(gl.tensor(mse), anomaly.score(space, x, {method = "mse"}), 1e-6)
    near(gl.tensor(nats), anomaly.score(space, x, {method = "reconstruction"}))
    near(gl.tensor(correlation), anomaly.score(space, x, {method = "correlation"}))
  end)

  it("does not mind ink and contrast with correlation, nor stumble over an empty image", function()
    local space = constant("autoencoder", PIXELS, "bernoulli")
    local fainter = gl.cat {x, x * 0.5 + 0.25, gl.zeros(1, 2, 2, 1)}
    local scores = anomaly.score(space, fainter, {method = "correlation"})
    near(scores:slice(1, 1, 6), scores:slice(1, 7, 12), 1e-5)
    near(gl.tensor {1}, scores:slice(1, 13, 13), 1e-6)
  end)

  it("has a deviance of 0 for a perfect reconstruction, however grey", function()
    for _, likelihood in ipairs {"bernoulli", "gaussian"} do
      local space = constant("autoencoder", PIXELS, likelihood)
      local scores = anomaly.score(space, gl.cat {gl.tensor(PIXELS):reshape(1, 2, 2, 1), x}, {method = "deviance"})
      near(gl.zeros(1), scores:slice(1, 1, 1), 1e-4)
      assert.is_true(scores:slice(1, 2, 7):min():item() > 0.01)
    end
  end)

  it("is -ELBO, of which the training loss is an estimate, and deviance that less the pixels' entropy", function()
    local vae = gl.models.vae {image = {2, 2, 1}, hidden = {8}, latent = 2}
    local space = latent.space(vae)
    local scores = anomaly.score(space, x, {method = "elbo", samples = 4000})
    gl.no_grad(function()
      gl.seed(5)
      local many = x:unsqueeze(1):expand(4000, 6, 2, 2, 1):reshape(24000, 2, 2, 1)
      near(networks.elbo(vae, many).loss, scores:mean(), 0.01)
    end)
    local entropy = -(x * x:log() + (1 - x) * (1 - x):log()):flatten(2):sum(2)
    local deviance = anomaly.score(space, x, {method = "deviance", samples = 4000})
    near(scores - entropy, deviance, 1e-3)
  end)

  it("is at the best vector by inversion", function()
    local space = latent.space(gl.models.gan {image = {2, 2, 1}, hidden = {6}, latent = 2})
    local scores = anomaly.score(space, x, {steps = 30})
    gl.seed(1)
    near(latent.invert(space, x, {steps = 30, restarts = 4}).loss, scores, 1e-3)
    local vae = constant("vae", PIXELS, "bernoulli") -- z = 0 is the best: only the deviance is left
    near(anomaly.score(constant("autoencoder", PIXELS, "bernoulli"), x, {method = "deviance"}),
      anomaly.score(vae, x, {method = "inversion", steps = 100}), 0.01)
  end)

  it("asks a conditional model for each class that it knows", function()
    local model = gl.models.cvae {image = {2, 2, 1}, hidden = {8}, latent = 2, classes = 3}
    local space = latent.space(model, {data = {classes = {"a", "b", "c"}}})
    local each, mse = {}, {}
    for label = 1, 3 do
      local labels = gl.full({6}, label)
      each[label] = latent.invert(space, x, {method = "encoder", labels = labels, lambda = 0}).loss
      mse[label] = latent.invert(space, x, {method = "encoder", labels = labels}).mse
    end
    local function mixture(list) return math.log(#list) - (-gl.core.stack(list, 2)):logsumexp(2) end
    near(mixture(each), anomaly.score(space, x, {method = "reconstruction"}))
    near(gl.core.stack(mse, 2):min(2), anomaly.score(space, x, {method = "mse"}), 1e-6)
    space.notes = {options = {without = "b"}}
    assert.same({1, 3}, anomaly.classes(space))
    near(mixture {each[1], each[3]}, anomaly.score(space, x, {method = "reconstruction"}))
    assert.is_nil(anomaly.classes(constant("vae", PIXELS, "bernoulli")))
  end)

  it("takes images as a split has them, in chunks, the same for equal seeds", function()
    local space = latent.space(gl.models.vae {image = {2, 2, 1}, hidden = {8}, latent = 2})
    local bytes = (gl.rand(450, 2, 2, 1) * 255):byte()
    local function score(options) return anomaly.score(space, bytes, options) end
    near(score {method = "mse"}, anomaly.score(space, bytes:float() / 255, {method = "mse"}), 1e-6)
    local seen, before = {}, {gl.rng_state()}
    local first = score {method = "elbo", progress = function(done, total) seen[#seen + 1] = done .. "/" .. total end}
    assert.same({"200/450", "400/450", "450/450"}, seen)
    near(first, score {method = "elbo"}, 0)
    assert.is_true((first - score {method = "elbo", seed = 2}):abs():max():item() > 1e-3)
    assert.same(before, {gl.rng_state()})
  end)

  it("knows what each kind of model can be scored by", function()
    local function methods(kind, more)
      return anomaly.methods(latent.space(gl.models[kind] {image = {2, 2, 1}, hidden = {4}, classes = more}))
    end
    assert.same({"mse", "correlation", "reconstruction", "elbo", "deviance", "inversion"}, methods "vae")
    assert.same({"mse", "correlation", "reconstruction", "deviance", "inversion"}, methods "autoencoder")
    assert.same({"inversion"}, methods "gan")
    local gan = latent.space(gl.models.gan {image = {2, 2, 1}, hidden = {4}})
    assert.same({"inversion"}, anomaly.quick_methods(gan))
    assert.same({"mse", "correlation", "reconstruction", "deviance"},
      anomaly.quick_methods(latent.space(gl.models.autoencoder {image = {2, 2, 1}, hidden = {4}})))
    assert.error_matches(function() anomaly.score(gan, x, {method = "elbo"}) end,
      "of a GAN method is inversion, not elbo")
    local vae = constant("vae", PIXELS, "bernoulli")
    assert.error_matches(function() anomaly.score(vae, x, {samples = 0}) end, "samples is a whole number from 1, not 0")
    assert.error_matches(function() anomaly.score(vae, gl.zeros(1, 3, 2, 1)) end,
      "expected images N x 2 x 2 x 1, got 1x3x2x1")
  end)
end)

describe("anomaly.detection", function()
  it("is what the scores of each method are worth, and the share of the class", function()
    local found, share = anomaly.detection({a = {3, 1, 2, 0}, b = {0, 1, 2, 3}}, {4, 1, 4, 2}, 4)
    assert.same({auroc = 1, precision = 1}, found.a)
    assert.same({auroc = 0.25, precision = 0.5}, found.b)
    assert.equal(0.5, share)
    local other = anomaly.detection({a = {3, 1, 2, 0}, b = {0, 1, 2, 3}}, {4, 1, 4, 2}, 2)
    assert.same({a = {auroc = 0.5, precision = 0.625}, b = {auroc = 0.625, precision = 0.75}},
      anomaly.mean_detection {found, other})
  end)
end)
