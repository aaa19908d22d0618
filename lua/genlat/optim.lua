--- optim: optimizers, gradient clipping and learning-rate schedules.
--
--   local opt = gl.optim.Adam(model, {lr = 1e-3, betas = {0.9, 0.999}})
--   opt:zero_grad(); loss:backward(); opt:step()
--   opt.lr = 1e-4
--
-- optim.kinds lists the optimizers (which are C) with their settings and formulas.

local core = require "genlat.core"
local text = require "genlat.text"

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

-- Schedules
-- ------------------------------------------------------------------------------------------------------------
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

local function check_steps(self, steps)
  if math.type(steps) ~= "integer" or steps < 0 then
    error(("%s: the number of steps is a whole number from 0, not %s"):format(self.name, tostring(steps)), 3)
  end
end

--- Sets the number of steps taken, and changes the learning rate accordingly.
function Schedule:set(steps)
  check_steps(self, steps)
  move(self, self.at(self.steps, self.base), self.at(steps, self.base))
  self.steps = steps
end

--- One step further.
function Schedule:step() self:set(self.steps + 1) end

--- Where the schedule is, as plain data for a checkpoint. The optimizer's learning rate is part of it.
function Schedule:state() return {steps = self.steps, base = self.base, lr = self.optimizer.lr} end

local STATE = {"steps", "base", "lr"}

-- What is wrong with a state, or nil.
function Schedule:state_fault(state)
  for _, key in ipairs(STATE) do
    local value = type(state) == "table" and state[key]
    if type(value) ~= "number" or not (value >= 0 and value < math.huge) or key == "steps" and value % 1 ~= 0 then
      return ("%s: load_state: expected what state() returned; its %s is %s"):format(self.name, key, tostring(value))
    end
  end
end

--- Goes on from what state() returned. Of several schedules on one optimizer, take all states at the same moment.
function Schedule:load_state(state)
  local message = self:state_fault(state)
  if message then error(message, 2) end
  self.steps, self.base, self.optimizer.lr = math.tointeger(state.steps), state.base, state.lr
  base_rates[self.optimizer] = self.base
end

-- What is wrong with one number, or nil. rule: {whole =, from = or above =, to =}
local function number_fault(key, value, rule)
  if type(value) ~= "number" then return ("%s is a number, not %s"):format(key, type(value)) end
  local fits = value < math.huge and (not rule.whole or value % 1 == 0) and value <= (rule.to or value)
    and value >= (rule.from or value) and value > (rule.above or -math.huge)
  if fits then return end
  return text.format("%s is a %snumber %s %g%s, not %s", key, rule.whole and "whole " or "",
    rule.above and "above" or "from", rule.above or rule.from, rule.to and ", at most " .. rule.to or "", value)
end

local function is_optimizer(value)
  local ok, lr = pcall(function() return value.lr end)
  return ok and type(lr) == "number"
end

local function names_of(t)
  local names = {}
  for name in pairs(t) do
    names[#names + 1] = name
  end
  text.sort(names)
  return table.concat(names, ", ")
end

-- What is wrong with the arguments, or nil; puts defaults in. rules: {name = {default =, ...}}
local function fault(optimizer, options, rules)
  if not is_optimizer(optimizer) then return ("expected an optimizer, got %s"):format(type(optimizer)) end
  for key in pairs(options) do
    if not rules[key] then
      return ("there is no option '%s' (it takes %s)"):format(tostring(key), names_of(rules))
    end
  end
  for key, rule in pairs(rules) do
    if options[key] == nil then options[key] = rule.default end
    local message = not rule.any and number_fault(key, options[key], rule)
    if message then return message end
  end
end

-- The options with their defaults; raises at the line of who asked for the schedule.
local function checked(name, optimizer, options, rules)
  local o = {}
  for key, value in pairs(type(options) == "table" and options or {}) do
    o[key] = value
  end
  local message = fault(optimizer, o, rules)
  if message then error(name .. ": " .. message, 3) end
  return o
end

--- lr * gamma^floor(steps / step_size)
--
--   local schedule = gl.optim.StepLR(optimizer, {step_size = 10, gamma = 0.5})
--   schedule:step()                          -- after each epoch
function optim.StepLR(optimizer, options)
  local o = checked("StepLR", optimizer, options, {
    step_size = {whole = true, from = 1}, gamma = {from = 0, default = 0.1},
  })
  return schedule(optimizer, {
    name = "StepLR", at = function(steps, base) return base * o.gamma ^ (steps // o.step_size) end,
  })
end

--- eta_min + (lr - eta_min) (1 + cos(pi steps / t_max)) / 2 (Loshchilov & Hutter 2017, eq. 5)
--
--   local schedule = gl.optim.CosineAnnealingLR(optimizer, {t_max = 50, eta_min = 1e-5})
function optim.CosineAnnealingLR(optimizer, options)
  local o = checked("CosineAnnealingLR", optimizer, options, {
    t_max = {whole = true, from = 1}, eta_min = {from = 0, default = 0},
  })
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
  local o = checked("LinearLR", optimizer, options, {
    start_factor = {above = 0, to = 1, default = 1 / 3}, total_iters = {whole = true, from = 1, default = 5},
  })
  return schedule(optimizer, {
    name = "LinearLR",
    at = function(steps, base)
      return base * (o.start_factor + (1 - o.start_factor) * math.min(steps, o.total_iters) / o.total_iters)
    end,
  })
end

-- Schedules made of schedules
-- ------------------------------------------------------------------------------------------------------------

local function schedulers_fault(list)
  if type(list) ~= "table" or #list == 0 then return "schedulers is a list of schedules, not " .. type(list) end
  for i, item in ipairs(list) do
    if type(item) ~= "table" or not item.load_state then
      return ("schedulers[%d] is not a schedule but %s"):format(i, type(item))
    end
    if item.optimizer ~= list[1].optimizer then return ("schedulers[%d] is of another optimizer"):format(i) end
  end
end

local function sequence_fault(optimizer, list, milestones)
  local message = schedulers_fault(list)
  if message then return message end
  if list[1].optimizer ~= optimizer then return "the schedulers are of another optimizer" end
  for i, item in ipairs(list) do
    if item.schedulers then return ("schedulers[%d] is a %s: it cannot be a part"):format(i, item.name) end
  end
  if type(milestones) ~= "table" or #milestones ~= #list - 1 then
    return ("%d schedulers need a list of %d milestones"):format(#list, #list - 1)
  end
  for i, steps in ipairs(milestones) do
    message = number_fault(("milestones[%d]"):format(i), steps, {whole = true, from = (milestones[i - 1] or 0) + 1})
    if message then return message end
  end
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
  check_steps(self, steps)
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
  local o = checked("SequentialLR", optimizer, options, {
    schedulers = {any = true}, milestones = {any = true, default = {}},
  })
  local message = sequence_fault(optimizer, o.schedulers, o.milestones)
  if message then error("SequentialLR: " .. message, 2) end
  local self = {
    name = "SequentialLR", schedulers = {table.unpack(o.schedulers)}, milestones = {table.unpack(o.milestones)},
  }
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
  check_steps(self, steps)
  self.steps = steps
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

function Chained:state_fault(state)
  local message = Schedule.state_fault(self, state)
  for i, item in ipairs(self.schedulers) do
    message = message or item:state_fault(type(state.schedulers) == "table" and state.schedulers[i])
  end
  return message
end

function Chained:load_state(state)
  local message = self:state_fault(state)
  if message then error(message, 2) end
  for i, item in ipairs(self.schedulers) do
    item:load_state(state.schedulers[i])
  end
  Schedule.load_state(self, state)
end

--- Several schedules of one optimizer, which step together.
--
--   local schedule = gl.optim.ChainedScheduler {
--     gl.optim.LinearLR(optimizer, {total_iters = 5}), gl.optim.StepLR(optimizer, {step_size = 30})}
function optim.ChainedScheduler(schedulers)
  local message = schedulers_fault(schedulers)
  if message then error("ChainedScheduler: " .. message, 2) end
  local optimizer = schedulers[1].optimizer
  return setmetatable({
    name = "ChainedScheduler", schedulers = {table.unpack(schedulers)}, optimizer = optimizer, steps = 0,
    base = base_rates[optimizer],
  }, Chained)
end

return optim
