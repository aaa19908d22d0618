-- The scripts that train GANs, a conditional VAE and classifiers, as a user runs them.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local LAST = {
  vae = "^test loss %d+%.%d%d %(reconstruction %d+%.%d%d %+ KL %d+%.%d%d%) nats per image$",
  ae = "^test loss %d+%.%d%d nats per image$",
  gan = "^test D%(real%) [01]%.%d%d, D%(fake%) [01]%.%d%d, spread of samples %d+ %% "
    .. "%(generator %-?%d+%.%d%d, discriminator %-?%d+%.%d%d%)$",
  wasserstein = "^test distance %-?%d+%.%d%d, spread of samples %d+ %% %(generator %-?%d+%.%d%d%)$",
}

local data, out
setup(function() data = shell.small_data(200, 60) end)
teardown(function() data:remove() end)
before_each(function() out = Folder.new() end)
after_each(function() out:remove() end)

local function run(script, more)
  local output, errors, status = shell.script(script .. ".lua",
    ("--data '%s' --out '%s' --epochs 2 --batch 50 %s"):format(data.name, out.name, more or ""))
  assert.equal("", errors)
  assert.equal(0, status)
  assert.same({}, shell.missing_files(out))
  return output
end

local function frames_of(gif) -- images have their own separator, 0x2C, after a graphic control extension
  local _, count = gif:gsub("\33\249\4", "")
  return count
end

describe("GANs:", function()
  for script, options in pairs {
    train_gan = {"--hidden 16", "--hidden 16 --loss hinge --spectral"},
    train_cgan = {"--hidden 16", "--maps 4"},
    train_dcgan = {"--maps 4", "--maps 4 --size 32 --loss wasserstein --spectral"},
  } do
    for _, more in ipairs(options) do
      it(script .. " " .. more .. " leaves a run with its film", function()
        local last = shell.last_line(run(script, more .. " --latent 6"))
        assert.matches(more:find "wasserstein" and LAST.wasserstein or LAST.gan, last)
        for _, name in ipairs {"real.png", "samples.png", "interpolation.png"} do
          assert(gl.read_png(out:path(name)))
        end
        local film = out:read "progress.gif"
        assert.matches("^GIF89a", film)
        assert.equal(9, frames_of(film)) -- before the first step, and after each of eight
        local head = out:read("log.csv"):match "^[^\n]+"
        assert.equal("epoch,seconds,train_generator,train_discriminator,train_on_real,train_on_fake,"
          .. "test_generator,test_discriminator,test_on_real,test_on_fake,test_spread,lr", head)
        local page = out:read "report.html"
        assert.is_true(page:find(last:match "spread of samples (%d+ %%)", 1, true) ~= nil)
        assert.is_nil(page:find("nats per image", 1, true)) -- the losses of opponents do not say how good they are
        assert.equal(script == "train_cgan", page:find("a column for each class", 1, true) ~= nil)
        assert.matches("data:image/gif;base64,", page)
        local model = assert(gl.models.load(out.name))
        local side = more:find "%-%-size 32" and 32 or 28
        assert.same({3, side, side, 1}, model:sample(3).shape)
      end)
    end
  end

  it("can learn a single image", function()
    local one = Folder.new()
    for _, part in ipairs {{"train", 100}, {"t10k", 20}} do
      local image = gl.core.digits(1, 5, 1):squeeze(4)
      assert(gl.write_idx(one:path(part[1] .. "-images-idx3-ubyte"), image:expand(part[2], 28, 28):contiguous()))
      assert(gl.write_idx(one:path(part[1] .. "-labels-idx1-ubyte"), gl.zeros(part[2], {dtype = "uint8"})))
    end
    local output = run("train_gan", ("--hidden 16 --latent 6 --data '%s'"):format(one.name))
    assert.matches("spread of samples 100 %%", shell.last_line(output))
    one:remove()
  end)

  it("resume, bit for bit", function()
    local whole = Folder.new()
    shell.script("train_dcgan.lua", ("--data '%s' --out '%s' --epochs 3 --batch 50 --maps 4 --latent 6 --quiet")
      :format(data.name, whole.name))
    run("train_dcgan", "--maps 4 --latent 6 --quiet")
    shell.script("train_dcgan.lua", ("--resume '%s' --epochs 3 --quiet"):format(out.name))
    local a, b = gl.models.load(whole.name), gl.models.load(out.name)
    local other = b:state_dict()
    for name, tensor in pairs(a:state_dict()) do
      assert.equal(0, (tensor - other[name]):abs():max():item(), name)
    end
    whole:remove()
  end)
end)

describe("train_cvae", function()
  for _, more in ipairs {"--hidden 16", "--maps 4 --hidden 16"} do
    it(more .. " leaves a run, whose model draws the class it is asked for", function()
      assert.matches(LAST.vae, shell.last_line(run("train_cvae", more .. " --latent 3")))
      local page = out:read "report.html"
      assert.matches("The model is given the class beside z", page, 1, true)
      assert.matches("each class in turn", page, 1, true)
      assert.is_nil(page:find("never given", 1, true))
      local model = assert(gl.models.load(out.name))
      assert.same({2, 28, 28, 1}, model:sample(2, gl.tensor {3, 7}).shape)
      local _, errors = shell.script("interpolate.lua", ("'%s' --prior --pairs 2 --steps 3"):format(out.name))
      assert.equal("", errors)
      gl.seed(1) -- the first walk draws the first class, the second the second
      local from = gl.randn(2, 3)
      local grid = gl.read_png(out:path "interpolation_grid.png"):float() / 255
      local ends = model:decode(from, gl.tensor {1, 2})
      for row = 1, 2 do
        local top = 2 * ((row - 1) * 29 + 1)
        local cell = grid:slice(1, top + 1, top + 56, 2):slice(2, 3, 58, 2)
        assert.is_true((cell - ends[row]):abs():max():item() < 0.005)
      end
      for _, name in ipairs {"samples.png", "reconstructions.png", "manifold.png"} do
        assert(gl.read_png(out:path(name)))
      end
    end)
  end
end)

describe("train_classifier", function()
  it("ends with the test error and shows its mistakes", function()
    local output = run("train_classifier", "--shift 1")
    assert.matches("^test error %d+%.%d%d %%$", shell.last_line(output))
    assert(gl.read_png(out:path "mistakes.png"))
    assert.matches("Confusions", out:read "report.html")
    local _, errors, status = shell.script("interpolate.lua", out.name)
    assert.equal(("%s: a LeNet5 makes no images\n"):format(out.name), errors)
    assert.equal(1, status)
  end)

  it("takes a VGG, and tests on other data", function()
    local other = shell.small_data(60, 50)
    assert.matches("^test error ", run("train_classifier", "--model vgg --quiet --test-data " .. other.name))
    assert.is_true(out:read("report.html"):find("200 training and 50 test images", 1, true) ~= nil)
    other:remove()
  end)
end)

describe("train_ae", function()
  it("can learn to remove noise, with convolutions", function()
    assert.matches(LAST.ae, shell.last_line(run("train_ae", "--maps 4,8 --hidden 16 --latent 4 --noise 0.3")))
  end)
end)
