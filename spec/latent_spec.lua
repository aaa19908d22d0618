local gl = require "genlat"
local latent = gl.latent

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

describe("lerp", function()
  it("goes from one end to the other in equal steps", function()
    assert.same({{0, 4}, {1, 3}, {2, 2}}, latent.lerp(gl.tensor {0, 4}, gl.tensor {2, 2}, 3):totable())
  end)

  it("takes rows as well as vectors", function()
    assert.same({{1}, {2}}, latent.lerp(gl.tensor {{1}}, gl.tensor {2}, 2):totable())
  end)

  it("explains what it cannot do", function()
    assert.error_matches(function() latent.lerp(gl.zeros(2), gl.zeros(3), 3) end, "the ends have 2 and 3 dimensions")
    assert.error_matches(function() latent.lerp(gl.zeros(2), gl.zeros(2), 1) end, "whole number from 2, not 1")
    assert.error_matches(function() latent.lerp(gl.zeros(2, 2), gl.zeros(2)) end, "expected one latent vector, got 2x2")
  end)
end)

describe("slerp", function()
  it("keeps the length and a constant angular speed between vectors of equal length", function()
    gl.seed(3)
    for _ = 1, 20 do
      local a, b = gl.randn(20), gl.randn(20)
      a, b = a / a:norm() * 4, b / b:norm() * 4
      local z = latent.slerp(a, b, 11)
      local whole = math.acos((a * b):sum():item() / 16)
      for i = 1, 11 do
        near(4, z[i]:norm():item(), 4e-5)
        if i > 1 then
          local chord = (z[i] - z[i - 1]):norm():item()
          near(whole / 10, 2 * math.asin(chord / 8), 1e-4)
        end
      end
      near(0, (z[1] - a):abs():max():item(), 1e-5)
      near(0, (z[11] - b):abs():max():item(), 1e-5)
    end
  end)

  it("is lerp where the ends point the same way or one is zero", function()
    assert.same({{1, 0}, {2, 0}, {3, 0}}, latent.slerp(gl.tensor {1, 0}, gl.tensor {3, 0}, 3):totable())
    assert.same({{0, 0}, {0, 1}}, latent.slerp(gl.zeros(2), gl.tensor {0, 1}, 2):totable())
  end)

  it("refuses opposite ends", function()
    assert.error_matches(function() latent.slerp(gl.tensor {1, 0}, gl.tensor {-2, 0}, 3) end, "opposite")
  end)
end)

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

describe("encode", function()
  it("returns the latent vectors of a split in its order", function()
    local data = gl.data.load("digits", {train = 10, test = 700})
    local model = gl.models.vae {hidden = {8}, latent = 3}
    local z, labels = latent.encode(model, data.test, 600)
    assert.same({600, 3}, z.shape)
    assert.same({600}, labels.shape)
    assert.is_false(z.requires_grad)
    local x = data.test:head(600)
    near(0, (model:encode(x):detach() - z):abs():max():item(), 1e-5)
  end)
end)
