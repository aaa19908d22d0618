-- Memory: the collector sees tensors, backward frees the graph, training does not grow, and running out is survivable.

local gl = require "genlat"
local opcheck = require "spec.opcheck"
local shell = dofile "spec/scripts/shell.lua"
local core, nn = gl.core, gl.nn

local MIB = 1 << 20

local function live()
  collectgarbage()
  collectgarbage()
  return gl.memory().live
end

assert(gl.zeros(1))
live()
local pools = gl.memory().pooled > 0 -- a build with the address sanitizer keeps no freed memory, and the sanitizer does
local NUMBER = gl.zeros(1).dtype == "float64" and 8 or 4 -- bytes

-- The number that a program prints. It has a process of its own, as the peak of memory is that of the whole process.
local function number_from(code)
  local output, errors = shell.program('local gl = require "genlat"\nlocal MIB = 1 << 20\n' .. code)
  return assert(tonumber(output), errors)
end

describe("memory", function()
  it("is counted", function()
    local before = live()
    local x = gl.zeros(256, 1024)
    local m = gl.memory()
    assert.is_true(m.live - before >= MIB and m.live - before < 1.2 * MIB)
    assert.is_true(m.peak >= m.live)
    assert.matches("^live: %d+\npeak: %d+\npooled: %d+$", tostring(m))
    x = x:reshape(-1)[{{1, 10}}] -- a part holds the whole
    assert.is_true(live() - before >= MIB and #x == 10)
    x = nil
    assert.equal(before, live(), x)
  end)

  it("is counted in steps where it is pooled, and to the byte where a sanitizer watches its ends", function()
    local function bytes_of(n)
      local before = live()
      local x = gl.zeros(n)
      local bytes = live() - before
      return x and bytes
    end
    local more = {[2] = NUMBER, [17] = 16 * NUMBER, [1025] = 1024 * NUMBER, [65536] = 65535 * NUMBER}
    for n, exact in pairs(more) do
      local counted = bytes_of(n) - bytes_of(1)
      if pools then
        assert.equal(0, counted % 64, n)
        assert.is_true(counted > exact - 64 and counted <= exact * 9 / 8 + 64, n)
      else
        assert.equal(exact, counted, n)
      end
    end
  end)

  it("of freed tensors is kept for the next, and given back by trim", function()
    live()
    core.memory_trim()
    assert.equal(0, gl.memory().pooled)
    local x = gl.zeros(256, 1024)
    assert.is_true(x:numel() > 0)
    x = nil
    live()
    if not pools then return end
    assert.is_true(gl.memory().pooled >= MIB, x)
    local pooled = gl.memory().pooled
    local y = gl.zeros(256, 1024)
    assert.is_true(gl.memory().pooled <= pooled - MIB and #y == 256)
    core.memory_trim()
    assert.equal(0, gl.memory().pooled)
  end)

  for _, mode in ipairs {"incremental", "generational"} do
    it("of 4,000 temporary tensors of 1 MiB is freed on the way, collector " .. mode, function()
      local peak = number_from(('collectgarbage %q\n'):format(mode) .. [[
        for i = 1, 4000 do
          local x = gl.zeros(256, 1024)
          x:fill_(i)
        end
        print(gl.memory().peak // MIB)]])
      assert.is_true(peak < 64, peak)
    end)
  end

  it("of tensors that a generational collector has taken for old is freed too", function()
    local peak = number_from [[
      collectgarbage "generational"
      for _ = 1, 60 do
        local x = gl.zeros(250, 2000)
        for _ = 1, 20 do x = x * 1 end
        for k = 1, 500 do local _ = ("x"):rep(300 + k) end -- rounds of the collector, which x lives through
      end
      print(gl.memory().peak // MIB)]]
    assert.is_true(peak < 64, peak .. " MiB") -- 160 where they stay
  end)

  it("of temporary results inside expressions is freed on the way", function()
    local peak = number_from [[
      local x = gl.ones(256, 1024)
      for i = 1, 300 do x = (x * 2 + 1 - x):clamp(0, 1) end
      print(gl.memory().peak // MIB)]]
    assert.is_true(peak < 64, peak)
  end)

  it("of a graph is freed by backward, though the loss is still there", function()
    local w = gl.ones(256, 256, {requires_grad = true})
    local before = live()
    local y = w
    for _ = 1, 20 do y = (y * 1.01):tanh() end
    local loss = y:sum()
    y = nil
    assert.is_true(live() - before > 20 * 256 * 256 * 4)
    loss:backward()
    assert.is_true(live() - before < 1.2 * 256 * 256 * 4 + 10000, y) -- the gradient
    assert.is_true(loss:item() > 0)
    assert.has_error(function() loss:backward() end)
  end)

  it("is not needed for gradients under no_grad", function()
    local w = gl.ones(256, 256, {requires_grad = true})
    local before = live()
    local y = gl.no_grad(function() return ((w * 2):exp() + 1):sum() end)
    assert.is_true(live() - before < 10000 and y:item() > 0)
  end)

  it("of a chain of 100,000 ops is freed without a deep stack", function()
    local before = live()
    local w = gl.ones(1, {requires_grad = true})
    local y = w
    for _ = 1, 100000 do y = y + 1 end
    assert.equal(100001, y:item())
    y = nil
    assert.is_true(live() - before < 10000, y)
    y = w
    for _ = 1, 100000 do y = y * 1 end
    y:backward()
    assert.equal(1, w.grad:item())
    w, y = nil, nil
    assert.equal(before, live(), w, y)
  end)
end)

-- ---- a small variational autoencoder -------------------------------------------------------------------------------

local function new_model()
  local Model = nn.class "Model"
  function Model:init()
    self.encoder = nn.Sequential(nn.Linear(12, 8), nn.ReLU())
    self.mean, self.logvar = nn.Linear(8, 2), nn.Linear(8, 2)
    self.decoder = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 12))
  end
  function Model:forward(x)
    local h = self.encoder(x)
    local mean, logvar = self.mean(h), self.logvar(h)
    return self.decoder(mean:gaussian_sample(logvar)), mean, logvar
  end
  return Model()
end

local function loss_of(model, x)
  local y, mean, logvar = model(x)
  return y:bce_with_logits(x) + mean:kl_normal(logvar)
end

describe("training", function()
  it("of 1,000 steps does not grow the process", function()
    local model = new_model()
    local optimizer = gl.optim.Adam(model, {lr = 1e-3})
    local data = gl.rand(64, 12)
    local first, bytes, process
    for step = 1, 1000 do
      optimizer:zero_grad()
      local loss = loss_of(model, data)
      loss:backward()
      gl.optim.clip_grad_norm(model, 10)
      optimizer:step()
      if step == 50 then first, bytes, process = loss:item(), live(), core.rss() end
      if step == 1000 then
        assert.is_true(loss:item() < first)
        assert.equal(bytes, live())
      end
    end
    if pools and process then assert.is_true(core.rss() - process < 5e6) end
  end)
end)

describe("an allocation that fails", function()
  -- What a program does, in stages; each goes on from what the ones before left in s.
  local function forward(s) s.loss = loss_of(s.model, s.x:transpose(1, 2)) end
  local function backward(s) s.loss:backward() end
  local function step(s)
    s.norm = gl.optim.clip_grad_norm(s.model, 1)
    s.optimizer:step()
  end
  local stages = {
    {"making a model", function(s) s.model = new_model() end},
    {"making an optimizer", function(s) s.optimizer = gl.optim.Adam(s.model, {lr = 0.01}) end},
    {"making data", function(s) s.x = gl.tensor(s.numbers):reshape(4, 12):transpose(1, 2):clone() end},
    {"forward", forward}, {"backward", backward}, {"step", step},
    {"forward again", forward}, {"backward, adding to gradients", backward}, {"step again", step},
  }

  local function snapshot(model)
    local values = {}
    for i, p in ipairs(model and model:parameters() or {}) do values[i] = {p:totable(), p.grad and p.grad:totable()} end
    return values
  end

  -- Runs the stages from `first` on; s.at says how far it came, s.before what the parameters were at the stage's start.
  local function run(s, first)
    for i = first, #stages do
      s.at, s.before = i, snapshot(s.model)
      stages[i][2](s)
    end
  end

  local function fresh()
    local numbers = {}
    for i = 1, 48 do numbers[i] = (i % 5) / 5 end
    return {numbers = numbers}
  end

  it("raises, changes nothing, leaks nothing and can be followed by another try", function()
    run(fresh(), 1)
    local before, n, failed = live(), 0, {}
    while true do
      local s = fresh()
      core.memory_fail_after(n)
      local ok, message = pcall(run, s, 1)
      core.memory_fail_after(-1)
      if ok then break end
      local stage = stages[s.at][1]
      failed[stage] = true
      assert.matches("out of memory", message)
      assert.same(s.before, snapshot(s.model), stage)
      run(s, stage:find "^backward" and s.at - 1 or s.at) -- what backward had is gone: forward once more
      s = nil
      assert.equal(before, live(), ("allocation %d, in %s: %s"):format(n, stage, tostring(s)))
      n = n + 1
    end
    for _, stage in ipairs(stages) do
      if not stage[1]:find "step" then assert.is_true(failed[stage[1]], stage[1]) end
    end
  end)

  -- Runs a case of an op until none of its allocations fails; returns how many did.
  local function fail_each(row, case)
    for n = 0, 1000 do
      core.memory_fail_after(n)
      local ok, message = pcall(opcheck.torch_difference, row, case)
      core.memory_fail_after(-1)
      if ok then
        assert.is_nil(message, "a failure was overlooked")
        return n
      end
      assert.matches("out of memory", message)
    end
  end

  it("in an op that draws random numbers leaves the generator as it was", function()
    local x = gl.full({64}, 0.5):requires_grad_()
    local draws = {
      dropout = function() return x:dropout() end, gaussian_sample = function() return x:gaussian_sample(x) end,
      bernoulli = function() return x:bernoulli() end,
    }
    for name, draw in pairs(draws) do
      local n = 0
      repeat
        gl.rng_state(5, 0)
        core.memory_fail_after(n)
        local ok = pcall(draw)
        core.memory_fail_after(-1)
        local _, counter = gl.rng_state()
        assert.equal(ok, counter > 0, name)
        n = n + 1
      until ok
      assert.is_true(n > 1, name)
    end
  end)

  it("in an op or its backward raises and leaks nothing", function()
    local cases = opcheck.read "ops.json"
    local before = live()
    for name, row in pairs(gl.ops) do
      for _, case in ipairs(cases[name] or {}) do assert.is_true(fail_each(row, case) > 0) end
      assert.equal(before, live(), name)
    end
  end)
end)
