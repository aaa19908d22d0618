-- Several Lua states in one process, states that are closed with all that is in them, and fork.

local gl = require "genlat"
local host = dofile "spec/support/host.lua"
local shell = dofile "spec/scripts/shell.lua"

-- A training of a small network, and the numbers that it ends with.
local TRAINING = [[
  local gl = require "genlat"
  gl.seed(%d)
  local net = gl.nn.Sequential(gl.nn.Linear(20, 30), gl.nn.BatchNorm(30), gl.nn.Dropout(0.2), gl.nn.Linear(30, 5))
  local optimizer = gl.optim.Adam(net, {lr = 1e-2})
  local images = gl.core.digits(40, 1, 1)
  for step = 1, 40 do
    local x = gl.core.shift(gl.core.batch(images, gl.randperm(40), 1, 8, "dynamic"), 2):flatten(2):slice(2, 1, 20)
    local loss = net(x + gl.randn(8, 20)):square():sum()
    optimizer:zero_grad()
    loss:backward()
    optimizer:step()
    local _ = gl.no_grad(net, x)
  end
  return table.concat(net[4].weight:flatten():totable(), " ")
]]

local FRESH = [[
  local gl = require "genlat"
  local seed, counter = gl.rng_state()
  return ("%d %d %s"):format(seed, counter, (gl.ones(1, {requires_grad = true}) * 2).requires_grad)
]]

describe("Lua states", function()
  it("one after the other each begin afresh", function()
    gl.seed(99)
    for _ = 1, 3 do
      local state = host.state()
      assert.equal("0 0 true", state:run(FRESH))
      state:run "local gl = require 'genlat'; gl.seed(5); gl.rand(9); gl.core.set_recording(false)"
      assert.equal("5 3 false", state:run(FRESH))
      state:close()
    end
    assert.same({99, 0}, {gl.rng_state()})
  end)

  it("by turns have random numbers, recording and collectors of their own", function()
    local code = TRAINING:format(3)
    local expected = host.state():run(code)
    local one, two = host.state(), host.state()
    for _, state in ipairs {one, two} do
      state:run(([[training = coroutine.wrap(function() %s end)]]):format(code:gsub("for step = 1, 40 do",
        "%0 coroutine.yield(step)")))
    end
    gl.seed(1)
    local last = {}
    for step = 1, 41 do
      last[1] = one:run "return training()"
      gl.no_grad(gl.rand, 3)
      last[2] = gl.no_grad(two.run, two, "return training()") -- recording here is not recording there
      if step == 20 then one:run "collectgarbage()" end
    end
    assert.same({expected, expected}, last)
    assert.same({1, 41}, {gl.rng_state()})
    one:run "dropped = coroutine.wrap(function() require('genlat').no_grad(coroutine.yield) end); dropped()"
    one:close()
    assert.equal("3", two:run(FRESH):match "^%d+")
  end)

  it("that call each other from metamethods and finalizers keep apart", function()
    local inner = host.state()
    inner:run "gl = require 'genlat'; gl.seed(11); gl.core.set_recording(false)"
    local meddling = setmetatable({}, {
      __len = function()
        inner:run "return gl.rand(4)"
        return 2
      end,
      __index = function(_, i)
        inner:run "return gl.rand(4)"
        if i <= 2 then return i end
      end,
    })
    gl.seed(12)
    local w = gl.ones(2, {requires_grad = true})
    assert.is_true((w * gl.tensor {1, 2}):sum().requires_grad)
    assert.is_true(gl.randn(2).shape[1] == 2)
    pcall(gl.cat, meddling)
    pcall(gl.rand, meddling)
    pcall(function() return w[meddling] end)
    assert.is_true((w * 2).requires_grad)
    assert.equal(12, (gl.rng_state()))
    assert.equal("11", inner:run(FRESH):match "^%d+")
  end)

  it("in threads side by side compute what they compute alone", function()
    local codes, expected = {}, {}
    for i = 1, 4 do
      codes[i] = TRAINING:format(i)
      expected[i] = host.state():run(codes[i])
    end
    assert.same(expected, {host.threads(table.unpack(codes))})
    assert.same({expected[2], expected[2]}, {host.threads(codes[2], codes[2])})
  end)

  it("in threads may load genlat at the same time, in a process that had not", function()
    local output, errors, status = shell.program(([[
      local host = dofile "spec/support/host.lua"
      local code = %q
      local results = {host.threads(code, code, code, code)}
      for i = 2, #results do assert(results[i] == results[1]) end
      print(results[1])
    ]]):format("return require('genlat').ones(200, 200):matmul(require('genlat').ones(200, 200)):sum():item()"))
    assert.equal("8000000.0\n", output, errors)
    assert.equal(0, status)
  end)

  it("may go from thread to thread", function()
    local state = host.state()
    local expected = host.state():run(TRAINING:format(5))
    state:run(("training = coroutine.wrap(function() %s end)"):format(TRAINING:format(5):gsub("loss:backward%(%)",
      "coroutine.yield() %0 coroutine.yield()")))
    local last
    for turn = 1, 81 do last = state[turn % 3 == 0 and "run" or "elsewhere"](state, "return training()") end
    assert.equal(expected, last)
    state:elsewhere "require('genlat').core.set_recording(false)"
    assert.matches("^5 %d+ false$", state:run(FRESH))
    state:close()
    assert.equal("0 0 true", host.state():run(FRESH))
  end)

  it("may load genlat a second time", function()
    local state = host.state()
    assert.equal("5 2 false", state:run [[
      local gl = require "genlat"
      gl.seed(5)
      gl.core.set_recording(false)
      local x = gl.rand(8)
      for name in pairs(package.loaded) do if name:find "^genlat" then package.loaded[name] = nil end end
      gl = require "genlat"
      assert(x:sum():item() > 0)
      local seed, counter = gl.rng_state()
      return ("%d %d %s"):format(seed, counter, (gl.ones(1, {requires_grad = true}) * 2).requires_grad)]])
    state:close()
  end)
end)

describe("a state that is closed", function()
  local LIVE = [[
    local gl = require "genlat"
    kept = {net = gl.nn.Linear(3, 2), x = gl.rand(4, 3, {requires_grad = true})}
    kept.loss = kept.net(kept.x):sum()
    kept.optimizer = gl.optim.Adam(kept.net, {lr = 0.1})
    kept.schedule = gl.optim.StepLR(kept.optimizer, {step_size = 2})
    kept.set = gl.data.load("digits", {train = 10, test = 10})
    kept.space = gl.latent.space(gl.models.vae {image = {28, 28, 1}, hidden = {4}, latent = 2})
    waiting = coroutine.wrap(function() gl.no_grad(function() coroutine.yield(kept.net(kept.x)) end) end)
    waiting()
  ]]

  it("takes all with it", function()
    collectgarbage()
    collectgarbage()
    local before = gl.memory().live
    for _ = 1, 2 do
      local state = host.state()
      assert.equal("", state:run(LIVE))
      assert.is_true(gl.memory().live > before)
      state:close()
      assert.equal(before, gl.memory().live)
    end
  end)

  it("may be closed while finalizers use what is left", function()
    local _, errors, status = shell.program([[
      warn "@on" -- what finalizers raise
      local function finalizer(closed)
        gl.seed(gl.rng_state() + 1)
        assert(gl.no_grad(function() return #gl.rand(3) + #coroutine.wrap(gl.ones)(2) end) == 5)
        pcall(coroutine.wrap(function() gl.no_grad(coroutine.yield) end))
        for i, use in ipairs {
          function() kept.net:eval() end, function() kept.net(kept.x) end, function() kept.loss:backward() end,
          function() kept.optimizer:step() end, function() kept.schedule:step() end, function() return #kept.x end,
          function() kept.optimizer.lr = 1 end,
        } do
          if pcall(use) == closed then error(("use %d of what is %sgone"):format(i, closed and "" or "not ")) end
        end
      end
      older = setmetatable({}, {__gc = function() finalizer(true) end}) -- runs after genlat's own
      gl = require "genlat" ]] .. LIVE .. [[
      newer = setmetatable({}, {__gc = function() finalizer(false) end})
      os.exit(3, true)]])
    assert.equal("", errors)
    assert.equal(3, status)
  end)

  it("is no longer where signals raise errors or are asked for", function()
    for _, calls in ipairs {"core.raise_on_signal(true)", "core.catch_interrupt()",
                            "core.raise_on_signal(true) core.catch_interrupt()"} do
      local _, errors, status = shell.program(([[
        local host = dofile "spec/support/host.lua"
        local state = host.state()
        state:run "local core = require('genlat').core; %s"
        state:close()
        host.raise(15)]]):format(calls))
      assert.equal("", (errors:gsub("Terminated\n", "")), calls)
      assert.equal(143, status, calls)
    end
  end)

  -- os.exit(..., true) closes the state from inside of whatever is running
  local places = {
    ["in the program"] = "EXIT()",
    ["inside no_grad"] = "gl.no_grad(EXIT)",
    ["in a coroutine, inside no_grad"] = "coroutine.wrap(function() gl.no_grad(EXIT) end)()",
    ["in a coroutine that another one resumed"] =
      "coroutine.wrap(function() gl.no_grad(function() coroutine.wrap(EXIT)() end) end)()",
    ["in a batch loop"] = "for _ in kept.set.train:batches {size = 3} do EXIT() end",
    ["in a module's forward"] = "local N = gl.nn.class 'N'; function N:forward() EXIT() end; N()(kept.x)",
    ["in a summary"] = "local N = gl.nn.class 'N'; function N:forward() EXIT() end; N():summary(3)",
    ["in a length that an operation asks for"] = "gl.cat(setmetatable({}, {__len = EXIT}))",
    ["in an element that an operation asks for"] =
      "gl.tensor(setmetatable({}, {__len = function() return 2 end, __index = EXIT}))",
    ["in an option that an operation asks for"] = "gl.sum(kept.x, setmetatable({}, {__index = EXIT, __len = EXIT}))",
    ["in a finalizer"] = "setmetatable({}, {__gc = EXIT}); collectgarbage()",
    ["in a progress report"] = "gl.latent.invert(kept.space, gl.rand(1, 28, 28, 1), {steps = 2, progress = EXIT})",
  }
  for place, code in pairs(places) do
    it("by os.exit " .. place .. " ends the program with its status", function()
      local _, errors, status = shell.program("gl = require 'genlat'\n" .. LIVE
        .. "local function EXIT() os.exit(7, true) end\n" .. code)
      assert.equal("", errors)
      assert.equal(7, status)
    end)
  end
end)

describe("a child of fork()", function()
  local function work()
    local x = gl.ones(300, 300)
    local set = gl.core.digits(64, 1, 1)
    return x:matmul(x):sum():item() + gl.randn(200000):mean():abs():lt(1):item() + #set
  end

  it("computes as its parent does, with all threads", function()
    local threads = gl.threads()
    gl.threads(math.max(2, threads))
    local expected = tostring(work())
    for _ = 1, 3 do
      assert.equal(expected, host.fork(function() return work() end))
      assert.equal(expected, host.fork(function() return host.fork(work) end))
      assert.equal(expected, tostring(work()))
    end
    gl.threads(threads)
  end)

  it("computes while another thread of its parent did so", function()
    local busy = [[
      local gl = require "genlat"
      local x = gl.ones(64, 64)
      for _ = 1, 500 do x = (x:matmul(x) * 0 + 1 + gl.rand(64, 64) * 0) end
      return "done"]]
    local forking = [[
      local host = package.loadlib("build/spec/host.so", "luaopen_host")()
      local gl = require "genlat"
      for _ = 1, 20 do
        local sum = host.fork(function() return gl.ones(64, 64):matmul(gl.ones(64, 64)):sum():item() end)
        if sum ~= "262144.0" then return sum end
      end
      return "done"]]
    assert.same({"done", "done"}, {host.threads(busy, forking)})
  end)

  it("has the random numbers and the recording of its parent", function()
    gl.seed(21)
    local drawn = host.fork(function() return gl.rand(3):sum():item() end)
    assert.equal(tostring(gl.rand(3):sum():item()), drawn)
    assert.equal("false", gl.no_grad(host.fork, function()
      return (gl.ones(1, {requires_grad = true}) * 1).requires_grad
    end))
  end)

  it("trains", function()
    local code = TRAINING:format(6)
    assert.equal(load(code)(), host.fork(load(code)))
  end)
end)
