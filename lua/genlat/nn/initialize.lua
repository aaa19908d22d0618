--- initialize.lua: ways to set parameters before training. Each changes the tensor in place and returns it.
--
-- A weight is outputs x inputs; its fan-in is the number of inputs, its fan-out the number of outputs.

local check = require "genlat.check"

local init = {}

local function change(tensor, method, ...)
  local values = tensor:detach()
  values[method](values, ...)
  return tensor
end

-- The fan-in and the fan-out of a weight. gain: the one that was given, or nil.
local function fans(tensor, name, gain)
  check.value(name .. ": the weight", tensor, check.tensor())
  check.value(name .. ": gain", gain, check.optional(check.number()))
  if tensor.ndim < 2 then check.fail("%s: a weight has at least 2 axes, this is %d", name, tensor.ndim) end
  local field = tensor:numel() // (tensor:size(1) * tensor:size(2))
  return tensor:size(2) * field, tensor:size(1) * field
end

--- Uniform from low (0) up to high (1).
--
--   gl.nn.init.uniform(layer.weight, -0.1, 0.1)
function init.uniform(tensor, low, high)
  check.arguments("uniform", "tensor:tensor low:number? high:number?", tensor, low, high)
  return change(tensor, "uniform_", low or 0, high or 1)
end

--- Normal with a mean (0) and a standard deviation (1).
--
--   gl.nn.init.normal(layer.weight, 0, 0.02)
function init.normal(tensor, mean, std)
  check.arguments("normal", "tensor:tensor mean:number? std:number?", tensor, mean, std)
  return change(tensor, "normal_", mean or 0, std or 1)
end

--- One value everywhere.
--
--   gl.nn.init.constant(layer.bias, 0)
function init.constant(tensor, value)
  check.arguments("constant", "tensor:tensor value:number", tensor, value)
  return change(tensor, "fill_", value)
end

--- Glorot & Bengio 2010, eq. 16: uniform in -a..a, a = gain sqrt(6 / (fan_in + fan_out)).
--
--   gl.nn.init.xavier_uniform(layer.weight)
function init.xavier_uniform(tensor, gain)
  local fan_in, fan_out = fans(tensor, "xavier_uniform", gain)
  local a = (gain or 1) * math.sqrt(6 / (fan_in + fan_out))
  return init.uniform(tensor, -a, a)
end

--- Glorot & Bengio 2010, eq. 12: N(0, gain^2 2 / (fan_in + fan_out)).
--
--   gl.nn.init.xavier_normal(layer.weight)
function init.xavier_normal(tensor, gain)
  local fan_in, fan_out = fans(tensor, "xavier_normal", gain)
  return init.normal(tensor, 0, (gain or 1) * math.sqrt(2 / (fan_in + fan_out)))
end

--- He et al. 2015, eq. 10: N(0, gain^2 / fan_in); the gain for ReLU is sqrt 2.
--
--   gl.nn.init.kaiming_normal(layer.weight)
function init.kaiming_normal(tensor, gain)
  local fan_in = fans(tensor, "kaiming_normal", gain)
  return init.normal(tensor, 0, (gain or math.sqrt(2)) / math.sqrt(fan_in))
end

--- The uniform distribution of the same variance: in -a..a, a = gain sqrt(3 / fan_in).
--
--   gl.nn.init.kaiming_uniform(layer.weight)
function init.kaiming_uniform(tensor, gain)
  local fan_in = fans(tensor, "kaiming_uniform", gain)
  local a = (gain or math.sqrt(2)) * math.sqrt(3 / fan_in)
  return init.uniform(tensor, -a, a)
end

return init
