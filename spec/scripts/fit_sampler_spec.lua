-- fit_sampler.lua, as a user runs it.
local gl = require "genlat"
local json = require "genlat.json"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, ae, vae, gan, judge, out, plain
setup(function()
  data, ae, vae, gan, judge = shell.small_data(300, 60), Folder.new(), Folder.new(), Folder.new(), Folder.new()
  for script, folder in pairs {["train_ae.lua"] = ae, ["train_vae.lua"] = vae, ["train_gan.lua"] = gan} do
    local _, errors, status = shell.script(script,
      ("--data '%s' --out '%s' --hidden 16 --latent 3 --epochs 1 --quiet"):format(data.name, folder.name))
    assert(status == 0, errors)
  end
  assert(gl.models.save(judge:path "judge.safetensors", gl.models.lenet5 {}))
  plain = shell.small_data(100, 6) -- few to test on, without labels, and a run of it in the same folder
  for _, part in ipairs {"train", "t10k"} do os.remove(plain:path(part .. "-labels-idx1-ubyte")) end
  assert(gl.models.save(plain:path "model.safetensors", gl.models.vae {hidden = {8}, latent = 3},
    {options = {data = plain.name}, epochs = 1}))
end)
teardown(function()
  for _, folder in ipairs {data, ae, vae, gan, judge, plain} do folder:remove() end
end)
before_each(function() out = Folder.new() end)
after_each(function()
  out:remove()
  os.remove(ae:path "sampler.safetensors")
end)

local function run(folder, more)
  return shell.script("fit_sampler.lua", ("'%s' --threads 1 --samples 60 --classifier '%s' --out '%s' %s"):format(
    folder.name, judge:path "judge.safetensors", out.name, more or "--components 3"))
end

-- What evaluate has to say of a run with a mixture: the distances of the Gaussian, of what is drawn from by itself (the
-- mixture), and of training images.
local function evaluated(folder)
  local function values(more)
    local output, errors, status = shell.script("evaluate.lua", ("'%s' --threads 1 --samples 60 --images 1 --quiet "
      .. "--classifier '%s' --out '%s' %s"):format(folder.name, judge:path "judge.safetensors", out.name, more))
    assert.same({"", 0}, {errors, status})
    local record = json.decode(out:read "metrics.json")
    assert.equal(("%.6g"):format(record.frechet_lenet), output:match "frechet_lenet (%S+)")
    return ("%.2f"):format(record.frechet_lenet), ("%.2f"):format(record.frechet_lenet_floor), record.settings.sampler
  end
  local gaussian, _, name = values "--sampler gaussian"
  assert.equal("gaussian", name)
  local mixture, floor, chosen = values ""
  assert.equal("mixture", chosen)
  return {gaussian, mixture, floor}
end

describe("fit_sampler.lua", function()
  for kind, folder in pairs {autoencoder = function() return ae end, VAE = function() return vae end} do
    it(("fits a mixture to an %s's images, that space:prior draws from"):format(kind), function()
      folder = folder()
      local output, errors, status = run(folder)
      assert.equal("", errors)
      assert.equal(0, status)
      local gaussian, mixture = output:match(
        "\nlog density of 60 encoded test images: Gaussian (%-?%d+%.%d%d), mixture (%-?%d+%.%d%d) nats a vector\n")
      assert(gaussian, output)
      local distances = {output:match("\nFrechet distance of 60 samples from test images: Gaussian (%d+%.%d%d) "
        .. "%(%d+%.%d%d%), mixture (%d+%.%d%d) %(%d+%.%d%d%); training images (%d+%.%d%d) %(%d+%.%d%d%)\n")}
      assert.equal(3, #distances, output)
      assert.same({distances[1], distances[2], distances[3]}, evaluated(folder))
      assert.equal(("samples of %s are drawn from the mixture from now on (--sampler gaussian, where a script has it, "
        .. "for the other)"):format(folder.name), shell.last_line(output))
      assert.matches("\n" .. out:path "sampler.svg" .. "\n", output, 1, true)
      assert.same({2 * (10 * 29 + 1), 2 * (10 * 29 + 1), 1}, gl.read_png(out:path "samples_mixture.png").shape)
      local space = gl.load(folder.name)
      assert.equal(3, space.sampler.components)
      local z = space:encode_split(space.data.test)
      assert.equal(("%.2f"):format(space.sampler:log_density(z):mean():item()), mixture)
      assert.equal(("%.2f"):format(space:log_density(z, {sampler = "gaussian"}):mean():item()), gaussian)
      assert.is_true(tonumber(mixture) > tonumber(gaussian))
    end)
  end

  it("writes equal files for equal seeds, and needs no labels", function()
    local function bytes(seed)
      local output, errors = run(plain, "--components 4 --seed " .. seed)
      assert.equal("", errors)
      assert.matches("\nFrechet distance: left out, [^\n]+ has no labels\n", output)
      return plain:read "sampler.safetensors" .. out:read "samples_mixture.png" .. out:read "sampler.svg"
    end
    local first = bytes(1)
    assert.is_true(first == bytes(1))
    assert.is_true(first ~= bytes(2))
  end)

  it("says what it cannot do", function()
    local function fails(folder, more)
      local output, errors, status = run(folder, more)
      assert.same({"", 1}, {output, status})
      return (errors:gsub("\n$", ""))
    end
    assert.equal(gan.name .. ": a GAN has no encoder, and draws from the prior it was trained with",
      fails(gan):match "^fit_sampler: (.*)$")
    assert.equal("fit_sampler: --components: 301 need as many training images, there are 300",
      fails(ae, "--components 301"))
    assert.is_nil(gl.core.file_kind(ae:path "sampler.safetensors"))
  end)
end)
