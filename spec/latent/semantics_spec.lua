-- Directions that are found without labels.
local gl = require "genlat"
local latent, nn = gl.latent, gl.nn
local semantics = latent.semantics

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function cosine(a, b) return ((a * b):sum() / (a:norm() * b:norm())):item() end

-- Directions whose first layer's weights are known: w (latent x outputs), an orthonormal basis times known lengths.
local LENGTHS = {0.5, 3, 1.5}
local BASIS = gl.tensor {{2, 2, 1}, {-2, 1, 2}, {1, -2, 2}} / 3 -- rows

local function set_linear(layer, columns)
  local weight = gl.zeros(layer.weight.shape)
  -- output k is LENGTHS[k] times the projection of z on BASIS[k]; further inputs (labels) have larger weights
  for k, length in ipairs(LENGTHS) do
    for i = 1, 3 do weight[{k, i}] = length * BASIS[k][i]:item() end
    for i = 4, columns do weight[{k, i}] = 9 end
  end
  gl.no_grad(function() layer.weight:copy_(weight) end)
end

describe("weights (SeFa)", function()
  it("are the eigenvectors of A'A by their eigenvalues", function()
    local model = gl.models.gan {image = {4, 4, 1}, hidden = {8}, latent = 3}
    set_linear(model.generator[1], 3)
    local list = semantics.weights(latent.space(model), {count = 2})
    assert.equal(2, #list)
    near(1, math.abs(cosine(list[1].vector, BASIS[2])), 1e-5)
    near(1, math.abs(cosine(list[2].vector, BASIS[3])), 1e-5)
    near(9 / (9 + 2.25 + 0.25), list[1].share, 1e-5)
    for _, direction in ipairs(list) do
      near(1, direction.vector:norm():item(), 1e-5)
      assert.equal(direction.vector:abs():max():item(), direction.vector:max():item())
    end
  end)

  it("look at z alone where the layer is told the class too", function()
    local model = gl.models.cvae {image = {4, 4, 1}, hidden = {8}, latent = 3, classes = 5}
    set_linear(model.decoder[1], 8)
    local list = semantics.weights(latent.space(model))
    assert.equal(3, #list)
    near(1, math.abs(cosine(list[1].vector, BASIS[2])), 1e-5)
  end)

  it("are those of a transposed convolution", function()
    gl.seed(2)
    local model = gl.models.dcgan {image = {8, 8, 1}, maps = 2, latent = 5}
    local list = semantics.weights(latent.space(model))
    local w = model.generator[2].weight
    assert.equal("ConvTranspose2d", model.generator[2]:name())
    local a = w:detach():reshape(5, -1):t()
    local product = a:t():matmul(a)
    for _, direction in ipairs(list) do
      local image = product:matmul(direction.vector:unsqueeze(2)):squeeze(2)
      near(1, cosine(image, direction.vector), 1e-4)
    end
    assert.is_true(list[1].share >= list[2].share)
  end)

  it("take an autoencoder's latent vectors as they are spread", function()
    local model = gl.models.autoencoder {image = {4, 4, 1}, hidden = {8}, latent = 3}
    gl.no_grad(function()
      local weight = gl.zeros(8, 3)
      for i = 1, 3 do weight[{i, i}] = 1 end
      model.decoder[1].weight:copy_(weight)
      model.latent_std:copy_(gl.tensor {0.1, 2, 5})
    end)
    local list = semantics.weights(latent.space(model))
    near(5, list[1].vector[3]:item(), 1e-4)
    near(2, list[2].vector[2]:item(), 1e-4)
    near(25 / 29.01, list[1].share, 1e-5)
  end)
end)

describe("activations (GANSpace)", function()
  it("are regressed back to z", function()
    local model = gl.models.gan {image = {4, 4, 1}, hidden = {8}, latent = 3}
    set_linear(model.generator[1], 3)
    gl.no_grad(function() model.generator[1].bias:copy_(gl.full({8}, 50)) end) -- ReLU passes everything
    local space = latent.space(model)
    local list = semantics.activations(space, {count = 6, samples = 4000})
    assert.equal(3, #list)
    near(1, math.abs(cosine(list[1].vector, BASIS[2])), 0.01)
    near(1, math.abs(cosine(list[2].vector, BASIS[3])), 0.01)
    near(9 / 11.5, list[1].share, 0.03)
    near(1, list[1].vector:norm():item(), 1e-4)
  end)

  it("depend on the seed, and leave random numbers alone", function()
    gl.seed(5)
    local space = latent.space(gl.models.dcgan {image = {8, 8, 3}, maps = 4, latent = 6, classes = 3})
    local state = {gl.rng_state()}
    local function vector(seed)
      return semantics.activations(space, {samples = 300, seed = seed})[1].vector:totable()
    end
    assert.same(vector(1), vector(1))
    assert.is_not.same(vector(1), vector(2))
    assert.same(state, {gl.rng_state()})
  end)
end)

-- An encoder that gives each image's two pixels.
local Toy = nn.class "Toy"
Toy.prior = "normal"
function Toy:init(classes)
  rawset(self, "config", {image = {1, 2, 1}, classes = classes})
  self.latent = 2
end
function Toy.encode(_, x) return x:flatten(2) end
function Toy.decode(_, z) return z:reshape(#z, 1, 2, 1) end

describe("components", function()
  local function space_of(classes)
    gl.seed(6)
    local labels = gl.tensor {1, 2}:unsqueeze(2):expand(2, 300):reshape(600)
    local x = gl.stack({gl.rand(600) * 0.2 + 0.2, gl.rand(600) * 0.05 + labels * 0.3}, 2)
    local images = (x * 255):byte():reshape(600, 1, 2, 1)
    local split = require("genlat.data.split").new(images, labels)
    return latent.space(Toy(classes), {data = {train = split, test = split, classes = {"a", "b"}}})
  end

  it("are those of the encoded training images", function()
    local list = semantics.components(space_of(), {count = 5})
    assert.equal(2, #list)
    near(1, list[1].vector[2]:item() / list[1].vector:norm():item(), 0.02)
    near(0.15, list[1].vector:norm():item(), 0.02)
    near(1, list[1].share + list[2].share, 1e-6)
  end)

  it("are those within the classes of a conditional model", function()
    local list = semantics.components(space_of(2))
    near(1, list[1].vector[1]:item() / list[1].vector:norm():item(), 0.02)
    near(0.2 / math.sqrt(12), list[1].vector:norm():item(), 0.005)
  end)

  it("are nothing for a prior that is the same in all directions", function()
    local gan = latent.space(gl.models.gan {image = {4, 4, 1}, hidden = {8}, latent = 3})
    assert.error_matches(function() semantics.components(gan) end,
      "a GAN draws z from N%(0, I%), where no direction is different; take activations or weights")
  end)
end)
