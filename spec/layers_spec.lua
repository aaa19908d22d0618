-- Each layer, as a user uses it. A layer without a check fails.

local gl = require "genlat"
local nn = gl.nn

local function raises(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok, "expected an error: " .. message)
  assert.equal(message, (got:gsub("^%S-:%d+: ", "")))
end

local function biggest_difference(a, b) return (a - b):abs():max():item() end

-- One check a layer, or more; a new layer without any fails.
local checks = {}

function checks.Linear()
  gl.seed(1)
  local layer = nn.Linear(100, 50)
  for _, p in ipairs(layer:parameters()) do -- PyTorch's default
    local most = p:abs():max():item()
    assert.is_true(most <= 0.1 and most > 0.09)
  end
  assert.is_true(math.abs(layer.weight:std():item() - 0.1 / math.sqrt(3)) < 0.001)
  local x = gl.randn(2, 3, 100)
  assert.is_true(biggest_difference(layer(x), x:matmul(layer.weight:t()) + layer.bias) < 1e-4)
  local plain = nn.Linear(3, 2, {bias = false})
  assert.is_false(plain.bias)
  assert.same({{0, 0}}, plain(gl.zeros(1, 3)):totable())
  assert.equal(1, #plain:parameters())
  raises("linear: input has 4 features, weight needs 3 (input 2x4, weight 2x3)", plain, gl.ones(2, 4))
  raises("Linear: outputs is missing", nn.Linear, 3)
  raises("Linear: inputs and outputs are at least 1, not 0 and 1", nn.Linear, 0, 1)
  raises("Linear: there is no option 'biass' (it takes inputs, outputs, bias = true, spectral = false)", nn.Linear, 1,
         1, {biass = true})
  raises("Linear: weight is set when the layer is made; copy_ changes its values",
         function() plain.weight = gl.ones(2, 3) end)
  raises("Linear: expected a tensor, got number", plain, 1)
end

function checks.Conv2d()
  gl.seed(1)
  local layer = nn.Conv2d(3, 8, 5, {stride = 2, padding = 1})
  assert.same({8, 5, 5, 3}, layer.weight.shape)
  local most = layer.weight:abs():max():item()
  assert.is_true(most <= 1 / math.sqrt(75) and most > 0.9 / math.sqrt(75)) -- PyTorch's default
  local x = gl.randn(2, 9, 7, 3)
  assert.same({2, 4, 3, 8}, layer(x).shape)
  local plain = nn.Conv2d(4, 6, {3, 1}, {groups = 2, bias = false, dilation = 2})
  assert.same({6, 3, 1, 2}, plain.weight.shape)
  assert.same({1, 1, 5, 6}, plain(gl.zeros(1, 5, 5, 4)).shape)
  raises("conv2d: input has 3 channels, weight needs 1 (input 64x28x28x3, weight 32x4x4x1)", nn.Conv2d(1, 32, 4),
         gl.zeros(64, 28, 28, 3))
  raises("conv2d: output height floor((3 + 2*0 - 5) / 1) + 1 = -1: at least 1 is wanted", nn.Conv2d(1, 1, 5),
         gl.zeros(1, 3, 9, 1))
  raises("conv2d: the input is N x H x W x C, not 3x3", nn.Conv2d(1, 1, 1), gl.zeros(3, 3))
  raises("Conv2d: 2 groups do not divide 3 inputs and 4 outputs", nn.Conv2d, 3, 4, 1, {groups = 2})
  raises("Conv2d: kernel is one whole number from 1 or two (height, width), not 0", nn.Conv2d, 1, 1, 0)
end

function checks.ConvTranspose2d()
  local layer = nn.ConvTranspose2d(8, 3, 4, {stride = 2, padding = 1})
  assert.same({8, 4, 4, 3}, layer.weight.shape)
  assert.same({2, 8, 6, 3}, layer(gl.zeros(2, 4, 3, 8)).shape)
  assert.same({1, 6, 6, 3}, nn.ConvTranspose2d(8, 3, 3, {stride = 2, padding = 1, output_padding = 1})
    (gl.zeros(1, 3, 3, 8)).shape)
  raises("conv_transpose2d: output padding 2 is not less than the stride 2",
         nn.ConvTranspose2d(1, 1, 3, {stride = 2, output_padding = 2}), gl.zeros(1, 2, 2, 1))
  raises("conv_transpose2d: output height (1 - 1) * 1 - 2*2 + 3 + 0 = -1: at least 1 is wanted",
         nn.ConvTranspose2d(1, 1, 3, {padding = 2}), gl.zeros(1, 1, 1, 1))
end

function checks.Dropout()
  raises("Dropout: p is the share to drop, at least 0 and less than 1, not 1", nn.Dropout, 1)
  local layer = nn.Dropout(0.2)
  local y = layer(gl.ones(10000))
  assert.is_true(math.abs(y:eq(0):mean():item() - 0.2) < 0.02)
  assert.is_true(math.abs(y:max():item() - 1.25) < 1e-6)
  assert.equal(0.2, layer.p)
  raises("Dropout: p is set when the layer is made", function() layer.p = 0.5 end)
end

function checks.Flatten()
  assert.same({2, 60}, nn.Flatten()(gl.ones(2, 3, 4, 5)).shape)
  assert.same({2, 3, 20}, nn.Flatten(3)(gl.ones(2, 3, 4, 5)).shape)
end

function checks.Reshape()
  assert.same({2, 3, 4, 5}, nn.Reshape(3, 4, 5)(gl.ones(2, 60)).shape)
  assert.same({2, 3, 20}, nn.Reshape({3, -1})(gl.ones(2, 60)).shape)
  raises("reshape: 2x60 has 120 elements, which do not make 2x7", nn.Reshape(7), gl.ones(2, 60))
end

function checks.Softmax()
  local x = gl.randn(3, 4)
  assert.is_true(biggest_difference(nn.Softmax()(x), x:exp() / x:exp():sum(2, true)) < 1e-6)
  assert.is_true(biggest_difference(nn.Softmax(1)(x):sum(1), gl.ones(4)) < 1e-6)
end

function checks.Dropout2d()
  raises("Dropout2d: p is the share to drop, at least 0 and less than 1, not 1", nn.Dropout2d, 1)
  raises("dropout2d: the input is images N x H x W x C, not 3x4", nn.Dropout2d(), gl.ones(3, 4))
  local y = nn.Dropout2d(0.2)(gl.ones(20, 3, 4, 50))
  assert.is_true(math.abs(y:eq(0):mean():item() - 0.2) < 0.05)
  assert.equal(0, biggest_difference(y, y:select(3, 1):select(2, 1):reshape(20, 1, 1, 50))) -- whole channels
  assert.equal(1, nn.Dropout2d():eval()(gl.ones(1, 2, 2, 9)):min():item())
end

function checks.Embedding()
  local layer = nn.Embedding(5, 3)
  assert.same({5, 3}, layer.weight.shape)
  local w = layer.weight:totable()
  assert.same({w[4], w[1]}, layer(gl.tensor {4, 1}:byte()):totable())
  local y = layer(gl.tensor {{1, 1}, {5, 2}})
  assert.same({{w[1], w[1]}, {w[5], w[2]}}, y:totable())
  y:sum():backward()
  assert.same({{2, 2, 2}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}, {1, 1, 1}}, layer.weight.grad:totable())
  assert.same(w[3], layer(gl.tensor(3)):totable())
  raises("index_select: index 6 is not a whole number in 1..5", layer, gl.tensor {6})
  raises("Embedding: classes and features are at least 1, not 0 and 3", nn.Embedding, 0, 3)
end

function checks.BatchNorm() -- more in norm_spec.lua
  local layer = nn.BatchNorm(2, {slope = 0})
  assert.equal("BatchNorm(2, slope = 0.0)    4 parameters", tostring(layer))
  local y = layer(gl.randn(3, 4, 5, 2))
  assert.is_true(y:min():item() == 0 and y:max():item() > 1)
  raises("batch_norm: weight is 2, the input (4x3) needs 3", layer, gl.ones(4, 3))
  raises("batch_norm: training needs more than one value of each channel, the input is 1x2", layer, gl.ones(1, 2))
  raises("batch_norm: the input is N x C or N x H x W x C, not 2", layer, gl.ones(2))
  raises("BatchNorm: channels are at least 1, not 0", nn.BatchNorm, 0)
  raises("BatchNorm: running_mean is set when the layer is made; copy_ changes its values",
         function() layer.running_mean = gl.ones(2) end)
end

function checks.InstanceNorm()
  local x = gl.randn(3, 4, 5, 2) * 3 + 1
  local y = nn.InstanceNorm(2)(x)
  assert.is_true(biggest_difference(y:mean({2, 3}), gl.zeros(3, 2)) < 1e-6)
  assert.is_true(biggest_difference(y:var({2, 3}, {correction = 0}), gl.ones(3, 2)) < 1e-4)
  assert.equal(0, #nn.InstanceNorm(2):parameters())
  assert.equal(4, nn.InstanceNorm(2, {affine = true}):parameter_count())
  raises("InstanceNorm: input has 3 channels, the layer 2 (input 1x4x4x3)", nn.InstanceNorm(2), gl.ones(1, 4, 4, 3))
  raises("instance_norm: an image has more than one pixel, the input is 2x1x1x2", nn.InstanceNorm(2),
         gl.ones(2, 1, 1, 2))
end

function checks.LayerNorm()
  local y = nn.LayerNorm {4, 5}(gl.randn(3, 4, 5) * 3 + 1)
  assert.is_true(biggest_difference(y:mean({2, 3}), gl.zeros(3)) < 1e-6)
  assert.equal(3, nn.LayerNorm(3, {bias = false}):parameter_count())
  raises("layer_norm: weight is 4, which are not the last sizes of the input (2x5)", nn.LayerNorm(4), gl.ones(2, 5))
  raises("LayerNorm: sizes are those of the last axes, at least one", nn.LayerNorm, {sizes = {}})
end

function checks.MaxPool2d()
  local x = gl.arange(16):reshape(1, 4, 4, 1)
  assert.same({6, 8, 14, 16}, nn.MaxPool2d(2)(x):reshape(-1):totable())
  assert.equal("MaxPool2d({3, 4}, 1)", tostring(nn.MaxPool2d({3, 4}, {stride = 1})))
  raises("max_pool2d: output height floor((3 + 2*0 - 5) / 2) + 1 = 0: at least 1 is wanted", nn.MaxPool2d(5, 2),
         gl.ones(1, 3, 9, 1))
  raises("max_pool2d: padding 2x2 is more than half of kernel 3x3", nn.MaxPool2d(3, 1, 2), x)
  raises("MaxPool2d: kernel is one whole number from 1 or two (height, width), not 0", nn.MaxPool2d, 0)
end

function checks.AvgPool2d()
  assert.same({3.5, 5.5, 11.5, 13.5}, nn.AvgPool2d(2)(gl.arange(16):reshape(1, 4, 4, 1)):reshape(-1):totable())
  assert.equal("AvgPool2d(2, 2)", tostring(nn.AvgPool2d(2)))
end

function checks.AdaptiveAvgPool2d()
  assert.same({{{{2.5}}}}, nn.AdaptiveAvgPool2d(1)(gl.arange(4):reshape(1, 2, 2, 1)):totable())
  assert.same({2, 3, 1, 4}, nn.AdaptiveAvgPool2d(3, 1)(gl.ones(2, 5, 5, 4)).shape)
end

function checks.Upsample()
  local x = gl.tensor {1, 3}:reshape(1, 1, 2, 1)
  assert.same({1, 1, 3, 3}, nn.Upsample({1, 2})(x):reshape(-1):totable())
  local bilinear = nn.Upsample({1, 2}, "bilinear")
  assert.same({1, 1.5, 2.5, 3}, bilinear(x):reshape(-1):totable())
  assert.equal("bilinear", bilinear.mode)
  assert.equal("Upsample({1, 2}, mode = bilinear)", tostring(bilinear))
  assert.equal("Upsample(2)", tostring(nn.Upsample(2)))
  assert.is_true(biggest_difference(nn.Upsample({1, 2}, "bilinear", true)(x):reshape(-1),
    gl.linspace(1, 3, 4)) < 1e-6)
  raises("Upsample: align_corners goes with mode = 'bilinear'", nn.Upsample, 2, {align_corners = true})
  raises("Upsample: mode is one of nearest, bilinear, not 'cubic'", nn.Upsample, 2, "cubic")
end

function checks.PixelShuffle()
  local y = nn.PixelShuffle(2)(gl.arange(8):reshape(1, 1, 1, 8))
  assert.same({{{{1, 5}, {2, 6}}, {{3, 7}, {4, 8}}}}, y:totable())
  raises("pixel_shuffle: 6 channels are not a multiple of factor^2 = 4 (input 1x2x2x6)", nn.PixelShuffle(2),
         gl.ones(1, 2, 2, 6))
  raises("PixelShuffle: factor is at least 1, not 0", nn.PixelShuffle, 0)
end

-- The layers that are a function of each element.
for name, f in pairs {
  ReLU = function(x) return math.max(x, 0) end,
  LeakyReLU = function(x) return x > 0 and x or 0.01 * x end,
  Tanh = function(x) return (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)) end,
  Sigmoid = function(x) return 1 / (1 + math.exp(-x)) end,
  Softplus = function(x) return math.log(1 + math.exp(x)) end,
  ELU = function(x) return x > 0 and x or math.exp(x) - 1 end,
  SiLU = function(x) return x / (1 + math.exp(-x)) end,
  GELU = function(x) -- with the normal distribution's integral by Simpson's rule
    local sum, h = 0, x / 200
    for i = 0, 200 do sum = sum + math.exp(-(i * h) ^ 2 / 2) * ((i == 0 or i == 200) and 1 or i % 2 == 1 and 4 or 2) end
    return x * (0.5 + sum * h / 3 / math.sqrt(2 * math.pi))
  end,
} do
  checks[name] = function()
    local x = gl.linspace(-4, 4, 9)
    local expected = {}
    for i, v in ipairs(x:totable()) do expected[i] = f(v) end
    local layer = nn[name]()
    assert.is_true(biggest_difference(layer(x), gl.tensor(expected)) < 1e-5)
    assert.same({2, 3, 1}, layer(gl.ones(2, 3, 1)).shape)
    assert.equal(0, #layer:parameters())
  end
end

describe("the layer", function()
  for name, layer in pairs(nn.layers) do
    it(name .. " does what it says", function()
      assert.is_function(checks[name], "write a check for " .. name)
      assert.is_true(#layer.doc > 0)
      checks[name]()
    end)
  end

  it("LeakyReLU takes a slope", function()
    assert.same({-0.5, 2}, nn.LeakyReLU(0.5)(gl.tensor {-1, 2}):totable())
    assert.same({-0.5, 2}, nn.LeakyReLU({slope = 0.5})(gl.tensor {-1, 2}):totable())
    raises("ReLU: too many arguments (it takes none)", nn.ReLU, 1)
  end)

  it("takes bytes", function()
    assert.same({1, 2, 3}, nn.ReLU()(gl.arange(3):byte()):totable())
    assert.same({1, 2}, nn.Linear(3, 2)(gl.ones(1, 3):byte()).shape)
  end)
end)

describe("a layer that cannot be made", function()
  it("for want of memory leaves the random numbers as they were", function()
    for _, make in ipairs {
      function() return nn.Linear(3, 2, {spectral = true}) end,
      function() return nn.Conv2d(1, 2, 3, {spectral = true}) end,
      function() return nn.Embedding(3, 2) end,
    } do
      gl.seed(3)
      local failures, ok = 0
      repeat
        gl.core.memory_fail_after(failures)
        ok = pcall(make)
        gl.core.memory_fail_after(-1)
        if not ok then
          failures = failures + 1
          assert.same({3, 0}, {gl.core.rng_state()})
        end
      until ok
      assert.is_true(failures > 3)
    end
  end)
end)
