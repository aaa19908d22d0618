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
