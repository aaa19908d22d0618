--- walk.lua: ways from one latent vector to another.

local core = require "genlat.core"

local walk = {}

local function row(z, name)
  if z.ndim == 1 then return z end
  if z.ndim == 2 and #z == 1 then return z:select(1, 1) end
  error(("%s: expected one latent vector, got %s"):format(name, table.concat(z.shape, "x")), 3)
end

local function check_ends(a, b, steps, name)
  a, b = row(a, name), row(b, name)
  if #a ~= #b then error(("%s: the ends have %d and %d dimensions"):format(name, #a, #b), 3) end
  steps = steps or 10
  if math.type(steps) ~= "integer" or steps < 2 then
    error(("%s: steps is a whole number from 2, not %s"):format(name, tostring(steps)), 3)
  end
  return a, b, steps
end

--- Linear interpolation: steps x latent, from a to b, (1 - t) a + t b with t evenly spaced over 0..1.
function walk.lerp(a, b, steps)
  a, b, steps = check_ends(a, b, steps, "lerp")
  local t = core.linspace(0, 1, steps):unsqueeze(2)
  return a * (1 - t) + b * t
end

--- Spherical interpolation (Shoemake 1985): steps x latent, along the great circle from a to b at constant angular
-- speed: (sin((1 - t) w) a + sin(t w) b) / sin w, w the angle between a and b. Between vectors of equal length it keeps
-- the length. Where a and b point the same way (or one is 0) this is lerp; opposite ones have no one way between them,
-- which raises.
function walk.slerp(a, b, steps)
  a, b, steps = check_ends(a, b, steps, "slerp")
  local length = a:norm():item() * b:norm():item()
  if length == 0 then return walk.lerp(a, b, steps) end
  local cosine = math.max(-1, math.min(1, (a * b):sum():item() / length))
  local w = math.acos(cosine)
  if w < 1e-4 then return walk.lerp(a, b, steps) end
  if math.pi - w < 1e-4 then error("slerp: the ends are opposite: every great circle joins them", 2) end
  local t = core.linspace(0, 1, steps):unsqueeze(2)
  return (((1 - t) * w):sin() * a + (t * w):sin() * b) / math.sin(w)
end

return walk
