-- interpolate.lua and compare_latents.lua, as a user runs them.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, run
setup(function()
  data, run = shell.small_data(300, 60), Folder.new()
  local _, errors, status = shell.script("train_vae.lua",
    ("--data '%s' --out '%s' --hidden 16 --latent 4 --epochs 1 --quiet"):format(data.name, run.name))
  assert(status == 0, errors)
end)
teardown(function()
  data:remove()
  run:remove()
end)

describe("interpolate.lua", function()
  it("writes a strip and a grid of the size that was asked for", function()
    local output, errors, status = shell.script("interpolate.lua", ("'%s' --steps 7 --pairs 3"):format(run.name))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.equal(("%s/interpolation.png\n%s/interpolation_grid.png\n"):format(run.name, run.name), output)
    assert.same({2 * (2 * 29 + 1), 2 * (7 * 29 + 1), 1}, gl.read_png(run:path "interpolation.png").shape)
    assert.same({2 * (3 * 29 + 1), 2 * (7 * 29 + 1), 1}, gl.read_png(run:path "interpolation_grid.png").shape)
  end)

  it("begins and ends at the reconstructions of the images that were named", function()
    shell.script("interpolate.lua", ("'%s' --steps 5 --pairs 1 --from 3 --to 8"):format(run.name))
    local strip = gl.read_png(run:path "interpolation_grid.png"):float() / 255
    local model = gl.models.load(run.name)
    local test = gl.data.load(data.name).test:head(10)
    local function cell(column) -- the images are drawn at twice their size, with a line of one pixel between them
      local left = 2 * ((column - 1) * 29 + 1)
      return strip:slice(1, 3, 58, 2):slice(2, left + 1, left + 56, 2)
    end
    assert.is_true((cell(1) - model:reconstruct(test)[3]):abs():max():item() < 0.005)
    assert.is_true((cell(5) - model:reconstruct(test)[8]):abs():max():item() < 0.005)
  end)

  it("walks between points of the prior, repeatably", function()
    local function walk(seed)
      local out = Folder.new()
      shell.script("interpolate.lua", ("'%s' --prior --seed %d --out '%s'"):format(run.name, seed, out.name))
      local bytes = out:read "interpolation_grid.png"
      out:remove()
      return bytes
    end
    assert.is_true(walk(1) == walk(1))
    assert.is_true(walk(1) ~= walk(2))
  end)

  it("says how many images there are", function()
    local _, errors, status = shell.script("interpolate.lua", ("'%s' --from 61"):format(run.name))
    assert.equal("interpolate: --from: there are 60 test images, no number 61\n", errors)
    assert.equal(1, status)
  end)
end)

describe("compare_latents.lua", function()
  it("puts both maps and what is decoded from them into one picture", function()
    local out = Folder.new()
    local output, errors, status = shell.script("compare_latents.lua",
      ("--data '%s' --out '%s' --hidden 16 --epochs 1"):format(data.name, out.name))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.equal(out:path "compare_latents.svg", shell.last_line(output))
    local svg = out:read "compare_latents.svg"
    local _, images = svg:gsub("data:image/png;base64,", "")
    assert.equal(2, images)
    for _, words in ipairs {"Autoencoder", "VAE", "512", "epochs"} do
      assert.is_true(words == "512" or svg:find(words, 1, true) ~= nil, words)
    end
    out:remove()
  end)
end)
