-- 02_gradients.lua: gradients, and how to walk downhill with them.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local out = arg[1] or "runs/examples/02_gradients"
assert(gl.core.mkdirs(out))

-- The function to make small is Rosenbrock's (1960): a bent valley whose floor is almost level, least at (1, 1).
--   f(x, y) = (1 - x)^2 + 100 (y - x^2)^2
local function f(x, y) return (1 - x):square() + 100 * (y - x:square()):square() end

-- 1. The gradient, three ways -----------------------------------------------------------------------------------------

-- By hand, with the rules of calculus:
local function gradient_by_hand(x, y) return -2 * (1 - x) - 400 * x * (y - x ^ 2), 200 * (y - x ^ 2) end

-- By genlat: a tensor that requires its gradient. Every operation on it is written down on a tape, and backward() goes
-- through the tape from the end, with the chain rule at each step. What comes out is in .grad.
local x, y = gl.tensor(-1, {requires_grad = true}), gl.tensor(0.5, {requires_grad = true})
local value = f(x, y)
value:backward()

-- By trying: how much f changes when x changes a little, (f(x + h) - f(x - h)) / 2h.
local function difference(h)
  local function at(dx, dy) return f(gl.tensor(-1 + dx), gl.tensor(0.5 + dy)):item() end
  return (at(h, 0) - at(-h, 0)) / (2 * h), (at(0, h) - at(0, -h)) / (2 * h)
end

print(("f(-1, 0.5) = %g; its gradient there:"):format(value:item()))
print(("  by hand                 %9.4f %9.4f"):format(gradient_by_hand(-1, 0.5)))
print(("  by backward()           %9.4f %9.4f"):format(x.grad:item(), y.grad:item()))
-- A large h is wrong because f bends. A small one is wrong because genlat's numbers have 24 binary digits, some seven
-- decimal ones: the two values of f agree in most of theirs, and their difference keeps few that mean anything.
for _, h in ipairs {1, 0.1, 0.01, 1e-3, 1e-5, 1e-6} do
  print(("  by trying, h = %-8g %9.4f %9.4f"):format(h, difference(h)))
end
-- Trying costs two evaluations for each number that f depends on; a network has a million. Backward costs about two
-- evaluations in all.

-- 2. Downhill ---------------------------------------------------------------------------------------------------------

-- All a training loop does is this: compute the loss, its gradient, and go a step against it. Optimizers differ in the
-- step. Plain descent (SGD) goes lr * gradient; momentum keeps part of the last step; Adam (Kingma & Ba 2015) divides
-- by the usual size of the gradient, for each number by its own.
local STEPS = 400
local function descend(optimizer_of)
  local point = gl.tensor({-1, 0.5}, {requires_grad = true})
  local optimizer = optimizer_of {point}
  local path = {x = {}, y = {}, loss = {}}
  for step = 1, STEPS do
    local loss = f(point[1], point[2])
    path.x[step], path.y[step], path.loss[step] = point[1]:item(), point[2]:item(), loss:item()
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
  return path
end

local paths = {
  {"gradient descent", descend(function(p) return gl.optim.SGD(p, {lr = 1e-3}) end), {0.2, 0.7, 0.95}},
  {"with momentum", descend(function(p) return gl.optim.SGD(p, {lr = 1e-3, momentum = 0.9}) end), {0.98, 0.55, 0.2}},
  {"Adam", descend(function(p) return gl.optim.Adam(p, {lr = 0.05}) end), {0.7, 0.5, 1}},
}
for _, path in ipairs(paths) do
  local p = path[2]
  print(("%-17s after %d steps at (%6.3f, %6.3f), f = %.2g"):format(path[1], STEPS, p.x[STEPS], p.y[STEPS],
    p.loss[STEPS]))
end

-- 3. The pictures ----------------------------------------------------------------------------------------------------

-- f on a grid, by broadcasting a row of x against a column of y; its logarithm, as 13 shades of grey with level lines.
local WIDTH, HEIGHT, LEFT, RIGHT, LOW, HIGH = 480, 330, -1.6, 1.6, -0.6, 1.6
local gx, gy = gl.linspace(LEFT, RIGHT, WIDTH), gl.linspace(HIGH, LOW, HEIGHT):unsqueeze(2)
local level = (f(gx, gy) + 0.02):log()
local shade = (12 * (level - level:min()) / (level:max() - level:min())):round() / 12
local line = (level - level:round()):abs():lt(0.04) -- where the logarithm is near a whole number
local valley = ((0.1 + 0.4 * shade) * (1 - 0.35 * line)):unsqueeze(3):expand(HEIGHT, WIDTH, 3)

-- Paints soft dots of a radius r (pixels) at many points. A dot exp(-(dx^2 + dy^2) / r^2) is a column times a row, so
-- all the dots together are one product of matrices, H x N times N x W.
local function paint(picture, px, py, r, color)
  local unit = (RIGHT - LEFT) / WIDTH * r
  local columns = (-((gx - gl.tensor(px):unsqueeze(2)) / unit):square()):exp() -- N x W
  local rows = (-((gy - gl.tensor(py)) / unit):square()):exp() -- H x N
  local mask = (2 * rows:matmul(columns)):clamp(0, 1):unsqueeze(3)
  return picture * (1 - mask) + mask * gl.tensor(color)
end

-- Where all three are after so many steps, with the ways that they have come.
local function frame_at(step)
  local picture = paint(valley, {1}, {1}, 8, {1, 1, 1})
  for _, path in ipairs(paths) do
    local p, color = path[2], path[3]
    picture = paint(picture, {table.unpack(p.x, 1, step)}, {table.unpack(p.y, 1, step)}, 1.7, color)
  end
  for _, path in ipairs(paths) do
    picture = paint(picture, {path[2].x[step]}, {path[2].y[step]}, 6, path[3])
  end
  return picture
end

local frames = {}
for step = 1, STEPS do -- the first steps one by one, then every tenth
  if step <= 40 or step % 10 == 0 then frames[#frames + 1] = frame_at(step) end
end
assert(gl.write_gif(out .. "/race.gif", gl.stack(frames), {delay = 12}))

local series = {}
for i, path in ipairs(paths) do
  local steps, logs = {}, {}
  for step = 1, STEPS do
    steps[step], logs[step] = step, math.log(path[2].loss[step], 10)
  end
  series[i] = {name = path[1], x = steps, y = logs}
end
assert(gl.core.write_file(out .. "/loss.svg", gl.plot.lines.svg {
  title = "Three ways downhill", subtitle = "Rosenbrock's valley, from (-1, 0.5)", series = series, xlabel = "step",
  ylabel = "log10 f",
}))
print("Look at " .. out .. "/race.gif (blue: gradient descent, orange: with momentum, violet: Adam; white: the goal)")
print("and at " .. out .. "/loss.svg")
