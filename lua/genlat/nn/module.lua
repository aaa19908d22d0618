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

local check = require "genlat.check"
local describe = require "genlat.nn.describe"
local safetensors = require "genlat.safetensors"
local scope = require "genlat.scope"
local text = require "genlat.text"

local Module = {}
Module.__index = Module
Module.__name = "Module"

local FIELDS = {} -- key of what a module knows of its fields: order (names as first set), known, buffers
local FIXED = {} -- key of the fields that are set once and for all, as a layer's are

local parameters = setmetatable({}, {__mode = "k"}) -- the tensors that are parameters, also while they are frozen

--- Is a value a module?
local function is_module(value)
  local meta = type(value) == "table" and getmetatable(value)
  return meta and meta.is_genlat_module or false
end

local is_tensor = check.is_tensor

-- A leaf that requires a gradient, or did when it was last seen.
local function is_parameter(tensor)
  if tensor.requires_grad and tensor.is_leaf then parameters[tensor] = true end
  return parameters[tensor] or false
end

local function set(self, key, value)
  local fixed, fields = rawget(self, FIXED), rawget(self, FIELDS)
  if fixed and fixed[key] ~= nil then
    error(("%s: %s is set when the layer is made%s"):format(getmetatable(self).__name, key,
      is_tensor(fixed[key]) and "; copy_ changes its values" or ""), 2)
  end
  if is_tensor(value) then is_parameter(value) end
  if (is_tensor(value) or type(value) == "table") and not fields.known[key] then
    fields.known[key] = true
    table.insert(fields.order, key)
  end
  rawset(self, key, value)
end

local function watched(watch, self, ...)
  watch(self, (...))
  return ...
end

local watchers = describe.watchers

local function call(self, ...)
  local watch = next(watchers) and watchers[coroutine.running()]
  if watch then return watched(watch, self, self:forward(...)) end
  return self:forward(...)
end

-- Finds a field of an instance of a class that has fixed ones.
local function finder(class)
  return function(self, key)
    local fixed = rawget(self, FIXED)
    local value = fixed and fixed[key]
    if value == nil then return class[key] end
    return value
  end
end

--- A new class of modules; calling it makes an instance and calls its init.
function Module.class(name, base)
  if type(name) ~= "string" then error(("class: expected a name, got %s"):format(type(name)), 2) end
  if base ~= nil and not (type(base) == "table" and (base == Module or rawget(base, "is_genlat_module"))) then
    error(("class: expected a class of modules, got %s"):format(type(base)), 2)
  end
  base = base or Module
  local class = {__name = name, __newindex = set, __call = call, __tostring = describe.text, is_genlat_module = true}
  class.__index = base.has_fixed_fields and finder(class) or class
  return setmetatable(class, {
    __index = base,
    __tostring = function() return "class " .. name end,
    __call = function(_, ...)
      local self = setmetatable({[FIELDS] = {order = {}, known = {}, buffers = {}}, training = true}, class)
      self:init(...)
      return self
    end,
  })
end

--- Makes a class, and those derived from it, have fields that can be read but not set; see fix.
function Module.with_fixed_fields(class)
  class.has_fixed_fields = true
  class.__index = finder(class)
  return class
end

--- Gives a new instance of such a class its fields.
function Module:fix(fields) rawset(self, FIXED, fields) end

--- What a class does with the arguments of Class(...); each class writes its own.
function Module.init() end

--- What a class computes, called by module(x); each class writes its own.
function Module:forward()
  error(("%s: write its forward(x)"):format(getmetatable(self).__name), 2)
end

--- The name of the module's class.
--
--   print(net:name())
function Module:name() return getmetatable(self).__name end

--- Marks a tensor field as state that is saved with the module but not trained.
--
--   self:register_buffer("mean", gl.zeros(10))
function Module:register_buffer(key, tensor)
  if not is_tensor(tensor) then error(("register_buffer: %s: expected a tensor"):format(key), 2) end
  self[key] = tensor
  self[FIELDS].buffers[key] = true
end

-- Calls visit(name, value) for a module or a tensor, and for those in a plain table: first its list, then its named
-- fields in alphabetical order.
local function descend(name, value, visit, seen)
  if is_module(value) or is_tensor(value) then return visit(name, value) end
  if type(value) ~= "table" or getmetatable(value) or seen[value] then return end
  seen[value] = true
  for i, item in ipairs(value) do
    descend(name .. "." .. i, item, visit, seen)
  end
  local keys = {}
  for key in pairs(value) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  text.sort(keys)
  for _, key in ipairs(keys) do
    descend(name .. "." .. key, value[key], visit, seen)
  end
end

local function each_field(self, visit)
  for _, key in ipairs(self[FIELDS].order) do
    descend(tostring(key), rawget(self, key), visit, {})
  end
end

--- The module's direct children: a list of {name, module}. Those in plain tables, at whatever depth, are found too.
--
--   for _, child in ipairs(net:children()) do print(child[1], child[2]:name()) end
function Module:children()
  local list = {}
  each_field(self, function(name, value)
    if is_module(value) then list[#list + 1] = {name, value} end
  end)
  return list
end

--- The module's own tensors of a kind ("parameter" or "buffer"): a list of {name, tensor}.
function Module:own(kind)
  local list, buffers = {}, self[FIELDS].buffers
  each_field(self, function(name, value)
    if not is_tensor(value) then return end
    local found = buffers[name] and "buffer" or is_parameter(value) and "parameter"
    if found == kind then list[#list + 1] = {name, value} end
  end)
  return list
end

--- Calls visit(module, prefix) for this module and all below it, each once.
--
--   net:walk(function(module, prefix) print(prefix, module:name()) end)
function Module:walk(visit, prefix, seen)
  prefix, seen = prefix or "", seen or {}
  if seen[self] then return end
  seen[self] = true
  visit(self, prefix)
  for _, child in ipairs(self:children()) do
    child[2]:walk(visit, prefix .. child[1] .. ".", seen)
  end
end

-- A tensor that several modules share is listed once, under the first name.
local function named(self, kind)
  local list, seen = {}, {}
  self:walk(function(module, prefix)
    for _, own in ipairs(module:own(kind)) do
      if not seen[own[2]] then
        seen[own[2]] = true
        list[#list + 1] = {prefix .. own[1], own[2]}
      end
    end
  end)
  return list
end

--- All parameters: a list of {name, tensor}, in the order in which they were defined.
--
--   for _, p in ipairs(net:named_parameters()) do print(p[1], p[2].shape[1]) end
function Module:named_parameters() return named(self, "parameter") end

--- All parameters: a list of tensors, as optimizers take it.
--
--   local optimizer = gl.optim.Adam(net:parameters(), {lr = 1e-3})
function Module:parameters()
  local list = {}
  for i, entry in ipairs(self:named_parameters()) do
    list[i] = entry[2]
  end
  return list
end

--- The number of numbers in all parameters.
--
--   print(net:parameter_count())
function Module:parameter_count()
  local n = 0
  for _, p in ipairs(self:parameters()) do
    n = n + p:numel()
  end
  return n
end

--- All parameters and buffers by name. The tensors are the module's own, not copies.
--
--   copy:load_state_dict(net:state_dict())
function Module:state_dict()
  local state = {}
  for _, kind in ipairs {"parameter", "buffer"} do
    for _, entry in ipairs(named(self, kind)) do
      state[entry[1]] = entry[2]
    end
  end
  return state
end

--- Copies a state dict into the module's tensors. Names and shapes must be the same; nothing is changed otherwise.
--
--   copy:load_state_dict(net:state_dict())
function Module:load_state_dict(state)
  if type(state) ~= "table" then check.fail("load_state_dict: expected a table, got %s", type(state)) end
  local own, values = self:state_dict(), {}
  for _, name in ipairs(text.sorted_keys(own)) do
    local given = state[name]
    if not given then check.fail("load_state_dict: %s is missing", name) end
    if not is_tensor(given) then
      check.fail("load_state_dict: %s is not a tensor but a %s", name, type(given))
    end
    local want, got = table.concat(own[name].shape, "x"), table.concat(given.shape, "x")
    if want ~= got then check.fail("load_state_dict: %s is %s, the model has %s", name, got, want) end
    values[name] = given.dtype == "int64" and given + 0 or given -- raises here what a float32 does not hold
  end
  for _, name in ipairs(text.sorted_keys(state)) do
    if not own[name] then check.fail("load_state_dict: the model has no %s", name) end
  end
  for name, tensor in pairs(own) do
    tensor:detach():copy_(values[name]:detach())
  end
end

local STATE = "genlat state"

--- Writes all parameters and buffers to a safetensors file, whatever the module's class. Returns true, or nil and a
-- message. The file does not say how to build the module: load_state is given one that was built as this one was.
--
--   assert(net:save_state "net.safetensors")
function Module:save_state(path) return safetensors.save(path, self:state_dict(), {format = STATE}) end

--- Reads what save_state wrote, or any safetensors file with tensors of the same names and shapes. Returns the module;
-- or nil and a message, and the module is as before.
--
--   net = assert(Net(100):load_state "net.safetensors")
function Module:load_state(path)
  local tensors, message = safetensors.load(path)
  if not tensors then return nil, message end
  local ok, problem = check.try(self.load_state_dict, self, tensors)
  if not ok then return nil, text.message("%s: %s", path, problem) end
  return self
end

--- Switches the module and all below it to training (dropout drops, ...) or, with false, to evaluation.
--
--   net:train(false)                         -- as net:eval()
function Module:train(on)
  on = on ~= false
  self:walk(function(module)
    module:set_training(on)
    scope.switched("eval", module, on)
  end)
  return self
end

--- Switches this module alone.
function Module:set_training(on) rawset(self, "training", on) end

--- Switches to evaluation.
--
--   local y = net:eval()(x)
function Module:eval() return self:train(false) end

local function set_requires_grad(self, on)
  for _, p in ipairs(self:parameters()) do
    p.requires_grad = on
    scope.switched("frozen", p, on)
  end
  return self
end

--- Stops training of the parameters; backward does not compute their gradients either.
--
--   discriminator:freeze()
function Module:freeze() return set_requires_grad(self, false) end

--- Makes the parameters trainable again.
--
--   discriminator:unfreeze()
function Module:unfreeze() return set_requires_grad(self, true) end

--- Clears all gradients.
--
--   net:zero_grad(); loss:backward(); optimizer:step()
function Module:zero_grad()
  for _, p in ipairs(self:parameters()) do
    p.grad = nil
  end
end

--- Calls f(module) for this module and all below it, to initialize them for instance.
--
--   net:apply(function(m) if m:name() == "Linear" then gl.nn.init.kaiming_normal(m.weight) end end)
function Module:apply(f)
  self:walk(function(module) f(module) end)
  return self
end

--- Prints the module's tree with each layer's output shape, for an input of this shape (without the batch, as in
-- m:summary(28, 28, 1) or m:summary {28, 28, 1}), and its number of parameters.
--
--   net:summary(28, 28, 1)
function Module:summary(...)
  local shape = type((...)) == "table" and (...) or {...}
  if #shape == 0 then check.fail("summary: say the shape of one input, such as m:summary(28, 28, 1)") end
  shape = check.value("summary: the shape", shape, check.list(check.whole(1)))
  print(describe.text_for(self, shape))
end

-- What print shows after a module's name; layers say their arguments.
function Module.details() return "" end

Module.is_module = is_module
Module.is_tensor = is_tensor

local Sequential = Module.class "Sequential"

--- Modules one after the other.
--
--   local net = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 10))
--   local y = net(x)                         -- net[1], net[2], net[3] are its modules
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
