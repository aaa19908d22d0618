-- Optimizers, schedules and clipping against PyTorch's, by spec/fixtures/optim.json; settings, state and errors.

local gl = require "genlat"
local opcheck = require "spec.opcheck"

local optim, values = gl.optim, opcheck.values
local fixture = opcheck.read "optim.json"

-- The list of the parameters of the fixture's problem, where each is found by its name too.
local function parameters()
  local list, named = {}, {}
  for i, name in ipairs(fixture.order) do
    local start = fixture.start[name]
    list[i] = gl.tensor(start.data):reshape(start.shape):requires_grad_()
    named[name] = list[i]
  end
  return setmetatable(list, {__index = named})
end

local x, y = gl.tensor(fixture.x), gl.tensor(fixture.y)

-- y = c + v . tanh(W x + b), fitted by least squares
local function loss_of(p) return (x:linear(p.W, p.b):tanh():matmul(p.v) + p.c):mse_loss(y, "mean") end

local function step(optimizer, p)
  optimizer:zero_grad()
  loss_of(p):backward()
  optimizer:step()
end

local function all_values(p)
  local list = {}
  for _, parameter in ipairs(p) do
    table.move(values(parameter), 1, parameter:numel(), #list + 1, list)
  end
  return list
end

local function settings_text(settings)
  local words = {}
  for name, value in pairs(settings) do
    words[#words + 1] = name .. " " .. (type(value) == "table" and table.concat(value, ", ") or tostring(value))
  end
  table.sort(words)
  return table.concat(words, ", ")
end

describe("optimizer", function()
  for _, case in ipairs(fixture.optimizers) do
    local title = ("%s goes PyTorch's way for 20 steps: %s"):format(case.kind, settings_text(case.settings))
    it(title, function()
      local p = parameters()
      local optimizer = optim[case.kind](p, case.settings)
      for n, place in ipairs(case.path) do
        step(optimizer, p)
        assert.is_nil(opcheck.difference("step " .. n, all_values(p), place, {relative = 1e-5, absolute = 5e-6}))
      end
      assert.equal(20, optimizer.steps)
      assert.is_nil(p.idle.grad) -- and stayed as it was, as the fixture says
    end)
  end

  for name, kind in pairs(optim.kinds) do
    it(name .. " is compared with each of its settings", function()
      for setting in kind.signature:gmatch "([%w_]+):" do
        local found = false
        for _, case in ipairs(fixture.optimizers) do
          found = found or case.kind == name and case.settings[setting] ~= nil
        end
        assert(found, setting)
      end
    end)

    it(name .. " goes on bit for bit from a state that was kept", function()
      local options = {lr = 0.05, momentum = kind.signature:find "momentum" and 0.9 or nil, weight_decay = 0.01}
      local p = parameters()
      local optimizer = optim[name](p, options)
      for _ = 1, 7 do
        step(optimizer, p)
      end
      local kept = {}
      local state, steps = optimizer:state()
      for key, tensor in pairs(state) do
        kept[key] = tensor:clone()
      end
      local q = parameters()
      for i, parameter in ipairs(p) do
        q[i]:detach():copy_(parameter:detach())
      end
      local other = optim[name](q, options)
      local fresh = other:state()
      for key, tensor in pairs(kept) do
        fresh[key]:copy_(tensor)
        kept[key] = nil
        fresh[key] = nil
      end
      assert.is_nil(next(fresh))
      other:set_steps(steps)
      for _ = 1, 5 do
        step(optimizer, p)
        step(other, q)
      end
      assert.same(all_values(p), all_values(q))
      assert.equal(12, other.steps)
    end)
  end

  it("does nothing to large parameters that it does not do to small ones, on any number of threads", function()
    local threads = gl.threads()
    finally(function() gl.threads(threads) end)
    for name in pairs(optim.kinds) do
      for n = 1, 3 do
        gl.threads(n)
        local small, large = gl.tensor {0.5, -1, 2}:requires_grad_(), gl.zeros(7001, 3):requires_grad_()
        large:detach():copy_(small:detach())
        local optimizer = optim[name]({small, large, gl.ones(5):requires_grad_()}, {lr = 0.1})
        for _ = 1, 3 do
          optimizer:zero_grad();
          (small:square():sum() + large:square():sum()):backward()
          optimizer:step()
        end
        assert.is_true((large - small):abs():max():item() < 1e-6)
      end
    end
  end)

  it("has its settings by name, to be read and changed", function()
    local p = parameters()
    local optimizer = optim.Adam(p, {lr = 0.5, betas = {0.8, 0.9}})
    assert.equal(0.5, optimizer.lr)
    assert.same({0.8, 0.9}, optimizer.betas)
    assert.equal(1e-8, optimizer.eps)
    optimizer.lr = 0
    optimizer.betas = {0.1, 0.2}
    assert.same({0.1, 0.2}, optimizer.betas)
    local before = all_values(p)
    step(optimizer, p)
    assert.same(before, all_values(p))
    optimizer.lr = 0.1
    step(optimizer, p)
    assert.not_same(before, all_values(p))
    local text = "Adam {lr = 0.1, betas = {0.1, 0.2}, eps = 1e-08, weight_decay = 0}: 2 steps, 5 parameters, 15 numbers"
    assert.equal(text, tostring(optimizer))
    assert.is_true(optim.SGD(p, {nesterov = true, momentum = 0.9}).nesterov)
    assert.equal(0.01, optim.SGD(p).lr)
  end)

  it("takes a model as well as a list", function()
    local model = gl.nn.Sequential(gl.nn.Linear(2, 3), gl.nn.Tanh(), gl.nn.Linear(3, 1))
    local optimizer = optim.SGD(model, {lr = 0.1})
    local before = model(x):mse_loss(y:reshape(4, 1), "mean")
    before:backward()
    optimizer:step()
    assert.is_true(model(x):mse_loss(y:reshape(4, 1), "mean"):item() < before:item())
    optimizer:zero_grad()
    for _, p in ipairs(model:parameters()) do
      assert.is_nil(p.grad)
    end
  end)

  it("says what is wrong", function()
    local p = parameters()
    assert.error_matches(function() optim.Adam({}, {}) end, "Adam: there are no parameters to train")
    assert.error_matches(function() optim.Adam(nil, {}) end, "Adam: expected a model or a list of parameters")
    assert.error_matches(function() optim.Adam({1}, {}) end, "Adam: element 1 of the list is not a tensor but number")
    assert.error_matches(function() optim.Adam(p, {rate = 1}) end, "Adam: there is no option 'rate' %(it takes lr = ")
    assert.error_matches(function() optim.Adam(p, {lr = "x"}) end, "Adam: lr: expected a number, got string")
    assert.error_matches(function() optim.Adam(p, {betas = 0.9}) end, "Adam: betas: expected a pair of numbers")
    assert.error_matches(function() optim.SGD({p.W:transpose(1, 2)}) end, "SGD: parameter 1 is not a float32 leaf")
    assert.error_matches(function() optim.SGD({p.b * 2}) end, "SGD: parameter 1 is not a float32 leaf")
    local optimizer = optim.RMSprop(p)
    assert.error_matches(function() optimizer.beta = 1 end, "RMSprop has no setting 'beta'")
    assert.error_matches(function() return optimizer.beta end, "RMSprop has no field or method 'beta'")
    assert.error_matches(function() optimizer.lr = true end, "RMSprop: lr: expected a number, got boolean")
    assert.error_matches(function() optimizer:set_steps(-1) end, "a number of steps taken")
  end)
end)

describe("schedule", function()
  for _, case in ipairs(fixture.schedules) do
    it(("%s sets PyTorch's rates: %s"):format(case.kind, settings_text(case.settings)), function()
      local optimizer = optim.SGD(parameters(), {lr = 0.1})
      local schedule = optim[case.kind](optimizer, case.settings)
      for n, rate in ipairs(case.rates) do
        assert.is_nil(opcheck.difference("rate " .. n, {optimizer.lr}, {rate}, {relative = 1e-7, absolute = 1e-12}))
        schedule:step()
      end
    end)

    it(("%s goes on from where it was: %s"):format(case.kind, settings_text(case.settings)), function()
      local optimizer = optim.SGD(parameters(), {lr = 0.1})
      local schedule = optim[case.kind](optimizer, case.settings)
      schedule:set(7)
      assert.equal(7, schedule.steps)
      assert.is_true(math.abs(optimizer.lr / case.rates[8] - 1) < 1e-7)
    end)
  end

  it("says what is wrong", function()
    local optimizer = optim.SGD(parameters())
    assert.error_matches(function() optim.StepLR(optimizer, {}) end, "step_size is a number, not nil")
    assert.error_matches(function() optim.CosineAnnealingLR(optimizer) end, "t_max is a number, not nil")
    assert.error_matches(function() optim.LinearLR(optimizer, {total_iters = "4"}) end, "total_iters is a number")
  end)
end)

describe("clipping", function()
  for _, name in ipairs {"clip_grad_norm", "clip_grad_value"} do
    for _, case in ipairs(fixture[name]) do
      it(("%s does as PyTorch's with %g"):format(name, case.max), function()
        local p = parameters()
        loss_of(p):backward()
        local length = optim[name](p, case.max)
        if case.length then assert.is_true(math.abs(length / case.length - 1) < 1e-5) end
        for _, key in ipairs(fixture.order) do
          local got = p[key].grad and values(p[key].grad)
          if case.grads[key] then
            assert.is_nil(opcheck.difference(key, got, case.grads[key], {relative = 1e-5, absolute = 1e-6}))
          else
            assert.is_nil(got)
          end
        end
      end)
    end
  end

  it("says what is wrong", function()
    assert.error_matches(function() optim.clip_grad_norm(parameters(), 0) end, "clip_grad_norm: max is above 0")
    assert.error_matches(function() optim.clip_grad_value(parameters(), -1) end, "clip_grad_value: max is above 0")
    assert.error_matches(function() optim.clip_grad_norm(parameters()) end, "max: expected a number")
  end)
end)

describe("settings that make no sense", function()
  local function refused(message, f, ...)
    local ok, text = pcall(f, ...)
    assert.is_false(ok)
    assert.equal(message, (text:gsub("^[%w%./_]+%.lua:%d+: ", "")))
  end

  it("are refused, when an optimizer is made and later", function()
    local layer = gl.nn.Linear(2, 2)
    refused("SGD: lr is a number from 0, not -1", gl.optim.SGD, layer, {lr = -1})
    refused("Adam: eps is a number from 0, not inf", gl.optim.Adam, layer, {eps = math.huge})
    refused("Adam: betas are at least 0 and less than 1, not 1", gl.optim.Adam, layer, {betas = {0.9, 1}})
    refused("RMSprop: parameters 1 and 2 are the same tensor", gl.optim.RMSprop, {layer.weight, layer.weight})
    local adam = gl.optim.Adam(layer)
    refused("Adam: lr is a number from 0, not -2", function() adam.lr = -2 end)
    assert.equal(0.001, adam.lr)
  end)
end)
