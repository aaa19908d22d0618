-- bench.lua: how fast genlat is here, beside PyTorch where that is installed. `lua scripts/bench.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local gl = require "genlat"
local train = gl.train
local clock = gl.core.clock
local HERE = arg[0]:match("^(.*)[/\\]") or "."

-- The steps that are measured, all on floats that are there already. Each: name, images in a batch, multiply-adds of
-- the matrix products in a step, a function that makes the step, and PyTorch's counterparts (in bench_torch.py).

local function vae_step(config)
  local model = gl.models.vae(config)
  local optimizer = gl.optim.Adam(model, {lr = 1e-3})
  local batches = gl.rand(10, 128, 28, 28, 1)
  return function(i)
    local loss = model:loss(batches[i % 10 + 1])
    optimizer:zero_grad()
    loss.loss:backward()
    optimizer:step()
  end
end

local function dcgan_step(side, channels, batch)
  local model = gl.models.dcgan {image = {side, side, channels}, maps = 64, latent = 100}
  local settings = {lr = 2e-4, betas = {0.5, 0.999}}
  local generator = gl.optim.Adam(model.generator, settings)
  local discriminator = gl.optim.Adam(model.discriminator, settings)
  local real = gl.rand(batch, side, side, channels) * 2 - 1
  return function()
    local fake = model:generate(gl.randn(batch, 100))
    model.discriminator:unfreeze()
    local judged = model:discriminator_loss(real, fake)
    discriminator:zero_grad()
    judged.loss:backward()
    discriminator:step()
    model.discriminator:freeze()
    local loss = model:generator_loss(fake)
    generator:zero_grad()
    loss:backward()
    generator:step()
  end
end

local function lenet_step()
  local model = gl.models.lenet5 {}
  local optimizer = gl.optim.Adam(model)
  local x, labels = gl.rand(128, 28, 28, 1), (gl.rand(128) * 10):floor() + 1
  return function()
    local loss = model(x):cross_entropy(labels)
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
  end
end

-- Multiply-adds of a DCGAN's step: each network forward (F) and backward for data (F) and weights (F), where wanted.
-- The generator runs forward once and backward once (3 G); the discriminator forward three times, backward for data
-- twice for weights' sake and once for the generator's, for weights twice (8 D). First layers need no gradient of data;
-- both networks have the same convolutions: from side s / 2 with m maps on, halving the side and doubling the maps.
local function dcgan_work(side, channels, batch)
  local maps, s = 64, side / 2
  local outer, inner = batch * s * s * 16 * channels * maps, 0
  while s > 4 do
    s = s / 2
    inner = inner + batch * s * s * 16 * maps * maps * 2
    maps = maps * 2
  end
  local z, score = batch * 16 * 100 * maps, batch * 16 * maps
  return 3 * (inner + outer) + 2 * z + 8 * (inner + score) + 6 * outer
end

local cases = {
  {
    name = "VAE 784-400-20-400-784, batch 128", key = "vae", batch = 128, torch = {"vae", "vae_fused"},
    work = 128 * (3 * 2 * (400 * 20 + 784 * 200) + 3 * 400 * 20 + 3 * 784 * 200 - 784 * 400),
    make = function() return vae_step {hidden = {400}, latent = 20} end,
  },
  {
    name = "convolutional VAE 28 x 28 (32 and 64 maps, dense 256, latent 20), batch 128", key = "conv_vae", batch = 128,
    torch = {"conv_vae"},
    work = 128 * (3 * (2 * 49 * 16 * 32 * 64 + 2 * 3136 * 256 + 3 * 256 * 20 + 196 * 16 * 32) + 2 * 196 * 16 * 32),
    make = function() return vae_step {maps = {32, 64}, hidden = {256}, latent = 20} end,
  },
  {
    name = "LeNet-5, batch 128", key = "lenet5", batch = 128, torch = {"lenet5"},
    work = 128 * (2 * 784 * 25 * 6 + 3 * (100 * 150 * 16 + 400 * 120 + 120 * 84 + 840)),
    make = lenet_step,
  },
  {
    name = "DCGAN 32 x 32, 1 channel, 64 maps, batch 128", key = "dcgan32", batch = 128,
    torch = {"dcgan32", "dcgan32_last"}, work = dcgan_work(32, 1, 128), steps = 0.1,
    make = function() return dcgan_step(32, 1, 128) end,
  },
  {
    name = "DCGAN 64 x 64, 3 channels, 64 maps, batch 64", key = "dcgan64", batch = 64,
    torch = {"dcgan64", "dcgan64_last"}, work = dcgan_work(64, 3, 64), steps = 0.03,
    make = function() return dcgan_step(64, 3, 64) end,
  },
}

local torch_names = {
  vae = "PyTorch", vae_fused = "PyTorch, fused Adam", conv_vae = "PyTorch, fused Adam", lenet5 = "PyTorch, fused Adam",
  dcgan32 = "PyTorch, fused Adam", dcgan32_last = "  and channels last", dcgan64 = "PyTorch, fused Adam",
  dcgan64_last = "  and channels last",
}

local function time_steps(step, steps)
  local begin = clock()
  for i = 1, steps do
    step(i)
  end
  return (clock() - begin) / steps
end

-- A PyTorch process that waits for its turns. Lua's pipes go one way, so its answers come through a named one.
local function start_torch(python, threads)
  if not os.execute(("'%s' -c 'import torch' 2>/dev/null"):format(python)) then return nil end
  local pipe = os.tmpname()
  os.remove(pipe)
  if not os.execute(("mkfifo '%s'"):format(pipe)) then return nil end
  local commands = io.popen(("'%s' '%s/bench_torch.py' '%s' %d"):format(python, HERE, pipe, threads), "w")
  local answers = io.open(pipe)
  os.remove(pipe)
  local torch = {version = answers:read()}
  function torch.time(case, steps)
    commands:write(case, " ", steps, "\n")
    commands:flush()
    return tonumber(answers:read())
  end
  function torch.close()
    commands:close()
    answers:close()
  end
  return torch
end

local function median(times)
  table.sort(times)
  return times[math.ceil(#times / 2)]
end

local function row(name, times, batch, note)
  local middle = median(times)
  print(("  %-22s %9.3f ms  (%.3f to %.3f)  %7.0f images/s%s"):format(name, middle * 1e3, times[1] * 1e3,
    times[#times] * 1e3, batch / middle, note or ""))
  return middle
end

-- The rate of a large matrix product, in multiply-adds a second: what the machine can do at most.
local function peak()
  local a, b = gl.rand(1536, 1536), gl.rand(1536, 1536)
  return gl.no_grad(function()
    local best = math.huge
    for _ = 1, 12 do
      best = math.min(best, time_steps(function() a:matmul(b) end, 1))
    end
    return 1536 ^ 3 / best
  end)
end

-- Measures one case, turn by turn.
local function measure(case, torch, options)
  local steps = math.max(2, math.ceil(options.steps * (case.steps or 1)))
  local step, times = case.make(), {genlat = {}}
  for _, name in ipairs(case.torch) do
    times[name] = {}
  end
  for turn = 0, options.rounds do -- turn 0 warms up
    local seconds = time_steps(step, steps)
    if turn > 0 then table.insert(times.genlat, seconds) end
    for _, name in ipairs(torch and case.torch or {}) do
      seconds = torch.time(name, steps)
      if turn > 0 then table.insert(times[name], seconds) end
    end
  end
  print(("\n%s: %d steps a turn, median (least to most)"):format(case.name, steps))
  local share = 100 * case.work / median(times.genlat) / options.peak
  local own = row("genlat", times.genlat, case.batch, (", %.0f %% of the peak"):format(share))
  local best = math.huge
  for _, name in ipairs(torch and case.torch or {}) do
    best = math.min(best, row(torch_names[name], times[name], case.batch))
  end
  if torch then print(("  genlat does %.2f times the images per second of the fastest of these"):format(best / own)) end
end

-- Seconds from starting lua to the end of the first optimizer step, as a user's own small program would have it.
local function startup_times(rounds)
  local program = [[
    local gl = require "genlat"
    local model = gl.models.vae {hidden = {400}, latent = 20}
    local optimizer = gl.optim.Adam(model)
    model:loss(gl.rand(128, 28, 28, 1)).loss:backward()
    optimizer:step()]]
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(("package.path = %q package.cpath = %q\n"):format(package.path, package.cpath), program)
  file:close()
  local interpreter, i = "lua", -1
  while arg[i] do -- the interpreter that runs this script
    interpreter, i = arg[i], i - 1
  end
  local times = {}
  for k = 1, rounds do
    local begin = clock()
    assert(os.execute(("'%s' '%s'"):format(interpreter, path)))
    times[k] = clock() - begin
  end
  os.remove(path)
  return times
end

train.main(function()
  local command = train.options.empty("bench",
    "Measures training steps and the start, beside PyTorch where that is installed.")
  command:add("--rounds", {default = 11, convert = train.options.whole(1), help = "turns of each"})
  command:add("--steps", {default = 100, convert = train.options.whole(1), help = "steps in a turn"})
  command:add("--threads", {convert = train.options.whole(1), help = "of each (all cores)"})
  command:add("--only", {metavar = "CASE", choices = {"vae", "conv_vae", "lenet5", "dcgan32", "dcgan64"},
    help = "one case: vae, conv_vae, lenet5, dcgan32 or dcgan64"})
  command:add("--python", {metavar = "COMMAND", help = "a Python with PyTorch ($GENLAT_TORCH_PYTHON, or python3)"})
  local _, options = command:read(arg)
  if options.threads then gl.threads(options.threads) end

  local torch = start_torch(options.python or os.getenv "GENLAT_TORCH_PYTHON" or "python3", gl.threads())
  local info = gl.info()
  print(("genlat %s (%s, OpenBLAS for %s)%s, %d threads each, %d turns of %d steps, alternating"):format(info.version,
    info.instruction_set, info.blas_core, torch and " and PyTorch " .. torch.version or "; PyTorch is not installed",
    gl.threads(), options.rounds, options.steps))

  options.peak = peak()
  print(("matrix product of 1536 x 1536: %.0f GFLOP/s"):format(2 * options.peak / 1e9))
  for _, case in ipairs(cases) do
    if not options.only or options.only == case.key then measure(case, torch, options) end
  end
  if torch then torch.close() end
  local starts = startup_times(options.rounds)
  print(("\nFrom starting lua to the end of the first step: %.3f s (%.3f to %.3f)"):format(median(starts), starts[1],
    starts[#starts]))
end)
