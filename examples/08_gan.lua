-- 08_gan.lua: a generative adversarial network (Goodfellow et al. 2014) on points of the plane, where one can watch it:
-- a generator that makes points, a discriminator that tells them from real ones, and where their game ends.
pcall(dofile, (arg[0]:match("^(.*)[/\\]") or ".") .. "/../scripts/bootstrap.lua") -- finds genlat in a checkout
local gl = require "genlat"
local nn = gl.nn
local out = arg[1] or "runs/examples/08_gan"
assert(gl.core.mkdirs(out))
gl.seed(1)

-- Real points: eight Gaussians of standard deviation 0.12 on a circle of radius 1.5.
local MODES, RADIUS, STD = 8, 1.5, 0.12
local angle = gl.arange(MODES) * (2 * math.pi / MODES)
local centers = RADIUS * gl.stack({angle:cos(), angle:sin()}, 2) -- 8 x 2
local function real_points(n)
  local which = (gl.rand(n) * MODES):floor() + 1
  return centers:index_select(which) + STD * gl.randn(n, 2)
end

-- The generator makes a point of noise z; the discriminator gives a logit: D(x) = sigmoid(logit) is its belief that x
-- is real.
local LATENT, WIDTH, BATCH, STEPS = 2, 128, 256, 2500
local generator = nn.Sequential(nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
  nn.Linear(WIDTH, 2))
local discriminator = nn.Sequential(nn.Linear(2, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.2),
  nn.Linear(WIDTH, 1))
local g_optimizer = gl.optim.Adam(generator, {lr = 5e-4, betas = {0.5, 0.999}})
local d_optimizer = gl.optim.Adam(discriminator, {lr = 1e-3, betas = {0.5, 0.999}})

-- -log D(x), the surprise of one who was sure that x is real, and -log(1 - D(x)) for made ones.
local function called_real(logits) return logits:bce_with_logits(gl.ones(logits.shape), "mean") end
local function called_made(logits) return logits:bce_with_logits(gl.zeros(logits.shape), "mean") end

-- The pictures: D over the plane as a surface of colours, blue 0 (made), white 1/2, orange 1 (real), with points on it.
local SIZE, EDGE = 300, 2.4
local gx, gy = gl.linspace(-EDGE, EDGE, SIZE), gl.linspace(EDGE, -EDGE, SIZE)
local plane = gl.stack({gx:expand(SIZE, SIZE), gy:unsqueeze(2):expand(SIZE, SIZE)}, 3):reshape(-1, 2)
local function paint(picture, points, radius, color) -- soft dots, as in example 02
  local unit = 2 * EDGE / SIZE * radius
  local columns = (-((gx - points:slice(2, 1, 1)) / unit):square()):exp()
  local rows = (-((gy:unsqueeze(2) - points:select(2, 2)) / unit):square()):exp()
  local mask = (2 * rows:matmul(columns)):clamp(0, 1):unsqueeze(3)
  return picture * (1 - mask) + mask * gl.tensor(color)
end
local shown_real, shown_noise = real_points(300), gl.randn(300, LATENT)
local function frame()
  local belief = discriminator(plane):sigmoid():reshape(SIZE, SIZE, 1)
  belief = (belief * 32):round() / 32 -- steps, so that level lines can be seen
  local low, white, high = gl.tensor {0.25, 0.5, 0.85}, gl.tensor {0.96, 0.96, 0.94}, gl.tensor {0.95, 0.55, 0.2}
  local surface = gl.where(belief:lt(0.5), low + (white - low) * (2 * belief),
    white + (high - white) * (2 * belief - 1))
  return paint(paint(surface, shown_real, 1.6, {0.45, 0.2, 0.05}), generator(shown_noise), 2, {0.05, 0.1, 0.35})
end

-- The game (eq. 1):  min over G, max over D of  E log D(x) + E log(1 - D(G(z))). One step each in turn, as in their
-- algorithm 1 with k = 1. The generator climbs log D(G(z)) instead of descending log(1 - D(G(z))), which has hardly a
-- slope while D sees through everything (sec. 3).
local function discriminator_step(x, made)
  discriminator:unfreeze()
  local on_real, on_made = discriminator(x), discriminator(made:detach()) -- detached: the generator learns nothing here
  local loss = called_real(on_real) + called_made(on_made)
  d_optimizer:zero_grad()
  loss:backward()
  d_optimizer:step()
  return {loss:item(), on_real:sigmoid():mean():item(), on_made:sigmoid():mean():item()}
end

local function generator_step(made)
  discriminator:freeze() -- gradients flow through it to the points that the generator made, and not into its weights
  local loss = called_real(discriminator(made))
  g_optimizer:zero_grad()
  loss:backward()
  g_optimizer:step()
end

local frames, EVERY = {}, 50
local curves, sums = {step = {}, {}, {}, {}}, {0, 0, 0}
for step = 1, STEPS do
  if step <= 200 and step % 10 == 1 or step % 50 == 0 then frames[#frames + 1] = gl.no_grad(frame) end
  -- The learning rates fall to a tenth, or the two would chase each other round the balance.
  d_optimizer.lr, g_optimizer.lr = 1e-3 * 0.1 ^ (step / STEPS), 5e-4 * 0.1 ^ (step / STEPS)
  local made = generator(gl.randn(BATCH, LATENT))
  local judged = discriminator_step(real_points(BATCH), made)
  generator_step(made)

  for i = 1, 3 do sums[i] = sums[i] + judged[i] / EVERY end
  if step % EVERY == 0 then
    table.insert(curves.step, step)
    for i = 1, 3 do table.insert(curves[i], sums[i]) end
    if step % 500 == 0 then
      print(("step %4d: D's loss %.3f, its belief in real points %.3f, in made ones %.3f"):format(step,
        table.unpack(sums)))
    end
    sums = {0, 0, 0}
  end
end

-- Where the game ends. For a fixed generator the best discriminator is D(x) = p_real / (p_real + p_made)  (prop. 1).
-- When the generator has it right, that is 1/2 wherever points are, and the loss of D is 2 log 2 = 1.386 (theorem 1);
-- what is missing to this is twice the Jensen-Shannon divergence between real and made points, as far as D sees it.
generator:freeze()
discriminator:freeze()
local missing = 2 * math.log(2) - curves[1][#curves[1]]
print(("missing to 2 log 2: %.3f, which is a Jensen-Shannon divergence of %.3f (between 0 and log 2 = 0.693)"):format(
  missing, missing / 2))
print(("D at the eight centers: %.2f on average; in the middle of the ring, where nothing real is: %.2f"):format(
  discriminator(centers):sigmoid():mean():item(), discriminator(gl.zeros(1, 2)):sigmoid():item()))

-- Did it find all eight, or does it make few of them over and over (mode collapse)?
local made = generator(gl.randn(4000, LATENT))
local squared = made:square():sum(2, true) + centers:square():sum(2) - 2 * made:matmul(centers:t())
local near = squared:min(2):lt((3 * STD) ^ 2)
local share = (squared:argmin(2):one_hot(MODES) * near:unsqueeze(2)):mean(1)
print(("within three standard deviations of a center: %.0f %% of 4000 made points; of each center, in %%:"):format(
  100 * near:mean():item()))
print((" %.0f"):rep(MODES):format(table.unpack((100 * share):totable())))

for _ = 1, 15 do frames[#frames + 1] = frames[#frames] end -- the last one stays a while
assert(gl.write_gif(out .. "/game.gif", gl.stack(frames), {delay = 12}))
local balance = {}
for i = 1, #curves.step do balance[i] = 2 * math.log(2) end
assert(gl.core.write_file(out .. "/game.svg", gl.plot.lines.panels {
  title = "Neither can win", subtitle = ("Means over %d steps"):format(EVERY),
  {title = "D's belief that a point is real", xlabel = "step", series = {
    {name = "real points", x = curves.step, y = curves[2]}, {name = "made points", x = curves.step, y = curves[3]},
  }},
  {title = "D's loss", xlabel = "step", series = {
    {name = "D's loss", x = curves.step, y = curves[1]}, {name = "2 log 2", x = curves.step, y = balance, dash = true},
  }},
}))
print(("Look at %s/game.gif (brown: real, navy: made; D from blue, made, to orange, real) and %s/game.svg"):format(out,
  out))
