--- aside.lua: measures aside from everything else: nothing is recorded for backward, the model is in evaluation, random
-- numbers come from a seed of their own; afterwards all is as before.

local core = require "genlat.core"

--- Calls f() so and returns its results. model may be nil; without a seed, random numbers are left alone.
return function(model, seed, f)
  local seed_before, counter_before = core.rng_state()
  local recording = core.set_recording(false)
  local training = model and model.training
  if model then model:eval() end
  if seed then core.seed(seed) end
  local results = table.pack(pcall(f))
  if model then model:train(training) end
  core.set_recording(recording)
  if seed then core.rng_state(seed_before, counter_before) end
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end
