-- The tape: what is recorded, where gradients go, what is freed, and what is refused.

local gl = require "genlat"
local values = require("spec.opcheck").values

-- A leaf that requires a gradient.
local function leaf(...) return gl.tensor(...):requires_grad_() end

describe("backward", function()
  it("adds to the gradients that are there", function()
    local x = leaf {1, 2, 3}
    x:square():sum():backward()
    assert.same({2, 4, 6}, values(x.grad))
    x:square():sum():backward()
    assert.same({4, 8, 12}, values(x.grad))
    x.grad = nil
    x:mul(3):sum():backward()
    assert.same({3, 3, 3}, values(x.grad))
  end)

  it("adds to a gradient that somebody set, and leaves the tensor it was set from alone", function()
    local x, start = leaf {1, 2}, gl.tensor {10, 20}
    x.grad = start
    x:sum():backward()
    assert.same({11, 21}, values(x.grad))
    assert.same({10, 20}, values(start))
    assert.has_error(function() x.grad = gl.ones(3) end, "grad is 3, the tensor 2")
  end)

  it("sums over all the uses of a tensor", function()
    local x = leaf {{1, 2}, {3, 4}}
    x:mul(x):sum():backward()
    assert.same({2, 4, 6, 8}, values(x.grad))
    x.grad = nil
    x:add(x):sum():backward()
    assert.same({2, 2, 2, 2}, values(x.grad))
    x.grad = nil
    x:sub(x):sum():backward()
    assert.same({0, 0, 0, 0}, values(x.grad))
    x.grad = nil
    x:matmul(x):sum():backward() -- d/dx sum(x x): row sums of x down the columns, column sums along the rows
    assert.same({3 + 4, 7 + 4, 3 + 6, 7 + 6}, values(x.grad))
    x.grad = nil
    gl.cat {x, x, x}:sum():backward()
    assert.same({3, 3, 3, 3}, values(x.grad))
  end)

  it("goes through each node once, however many paths lead there", function()
    local x = leaf(1)
    local y = x:mul(1)
    for _ = 1, 40 do -- 2^40 paths
      y = y + y
    end
    y:backward()
    assert.equal(2 ^ 40, x.grad:item())
    local a = leaf {1, 2}
    local b = a * 3
    local c = b * b + b:exp() * 0 + b -- b is met before and after its other uses
    c:sum():backward()
    assert.same({21, 39}, values(a.grad))
  end)

  it("does not confuse the gradients of two sums that share one", function()
    local x, y = leaf {1, 2}, leaf {3, 4}
    local s = x + y;
    (s + s * gl.tensor {10, 20}):sum():backward()
    assert.same({11, 21}, values(x.grad))
    assert.same({11, 21}, values(y.grad))
    x.grad:add_(1) -- each has its own
    assert.same({11, 21}, values(y.grad))
    local v, w = leaf {1, 2}, leaf {3, 4}
    local double = v * 2;
    ((v + w) + double):sum():backward() -- v's and w's are one until v's grows
    assert.same({3, 3}, values(v.grad))
    assert.same({1, 1}, values(w.grad))
  end)

  it("sums over the axes along which either operand was stretched", function()
    local x, y = leaf {{1}, {2}, {3}}, leaf {10, 20}
    x:mul(y):sum():backward()
    assert.same({30, 30, 30}, values(x.grad))
    assert.same({3, 1}, x.grad.shape)
    assert.same({6, 6}, values(y.grad))
    assert.same({2}, y.grad.shape)
    local s = leaf(2)
    s:div(gl.tensor {{1, 2}, {4, 8}}):sum():backward()
    assert.same({1.875}, values(s.grad))
    assert.same({}, s.grad.shape)
  end)

  it("goes through views of views to the leaf", function()
    local x = leaf {{1, 2, 3}, {4, 5, 6}}
    local v = x:transpose(1, 2):slice(1, 2, 3)[{{}, 1}] -- 2, 3
    assert.same({2, 3}, values(v))
    v:mul(gl.tensor {10, 100}):sum():backward()
    assert.same({0, 10, 100, 0, 0, 0}, values(x.grad))
    x[2]:square():sum():backward()
    assert.same({0, 10, 100, 8, 10, 12}, values(x.grad))
  end)

  it("starts from the gradient that it is given", function()
    local x = leaf {1, 2, 3}
    x:square():backward(gl.tensor {1, 10, 100})
    assert.same({2, 40, 600}, values(x.grad))
    x.grad = nil
    local seed = gl.tensor {1, 1, 1}
    x:mul(2):backward {gradient = seed}
    assert.same({2, 2, 2}, values(x.grad))
    assert.same({1, 1, 1}, values(seed))
  end)

  it("goes down a tape of fifty thousand ops", function()
    local x = leaf(1)
    local y = x
    for _ = 1, 50000 do
      y = y + 1
    end
    y:backward()
    assert.equal(1, x.grad:item())
  end)

  it("can be had twice where the graph is kept", function()
    local x = leaf {1, 2}
    local y = x:exp():square():sum()
    y:backward {retain_graph = true}
    local once = x.grad:clone()
    y:backward()
    assert.same(values(once * 2), values(x.grad))
    assert.error_matches(function() y:backward() end, "backward: this graph was freed by an earlier backward")
    assert.same(values(once * 2), values(x.grad))
  end)

  it("refuses a graph of which a part was freed, and changes no gradient", function()
    local x, z = leaf {1, 2}, leaf {3, 4}
    local shared = x:exp()
    shared:sum():backward()
    local before = values(x.grad)
    assert.error_matches(function() (shared * z):sum():backward() end, "was freed by an earlier backward")
    assert.same(before, values(x.grad))
    assert.is_nil(z.grad)
  end)

  it("says what is wrong with a loss", function()
    local x = leaf {1, 2}
    assert.error_matches(function() x:mul(2):backward() end,
      "backward: a loss has one element, this tensor is 2: sum it, or give the gradient to start from")
    assert.error_matches(function() x:mul(2):backward(gl.ones(3)) end, "the starting gradient is 3, the tensor 2")
    assert.error_matches(function() leaf(1):backward() end, "this tensor is a leaf")
    assert.error_matches(function() gl.ones(1):exp():backward() end,
      "was not computed from any that requires a gradient")
  end)
end)

describe("what is not recorded", function()
  it("is what is detached", function()
    local x = leaf {1, 2}
    local d = x:exp():detach()
    assert.is_false(d.requires_grad)
    assert.is_true(d.is_leaf);
    (x * x:detach()):sum():backward()
    assert.same({1, 2}, values(x.grad))
  end)

  it("is what is computed in no_grad, whose end brings the recording back", function()
    local x = leaf {1, 2}
    local y, z = gl.no_grad(function(a) return a * 2, gl.no_grad(function() return a * 3 end) end, x)
    assert.is_false(y.requires_grad)
    assert.is_false(z.requires_grad)
    assert.is_true((x * 2).requires_grad)
    assert.has_error(function() gl.no_grad(error, "stop") end, "stop")
    assert.is_true((x * 2).requires_grad)
  end)

  it("is what nobody wants a gradient of", function()
    local x, w = gl.tensor {1, 2}, leaf {3, 4}
    assert.is_false(x:exp().requires_grad);
    (x * w):sum():backward()
    assert.is_nil(x.grad)
    assert.same({1, 2}, values(w.grad))
    w.requires_grad = false
    assert.is_false((x * w).requires_grad)
    assert.is_false(leaf({1, 2}):gt(1).requires_grad)
  end)

  it("is the gradient of what was frozen since", function()
    for name in ("relu exp sum index_select"):gmatch "%S+" do
      local x, w = leaf {1, 2}, leaf {3, 4}
      local index = name == "index_select" and gl.tensor {1, 2} or nil
      local y = (x[name](x, index) * w):sum()
      x.requires_grad = false
      y:backward()
      assert.is_nil(x.grad)
      assert.is_not_nil(w.grad)
    end
  end)
end)

describe("a change in place", function()
  it("is refused where it would have to be recorded", function()
    local x = leaf {1, 2}
    assert.error_matches(function() x:add_(1) end, "add_: a change in place is not recorded")
    assert.error_matches(function() gl.zeros(2):add_(x) end, "add_: a change in place is not recorded")
    assert.error_matches(function() x[1] = 5 end, "is not recorded")
    assert.same({1, 2}, values(x))
    gl.no_grad(function() x:add_(1) end)
    assert.same({2, 3}, values(x))
  end)

  it("of what backward needs is noticed", function()
    local x, c = leaf {1, 2}, gl.tensor {3, 4}
    local y = (x * c):sum()
    c:mul_(2)
    assert.error_matches(function() y:backward() end,
      "backward: argument 2 of mul %(2%) was changed in place after mul had used it")
    assert.is_nil(x.grad)
    local e = x:exp()
    local z = e:sum()
    gl.no_grad(function() e:zero_() end)
    assert.error_matches(function() z:backward() end, "backward: the result of exp %(2%) was changed in place")
    assert.is_nil(x.grad)
  end)

  it("by way of a view, or of the optimizer, is noticed too", function()
    local x, c = leaf {1, 2}, gl.tensor {3, 4}
    local y = (x * c):sum()
    c[1] = 7
    assert.error_matches(function() y:backward() end, "was changed in place")
    y = x:square():sum()
    x.grad = gl.ones(2)
    gl.optim.SGD({x}, {lr = 1}):step()
    assert.error_matches(function() y:backward() end, "argument 1 of square %(2%) was changed in place")
  end)

  it("of what backward does not need does no harm", function()
    local x, c = leaf {1, 2}, gl.tensor {3, 4}
    local y = (x + c):sum()
    c:mul_(2)
    y:backward()
    assert.same({1, 1}, values(x.grad))
  end)

  it("of a gradient is the user's right", function()
    local x = leaf {1, 2}
    x:sum():backward()
    x.grad:mul_(5)
    assert.same({5, 5}, values(x.grad))
  end)
end)

describe("memory", function()
  local function live()
    collectgarbage()
    collectgarbage()
    return gl.memory().live
  end

  it("of a graph is freed by backward, and of one without backward when its end is", function()
    local x = leaf {1, 2}
    x.grad = gl.zeros(2)
    local before = live()
    local y = x:exp():mul(gl.ones(1000, 2)):sum()
    y:backward()
    assert.is_true(live() < before + 4000) -- of 20,000 and more
    y = nil -- luacheck: ignore
    assert.equal(before, live())
    x:exp():mul(gl.ones(1000, 2)):sum()
    assert.equal(before, live())
  end)

  it("that runs out during backward changes no gradient and loses nothing", function()
    finally(function() gl.core.memory_fail_after(-1) end)
    local x, w = leaf {{1, 2}, {3, 4}}, leaf {{5, 6}, {7, 8}}
    x:sum():backward()
    local before, kept, failures = live(), values(x.grad), 0
    repeat
      local y = (x:matmul(w):tanh() * x + x[1] + gl.cat {x, w}:slice(1, 2, 3)):logsumexp()
      gl.core.memory_fail_after(failures)
      local done, message = pcall(y.backward, y)
      gl.core.memory_fail_after(-1)
      if not done then
        assert.matches("out of memory", message)
        assert.same(kept, values(x.grad))
        assert.is_nil(w.grad)
        y = nil -- luacheck: ignore
        assert.equal(before, live())
        failures = failures + 1
      end
    until done
    assert.is_true(failures > 20)
    assert.is_not_nil(w.grad)
  end)
end)
