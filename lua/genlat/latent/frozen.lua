--- frozen.lua: gradients with respect to what goes into a model, not to its parameters.

local core = require "genlat.core"

--- Calls f() with recording on and the model's parameters frozen, and returns its results; afterwards both are as
-- before, also where f raises.
return function(model, f)
  local parameters, wanted, recording = model:parameters(), {}, core.set_recording(true)
  for i, p in ipairs(parameters) do
    wanted[i], p.requires_grad = p.requires_grad, false
  end
  local results = table.pack(pcall(f))
  for i, p in ipairs(parameters) do
    p.requires_grad = wanted[i]
  end
  core.set_recording(recording)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end
