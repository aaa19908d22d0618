-- Random numbers: Philox and what is drawn from it, against the values of spec/fixtures/philox.py, which is written
-- from the paper and checked by its authors' known answers.

local gl = require "genlat"
local opcheck = require "spec.opcheck"

local values = opcheck.values
local fixture = opcheck.read "random.json"

describe("random numbers", function()
  local threads = gl.threads()
  after_each(function() gl.threads(threads) end)

  it("are Philox's known answers for counter 0 and key 0", function()
    gl.seed(0)
    local words = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}
    for i, u in ipairs(values(gl.rand(4))) do
      assert.equal(words[i] >> 8, u * 2 ^ 24)
    end
  end)

  for _, draw in ipairs(fixture.draws) do
    it(("are those of the fixture for seed %s, counter %s"):format(draw.seed, draw.counter), function()
      local seed, counter = tonumber(draw.seed), tonumber(draw.counter)
      gl.rng_state(seed, counter)
      assert.is_nil(opcheck.difference("rand", values(gl.rand(11)), draw.uniform, {relative = 0, absolute = 1e-8}))
      assert.same({seed, counter + 3}, {gl.rng_state()}) -- three blocks of four
      gl.rng_state(seed, counter)
      assert.is_nil(opcheck.difference("randn", values(gl.randn(11)), draw.normal, {relative = 1e-6, absolute = 1e-7}))
    end)
  end

  for _, p in ipairs(fixture.permutations) do
    it(("are the fixture's permutation of %d"):format(p.n), function()
      assert.same(p.order, values(gl.randperm(p.n // 1 | 0, tonumber(p.seed), tonumber(p.stream))))
    end)
  end

  -- Everything that draws, from where the generator stands.
  local function draw_all()
    local x, logvar = gl.zeros(300, 71), gl.ones(300, 71)
    return {
      gl.rand(300, 71), gl.randn(300, 71), x:gaussian_sample(logvar), logvar:dropout(0.3), (logvar * 0.4):bernoulli(),
      gl.zeros(300, 71):uniform_(-1, 1), gl.zeros(71, 300):transpose(1, 2):normal_(5, 2), gl.randperm(1000),
    }
  end

  it("are the same for any number of threads", function()
    gl.seed(7)
    gl.threads(1)
    local one = draw_all()
    for n = 2, 3 do
      gl.threads(n)
      gl.seed(7)
      for i, x in ipairs(draw_all()) do
        assert.equal(0, (x - one[i]):abs():max():item())
      end
    end
  end)

  it("are the same again for the same seed, and others for another", function()
    local function numbers(seed)
      gl.seed(seed)
      return {values(gl.randn(5)), values(gl.rand(3)), values(gl.randperm(20))}
    end
    assert.same(numbers(1), numbers(1))
    local one, two = numbers(1), numbers(2)
    for i = 1, 3 do
      assert.not_same(one[i], two[i])
    end
  end)

  it("go on: no number of one call comes again in the next", function()
    gl.seed(3)
    local seen = {}
    for _ = 1, 50 do
      for _, u in ipairs(values(gl.rand(5))) do
        assert.is_nil(seen[u])
        seen[u] = true
      end
    end
    assert.not_same(values(gl.randperm(30)), values(gl.randperm(30)))
  end)

  it("go on from a state that was kept", function()
    gl.seed(11)
    gl.randn(10)
    gl.randperm(5)
    local seed, counter = gl.rng_state()
    local after = draw_all()
    gl.seed(99)
    gl.rng_state(seed, counter)
    for i, x in ipairs(draw_all()) do
      assert.equal(0, (x - after[i]):abs():max():item())
    end
  end)

  it("in a view do not depend on its strides", function()
    for _, name in ipairs {"uniform_", "normal_"} do
      gl.seed(5)
      local straight = gl.zeros(3, 4)
      straight[name](straight)
      gl.seed(5)
      local turned = gl.zeros(4, 3):transpose(1, 2)
      turned[name](turned)
      assert.same(straight:totable(), turned:totable())
    end
  end)

  it("have the moments of their distributions", function()
    gl.seed(1234)
    local n = 200000
    -- What has mean m and variance v, over n draws, is within 5 standard errors of m.
    local function near(mean, variance, x)
      assert.is_true(math.abs(x:mean():item() - mean) < 5 * math.sqrt(variance / n))
    end
    local u, z = gl.rand(n), gl.randn(n)
    near(1 / 2, 1 / 12, u)
    near(1 / 3, 1 / 5 - 1 / 9, u:square())
    assert.is_true(u:min():item() >= 0 and u:max():item() < 1)
    near(0, 1, z)
    near(1, 2, z:square())
    near(0, 15, z:pow(3))
    near(3, 96, z:pow(4))
    near(0, 1 / 144, (u:slice(1, 1, n - 1) - 0.5) * (u:slice(1, 2, n) - 0.5)) -- neighbours do not go together
    near(0, 1, z:slice(1, 1, n - 1) * z:slice(1, 2, n))
    near(0.3, 0.21, gl.full({n}, 0.3):bernoulli())
    local kept = gl.ones(n):dropout(0.8)
    near(1, 4, kept)
    assert.is_true(kept:max():item() > 4.99 and kept:max():item() < 5.01 and kept:min():item() == 0)
    near(2.5, 9 / 12, gl.zeros(n):uniform_(1, 4))
    near(-3, 4, gl.zeros(n):normal_(-3, 2))
    near(2, 1, (gl.full({n}, 2)):gaussian_sample(gl.zeros(n)))
  end)

  it("make permutations that hold each number once, each place equally likely", function()
    local order = values(gl.randperm(1000))
    assert.not_same(values(gl.arange(1, 1000)), order)
    table.sort(order)
    assert.same(values(gl.arange(1, 1000)), order)
    local times = {0, 0, 0, 0, 0}
    for stream = 1, 5000 do
      local first = gl.randperm(5, 77, stream)[1]:item() // 1 | 0
      times[first] = times[first] + 1
    end
    for _, t in ipairs(times) do
      assert.is_true(math.abs(t - 1000) < 5 * math.sqrt(800))
    end
  end)
end)

describe("training", function()
  local threads = gl.threads()
  after_each(function() gl.threads(threads) end)

  -- Some steps of a small network, from the seed on; all the numbers that came of it, as text, to the last bit.
  local function train()
    gl.seed(21)
    local nn = gl.nn
    local model = nn.Sequential(nn.Linear(40, 64), nn.LeakyReLU(0.1), nn.Dropout(0.2), nn.Linear(64, 40))
    local optimizer = gl.optim.Adam(model, {lr = 1e-2})
    local x, losses = gl.rand(512, 40), {}
    for step = 1, 5 do
      optimizer:zero_grad()
      local loss = gl.bce_with_logits(model(x), x)
      loss:backward()
      gl.optim.clip_grad_norm(model, 5)
      optimizer:step()
      losses[step] = ("%a"):format(loss:item())
    end
    for _, p in ipairs(model:parameters()) do
      for _, v in ipairs(values(p)) do
        losses[#losses + 1] = ("%a"):format(v)
      end
    end
    return table.concat(losses, " ")
  end

  for n = 1, 3 do
    it(("is the same to the last bit from run to run, on threads: %d"):format(n), function()
      gl.threads(n)
      local first = train()
      assert.is_true(first == train())
      collectgarbage()
      gl.core.memory_trim()
      assert.is_true(first == train())
    end)
  end
end)
