--- targets.lua: what the fuzzer of the API calls: every op, every function of gl, gl.core and the library, every method
--- of tensors, optimizers and modules, and the operators; each with a way to make arguments.

local gl = require "genlat"
local opcheck = require "spec.opcheck"
local arguments = require "spec.fuzz.api.arguments"
local values = require "spec.fuzz.api.values"

local random, pick, chance = math.random, values.pick, values.chance

local add_rest, by_parameters, options_for = arguments.add_rest, arguments.by_parameters, arguments.options_for
local network, small_model, path = arguments.network, arguments.small_model, arguments.path

local targets = {}

-- Left out, with the reason.
local excluded = {
  ["core.set_library"] = "says which files errors are not to name: the fuzzer reads that",
  ["core.set_recording"] = "changes on purpose what the fuzzer watches",
  ["core.memory_allow"] = "lets allocations fail until it is called again, as it is meant to",
  ["core.memory_fail_after"] = "the fuzzer itself lets allocations fail",
  ["core.scope"] = "holds until it is closed, as it is meant to: scope.run is called instead",
  ["core.error"] = "raises whatever it is given",
  ["core.catch_interrupt"] = "signals: Ctrl-C would no longer end the fuzzer",
  ["core.release_interrupt"] = "signals",
  ["core.raise_on_signal"] = "signals",
  ["core.execute"] = "runs what it is given as a command of the shell",
  ["gl.show"] = "prints images by the thousand; terminal_spec.lua has it",
  ["gl.help"] = "prints pages and runs examples; help_spec.lua has it",
  ["train.main"] = "a script's frame: reads arg, prints and ends the process",
  ["train.check"] = "a script's check: prints and ends the process",
}
local excluded_parts = {
  ["train.run"] = "writes run folders, prints, catches signals", ["train.options"] = "a script's options",
  ["train.classifier"] = "a script's callbacks", ["train.gan"] = "a script's callbacks",
  ["train.results"] = "writes into run folders", ["train.comparison"] = "writes into run folders",
}

-- What genlat's own Lua code calls with arguments that it has checked: errors there may be Lua's.
local unchecked_parts = {
  ["latent.edits."] = true, ["latent.attributes"] = true, ["latent.mixture"] = true, ["latent.anomaly"] = true,
  ["latent.posterior"] = true,
  ["metrics.regressor"] = true, ["metrics.samples"] = true, ["metrics.classifier"] = true, ["plot"] = true,
  ["train"] = true, ["data.matched"] = true, ["data.fingerprint"] = true,
}

local function is_checked(name)
  for part in pairs(unchecked_parts) do
    if name:sub(1, #part) == part then return false end
  end
  return true
end

-- ---- the list ------------------------------------------------------------------------------------------------------

local function sorted(t)
  local names = {}
  for name in pairs(t) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local list = {}

-- A function to call: `weight` times as often as others; make(receiver) -> arguments, their number.
local function add(name, f, make, weight)
  if excluded[name] then return end
  list[#list + 1] = {name = name, call = f, make = make, weight = weight or 2}
  return list[#list]
end

local function add_ops()
  local cases = opcheck.read "ops.json"
  for _, name in ipairs(sorted(gl.ops)) do
    local op = gl.ops[name]
    local guess, known = arguments.op_from_signature(op), cases[name] and arguments.op_from_case(op, cases[name])
    local function make() return (known and not chance(3) and known or guess)() end
    add("gl." .. name, gl[name], make, 6)
    if op.signature:find "^%w+:T%f[ \0]" then
      add("x:" .. name, gl.core.tensor_methods[name], make, 2)
    end
  end
end

-- Arguments of the core's functions, by their names.
local creation = {
  tensor = function()
    return {chance(2) and values.tensor() or values.anything(), chance(2) and {requires_grad = true} or nil}, 2
  end,
  full = function() return {values.list(), values.number()}, 2 end,
  batch = function()
    local how = pick {"none", "dynamic", "threshold", nil}
    return {values.images():byte(), values.labels(6), random(1, 3), random(1, 3), how}, 5
  end,
  shift = function() return {values.images():float(), values.whole()}, 2 end,
  layer_forward = function() return {pick(values.layers), values.tensor()}, 2 end,
  layer_describe = function() return {pick(values.layers)}, 1 end,
  layer_train = function() return {pick(values.layers), values.boolean()}, 2 end,
  new_optimizer = function()
    local settings = options_for(debug.getinfo(gl.optim.Adam, "S").source:sub(2))
    return {"Adam", {gl.randn(2, {requires_grad = true})}, settings}, 3
  end,
  tsne = function()
    local n = random(5, 12)
    return {values.tensor {n, 3}, pick {2, 1.5, 3, 30}, gl.randn(n, 2)}, 3
  end,
  face = function() return {{smile = values.number()}, pick {16, 32, 17}, values.whole(), values.whole()}, 4 end,
  faces = function() return {values.count(), values.whole(), values.whole(), pick {16, 32}, values.boolean()}, 5 end,
  write_png = function() return {path(), values.images():select(1, 1)}, 2 end,
  write_gif = function() return {path(), values.images(), {delay = values.whole()}}, 3 end,
  write_idx = function() return {path(), values.tensor():abs():byte()}, 2 end,
  png_encode = function() return {values.images():select(1, 1)}, 1 end,
  choose_palette = function() return {(gl.rand(random(1, 300), 3) * 255):byte()}, 1 end,
  safetensors_write = function() return {path(), "{}", {values.tensor()}}, 3 end,
  map_file = function() return {path(), values.whole(), values.list()}, 3 end,
  threads = function() return chance(4) and {random(1, 4)} or {}, 1 end,
  read_cifar10 = function() return {{path()}}, 1 end,
  write_file = function() return {path(), values.text()}, 2 end,
  read_images = function()
    return {{path(), path()}, {
      height = values.count(), width = values.count(), channels = pick {1, 3}, convert = values.boolean(),
      fit = pick {"none", "crop", "stretch"}, background = random(0, 255),
    }}, 2
  end,
}
for _, name in ipairs {
  "read_png", "read_idx", "safetensors_open", "list_folder", "file_kind", "mkdirs", "real_path", "create_file",
  "claim_folder", "lock_file",
} do
  creation[name] = function() return {path()}, 1 end
end

local function add_core()
  local function sizes() return add_rest({}, chance(2) and "sizes:L" or "a:I b:I c:I") end
  local function numbers() return {values.count(), values.count(), pick {nil, 1, 2, 0.5}}, 3 end
  for _, name in ipairs {"zeros", "ones", "rand", "randn"} do creation[name] = creation[name] or sizes end
  for _, name in ipairs(sorted(gl.core)) do
    if type(gl.core[name]) == "function" and not gl.ops[name] then
      add("core." .. name, gl.core[name], creation[name] or numbers)
    end
  end
end

local function add_methods()
  local methods = gl.core.tensor_methods
  local function one() return {values.tensor(), pick {nil, values.whole(), values.anything()}}, 2 end
  for _, name in ipairs(sorted(methods)) do
    if not gl.ops[name] then add("x:" .. name, methods[name], one, 5) end
  end
  local function two() return {values.tensor(), chance(2) and values.tensor() or values.number()}, 2 end
  local function index()
    return {values.tensor(), chance(2) and values.whole() or {values.whole(), {values.whole(), values.whole()}}}, 2
  end
  local function assignment()
    local place = pick {1, "grad", "requires_grad", {1}, {{1, 2}}}
    return {values.tensor(), place, chance(2) and values.tensor() or values.anything()}, 3
  end
  add("a + b", function(a, b) return a + b end, two)
  add("a - b", function(a, b) return a - b end, two)
  add("a * b", function(a, b) return a * b end, two)
  add("a / b", function(a, b) return a / b end, two)
  add("a ^ b", function(a, b) return a ^ b end, two)
  add("-a", function(a) return -a end, two)
  add("a < b", function(a, b) return a < b end, two)
  add("a <= b", function(a, b) return a <= b end, two)
  add("a == b", function(a, b) return a == b end, two)
  add("#a", function(a) return #a end, two)
  add("tostring(a)", tostring, two, 4)
  add("a[b]", function(a, b) return a[b] end, index, 6)
  add("a[b] = c", function(a, b, c) a[b] = c end, assignment, 6)
  add("a:backward(b)", function(a, b) return a:backward(b) end, function()
    local x = values.tensor()
    local weights = chance(2) and {retain_graph = true} or chance(2) and values.tensor(x.shape) or nil
    return {chance(2) and x:sum() or x, weights}, 2
  end, 6)
end

local function add_layers()
  local inputs = {
    function() return values.images() end, function() return values.tensor() end,
    function() return values.tensor {random(1, 4), random(1, 5)} end,
  }
  for _, name in ipairs(sorted(gl.nn.layers)) do
    local signature = gl.nn.layers[name].signature
    add("nn." .. name, gl.nn[name], function() return add_rest({}, signature) end, 4)
    -- made and called
    add("nn." .. name .. "()()", function(x, ...) return gl.nn[name](...)(x) end, function()
      local rest, n = add_rest({}, signature)
      local x = pick(inputs)()
      if signature:find "^inputs" or signature:find "^channels" then rest[1] = x.shape[x.ndim] end
      if name == "Embedding" then x, rest[1] = values.labels(), 3 end
      table.insert(rest, 1, x)
      return rest, n + 1
    end, 6)
  end
  local methods = gl.nn.Module
  for _, name in ipairs(sorted(methods)) do
    local f = methods[name]
    if type(f) == "function" and name:sub(1, 2) ~= "__" and name ~= "class" and name ~= "with_fixed_fields" then
      local make = by_parameters(f)
      local target = add("module:" .. name, f, function() return make(chance(3) and small_model() or network()) end)
      target.unchecked = true
    end
  end
end

local function add_optimizers()
  for _, name in ipairs {"step", "zero_grad", "state", "set_steps"} do
    add("optimizer:" .. name, function(o, ...) return o[name](o, ...) end, function()
      local o = arguments.optimizer()
      return {o, name == "set_steps" and values.whole() or nil}, 2
    end)
  end
  add("optimizer[a]", function(o, key, value)
    o[key] = value
    return o[key], tostring(o)
  end, function()
    local key = pick {"lr", "betas", "momentum", "steps", values.text()}
    return {arguments.optimizer(), key, pick {0.1, {0.9, 0.9}, values.anything()}}, 3
  end)
  add("train a step", function(net, x, o)
    o:zero_grad()
    net(x):mean():backward()
    gl.optim.clip_grad_norm(net, 1)
    o:step()
  end, function()
    local net = network()
    return {net, pick {gl.randn(2, 3), gl.randn(2, 4, 4, 1), values.tensor()}, gl.optim.Adam(net, {lr = 0.1})}, 3
  end, 10)
end

local function add_models()
  local calls = {"encode", "decode", "sample", "loss", "reconstruct", "forward", "posterior", "prior"}
  for _, name in ipairs(calls) do
    add("model:" .. name, function(m, ...) return m[name](m, ...) end, function()
      local m = small_model()
      local x = chance(6) and values.tensor() or gl.rand(2, table.unpack(m.config.image))
      if name == "decode" then x = gl.randn(2, m.latent or 2) elseif name == "sample" then x = values.count() end
      return {m, x, values.labels(2)}, 3
    end, 4).unchecked = true
  end
end

-- t-SNE takes a thousand steps over all pairs of rows: of thousands of rows longer than a call may take here.
local MOST_ROWS = 200

local function with_few_rows(make)
  return function(...)
    local given, n = make(...)
    local x = given[1]
    if values.kind(x) == "tensor" and x.ndim > 0 and x:size(1) > MOST_ROWS then
      given[1] = values.fresh {random(1, MOST_ROWS), random(1, 4)}
    end
    return given, n
  end
end

-- The functions of a table of the library, and of the tables in it.
local function add_part(name, part, seen)
  if seen[part] or excluded_parts[name] then return end
  seen[part] = true
  for _, key in ipairs(sorted(part)) do
    local value, full = part[key], name .. "." .. key
    if type(value) == "function" and key:sub(1, 2) ~= "__" and not key:find "_text$" then
      local make = by_parameters(value)
      if full == "latent.tsne" then make = with_few_rows(make) end
      local target = add(full, value, function() return make(chance(2) and values.anything() or values.tensor()) end)
      if target then target.unchecked = not is_checked(full) end
    elseif type(value) == "table" and not value.is_genlat_module and key:sub(1, 2) ~= "__" then
      add_part(full, value, seen)
    end
  end
end

function targets.all()
  add_ops()
  add_core()
  add_methods()
  add_layers()
  add_optimizers()
  add_models()
  local seen = {[gl.nn.layers] = true, [gl.nn.Module] = true}
  for _, part in ipairs {"data", "latent", "metrics", "models", "nn", "optim", "plot", "train"} do
    add_part(part, gl[part], seen)
  end
  add("gl.no_grad", gl.no_grad, function() return {values.callback(), values.tensor()}, 2 end, 4)
  local run = require("genlat.scope").run
  add("scope.run", run, function()
    local settings = {recording = chance(2) and values.boolean() or nil, seed = chance(2) and values.whole() or nil}
    if chance(3) then settings.eval = small_model() end
    if chance(3) then settings.frozen = small_model() end
    return {settings, values.callback(), values.tensor()}, 3
  end, 6).unchecked = true
  add("gl.load", gl.load, function() return {path()}, 1 end)
  add("gl.info", gl.info, function() return {}, 0 end)
  add("gl.memory", gl.memory, function() return {}, 0 end)
  return list
end

return targets
