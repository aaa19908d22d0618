-- project.lua, as a user runs it.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local xml = dofile "spec/plot/xml.lua"
local Folder = dofile "spec/io/folder.lua"

local data, vae, ae, gan, digits, tiny, cache, out

-- A run's folder with a small model of that kind that was trained on nothing.
local function run_of(kind, config, data_name)
  gl.seed(3)
  config.image, config.hidden = config.image or {28, 28, 1}, {16}
  local folder = Folder.new()
  assert(gl.models.save(folder:path "model.safetensors", gl.models[kind](config), {options = {data = data_name}}))
  return folder
end

setup(function()
  data, vae, cache = shell.small_data(300, 60), Folder.new(), Folder.new()
  local _, errors, status = shell.script("train_vae.lua",
    ("--data '%s' --out '%s' --hidden 16 --latent 3 --epochs 2 --quiet"):format(data.name, vae.name))
  assert(status == 0, errors)
  ae, gan = run_of("autoencoder", {latent = 2}, data.name), run_of("gan", {latent = 3}, data.name)
  digits, tiny = run_of("vae", {latent = 2}, "digits"), run_of("vae", {latent = 2, image = {8, 8, 1}}, data.name)
  -- the classifier that the script finds for these data, so that it need not train one
  local set = gl.data.load(data.name)
  local folder = cache:path "genlat/classifiers"
  assert(gl.core.mkdirs(folder))
  assert(gl.models.save(folder .. "/" .. gl.metrics.classifier.path(set):match "[^/]+$",
    gl.models.lenet5 {classes = #set.classes}, {}))
end)
teardown(function()
  for _, folder in ipairs {data, vae, ae, gan, digits, tiny, cache} do folder:remove() end
end)
before_each(function() out = Folder.new() end)
after_each(function() out:remove() end)

local function run(folder, more)
  return shell.run(("XDG_CACHE_HOME='%s' %s"):format(cache.name, shell.lua("scripts/project.lua",
    ("'%s' --threads 1 --out '%s' %s"):format(folder.name, out.name, more or ""))))
end

-- What a run that succeeds prints.
local function draw(folder, more)
  local output, errors, status = run(folder, more)
  assert.equal("", errors)
  assert.equal(0, status)
  return output
end

local function points(name)
  local n = 0
  for _, path in ipairs(xml.all(out:read(name), "path")) do
    n = n + select(2, (path.attributes.d or ""):gsub("h0", ""))
  end
  return n
end

-- A text of the picture that has `words` in it.
local function says(name, words)
  return table.concat(xml.texts(out:read(name)), " "):find(words, 1, true) ~= nil
end

describe("project.lua", function()
  it("draws the principal plane, densities and units of a VAE", function()
    local output = draw(vae)
    local q = gl.latent.posterior.of(gl.load(vae.name), gl.data.load(data.name).test)
    local units = gl.latent.posterior.units(q)
    assert.equal(("%s\n%s\n%s\n%d of 3 latent units are active (A_u > 0.01); KL %.2f nats per image\n"):format(
      out:path "latent_map.svg", out:path "density.svg", out:path "kl.svg", units.count, units.kl:sum():item()), output)
    assert.equal(60, points "latent_map.svg")
    assert.equal(2, #xml.all(out:read "latent_map.svg", "ellipse"))
    assert.is_true(says("latent_map.svg", "first principal component"))
    assert.is_true(says("density.svg", "Aggregate posterior") and says("density.svg", "Prior"))
    assert.equal(5, #xml.all(out:read "density.svg", "image"))
    assert.is_true(says("kl.svg", ("%d of 3 latent units are active"):format(units.count)))
  end)

  it("draws the axes that are named", function()
    draw(vae, "--axes 3,1 --images 20")
    assert.equal(20, points "latent_map.svg")
    for _, name in ipairs {"latent_map.svg", "density.svg"} do
      assert.is_true(says(name, "z3") and says(name, "z1"))
      assert.is_false(says(name, "z2") or says(name, "principal"))
    end
  end)

  it("draws equal t-SNE maps for equal seeds", function()
    local maps = {}
    for i, seed in ipairs {5, 5, 6} do
      local output = draw(vae, ("--method tsne --perplexity 8 --seed %d"):format(seed))
      assert.matches("^t%-SNE, perplexity 8, KL divergence %d%.%d%d nats\n", output)
      maps[i] = out:read "latent_map.svg"
    end
    assert.equal(60, points "latent_map.svg")
    assert.is_true(maps[1] == maps[2])
    assert.is_false(maps[1] == maps[3])
  end)

  it("draws an autoencoder's map, which has no prior and no KL", function()
    draw(ae)
    assert.equal(60, points "latent_map.svg")
    assert.equal(0, #xml.all(out:read "latent_map.svg", "ellipse"))
    assert.is_true(says("density.svg", "Fitted Gaussian"))
    assert.is_nil(gl.core.file_kind(out:path "kl.svg"))
  end)

  it("draws a GAN's samples by what a classifier makes of them", function()
    draw(gan, "--images 40 --method pca")
    assert.equal(40, points "latent_map.svg")
    assert.is_true(says("latent_map.svg", "features of a LeNet-5"))
    assert.is_nil(gl.core.file_kind(out:path "density.svg"))
    assert.matches("^t%-SNE, perplexity 13,", draw(gan, "--images 40"))
  end)

  it("colours by a factor of the built-in data", function()
    draw(digits, "--colour shift_x --images 30")
    assert.equal(30, points "latent_map.svg")
    assert.is_true(says("latent_map.svg", "shift x"))
    assert.equal(1, #xml.all(out:read "latent_map.svg", "image"))
  end)

  it("says in a line what cannot be done", function()
    local name = data.name:match "[^/]+$"
    for more, message in pairs {
      ["--axes 1"] = "--axes: '1' is not two axes such as 1,2 (--help explains)",
      ["--axes 1,4"] = "--axes: there are 3 axes, no number 4",
      ["--axes 1,2 --method pca"] = "--axes: is for --method axes",
      ["--perplexity 5"] = "--perplexity: is for --method tsne",
      ["--method tsne --perplexity 25"] = "--perplexity: at most a third of the other images: 19.67 for 60 images",
      ["--method umap"] = "--method: 'umap' is not one of axes, pca, tsne (--help explains)",
      ["--images 3"] = "--images: '3' is not a whole number from 4 (--help explains)",
      ["--colour smile"] = ("--colour: there is no smile; %s has class only"):format(name),
    } do
      local _, errors, status = run(vae, more)
      assert.equal(("project: %s\n"):format(message), errors)
      assert.equal(1, status)
    end
    local _, errors = run(gan, "--method axes")
    assert.equal("project: --method: a GAN's map is of its samples' features: pca or tsne\n", errors)
    _, errors = run(tiny)
    assert.equal(("project: --data: %s has images of 28 x 28 x 1, the model of 8 x 8 x 1\n"):format(name), errors)
    _, errors = run(gan, "--colour slant")
    assert.equal("project: --colour: samples of a GAN have no known factors, only a class\n", errors)
  end)
end)
