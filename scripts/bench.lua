-- bench.lua: how fast genlat is here, beside PyTorch where that is installed. `lua scripts/bench.lua --help`
dofile((arg[0]:match("^(.*)[/\\]") or ".") .. "/bootstrap.lua")

local argparse = require "argparse"
local gl = require "genlat"
local train = gl.train
local clock = gl.core.clock
local HERE = arg[0]:match("^(.*)[/\\]") or "."

-- The step that is measured: the dense VAE 784-400-20, batch 128, Adam, on floats that are there already.
local function vae_step()
  local model = gl.models.vae {image = {28, 28, 1}, hidden = {400}, latent = 20}
  local optimizer = gl.optim.Adam(model, {lr = 1e-3})
  local batches = gl.rand(20, 128, 28, 28, 1)
  return function(i)
    local loss = model:loss(batches[i % 20 + 1])
    optimizer:zero_grad()
    loss.loss:backward()
    optimizer:step()
  end
end

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

local function row(name, times)
  local middle = median(times)
  print(("%-24s %8.3f ms  (%.3f to %.3f)  %8d images/s"):format(name, middle * 1e3, times[1] * 1e3,
    times[#times] * 1e3, math.floor(128 / middle)))
  return middle
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
  local parser = argparse("bench", "Measures a training step and the start, beside PyTorch where that is installed.")
  parser:option("--rounds", "turns of each (11)"):convert(train.options.whole(1)):default "11":show_default(false)
  parser:option("--steps", "steps in a turn (100)"):convert(train.options.whole(1)):default "100":show_default(false)
  parser:option("--threads", "of each (all cores)"):convert(train.options.whole(1))
  parser:option("--python", "a Python with PyTorch ($GENLAT_TORCH_PYTHON, or python3)")
  local ok, options = parser:pparse(arg)
  if not ok then train.options.fail("bench", options) end
  if options.threads then gl.threads(options.threads) end

  local torch = start_torch(options.python or os.getenv "GENLAT_TORCH_PYTHON" or "python3", gl.threads())
  local info = gl.info()
  print(("genlat %s (%s, OpenBLAS for %s)%s, %d threads each, %d turns of %d steps, alternating"):format(info.version,
    info.instruction_set, info.blas_core, torch and " and PyTorch " .. torch.version or "; PyTorch is not installed",
    gl.threads(), options.rounds, options.steps))

  local step = vae_step()
  local cases = {"vae", "vae_fused"}
  local times = {genlat = {}, vae = {}, vae_fused = {}}
  local function turn(keep)
    local seconds = time_steps(step, options.steps)
    if keep then table.insert(times.genlat, seconds) end
    for _, case in ipairs(torch and cases or {}) do
      seconds = torch.time(case, options.steps)
      if keep then table.insert(times[case], seconds) end
    end
  end
  turn(false)
  for _ = 1, options.rounds do
    turn(true)
  end
  print "\nTraining step, VAE 784-400-20-400-784, batch 128, Adam: median (least to most)"
  local own = row("genlat", times.genlat)
  if torch then
    local plain, fused = row("PyTorch", times.vae), row("PyTorch, fused Adam", times.vae_fused)
    print(("genlat does %.2f times the images per second of PyTorch, %.2f times with fused Adam"):format(plain / own,
      fused / own))
    torch.close()
  end
  local starts = startup_times(options.rounds)
  print(("\nFrom starting lua to the end of the first step: %.3f s (%.3f to %.3f)"):format(median(starts), starts[1],
    starts[#starts]))
end)
