-- The text of tensors.

local gl = require "genlat"

describe("printing", function()
  local function shows(text, x) assert.equal(text, tostring(x)) end

  it("shows single numbers as they are", function()
    shows("3", gl.tensor(3))
    shows("0.5000", gl.tensor(0.5))
    shows("nan", gl.tensor(0 / 0))
    shows("nan", gl.tensor(-(0 / 0)))
    shows("-inf", gl.tensor(-1 / 0))
    shows("1.2500e+05", gl.tensor(124999.5))
    shows("1.0000e-05", gl.tensor(1e-5))
  end)

  it("shows small tensors whole, in columns", function()
    shows("tensor 3 float32\n  1  2  3", gl.arange(3))
    shows("tensor 2x2 float32\n   1  -2\n  30   4", gl.tensor {{1, -2}, {30, 4}})
    shows("tensor 2x2 float32\n   0.5000  -2.0000\n  30.0000   4.0000", gl.tensor {{0.5, -2}, {30, 4}})
    shows("tensor 1x1x1 float32\n[1, ..]\n  7", gl.full({1, 1, 1}, 7))
    shows("tensor 2 float32\n  1.0000e-05  1.0000e+00", gl.tensor {1e-5, 1})
    shows("tensor 2 float32, requires grad\n  0  0", gl.zeros(2, {requires_grad = true}))
  end)

  it("shows bytes and numbers that are none", function()
    shows("tensor 3 uint8\n    0  128  255", gl.tensor({0, 128, 255}, {dtype = "uint8"}))
    shows("tensor 4 float32\n   inf  -inf   nan     1", gl.tensor {1 / 0, -1 / 0, 0 / 0, 1})
    shows("tensor 3 float32\n     inf    -inf  1.5000", gl.tensor {1 / 0, -1 / 0, 1.5})
  end)

  it("shows the matrices of tensors with more axes", function()
    shows([[
tensor 2x2x1x2 float32
[1, 1, ..]
  1  2
[1, 2, ..]
  3  4
[2, 1, ..]
  5  6
[2, 2, ..]
  7  8]], gl.arange(8):reshape(2, 2, 1, 2))
  end)

  it("shows the edges of large tensors", function()
    shows("tensor 2000 float32\n     1     2     3  ...  1998  1999  2000", gl.arange(2000))
    shows([[
tensor 100x50 float32
     1     2     3  ...    48    49    50
    51    52    53  ...    98    99   100
   101   102   103  ...   148   149   150
  ...
  4851  4852  4853  ...  4898  4899  4900
  4901  4902  4903  ...  4948  4949  4950
  4951  4952  4953  ...  4998  4999  5000]], gl.arange(5000):reshape(100, 50))
    local lines = select(2, tostring(gl.zeros(20, 20, 20)):gsub("\n", ""))
    assert.equal(6 * 8 + 1, lines)
  end)

  it("does not walk through what it leaves out", function()
    shows("tensor 1099511627776 float32\n  1  1  1  ...  1  1  1", gl.ones(1):expand(1 << 40))
  end)
end)
