--- module.lua: Module, the way to write a network, and Sequential.
--
--   local Net = nn.class "Net"
--   function Net:init(hidden)               -- called by Net(hidden)
--     self.first = nn.Linear(784, hidden)   -- modules and tensors that require a gradient are found by themselves
--     self.second = nn.Linear(hidden, 10)
--   end
--   function Net:forward(x) return self.second(self.first(x):relu()) end
--
--   local net = Net(100)
--   print(net)                               -- the tree, with output shapes and parameter counts
--   local y = net(x)                         -- calls forward

local describe = require "genlat.nn.describe"

local Module = {}
Module.__index = Module
Module.__name = "Module"

local ORDER = {} -- key of the list of field names, in the order in which they were first set

local function is_module(value)
  local meta = type(value) == "table" and getmetatable(value)
  return meta and meta.is_genlat_module or false
end

local function is_tensor(value) return type(value) == "userdata" and getmetatable(value).__name == "genlat.Tensor" end

local function set(self, key, value)
  if is_tensor(value) or type(value) == "table" then
    table.insert(self[ORDER], {key = key, kind = is_tensor(value) and (value.requires_grad and "parameter" or "plain")})
  end
  rawset(self, key, value)
end

local function call(self, ...)
  local y = self:forward(...)
  if describe.watch then describe.watch(self, y) end
  return y
end

--- A new class of modules; calling it makes an instance and calls its init.
function Module.class(name, base)
  base = base or Module
  local class = {__name = name, __newindex = set, __call = call, __tostring = describe.text, is_genlat_module = true}
  class.__index = class
  return setmetatable(class, {
    __index = base,
    __call = function(_, ...)
      local self = setmetatable({[ORDER] = {}, training = true}, class)
      self:init(...)
      return self
    end,
  })
end

function Module:init() end

function Module:forward()
  error(("%s: write its forward(x)"):format(getmetatable(self).__name), 2)
end

--- The name of the module's class.
function Module:name() return getmetatable(self).__name end

--- Marks a tensor field as state that is saved with the module but not trained.
function Module:register_buffer(key, tensor)
  self[key] = tensor
  for _, entry in ipairs(self[ORDER]) do
    if entry.key == key then entry.kind = "buffer" end
  end
end

--- The module's direct children: a list of {name, module}. Modules in plain lists are found too.
function Module:children()
  local list = {}
  for _, entry in ipairs(self[ORDER]) do
    local value = rawget(self, entry.key)
    if is_module(value) then
      list[#list + 1] = {entry.key, value}
    elseif type(value) == "table" then
      for i, item in ipairs(value) do
        if is_module(item) then list[#list + 1] = {("%s.%d"):format(entry.key, i), item} end
      end
    end
  end
  return list
end

--- The module's own tensors of a kind ("parameter" or "buffer"): a list of {name, tensor}.
function Module:own(kind)
  local list = {}
  for _, entry in ipairs(self[ORDER]) do
    local value = rawget(self, entry.key)
    if entry.kind == kind and is_tensor(value) then list[#list + 1] = {entry.key, value} end
  end
  return list
end

--- Calls visit(module, prefix) for this module and all below it, each once.
function Module:walk(visit, prefix, seen)
  prefix, seen = prefix or "", seen or {}
  if seen[self] then return end
  seen[self] = true
  visit(self, prefix)
  for _, child in ipairs(self:children()) do
    child[2]:walk(visit, prefix .. child[1] .. ".", seen)
  end
end

local function named(self, kind)
  local list = {}
  self:walk(function(module, prefix)
    for _, own in ipairs(module:own(kind)) do
      list[#list + 1] = {prefix .. own[1], own[2]}
    end
  end)
  return list
end

--- All parameters: a list of {name, tensor}, in the order in which they were defined.
function Module:named_parameters() return named(self, "parameter") end

--- All parameters: a list of tensors, as optimizers take it.
function Module:parameters()
  local list = {}
  for i, entry in ipairs(self:named_parameters()) do
    list[i] = entry[2]
  end
  return list
end

--- The number of numbers in all parameters.
function Module:parameter_count()
  local n = 0
  for _, p in ipairs(self:parameters()) do
    n = n + p:numel()
  end
  return n
end

--- All parameters and buffers by name. The tensors are the module's own, not copies.
function Module:state_dict()
  local state = {}
  for _, kind in ipairs {"parameter", "buffer"} do
    for _, entry in ipairs(named(self, kind)) do
      state[entry[1]] = entry[2]
    end
  end
  return state
end

local function sorted_names(state)
  local names = {}
  for name in pairs(state) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

--- Copies a state dict into the module's tensors. Names and shapes must be the same; nothing is changed otherwise.
function Module:load_state_dict(state)
  local own = self:state_dict()
  for _, name in ipairs(sorted_names(own)) do
    local given = state[name]
    if not given then error(("load_state_dict: %s is missing"):format(name), 2) end
    local want, got = table.concat(own[name].shape, "x"), table.concat(given.shape, "x")
    if want ~= got then error(("load_state_dict: %s is %s, the model wants %s"):format(name, got, want), 2) end
  end
  for _, name in ipairs(sorted_names(state)) do
    if not own[name] then error(("load_state_dict: the model has no %s"):format(name), 2) end
  end
  for name, tensor in pairs(own) do
    tensor:detach():copy_(state[name])
  end
end

--- Switches the module and all below it to training (dropout drops, ...) or, with false, to evaluation.
function Module:train(on)
  on = on ~= false
  self:walk(function(module) module:set_training(on) end)
  return self
end

function Module:set_training(on) rawset(self, "training", on) end

--- Switches to evaluation.
function Module:eval() return self:train(false) end

local function set_requires_grad(self, on)
  for _, p in ipairs(self:parameters()) do
    p.requires_grad = on
  end
  return self
end

--- Stops training of the parameters; backward does not compute their gradients either.
function Module:freeze() return set_requires_grad(self, false) end

--- Makes the parameters trainable again.
function Module:unfreeze() return set_requires_grad(self, true) end

--- Clears all gradients.
function Module:zero_grad()
  for _, p in ipairs(self:parameters()) do
    p.grad = nil
  end
end

--- Calls f(module) for this module and all below it, to initialize them for instance.
function Module:apply(f)
  self:walk(function(module) f(module) end)
  return self
end

-- What print shows after a module's name; layers say their arguments.
function Module:details() return "" end

Module.is_module = is_module

--- Modules one after the other: nn.Sequential(nn.Linear(784, 400), nn.ReLU(), ...).
local Sequential = Module.class "Sequential"

function Sequential:init(...)
  for i = 1, select("#", ...) do
    local module = select(i, ...)
    if not is_module(module) then
      error(("Sequential: argument %d is not a module but a %s"):format(i, type(module)), 3)
    end
    self[i] = module
  end
end

function Sequential:forward(x)
  for i = 1, #self do
    x = self[i](x)
  end
  return x
end

Module.Sequential = Sequential

return Module
