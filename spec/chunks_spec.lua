-- Chunks by bytes: what is computed does not depend on them, and memory not on how large pictures are.

local gl = require "genlat"
local chunks = require "genlat.chunks"
local Split = require "genlat.data.split"

describe("chunks", function()
  it("are as large as 16 MB allow, in fours", function()
    assert.equal(500, chunks.size(784, 500)) -- MNIST's images
    assert.equal(500, chunks.size(32 * 32 * 3, 500))
    assert.equal(340, chunks.size(64 * 64 * 3, 500))
    assert.equal(84, chunks.size(128 * 128 * 3, 500))
    assert.equal(4, chunks.size(1 << 30, 500))
    assert.equal(3, chunks.size(1 << 30, 3))
    assert.equal(168, chunks.size(128 * 128 * 3, 500, 32 << 20))
  end)

  it("know a model's widest tensor", function()
    assert.equal(12, chunks.floats {2, 2, 3})
    assert.equal(784, chunks.floats(gl.models.vae {hidden = {4}, latent = 2}))
    assert.equal(784 * 16, chunks.floats(gl.models.vae {maps = {64}, hidden = {4}, latent = 2}))
    assert.equal(784 * 2, chunks.floats(gl.models.dcgan {maps = 8, latent = 4}))
    assert.equal(784 * 6, chunks.floats(gl.models.lenet5 {}))
    assert.equal(32 * 32 * 16, chunks.floats(gl.models.vgg {image = {32, 32, 3}, divide = 4, hidden = {}}))
    local split = Split.new(gl.zeros(2, 3, 3, 1, {dtype = "uint8"}))
    assert.equal(9, chunks.floats({config = {}}, split))
  end)

  it("are joined to what all at once gives", function()
    local x = gl.rand(11, 3)
    for _, size in ipairs {1, 4, 10, 11, 50} do
      local calls = {}
      local y = chunks.map(11, size, function(first, last)
        calls[#calls + 1] = last - first + 1
        return x:slice(1, first, last) * 2
      end)
      assert.same((x * 2):totable(), y:totable())
      assert.equal((11 + size - 1) // size, #calls)
    end
  end)

  -- Calls f with chunks of n images, whatever their size.
  local function with_chunks_of(n, f)
    local size = chunks.size
    finally(function() chunks.size = size end)
    function chunks.size(_, most) return math.min(n, most) end
    local results = table.pack(f())
    chunks.size = size
    return table.unpack(results, 1, results.n)
  end

  local function near(a, b)
    for name, value in pairs(a) do assert.near(value, b[name], 1e-4 * math.max(1, math.abs(value))) end
  end

  it("do not change what is measured", function()
    local data = gl.data.load("digits", {train = 10, test = 60})
    gl.seed(3)
    local vae = gl.models.vae {hidden = {8}, latent = 3}
    local iwae = gl.models.vae {hidden = {8}, latent = 3, samples = 4}
    local lenet = gl.models.lenet5 {}
    local gan = gl.models.gan {hidden = {8}, latent = 3}
    local function measure()
      return {
        gl.train.evaluate(vae, data.test), gl.train.evaluate(iwae, data.test), gl.metrics.elbo(vae, data.test),
        gl.metrics.reconstruction(vae, data.test), gl.train.classifier.evaluate(lenet, data.test),
        {gl.metrics.classifier.accuracy(lenet, data.test)}, {gl.train.gan.evaluate(gan, data.test).spread},
      }
    end
    local once = with_chunks_of(1000, measure)
    for i, values in ipairs(with_chunks_of(8, measure)) do near(once[i], values) end
  end)

  it("do not change what is encoded and decoded", function()
    gl.seed(4)
    local space = gl.latent.space(gl.models.cvae {image = {4, 4, 1}, hidden = {4}, latent = 2, classes = 3})
    local x, labels = gl.rand(30, 4, 4, 1), gl.cat {gl.full({10}, 1), gl.full({10}, 2), gl.full({10}, 3)}
    local z = with_chunks_of(1000, function() return space:encode(x, labels) end)
    local again = with_chunks_of(4, function() return space:encode(x, labels) end)
    assert.is_true((z - again):abs():max():item() < 1e-6)
    local y = with_chunks_of(1000, function() return space:decode(z) end)
    again = with_chunks_of(4, function() return space:decode(z) end)
    assert.is_true((y - again):abs():max():item() < 1e-6)
  end)

  it("keep memory as it is, however large the images are", function()
    local function peak(side)
      local images = (gl.rand(64, side, side, 3) * 255):byte()
      local split = Split.new(images)
      local model = gl.models.vae {image = {side, side, 3}, hidden = {2}, latent = 2}
      collectgarbage()
      local before = gl.memory().live
      local most = 0
      local loss = model.loss
      function model.loss(...)
        local values = loss(...)
        most = math.max(most, gl.memory().live - before)
        return values
      end
      gl.train.evaluate(model, split)
      return most
    end
    local small, large = peak(64), peak(256) -- 16 times the numbers
    assert.is_true(large < 8 * math.max(small, 16 << 20), ("%d MB, %d MB"):format(small >> 20, large >> 20))
  end)

  it("are fewer images in pictures of large ones", function()
    local fitting = gl.plot.images.fitting
    assert.equal(100, fitting({28, 28, 1}, 100, 10))
    assert.equal(100, fitting({128, 128, 3}, 100, 10))
    assert.equal(20, fitting({256, 256, 3}, 100, 10))
    assert.equal(10, fitting({2048, 2048, 3}, 100, 10))
    assert.equal(400, fitting({64, 64, 3}, 400, 1))
  end)
end)
