-- interpolate.lua and compare_latents.lua, as a user runs them.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, run, gan
setup(function()
  data, run, gan = shell.small_data(300, 60), Folder.new(), Folder.new()
  for script, folder in pairs {["train_vae.lua"] = run, ["train_gan.lua"] = gan} do
    local _, errors, status = shell.script(script,
      ("--data '%s' --out '%s' --hidden 16 --latent 4 --epochs 1 --quiet"):format(data.name, folder.name))
    assert(status == 0, errors)
  end
end)
teardown(function()
  for _, folder in ipairs {data, run, gan} do folder:remove() end
end)

describe("interpolate.lua", function()
  local out
  before_each(function() out = Folder.new() end)
  after_each(function() out:remove() end)

  local function interpolate(folder, more)
    local output, errors, status = shell.script("interpolate.lua",
      ("'%s' --threads 1 --out '%s' %s"):format(folder.name, out.name, more or ""))
    assert.equal("", errors)
    assert.equal(0, status)
    return output
  end

  local function fails(folder, more)
    local output, errors, status = shell.script("interpolate.lua",
      ("'%s' --threads 1 --out '%s' %s"):format(folder.name, out.name, more))
    assert.equal("", output)
    assert.equal(1, status)
    return (errors:gsub("\n$", ""))
  end

  -- Image (row, column) of a sheet: images are drawn at twice their size, with a line of one pixel between them.
  local function cell(name, row, column)
    local picture = gl.read_png(out:path(name)):float() / 255
    local top, left = 2 * ((row - 1) * 29 + 1), 2 * ((column - 1) * 29 + 1)
    return picture:slice(1, top + 1, top + 56, 2):slice(2, left + 1, left + 56, 2)
  end

  local function assert_same(expected, got) assert.is_true((expected - got):abs():max():item() < 0.005) end

  it("writes a walk, a grid and a film of the size that was asked for", function()
    local output = interpolate(run, "--steps 7 --pairs 3 --frames 4")
    local names = {}
    for path in output:gmatch "[^\n]+" do names[#names + 1] = path:match "([^/]+)$" end
    assert.same({"interpolation.png", "interpolation.svg", "interpolation_grid.png", "interpolation.gif"}, names)
    assert.same({2 * (2 * 29 + 1), 2 * (7 * 29 + 1), 1}, gl.read_png(out:path "interpolation.png").shape)
    assert.same({2 * (3 * 29 + 1), 2 * (7 * 29 + 1), 1}, gl.read_png(out:path "interpolation_grid.png").shape)
    local _, frames = out:read("interpolation.gif"):gsub("\33\249\4", "") -- graphic control extensions
    assert.equal(2 * (4 - 1), frames) -- there and back, no image twice
    local svg = out:read "interpolation.svg"
    for _, word in ipairs {"linear", "spherical"} do assert.matches(">" .. word .. "<", svg) end
  end)

  it("begins and ends at the reconstructions of the images that were named", function()
    interpolate(run, "--steps 5 --pairs 1 --from 3 --to 8")
    local model = gl.models.load(run.name)
    local test = gl.data.load(data.name).test:head(10)
    for name, row in pairs {["interpolation.png"] = 2, ["interpolation_grid.png"] = 1} do
      assert_same(model:reconstruct(test)[3], cell(name, row, 1))
      assert_same(model:reconstruct(test)[8], cell(name, row, 5))
    end
  end)

  it("shows the images themselves, as they are, above the walks", function()
    assert(gl.write_png(out:path "me.png", gl.data.load(data.name).test:head(8)[8]))
    for more, name in pairs {
      ["--from 3 --to 8"] = "test images 3 and 8", ["--through 1,2,5"] = "test images 1, 2 and 5",
      ["--from 3 --to " .. out:path "me.png"] = "test image 3 and me.png",
    } do
      interpolate(run, "--steps 3 --pairs 1 --frames 2 " .. more)
      local svg = out:read "interpolation.svg"
      assert.is_truthy(svg:find(">" .. name .. "<", 1, true), name)
      local third = gl.data.load(data.name).test:head(3)[3]
      assert.equal(more:find "3" ~= nil, svg:find(gl.plot.sheet.uri(third), 1, true) ~= nil)
      assert.matches(">length %d+%.%d to %d+%.%d<", svg)
    end
    interpolate(run, "--steps 3 --pairs 1 --frames 2 --prior")
    assert.equal(2 * 3, select(2, out:read("interpolation.svg"):gsub("<image", "")))
  end)

  it("walks straight where an encoder says where images lie, round where a GAN does not, or as asked", function()
    local function halfway(folder, more) -- the middle image of the grid's first walk, and of the linear one above
      interpolate(folder, "--steps 3 --pairs 1 --prior " .. more)
      return cell("interpolation_grid.png", 1, 2), cell("interpolation.png", 1, 2), cell("interpolation.png", 2, 2)
    end
    local function assert_nearer(grid, to, than)
      assert.is_true((grid - to):abs():sum():item() < 0.1 * (grid - than):abs():sum():item())
    end
    local grid, straight, round = halfway(run, "")
    assert_nearer(grid, straight, round)
    grid, straight, round = halfway(run, "--method slerp")
    assert_nearer(grid, round, straight)
    grid, straight, round = halfway(gan, "")
    assert_nearer(grid, round, straight)
    grid, straight, round = halfway(gan, "--method lerp")
    assert_nearer(grid, straight, round)
  end)

  it("goes through several images, or PNG files brought to the model's size", function()
    local test = gl.data.load(data.name).test:head(3)
    assert(gl.write_png(out:path "a.png", gl.plot.images.enlarge(test[2], 3)))
    interpolate(run, ("--steps 3 --frames 3 --through 3,%s,1"):format(out:path "a.png"))
    local model = gl.models.load(run.name)
    for column, number in pairs {[1] = 3, [3] = 2, [5] = 1} do
      assert_same(model:reconstruct(test)[number], cell("interpolation.png", 1, column))
    end
    assert_same(model:reconstruct(test)[2], cell("interpolation_grid.png", 2, 1))
    interpolate(run, ("--steps 3 --pairs 1 --from %s --to 1"):format(out:path "a.png"))
    assert_same(model:reconstruct(test)[2], cell("interpolation.png", 1, 1))
  end)

  it("lays the square between four", function()
    interpolate(run, "--steps 4 --corners --through 4,3,2,1")
    local picture = gl.read_png(out:path "interpolation_corners.png"):float() / 255
    assert.same({2 * 4 * 28, 2 * 4 * 28, 1}, picture.shape)
    local model = gl.models.load(run.name)
    local test = gl.data.load(data.name).test:head(4)
    for i, place in ipairs {{0, 0}, {0, 3}, {3, 0}, {3, 3}} do
      local corner = picture:slice(1, place[1] * 56 + 1, place[1] * 56 + 56, 2):slice(2, place[2] * 56 + 1,
        place[2] * 56 + 56, 2)
      assert_same(model:reconstruct(test)[5 - i], corner)
    end
    local _, errors = shell.script("interpolate.lua", ("'%s' --out '%s' --corners --through 1,2"):format(run.name,
      out.name))
    assert.equal("interpolate: --corners: a square is between four, --through has 2\n", errors)
  end)

  it("numbers the samples of a GAN, and draws them repeatably", function()
    interpolate(gan, "--steps 2 --through 5,2")
    gl.seed(1)
    local x = gl.models.load(gan.name):decode(gl.randn(5, 4))
    assert_same(x[5], cell("interpolation.png", 1, 1))
    assert_same(x[2], cell("interpolation.png", 1, 2))
    local function bytes(seed)
      interpolate(gan, "--steps 4 --frames 3 --pairs 2 --seed " .. seed)
      return out:read "interpolation.svg" .. out:read "interpolation_grid.png" .. out:read "interpolation.gif"
    end
    local first = bytes(1)
    assert.is_true(first == bytes(1))
    assert.is_true(first ~= bytes(2))
  end)

  it("numbers the samples of a fitted mixture", function()
    gl.seed(3)
    assert(gl.latent.mixture.fit(gl.randn(90, 4) * 9, {components = 3}):save(run:path "sampler.safetensors"))
    interpolate(run, "--prior --steps 2 --through 5,2")
    local five, two = cell("interpolation.png", 1, 1), cell("interpolation.png", 1, 2)
    interpolate(run, "--prior --steps 2 --through 2,5,90")
    os.remove(run:path "sampler.safetensors")
    assert_same(two, cell("interpolation.png", 1, 1))
    assert_same(five, cell("interpolation.png", 1, 2))
    assert.is_true((two - five):abs():max():item() > 0.01)
  end)

  it("says what it cannot do", function()
    assert.equal("interpolate: --from: there are 60 test images, no number 61", fails(run, "--from 61"))
    assert.equal("interpolate: --through: a walk goes through two or more", fails(run, "--through 1"))
    assert.equal("interpolate: --class: only conditional models (train_cvae, train_cgan) take --class; this is a VAE",
      fails(run, "--class 3"))
    assert.matches("^interpolate: %-%-to: a GAN has no encoder to tell where x.png is", fails(gan, "--to x.png"))
    assert.matches("^interpolate: %-%-from: .*x.png: cannot be opened", fails(run, "--from " .. out:path "x.png"))
    assert.matches("^interpolate: %-%-method: 'jump' is not one of lerp, slerp", fails(run, "--method jump"))
  end)
end)

describe("compare_latents.lua", function()
  local out, words
  before_each(function()
    out = Folder.new()
    words = ("--data '%s' --out '%s' --hidden 16 "):format(data.name, out.name)
  end)
  after_each(function() out:remove() end)

  it("puts both maps and what is decoded from them into one picture, and leaves what its report names", function()
    local output, errors, status = shell.script("compare_latents.lua", words .. "--epochs 1")
    assert.equal("", errors)
    assert.equal(0, status)
    assert.equal(out:path "compare_latents.svg", shell.last_line(output))
    local svg = out:read "compare_latents.svg"
    local _, images = svg:gsub("data:image/png;base64,", "")
    assert.equal(2, images)
    for _, text in ipairs {"Autoencoder", "VAE", "16-2-16", "1 epochs"} do
      assert.is_true(svg:find(text, 1, true) ~= nil, text)
    end
    assert.same({}, shell.missing_files(out))
    for name, kind in pairs {autoencoder = "Autoencoder", vae = "VAE"} do
      assert.equal(kind, gl.models.load(out:path(name .. ".safetensors")):name())
    end
  end)

  it("goes on from a checkpoint as if it had not stopped, and does nothing where it is finished", function()
    local whole = Folder.new()
    shell.script("compare_latents.lua", words .. "--epochs 2 --quiet --out " .. whole.name)
    shell.script("compare_latents.lua", words .. "--epochs 1 --quiet")
    shell.script("compare_latents.lua", "--epochs 2 --quiet --resume " .. out.name)
    for _, name in ipairs {"autoencoder", "vae"} do
      local file = name .. ".safetensors"
      assert.is_true(whole:read(file) == out:read(file), name)
    end
    os.remove(out:path "compare_latents.svg")
    local output, _, status = shell.script("compare_latents.lua", "--resume " .. out.name)
    assert.matches("is finished: its 2 epochs are done", output)
    assert.equal(0, status)
    assert.is_nil(gl.core.file_kind(out:path "compare_latents.svg"))
    whole:remove()
  end)
end)
