--- nn: modules and layers.
--
-- nn.class, nn.Sequential: see module.lua. nn.Linear, nn.ReLU, ...: the layers of the core, which are C; nn.layers
-- lists them with their arguments. nn.init: ways to initialize parameters.

local core = require "genlat.core"
local Module = require "genlat.nn.module"

local nn = {Module = Module, class = Module.class, Sequential = Module.Sequential, is_module = Module.is_module}

nn.init = require "genlat.nn.initialize"

--- A tensor that a module trains: self.scale = nn.Parameter(gl.ones(10)).
function nn.Parameter(tensor)
  if not Module.is_tensor(tensor) then error(("Parameter: expected a tensor, got %s"):format(type(tensor)), 2) end
  tensor.requires_grad = true
  return tensor
end

local function value_in_words(value)
  if type(value) == "table" and #value == 1 then return tostring(value[1]) end
  if type(value) == "table" then return "{" .. table.concat(value, ", ") .. "}" end
  return tostring(value)
end

local function value_text(value) return core.plain(value_in_words, value) end -- as the defaults are written

-- The defaults of a layer's arguments, as texts by name.
local function defaults_of(signature)
  local defaults = {}
  for name, type, value in signature:gmatch "([%w_]+):(%a)=(%S+)" do
    defaults[name] = type == "W" and value:match "^[^|]+" or value
  end
  return defaults
end

local LAYER, OWN, ARGUMENTS = {}, {}, {} -- keys of what a layer holds

local function layer_class(name)
  local class = Module.with_fixed_fields(Module.class(name))

  function class:init(...)
    rawset(self, LAYER, core.new_layer(name, ...))
    local parameters, buffers, arguments = core.layer_describe(self[LAYER])
    rawset(self, OWN, {parameter = parameters, buffer = buffers})
    rawset(self, ARGUMENTS, arguments)
    local fields = {}
    for _, argument in ipairs(arguments) do
      fields[argument[1]] = argument[2]
    end
    for _, tensors in pairs(self[OWN]) do -- in place of an argument such as bias = true
      for _, tensor in ipairs(tensors) do
        fields[tensor[1]] = tensor[2]
      end
    end
    self:fix(fields)
  end

  function class:forward(x) return core.layer_forward(self[LAYER], x) end

  function class:own(kind) return self[OWN][kind] end

  function class:set_training(on)
    rawset(self, "training", on)
    core.layer_train(self[LAYER], on)
  end

  local defaults = defaults_of(nn.layers[name].signature)

  -- What has no default, then by name what is not at its default.
  function class:details()
    local words = {}
    for _, argument in ipairs(self[ARGUMENTS]) do
      local text, default = value_text(argument[2]), defaults[argument[1]]
      if not default then
        words[#words + 1] = text
      elseif text ~= default and tonumber(text) ~= (tonumber(default) or default) then
        words[#words + 1] = argument[1] .. " = " .. text
      end
    end
    return #words > 0 and "(" .. table.concat(words, ", ") .. ")" or ""
  end

  return class
end

--- The layers by name: nn.layers.Linear.signature, nn.layers.Linear.doc.
nn.layers = {}
for _, layer in ipairs(core.layer_table()) do
  nn.layers[layer.name] = layer
  nn[layer.name] = layer_class(layer.name)
end

return nn
