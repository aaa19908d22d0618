--- optim: optimizers, gradient clipping and learning-rate schedules.
--
--   local opt = gl.optim.Adam(model, {lr = 1e-3, betas = {0.9, 0.999}})
--   opt:zero_grad(); loss:backward(); opt:step()
--   opt.lr = 1e-4
--
-- optim.kinds lists the optimizers (which are C) with their settings and formulas.

local core = require "genlat.core"

local optim = {kinds = {}}

local function parameters_of(model)
  if type(model) == "table" and model.parameters then return model:parameters() end
  return model
end

for _, kind in ipairs(core.optimizer_table()) do
  optim.kinds[kind.name] = kind
  --- optim.SGD, Adam, AdamW, RMSprop (model or list of parameters, settings)
  optim[kind.name] = function(model, settings)
    return core.new_optimizer(kind.name, parameters_of(model), settings or {})
  end
end

--- Scales the gradients so that their common Euclidean length is at most max; returns the length before.
--
--   loss:backward(); gl.optim.clip_grad_norm(model, 5); optimizer:step()
function optim.clip_grad_norm(model, max) return core.clip_grad_norm(parameters_of(model), max) end

--- Clamps every element of the gradients to -max..max.
--
--   loss:backward(); gl.optim.clip_grad_value(model, 0.5); optimizer:step()
function optim.clip_grad_value(model, max) return core.clip_grad_value(parameters_of(model), max) end

-- Schedules: schedule:step() after each epoch (or step) sets the optimizer's learning rate from the number of calls so
-- far. `steps` may be set, to go on with a run.

local Schedule = {}
Schedule.__index = Schedule

local function schedule(name, optimizer, factor)
  local self = setmetatable({
    name = name, optimizer = optimizer, base = optimizer.lr, steps = 0, factor = factor,
  }, Schedule)
  self:set(0)
  return self
end

function Schedule:__tostring()
  return ("%s: %d steps, lr %g (at first %g)"):format(self.name, self.steps, self.optimizer.lr, self.base)
end

--- Sets the number of steps taken, and with it the learning rate.
function Schedule:set(steps)
  self.steps = steps
  self.optimizer.lr = self.factor(steps, self.base)
end

--- One step further.
function Schedule:step() self:set(self.steps + 1) end

local function option(options, name, default)
  local value = options and options[name]
  if value == nil then value = default end
  if type(value) ~= "number" then error(("schedule: %s is a number, not %s"):format(name, type(value)), 3) end
  return value
end

--- lr * gamma^floor(steps / step_size)
--
--   local schedule = gl.optim.StepLR(optimizer, {step_size = 10, gamma = 0.5})
--   schedule:step()                          -- after each epoch
function optim.StepLR(optimizer, options)
  local size, gamma = option(options, "step_size"), option(options, "gamma", 0.1)
  return schedule("StepLR", optimizer, function(steps, base) return base * gamma ^ (steps // size) end)
end

--- eta_min + (lr - eta_min) (1 + cos(pi steps / t_max)) / 2 (Loshchilov & Hutter 2017, eq. 5)
--
--   local schedule = gl.optim.CosineAnnealingLR(optimizer, {t_max = 50, eta_min = 1e-5})
function optim.CosineAnnealingLR(optimizer, options)
  local t_max, least = option(options, "t_max"), option(options, "eta_min", 0)
  return schedule("CosineAnnealingLR", optimizer, function(steps, base)
    return least + (base - least) * (1 + math.cos(math.pi * steps / t_max)) / 2
  end)
end

--- Warm-up: from lr * start_factor up to lr in total_iters steps of equal size.
--
--   local schedule = gl.optim.LinearLR(optimizer, {start_factor = 0.1, total_iters = 5})
function optim.LinearLR(optimizer, options)
  local start, total = option(options, "start_factor", 1 / 3), option(options, "total_iters", 5)
  return schedule("LinearLR", optimizer, function(steps, base)
    return base * (start + (1 - start) * math.min(steps, total) / total)
  end)
end

return optim
