-- t-SNE, against its definition written out over all pairs in plain Lua.
local gl = require "genlat"
local core, latent = gl.core, gl.latent

local function near(expected, got, tolerance)
  assert.is_true(math.abs(expected - got) <= tolerance, ("%s is not within %g of %s"):format(got, tolerance, expected))
end

local function square(list, i, j)
  local sum = 0
  for k = 1, #list[i] do
    sum = sum + (list[i][k] - list[j][k]) ^ 2
  end
  return sum
end

-- The other points of list by their distance from point i, nearest first, and the squared distances.
local function neighbours(list, i)
  local order, distance = {}, {}
  for j = 1, #list do
    distance[j] = square(list, i, j)
    if j ~= i then order[#order + 1] = j end
  end
  table.sort(order, function(a, b) return distance[a] < distance[b] or (distance[a] == distance[b] and a < b) end)
  return order, distance
end

-- p(j|i) of a Gaussian of that bandwidth over i's k nearest neighbours, and the perplexity of it.
local function conditional(list, i, k, bandwidth)
  local order, distance = neighbours(list, i)
  local p, sum, entropy = {}, 0, 0
  for m = 1, k do
    p[order[m]] = math.exp(-distance[order[m]] / (2 * bandwidth ^ 2))
    sum = sum + p[order[m]]
  end
  for j, value in pairs(p) do
    p[j] = value / sum
    if value > 0 then entropy = entropy - p[j] * math.log(p[j]) end
  end
  return p, math.exp(entropy)
end

-- The map's P as a table of rows, and its bandwidths.
local function affinities(map, n)
  local i, j, p, bandwidth = map:affinities()
  local rows, columns, values, P = i:totable(), j:totable(), p:totable(), {}
  for k = 1, n do
    P[k] = {}
  end
  for e = 1, #values do
    assert.is_nil(P[rows[e] // 1][columns[e] // 1])
    P[rows[e] // 1][columns[e] // 1] = values[e]
  end
  return P, bandwidth:totable()
end

-- sum of p log(p / q), and the gradient, by definition; exaggeration multiplies P in the gradient.
local function by_definition(P, y, exaggeration)
  local n, z, kl, gradient = #y, 0, 0, {}
  for i = 1, n do
    for j = 1, n do
      if i ~= j then z = z + 1 / (1 + square(y, i, j)) end
    end
  end
  for i = 1, n do
    gradient[i] = {0, 0}
    for j = 1, n do
      if i ~= j then
        local w, p = 1 / (1 + square(y, i, j)), P[i][j] or 0
        if p > 0 then kl = kl + p * math.log(p / (w / z)) end
        for axis = 1, 2 do
          gradient[i][axis] = gradient[i][axis] + 4 * ((exaggeration or 1) * p - w / z) * w * (y[i][axis] - y[j][axis])
        end
      end
    end
  end
  return kl, gradient
end

-- A step of the descent as the papers write it, from the places y (and the velocities and gains in `state`): where the
-- points are next.
local function step(P, y, number, state)
  local n, early, places = #y, number <= 250, {}
  local _, gradient = by_definition(P, y, early and 12 or 1)
  local mean = {0, 0}
  for i = 1, n do
    places[i] = {}
    for axis = 1, 2 do
      local g, v, k = gradient[i][axis] / 4, state.velocity[i][axis], state.gain[i][axis]
      k = math.max(0.01, g * v > 0 and k * 0.8 or k + 0.2)
      v = (early and 0.5 or 0.8) * v - math.max(200, n / 12) * k * g
      state.gain[i][axis], state.velocity[i][axis] = k, v
      places[i][axis] = y[i][axis] + v
      mean[axis] = mean[axis] + places[i][axis] / n
    end
  end
  for i = 1, n do
    for axis = 1, 2 do
      places[i][axis] = places[i][axis] - mean[axis]
    end
  end
  return places
end

-- n points in d dimensions around `groups` middles, far apart; and the group of each.
local function blobs(n, d, groups)
  gl.seed(4)
  local middles, of = gl.randn(groups, d) * 8, {}
  for i = 1, n do
    of[i] = (i - 1) % groups + 1
  end
  return gl.randn(n, d) + middles:index_select(gl.tensor(of)), of
end

describe("affinities", function()
  it("sum to 1, are symmetric, and have the perplexity in each row", function()
    gl.seed(2)
    local n, u = 150, 12.5
    local x = gl.randn(n, 6) * gl.tensor {5, 1, 1, 1, 1, 0.1} + 100
    local P, bandwidth = affinities(core.tsne(x, u, gl.randn(n, 2)), n)
    local list, sum, rows = x:totable(), 0, {}
    for i = 1, n do
      local perplexity
      rows[i], perplexity = conditional(list, i, 37, bandwidth[i])
      near(u, perplexity, 2e-3)
    end
    for i = 1, n do
      assert.is_nil(P[i][i])
      for j = 1, n do
        local p = (rows[i][j] or 0) + (rows[j][i] or 0)
        near(p / (2 * n), P[i][j] or 0, 2e-7)
        assert.equal(P[i][j], P[j][i])
        sum = sum + (P[i][j] or 0)
      end
    end
    near(1, sum, 1e-6)
  end)

  it("do not depend on where the points lie nor on their unit", function()
    gl.seed(2)
    local x, start = gl.randn(60, 3), gl.randn(60, 2)
    local P, bandwidth = affinities(core.tsne(x, 5, start), 60)
    for _, unit in ipairs {1e-25, 1e25} do
      local other, bandwidths = affinities(core.tsne(x * unit, 5, start), 60)
      near(bandwidth[7], bandwidths[7] / unit, 1e-4)
      for j, p in pairs(P[7]) do
        near(p, other[7][j], 1e-6)
      end
    end
  end)

  it("of points that lie on one another are shared by these", function()
    local list = {}
    for i = 1, 40 do
      list[i] = {i <= 25 and 0 or i, 0}
    end
    local P = affinities(core.tsne(gl.tensor(list), 5, gl.randn(40, 2)), 40)
    local sum = 0
    for i = 1, 40 do
      for _, p in pairs(P[i]) do
        assert.is_true(p >= 0 and p < 1)
        sum = sum + p
      end
    end
    near(1, sum, 1e-6)
    near(1 / 15 / (2 * 40), P[24][1], 1e-7) -- the first 15 of them are its neighbours, it is not theirs
  end)
end)

describe("the divergence", function()
  it("and its gradient are as defined", function()
    gl.seed(6)
    local x, y = gl.randn(30, 4), gl.randn(30, 2) * 3
    local map = core.tsne(x, 6, y)
    local kl, gradient = by_definition(affinities(map, 30), y:totable())
    near(kl, map:divergence(), 1e-5)
    local got = map:gradient():totable()
    for i = 1, 30 do
      near(gradient[i][1], got[i][1], 1e-6)
      near(gradient[i][2], got[i][2], 1e-6)
    end
  end)

  it("changes as the gradient says", function()
    gl.seed(7)
    local x, y = gl.randn(16, 4), gl.randn(16, 2)
    local gradient, h = core.tsne(x, 4, y):gradient(), 2 ^ -7
    local largest = gradient:abs():max():item()
    for i = 1, 16 do
      for axis = 1, 2 do
        local value, at = y[{i, axis}]:item(), {}
        for k, sign in ipairs {1, -1} do
          y[{i, axis}] = value + sign * h
          at[k] = core.tsne(x, 4, y):divergence()
        end
        y[{i, axis}] = value
        near((at[1] - at[2]) / (2 * h), gradient[{i, axis}]:item(), 2e-4 * largest + 1e-5)
      end
    end
  end)
end)

describe("the descent", function()
  it("takes the papers' steps", function()
    gl.seed(8)
    local n, x, y = 24, gl.randn(24, 4), (gl.randn(24, 2) * 2):totable()
    local map = core.tsne(x, 5, gl.tensor(y))
    local P, state = affinities(map, n), {velocity = {}, gain = {}}
    for i = 1, n do
      state.velocity[i], state.gain[i] = {0, 0}, {1, 1}
    end
    for number = 1, 256 do
      local expected, scale, apart = step(P, y, number, state), 0, 0
      map:step()
      y = map:places():totable() -- so that rounding does not add up
      for i = 1, n do
        for axis = 1, 2 do
          scale = math.max(scale, math.abs(expected[i][axis]))
          apart = math.max(apart, math.abs(expected[i][axis] - y[i][axis]))
        end
      end
      assert.is_true(apart < 1e-4 * scale, ("step %d: %g of %g"):format(number, apart, scale))
    end
  end)

  it("takes longer steps for many points", function()
    gl.seed(9)
    local n = 3600
    local start = gl.randn(n, 2)
    local map = core.tsne(gl.randn(n, 2), 2, start)
    local i, j, p = map:affinities()
    local y, attraction = start:totable(), {0, 0}
    j, p = j:totable(), p:totable()
    for e, row in ipairs(i:totable()) do
      if row > 1 then break end
      local to = y[j[e] // 1]
      for axis = 1, 2 do
        attraction[axis] = attraction[axis] + p[e] / (1 + square({y[1], to}, 1, 2)) * (y[1][axis] - to[axis])
      end
    end
    local gradient = map:gradient()[1]:totable()
    map:step()
    local moved = (map:places() - start + start:mean(1))[1]:totable()
    for axis = 1, 2 do -- a rate of n / 12, the first gain 1.2, and P, but not Q, 12 times
      near(-n / 12 * 1.2 * (gradient[axis] / 4 + 11 * attraction[axis]), moved[axis], 2e-3 * math.abs(moved[axis]))
    end
  end)

  it("is exaggerated in its first 250 steps, and then comes to rest where the divergence is least", function()
    gl.seed(4)
    local map = core.tsne(gl.randn(400, 10), 20, gl.randn(400, 2) * 1e-4)
    local function spread_after(steps)
      map:step(steps)
      return map:places():std(1):max():item()
    end
    assert.is_true(spread_after(249) < 0.15)
    assert.is_true(spread_after(1) < 0.15)
    assert.is_true(spread_after(10) > 0.2) -- the force that held them together is gone
    local early = map:gradient():norm():item()
    assert.is_true(spread_after(740) > 5)
    assert.is_true(map:gradient():norm():item() < 0.01 * early)
  end)
end)

-- The share of points whose nearest one on the map is of their own group.
local function accuracy(map, groups)
  local list, right = map:totable(), 0
  for i = 1, #list do
    if groups[neighbours(list, i)[1]] == groups[i] then right = right + 1 end
  end
  return right / #list
end

-- Trustworthiness (Venna & Kaski 2001): 1, less what points among the k nearest on the map are farther away in truth.
local function trustworthiness(x, map, k)
  local from, to, sum = x:totable(), map:totable(), 0
  local n = #from
  for i = 1, n do
    local rank = {}
    for place, j in ipairs(neighbours(from, i)) do
      rank[j] = place
    end
    local near_on_map = neighbours(to, i)
    for m = 1, k do
      sum = sum + math.max(0, rank[near_on_map[m]] - k)
    end
  end
  return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * sum
end

describe("latent.tsne", function()
  it("keeps groups apart and neighbours together", function()
    local x, groups = blobs(240, 10, 3)
    gl.seed(1)
    local map, divergence = latent.tsne(x, {perplexity = 30, steps = 500})
    assert.same({240, 2}, map.shape)
    assert.equal(1, accuracy(map, groups))
    assert.is_true(trustworthiness(x, map, 10) > 0.93)
    assert.is_true(trustworthiness(x, gl.randn(240, 2), 10) < 0.6) -- the measure can fail
    assert.is_true(divergence > 0 and divergence < 0.6)
    near(0, map:mean(1):abs():max():item(), 1e-4)
  end)

  it("is the same for any number of threads, and for equal seeds", function()
    local x = blobs(200, 5, 4)
    local function map(threads, seed)
      local before = gl.threads()
      gl.threads(threads)
      gl.seed(seed)
      local y = latent.tsne(x, {steps = 60, perplexity = 10})
      gl.threads(before)
      return y:totable()
    end
    local first = map(1, 1)
    assert.same(first, map(1, 1))
    assert.same(first, map(2, 1))
    assert.same(first, map(3, 1))
    assert.are_not.same(first, map(1, 2))
  end)

  it("reports its progress, and ends where that raises", function()
    local x, seen = blobs(60, 3, 2), {}
    latent.tsne(x, {steps = 120, progress = function(done, steps) seen[#seen + 1] = {done, steps} end})
    assert.same({120, 120}, seen[#seen])
    assert.is_true(#seen >= 3)
    local stop, calls = {}, 0
    local ok, problem = pcall(latent.tsne, x, {progress = function()
      calls = calls + 1
      error(stop)
    end})
    assert.is_false(ok)
    assert.equal(stop, problem)
    assert.equal(1, calls)
  end)

  it("takes points on a line, points that are all the same, and few points", function()
    for _, x in ipairs {gl.arange(30):reshape(30, 1), gl.arange(30):reshape(30, 1) * gl.ones(1, 7), gl.ones(30, 3)} do
      local map, divergence = latent.tsne(x, {steps = 300})
      assert.is_true(map:abs():max():item() < 1e4)
      assert.is_true(map:std(1):min():item() > 0)
      assert.is_true(divergence == divergence)
    end
    assert.same({4, 2}, latent.tsne(gl.randn(4, 2), {steps = 20}).shape)
  end)

  it("moves points that lie on one another, but not far", function()
    gl.seed(5)
    local x = gl.randn(50, 4)
    local map = latent.tsne(gl.cat {x, x}, {perplexity = 5})
    local apart = (map:slice(1, 1, 50) - map:slice(1, 51, 100)):norm(2)
    assert.is_true(apart:max():item() < 0.3 * map:std(1):max():item())
  end)

  it("keeps the neighbours within tight groups that lie far apart", function()
    local n, k = 60, 4
    local angles = gl.arange(n) * (2 * math.pi / n)
    local ring = gl.stack({angles:cos(), angles:sin()}, 2)
    for _, apart in ipairs {1e3, 1e4} do
      local i, j, p = core.tsne(gl.cat {ring, ring + apart}, 2, gl.randn(2 * n, 2)):affinities()
      local near_ones = 0
      i, j, p = i:totable(), j:totable(), p:totable()
      for e = 1, #p do
        local steps = math.abs(i[e] - j[e])
        assert.equal((i[e] - 1) // n, (j[e] - 1) // n) -- of one ring
        if math.min(steps, n - steps) <= k then near_ones = near_ones + p[e] end
      end
      assert.is_true(near_ones > 0.999)
    end
  end)

  it("explains what it cannot take", function()
    local x = gl.randn(31, 3)
    assert.equal(10, require "genlat.latent.tsne".perplexity(31))
    assert.error_matches(function() latent.tsne(x, {perplexity = 30}) end,
      "tsne: perplexity: from 1 to a third of the other points, which is 10 for 31 points; got 30")
    assert.error_matches(function() latent.tsne(x, {perplexity = 0.5}) end, "from 1 to a third")
    assert.error_matches(function() latent.tsne(x, {perplexity = 0 / 0}) end, "from 1 to a third")
    assert.error_matches(function() latent.tsne(x, {steps = 0}) end, "steps is a whole number from 1, not 0")
    assert.error_matches(function() latent.tsne(gl.randn(3, 3)) end, "N x D, 4 or more, these are 3x3")
    assert.error_matches(function() latent.tsne(gl.randn(9)) end, "these are 9")
    for _, value in ipairs {0 / 0, math.huge} do
      x[{17, 2}] = value
      assert.error_matches(function() core.tsne(x, 5, gl.randn(31, 2)) end,
        "tsne: point 17 is not finite: its dimension 2 is ")
    end
    assert.error_matches(function() latent.tsne(x) end, "not finite")
    assert.error_matches(function() core.tsne(gl.randn(31, 3), 5, gl.randn(30, 2)) end, "expected 31 x 2, got 30 x 2")
    assert.error_matches(function() core.tsne(gl.zeros(9, 2, {dtype = "uint8"}), 2, gl.randn(9, 2)) end, "of floats")
  end)

  it("leaves nothing behind where memory runs out", function()
    local x, start = gl.randn(40, 3), gl.randn(40, 2)
    collectgarbage()
    collectgarbage()
    local before, failures = gl.memory().live, 0
    for n = 0, 100 do
      core.memory_fail_after(n)
      local ok, map = pcall(core.tsne, x, 5, start)
      core.memory_fail_after(-1)
      if ok then
        map:step(2)
        break
      end
      assert.matches("tsne: out of memory", map)
      assert.equal(before, gl.memory().live)
      failures = n + 1
    end
    assert.is_true(failures >= 25 and failures < 100, failures)
    collectgarbage()
    collectgarbage()
    assert.equal(before, gl.memory().live)
  end)
end)
