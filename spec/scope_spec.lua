-- scope.lua: what a call sets aside is put back, however the call ends, and belongs to the coroutine that made it.

local gl = require "genlat"
local scope = require "genlat.scope"
local core, nn = gl.core, gl.nn

local weight = gl.ones(2, {requires_grad = true})
local function records() return (weight * 2).requires_grad end

local function network() -- draws no numbers
  local seed, counter = gl.rng_state()
  local model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5), nn.Sequential(nn.BatchNorm(2), nn.Dropout(0.1)))
  gl.rng_state(seed, counter)
  return model
end

-- The training flag of a module and of all below it, and whether each parameter requires a gradient.
local function state_of(model)
  local state = {}
  model:walk(function(module, prefix) state[prefix] = module.training end)
  for _, p in ipairs(model:named_parameters()) do state[p[1]] = p[2].requires_grad end
  return state
end

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("a scope", function()
  before_each(function()
    gl.seed(7)
    gl.rand(5)
  end)

  after_each(function()
    assert.is_true(records())
    assert.same({7, 2}, {gl.rng_state()})
  end)

  it("passes arguments and results, nil among them", function()
    assert.same({n = 4, 1, nil, 3, nil}, table.pack(scope.run({}, function(...) return ... end, 1, nil, 3, nil)))
    assert.same({n = 0}, table.pack(scope.run({recording = false, eval = network()}, function() end)))
  end)

  it("sets recording and the random numbers, and puts both back", function()
    local numbers = scope.run({recording = false, seed = 3}, function()
      assert.is_false(records())
      return gl.rand(4):totable()
    end)
    gl.rng_state(3, 0)
    assert.same(numbers, gl.rand(4):totable())
    gl.rng_state(7, 2)
    assert.is_false(gl.no_grad(records))
    assert.is_true(gl.no_grad(function() return scope.run({recording = true}, records) end))
  end)

  it("leaves alone what it does not name", function()
    scope.run({recording = false}, function() assert.same({7, 2}, {gl.rng_state()}) end)
    assert.is_true(scope.run({seed = 1}, records))
    assert.is_false(gl.no_grad(scope.run, {seed = 1}, records))
    scope.run({seed = 1}, function()
      gl.rand(1)
      gl.no_grad(function() assert.same({1, 1}, {gl.rng_state()}) end)
    end)
  end)

  it("puts a model into evaluation, and each module back into what it was in", function()
    local model = network()
    model[3]:eval()
    model[3][1].weight.requires_grad = false
    local before = state_of(model)
    scope.run({eval = model, frozen = model}, function()
      for _, value in pairs(state_of(model)) do assert.is_false(value) end
      assert.is_false(model(gl.ones(4, 3)).requires_grad)
    end)
    assert.same(before, state_of(model))
  end)

  it("can be entered by a model twice", function()
    local model = network()
    model[2]:eval()
    local before = state_of(model)
    scope.run({eval = model}, function()
      scope.run({eval = model[3], frozen = model}, scope.run, {eval = model, frozen = model[1]}, function()
        assert.is_false(model.training)
      end)
      assert.is_false(model[3].training)
      model:train() -- what is set inside is put back too
      scope.run({eval = model}, function() end)
      assert.is_true(model[3].training)
    end)
    assert.same(before, state_of(model))
  end)

  it("puts all back after an error, and passes the error unchanged", function()
    local model = network()
    local before, problem = state_of(model), setmetatable({}, {__tostring = function() return "x" end})
    for _, value in ipairs {problem, "text", 5, false, io.stdout, function() end} do
      local ok, got = pcall(scope.run, {recording = false, seed = 1, eval = model, frozen = model}, error, value, 0)
      assert.is_false(ok)
      assert.equal(value, got)
      assert.same(before, state_of(model))
    end
    local ok, got = pcall(scope.run, {recording = false, seed = 1}, error)
    assert.is_true(not ok and got == select(2, pcall(error))) -- nil, and since Lua 5.5 a text
    -- the handler of an error sees the place that raised it
    local _, text = xpcall(gl.no_grad, debug.traceback, function()
      local function culprit() error "here" end
      culprit()
    end)
    assert.matches("culprit", text)
  end)

  it("passes a stack overflow and a failing metamethod", function()
    local function deep() return 1 + deep() end
    assert.is_false(pcall(gl.no_grad, deep))
    assert.is_false(pcall(gl.no_grad, function() return {} + {} end))
    assert.is_false(pcall(gl.no_grad, function() return weight:matmul(gl.ones(3, 3)) end))
  end)

  it("refuses what it does not know before it changes anything", function()
    local model = network()
    local before = state_of(model)
    for settings, message in pairs {
      [{recordings = false}] = "scope: there is no setting 'recordings'; there are eval, frozen, recording, seed; did "
        .. "you mean 'recording'?",
      [{recording = 1}] = "scope: recording: expected true or false, got number",
      [{recording = false, seed = "1"}] = "seed: the seed is a whole number from 0 to 9007199254740992, not string",
      [{seed = 1.5}] = "seed: the seed is a whole number from 0 to 9007199254740992, not 1.5",
      [{recording = false, eval = model, frozen = 3}] = "scope: frozen: expected a model, got number",
      [{eval = {}}] = "scope: eval: expected a model, got table",
    } do
      assert.error_matches(function() scope.run(settings, records) end, message)
      assert.same(before, state_of(model))
    end
    assert.error_matches(function() scope.run() end, "scope: expected a table of settings, got nil")
    assert.error_matches(function() scope.run({seed = 1}, weight) end, "scope: expected a function, got userdata")
    assert.error_matches(function() gl.no_grad() end, "no_grad: expected a function, got nil")
  end)

  it("of a model whose module raises while it is switched puts back those before it", function()
    local Stubborn = nn.class "Stubborn"
    function Stubborn.set_training() error "never" end
    local model = nn.Sequential(nn.Dropout(0.5), Stubborn(), nn.Dropout(0.5))
    pcall(scope.run, {eval = model}, records)
    assert.is_true(model[1].training and model[3].training)
  end)
end)

describe("recording in coroutines", function()
  after_each(function() assert.is_true(records()) end)

  it("is off in one that is resumed inside no_grad, wherever it was made", function()
    local outside = coroutine.wrap(function()
      while true do coroutine.yield(records()) end
    end)
    assert.is_true(outside())
    local inside
    gl.no_grad(function()
      assert.is_false(outside())
      inside = coroutine.wrap(function()
        local deeper = coroutine.wrap(function()
          while true do coroutine.yield(records()) end
        end)
        while true do coroutine.yield(records() or deeper()) end
      end)
      assert.is_false(inside())
      for x in coroutine.wrap(function() coroutine.yield(weight * 2) end) do assert.is_false(x.requires_grad) end
    end)
    assert.is_true(outside() and inside())
  end)

  it("is not changed for others by one that is left inside no_grad", function()
    local co = coroutine.create(function() gl.no_grad(coroutine.yield, 1) end)
    assert.is_true(coroutine.resume(co))
    assert.is_true(records())
    assert.is_true(coroutine.wrap(records)())
    co = nil
    collect()
    assert.is_true(records(), co)
  end)

  it("goes on as it was when one is resumed, from wherever", function()
    local co = coroutine.wrap(function()
      coroutine.yield(records())
      gl.no_grad(function()
        coroutine.yield(records())
        coroutine.yield(records())
        scope.run({recording = true}, function() coroutine.yield(records()) end)
        coroutine.yield(records())
      end)
      coroutine.yield(records())
    end)
    assert.is_true(co())
    assert.is_false(co())
    assert.is_true(records())
    assert.is_false(gl.no_grad(co))
    assert.is_true(gl.no_grad(co)) -- its own scope comes first
    assert.is_false(coroutine.wrap(co)())
    assert.is_true(co())
  end)

  it("is put back when one is closed, or dies, inside no_grad", function()
    local model = network()
    local before = state_of(model)
    local co = coroutine.create(function()
      scope.run({recording = false, eval = model, frozen = model}, coroutine.yield)
    end)
    coroutine.resume(co)
    assert.is_false(model.training)
    assert.is_true(coroutine.close(co))
    assert.same(before, state_of(model))
    co = coroutine.create(function()
      scope.run({recording = false, seed = 1, eval = model, frozen = model}, error, model)
    end)
    local ok, problem = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal(model, problem)
    assert.is_true(records())
    assert.same(before, state_of(model))
    assert.equal("dead", coroutine.status(co)) -- and not yet collected
  end)

  it("survives thousands that were dropped", function()
    for _ = 1, 3000 do
      local co = coroutine.wrap(function() scope.run({recording = false, seed = 1}, coroutine.yield) end)
      co()
      if coroutine.wrap(records)() == false then error "a dropped coroutine's scope holds in another" end
    end
    collect()
    assert.is_true(coroutine.wrap(records)())
  end)

  it("and the random numbers are each one's own inside a scope", function()
    gl.seed(1)
    local expected = scope.run({seed = 5}, function() return gl.rand(6):totable() end)
    local co = coroutine.wrap(function()
      scope.run({seed = 5}, function()
        while true do coroutine.yield(gl.rand(2)) end
      end)
    end)
    local got = {}
    for i = 1, 3 do
      gl.rand(3)
      got[i] = co()
    end
    assert.same({1, 3}, {gl.rng_state()})
    gl.rng_state(5, 0)
    for i = 1, 3 do assert.same(gl.rand(2):totable(), got[i]:totable()) end
    assert.equal(6, #expected)
  end)

  it("may be switched by set_recording for the rest of its life", function()
    local co = coroutine.wrap(function()
      assert.is_true(core.set_recording(false))
      coroutine.yield(records())
      assert.is_false(gl.no_grad(core.set_recording, true))
      return core.set_recording(true), records()
    end)
    assert.is_false(co())
    assert.is_true(records())
    assert.same({false, true}, {co()})
    assert.is_true(core.set_recording(false))
    assert.is_false(coroutine.wrap(records)())
    assert.is_false(core.set_recording(true))
  end)
end)

describe("a model's scopes of several coroutines", function()
  local function evaluating(model) return coroutine.wrap(function() scope.run({eval = model}, coroutine.yield) end) end

  it("hold until the last ends, in whatever order", function()
    for _, order in ipairs {{1, 2, 3}, {3, 2, 1}, {2, 1, 3}, {2, 3, 1}} do
      local model = network()
      model[2]:eval()
      local before, all = state_of(model), {}
      for i = 1, 3 do
        all[i] = evaluating(model)
        all[i]()
      end
      for i, which in ipairs(order) do
        assert.is_false(model.training)
        all[which]()
        assert.equal(i == 3, model.training)
      end
      assert.same(before, state_of(model))
    end
  end)

  it("leave it as it was switched by hand meanwhile", function()
    for _, on in ipairs {true, false} do
      local model = network()
      local co = coroutine.wrap(function() scope.run({eval = model, frozen = model}, coroutine.yield) end)
      co()
      model:train(on)
      model[1][on and "unfreeze" or "freeze"](model[1])
      co = nil
      collect()
      assert.equal(on, model.training, co)
      assert.equal(on, model[1].weight.requires_grad)
      assert.is_true(model[3][1].weight.requires_grad)
    end
    local model = network()
    scope.run({eval = model}, function() coroutine.wrap(function() model:eval() end)() end)
    assert.is_true(model.training) -- inside it is put back
  end)

  it("end when a coroutine is collected", function()
    local model = network()
    local before = state_of(model)
    evaluating(model)()
    collect()
    assert.same(before, state_of(model))
  end)
end)

describe("only scope.lua", function()
  local ALLOWED = { -- what stands in a checkpoint, and where a script's random numbers begin
    ["core.rng_state"] = {"^lua/genlat/train/run%.lua$", "^lua/genlat/runs/"},
    ["core.seed"] = {
      "^lua/genlat/train/run%.lua$", "^lua/genlat/explore%.lua$", "^lua/genlat/cli/", "^lua/genlat/runs/",
    },
    ["core.scope"] = {"^lua/genlat/scope%.lua$"},
    ["core.set_recording"] = {},
    ["gl.rng_state"] = {"^lua/genlat/help/binding%.lua$"},
    ["gl.seed"] = {"^lua/genlat/help/", "^scripts/", "^examples/"},
  }

  it("sets recording, random numbers and what is put back afterwards", function()
    local pipe = assert(io.popen "find lua scripts examples -name '*.lua'")
    for path in pipe:lines() do
      local file = assert(io.open(path))
      local text = file:read("a"):gsub("%-%-[^\n]*", "")
      file:close()
      for call, places in pairs(ALLOWED) do
        local allowed = not text:find(call, 1, true)
        for _, place in ipairs(places) do allowed = allowed or path:find(place) ~= nil end
        assert.is_true(allowed, path .. " has " .. call)
      end
    end
    pipe:close()
  end)
end)
