-- genlat.metrics, compared with the values of spec/fixtures/metrics.py and with cases that are known exactly.
local gl = require "genlat"
local json = require "genlat.json"
local networks = require "genlat.models.networks"
local Split = require "genlat.data.split"
local metrics, nn = gl.metrics, gl.nn

local fixtures
setup(function()
  local file = assert(io.open "spec/fixtures/metrics.json")
  fixtures = assert(json.decode(file:read "a"))
  file:close()
end)

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function rows(list, n) return gl.tensor(list):reshape(n, -1) end

describe("frechet", function()
  it("agrees with scipy", function()
    for _, case in ipairs(fixtures.frechet) do
      local distance = metrics.frechet(rows(case.a, case.n), rows(case.b, case.n))
      near(case.distance, distance, 1e-5 * case.distance)
    end
  end)

  it("is 0 between equal sets, and the squared distance between shifted ones", function()
    gl.seed(3)
    local x = gl.randn(500, 10)
    near(0, metrics.frechet(x, x), 1e-9)
    near(10 * 0.25, metrics.frechet(x, x + 0.5), 1e-4)
  end)

  it("is symmetric, and takes moments for features", function()
    gl.seed(4)
    local a, b = gl.randn(2500, 5) * 2 + 100, gl.randn(1300, 5)
    local distance = metrics.frechet(a, b)
    near(distance, metrics.frechet(b, a), 1e-8 * distance)
    near(distance, metrics.frechet(metrics.moments(a), metrics.moments(b)), 1e-12 * distance)
  end)

  it("keeps its digits where features are far from 0, huge or tiny", function()
    gl.seed(5)
    local a, b = (gl.randn(400, 6) * 64):round() / 64, (gl.randn(400, 6) * 64):round() / 32 -- exact, also shifted
    local distance = metrics.frechet(a, b)
    near(distance, metrics.frechet(a + 4096, b + 4096), 1e-9 * distance)
    for _, size in ipairs {2.0 ^ -100, 2.0 ^ 100} do
      near(distance, metrics.frechet(a * size, b * size) / size / size, 1e-9 * distance)
    end
  end)

  it("is NaN where features are not finite", function()
    local x, y = gl.randn(5, 2), gl.randn(5, 2)
    for _, value in ipairs {0 / 0, math.huge} do
      x[{2, 1}] = value
      for _, pair in ipairs {{x, y}, {y, x}} do
        local distance = metrics.frechet(pair[1], pair[2])
        assert.is_true(distance ~= distance)
      end
    end
  end)

  it("takes 512 features in seconds", function()
    gl.seed(6)
    local began = os.clock()
    metrics.frechet(gl.randn(600, 512), gl.randn(600, 512))
    assert.is_true(os.clock() - began < 5)
  end)

  it("explains what does not fit", function()
    assert.error_matches(function() metrics.frechet(gl.zeros(4, 2), gl.zeros(4, 3)) end,
      "frechet: the features have 2 and 3 dimensions")
    assert.error_matches(function() metrics.moments(gl.zeros(4)) end, "moments: expected rows of numbers")
  end)
end)

describe("precision_recall", function()
  it("agrees with all distances compared one by one", function()
    for _, case in ipairs(fixtures.neighbours) do
      local precision, recall = metrics.precision_recall(rows(case.real, case.n), rows(case.fake, case.n), case.k)
      near(case.precision, precision, 1e-9)
      near(case.recall, recall, 1e-9)
    end
  end)

  it("is 1 between equal sets and 0 between sets that lie apart", function()
    gl.seed(5)
    local x = gl.randn(300, 4)
    assert.same({1.0, 1.0}, {metrics.precision_recall(x, x)})
    assert.same({0.0, 0.0}, {metrics.precision_recall(x, x + 100)})
  end)

  it("tells missing modes from bad images", function()
    gl.seed(6)
    local two_modes = gl.cat {gl.randn(200, 4), gl.randn(200, 4) + 50}
    local precision, recall = metrics.precision_recall(two_modes, gl.randn(400, 4))
    assert.is_true(precision > 0.8)
    assert.is_true(recall < 0.55)
  end)

  it("does not mind where the features lie, nor points that are the same", function()
    gl.seed(7)
    local a, b = gl.randn(100, 4), gl.randn(100, 4)
    local far = 1000 -- rounds the features themselves, to 2^-14
    local p, r = metrics.precision_recall(a, b)
    local p2, r2 = metrics.precision_recall(a + far, b + far)
    near(p, p2, 0.021)
    near(r, r2, 0.021)
    assert.same({1.0, 1.0}, {metrics.precision_recall(gl.ones(9, 2), gl.ones(9, 2))})
  end)

  it("wants more points than neighbours", function()
    assert.error_matches(function() metrics.precision_recall(gl.zeros(3, 2), gl.zeros(9, 2)) end,
      "k is a whole number from 1 to less than the number of features, 3, not 3")
  end)
end)

describe("classifier_score", function()
  it("agrees with numpy", function()
    for _, case in ipairs(fixtures.score) do
      near(case.score, metrics.classifier_score(rows(case.logits, case.n)), 1e-5)
    end
  end)

  it("is 1 where all look alike, and the number of classes where they are distinct and equally common", function()
    near(1, metrics.classifier_score(gl.ones(50, 10)), 1e-6)
    local labels = networks.labels_in_turn(50, 10)
    near(10, metrics.classifier_score(labels:one_hot(10) * 1000), 1e-4)
  end)
end)

describe("classes", function()
  local labels = gl.tensor {1, 1, 1, 2, 2, 2, 2, 2, 2, 4}

  it("are counted", function()
    for class, share in ipairs {0.3, 0.6, 0, 0.1} do
      near(share, metrics.class_shares(labels, 4)[class], 1e-12)
    end
  end)

  it("are covered from the least share on", function()
    assert.equal(3 / 4, metrics.modes_covered(labels, 4))
    assert.equal(2 / 4, metrics.modes_covered(labels, 4, 0.2))
    assert.equal(1, metrics.modes_covered(gl.tensor {1, 2}, 2))
  end)

  it("are refused where a label is none of them", function()
    for _, label in ipairs {0, 5, -1, 1.5, 0 / 0} do
      local ok, message = pcall(function() metrics.class_shares(gl.tensor {1, label}, 4) end)
      assert.is_false(ok)
      assert.matches("^spec/metrics_spec.lua:%d+: class_shares: label 2 is .*, classes are whole numbers from 1 to 4$",
        message)
    end
  end)

  it("differ by their total variation", function()
    assert.equal(0, metrics.variation({0.5, 0.5}, {0.5, 0.5}))
    assert.equal(1, metrics.variation({1, 0}, {0, 1}))
  end)
end)

describe("mse, psnr and ssim", function()
  it("agree with scikit-image", function()
    for _, case in ipairs(fixtures.images) do
      local a, b = gl.tensor(case.a):reshape(case.shape), gl.tensor(case.b):reshape(case.shape)
      near(case.mse, metrics.mse(a, b):item(), 1e-7)
      near(case.psnr, metrics.psnr(a, b):item(), 1e-4)
      near(case.ssim, metrics.ssim(a, b):item(), 2e-5)
    end
  end)

  it("are numbers for each image", function()
    local a = gl.rand(3, 12, 12, 2)
    local b = gl.cat {a:slice(1, 1, 1), gl.rand(2, 12, 12, 2)}
    local ssim, psnr = metrics.ssim(a, b), metrics.psnr(a, b)
    assert.same({3}, ssim.shape)
    near(1, ssim[1]:item(), 1e-5)
    assert.equal(math.huge, psnr[1]:item())
    assert.is_true(ssim[2]:item() < 0.9 and psnr[2]:item() < 20)
  end)

  it("explain what does not fit", function()
    assert.error_matches(function() metrics.ssim(gl.zeros(1, 8, 8, 1), gl.zeros(1, 8, 8, 1)) end,
      "ssim: the window is 11 x 11, the images are 8 x 8")
    assert.error_matches(function() metrics.mse(gl.zeros(1, 8, 8, 1), gl.zeros(1, 8, 9, 1)) end,
      "mse: expected two batches of images N x H x W x C of one shape, got 1x8x8x1 and 1x8x9x1")
  end)
end)

-- z ~ N(0, 1), x = w z + b + noise of variance s2, two pixels: so x ~ N(b, w w' + s2), and the posterior is known.
local W, B, S2 = {0.4, -0.3}, {0.5, 0.6}, 0.05

local function log_density(x)
  local s11, s22, s12 = W[1] ^ 2 + S2, W[2] ^ 2 + S2, W[1] * W[2]
  local d1, d2, det = x[1] - B[1], x[2] - B[2], s11 * s22 - s12 ^ 2
  return -math.log(2 * math.pi) - math.log(det) / 2 - (s22 * d1 ^ 2 - 2 * s12 * d1 * d2 + s11 * d2 ^ 2) / det / 2
end

local Toy = nn.class "Toy"
function Toy:init(shift, widen) -- how far q is off the posterior
  rawset(self, "config", {likelihood = "gaussian", beta = 1})
  self.latent, self.pixel_logvar, self.shift, self.widen = 1, gl.tensor {math.log(S2)}, shift, widen
end
function Toy:posterior(x)
  local variance = 1 / (1 + (W[1] ^ 2 + W[2] ^ 2) / S2)
  local mean = ((x:flatten(2) - gl.tensor(B)):matmul(gl.tensor(W):unsqueeze(2))) * (variance / S2)
  return mean + self.shift, gl.full({#x, 1}, math.log(variance * self.widen))
end
function Toy.decode_output(_, z) return z * gl.tensor(W) + gl.tensor(B) end

describe("log_likelihood", function()
  local split = Split.new(gl.tensor({{10, 200}, {128, 153}, {255, 0}, {60, 70}}, {dtype = "uint8"}):reshape(4, 2, 1, 1))
  local exact = {}
  for i, pixels in ipairs {{10, 200}, {128, 153}, {255, 0}, {60, 70}} do
    exact[i] = log_density {pixels[1] / 255, pixels[2] / 255}
  end
  local mean = (exact[1] + exact[2] + exact[3] + exact[4]) / 4

  it("is exact with one sample where q is the posterior", function()
    local got = metrics.log_likelihood(Toy(0, 1), split, {samples = 1})
    near(mean, got, 1e-4)
    near(mean, metrics.elbo(Toy(0, 1), split).elbo, 0.5)
  end)

  it("comes to the true value from below where it is not", function()
    local toy = Toy(0.1, 3)
    local got, standard_error, all = metrics.log_likelihood(toy, split, {samples = 5000})
    near(mean, got, 0.02)
    assert.equal(4, #all)
    near(0, standard_error - math.sqrt(((exact[1] - mean) ^ 2 + (exact[2] - mean) ^ 2 + (exact[3] - mean) ^ 2
      + (exact[4] - mean) ^ 2) / 3 / 4), 0.02)
    gl.seed(1)
    local x, bound = gl.rand(2000, 2, 1, 1), {}
    for i, samples in ipairs {1, 5, 50} do
      toy.config.samples = samples
      bound[i] = -networks.iwae_bound(toy, x).loss:item()
    end
    local sum = 0
    for _, pixels in ipairs(x:flatten(2):totable()) do
      sum = sum + log_density(pixels) / #x
    end
    assert.is_true(bound[1] < bound[2] and bound[2] < bound[3] and bound[3] < sum + 0.01)
    near(sum, bound[3], 0.1)
  end)

  it("gives a conditional model the labels", function()
    local data = gl.data.load("digits", {train = 10, test = 20})
    local cvae = gl.models.cvae {hidden = {8}, latent = 2}
    local got = metrics.log_likelihood(cvae, data.test, {samples = 50})
    near(-math.log(2) * 784, got, 30) -- an untrained decoder's pixels are 1/2, or nearly
    local swapped = gl.models.cvae {hidden = {8}, latent = 2}
    swapped:load_state_dict(cvae:state_dict())
    local posterior = swapped.posterior
    rawset(swapped, "posterior", function(self, x, labels) return posterior(self, x, 11 - labels) end)
    assert.is_true(metrics.log_likelihood(swapped, data.test, {samples = 50}) ~= got)
  end)

  it("takes as many images as asked for, and leaves random numbers and the model as they were", function()
    local toy = Toy(0, 1):train()
    gl.seed(3)
    local before = {gl.rng_state()}
    local _, _, all = metrics.log_likelihood(toy, split, {samples = 10, images = 3})
    assert.equal(3, #all)
    assert.same(before, {gl.rng_state()})
    assert.is_true(toy.training)
    local seen = {}
    metrics.log_likelihood(toy, split, {samples = 10, progress = function(...) seen = {...} end})
    assert.same({4, 4}, seen)
  end)
end)

describe("a VAE's bound of several samples", function()
  it("is above the ELBO, and trains all parameters", function()
    gl.seed(4)
    local x = gl.rand(16, 28, 28, 1):round()
    local vae = gl.models.vae {hidden = {30}, latent = 4, samples = 20, unit = "tanh"}
    assert.matches("Tanh", tostring(vae))
    local loss = vae:loss(x)
    assert.is_true(loss.loss:item() < networks.elbo(vae, x).loss:item() + 0.5)
    loss.loss:backward()
    for _, parameter in ipairs(vae:parameters()) do
      assert.is_true(parameter.grad:abs():max():item() > 0)
    end
  end)

  it("weights the samples' gradients by their shares of the likelihood", function()
    gl.seed(5)
    local x = gl.rand(3, 28, 28, 1):round()
    local vae = gl.models.vae {hidden = {10}, latent = 2, samples = 4}
    local function gradient(loss_of)
      gl.seed(6)
      vae:zero_grad()
      loss_of():backward()
      return vae.mean.weight.grad:clone()
    end
    local direct = gradient(function() return vae:loss(x).loss end)
    local weighted = gradient(function() -- Burda et al. 2016, eq. 13
      local log_w = networks.log_weights(vae, x, 4)
      return -(log_w:detach():softmax(2) * log_w):sum(2):mean()
    end)
    near(0, (direct - weighted):abs():max():item(), 1e-4 * direct:abs():max():item())
  end)

  it("wants a whole number, and a beta of 1", function()
    assert.error_matches(function() gl.models.vae {samples = 0} end,
      "vae: samples is a whole number from 1 to 16777216, not 0")
    assert.error_matches(function() gl.models.vae {samples = 2, beta = 4} end, "beta is 1, not 4")
    assert.error_matches(function() gl.models.vae {unit = "sine"} end, "vae: unit is relu or tanh, not sine")
  end)
end)

describe("auroc and average_precision", function()
  it("agree with what can be counted by hand, ties included", function()
    near(0.875, metrics.auroc({3, 2, 2, 1}, {1, 1, 0, 0}), 1e-12) -- of 4 pairs 3 right and a tie
    near(0.75, metrics.auroc({0.1, 0.4, 0.35, 0.8}, {0, 0, 1, 1}), 1e-12)
    near(0.5, metrics.auroc({7, 7, 7}, {1, 0, 0}), 1e-12)
    near(0, metrics.auroc({1, 2, 3}, {true, false, false}), 1e-12)
    near(5 / 6, metrics.average_precision({3, 2, 1}, {1, 0, 1}), 1e-12) -- 1/2 * 1 + 1/2 * 2/3
    near(1 / 2 * 1 + 1 / 2 * 2 / 3, metrics.average_precision({3, 2, 2, 1}, {1, 1, 0, 0}), 1e-12)
    near(1 / 3, metrics.average_precision({7, 7, 7}, {1, 0, 0}), 1e-12)
    near(1 / 2, metrics.average_precision({1, 2}, {true, false}), 1e-12)
  end)

  it("are those of all pairs, and of all thresholds", function()
    gl.seed(8)
    local scores, positives = (gl.rand(200) * 20):floor(), gl.rand(200):lt(0.3) -- many ties
    local s, p, wins, pairs_of = scores:totable(), positives:totable(), 0, 0
    for i = 1, #s do
      for j = 1, #s do
        if p[i] == 1 and p[j] == 0 then
          pairs_of = pairs_of + 1
          wins = wins + (s[i] > s[j] and 1 or s[i] == s[j] and 0.5 or 0)
        end
      end
    end
    near(wins / pairs_of, metrics.auroc(scores, positives), 1e-12)
    local sum, recall = 0, 0
    for threshold = 20, 0, -1 do
      local above = scores:ge(threshold)
      local found = (above * positives):sum():item()
      if found > 0 then
        sum = sum + (found / positives:sum():item() - recall) * found / above:sum():item()
        recall = found / positives:sum():item()
      end
    end
    near(sum, metrics.average_precision(scores, positives), 1e-12)
    near(1, metrics.auroc(scores, positives) + metrics.auroc(scores * -1, positives), 1e-12)
  end)

  it("explain what they want", function()
    assert.error_matches(function() metrics.auroc({1, 2}, {1, 1}) end, "auroc: some of both kinds are wanted, 2 of 2")
    assert.error_matches(function() metrics.auroc({1, 2}, {1}) end, "2 scores, but positives has 1")
    assert.error_matches(function() metrics.average_precision({1, 0 / 0}, {1, 0}) end, "score 2 is not a number")
    assert.error_matches(function() metrics.auroc({1, {}, {}}, {1, 0, 0}) end, "auroc: score 2 is not a number")
    local lying = setmetatable({3, 1}, {__len = function() return 2.5 end})
    assert.error_matches(function() metrics.auroc(lying, {1}) end, "auroc: 2 scores, but positives has 1")
    assert.equal(1, metrics.auroc(lying, {1, 0}))
  end)
end)

describe("reconstruction", function()
  it("measures what comes back, over the whole split", function()
    local data = gl.data.load("digits", {train = 10, test = 600})
    local ae = gl.models.autoencoder {hidden = {8}, latent = 2}
    local values = metrics.reconstruction(ae, data.test)
    gl.no_grad(function()
      local x = data.test:head(600)
      local y = ae:reconstruct(x)
      near((x - y):square():mean():item(), values.mse, 1e-6)
      near(metrics.ssim(x, y):mean():item(), values.ssim, 1e-5)
    end)
    assert.is_nil(metrics.elbo(ae, data.test).elbo)
  end)
end)

describe("data of one class", function()
  it("have nothing that a classifier could tell apart: what needs one is left out, and why is said", function()
    local set = gl.data.load("digits", {train = 12, test = 4})
    assert.is_true(metrics.classifier.applies(set))
    local one = gl.data.load("digits", {train = 12, test = 1})
    assert.same({false, one.name .. " has one test image only, too few to compare with"},
      {metrics.classifier.applies(one)})
    local judge = gl.models.lenet5 {}
    local model = gl.models.vae {image = {28, 28, 1}, hidden = {4}, latent = 2}
    set.train.labels, set.test.labels = gl.ones(12), gl.ones(4)
    local missing = set.name .. " has one class only, so that there is nothing to tell apart"
    assert.same({false, missing}, {metrics.classifier.applies(set)}) -- the other classes are empty
    set.classes = {"zero"}
    assert.same({false, missing}, {metrics.classifier.applies(set)})
    local classifier, message = metrics.classifier.of(set)
    assert.is_nil(classifier)
    assert.equal("classifier: " .. missing, message)
    local o = {classifier = judge, samples = 4, seeds = 1, images = 1}
    assert.is_nil(metrics.evaluate(model, set, o).values.frechet_lenet)
    set.train.labels = nil
    assert.same({false, set.name .. " has no labels"}, {metrics.classifier.applies(set)})
  end)
end)
