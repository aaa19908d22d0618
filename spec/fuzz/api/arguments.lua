--- arguments.lua: arguments for the fuzzer of the API that are likely to be right, so that calls go deep: by an op's
--- signature, by a case of its specs, or by the names of a Lua function's parameters.

local gl = require "genlat"
local opcheck = require "spec.opcheck"
local values = require "spec.fuzz.api.values"

local random, pick, chance = math.random, values.pick, values.chance

local arguments = {}

-- ---- arguments by a signature --------------------------------------------------------------------------------------

local by_type = {
  F = values.number, I = values.whole, B = values.boolean, L = values.list,
  P = function() return {random(), random()} end,
}

local function value_for(kind, default)
  if kind == "W" then
    local words = {}
    for word in default:gmatch "[^|]+" do words[#words + 1] = word end
    return chance(8) and values.text() or pick(words)
  end
  return by_type[kind]()
end

-- Adds arguments for a signature's rest (what is no tensor) to a list, in order or by name.
function arguments.add_rest(list, signature)
  local n = #list
  local named = chance(2) and {} or nil
  for name, kind, optional, default in signature:gmatch "([%w_]+):([FPILBW])(%??)=?(%S*)" do
    local left_out = (optional ~= "" or default ~= "") and chance(2)
    if named then
      if not left_out then named[name] = value_for(kind, default) end
    else
      if left_out then break end
      n = n + 1
      list[n] = value_for(kind, default)
    end
  end
  if named and (next(named) or chance(4)) then
    if chance(15) then named[values.text()] = values.anything() end
    n = n + 1
    list[n] = named
  end
  return list, n
end

function arguments.op_from_signature(op)
  return function()
    local list = {}
    local first = values.tensor()
    for many in op.signature:gmatch ":T([%*?]?)" do
      if many == "*" then
        list[#list + 1] = values.tensors()
      elseif many == "" or chance(2) then
        list[#list + 1] = #list == 0 and first or chance(2) and values.tensor(first.shape) or values.tensor()
      end
    end
    return arguments.add_rest(list, op.signature)
  end
end

-- A case of the op's specs: arguments that fit together, sometimes with one changed.
function arguments.op_from_case(op, cases)
  local many = op.signature:find ":T%*"
  return function()
    local case = pick(cases)
    local _, inputs = opcheck.inputs(case)
    local n = #inputs
    for i = 1, n do
      local other = random(12)
      if other == 1 then inputs[i] = values.tensor() elseif other == 2 then inputs[i] = values.view(inputs[i]) end
    end
    local options = {}
    for name, value in pairs(case.args) do options[name] = value end
    if chance(4) then
      local names = {}
      for name in op.signature:gmatch "([%w_]+):[FPILBW]" do names[#names + 1] = name end
      if #names > 0 then
        local name = pick(names)
        local kind, default = op.signature:match("%f[%w_]" .. name .. ":(%u)%??=?(%S*)")
        options[name] = value_for(kind, default)
      end
    end
    local list = many and {inputs} or inputs
    n = many and 1 or n
    if next(options) or chance(4) then
      n = n + 1
      list[n] = options
    end
    return list, n
  end
end

-- ---- arguments by a parameter's name -------------------------------------------------------------------------------

-- Small things that many functions want; made anew for each call.
function arguments.small_model()
  local image = {pick {4, 5}, 4, pick {1, 3}}
  local kind = pick {"autoencoder", "vae", "cvae", "gan"}
  return gl.models[kind] {image = image, hidden = {random(1, 3)}, latent = random(1, 3), classes = 3}
end

local networks = {
  function(nn) return nn.Sequential(nn.Linear(random(1, 3), 2), nn.ReLU(), nn.Linear(2, random(1, 2))) end,
  function(nn) return nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Dropout(0.5)) end,
  function(nn) return nn.Sequential(nn.Conv2d(1, 2, 3, {padding = 1}), nn.BatchNorm(2), nn.Tanh()) end,
  function(nn) return nn[pick {"Linear", "Embedding"}](random(1, 3), random(1, 3)) end,
}
function arguments.network() return pick(networks)(gl.nn) end

function arguments.optimizer()
  local kind = pick {"SGD", "Adam", "AdamW", "RMSprop"}
  return gl.optim[kind](chance(2) and arguments.network() or {gl.randn(3, {requires_grad = true})}, {lr = random()})
end

local function data_set()
  local n, side = random(2, 12), pick {4, 5, 28}
  local data = {images = (gl.rand(n, side, side, 1) * 255):byte(), labels = values.labels(n):byte(), count = n,
                classes = {"a", "b", "c"}}
  return chance(3) and gl.data.load("digits", {train = n, test = 3})[pick {"train", "test"}] or data
end

local function space() return gl.latent.space(arguments.small_model()) end

function arguments.path()
  local name = pick {"a.png", "b.safetensors", "c.gif", "d.idx", "e", "folder", "folder/f.png", "missing/g"}
  return values.scratch .. "/" .. name
end

local function points() return values.tensor {random(1, 12), random(1, 4)} end

local by_name = {
  images = values.images, image = values.images, real = values.images, fake = values.images, frames = values.images,
  labels = values.labels, classes = function() return chance(2) and random(2, 4) or {"a", "b", "c"} end,
  z = points, latents = points, points = points, codes = points, mean = points, logvar = points, features = points,
  model = function() return chance(4) and arguments.network() or arguments.small_model() end,
  module = arguments.network, net = arguments.network, network = arguments.network, space = space,
  optimizer = arguments.optimizer, parameters = function() return arguments.network():parameters() end,
  data = data_set, set = data_set, test = data_set, train = data_set,
  path = arguments.path, file = arguments.path, folder = arguments.path,
  paths = function() return {arguments.path(), arguments.path()} end,
  name = values.text, title = values.text, label = values.text, text = values.text, expression = values.text,
  f = values.callback, fn = values.callback, callback = values.callback, decode = values.callback,
  n = values.count, count = values.count, seed = values.whole, steps = values.count, size = values.count,
  axis = values.whole, t = values.number, amount = values.number, max = values.number, steps_taken = values.count,
  names = function() return {"a", "b", pick {"c", "", 1, "a"}} end,
  x = function() return chance(3) and values.images() or values.tensor() end,
  tensor = values.tensor, tensors = values.tensors, list = values.tensors, y = values.tensor,
}

local function by_guess(name)
  local make = by_name[name] or by_name[name:match "[^_]+$"]
  if make then return make() end
  return pick {values.tensor, values.tensor, values.number, values.count, values.text, values.list, points}()
end

local option_names = {} -- by the file: the fields that its functions read of their options

local function options_of(file)
  if not option_names[file] then
    local seen, list = {}, {}
    local f = io.open(file)
    for owner, name in (f and f:read "a" or ""):gmatch "([%a_]+)%.([%a_]+)" do
      if not seen[name] and ("options settings config o chart"):find(owner, 1, true) then
        seen[name] = true
        list[#list + 1] = name
      end
    end
    if f then f:close() end
    table.sort(list)
    option_names[file] = list
  end
  return option_names[file]
end

function arguments.options_for(file)
  local names, options = options_of(file), {}
  for _ = 1, random(0, math.min(3, #names)) do
    local name = pick(names)
    options[name] = by_guess(name)
  end
  if chance(10) then options[values.text()] = values.anything() end
  return options
end

function arguments.by_parameters(f)
  local info = debug.getinfo(f, "uS")
  local names, file = {}, info.source:match "^@(.*)"
  for i = 1, info.nparams do names[i] = debug.getlocal(f, i) end
  return function(receiver)
    local list, n = {}, math.max(#names, info.isvararg and random(1, 3) or 0)
    for i = 1, n do
      local name = names[i] or "x"
      if name == "self" then
        list[i] = receiver
      elseif name:find "options" or name == "settings" or name == "config" or name == "o" then
        if not chance(4) then list[i] = arguments.options_for(file) end
      elseif i < 2 or not chance(8) then
        list[i] = by_guess(name)
      end
    end
    return list, n
  end
end

return arguments
