--- extremes.lua: every op of the table and every layer at extreme arguments: 0, the smallest and largest numbers of
-- float32, infinities, NaN and mixes of them. spec/extremes_spec.lua compares what the library computes with what the
-- double-precision build does, which runs this file as a program (`make f64`, then `lua5.4 spec/extremes.lua`) and
-- writes its results to standard output.
--
-- What is right is not one number: an op may round its arguments, and what it sums. So the double-precision build
-- computes each result for the arguments and for a few nearby ones (by about a rounding of float32); right is what lies
-- among these results, rounded to float32.

if arg and arg[0] and arg[0]:match "extremes%.lua$" then
  package.path = "./?.lua;./lua/?.lua;./lua/?/init.lua;" .. package.path
  package.cpath = "./build/f64/?.so;" .. package.cpath
end

local gl = require "genlat"
local opcheck = require "spec.opcheck"

local extremes = {NEAR = 4} -- nearby arguments beside the exact ones

-- Arguments ----------------------------------------------------------------------------------------------------------

local function float32(x) return (string.unpack("f", string.pack("f", x))) end

local SIZES = {1e-45, 1e-40, 1.2e-38, 1e-38, 1e-30, 1e-20, 1, 3, 100, 1e20, 1e30, 1e38}
local NUMBERS = {0, -0.0, math.huge, -math.huge, 0 / 0}
for _, size in ipairs(SIZES) do
  NUMBERS[#NUMBERS + 1] = float32(size)
  NUMBERS[#NUMBERS + 1] = float32(-size)
end

-- Whole numbers 0 .. n - 1 that depend on the state alone.
local function chance(state, n)
  state[1] = (state[1] * 6364136223846793005 + 1442695040888963407)
  return (state[1] >> 33) % n
end

-- What tensors are filled with: all of one size, with signs and digits; constants; mixes; and such with a NaN or an
-- infinity among them.
local PATTERNS = {}

local function digits(state) return (chance(state, 2) * 2 - 1) * (1 + chance(state, 1000) / 2000) end

for _, size in ipairs {1e-40, 1e-38, 1e-30, 1e-20, 1, 100, 1e20, 1e30, 1e38} do
  PATTERNS[#PATTERNS + 1] = function(state) return size * digits(state) end
end
for _, value in ipairs {0, 1, 1e20, 1e38, -1e38, math.huge, -math.huge} do
  PATTERNS[#PATTERNS + 1] = function() return value end
end
local function any_finite(state) return SIZES[chance(state, #SIZES) + 1] * digits(state) end
PATTERNS[#PATTERNS + 1] = any_finite
PATTERNS[#PATTERNS + 1] = function(state) return chance(state, 2) == 0 and 0 or any_finite(state) end
for _, odd in ipairs {math.huge, -math.huge, 0 / 0} do
  PATTERNS[#PATTERNS + 1] = function(state) return chance(state, 8) == 0 and odd or digits(state) end
end
PATTERNS[#PATTERNS + 1] = function(state) return NUMBERS[chance(state, #NUMBERS) + 1] end

-- Numbers as close to those of a list as float32's are, for nearby > 0.
local function nearby_numbers(list, nearby)
  if nearby == 0 then return list end
  local state, near = {nearby}, {}
  for i, x in ipairs(list) do
    local denormal = x == 0 and 0 or (chance(state, 3) - 1) * 1.4e-45
    near[i] = x * (1 + (chance(state, 2001) - 1000) * 2.5e-10) + denormal
  end
  return near
end

-- Results ------------------------------------------------------------------------------------------------------------

-- The numbers of an op's result and of the gradients of its leaves, in one list; how many of them are the result's; and
-- of the finite numbers in leaves the largest size, the smallest one but 0, and the product of each leaf's largest.
local function results(y, leaves, weight, nearby)
  local list = opcheck.values(y)
  local values, sizes = #list, {most = 0, least = math.huge, product = 1}
  if weight and y.requires_grad then
    y:backward(gl.tensor(nearby_numbers(weight, nearby)):reshape(y.shape))
  end
  for _, leaf in ipairs(leaves) do
    local most = 0
    for _, x in ipairs(nearby == 0 and opcheck.values(leaf) or {}) do
      local size = math.abs(x)
      if x * 0 == 0 and x ~= 0 then most, sizes.least = math.max(most, size), math.min(sizes.least, size) end
    end
    sizes.most, sizes.product = math.max(sizes.most, most), sizes.product * math.max(most, 1)
    for _, value in ipairs(leaf.grad and opcheck.values(leaf.grad) or {}) do list[#list + 1] = value end
  end
  return list, values, sizes
end

-- Calls visit(name, compute): compute(nearby) returns the list of numbers.

-- ops as the cases of the fixture call them, with other numbers
local function fixture_inputs(case, pattern, turn, nearby)
  local state, swept, data = {turn * 7919 + 1}, false, {}
  for _, input in ipairs(case["in"]) do swept = swept or input.grad ~= nil end
  for i, input in ipairs(case["in"]) do
    data[i] = input.data
    if input.grad or not swept and not input.dtype then
      local fill, list = PATTERNS[(pattern + (i - 1) * turn - 1) % #PATTERNS + 1], {}
      for k = 1, #input.data do list[k] = float32(fill(state)) end
      data[i] = nearby_numbers(list, nearby * (i + 1))
    end
  end
  return opcheck.inputs(case, data)
end

local MANY = 5 -- cases of an op that meet all patterns; the others meet a quarter of them

local function visit_case(row, case, number, visit)
  local turns = #case["in"] > 1 and {0, 1, 6} or {0}
  for pattern = 1, #PATTERNS do
    local rare = number > MANY and (pattern + number) % 4 > 0
    for _, turn in ipairs(rare and {} or turns) do
      visit(("%s, case %d, pattern %d, turn %d"):format(row.name, number, pattern, turn), row.name, function(nearby)
        local leaves, inputs = fixture_inputs(case, pattern, turn, nearby)
        return results(opcheck.apply(row, case, inputs), leaves, case.weight, nearby)
      end)
    end
  end
end

-- Elementwise ops at all pairs of numbers, with each set of arguments that a case has.
local function all_pairs(count)
  local columns = {}
  for i = 1, count do columns[i] = {} end
  for _, a in ipairs(NUMBERS) do
    for k, b in ipairs(count > 1 and NUMBERS or {0}) do
      columns[1][#columns[1] + 1] = a
      if count > 1 then columns[2][#columns[2] + 1] = b end
      if count > 2 then columns[3][#columns[3] + 1] = NUMBERS[(k * 7 + #columns[1] // #NUMBERS * 3) % #NUMBERS + 1] end
    end
  end
  return columns
end

local function text_of(args)
  local words = {}
  for name, value in pairs(args) do
    words[#words + 1] = name .. "=" .. (type(value) == "table" and table.concat(value, ",") or tostring(value))
  end
  table.sort(words)
  return table.concat(words, " ")
end

local function visit_pairs(row, cases, visit)
  local _, count = row.signature:gsub(":T%f[^T?*]", "")
  if row.signature:find ":T%*" or count == 0 or count > 3 then return end
  local seen, columns = {}, all_pairs(count)
  for _, case in ipairs(cases) do
    local text = text_of(case.args)
    if not seen[text] then
      seen[text] = true
      visit(("%s, all pairs, %s"):format(row.name, text), row.name, function(nearby)
        local leaves, inputs, weight = {}, {}, {}
        for i = 1, count do
          leaves[i] = gl.tensor(nearby_numbers(columns[i], nearby * (i + 1)))
          if case.weight then leaves[i].requires_grad = true end
          inputs[i] = leaves[i]
        end
        local y = opcheck.apply(row, case, inputs)
        for k = 1, #columns[1] do weight[k] = k % 2 * 2 - 1 end
        return results(y, leaves, #y == #columns[1] and weight or nil, nearby)
      end)
    end
  end
end

-- A layer's arguments, its input's shape, and the op whose exceptions are its own. A layer that is not here fails.
local IMAGES = {2, 4, 4, 2}
local LAYERS = {
  Linear = {{3, 2}, {4, 3}, "linear"}, Conv2d = {{2, 3, 3, {padding = 1}}, IMAGES, "conv2d"},
  ConvTranspose2d = {{2, 3, 4, {stride = 2}}, IMAGES, "conv_transpose2d"},
  BatchNorm = {{2}, IMAGES, "batch_norm"}, InstanceNorm = {{2, {affine = true}}, IMAGES, "instance_norm"},
  LayerNorm = {{6}, {3, 6}, "layer_norm"}, ReLU = {{}, {12}, "relu"}, LeakyReLU = {{}, {12}, "leaky_relu"},
  ELU = {{}, {12}, "elu"}, SiLU = {{}, {12}, "silu"}, GELU = {{}, {12}, "gelu"}, Tanh = {{}, {12}, "tanh"},
  Sigmoid = {{}, {12}, "sigmoid"}, Softplus = {{}, {12}, "softplus"}, Softmax = {{}, {3, 5}, "softmax"},
  Dropout = {{0.25}, {12}, "dropout"}, Dropout2d = {{0.25}, IMAGES, "dropout2d"},
  MaxPool2d = {{2}, IMAGES, "max_pool2d"}, AvgPool2d = {{2}, IMAGES, "avg_pool2d"},
  AdaptiveAvgPool2d = {{{3, 2}}, IMAGES, "adaptive_avg_pool2d"},
  Upsample = {{2, {mode = "bilinear"}}, IMAGES, "upsample_bilinear2d"},
  PixelShuffle = {{2}, {1, 2, 2, 4}, "pixel_shuffle"}, Flatten = {{}, IMAGES, "flatten"},
  Reshape = {{{4, 4}}, {2, 16}, "reshape"},
  Embedding = false, -- whose arguments are places
}

-- A leaf of a shape, filled by a pattern.
local function leaf_of(shape, pattern, seed, nearby)
  local state, list, count = {seed}, {}, 1
  for _, size in ipairs(shape) do count = count * size end
  for i = 1, count do list[i] = float32(pattern(state)) end
  return gl.tensor(nearby_numbers(list, nearby)):reshape(shape):requires_grad_()
end

local function visit_layer(name, visit)
  local made = LAYERS[name]
  assert(made ~= nil, name .. " has no row in LAYERS")
  for pattern = 1, made and #PATTERNS or 0 do
    visit(("%s, pattern %d"):format(name, pattern), made[3], function(nearby)
      local layer = gl.nn[name](table.unpack(made[1]))
      for i, parameter in ipairs(layer:parameters()) do
        parameter:detach():copy_(leaf_of(parameter.shape, PATTERNS[5], i, nearby * (i + 9)):detach())
      end
      gl.rng_state(7, 0)
      local x = leaf_of(made[2], PATTERNS[pattern], pattern, nearby)
      local y = layer(x)
      local weight, state = {}, {3}
      for i = 1, y:numel() do weight[i] = float32(digits(state)) end
      return results(y, {x, table.unpack(layer:parameters())}, weight, nearby)
    end)
  end
end

--- Calls visit(name, op, compute) for everything that is swept. compute(nearby) returns a list of numbers, how many of
-- them are values (the others are gradients) and the sizes of the arguments; or raises.
function extremes.each(visit)
  local all = opcheck.read "ops.json"
  for _, row in ipairs(gl.core.op_table) do
    local cases = all[row.name] or {}
    for number, case in ipairs(cases) do visit_case(row, case, number, visit) end
    visit_pairs(row, cases, visit)
  end
  for _, layer in ipairs(gl.core.layer_table()) do visit_layer(layer.name, visit) end
end

--- The results of compute, the numbers as doubles in one string; nil for a mistake.
function extremes.packed(compute, nearby)
  local ok, list, values, sizes = pcall(compute, nearby)
  if not ok then return nil end
  return string.pack("<" .. ("d"):rep(#list), table.unpack(list)), values, sizes
end

if arg and arg[0] and arg[0]:match "extremes%.lua$" then
  assert(gl.info().dtype == "float64", "the core in double precision is missing (make f64)")
  io.stdout:setvbuf "full"
  extremes.each(function(_, _, compute)
    for nearby = 0, extremes.NEAR do io.write(string.pack("<s4", extremes.packed(compute, nearby) or "!")) end
  end)
end

return extremes
