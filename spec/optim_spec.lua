-- Optimizers, schedules and clipping against PyTorch's, by spec/fixtures/optim.json; settings, state and errors.

local gl = require "genlat"
local json = require "genlat.json"
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

  for _, case in ipairs(fixture.occasional) do
    it(("%s goes PyTorch's way where a parameter has a gradient in some steps only"):format(case.kind), function()
      local p, occasion = parameters(), {}
      for _, n in ipairs(fixture.occasions) do occasion[n] = true end
      local optimizer = optim[case.kind](p, case.settings)
      for n, place in ipairs(case.path) do
        optimizer:zero_grad()
        loss_of(p):backward()
        if occasion[n] then (p.idle * p.idle * p.idle):sum():backward() end
        optimizer:step()
        assert.is_nil(opcheck.difference("step " .. n, values(p.idle), place, {relative = 1e-5, absolute = 5e-6}))
      end
      local _, steps = optimizer:state()
      assert.same({steps = 20, parameters = {20, 20, 20, 20, #fixture.occasions}}, steps)
    end)
  end

  it("goes on from one count for all parameters, and from one for each", function()
    local p = parameters()
    local optimizer = optim.Adam(p)
    optimizer:set_steps(7)
    assert.same({steps = 7, parameters = {7, 7, 7, 7, 7}}, select(2, optimizer:state()))
    local steps = {steps = 9, parameters = {9, 9, 3.0, 9, 0}}
    optimizer:set_steps(steps)
    assert.same({steps = 9, parameters = {9, 9, 3, 9, 0}}, select(2, optimizer:state()))
    for _, wrong in ipairs {{}, {steps = 9, parameters = {1, 2}}, {steps = 9, parameters = {1, 2, 3, 4, -5}},
                            {steps = 9, parameters = {1, 2, 3, 4, "5"}}, {steps = 1.5, parameters = {1, 2, 3, 4, 5}}} do
      local ok, message = pcall(function() optimizer:set_steps(wrong) end)
      assert.is_false(ok)
      assert.matches("^spec/optim_spec.lua:%d+: Adam: set_steps: expected ", message)
      assert.same(steps, select(2, optimizer:state()))
    end
  end)

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
    assert.error_matches(function() optim.Adam({parameters = 1}, {}) end, "Adam: 'parameters' stands in the list")
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

  local function rates_of(optimizer, schedules, steps)
    local rates = {optimizer.lr}
    for n = 1, steps or 20 do
      for _, schedule in ipairs(schedules) do schedule:step() end
      rates[n + 1] = optimizer.lr
    end
    return rates
  end

  -- The schedules of a case of the fixture, made in its order.
  local function composed(case, optimizer)
    local parts = {}
    for i, part in ipairs(case.parts) do
      parts[i] = optim[part.kind](optimizer, part.settings)
    end
    if #case.milestones == 0 then return parts end
    return {optim.SequentialLR(optimizer, {schedulers = parts, milestones = case.milestones})}
  end

  for i, case in ipairs(fixture.composed) do
    local kinds = {}
    for k, part in ipairs(case.parts) do kinds[k] = part.kind end
    local how = #case.milestones == 0 and "at once" or "one by one from " .. table.concat(case.milestones, ", ")
    local title = ("%d. %s compose as PyTorch's, %s"):format(i, table.concat(kinds, ", "), how)
    it(title, function()
      local optimizer = optim.SGD(parameters(), {lr = 0.1})
      local rates = rates_of(optimizer, composed(case, optimizer))
      assert.is_nil(opcheck.difference("rates", rates, case.rates, {relative = 1e-7, absolute = 1e-12}))
      if #case.milestones == 0 then
        optimizer = optim.SGD(parameters(), {lr = 0.1})
        assert.same(rates, rates_of(optimizer, {optim.ChainedScheduler(composed(case, optimizer))}))
      end
    end)

    it(title .. ", and go on bit for bit from a state that was kept", function()
      local optimizer = optim.SGD(parameters(), {lr = 0.1})
      local rates, states = rates_of(optimizer, composed(case, optimizer)), {}
      for kept = 0, 12 do
        local schedules = {optim.ChainedScheduler(composed(case, optim.SGD(parameters(), {lr = 0.1})))}
        for _ = 1, kept do schedules[1]:step() end
        states[kept] = json.decode(json.encode(schedules[1]:state()))
      end
      for kept, state in pairs(states) do
        local other = optim.SGD(parameters(), {lr = 0.7}) -- whatever it has been made with
        local chain = optim.ChainedScheduler(composed(case, other))
        chain:load_state(state)
        assert.equal(kept, chain.steps)
        assert.same({table.unpack(rates, kept + 1)}, rates_of(other, {chain}, 20 - kept))
      end
    end)
  end

  it("takes up a rate that the user sets", function()
    local optimizer = optim.SGD(parameters(), {lr = 1})
    local schedule = optim.StepLR(optimizer, {step_size = 1, gamma = 0.5})
    schedule:step()
    optimizer.lr = 4
    schedule:step()
    assert.equal(2, optimizer.lr)
  end)

  it("goes to any step of a sequence, and back", function()
    local optimizer = optim.SGD(parameters(), {lr = 1})
    local warm = optim.LinearLR(optimizer, {start_factor = 0.1, total_iters = 5})
    local cosine = optim.CosineAnnealingLR(optimizer, {t_max = 10})
    local schedule = optim.SequentialLR(optimizer, {schedulers = {warm, cosine}, milestones = {5}})
    assert.equal("SequentialLR: 0 steps, lr 0.1 (at first 1)", tostring(schedule))
    for _, case in ipairs {{5, 1}, {10, 0.5}, {2, 0.46}, {15, 0}, {3, 0.64}} do
      schedule:set(case[1])
      assert.is_true(math.abs(optimizer.lr - case[2]) < 1e-12)
      assert.equal(case[1], schedule.steps)
    end
  end)

  it("says what is wrong, at the line that is wrong, and changes nothing", function()
    local optimizer, other = optim.SGD(parameters(), {lr = 0.5}), optim.SGD(parameters())
    local near, far = optim.StepLR(optimizer, {step_size = 2}), optim.StepLR(other, {step_size = 2})
    local chain = optim.ChainedScheduler {near}
    local function refused(message, f)
      local ok, text = pcall(f)
      assert.is_false(ok)
      assert.matches("^spec/optim_spec.lua:%d+: " .. message, text)
      assert.equal(0.5, optimizer.lr)
    end
    local function try(kind, options, message)
      refused(kind .. ": " .. message, function() local _ = optim[kind](optimizer, options) end)
    end
    try("StepLR", {}, "step_size.* a whole number .*1, not nothing")
    try("StepLR", nil, "step_size.* a whole number .*1, not nothing")
    try("StepLR", {step_size = 0}, "step_size.* a whole number .*1, not 0")
    try("StepLR", {step_size = 1.5}, "step_size.* a whole number .*1, not 1.5")
    try("StepLR", {step_size = 1, gamma = -1}, "gamma.* a number .*0, not %-1")
    try("StepLR", {step_size = 1, gamma = 0 / 0}, "gamma.* a number .*0, not %-?nan")
    try("StepLR", {step_size = 1, gama = 1}, "there is no option 'gama'; .*did you mean 'gamma'")
    try("CosineAnnealingLR", nil, "t_max.* a whole number .*1, not nothing")
    try("CosineAnnealingLR", {t_max = 0}, "t_max.* a whole number .*1, not 0")
    try("CosineAnnealingLR", {t_max = 2, eta_min = 1 / 0}, "eta_min.* a number .*0, not inf")
    try("LinearLR", {total_iters = "4"}, "total_iters.* a whole number .*1, not '4'")
    try("LinearLR", {total_iters = 0}, "total_iters.* a whole number .*1, not 0")
    try("LinearLR", {start_factor = 0}, "start_factor.* a number .*, not 0")
    try("LinearLR", {start_factor = 2}, "start_factor.* a number .*, not 2")
    try("SequentialLR", {}, "schedulers.* a list .*schedule.*, not nothing")
    local two, three = {near, near}, {near, near, near}
    try("SequentialLR", {schedulers = two}, "milestones.* a list of 1.*, not an empty")
    try("SequentialLR", {schedulers = two, milestones = {0}}, "milestones%[1%].* a whole number .*1, not 0")
    try("SequentialLR", {schedulers = three, milestones = {4, 4}}, "milestones rise, 4 does not come after 4")
    try("SequentialLR", {schedulers = {near, 3}, milestones = {1}}, "schedulers%[2%].* a schedule, not 3")
    try("SequentialLR", {schedulers = {far}}, "the schedulers are of another optimizer")
    try("SequentialLR", {schedulers = {chain}}, "schedulers%[1%] is a ChainedScheduler: it cannot be a part")
    refused("ChainedScheduler: schedulers%[2%] is of another", function()
      local _ = optim.ChainedScheduler {near, far}
    end)
    refused("StepLR: expected an optimizer, got nil", function() local _ = optim.StepLR(nil, {step_size = 1}) end)
    refused("StepLR: steps.* a whole number .*0, not %-1", function() near:set(-1) end)
    for _, schedule in ipairs {near, chain} do
      refused("%a+: state.lr.* a number .*0, not nothing", function()
        schedule:load_state {steps = 3, base = 1}
      end)
      assert.equal(0, schedule.steps)
    end
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

  it("finds the length of gradients whose squares leave float32, large and small", function()
    for _, size in ipairs {1e-38, 1e-30, 1e30, 1e38} do
      local p = gl.zeros(3):requires_grad_()
      local loss = (p * gl.tensor {3, 4, 0} * (size / 5)):sum()
      loss:backward()
      local length = optim.clip_grad_norm({p}, 1e-3)
      assert.is_nil(opcheck.difference("length", {length}, {size}, {relative = 1e-6, absolute = 0}))
      local after = optim.clip_grad_norm({p}, 1)
      local right = math.min(size, 1e-3 / (1 + 1e-6 / size))
      assert.is_nil(opcheck.difference("clipped", {after}, {right}, {relative = 1e-4, absolute = 0}))
    end
  end)

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
