-- manifold.lua, as a user runs it.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local data, ae, vae, cvae, gan, out
setup(function()
  data, ae, vae = shell.small_data(300, 60), Folder.new(), Folder.new()
  cvae, gan = Folder.new(), Folder.new()
  for script, folder in pairs {
    ["train_ae.lua"] = ae, ["train_vae.lua"] = vae, ["train_cvae.lua"] = cvae, ["train_gan.lua"] = gan,
  } do
    local _, errors, status = shell.script(script,
      ("--data '%s' --out '%s' --hidden 16 --latent 3 --epochs 1 --quiet"):format(data.name, folder.name))
    assert(status == 0, errors)
  end
end)
teardown(function()
  for _, folder in ipairs {data, ae, vae, cvae, gan} do folder:remove() end
end)
before_each(function() out = Folder.new() end)
after_each(function() out:remove() end)

local function run(folder, more)
  return shell.script("manifold.lua", ("'%s' --threads 1 --out '%s' %s"):format(folder.name, out.name, more or ""))
end

-- The grid's images, N x 28 x 28 x 1.
local function draw(folder, more, side)
  local output, errors, status = run(folder, ("--size %d %s"):format(side, more or ""))
  assert.equal("", errors)
  assert.equal(0, status)
  assert.equal(("%s\n%s\n"):format(out:path "manifold.png", out:path "manifold.svg"), output)
  local picture = gl.read_png(out:path "manifold.png"):float() / 255
  assert.same({28 * side, 28 * side, 1}, picture.shape)
  return picture:reshape(side, 28, side, 28, 1):permute(1, 3, 2, 4, 5):reshape(side * side, 28, 28, 1)
end

local function assert_same(expected, got) assert.is_true((expected - got):abs():max():item() < 0.003) end

describe("manifold.lua", function()
  it("draws the two axes that are named, at the prior's quantiles", function()
    local space = gl.load(vae.name)
    local x = draw(vae, "--axes 3,1", 4)
    assert_same(space:decode(gl.latent.grid(4, gl.tensor {{0, 1}, {0, 0}, {1, 0}})), x)
    local svg = out:read "manifold.svg"
    for _, text in ipairs {"z3 (standard deviations)", "z1 (standard deviations)", "1.15", "\u{2212}0.32"} do
      assert.is_true(svg:find(text, 1, true) ~= nil, text)
    end
  end)

  it("draws saved directions over their ranges", function()
    local space = gl.load(vae.name)
    space.directions:set("smile", gl.tensor {1, 0, 0}, {range = {-1, 2}, unit = "grins"})
    space.directions:set("turn", gl.tensor {0, 2, 0}, {range = {0, 1}})
    assert(space.directions:save())
    local x = draw(vae, "--directions smile,turn", 3)
    local corners = space:decode(gl.tensor {{-1, 2, 0}, {2, 2, 0}, {-1, 0, 0}, {2, 0, 0}, {0.5, 1, 0}})
    for i, place in ipairs {1, 3, 7, 9, 5} do assert_same(corners[i], x[place]) end
    local svg = out:read "manifold.svg"
    assert.matches("smile %(grins%)", svg)
    assert.matches("turn %(standard deviations%)", svg)
  end)

  it("draws the principal plane of test images, or the one through an image", function()
    local space = gl.load(vae.name)
    local z = space:encode_split(space.data.test)
    local p = gl.latent.principal_components(z, 2)
    assert_same(space:decode(gl.latent.grid(3, p.axes, p.mean)), draw(vae, "", 3))
    assert_same(space:decode(gl.latent.grid(3, p.axes, z[7])), draw(vae, "--around 7", 3))
    assert.matches("Numbers count from the test image, framed%.", out:read "manifold.svg")
    draw(vae, "--around 7", 4)
    assert.matches("Numbers count from the test image%.", out:read "manifold.svg") -- none of the cells is it
    run(vae, "--around 7")
    assert.same({28 * 21, 28 * 21, 1}, gl.read_png(out:path "manifold.png").shape)
  end)

  it("says what its steps are, and speaks of a prior only where there is one and the plane goes through it", function()
    local function foot(folder, more)
      draw(folder, more, 3)
      return out:read "manifold.svg"
    end
    assert.matches("At equal steps of the prior", foot(vae, "--axes 1,2"), 1, true)
    local principal = foot(vae, "")
    assert.matches("Around the mean of encoded test images", principal, 1, true)
    assert.is_nil(principal:find("prior", 1, true))
    for _, more in ipairs {"", "--axes 1,2"} do
      assert.matches("a Gaussian fitted to encoded images: an autoencoder has no prior", foot(ae, more), 1, true)
    end
  end)

  it("draws one class: the one asked for, the image's, or the first", function()
    local space = gl.load(cvae.name)
    local function grid(label, origin)
      local plane = gl.latent.plane_of_axes(space, 1, 2)
      plane.origin = origin or plane.origin
      return (gl.latent.morph(space, plane, 3, label))
    end
    assert_same(grid(1), draw(cvae, "--axes 1,2", 3))
    assert_same(grid(8), draw(cvae, "--axes 1,2 --class 7", 3))
    local z, labels = space:encode_split(space.data.test, 5)
    assert_same(grid(math.tointeger(labels[5]:item()), z[5]), draw(cvae, "--axes 1,2 --around 5", 3))
  end)

  it("draws what moves a GAN's images most, around a sample, repeatably", function()
    local space = gl.load(gan.name)
    local x = draw(gan, "--size 3", 3)
    gl.seed(1)
    local z = space:prior(1)[1]
    assert_same(space:decode(z)[1], x[5])
    local bytes = out:read "manifold.svg"
    draw(gan, "", 3)
    assert.is_true(bytes == out:read "manifold.svg")
    assert.is_true((x - draw(gan, "--seed 2", 3)):abs():max():item() > 0.01)
    assert.is_true((x - draw(gan, "--around 2", 3)):abs():max():item() > 0.01)
    run(gan, "--size 3")
    assert.matches("direction of most change", out:read "manifold.svg")
  end)

  it("says what it cannot do", function()
    for more, message in pairs {
      ["--axes 1,4"] = "manifold: --axes: an axis is 1 to 3, not 4",
      ["--axes 2,2"] = "manifold: --axes: '2,2' is not two, separated by a comma (--help explains)",
      ["--axes 1"] = "manifold: --axes: '1' is not two, separated by a comma (--help explains)",
      ["--around 61"] = "manifold: --around: there are 60 test images, no number 61",
      ["--class 3"] = "manifold: --class: only conditional models (train_cvae, train_cgan) take --class; this is a VAE",
      ["--axes 1,2 --directions a,b"] = "manifold: --axes: the plane is of axes or of --directions, not both",
    } do
      local output, errors, status = run(vae, more)
      assert.same({"", message .. "\n", 1}, {output, errors, status})
    end
    local _, errors = run(gan, "--directions smile,turn")
    assert.matches("^manifold: %-%-directions: there is no direction 'smile'; none is saved yet", errors)
    _, errors = run(cvae, "--class ten")
    assert.equal("manifold: --class: there is no class 'ten'; there are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n", errors)
  end)
end)
