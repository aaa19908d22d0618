--- walk.lua: ways through latent space: from one latent vector to another, along a route of several, between four.
--
-- Each is laid along straight lines ("lerp") or great circles ("slerp"). Latent vectors of many dimensions drawn from
-- N(0, I) lie near a sphere of radius sqrt(latent); straight lines between them pass inside it, where a GAN's generator
-- was never trained, so great circles suit GANs (White 2016, "Sampling generative networks"). Where an encoder put the
-- images, straight lines are the plain choice.

local check = require "genlat.check"
local core = require "genlat.core"

local walk = {}

local STEPS = 10
local SMALLEST = 1e-8 -- radians: below, the ends point the same way
local OPPOSITE = 1e-4 -- radians from half a turn: the great circle is no longer told by the ends' digits
local SAME_LENGTH = 1e-6 -- relative: lengths of float32 vectors that were made equal

local function row(z, name)
  if not check.is_tensor(z) then check.fail("%s: expected one latent vector, got a %s", name, type(z)) end
  if z.ndim == 1 then return z end
  if z.ndim == 2 and #z == 1 then return z:select(1, 1) end
  check.fail("%s: expected one latent vector, got %s", name, table.concat(z.shape, "x"))
end

local function check_ends(a, b, steps, name)
  a, b = row(a, name), row(b, name)
  if #a ~= #b then check.fail("%s: the ends have %d and %d dimensions", name, #a, #b) end
  return a, b, check.value(name .. ": steps", steps or STEPS, check.whole(2))
end

local function straight(a, b, steps)
  local t = core.linspace(0, 1, steps):unsqueeze(2)
  return a * (1 - t) + b * t
end

--- Linear interpolation: steps x latent, from a to b, (1 - t) a + t b with t evenly spaced over 0..1.
-- a, b: one latent vector each; steps: 10 if left out.
function walk.lerp(a, b, steps) return straight(check_ends(a, b, steps, "lerp")) end

-- The numbers of a vector, and its length.
local function measured(z)
  local list, squares = z:totable(), 0.0
  for i = 1, #list do
    squares = squares + list[i] * list[i]
  end
  return list, math.sqrt(squares)
end

-- The angle between two lists of numbers of those lengths: 2 atan(|u - v| / |u + v|) of the unit vectors u and v, which
-- unlike the arc cosine loses nothing at either end (Kahan 2006, "Mangled angles").
local function angle(a, b, length_a, length_b)
  local difference, sum = 0.0, 0.0
  for i = 1, #a do
    local u, v = a[i] / length_a, b[i] / length_b
    difference, sum = difference + (u - v) ^ 2, sum + (u + v) ^ 2
  end
  return 2 * math.atan(math.sqrt(difference), math.sqrt(sum))
end

-- Near opposite ends the weights are large and nearly cancel, so this is computed in double precision, and lengths that
-- differ by no more than float32's rounding are taken for equal.
local function round_arc(a, b, steps)
  local from, length_a = measured(a)
  local to, length_b = measured(b)
  if length_a == 0 or length_b == 0 then return straight(a, b, steps) end
  local w = angle(from, to, length_a, length_b)
  if w < SMALLEST then return straight(a, b, steps) end
  if math.pi - w < OPPOSITE then check.fail("slerp: the ends are opposite: every great circle joins them") end
  local scale = math.abs(length_a - length_b) <= SAME_LENGTH * length_a and length_a / length_b or 1
  local rows = {}
  for k = 1, steps do
    local t = (k - 1) / (steps - 1)
    local p, q, z = math.sin((1 - t) * w) / math.sin(w), math.sin(t * w) / math.sin(w) * scale, {}
    for i = 1, #from do
      z[i] = p * from[i] + q * to[i]
    end
    rows[k] = z
  end
  return core.tensor(rows)
end

--- Spherical interpolation (Shoemake 1985): steps x latent, along the great circle from a to b:
-- (sin((1 - t) w) a + sin(t w) b) / sin w, w the angle between a and b, t evenly spaced over 0..1. Between vectors of
-- equal length it keeps the length and turns at a constant angular speed. Where a and b point the same way (or one is
-- 0) this is lerp; opposite ones have no one way between them, which raises.
function walk.slerp(a, b, steps)
  local z = round_arc(check_ends(a, b, steps, "slerp")) -- no tail call: errors are reported at the caller's line
  return z
end

local methods = {lerp = straight, slerp = round_arc}

local SETTINGS = {method = {check.word {"lerp", "slerp"}, "lerp"}, steps = {check.whole(2), STEPS}}
local ROUTE = {method = SETTINGS.method, steps = SETTINGS.steps, closed = {check.flag, false}}

--- A route through several latent vectors, stops: N x latent, N from 2. settings: method "lerp" (the usual) or "slerp";
-- steps from one stop to the next, both counted (10); closed: goes on from the last stop to the first and ends one step
-- before it, so that a film of it loops. No stop comes twice: the route is ((N - 1)(steps - 1) + 1) x latent, closed
-- N (steps - 1) x latent; stop i is row (i - 1)(steps - 1) + 1.
--   gl.write_gif("walk.gif", space:decode(latent.route(space:prior(4), {method = "slerp", closed = true})))
function walk.route(stops, settings)
  local o = check.options("route", settings, ROUTE)
  local leg, steps, closed = methods[o.method], o.steps, o.closed
  check.value("route: stops", stops, check.tensor())
  if stops.ndim ~= 2 or #stops < 2 then
    check.fail("route: stops are N x latent, N from 2, these are %s", table.concat(stops.shape, "x"))
  end
  stops = stops:contiguous() -- so many that there is no memory for them are refused before they are walked through
  local legs = {}
  for i = 1, closed and #stops or #stops - 1 do
    legs[i] = leg(stops[i], stops[i % #stops + 1], steps):slice(1, 1, steps - 1)
  end
  if not closed then legs[#legs + 1] = stops:slice(1, #stops, #stops) end
  return core.cat(legs)
end

--- The square between four latent vectors, corners: 4 x latent, top left, top right, bottom left, bottom right.
-- (steps * steps) x latent, row by row. settings: method "lerp" (bilinear, the usual) or "slerp" (great circles down
-- both sides, and from side to side a great circle in each row); steps along a side (10).
function walk.corners(corners, settings)
  local o = check.options("corners", settings, SETTINGS)
  local leg, steps = methods[o.method], o.steps
  check.value("corners: corners", corners, check.tensor())
  if corners.ndim ~= 2 or #corners ~= 4 then
    check.fail("corners: four latent vectors, 4 x latent, these are %s", table.concat(corners.shape, "x"))
  end
  local left, right = leg(corners[1], corners[3], steps), leg(corners[2], corners[4], steps)
  local rows = {}
  for i = 1, steps do
    rows[i] = leg(left[i], right[i], steps)
  end
  return core.cat(rows)
end

return walk
