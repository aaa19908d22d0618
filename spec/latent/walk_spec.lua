-- Ways through latent space.
local gl = require "genlat"
local latent = gl.latent

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function equal(expected, got, tolerance)
  assert.same(expected.shape, got.shape)
  near(0, (expected - got):abs():max():item(), tolerance or 0)
end

-- Lua's numbers are doubles: lengths and angles of vectors, from their float32 digits.
local function dot(a, b)
  local sum = 0.0
  for i = 1, #a do sum = sum + a[i] * b[i] end
  return sum
end

local function length(a) return math.sqrt(dot(a, a)) end

local function angle(a, b)
  local la, lb, difference = length(a), length(b), {}
  for i = 1, #a do difference[i] = a[i] / la - b[i] / lb end
  local half = length(difference) / 2
  return half < 0.9 and 2 * math.asin(half) or math.acos(dot(a, b) / la / lb)
end

-- f(...) raises the message at the line that calls it.
local function mistaken(message, f, ...)
  local arguments = table.pack(...)
  local ok, said = pcall(function()
    local z = f(table.unpack(arguments, 1, arguments.n))
    return z
  end)
  assert.is_false(ok)
  assert.equal(message, said:match "walk_spec.lua:%d+: (.*)$" or said .. " (without the caller's line)")
end

describe("lerp", function()
  it("goes from one end to the other in equal steps", function()
    assert.same({{0, 4}, {1, 3}, {2, 2}}, latent.lerp(gl.tensor {0, 4}, gl.tensor {2, 2}, 3):totable())
  end)

  it("takes rows as well as vectors", function()
    assert.same({{1}, {2}}, latent.lerp(gl.tensor {{1}}, gl.tensor {2}, 2):totable())
  end)

  it("explains what it cannot do", function()
    mistaken("lerp: the ends have 2 and 3 dimensions", latent.lerp, gl.zeros(2), gl.zeros(3), 3)
    mistaken("lerp: steps is a whole number from 2, not 1", latent.lerp, gl.zeros(2), gl.zeros(2), 1)
    mistaken("slerp: expected one latent vector, got a number", latent.slerp, 1, gl.zeros(2))
    mistaken("slerp: expected one latent vector, got 2x2", latent.slerp, gl.zeros(2, 2), gl.zeros(2))
  end)
end)

describe("slerp", function()
  local RADIUS, STEPS = 4, 11

  -- The ends are reached; every point has the ends' length to 1e-5 relative; from point to point it turns by the same
  -- angle, to 1e-5 of the whole one and float32's rounding of the points.
  local function is_great_circle(a, b)
    local z = latent.slerp(a, b, STEPS):totable()
    local from, to = a:totable(), b:totable()
    local radius, whole = length(from), angle(from, to)
    equal(a, gl.tensor(z[1]), 1e-6 * radius)
    equal(b, gl.tensor(z[STEPS]), 2e-6 * radius)
    for i = 1, STEPS do
      near(radius, length(z[i]), 1e-5 * radius)
      if i > 1 then near(whole / (STEPS - 1), angle(z[i - 1], z[i]), 1e-5 * whole + 2e-7) end
    end
  end

  it("keeps the length and a constant angular speed between vectors of equal length", function()
    gl.seed(3)
    for _, dimensions in ipairs {2, 3, 20, 100, 512} do
      for _ = 1, 10 do
        local a, b = gl.randn(dimensions), gl.randn(dimensions)
        is_great_circle(a / a:norm() * RADIUS, b / b:norm() * RADIUS)
      end
    end
  end)

  it("does so where the ends nearly point the same way, or are nearly opposite", function()
    gl.seed(4)
    for _, dimensions in ipairs {2, 20, 100} do
      for _, apart in ipairs {1e-1, 1e-2, 1e-3, 2e-4} do
        local a, across = gl.randn(dimensions), gl.randn(dimensions)
        a = a / a:norm()
        across = across - a * (a * across):sum()
        across = across / across:norm()
        for _, sign in ipairs {1, -1} do
          is_great_circle(a * RADIUS, (a * sign * math.cos(apart) + across * math.sin(apart)) * RADIUS)
        end
      end
    end
  end)

  it("is Shoemake's formula between vectors of other lengths", function()
    local z = latent.slerp(gl.tensor {2, 0}, gl.tensor {0, 3}, 4)
    local p, q = math.sin(math.pi / 3), math.sin(math.pi / 6)
    equal(gl.tensor {{2, 0}, {2 * p, 3 * q}, {2 * q, 3 * p}, {0, 3}}, z, 1e-6)
  end)

  it("is lerp where the ends point the same way or one is zero", function()
    assert.same({{1, 0}, {2, 0}, {3, 0}}, latent.slerp(gl.tensor {1, 0}, gl.tensor {3, 0}, 3):totable())
    assert.same({{0, 0}, {0, 1}}, latent.slerp(gl.zeros(2), gl.tensor {0, 1}, 2):totable())
  end)

  it("refuses opposite ends", function()
    mistaken("slerp: the ends are opposite: every great circle joins them", latent.slerp, gl.tensor {1, 0},
      gl.tensor {-2, 0}, 3)
  end)
end)

describe("route", function()
  local stops = gl.tensor {{1, 0}, {0, 1}, {-1, 0.5}}

  it("goes through all stops, each once", function()
    local z = latent.route(stops, {steps = 3})
    equal(gl.tensor {{1, 0}, {0.5, 0.5}, {0, 1}, {-0.5, 0.75}, {-1, 0.5}}, z)
  end)

  it("comes back to the first stop, but for one step, where it is closed", function()
    local z = latent.route(stops, {steps = 3, closed = true})
    equal(gl.tensor {{1, 0}, {0.5, 0.5}, {0, 1}, {-0.5, 0.75}, {-1, 0.5}, {0, 0.25}}, z)
    equal(gl.tensor {{1, 0}, {0, 1}}, latent.route(stops:slice(1, 1, 2), {steps = 2, closed = true}))
  end)

  it("turns along great circles if asked", function()
    local z = latent.route(stops, {steps = 4, method = "slerp"})
    equal(latent.slerp(stops[1], stops[2], 4), z:slice(1, 1, 4), 1e-6)
    equal(latent.slerp(stops[2], stops[3], 4), z:slice(1, 4, 7), 1e-6)
    assert.equal(7, #z)
  end)

  it("explains what it cannot do", function()
    mistaken("route: stops are N x latent, N from 2, these are 1x2", latent.route, gl.zeros(1, 2))
    mistaken("route: method is lerp or slerp, not jump", latent.route, stops, {method = "jump"})
    assert.error_matches(function() latent.route(gl.ones(1):expand(1 << 40, 2)) end, "out of memory")
    mistaken("route: steps is a whole number from 2, not 1", latent.route, stops, {steps = 1})
  end)
end)

describe("corners", function()
  it("is bilinear", function()
    local z = latent.corners(gl.tensor {{0, 0}, {4, 0}, {0, 2}, {4, 6}}, {steps = 3})
    equal(gl.tensor {{0, 0}, {2, 0}, {4, 0}, {0, 1}, {2, 2}, {4, 3}, {0, 2}, {2, 4}, {4, 6}}, z)
  end)

  it("is spherical: corners of a sphere stay on it", function()
    gl.seed(6)
    local corners = gl.randn(4, 30)
    corners = corners / corners:norm(2, true) * 5
    local z = latent.corners(corners, {steps = 6, method = "slerp"})
    assert.same({36, 30}, z.shape)
    near(5, z:norm(2):min():item(), 5e-5)
    near(5, z:norm(2):max():item(), 5e-5)
    for i, place in ipairs {1, 6, 31, 36} do equal(corners[i], z[place], 1e-5) end
    equal(latent.slerp(corners[1], corners[3], 6)[3], z[13], 1e-5)
    equal(latent.slerp(z[13], z[18], 6), z:slice(1, 13, 18), 1e-5)
  end)

  it("wants four", function()
    mistaken("corners: four latent vectors, 4 x latent, these are 3x2", latent.corners, gl.zeros(3, 2))
  end)
end)
