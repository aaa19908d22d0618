-- core.linalg: eigenvalues, factors, moments and principal components in double precision.
local gl = require "genlat"
local linalg = gl.core.linalg

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

-- a b of lists of rows, by its formula.
local function product(a, b)
  local c = {}
  for i = 1, #a do
    c[i] = {}
    for j = 1, #b[1] do
      local sum = 0.0
      for k = 1, #b do sum = sum + a[i][k] * b[k][j] end
      c[i][j] = sum
    end
  end
  return c
end

local function transposed(a)
  local b = {}
  for i = 1, #a[1] do
    b[i] = {}
    for j = 1, #a do b[i][j] = a[j][i] end
  end
  return b
end

local function all_near(expected, got, tolerance)
  assert.equal(#expected, #got)
  for i, row in ipairs(expected) do
    assert.equal(#row, #got[i])
    for j, value in ipairs(row) do near(value, got[i][j], tolerance) end
  end
end

local function identity(n)
  local rows = gl.eye(n):totable()
  return rows
end

local function random_square(n)
  local x = gl.randn(n, n):totable()
  return product(x, transposed(x))
end

describe("eigh", function()
  it("gives orthonormal vectors, by falling value, that the matrix only stretches", function()
    gl.seed(1)
    for _, n in ipairs {1, 2, 20, 130} do
      local a = random_square(n)
      local values, vectors = linalg.eigh(a)
      all_near(identity(n), product(vectors, transposed(vectors)), 1e-12)
      local stretched = product(vectors, a)
      for i = 1, n do
        assert.is_true(i == 1 or values[i] <= values[i - 1])
        for j = 1, n do near(values[i] * vectors[i][j], stretched[i][j], 1e-11 * n * values[1]) end
      end
    end
  end)

  it("takes matrices that are diagonal, 0, huge and tiny, and tensors; leaves them as they are", function()
    assert.same({3.0, 1.0}, (linalg.eigh {{1, 0}, {0, 3}}))
    assert.same({0.0, 0.0}, (linalg.eigh {{0, 0}, {0, 0}}))
    local a = {{2, 1}, {1, 2}}
    local values, vectors = linalg.eigh(a, 1)
    assert.same({{2, 1}, {1, 2}}, a)
    near(3, values[1], 1e-15)
    near(1, values[2], 1e-15)
    assert.equal(1, #vectors)
    assert.same({values, {}}, {linalg.eigh(gl.tensor(a), 0)})
    for _, size in ipairs {1e-300, 1e-150, 1e150, 1e300} do
      near(3, linalg.eigh({{2 * size, size}, {size, 2 * size}})[1] / size, 1e-14)
    end
  end)

  it("says what is wrong", function()
    local function refused(message, ...)
      local arguments = {...}
      local ok, text = pcall(function() linalg.eigh(table.unpack(arguments)) end)
      assert.is_false(ok)
      assert.matches("^spec/linalg_spec.lua:%d+: eigh: " .. message, text)
    end
    refused("the matrix holds %-?nan", {{1, 0}, {0, 0 / 0}})
    refused("the matrix holds inf", {{math.huge}})
    refused("expected a square matrix, got 2 x 1", {{1}, {2}})
    refused("expected a matrix: row 2 is not a list of 2 numbers", {{1, 2}, {1}})
    refused("element 2 of row 1 is not a number but string", {{1, "2"}, {1, 2}})
    refused("expected a matrix, got nil")
    refused("expected a matrix, got table", {})
    refused("expected a matrix: row 1 is not a list of numbers", {3})
    refused("expected a matrix, got a tensor of 1 axes", gl.zeros(3))
    refused("a matrix of 1 rows has not 2 eigenvectors", {{1}}, 2)
    refused("a matrix of 1 rows has not %-1 eigenvectors", {{1}}, -1)
  end)
end)

describe("cholesky", function()
  it("gives the lower triangular factor, whose inverse inverse_lower gives", function()
    gl.seed(2)
    for _, n in ipairs {1, 3, 40, 150} do
      local a = random_square(n)
      for i = 1, n do a[i][i] = a[i][i] + 1 end
      local l = linalg.cholesky(a)
      for i = 1, n do
        for j = i + 1, n do assert.equal(0, l[i][j]) end
      end
      all_near(a, product(l, transposed(l)), 1e-12 * n)
      all_near(identity(n), product(linalg.inverse_lower(l), l), 1e-11)
    end
  end)

  it("gives nil where the matrix is not positive definite, or not finite", function()
    assert.is_nil(linalg.cholesky {{1, 2}, {2, 1}})
    assert.is_nil(linalg.cholesky {{0}})
    assert.is_nil(linalg.cholesky {{0 / 0}})
    assert.is_nil(linalg.cholesky(gl.tensor {{1, 0}, {0, math.huge}}))
    assert.error_matches(function() linalg.inverse_lower {{1, 0}, {1, 0}} end, "row 2 .* has 0 on the diagonal")
  end)
end)

describe("product", function()
  it("multiplies matrices and tensors, views too", function()
    gl.seed(3)
    local a, b = gl.randn(7, 5), gl.randn(5, 9)
    all_near(product(a:totable(), b:totable()), linalg.product(a, b), 1e-13)
    all_near(product(transposed(b:totable()), transposed(a:totable())), linalg.product(b:t(), a:t()), 1e-13)
    assert.error_matches(function() linalg.product(a, a) end, "product: 7 x 5 by 7 x 5")
  end)
end)

describe("moments", function()
  it("are exact for numbers that float32 cannot sum", function()
    gl.seed(4)
    local n, offset, size = 1000, 1e6, 0.25
    local x = (gl.randn(n, 3) / size):round() * size + offset
    local mean, covariance = linalg.moments(x)
    local rows = x:totable()
    for i = 1, 3 do
      local sum = 0.0
      for k = 1, n do sum = sum + (rows[k][i] - offset) end
      near(sum / n, mean[i] - offset, 1e-9)
      for j = 1, 3 do
        local product_sum = 0.0
        for k = 1, n do product_sum = product_sum + (rows[k][i] - mean[i]) * (rows[k][j] - mean[j]) end
        near(product_sum / (n - 1), covariance[i][j], 1e-9)
      end
    end
    assert.same({{{5.0, -2.0}, {{0.0, 0.0}, {0.0, 0.0}}}}, {{linalg.moments(gl.tensor {{5, -2}})}})
  end)
end)

describe("principal", function()
  -- Against the eigenvectors of the covariance.
  local function checked(x, k, tolerance)
    local mean, axes, variance, total = linalg.principal(x, k)
    local about, covariance = linalg.moments(x)
    local values, vectors = linalg.eigh(covariance)
    local sum = 0.0
    for i, value in ipairs(values) do
      sum = sum + value
      near(about[i], mean[i]:item(), 1e-6 * math.max(1, math.abs(about[i])))
      if i <= k then
        near(value, variance[i], tolerance * values[1])
        near(1, math.abs((axes:select(2, i) * gl.tensor(vectors[i])):sum():item()), 1e-5)
      end
    end
    near(sum, total, 1e-9 * sum)
  end

  it("are the eigenvectors of the covariance, of many rows and of few", function()
    gl.seed(5)
    checked(gl.randn(300, 6), 6, 1e-12)
    checked(gl.randn(300, 6) * 1e-20 + 1e-18, 3, 1e-12)
    checked(gl.randn(20, 33), 15, 1e-12)
    checked(gl.randn(5, 400) * 1e18, 4, 1e-12)
  end)

  it("are orthonormal also where no variance is left", function()
    for _, case in ipairs {{gl.ones(3, 9), 3}, {gl.cat {gl.zeros(2, 40), gl.ones(1, 40)}, 3}, {gl.ones(1, 4), 2},
                           {gl.randn(4, 30), 4}, {gl.randn(4, 30), 30}} do
      local _, axes, variance = linalg.principal(case[1], case[2])
      all_near(identity(case[2]), axes:t():matmul(axes):totable(), 1e-5)
      for _, value in ipairs(variance) do assert.is_true(value >= 0 and value < math.huge) end
    end
  end)

  it("says what is wrong", function()
    assert.error_matches(function() linalg.principal(gl.zeros(3, 2), 3) end, "vectors of 2 numbers have not 3 comp")
    assert.error_matches(function() linalg.principal(gl.tensor {{1, 2}, {3, math.huge}}, 1) end,
      "principal: point 2 is not finite: its dimension 2 is inf")
    assert.error_matches(function() linalg.principal(gl.zeros(3), 1) end, "expected a tensor of N x D floats")
  end)

  it("leaves nothing behind where memory runs out", function()
    for _, shape in ipairs {{40, 3}, {3, 40}} do
      local x = gl.randn(shape)
      collectgarbage()
      collectgarbage()
      local before, failures = gl.memory().live, 0
      for n = 0, 12 do
        gl.core.memory_fail_after(n)
        local ok, message = pcall(function() linalg.principal(x, 2) end)
        gl.core.memory_fail_after(-1)
        if not ok then
          failures = failures + 1
          assert.matches("memory", message)
        end
        collectgarbage()
        collectgarbage()
        assert.equal(before, gl.memory().live)
      end
      assert.is_true(failures >= 4)
    end
  end)
end)
