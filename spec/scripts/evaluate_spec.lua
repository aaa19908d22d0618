-- evaluate.lua, as a user runs it.
local gl = require "genlat"
local json = require "genlat.json"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, vae, ae, gan, cache
setup(function()
  data, vae, ae, gan, cache = shell.small_data(300, 60), Folder.new(), Folder.new(), Folder.new(), Folder.new()
  for script, folder in pairs {["train_vae.lua"] = vae, ["train_ae.lua"] = ae, ["train_gan.lua"] = gan} do
    local _, errors, status = shell.script(script,
      ("--data '%s' --out '%s' --hidden 16 --latent 4 --epochs 1 --quiet"):format(data.name, folder.name))
    assert(status == 0, errors)
  end
end)
teardown(function()
  for _, folder in ipairs {data, vae, ae, gan, cache} do
    folder:remove()
  end
end)

local function evaluate(folder, more)
  local command = shell.lua("scripts/evaluate.lua", ("'%s' --samples 60 --images 3 --threads 1 %s")
    :format(folder.name, more or ""))
  return shell.run(("XDG_CACHE_HOME='%s' %s"):format(cache.name, command))
end

-- The lines "name value": the values by name.
local function values_of(output)
  local values = {}
  for line in output:gmatch "[^\n]+" do
    local name, value = line:match "^([%w_]+) (%S+)$"
    values[assert(name, line)] = assert(tonumber(value), line)
  end
  return values
end

local OF_IMAGES = {"frechet_lenet", "classifier_score", "modes_covered", "precision", "recall", "class_variation"}
local OF_RECONSTRUCTIONS = {"mse", "psnr", "ssim", "reconstruction"}
local OF_BOUNDS = {"kl", "elbo", "log_likelihood"}

local function assert_measured(values, names, expected)
  for _, name in ipairs(names) do
    assert.equal(expected, values[name] ~= nil, name)
  end
end

describe("evaluate.lua", function()
  it("prints what a VAE can be measured by, and writes metrics.json", function()
    local output, errors, status = evaluate(vae)
    assert.matches("judged by the LeNet%-5 in " .. cache.name:gsub("%p", "%%%0"), errors)
    assert.equal(0, status)
    local values = values_of(output)
    for _, names in ipairs {OF_IMAGES, OF_RECONSTRUCTIONS, OF_BOUNDS} do
      assert_measured(values, names, true)
    end
    assert.is_true(values.frechet_lenet > values.frechet_lenet_floor)
    assert.is_true(values.frechet_lenet_std > 0)
    assert.is_true(values.classifier_score >= 1 and values.classifier_score <= 10)
    assert.is_true(values.modes_covered > 0 and values.modes_covered <= 1)
    assert.is_true(math.abs(values.elbo + values.reconstruction + values.kl) < 0.01)
    assert.is_true(values.log_likelihood_stderr > 0)
    local record = json.decode(vae:read "metrics.json")
    for name, value in pairs(values) do
      assert.is_true(math.abs(value - record[name]) <= 1e-5 * math.abs(value), name)
    end
    assert.equal("vae", record.settings.model)
    assert.equal(60, record.settings.samples)
  end)

  it("keeps its classifier, and gives the same values for the same seed", function()
    local first = evaluate(vae, "--seed 3 --quiet")
    local kept = cache:path "genlat/classifiers"
    assert.equal(1, select(2, io.popen(("ls '%s'"):format(kept)):read("a"):gsub("%.safetensors\n", "")))
    local file = io.popen(("ls '%s'"):format(kept)):read()
    assert.equal(first, (evaluate(vae, ("--seed 3 --quiet --classifier '%s/%s'"):format(kept, file))))
    assert.is_true(values_of(first).frechet_lenet ~= values_of((evaluate(vae, "--seed 4 --quiet"))).frechet_lenet)
  end)

  it("leaves out what a model cannot do", function()
    local out = Folder.new()
    local values = values_of((evaluate(ae, ("--quiet --seeds 1 --out '%s'"):format(out.name))))
    assert_measured(values, OF_IMAGES, true)
    assert_measured(values, OF_RECONSTRUCTIONS, true)
    assert_measured(values, OF_BOUNDS, false)
    assert.is_nil(values.frechet_lenet_std)
    assert.equal("metrics.json", out:list())
    out:remove()
    values = values_of((evaluate(gan, "--quiet --seeds 1")))
    assert_measured(values, OF_IMAGES, true)
    assert_measured(values, OF_RECONSTRUCTIONS, false)
    assert_measured(values, OF_BOUNDS, false)
  end)

  it("writes where it is run if the model is a file", function()
    local command = shell.lua(gl.core.real_path "scripts/evaluate.lua", ("'%s' --samples 60 --images 3 --threads 1 "
      .. "--seeds 1 --quiet"):format(vae:path "model.safetensors"))
    local root = gl.core.real_path "."
    local _, errors, status = shell.run(("cd '%s' && XDG_CACHE_HOME='%s' GENLAT_BUILD='%s/build' %s"):format(cache.name,
      cache.name, root, command))
    assert.same({"", 0}, {errors, status})
    assert.equal("vae", json.decode(cache:read "metrics.json").settings.model)
  end)

  it("refuses a folder that cannot be made before anything is measured", function()
    local output, errors, status = evaluate(vae, ("--quiet --out '%s'"):format(vae:path "model.safetensors"))
    assert.same({"", vae:path "model.safetensors" .. ": cannot make this folder: a file is in its place\n", 1},
      {output, errors, status})
  end)

  it("measures a model that came without a run, where --data says on what", function()
    local path = cache:path "own.safetensors"
    assert(gl.models.save(path, gl.models.autoencoder {image = {28, 28, 1}, hidden = {8}, latent = 2}))
    local output, errors, status = evaluate({name = path},
      ("--quiet --seeds 1 --data '%s' --out '%s/own'"):format(data.name, cache.name))
    assert.equal("", errors)
    assert.equal(0, status)
    assert_measured(values_of(output), OF_RECONSTRUCTIONS, true)
    assert.equal("gaussian", json.decode(cache:read "own/metrics.json").settings.sampler)
    output, errors, status = evaluate({name = path})
    assert.equal("", output)
    assert.equal("data: the model came without a run, which would name its data set\n", errors)
    assert.equal(1, status)
  end)

  it("says what does not fit in one line", function()
    local _, errors, status = evaluate(vae, ("--classifier '%s'"):format(vae:path "model.safetensors"))
    assert.equal(("%s: expected a LeNet-5 for 10 classes of 28x28x1 images\n"):format(vae:path "model.safetensors"),
      errors)
    assert.equal(1, status)
    _, errors = evaluate(vae, "--samples 1")
    assert.equal("evaluate: --samples: '1' is not a whole number from 2 (--help explains)\n", errors)
    local judge = cache:path "judge.safetensors"
    assert(gl.models.save(judge, gl.models.lenet5 {}, {options = {data = data.name}}))
    _, errors = evaluate({name = judge})
    assert.equal(("%s: a LeNet5 makes no images\n"):format(judge), errors)
    _, errors, status = evaluate(vae, "--sampler mixture")
    assert.equal("evaluate: --sampler: no mixture was fitted to this run's latent vectors (fit_sampler does)\n", errors)
    assert.equal(1, status)
  end)
end)
