-- A trained model as a latent space.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"
local latent = gl.latent

local function near(a, b, tolerance) assert.is_true((a - b):abs():max():item() <= (tolerance or 1e-6)) end

local small = {image = {8, 8, 1}, hidden = {16}, latent = 3}

local function model_of(kind, more)
  local config = {}
  for key, value in pairs(small) do config[key] = value end
  for key, value in pairs(more or {}) do config[key] = value end
  return gl.models[kind](config)
end

describe("a latent space", function()
  it("decodes in chunks what the model decodes at once, unrecorded and in evaluation", function()
    local model = model_of("gan", {hidden = {8}})
    local space = latent.space(model)
    local z = space:prior(600)
    local x = space:decode(z)
    assert.is_false(model.training)
    assert.is_false(x.requires_grad)
    assert.same({600, 8, 8, 1}, x.shape)
    near(x, model:decode(z):detach())
    near(space:decode(z[1]), x:slice(1, 1, 1))
    assert.is_true(gl.core.set_recording(true))
  end)

  it("encodes a split's images in their order", function()
    local data = gl.data.load("digits", {train = 10, test = 700})
    local model = gl.models.vae {hidden = {8}, latent = 3}
    local space = latent.space(model, {data = data})
    local z, labels = space:encode_split(data.test, 600)
    assert.same({600, 3}, z.shape)
    assert.same({600}, labels.shape)
    assert.is_false(z.requires_grad)
    near(model:encode(data.test:head(600)):detach(), z, 1e-5)
    near(space:encode(data.test:head(7)), z:slice(1, 1, 7), 1e-5)
  end)

  it("gives a conditional model one class, each in turn, or the labels asked for", function()
    local space = latent.space(model_of("cvae", {classes = 4}))
    assert.same({1, 2, 3, 4, 1}, space:labels(5):totable())
    assert.same({3, 3}, space:labels(2, 3):totable())
    local z = space:prior(2)
    near(space:decode(z, 3), space:decode(z, gl.tensor {3, 3}))
    assert.error_matches(function() space:decode(z, 5) end, "a class is 1 to 4, not 5")
    assert.is_nil(latent.space(model_of "vae"):labels(5, 3))
  end)

  it("draws an autoencoder's latent vectors from the Gaussian fitted to them", function()
    local model = model_of "autoencoder"
    gl.no_grad(function() model:fit_sampler(gl.randn(5000, 3) * gl.tensor {1, 2, 0.5} + gl.tensor {5, 0, -1}) end)
    local space = latent.space(model)
    local z = space:prior(4000)
    near(z:mean(1), gl.tensor {5, 0, -1}, 0.2)
    near(z:std(1), gl.tensor {1, 2, 0.5}, 0.2)
    near(space:unstandardize(space:standardize(z)), z, 1e-4)
  end)

  it("draws nearer to the mean with truncation", function()
    local space = latent.space(model_of "vae")
    gl.seed(4)
    local z = space:prior(5)
    gl.seed(4)
    near(space:prior(5, {truncation = 0.5}), z * 0.5)
    assert.error_matches(function() space:prior(1, {truncation = -1}) end, "a number from 0, not %-1")
  end)

  it("tells the log density of what it draws", function()
    local z = gl.tensor {{0, 1, 2}}
    local function log_normal(x, std) return -x * x / 2 - math.log(std) - math.log(2 * math.pi) / 2 end
    local space = latent.space(model_of "vae")
    near(space:log_density(z), gl.tensor {log_normal(0, 1) + log_normal(1, 1) + log_normal(2, 1)})
    local model = model_of "autoencoder"
    gl.no_grad(function() model:fit_sampler(gl.randn(500, 3)) end)
    model.latent_mean:copy_(gl.tensor {1, 1, 1})
    model.latent_std:copy_(gl.tensor {0.5, 1, 2})
    near(latent.space(model):log_density(z),
      gl.tensor {log_normal(-2, 0.5) + log_normal(0, 1) + log_normal(0.5, 2)}, 1e-5)
  end)

  it("draws from the mixture that was fitted to the run, where there is one", function()
    local folder = Folder.new()
    assert(gl.models.save(folder:path "model.safetensors", model_of "vae", {options = {data = "digits"}}))
    local space = gl.load(folder.name)
    assert.is_false(space.sampler)
    assert.error_matches(function() space:prior(1, {sampler = "mixture"}) end, "no mixture was fitted")
    gl.seed(5)
    local mixture = latent.mixture.fit(gl.randn(200, 3) * 0.01 + gl.tensor {7, 8, 9}, {components = 2})
    assert(mixture:save(folder:path "sampler.safetensors"))
    space = gl.load(folder.name)
    near(space:prior(50):mean(1), gl.tensor {7, 8, 9}, 0.05)
    near(space:prior(50, {sampler = "gaussian"}):mean(1), gl.zeros(3), 0.6)
    gl.seed(6)
    local z = space:prior(4, {truncation = 0.5})
    gl.seed(6)
    near(z, mixture:sample(4, {truncation = 0.5}))
    near(space:log_density(z), mixture:log_density(z))
    near(space:log_density(z, {sampler = "gaussian"}), latent.space(space.model):log_density(z))
    assert.error_matches(function() space:prior(1, {sampler = "uniform"}) end, "gaussian or mixture, not uniform")
    folder:write("sampler.safetensors", "damaged")
    assert.error_matches(function() return gl.load(folder.name).sampler end, "sampler.safetensors")
    folder:remove()
  end)

  it("is opened from a run's folder with its data and directions", function()
    local folder = Folder.new()
    local model = model_of("vae", {image = {28, 28, 1}})
    assert(gl.models.save(folder:path "model.safetensors", model, {
      options = {data = "digits", without = "3"}, epochs = 2,
    }))
    local space = gl.load(folder.name)
    space.directions:set("up", gl.tensor {0, 0, 2}, {method = "test", range = {-1, 1}, unit = "pixels"})
    assert.equal(folder:path "directions.safetensors", space.directions:save())
    space = gl.load(folder.name)
    assert.same({0, 0, 2}, space.directions:vector "up":totable())
    assert.same({-1, 1, "pixels"}, {space.directions:range "up"})
    assert.matches("VAE of 28 x 28 x 1 images, 3 latent dimensions; trained on digits for 2 epochs; directions up",
      tostring(space), 1, true)
    assert.equal(0, space.data.train.labels:eq(4):sum():item())
    assert(latent.mixture.fit(gl.randn(50, 3), {components = 2}):save(folder:path "sampler.safetensors"))
    assert(gl.models.save(folder:path "model.safetensors", model, {options = {data = "digits"}, epochs = 1}))
    assert.matches("; trained on digits for 1 epoch; samples are drawn from a mixture of 2 Gaussians; directions up",
      tostring(gl.load(folder.name)), 1, true)
    folder:remove()
  end)

  it("says what it cannot be made of", function()
    assert.error_matches(function() latent.space(gl.models.lenet5 {}) end, "a LeNet5 makes no images")
    assert.error_matches(function() latent.space(3) end, "expected a model, got number")
    assert.error_matches(function() latent.space(model_of("gan")):encode(gl.zeros(1, 8, 8, 1)) end, "has no encoder")
    assert.error_matches(function() latent.space(model_of "vae"):decode(gl.zeros(2, 4)) end,
      "latent vectors are N x 3, these are 2x4")
    local space, message = gl.load "/nowhere"
    assert.is_nil(space)
    assert.matches("/nowhere", message)
  end)
end)
