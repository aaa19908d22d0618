-- Ways between latent vectors.
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
