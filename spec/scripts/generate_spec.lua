-- generate.lua, as a user runs it.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local IDX = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte"}

local data, vae, cvae, faces, out
setup(function()
  data, vae, cvae, faces = shell.small_data(300, 60), Folder.new(), Folder.new(), Folder.new()
  for script, folder in pairs {["train_vae.lua"] = vae, ["train_cvae.lua"] = cvae} do
    local _, errors, status = shell.script(script,
      ("--data '%s' --out '%s' --hidden 16 --latent 3 --epochs 1 --quiet"):format(data.name, folder.name))
    assert(status == 0, errors)
  end
  local model = gl.models.cvae {image = {16, 16, 3}, hidden = {4}, latent = 2, classes = 3}
  assert(gl.models.save(faces:path "model.safetensors", model, {options = {data = "faces16"}, epochs = 1}))
end)
teardown(function()
  for _, folder in ipairs {data, vae, cvae, faces} do folder:remove() end
end)
before_each(function() out = Folder.new() end)
after_each(function() out:remove() end)

local function run(folder, more)
  return shell.script("generate.lua", ("'%s' --threads 1 --out '%s' %s"):format(folder.name, out:path "set",
    more or ""))
end

local function generate(folder, more)
  local output, errors, status = run(folder, more)
  assert.equal("", errors)
  assert.equal(0, status)
  return output
end

local function names(path)
  local list = assert(gl.core.list_folder(path))
  table.sort(list)
  return list
end

describe("generate.lua", function()
  it("writes labelled IDX files of a conditional model, that are read as they were made", function()
    assert.equal(out:path "set" .. ": 1210 images for training and 202 for testing\n",
      generate(cvae, "--count 1210 --truncation 0.8"))
    assert.same(IDX, names(out:path "set"))
    local set = assert(gl.data.load(out:path "set"))
    assert.same({1210, 202}, {set.train.count, set.test.count})
    assert.same({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, set.classes)
    assert.same({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1}, set.train.labels:slice(1, 1, 11):totable())
    assert.same({1, 2}, set.train.labels:slice(1, 501, 502):totable()) -- in turn across chunks too
    local space = gl.load(cvae.name)
    gl.seed(1)
    local x = space:sample(500, {truncation = 0.8})
    assert.is_true((x - set.train:head(500)):abs():max():item() <= 0.5 / 255 + 1e-5)
  end)

  it("writes one class if asked, and images without labels of other models", function()
    generate(cvae, "--count 30 --class 3")
    assert.equal(0, gl.data.load(out:path "set").test.labels:ne(4):sum():item())
    out:remove()
    out = Folder.new()
    generate(vae, "--count 30")
    assert.same({IDX[1], IDX[3]}, names(out:path "set"))
    local set = assert(gl.data.load(out:path "set"))
    assert.same({}, set.classes)
    assert.is_nil(set.train.labels)
    assert.same({30, 5}, {set.train.count, set.test.count})
  end)

  it("writes PNG files in folders by class, the usual for color", function()
    generate(faces, "--count 13")
    local classes = gl.core.faces_classes()
    table.sort(classes)
    local list = names(out:path "set/train")
    assert.same({3, 3}, {#list, #names(out:path "set/test") + 1}) -- 2 images for testing: of two classes
    assert.same({"00001.png", "00002.png", "00003.png", "00004.png", "00005.png"},
      names(out:path("set/train/" .. gl.core.faces_classes()[1])))
    local images, problems = gl.core.read_images({out:path("set/train/" .. gl.core.faces_classes()[2] .. "/00001.png")},
      {height = 16, width = 16, channels = 3, fit = "none", background = 0})
    assert.same({}, problems)
    gl.seed(1)
    local x = gl.load(faces.name):sample(13)
    assert.is_true((images[1]:float() / 255 - x[2]):abs():max():item() <= 0.5 / 255 + 1e-5)
  end)

  it("is read back from PNG files, with classes and without", function()
    local cache = Folder.new()
    generate(cvae, "--count 60 --format png")
    local set = assert(gl.data.load(out:path "set", {cache = cache.name}))
    assert.same({60, 10, {28, 28, 1}}, {set.train.count, set.test.count, set.shape})
    assert.equal(6, set.train.labels:eq(4):sum():item())
    out:remove()
    out = Folder.new()
    generate(vae, "--count 6 --format png")
    set = assert(gl.data.load(out:path "set", {cache = cache.name}))
    assert.same({6, 1, {}}, {set.train.count, set.test.count, set.classes})
    cache:remove()
  end)

  it("writes equal files for equal seeds", function()
    local function bytes(seed)
      local list = {}
      generate(cvae, "--count 700 --seed " .. seed)
      for i, name in ipairs(IDX) do list[i] = out:read("set/" .. name) end
      return table.concat(list)
    end
    local first = bytes(3)
    assert.equal(16 + 700 * 784 + 8 + 700 + 16 + 117 * 784 + 8 + 117, #first)
    assert.is_true(first == bytes(3))
    assert.is_true(first ~= bytes(4))
  end)

  it("draws from the mixture if there is one, or as asked", function()
    local function images(sampler)
      generate(vae, "--count 40 " .. sampler)
      return gl.data.load(out:path "set").train:head(40)
    end
    local before = images ""
    local mixture = gl.latent.mixture.fit(gl.randn(50, 3) + 30, {components = 2})
    assert(mixture:save(vae:path "sampler.safetensors"))
    local after, gaussian = images "", images "--sampler gaussian"
    os.remove(vae:path "sampler.safetensors")
    assert.equal(0, (before - gaussian):abs():max():item())
    assert.is_true((before - after):abs():max():item() > 0.01)
    local _, errors = run(vae, "--sampler mixture")
    assert.equal(("generate: --sampler: no mixture was fitted to this run (genlat fit_sampler %s)\n"):format(vae.name),
      errors)
  end)

  it("says how well a LeNet-5 learns from it", function()
    local output = generate(cvae, "--count 50 --test")
    local line = "a LeNet%%-5 trained on 50 %s images tells (%%d+%%.%%d%%d) %%%% of 60 real test images right\n"
    local made, real = output:match("^[^\n]*\n" .. line:format "generated" .. line:format "real" .. "$")
    assert(made, output)
    assert.is_true(tonumber(made) <= 100 and tonumber(real) > 50) -- chance is 10
  end)

  it("that was killed is run again", function()
    local arguments = ("'%s' --threads 1 --out '%s' --format png --count"):format(vae.name, out:path "set")
    shell.run(("%s 20000 2>/dev/null & while ! test -e '%s'; do kill -0 $! || break; done; kill -9 $!; wait $!")
      :format(shell.lua("scripts/generate.lua", arguments), out:path "set/train/00003.png"))
    assert.equal(".unfinished train", out.list {name = out:path "set"})
    local _, errors, status = shell.script("train_vae.lua", ("--data '%s' --out '%s'"):format(out:path "set",
      out:path "run"))
    assert.equal(1, status)
    assert.matches("set: this data set is not whole[^\n]*\n$", errors)
    generate(vae, "--count 6 --format png")
    assert.equal("test train", out.list {name = out:path "set"})
    assert.equal(6, #names(out:path "set/train"))
  end)

  it("leaves nothing where the disk is full", function()
    local _, errors, status = shell.run(("trap '' XFSZ; ulimit -f 1; %s"):format(shell.lua("scripts/generate.lua",
      ("'%s' --threads 1 --out '%s' --count 20"):format(vae.name, out:path "set"))))
    assert.equal(1, status)
    assert.matches("train%-images%-idx3%-ubyte: cannot be written: File too large\n$", errors)
    assert.equal("", out.list {name = out:path "set"})
  end)

  it("says what it cannot do", function()
    local function fails(folder, more)
      local output, errors, status = run(folder, more)
      assert.same({"", 1}, {output, status})
      return (errors:gsub("\n$", ""))
    end
    assert.equal("generate: --test: a VAE is told no class, so that its images have no labels to learn",
      fails(vae, "--test"))
    assert.equal("generate: --test: one class alone (--class) is nothing to tell apart",
      fails(cvae, "--test --class 1"))
    assert.equal("IDX files hold grey images, these have 3 channels: write PNG files", fails(faces, "--format idx"))
    assert.matches("^generate: %-%-count: '0' is not a whole number from 1", fails(vae, "--count 0"))
    out:write("set/notes.txt", "mine")
    assert.equal(out:path "set" .. ": is not empty (notes.txt): files of another set would mix with these",
      fails(vae, "--count 5"))
    assert.same({"notes.txt"}, names(out:path "set"))
  end)
end)
