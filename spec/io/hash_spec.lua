-- Hashes of the rows of tensors, by which data sets are known again.

local gl = require "genlat"
local hash_rows = gl.core.hash_rows

describe("the hash of rows", function()
  local rows = {{1, 2}, {3, -4}, {5, 6}}

  it("is that of the whole numbers in them, whatever type holds them", function()
    local hash = hash_rows(gl.tensor(rows))
    assert.equal(hash, hash_rows(gl.tensor(rows, {dtype = "int64"})))
    assert.not_equal(hash, hash_rows(gl.tensor {{1, 2}, {3, 4}, {5, 6}}))
    assert.not_equal(hash_rows(gl.tensor({1 << 52}, {dtype = "int64"})),
      hash_rows(gl.tensor({(1 << 52) + 1}, {dtype = "int64"})))
  end)

  it("goes on from that of the rows before", function()
    for _, dtype in ipairs {"float", "uint8", "int64"} do
      local all = gl.tensor(rows, {dtype = dtype})
      assert.equal(hash_rows(all), hash_rows(all:slice(1, 2, 3), hash_rows(all:slice(1, 1, 1))))
      assert.not_equal(hash_rows(all), hash_rows(all:flip(1)))
    end
  end)
end)
