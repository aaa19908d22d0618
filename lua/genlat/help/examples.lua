--- examples.lua: an example for each op, layer and optimizer: Lua that runs where `gl` is genlat.
--
-- Most follow from the signature: a value for each parameter by its name. The tables hold what does not.

local signature = require "genlat.help.signature"

local examples = {}

local vector, matrix, images = "gl.tensor {-1, 0.5, 2}", "gl.tensor {{1, 2, 3}, {4, 5, 6}}", "gl.rand(1, 4, 4, 4)"

-- Values by parameter.
local values = {
  y = "gl.tensor {3, 2, 1}", axis = "1", axes = "{2, 1}", kernel = "2", factor = "2", scale = "2", sizes = "{2, 2}",
  target = "gl.tensor {{0, 1}, {1, 0}}", mean = "gl.tensor {{0, 1}}", logvar = "gl.tensor {{0, -1}}",
  labels = "gl.tensor {1, 3}", p = "gl.tensor {0.1, 0.5, 0.9}", index = "gl.tensor {2, 1, 2}", value = "7",
  classes = "3", tensors = "{gl.zeros(2), gl.ones(3)}",
}

-- Arguments of ops whose shapes have to fit together, or that would otherwise show nothing.
local ops = {
  log = "gl.tensor {1, 2, 10}", sqrt = "gl.tensor {1, 2, 9}", clamp = vector .. ", 0, 1",
  clamp_ = vector .. ", 0, 1",
  pow = "gl.tensor {1, 2, 3}, 2", eq = "gl.tensor {1, 2, 3}, gl.tensor {1, 0, 3}",
  softmax = "gl.tensor {{1, 2, 3}, {1, 1, 1}}, 2", log_softmax = "gl.tensor {{1, 2, 3}, {1, 1, 1}}, 2",
  matmul = "gl.tensor {{1, 2, 3}, {4, 5, 6}}, gl.tensor {{1, 0}, {0, 1}, {1, 1}}",
  linear = "gl.rand(5, 3), gl.rand(2, 3), gl.zeros(2)",
  conv2d = "gl.rand(1, 8, 8, 3), gl.rand(16, 4, 4, 3), {stride = 2, padding = 1}",
  conv_transpose2d = "gl.rand(1, 4, 4, 16), gl.rand(16, 4, 4, 3), {stride = 2, padding = 1}",
  layer_norm = "gl.tensor {{1, 2, 3}, {4, 5, 9}}, gl.ones(3)",
  spectral_norm = "gl.tensor {{3, 0}, {0, 1}}, gl.tensor {1, 0}",
  warp_affine = "gl.rand(1, 8, 8, 1), gl.tensor {{0, 1, 0}, {-1, 0, 0}}",
  reshape = "gl.arange(6), 2, 3", flatten = "gl.rand(2, 3, 4), 2", squeeze = "gl.rand(1, 3, 1)",
  transpose = matrix, slice = matrix .. ", 2, 1, 2", select = matrix .. ", 2, 3", expand = "gl.tensor {{1}, {2}}, 2, 3",
  index_select = "gl.tensor {10, 20, 30}, gl.tensor {3, 1}",
  gather = matrix .. ", gl.tensor {{3}, {1}}, 2", where = "gl.tensor {1, 0, 1}, gl.tensor {1, 2, 3}, -1",
  stack = "{gl.zeros(2), gl.ones(2)}", cross_entropy = "gl.tensor {{2, 0, 1}, {0, 1, 0}}, gl.tensor {1, 3}",
  gaussian_nll = "gl.tensor {{0, 1}}, gl.tensor {{0, 0}}, gl.tensor {{0, 0}}", dropout = "gl.ones(8)",
  dropout2d = "gl.ones(1, 2, 2, 4)", uniform_ = "gl.zeros(3), -1, 1", normal_ = "gl.zeros(3), 10, 0.1",
}

-- The tensor that the first parameter stands for: images, something with axes, or a few numbers.
local function first_value(row, parameters)
  if row.doc:find "N x H" then return images end
  for _, p in ipairs(parameters) do
    if p.name == "axis" or p.name == "axes" or p.name == "running_mean" then return matrix end
    if p.name == "reduction" then return "gl.tensor {{0.2, -1}, {3, 0.5}}" end
  end
  return vector
end

-- Calls an op: gl.NAME(...), with what has no default.
local function op_arguments(row)
  if ops[row.name] then return ops[row.name] end
  local words, parameters = {}, signature.parse(row.signature)
  for i, p in ipairs(parameters) do
    if i > 1 and (p.default or p.optional) and not (i == 2 and p.name == "axis") then break end
    words[i] = p.name == "x" and first_value(row, parameters) or values[p.name] or vector
  end
  return table.concat(words, ", ")
end

--- An example of an op (a row of gl.ops).
function examples.op(row) return ("gl.%s(%s)"):format(row.name, op_arguments(row)) end

-- Arguments of layers, and what they are given.
local layers = {
  Linear = {"3, 2", "gl.rand(5, 3)"}, Conv2d = {"3, 16, 4, {stride = 2, padding = 1}", "gl.rand(1, 8, 8, 3)"},
  ConvTranspose2d = {"16, 3, 4, {stride = 2, padding = 1}", "gl.rand(1, 4, 4, 16)"},
  Embedding = {"10, 4", "gl.tensor {1, 10, 2}"}, BatchNorm = {"3", "gl.rand(5, 3)"},
  InstanceNorm = {"3", "gl.rand(1, 4, 4, 3)"}, LayerNorm = {"3", "gl.rand(5, 3)"}, Softmax = {"", matrix},
  Dropout = {"0.5", "gl.ones(8)"}, Dropout2d = {"0.5", "gl.ones(1, 2, 2, 4)"}, MaxPool2d = {"2", images},
  AvgPool2d = {"2", images}, AdaptiveAvgPool2d = {"1, 1", images}, Upsample = {"2", images},
  PixelShuffle = {"2", images}, Flatten = {"", images}, Reshape = {"2, 8", "gl.rand(3, 16)"},
}

--- An example of a layer (a row of gl.nn.layers).
function examples.layer(row)
  local given = layers[row.name] or {"", vector}
  return ("gl.nn.%s(%s)(%s)"):format(row.name, given[1], given[2])
end

--- An example of an optimizer (a row of gl.optim.kinds): several lines.
function examples.optimizer(row)
  local lr = row.signature:match "lr:F=(%S+)"
  return ([[
model = gl.nn.Linear(3, 1)
optimizer = gl.optim.%s(model, {lr = %s})
for step = 1, 10 do
  local loss = model(gl.rand(8, 3)):square():mean()
  optimizer:zero_grad()
  loss:backward()
  optimizer:step()
end
optimizer]]):format(row.name, lr)
end

-- Configs of models, where the usual one is large.
local models = {
  dcgan = "{image = {28, 28, 1}, maps = 8}", vgg = "{image = {32, 32, 3}, classes = 10, hidden = {64}, divide = 8}",
  lenet5 = "{classes = 10}",
}

--- An example of a kind of model, by its name.
function examples.model(kind)
  return ("gl.models.%s %s"):format(kind, models[kind] or "{image = {28, 28, 1}, latent = 2}")
end

return examples
