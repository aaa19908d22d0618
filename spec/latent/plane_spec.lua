-- Planes in latent space.
local gl = require "genlat"
local latent = gl.latent

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

describe("principal components", function()
  it("are the axes of an ellipsoid, longest first", function()
    gl.seed(5)
    local x = gl.randn(5000, 3) * gl.tensor {1, 5, 2} + gl.tensor {10, 20, 30}
    local p = latent.principal_components(x, 2)
    near(20, p.mean[2]:item(), 0.3)
    near(1, p.axes[{2, 1}]:item(), 0.02)
    near(1, p.axes[{3, 2}]:item(), 0.02)
    near(25, p.variance[1]:item(), 1.5)
    near(4, p.variance[2]:item(), 0.3)
    local gram = p.axes:t():matmul(p.axes)
    near(0, (gram - gl.eye(2)):abs():max():item(), 1e-5)
  end)

  it("are orthonormal however small the other variances are", function()
    gl.seed(5)
    for _, small in ipairs {0, 1e-6, 1e-5, 1e-4, 1e-2} do
      local spread = gl.full({8}, small)
      spread[3] = 1
      local p = latent.principal_components(gl.randn(500, 8) * spread, 3)
      near(0, (p.axes:t():matmul(p.axes) - gl.eye(3)):abs():max():item(), 1e-5)
      near(1, p.variance[1]:item(), 0.15)
      near(small ^ 2, p.variance[2]:item(), 1e-6 + 0.3 * small ^ 2)
      assert.is_true(p.variance:min():item() >= 0)
    end
  end)

  it("are in order, and exact, where a cloud is nearly round", function()
    for seed = 1, 100 do
      gl.seed(seed)
      local x = gl.randn(500, 2)
      local p = latent.principal_components(x, 2)
      local _, covariance = gl.core.linalg.moments(x)
      local a, b, d = covariance[1][1], covariance[1][2], covariance[2][2]
      local angle = math.atan(2 * b, a - d) / 2 -- of the first axis
      local first = p.axes:select(2, 1):totable()
      near(1, math.abs(first[1] * math.cos(angle) + first[2] * math.sin(angle)), 1e-6)
      local middle, half = (a + d) / 2, math.sqrt((a - d) ^ 2 / 4 + b * b)
      near(middle + half, p.variance[1]:item(), 1e-6)
      near(middle - half, p.variance[2]:item(), 1e-6)
    end
  end)

  it("are there for any size that float32 holds", function()
    gl.seed(6)
    local x = gl.randn(50, 3)
    local axes = latent.principal_components(x, 2).axes
    for _, size in ipairs {1e-37, 1e-25, 1e25, 1e37} do
      near(0, (axes - latent.principal_components(x * size, 2).axes):abs():max():item(), 1e-4)
    end
  end)

  it("are there for fewer rows than columns, and for rows that are all the same", function()
    assert.same({5, 2}, latent.principal_components(gl.randn(2, 5), 2).axes.shape)
    near(0, latent.principal_components(gl.ones(4, 3), 2).variance:sum():item(), 1e-9)
  end)
end)

describe("quantile", function()
  it("inverts the normal distribution", function() -- values of Abramowitz & Stegun, table 26.5 and 26.1
    near(0, latent.quantile(0.5), 1e-9)
    near(1.959963985, latent.quantile(0.975), 1e-8)
    near(-2.326347874, latent.quantile(0.01), 1e-8)
    near(3.090232306, latent.quantile(0.999), 1e-8)
    assert.error_matches(function() latent.quantile(1) end, "between 0 and 1")
  end)
end)

describe("grid", function()
  it("is refused where it is too large, at once", function()
    for _, n in ipairs {0, 4097, 1 << 53, 2.5} do
      assert.error_matches(function() latent.grid(n, gl.eye(2)) end, "the grid's size")
    end
  end)

  it("runs to the right and upwards over the prior's quantiles", function()
    local z = latent.grid(2, gl.eye(2))
    local q = 0.6744898
    for i, expected in ipairs {{-q, q}, {q, q}, {-q, -q}, {q, -q}} do
      near(expected[1], z[{i, 1}]:item(), 1e-6)
      near(expected[2], z[{i, 2}]:item(), 1e-6)
    end
  end)

  it("lies on the plane of its axes through its origin", function()
    local z = latent.grid(3, gl.tensor {{1, 0}, {0, 0}, {0, 1}}, gl.tensor {5, 6, 7})
    assert.equal(6, z:select(2, 2):min():item())
    near(5, z[5][1]:item(), 1e-6)
  end)
end)

-- A space with a linear decoder in place of a network: image = sigmoid-free base + z W, 2 x 2 pixels.
local function linear_space(weights, more)
  local model = {
    config = {image = {2, 2, 1}}, latent = #weights, training = false, generator = more and more.generator,
    decode = function(_, z) return z:matmul(weights):reshape(#z, 2, 2, 1) end,
    encode = function(_, x) return x:flatten(2) end,
    name = function() return "Linear" end, eval = function(self) return self end,
    unstandardize = more and more.unstandardize, prior = "normal",
  }
  return latent.space(model)
end

local function same(expected, got, tolerance)
  assert.same(expected.shape, got.shape)
  near(0, (expected - got):abs():max():item(), tolerance or 1e-6)
end

describe("the plane of two latent axes", function()
  it("is them, through the middle of the prior", function()
    local space = linear_space(gl.randn(3, 4))
    local p = latent.plane_of_axes(space, 3, 1)
    same(gl.tensor {{0, 1}, {0, 0}, {1, 0}}, p.axes)
    same(gl.zeros(3), p.origin)
    assert.same({"z3", "z1"}, p.names)
  end)

  it("is as long as an autoencoder's latent vectors are spread", function()
    local space = linear_space(gl.randn(2, 4), {unstandardize = function(_, e)
      return e * gl.tensor {2, 5} + gl.tensor {10, 20}
    end})
    local p = latent.plane_of_axes(space, 1, 2)
    same(gl.tensor {{2, 0}, {0, 5}}, p.axes, 1e-5)
    same(gl.tensor {10, 20}, p.origin)
  end)

  it("wants axes that are there", function()
    local space = linear_space(gl.randn(3, 4))
    assert.error_matches(function() latent.plane_of_axes(space, 1, 4) end, "an axis is a whole number from 1 to 3")
    assert.error_matches(function() latent.plane_of_axes(space, 2, 2) end, "two different axes span a plane")
  end)
end)

describe("the plane of encoded images", function()
  it("is latent space itself where that has two dimensions", function()
    local z = gl.tensor {{1, 2}, {3, 5}}
    local p = latent.plane_of_images(linear_space(gl.randn(2, 4)), z)
    same(z, p.points)
    same(gl.eye(2), p.axes)
    assert.is_nil(p.origin)
  end)

  it("is that of the first two principal components of others", function()
    gl.seed(2)
    local z = gl.randn(2000, 4) * gl.tensor {1, 3, 0.5, 2} + gl.tensor {0, 7, 0, 0}
    local p = latent.plane_of_images(linear_space(gl.randn(4, 4)), z)
    near(1, p.axes[{2, 1}]:item(), 0.02)
    near(1, p.axes[{4, 2}]:item(), 0.02)
    same(z:mean(1), p.origin)
    same((z - p.origin):matmul(p.axes), p.points)
    near(3, p.points:std(1)[1]:item(), 0.15)
  end)

  it("is as long as an autoencoder's latent vectors are spread on it", function()
    gl.seed(2)
    local z = gl.randn(2000, 3) * gl.tensor {1, 3, 2}
    local space = linear_space(gl.randn(3, 4), {unstandardize = function(_, e) return e end})
    local p = latent.plane_of_images(space, z)
    near(3, p.axes[{2, 1}]:item(), 0.15)
    near(2, p.axes[{3, 2}]:item(), 0.15)
  end)
end)

describe("the plane of most change", function()
  it("is spanned by the leading right singular vectors of a linear decoder", function()
    -- rows of the weights are orthogonal, with lengths 1, 4, 2: axes 2 and 3 change the image most
    local weights = gl.tensor {{1, 0, 0, 0}, {0, 4, 0, 0}, {0, 0, 1.2, 1.6}}
    gl.seed(3)
    local p = latent.plane_of_change(linear_space(weights, {generator = true}))
    same(gl.tensor {{0, 0}, {1, 0}, {0, 1}}, p.axes, 1e-5)
    gl.seed(3)
    same(gl.randn(1, 3)[1], p.origin)
  end)
end)

describe("the plane of two directions", function()
  it("goes as far as their ranges, in their units", function()
    local space = linear_space(gl.eye(4))
    space.directions = require("genlat.latent.directions").new(nil, 4)
    space.directions:set("smile", gl.tensor {2, 0, 0, 0}, {range = {-1, 3}, unit = "factors"})
    space.directions:set("turn", gl.tensor {0, 0, 1, 0})
    local p = latent.plane_of_directions(space, "smile", "turn")
    assert.same({{-1, 3}, {-3, 3}}, p.ranges)
    assert.same({"factors", "standard deviations"}, p.units)
    local x, right, up = latent.morph(space, p, 3)
    assert.same({{-1, 1, 3}, {-3, 0, 3}}, {right, up})
    same(gl.tensor {{-2, 0}, {3, 0}}, x[1]:squeeze(3)) -- top left: least along the first, most along the second
    same(gl.tensor {{6, 0}, {-3, 0}}, x[9]:squeeze(3))
    assert.error_matches(function() latent.plane_of_directions(space, "smile", "beard") end, "no direction 'beard'")
  end)
end)

describe("morph", function()
  it("decodes the grid of the plane, and says where", function()
    local space = linear_space(gl.randn(3, 4))
    local p = latent.plane_of_axes(space, 1, 2)
    p.origin = gl.tensor {1, 2, 3}
    local x, right, up = latent.morph(space, p, 4)
    same(space:decode(latent.grid(4, p.axes, p.origin)), x)
    for i = 1, 4 do
      near(latent.quantile((i - 0.5) / 4), right[i], 1e-9)
      assert.equal(right[i], up[i])
    end
  end)

  it("is a row where there is one dimension", function()
    local space = linear_space(gl.randn(1, 4))
    local x, right, up = latent.morph(space, latent.plane_of_axes(space, 1), 5)
    assert.same({5, 2, 2, 1}, x.shape)
    assert.same({0}, up)
    same(space:decode(gl.tensor(right):unsqueeze(2)), x)
    same(x, (latent.morph(space, latent.plane_of_images(space, gl.randn(9, 1)), 5)))
  end)
end)
