--- symmetric.lua: eigenvalues, roots and factors of symmetric matrices, in double precision, as Lua's numbers are.
--
-- A matrix is a list of rows. 84 x 84, what Fréchet distances need, takes a quarter of a second.

local symmetric = {}

local SWEEPS = 60 -- about 8 are needed

-- The rotation that makes a[p][q] zero: its sine, and the tangents of the angle and of its half (Rutishauser 1966).
local function rotation(app, aqq, apq)
  local theta = (aqq - app) / (2 * apq)
  local t = 1 / (math.abs(theta) + math.sqrt(theta * theta + 1))
  if theta < 0 then t = -t end
  local c = 1 / math.sqrt(t * t + 1)
  return t * c, t, t * c / (1 + c)
end

-- Rows x and y become c x - s y and s x + c y.
local function rotate_rows(x, y, s, tau)
  for k = 1, #x do
    local g, h = x[k], y[k]
    x[k], y[k] = g - s * (h + g * tau), h + s * (g - h * tau)
  end
end

local function rotate(a, p, q)
  local ap, aq = a[p], a[q]
  local app, aqq, apq = ap[p], aq[q], ap[q]
  local s, t, tau = rotation(app, aqq, apq)
  rotate_rows(ap, aq, s, tau)
  for k = 1, #a do
    a[k][p], a[k][q] = ap[k], aq[k]
  end
  ap[p], aq[q], ap[q], aq[p] = app - t * apq, aqq + t * apq, 0.0, 0.0
  return s, tau
end

-- The sums of squares off and on the diagonal.
local function weights(a)
  local off, on = 0, 0
  for i = 1, #a do
    on = on + a[i][i] ^ 2
    for j = 1, i - 1 do
      off = off + 2 * a[i][j] ^ 2
    end
  end
  return off, on
end

--- Jacobi's method (1846; cyclic): the eigenvalues, in no order, and the eigenvectors as rows. The matrix stays as it
-- is.
function symmetric.eigen(matrix)
  local n, a, vectors = #matrix, {}, {}
  for i = 1, n do
    a[i], vectors[i] = {table.unpack(matrix[i])}, {}
    for j = 1, n do
      vectors[i][j] = i == j and 1.0 or 0.0
    end
  end
  for _ = 1, SWEEPS do
    local off, on = weights(a)
    if off <= 1e-30 * on then break end
    for p = 1, n - 1 do
      for q = p + 1, n do
        if a[p][q] ~= 0 then
          local s, tau = rotate(a, p, q)
          rotate_rows(vectors[p], vectors[q], s, tau)
        end
      end
    end
  end
  local values = {}
  for i = 1, n do
    values[i] = a[i][i]
  end
  return values, vectors
end

--- x y
function symmetric.product(x, y)
  local result = {}
  for i = 1, #x do
    local row = {}
    for j = 1, #y[1] do
      row[j] = 0.0
    end
    for k = 1, #y do
      local factor, other = x[i][k], y[k]
      for j = 1, #row do
        row[j] = row[j] + factor * other[j]
      end
    end
    result[i] = row
  end
  return result
end

--- The symmetric square root of a matrix without negative eigenvalues; such as come from rounding count as 0.
function symmetric.root(matrix)
  local values, vectors = symmetric.eigen(matrix)
  local n, columns = #values, {}
  for i = 1, n do -- V' sqrt(values)
    columns[i] = {}
    for k = 1, n do
      columns[i][k] = vectors[k][i] * math.sqrt(math.max(values[k], 0))
    end
  end
  return symmetric.product(columns, vectors)
end

--- The lower triangular l with l l' = a (Cholesky's), or nil where a is not positive definite.
function symmetric.cholesky(a)
  local l = {}
  for i = 1, #a do
    local row = {}
    for j = 1, i do
      local other, sum = l[j] or row, a[i][j]
      for k = 1, j - 1 do
        sum = sum - row[k] * other[k]
      end
      if i == j and not (sum > 0 and sum < math.huge) then return nil end
      row[j] = i == j and math.sqrt(sum) or sum / other[j]
    end
    for j = i + 1, #a do
      row[j] = 0.0
    end
    l[i] = row
  end
  return l
end

--- The inverse of a lower triangular matrix, by forward substitution.
function symmetric.inverse_lower(l)
  local x = {}
  for i = 1, #l do
    local row = {}
    for j = 1, #l do
      local sum = i == j and 1.0 or 0.0
      for k = j, i - 1 do
        sum = sum - l[i][k] * x[k][j]
      end
      row[j] = j <= i and sum / l[i][i] or 0.0
    end
    x[i] = row
  end
  return x
end

return symmetric
