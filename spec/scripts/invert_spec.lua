-- invert.lua, as a user runs it.
local gl = require "genlat"
local json = require "genlat.json"
local safetensors = require "genlat.safetensors"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, vae, cvae, gan
setup(function()
  data, vae, cvae, gan = shell.small_data(300, 60), Folder.new(), Folder.new(), Folder.new()
  for script, folder in pairs {["train_vae.lua"] = vae, ["train_cvae.lua"] = cvae, ["train_gan.lua"] = gan} do
    local _, errors, status = shell.script(script,
      ("--data '%s' --out '%s' --hidden 16 --latent 3 --epochs 1 --quiet --threads 1"):format(data.name, folder.name))
    assert(status == 0, errors)
  end
end)
teardown(function()
  for _, folder in ipairs {data, vae, cvae, gan} do
    folder:remove()
  end
end)

local function invert(run, more)
  return shell.script("invert.lua", ("'%s' --threads 1 --steps 20 %s"):format(run.name, more or ""))
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = line
  end
  return list
end

describe("invert.lua", function()
  it("compares what a VAE can do on test images, and writes vectors that other tools can take", function()
    local output, errors, status = invert(vae, "--test-images 3,5-6")
    assert.equal("", errors)
    assert.equal(0, status)
    local lines = lines_of(output)
    assert.matches("^image +encoder +optimize +both +usual +length %(%d%.%d%d to %d%.%d%d%)$", lines[1])
    for i, name in ipairs {"test 3", "test 5", "test 6"} do
      local encoder, _, both, share = lines[i + 1]:match(
        "^" .. name .. " +([%d.]+) dB +([%d.]+) dB +([%d.]+) dB +([%d.]+) ")
      assert.is_true(tonumber(both) > tonumber(encoder) - 0.5, lines[i + 1])
      assert.is_true(tonumber(share) >= 0 and tonumber(share) <= 1)
    end
    assert.same({vae:path "invert.svg", vae:path "invert_loss.svg", vae:path "latents.safetensors"},
      {table.unpack(lines, 5)})
    local _, images = vae:read("invert.svg"):gsub("data:image/png;base64,", "")
    for _, words in ipairs {"encoder", "as encoded", "optimize", "best of 8", "both", "optimized from"} do
      assert.matches(">" .. words, vae:read "invert.svg", 1, true)
    end
    assert.equal(5 * 3, images) -- the images, three methods, the difference
    local tensors, metadata = safetensors.load(vae:path "latents.safetensors")
    assert.same({3, 3}, tensors.z.shape)
    local space = gl.load(vae.name)
    local test = space.data.test:head(6)
    local x = gl.cat {test:slice(1, 3, 3), test:slice(1, 5, 6)}
    local reached = gl.latent.invert(space, x, {method = "encoder"})
    local again = gl.metrics.mse(space:decode(tensors.z), x):mean():item()
    assert.is_true(again < reached.mse:mean():item() + 1e-3)
    assert.same({"test 3", "test 5", "test 6"}, json.decode(metadata.notes).names)
  end)

  it("takes PNG files of any size and colour", function()
    local folder = Folder.new()
    gl.write_png(folder:path "face.png", gl.data.face({smile = 1}, {side = 50}))
    gl.write_png(folder:path "wide.png", gl.zeros(20, 60, 1))
    local output, errors, status = invert(vae, ("'%s' '%s' --out '%s'"):format(folder:path "face.png",
      folder:path "wide.png", folder:path "out"))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.matches("\nface .*\nwide ", output)
    assert.is_true(#folder:read "out/invert.svg" > 0)
    folder:remove()
  end)

  it("finds the class of a conditional model, or takes the one given", function()
    local output = invert(cvae, "--method encoder --test-images 1-4")
    assert.matches("^image +encoder +class +usual", output)
    local tensors = safetensors.load(cvae:path "latents.safetensors")
    assert.same({4}, tensors.labels.shape)
    output = invert(cvae, "--method encoder --test-images 1-2 --class 7")
    assert.matches("test 1 .* dB +7 ", output)
    assert.same({8, 8}, safetensors.load(cvae:path "latents.safetensors").labels:totable())
  end)

  it("finds a GAN's vectors, the same for equal seeds", function()
    local out, again, other = Folder.new(), Folder.new(), Folder.new()
    for seed, folders in pairs {{out, again}, {other}} do
      for _, folder in ipairs(folders) do
        local _, errors = invert(gan, ("--test-images 1-2 --restarts 2 --seed %d --out '%s'"):format(seed, folder.name))
        assert.equal("", errors)
      end
    end
    for _, name in ipairs {"invert.svg", "invert_loss.svg", "latents.safetensors"} do
      assert.is_true(out:read(name) == again:read(name), name)
    end
    assert.is_true(out:read "latents.safetensors" ~= other:read "latents.safetensors")
    for _, folder in ipairs {out, again, other} do folder:remove() end
  end)

  it("tells mistakes in one line", function()
    for _, case in ipairs {
      {gan, "--method both", "invert: --method: a GAN has no encoder: optimize"},
      {vae, "--test-images 61", "invert: --test-images: there are 60 test images, no number 61"},
      {vae, "--test-images 3-1", "invert: --test-images: '3-1' is not a list of numbers such as 3 or 1-8,20 "
        .. "(--help explains)"},
      {vae, "--class 3", "invert: --class: only conditional models (train_cvae, train_cgan) take --class; "
        .. "this is a VAE"},
      {vae, "--data faces", "invert: --data: faces has images of 32 x 32 x 3, the model of 28 x 28 x 1"},
      {vae, "nothing.png", "nothing.png: cannot be opened: No such file or directory"},
    } do
      local _, errors, status = invert(case[1], case[2])
      assert.equal(case[3] .. "\n", errors)
      assert.equal(1, status)
    end
  end)
end)
