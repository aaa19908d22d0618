-- Sizes: what adds or multiplies them notices where the result is too large, before anything is allocated or written.

local gl = require "genlat"

local MOST = (1 << 57) - 1 -- elements of a tensor, at most

-- A tensor of that shape over a single number.
local function stretched(...) return gl.ones(1):expand(...) end

local function refused(message, f, ...)
  local ok, text = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(message, text)
end

describe("sizes that are too large", function()
  it("of a tensor are refused", function()
    assert.equal(MOST, stretched(MOST):numel())
    refused("expand: shape 144115188075855872 is too large", stretched, MOST + 1)
    refused("zeros: shape 4294967296x4294967296x4294967296 is too large", gl.zeros, 1 << 32, 1 << 32, 1 << 32)
    refused("zeros: shape 9223372036854775807x2 is too large", gl.zeros, math.maxinteger, 2)
    refused("size %-9223372036854775808 of axis 1", gl.zeros, math.mininteger)
    for _, make in ipairs {gl.zeros, gl.ones, gl.rand, gl.randn} do refused("out of memory", make, MOST) end
    refused("eye: shape 4294967296x4294967296 is too large", gl.eye, 1 << 32)
  end)

  it("of joined tensors are refused, also where their sum would begin again at 0", function()
    local list = {}
    for i = 1, 128 do list[i] = stretched(MOST) end
    list[129] = gl.ones(136) -- 2^64 + 8 in all
    refused("cat: 144115188075855871 %+ 144115188075855871 is too large a size", gl.cat, list)
    refused("cat: .* is too large", gl.cat, {stretched(2, 1 << 55), stretched(2, MOST // 2)}, 2)
    refused("stack: shape 2x144115188075855871 is too large", gl.stack, {stretched(MOST), stretched(MOST)})
  end)

  it("of other shapes of the same elements are refused", function()
    local x = stretched(MOST)
    refused("reshape: .* do not make", x.reshape, x, 1 << 32, 1 << 32)
    refused("reshape: .* do not make", x.reshape, x, math.maxinteger, -1)
    refused("flatten: out of memory", x.flatten, x:unsqueeze(1))
  end)

  it("of broadcast results are refused", function()
    local row, column = stretched(1, 1 << 30), stretched(1 << 30, 1)
    refused("add: shape 1073741824x1073741824 is too large", gl.add, row, column)
    refused("where: shape 1073741824x1073741824 is too large", gl.where, row, column, 1)
    refused("matmul: .* is too large", gl.matmul, column, row)
    refused("matmul: a matrix with a side of 4294967296", gl.matmul, stretched(1, 1 << 32), stretched(1 << 32, 1))
    refused("linear: a matrix with a side of 4294967296", gl.linear, stretched(1 << 32, 1), gl.ones(1, 1))
    refused("one_hot: .* is too large", gl.one_hot, gl.ones(16), MOST)
    refused("one_hot: out of memory", gl.one_hot, stretched(MOST), 1)
  end)

  it("of convolutions are refused", function()
    local x, w = gl.ones(1, 2, 2, 1), gl.ones(1, 2, 2, 1)
    for _, stride in ipairs {1 << 57, 1 << 62, math.maxinteger} do
      refused("conv_transpose2d: output height: .* is too large", gl.conv_transpose2d, x, w, {stride = stride})
    end
    refused("conv_transpose2d: output height: 2 %* 9223372036854775807", gl.conv_transpose2d, x, w,
      {padding = math.maxinteger})
    refused("conv_transpose2d: .* is too large", gl.conv_transpose2d, stretched(1, 1 << 50, 1, 1), w, {stride = 256})
    refused("conv2d: output height: kernel 2, stride 4611686018427387904", gl.conv2d, x, w, {stride = 1 << 62})
    refused("conv2d: out of memory", gl.conv2d, stretched(1, 1 << 55, 2, 1), w)
    refused("conv2d: .* 1073741824", gl.conv2d, x, stretched(1, MOST, 1, 1))
    refused("Conv2d: shape .* is too large", gl.nn.Conv2d, 5, 4, MOST)
    refused("ConvTranspose2d: shape .* is too large", gl.nn.ConvTranspose2d, 5, 1, {1 << 57, 1 << 30})
    refused("Linear: .* is too large", gl.nn.Linear, 1 << 40, 1 << 40)
    refused("Embedding: .* is too large", gl.nn.Embedding, 1 << 40, 1 << 40)
    refused("LayerNorm: .* is too large", gl.nn.LayerNorm, {1 << 40, 1 << 40})
    refused("BatchNorm: shape .* is too large", gl.nn.BatchNorm, math.maxinteger)
  end)

  it("of windows and of enlarged images are refused", function()
    local high, wide = stretched(1, 1 << 50, 1, 1), stretched(1, 1, 1 << 50, 1)
    for _, x in ipairs {high, wide} do
      refused("max_pool2d: out of memory", gl.max_pool2d, x, 1)
      refused("avg_pool2d: out of memory", gl.avg_pool2d, x, {1, 1})
      refused("adaptive_avg_pool2d: .* is too large a size", gl.adaptive_avg_pool2d, x, 1 << 20)
      refused("adaptive_avg_pool2d: out of memory", gl.adaptive_avg_pool2d, x, 1)
      refused("upsample_nearest2d: ", gl.upsample_nearest2d, x, 1 << 20)
      refused("upsample_bilinear2d: ", gl.upsample_bilinear2d, x, 1 << 20)
      refused("pixel_shuffle: ", gl.pixel_shuffle, x, 1)
      refused("warp_affine: out of memory", gl.warp_affine, x, gl.ones(2, 3))
      refused("instance_norm: out of memory", gl.instance_norm, x)
      refused("batch_norm: out of memory", gl.batch_norm, x)
    end
    refused("pixel_unshuffle: out of memory", gl.pixel_unshuffle, high, 1)
    refused("max_pool2d: .* all at most 1073741824", gl.max_pool2d, gl.ones(1, 2, 2, 1), math.maxinteger)
  end)

  it("of what is moved, drawn and counted are refused", function()
    local core = gl.core
    refused("shift: most is a whole number from 0 to 1073741824, not 9223372", core.shift, gl.ones(1, 2, 2, 1),
      math.maxinteger)
    refused("shift: most is a whole number from 0 to", core.shift, gl.ones(1, 2, 2, 1), -1)
    assert.equal(0, core.shift(gl.ones(9, 2, 2, 1), 1 << 30):sum():item())
    refused("batch: 9223372036854775807 indices", core.batch, gl.ones(2, 3):byte(), gl.ones(2), 2, math.maxinteger)
    refused("batch: first is a whole number", core.batch, gl.ones(2, 3):byte(), gl.ones(2), math.mininteger, 1)
    refused("linspace: ", gl.linspace, 0, 1, math.maxinteger)
    refused("arange: ", gl.arange, 1e300)
    refused("arange: ", gl.arange, 0, 1, 1e-300)
  end)
end)

describe("an element of a tensor of indices", function()
  it("is a whole number", function()
    for _, index in ipairs {0, -1, 4, 1.5, 0 / 0, 1 / 0, -1 / 0, 1e30, 9.3e18} do
      local at = gl.tensor {index}
      refused("index_select: index %S+ is not a whole number in 1..3", gl.index_select, gl.ones(3), at)
      refused("gather: index %S+ is not a whole number in 1..3", gl.gather, gl.ones(3), at)
      refused("one_hot: index %S+ is not a whole number in 1..3", gl.one_hot, at, 3)
      refused("cross_entropy: label %S+ is not a whole number in 1..3", gl.cross_entropy, gl.ones(1, 3), at)
      refused("batch: index %S+ is not a whole number in 1..3", gl.core.batch, gl.ones(3, 1):byte(), at, 1, 1)
    end
  end)

  it("is compared as one: float32 rounds 2^24 + 3 up to 2^24 + 4", function()
    local size = (1 << 24) + 3
    local bytes, at = gl.zeros({size, 1}, {dtype = "uint8"}), gl.tensor {size + 1}
    refused("batch: index 16777220 is not a whole number in 1..16777219", gl.core.batch, bytes, at, 1, 1)
    refused("index_select: index 16777220 is not", gl.index_select, bytes, at)
    assert.same({1, 1}, gl.core.batch(bytes, gl.tensor {size - 1}, 1, 1).shape)
  end)
end)
