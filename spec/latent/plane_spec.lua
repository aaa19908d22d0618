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
