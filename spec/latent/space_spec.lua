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
    assert.error_matches(function() space:prior(1, {truncation = -1}) end,
      "a number from 0, not %-1")
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
    assert.error_matches(function() space:prior(1, {sampler = "uniform"}) end,
      "gaussian or mixture, not uniform")
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

describe("images that are encoded", function()
  local space = latent.space(model_of("vae", {image = {8, 6, 3}}))
  local x = gl.rand(4, 8, 6, 3)

  local function refusal(images)
    local ok, message = pcall(function() space:encode(images) end)
    assert.is_false(ok)
    return (message:gsub("^spec/latent/space_spec%.lua:%d+: encode: ", ""))
  end

  it("may be bytes, or one image", function()
    local bytes = (x * 255):round():byte()
    near(space:encode(bytes), space:encode(bytes:float() / 255))
    near(space:encode(x[2]), space:encode(x):slice(1, 2, 2), 1e-6)
  end)

  it("are of the model's shape", function()
    local says = "expected images N x 8 x 6 x 3, got "
    assert.equal(says .. "4x3x8x6: that is N x C x H x W; x:permute(1, 3, 4, 2) has the channels last",
      refusal(x:permute(1, 4, 2, 3)))
    assert.equal(says .. "4x144: those are rows; x:reshape(-1, 8, 6, 3) makes images of them", refusal(x:flatten(2)))
    assert.equal(says .. "4x6x8x3", refusal(x:permute(1, 3, 2, 4)))
    assert.equal(says .. "1x3x8x6: that is N x C x H x W; x:permute(1, 3, 4, 2) has the channels last",
      refusal(x[1]:permute(3, 1, 2)))
    assert.equal("images is a tensor, not a list of 2", refusal {1, 2})
  end)

  it("have values from 0 to 1", function()
    local says = "images have values from 0 to 1, these from "
    local ends = gl.zeros(1, 8, 6, 3)
    ends[{1, 1, 1, 1}] = 1
    assert.equal(says .. "0 to 255: divide them by 255", refusal(ends * 255))
    assert.equal(says .. "-1 to 1: (x + 1) / 2 brings -1 to 1 to 0 to 1", refusal(ends * 2 - 1))
    assert.equal(says .. "-3 to 2: x:clamp(0, 1) cuts off what is outside", refusal(ends * 5 - 3))
    assert.matches("^images have values from 0 to 1, these from %-?nan to %-?nan", refusal(ends * (0 / 0)))
    assert.same({1, 3}, space:encode(ends * 1.0005).shape) -- computed ones may be a little beyond
  end)

  it("have a label each", function()
    local conditional = latent.space(model_of("cvae", {classes = 4}))
    local images = gl.rand(3, 8, 8, 1)
    assert.error_matches(function() conditional:encode(images) end,
      "^encode: a CVAE is given labels with the images: N, or one class for all$")
    assert.error_matches(function() conditional.model:encode(images) end,
      "^cvae: labels is a tensor of 3, not nothing$")
    assert.error_matches(function() conditional:encode_split(nil) end,
      "^encode_split: expected a split of a data set, such as data.test, got nil$")
    assert.error_matches(function() conditional:encode_split {images = images, count = 3} end,
      "^encode_split: a CVAE is given labels with the images, and these have none$")
    assert.error_matches(function() conditional.data = "digits" end,
      "^data: expected a data set, such as gl.data.load returns, got string$")
    near(conditional:encode(images, 2), conditional:encode(images, gl.full({3}, 2)))
    for name, f in pairs {
      encode = function() conditional:encode(images, gl.ones(2)) end,
      decode = function() conditional:decode(gl.zeros(3, 3), gl.ones(2)) end,
    } do
      assert.error_matches(f, name .. ": labels is a tensor of 3, not a tensor of 2")
    end
  end)
end)

describe("a model of one's own", function()
  local Tiny
  before_each(function()
    Tiny = gl.nn.class "Tiny"
    function Tiny:init(config)
      self.config, self.latent = config, 2
      self.decoder = gl.nn.Linear(2, 4)
    end
    function Tiny:decode(z) return self.decoder(z):sigmoid():reshape(#z, 2, 2, 1) end
  end)

  local function refusal(f, ...)
    local arguments = table.pack(...)
    local ok, message = pcall(function() return f(table.unpack(arguments, 1, arguments.n)) end)
    assert.is_false(ok)
    return (message:gsub("^spec/latent/space_spec%.lua:%d+: ", ""))
  end

  it("is a space where it has what a space needs", function()
    local needs = "; it has to have latent, how many dimensions; config.image, {H, W, C}; and decode(z), which makes "
      .. "images N x H x W x C of latent vectors N x latent (genlat/latent/space.lua says more)"
    assert.same({2, 2, 2, 1}, latent.space(Tiny {image = {2, 2, 1}}):decode(gl.zeros(2, 2)).shape)
    assert.equal("space: Tiny: config.image is a list of 3, each a whole number from 1, not nothing" .. needs,
      refusal(latent.space, Tiny {}))
    assert.equal("space: Tiny: config is a table, not nothing" .. needs, refusal(latent.space, Tiny()))
    local model = Tiny {image = {2, 2, 1}}
    model.latent = nil
    assert.equal("space: Tiny: latent is a whole number from 1, not nothing" .. needs,
      refusal(latent.space, model))
    Tiny.decode = nil
    assert.equal("space: a Tiny makes no images" .. needs, refusal(latent.space, model))
    assert.equal("space: there is no option 'foldr'; there are data, folder, notes, prior; did you mean 'folder'?",
      refusal(latent.space, model_of "vae", {foldr = "x"}))
  end)

  it("is given no prior in silence", function()
    local space = latent.space(Tiny {image = {2, 2, 1}})
    local says = ": nothing says what the latent vectors of a Tiny are drawn from: Tiny.prior = \"normal\" says "
      .. "N(0, I), and space.sampler = gl.latent.mixture.fit(z) fits a mixture to encoded images "
      .. "(genlat/latent/space.lua says more)"
    local z = gl.zeros(1, 2)
    for name, f in pairs {
      prior = function() space:prior(1) end, standardize = function() space:standardize(z) end,
      unstandardize = function() space:unstandardize(z) end, log_density = function() space:log_density(z) end,
    } do
      assert.equal(name .. says, refusal(f))
    end
    assert.equal("prior" .. says, refusal(space.sample, space, 1))
    assert.equal("prior" .. says, refusal(gl.latent.invert, space, gl.rand(1, 2, 2, 1)))
    assert.equal("prior" .. says, refusal(gl.show, space.model))
  end)

  it("is given the prior that it names, or the mixture that was fitted", function()
    local space = latent.space(Tiny {image = {2, 2, 1}}, {prior = "normal"})
    gl.seed(1)
    local z = space:prior(3)
    gl.seed(1)
    near(z, gl.randn(3, 2))
    Tiny.prior = "normal"
    assert.same({3, 2}, latent.space(Tiny {image = {2, 2, 1}}):prior(3).shape)
    Tiny.prior = nil
    space = latent.space(Tiny {image = {2, 2, 1}})
    space.sampler = latent.mixture.fit(gl.randn(50, 2) * 0.01 + 5, {components = 1})
    near(space:prior(20):mean(1), gl.tensor {5, 5}, 0.1)
    assert.same({20}, space:log_density(space:prior(20)).shape)
    assert.matches("^prior: nothing says", refusal(space.prior, space, 2, {sampler = "gaussian"}))
  end)
end)

describe("a space of a run's folder", function()
  it("sees what others save there meanwhile", function()
    local folder = Folder.new()
    finally(function() folder:remove() end)
    assert(gl.models.save(folder:path "model.safetensors", model_of "vae"))
    local one, other = gl.load(folder.name), gl.load(folder.name)
    assert.same({}, one.directions:names())
    assert.is_false(one.sampler)
    other.directions:set("up", gl.tensor {0, 0, 2})
    assert(other.directions:save())
    assert.same({"up"}, one.directions:names())
    assert.same({0, 0, 2}, one.directions:vector "up":totable())
    one.directions:set("down", gl.tensor {0, 0, -2})
    other.directions:set("left", gl.tensor {1, 0, 0})
    assert(other.directions:save())
    assert.same({"down", "left", "up"}, one.directions:names())
    one.directions:remove "up"
    assert(one.directions:save()) -- nothing of the other's is lost
    assert.same({"down", "left"}, other.directions:names())
    assert.same({"down", "left"}, gl.load(folder.name).directions:names())
    assert(latent.mixture.fit(gl.randn(50, 3) * 0.01 + 7, {components = 1}):save(folder:path "sampler.safetensors"))
    near(one:prior(20):mean(1), gl.full({3}, 7), 0.1)
    os.remove(folder:path "sampler.safetensors")
    os.remove(folder:path "directions.safetensors")
    assert.is_false(one.sampler)
    assert.same({}, one.directions:names())
    folder:write("directions.safetensors", "damaged")
    local ok, message = pcall(one.directions.names, one.directions)
    assert.is_false(ok)
    assert.matches("directions.safetensors", message, 1, true)
    local path, problem = one.directions:save()
    assert.is_nil(path)
    assert.equal(message, problem)
    assert.equal("damaged", folder:read "directions.safetensors")
  end)
end)
