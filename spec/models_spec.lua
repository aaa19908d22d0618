-- The models: their shapes, their losses, and their files.
local gl = require "genlat"
local Folder = dofile "spec/io/folder.lua"

local x = gl.data.load("digits", {train = 20, test = 1}).train:head(20)

for kind, name in pairs {vae = "VAE", autoencoder = "Autoencoder"} do
  describe(name, function()
    it("has the shapes of its config, for one channel or three", function()
      for _, image in ipairs {{28, 28, 1}, {8, 6, 3}} do
        local model = gl.models[kind] {image = image, hidden = {16, 8}, latent = 3}
        local images = gl.rand(5, table.unpack(image))
        assert.same({5, 3}, model:encode(images).shape)
        assert.same(images.shape, model:decode(gl.randn(5, 3)).shape)
        assert.same(images.shape, model:reconstruct(images).shape)
        assert.same({2, table.unpack(image)}, model:sample(2).shape)
        local y = model(images)
        assert.is_true(y:min():item() >= 0 and y:max():item() <= 1)
      end
    end)

    for _, likelihood in ipairs {"bernoulli", "gaussian"} do
      it("learns with a " .. likelihood .. " likelihood", function()
        gl.seed(1)
        local model = gl.models[kind] {hidden = {64}, latent = 4, likelihood = likelihood}
        local optimizer = gl.optim.Adam(model, {lr = 3e-3})
        local first, last
        for _ = 1, 150 do
          local loss = model:loss(x)
          optimizer:zero_grad()
          loss.loss:backward()
          optimizer:step()
          first, last = first or loss.loss:item(), loss.loss:item()
        end
        assert.is_true(last < first - 250, ("%g -> %g"):format(first, last))
      end)
    end

    it("is the same after it was written and read", function()
      local folder = Folder.new()
      local model = gl.models[kind] {hidden = {12}, latent = 2, likelihood = "gaussian"}
      assert(gl.models.save(folder:path "model.safetensors", model, {data = "digits", epochs = 3}))
      local copy, notes = assert(gl.models.load(folder.name))
      assert.same({data = "digits", epochs = 3}, notes)
      assert.same(model.config, copy.config)
      assert.equal(0, (model:reconstruct(x) - copy:reconstruct(x)):abs():max():item())
      assert.is_false(copy.training)
      folder:remove()
    end)

    it("explains a config it cannot use", function()
      for _, case in ipairs {
        {{latent = 0}, "latent holds whole numbers from 1, not 0"},
        {{hidden = {10, 2.5}}, "hidden holds whole numbers from 1, not 2.5"},
        {{likelihood = "poisson"}, "likelihood is bernoulli or gaussian, not poisson"},
        {{hiden = {3}}, "there is no setting 'hiden'"},
      } do
        assert.error_matches(function() gl.models[kind](case[1]) end, kind .. ": " .. case[2])
      end
    end)
  end)
end

describe("VAE", function()
  it("adds its parts up, the KL weighed by beta", function()
    gl.seed(2)
    local model = gl.models.vae {hidden = {16}, latent = 3, beta = 4}
    local parts = model:loss(x)
    local loss, sum = parts.loss:item(), parts.reconstruction:item() + 4 * parts.kl:item()
    assert.is_true(math.abs(loss - sum) < 1e-3)
  end)

  it("has a KL of 0 exactly where the posterior is the prior", function()
    local model = gl.models.vae {hidden = {16}, latent = 3}
    for _, layer in ipairs {model.mean, model.logvar} do
      for _, p in ipairs(layer:parameters()) do
        gl.nn.init.constant(p, 0)
      end
    end
    assert.equal(0, model:loss(x).kl:item())
  end)

  it("reconstructs worse than log 2 per pixel from nothing but a coin", function()
    local model = gl.models.vae {hidden = {16}, latent = 3}
    for _, p in ipairs(model.decoder:parameters()) do
      gl.nn.init.constant(p, 0)
    end
    assert.is_true(math.abs(model:loss(x).reconstruction:item() - 784 * math.log(2)) < 1e-2)
  end)
end)

describe("GAN and DCGAN", function()
  local cases = {
    {"gan", {hidden = {16}, latent = 5}}, {"gan", {hidden = {16}, latent = 5, classes = 3, image = {6, 8, 3}}},
    {"dcgan", {maps = 4, latent = 5}}, {"dcgan", {maps = 2, latent = 5, classes = 4, image = {64, 64, 3}}},
    {"dcgan", {maps = 4, latent = 5, spectral = true, loss = "hinge", image = {32, 32, 1}}},
  }
  for i, case in ipairs(cases) do
    it(("case %d has the shapes of its config, and both networks learn"):format(i), function()
      gl.seed(i)
      local model = gl.models[case[1]](case[2])
      local h, w, c = table.unpack(model.config.image)
      local real, labels = gl.rand(4, h, w, c), case[2].classes and gl.tensor {1, 2, 3, 1}
      local y = model:decode(gl.randn(4, 5), labels)
      assert.same({4, h, w, c}, y.shape)
      assert.is_true(y:min():item() >= 0 and y:max():item() <= 1)
      local fake = model:generate(gl.randn(4, 5), labels)
      local judged = model:discriminator_loss(model.scaled(real), fake, labels)
      judged.loss:backward()
      assert.is_nil(model.generator:parameters()[1].grad) -- the discriminator's step stops at the images
      assert.is_true(model.discriminator:parameters()[1].grad:norm():item() > 0)
      model:zero_grad()
      model.discriminator:freeze()
      model:generator_loss(fake, labels):backward()
      assert.is_nil(model.discriminator:parameters()[1].grad) -- frozen: not computed
      assert.is_true(model.generator:parameters()[1].grad:norm():item() > 0)
    end)
  end

  it("have the losses of their papers where the scores are known", function()
    local model = gl.models.gan {hidden = {4}}
    for _, p in ipairs(model.discriminator:parameters()) do
      gl.nn.init.constant(p, 0)
    end
    local judged = model:discriminator_loss(gl.zeros(2, 28, 28, 1), gl.zeros(2, 28, 28, 1))
    assert.is_true(math.abs(judged.loss:item() - 2 * math.log(2)) < 1e-6) -- nothing but a coin
    assert.equal(0.5, judged.real)
    assert.equal(0.5, judged.fake)
    assert.is_true(math.abs(model:generator_loss(gl.zeros(2, 28, 28, 1)):item() - math.log(2)) < 1e-6)
  end)

  it("explain a config they cannot use", function()
    assert.error_matches(function() gl.models.dcgan {image = {30, 30, 1}} end, "%(28, 32, 64, ...%), not 30 x 30")
    assert.error_matches(function() gl.models.gan {loss = "l2"} end, "gan: loss is gan, wasserstein or hinge, not l2")
  end)
end)

describe("classifiers", function()
  it("have the parameters of their papers' figures", function()
    assert.equal(61706, gl.models.lenet5({}):parameter_count()) -- C3 sees all maps of S2
    assert.same({2, 10}, gl.models.lenet5({})(gl.zeros(2, 28, 28, 1)).shape)
    assert.same({2, 84}, gl.models.lenet5({tanh = true, image = {32, 32, 3}}):embed(gl.zeros(2, 32, 32, 3)).shape)
    -- Simonyan & Zisserman 2015, table 2: 133, 133, 134, 138 and 144 million
    assert.equal(138357544, gl.models.vgg({configuration = "D"}):parameter_count())
  end)

  it("are small for small images", function()
    for _, letter in ipairs {"A", "B", "C", "D", "E"} do
      local model = gl.models.vgg {configuration = letter, image = {32, 32, 1}, classes = 4, hidden = {8}, divide = 16,
                                   normalized = true}
      assert.same({2, 4}, model(gl.zeros(2, 32, 32, 1)).shape)
    end
    assert.error_matches(function() gl.models.vgg {image = {28, 28, 1}} end, "divisible by 32, not 28 x 28")
    assert.error_matches(function() gl.models.lenet5 {image = {12, 12, 1}} end, "too small: 16 x 16 is the least")
  end)
end)

describe("convolutional autoencoders", function()
  it("mirror their convolutions", function()
    for _, kind in ipairs {"vae", "autoencoder", "cvae"} do
      local model = gl.models[kind] {maps = {4, 6}, hidden = {10}, latent = 3, image = {12, 8, 2}}
      local labels = gl.ones(5)
      assert.same({5, 12, 8, 2}, model:reconstruct(gl.rand(5, 12, 8, 2), labels).shape)
    end
    assert.error_matches(function() gl.models.vae {maps = {4, 4, 4}} end, "28 x 28 cannot be halved 3 times")
  end)
end)

describe("models.load", function()
  local folder
  before_each(function() folder = Folder.new() end)
  after_each(function() folder:remove() end)

  it("explains what it cannot read", function()
    local _, message = gl.models.load(folder.name)
    assert.matches("model.safetensors: cannot be opened: No such file or directory", message)
    gl.core.write_file(folder:path "model.safetensors", "nonsense")
    _, message = gl.models.load(folder.name)
    assert.matches("^" .. folder.name:gsub("%p", "%%%0") .. "/model.safetensors: ", message)
    assert(require("genlat.safetensors").save(folder:path "model.safetensors", {a = gl.zeros(2)}, {}))
    _, message = gl.models.load(folder.name)
    assert.matches("not a model of genlat's", message)
  end)

  it("refuses tensors that do not fit the config", function()
    local model = gl.models.vae {hidden = {4}, latent = 2}
    model.config.latent = 3
    assert(gl.models.save(folder:path "model.safetensors", model))
    local _, message = gl.models.load(folder.name)
    assert.matches("load_state_dict: .* is .*, the model wants", message)
  end)

  it("leaves the random numbers as they were", function()
    assert(gl.models.save(folder:path "model.safetensors", gl.models.vae {hidden = {4}}))
    gl.seed(8)
    local before = gl.rand(1):item()
    gl.seed(8)
    assert(gl.models.load(folder.name))
    assert.equal(before, gl.rand(1):item())
  end)
end)
