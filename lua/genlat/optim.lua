--- optim: optimizers, gradient clipping and learning-rate schedules.
--
--   local opt = gl.optim.Adam(model, {lr = 1e-3, betas = {0.9, 0.999}})
--   opt:zero_grad(); loss:backward(); opt:step()
--   opt.lr = 1e-4
--
-- optim.kinds lists the optimizers (which are C) with their settings and formulas.

local check = require "genlat.check"
local core = require "genlat.core"
local text = require "genlat.text"

local optim = {kinds = {}}

local function parameters_of(model)
  if type(model) == "table" and type(model.parameters) == "function" then return model:parameters() end
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

-- Schedules -----------------------------------------------------------------------------------------------------------
-- schedule:step() after each epoch (or step) changes the optimizer's learning rate. Each of several schedules on one
-- optimizer changes the rate that is there, so that their factors multiply, as PyTorch's do. The rate that the
-- optimizer had when its first schedule was made is the base of them all.

local Schedule = {}
Schedule.__index = Schedule

local base_rates = setmetatable({}, {__mode = "k"}) -- by optimizer

function Schedule:__tostring()
  return text.format("%s: %d steps, lr %g (at first %g)", self.name, self.steps, self.optimizer.lr, self.base)
end

-- Changes the rate as this schedule does between two rates of its own: exactly, where nothing else has changed it.
-- Its factors act on what lies above `least`. Cosines that begin again beside another schedule could go below 0.
local function move(self, from, to)
  local lr, least = self.optimizer.lr, self.least
  if lr == from then
    lr = to
  elseif from ~= least then
    lr = least + (lr - least) * (to - least) / (from - least)
  else
    lr = lr + (to - from)
  end
  self.optimizer.lr = math.max(0, lr)
end

-- kind: {name =, at = function(steps, base) -> learning rate, least = 0}
local function schedule(optimizer, kind, class)
  local self = setmetatable(kind, class or Schedule)
  base_rates[optimizer] = base_rates[optimizer] or optimizer.lr
  self.optimizer, self.base, self.steps, self.least = optimizer, base_rates[optimizer], 0, kind.least or 0
  move(self, self.base, self.at(0, self.base))
  return self
end

local STEPS = check.whole(0)

--- Sets the number of steps taken, and changes the learning rate accordingly.
function Schedule:set(steps)
  steps = check.value(self.name .. ": steps", steps, STEPS)
  move(self, self.at(self.steps, self.base), self.at(steps, self.base))
  self.steps = steps
end

--- One step further.
function Schedule:step() self:set(self.steps + 1) end

--- Where the schedule is, as plain data for a checkpoint. The optimizer's learning rate is part of it.
function Schedule:state() return {steps = self.steps, base = self.base, lr = self.optimizer.lr} end

local RATE = check.number {least = 0}
local STATE = check.record {steps = STEPS, base = RATE, lr = RATE}

--- Goes on from what state() returned. Of several schedules on one optimizer, take all states at the same moment.
function Schedule:load_state(state)
  check.value(self.name .. ": state", state, self.state_rule or STATE)
  self.steps, self.base, self.optimizer.lr = math.tointeger(state.steps), state.base, state.lr
  base_rates[self.optimizer] = self.base
end

-- Checks the optimizer, and the options as check.options does.
local function checked(name, optimizer, options, rules)
  local ok, lr = pcall(function() return optimizer.lr end)
  if not ok or type(lr) ~= "number" then check.fail("%s: expected an optimizer, got %s", name, type(optimizer)) end
  return check.options(name, options, rules)
end

-- Raises where an option that has no default is missing.
local function needed(name, o, key, rule) o[key] = check.value(("%s: %s"):format(name, key), o[key], rule) end

local COUNT, SHARE = check.whole(1), check.number {above = 0, most = 1}

--- lr * gamma^floor(steps / step_size)
--
--   local schedule = gl.optim.StepLR(optimizer, {step_size = 10, gamma = 0.5})
--   schedule:step()                          -- after each epoch
function optim.StepLR(optimizer, options)
  local o = checked("StepLR", optimizer, options, {step_size = {COUNT}, gamma = {RATE, 0.1}})
  needed("StepLR", o, "step_size", COUNT)
  return schedule(optimizer, {
    name = "StepLR", at = function(steps, base) return base * o.gamma ^ (steps // o.step_size) end,
  })
end

--- eta_min + (lr - eta_min) (1 + cos(pi steps / t_max)) / 2 (Loshchilov & Hutter 2017, eq. 5)
--
--   local schedule = gl.optim.CosineAnnealingLR(optimizer, {t_max = 50, eta_min = 1e-5})
function optim.CosineAnnealingLR(optimizer, options)
  local o = checked("CosineAnnealingLR", optimizer, options, {t_max = {COUNT}, eta_min = {RATE, 0}})
  needed("CosineAnnealingLR", o, "t_max", COUNT)
  return schedule(optimizer, {
    name = "CosineAnnealingLR", least = o.eta_min,
    at = function(steps, base)
      return o.eta_min + (base - o.eta_min) * (1 + math.cos(math.pi * steps / o.t_max)) / 2
    end,
  })
end

--- Warm-up: from lr * start_factor up to lr in total_iters steps of equal size.
--
--   local schedule = gl.optim.LinearLR(optimizer, {start_factor = 0.1, total_iters = 5})
function optim.LinearLR(optimizer, options)
  local o = checked("LinearLR", optimizer, options, {start_factor = {SHARE, 1 / 3}, total_iters = {COUNT, 5}})
  return schedule(optimizer, {
    name = "LinearLR",
    at = function(steps, base)
      return base * (o.start_factor + (1 - o.start_factor) * math.min(steps, o.total_iters) / o.total_iters)
    end,
  })
end

-- Schedules made of schedules -----------------------------------------------------------------------------------------

local function is_schedule(value) return type(value) == "table" and value.load_state ~= nil end

local SCHEDULERS = check.list(check.that(check.table, "a schedule", is_schedule), {least = 1})

local function check_schedulers(name, list)
  list = check.value(name .. ": schedulers", list, SCHEDULERS)
  for i, item in ipairs(list) do
    if item.optimizer ~= list[1].optimizer then check.fail("%s: schedulers[%d] is of another optimizer", name, i) end
  end
  return list
end

-- Schedules that can follow each other, and the steps at which they do.
local function check_sequence(name, optimizer, o)
  local list = check_schedulers(name, o.schedulers)
  if list[1].optimizer ~= optimizer then check.fail("%s: the schedulers are of another optimizer", name) end
  for i, item in ipairs(list) do
    if item.schedulers then check.fail("%s: schedulers[%d] is a %s: it cannot be a part", name, i, item.name) end
  end
  local milestones = check.value(name .. ": milestones", o.milestones, check.list(COUNT, {count = #list - 1}))
  for i = 2, #milestones do
    if milestones[i] <= milestones[i - 1] then
      check.fail("%s: milestones rise, %d does not come after %d", name, milestones[i], milestones[i - 1])
    end
  end
  return list, milestones
end

local Sequential = setmetatable({__tostring = Schedule.__tostring}, {__index = Schedule})
Sequential.__index = Sequential

-- Which scheduler is at work after so many steps, and how many of them are its own.
function Sequential:place(steps)
  local i = #self.schedulers
  while i > 1 and steps < self.milestones[i - 1] do
    i = i - 1
  end
  return self.schedulers[i], steps - (self.milestones[i - 1] or 0)
end

function Sequential:set(steps)
  steps = check.value(self.name .. ": steps", steps, STEPS)
  self.least = self:place(steps).least
  Schedule.set(self, steps)
end

function Sequential:step()
  self:set(self.steps + 1)
  local active, own = self:place(self.steps)
  if own == 0 then self.optimizer.lr = active.at(0, self.base) end -- as PyTorch: each begins from the base
end

--- One schedule after the other: the second begins after milestones[1] steps, the third after milestones[2], ...
--
--   local warm = gl.optim.LinearLR(optimizer, {start_factor = 0.1, total_iters = 5})
--   local cosine = gl.optim.CosineAnnealingLR(optimizer, {t_max = 45})
--   local schedule = gl.optim.SequentialLR(optimizer, {schedulers = {warm, cosine}, milestones = {5}})
function optim.SequentialLR(optimizer, options)
  local name = "SequentialLR"
  local o = checked(name, optimizer, options, {schedulers = {check.any}, milestones = {check.any, {}}})
  local schedulers, milestones = check_sequence(name, optimizer, o)
  local self = {name = name, schedulers = schedulers, milestones = milestones}
  function self.at(steps, base)
    local active, own = self:place(steps)
    return active.at(own, base)
  end
  optimizer.lr = base_rates[optimizer] -- undoes what making the schedulers did to it
  return schedule(optimizer, self, Sequential)
end

local Chained = setmetatable({__tostring = Schedule.__tostring}, {__index = Schedule})
Chained.__index = Chained

function Chained:set(steps)
  self.steps = check.value(self.name .. ": steps", steps, STEPS)
  for _, item in ipairs(self.schedulers) do
    item:set(steps)
  end
end

function Chained:step()
  self.steps = self.steps + 1
  for _, item in ipairs(self.schedulers) do
    item:step()
  end
end

function Chained:state()
  local state = Schedule.state(self)
  state.schedulers = {}
  for i, item in ipairs(self.schedulers) do
    state.schedulers[i] = item:state()
  end
  return state
end

function Chained:load_state(state)
  Schedule.load_state(self, state)
  for i, item in ipairs(self.schedulers) do
    item:load_state(state.schedulers[i])
  end
end

--- Several schedules of one optimizer, which step together.
--
--   local schedule = gl.optim.ChainedScheduler {
--     gl.optim.LinearLR(optimizer, {total_iters = 5}), gl.optim.StepLR(optimizer, {step_size = 30})}
function optim.ChainedScheduler(schedulers)
  local name = "ChainedScheduler"
  local list = check_schedulers(name, schedulers)
  local rules = {}
  for i, item in ipairs(list) do rules[i] = item.state_rule or STATE end
  return setmetatable({
    name = name, schedulers = list, optimizer = list[1].optimizer, steps = 0, base = base_rates[list[1].optimizer],
    state_rule = check.record {steps = STEPS, base = RATE, lr = RATE, schedulers = check.record(rules)},
  }, Chained)
end

return optim
