-- The range coder and its adaptive counts.
local gl = require "genlat"
local range_coder = require "genlat.latent.range_coder"

local function ones(n)
  local counts = {}
  for i = 1, n do counts[i] = 1 end
  return counts
end

-- n symbols in 1 .. size, the first with about that probability.
local function symbols(n, size, first)
  local list = {}
  for i, u in ipairs(n > 0 and gl.rand(n):totable() or {}) do
    list[i] = u < first and 1 or 1 + math.floor((u - first) / (1 - first) * size) % size
  end
  return list
end

local function encode(list, counts)
  local encoder = range_coder.encoder()
  counts = range_coder.counts(counts)
  local bits = 0 -- of information, by the counts as they are
  for _, symbol in ipairs(list) do
    bits = bits - math.log(counts.counts[symbol] / counts.total, 2)
    counts:encode(encoder, symbol)
  end
  return encoder:finish(), bits
end

local function decode(bytes, n, counts)
  local decoder, list = range_coder.decoder(bytes), {}
  counts = range_coder.counts(counts)
  for i = 1, n do list[i] = counts:decode(decoder) end
  return list
end

describe("the range coder", function()
  before_each(function() gl.seed(9) end)

  it("gives back what it was given, in at most a byte more than its information", function()
    for _, case in ipairs {
      {0, 3, 0}, {1, 1, 0}, {500, 1, 0}, {300, 2, 0.9}, {3000, 7, 0.3}, {400, 2000, 0}, {5000, 5, 0.999}, {900, 4, 1},
    } do
      local n, size, first = table.unpack(case)
      local list = symbols(n, size, first)
      local bytes, bits = encode(list, ones(size))
      assert.same(list, decode(bytes, n, ones(size)))
      assert.is_true(#bytes <= bits / 8 + 1, ("%d bytes for %.1f bits"):format(#bytes, bits))
    end
  end)

  it("writes bytes of 256 equal frequencies as they are", function()
    local encoder, text = range_coder.encoder(), "\0\255\255\1\128range\255\255\255\255\255\7"
    for i = 1, #text do encoder:put(text:byte(i), 1, 256) end
    assert.equal(text, encoder:finish())
  end)

  it("carries through bytes of 255 that are out already", function()
    for _, last in ipairs {0, 1, 2, 3} do
      local encoder = range_coder.encoder()
      local parts = {{1, 3}} -- 1/3 = 0.555...: every symbol ends at the edge between two of its neighbours
      for _ = 1, 40 do parts[#parts + 1] = {0, 2} end
      for _ = 1, 40 do parts[#parts + 1] = {2, 3} end
      parts[#parts + 1] = {last, 4}
      for _, part in ipairs(parts) do encoder:put(part[1], 1, part[2]) end
      local decoder = range_coder.decoder(encoder:finish())
      for i, part in ipairs(parts) do
        assert.equal(part[1], decoder:slot(part[2]), "symbol " .. i)
        decoder:take(part[1], 1, part[2])
      end
    end
  end)

  it("reads any bytes as some symbols", function()
    for size = 1, 300, 37 do
      local bytes = ""
      for _, byte in ipairs((gl.rand(64) * 255.99):floor():totable()) do
        bytes = bytes .. string.char(math.tointeger(byte))
      end
      for _, symbol in ipairs(decode(bytes, 500, ones(size))) do
        assert.is_true(symbol >= 1 and symbol <= size)
      end
      assert.equal(500, #decode(("\255"):rep(9), 500, ones(size)))
    end
  end)
end)

describe("counts", function()
  it("follow the symbols: after enough of them a byte costs what its share says", function()
    gl.seed(3)
    local list = symbols(20000, 4, 0.85)
    local share, entropy = {0, 0, 0, 0}, 0
    for _, symbol in ipairs(list) do share[symbol] = share[symbol] + 1 / #list end
    for _, p in ipairs(share) do entropy = entropy - p * math.log(p, 2) end
    local bytes = encode(list, ones(4))
    local excess = 8 * #bytes / #list / entropy
    assert.is_true(excess > 1 and excess < 1.01, ("%.4f times the entropy"):format(excess))
  end)

  it("stay within their limit however many symbols come", function()
    local counts, encoder = range_coder.counts(ones(3)), range_coder.encoder()
    for _ = 1, 10000 do
      counts:encode(encoder, 2)
      assert.is_true(counts.total <= 65536)
    end
    assert.is_true(counts.counts[1] >= 1 and counts.counts[3] >= 1)
  end)

  it("refuse what they cannot begin with", function()
    assert.error_matches(function() range_coder.counts {1, 0} end, "whole numbers from 1, not 0")
    assert.error_matches(function() range_coder.counts {1.5} end, "whole numbers from 1, not 1.5")
    assert.error_matches(function() range_coder.counts {} end, "a total of 1 to 65536, not 0")
    assert.error_matches(function() range_coder.counts {65536, 1} end, "a total of 1 to 65536, not 65537")
  end)
end)
