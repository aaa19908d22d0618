-- BatchNorm and spectral normalization, which remember: over several steps against PyTorch's in
-- spec/fixtures/layers.json, and by definition.

local gl = require "genlat"
local opcheck = require "spec.opcheck"
local nn = gl.nn

local fixture = opcheck.read "layers.json"
local limits = {relative = 1e-4, absolute = 2e-5} -- what float32 leaves after a few steps

local function agrees(what, got, expected)
  assert.is_nil(opcheck.difference(what, opcheck.values(got), expected, limits))
end

local function largest(x) return x:abs():max():item() end
local function whole(shape) -- JSON's numbers may come as floats
  local list = {}
  for i, n in ipairs(shape) do list[i] = n // 1 | 0 end
  return list
end

-- One step of a layer; returns y and the gradient with respect to x.
local function step(layer, x, g)
  layer:zero_grad()
  x.requires_grad = true
  local y = layer(x)
  y:backward(g)
  return y, x.grad
end

describe("BatchNorm", function()
  for number, case in ipairs(fixture.batch_norm) do
    it("does and remembers what PyTorch's does, in training and evaluation: " .. number, function()
      local layer = nn.BatchNorm(case.channels // 1 | 0, case.options)
      layer.weight:detach():copy_(gl.tensor(case.weight))
      layer.bias:detach():copy_(gl.tensor(case.bias))
      for i, s in ipairs(case.steps) do
        local shape = whole(s.shape)
        layer:train(s.training)
        local y, gx = step(layer, gl.tensor(s.x):reshape(shape), gl.tensor(s.g):reshape(shape))
        local at = ("step %d: "):format(i)
        agrees(at .. "y", y, s.y)
        agrees(at .. "gradient of x", gx, s.gx)
        agrees(at .. "gradient of weight", layer.weight.grad, s.gweight)
        agrees(at .. "gradient of bias", layer.bias.grad, s.gbias)
        agrees(at .. "running_mean", layer.running_mean, s.mean)
        agrees(at .. "running_var", layer.running_var, s.var)
      end
    end)
  end

  it("allows two forwards before one backward, as a GAN's discriminator needs", function()
    local layer = nn.BatchNorm(3)
    local real, fake, g = gl.randn(8, 3), gl.randn(8, 3) * 2, gl.randn(8, 3)
    local y, z = layer(real), layer(fake)
    local loss = ((y + z) * g):sum()
    loss:backward()
    local both, sums = layer.weight.grad, {}
    layer:zero_grad()
    for i, x in ipairs {real, fake} do
      local one = (layer(x) * g):sum()
      one:backward()
      sums[i] = layer.weight.grad
    end
    assert.is_true(largest(both - sums[2]) < 1e-5)
  end)

  it("saves its moments with its parameters, and does not train them", function()
    local a, b = nn.Sequential(nn.BatchNorm(2)), nn.Sequential(nn.BatchNorm(2))
    a(gl.randn(50, 2) * 3 + 1)
    local state = a:state_dict()
    assert.is_true(state["1.running_mean"] == a[1].running_mean and state["1.running_var"] == a[1].running_var)
    assert.equal(2, #a:parameters())
    b:load_state_dict(state)
    assert.same(a[1].running_var:totable(), b[1].running_var:totable())
    local x = gl.randn(4, 2)
    assert.same(a:eval()(x):totable(), b:eval()(x):totable())
    assert.same(state["1.running_var"]:totable(), b[1].running_var:totable()) -- evaluation changes nothing
    local bare = nn.BatchNorm(2, {affine = false})
    assert.equal(0, #bare:parameters())
    assert.is_true(largest(bare(x):mean(1)) < 1e-6)
    tostring(bare) -- runs it, in evaluation
  end)

  it("keeps its precision far from 0, by any number of threads", function()
    local threads = gl.threads()
    finally(function() gl.threads(threads) end)
    gl.seed(23) -- sums of g that are by chance near 0 say nothing
    for _, shape in ipairs {{40, 7, 9, 33}, {5000, 16}, {300, 300}, {70000, 1}} do
      local c = shape[#shape]
      local z = gl.randn(shape)
      local x, weight = z + 1000, gl.randn(c, {requires_grad = true})
      local flat = x:reshape(-1, c)
      local d = flat - flat[1]
      local var = d:var(1, {correction = 0})
      local expected = (d - d:mean(1)) / (var + 1e-5):sqrt() * weight:detach()
      local g, first = gl.randn(shape), {}
      for n = 1, 3 do
        gl.threads(n)
        weight.grad = nil
        local leaf = x:detach()
        leaf.requires_grad = true
        local y = leaf:batch_norm(weight)
        assert.is_true(largest(y:reshape(-1, c):detach() - expected) < 2e-3) -- 1000 is known to 3e-5
        y:backward(g)
        assert.is_true(largest(leaf.grad:reshape(-1, c):sum(1)) / largest(g:reshape(-1, c):sum(1)) < 1e-3)
        if n == 1 then first = {y:detach(), leaf.grad, weight.grad} end
        assert.is_true(largest(first[1] - y:detach()) < 1e-3)
        assert.is_true(largest(first[2] - leaf.grad) < 1e-3)
        assert.is_true(largest(first[3] - weight.grad) < 1e-5 * largest(first[3]) + 1e-2)
        local again = x:batch_norm(weight:detach())
        assert.equal(0, largest(again - y:detach())) -- the same bits
      end
    end
  end)
end)

describe("spectral normalization", function()
  for number, case in ipairs(fixture.spectral_norm) do
    it("does and remembers what PyTorch's does: " .. number, function()
      local layer = nn.Linear(case.inputs // 1 | 0, case.outputs // 1 | 0, {spectral = true})
      layer.weight:detach():copy_(gl.tensor(case.weight):reshape(layer.weight.shape))
      layer.bias:detach():copy_(gl.tensor(case.bias))
      layer.weight_u:copy_(gl.tensor(case.u))
      for i, s in ipairs(case.steps) do
        local y, gx = step(layer, gl.tensor(s.x):reshape(3, -1), gl.tensor(s.g):reshape(3, -1))
        local at = ("step %d: "):format(i)
        agrees(at .. "y", y, s.y)
        agrees(at .. "gradient of x", gx, s.gx)
        agrees(at .. "gradient of weight", layer.weight.grad, s.gweight)
        agrees(at .. "u", layer.weight_u, s.u)
        layer.weight:detach():sub_(layer.weight.grad * 0.1)
      end
    end)
  end

  it("brings the largest singular value to 1", function()
    gl.seed(3)
    local layer = nn.Linear(20, 30, {bias = false, spectral = true})
    layer.weight:detach():mul_(10)
    for _ = 1, 200 do layer(gl.zeros(1, 20)) end
    local w = layer(gl.eye(20)):detach() -- the transpose of the weight that is used
    local x = gl.randn(20)
    for _ = 1, 200 do
      x = w:matmul(x:matmul(w))
      x = x / x:norm()
    end
    assert.is_true(math.abs(x:matmul(w):norm():item() - 1) < 1e-3)
  end)

  it("is there for convolutions, whose outputs are the rows", function()
    local conv, back = nn.Conv2d(3, 5, 4, {spectral = true}), nn.ConvTranspose2d(3, 5, 4, {spectral = true})
    for _, layer in ipairs {conv, back} do
      assert.same({5}, layer.weight_u.shape)
      layer(gl.randn(2, 6, 6, 3)):sum():backward()
      assert.same(layer.weight.shape, layer.weight.grad.shape)
    end
    local u, x = conv.weight_u, gl.randn(2, 6, 6, 3)
    local sigma = u:matmul(conv.weight:detach():reshape(5, -1)):norm()
    local expected = x:conv2d(conv.weight:detach() / sigma, conv.bias:detach())
    assert.is_true(largest(conv:eval()(x):detach() - expected) < 1e-5)
  end)

  it("holds still in evaluation, and its u goes with the state", function()
    local a, b = nn.Linear(3, 4, {spectral = true}), nn.Linear(3, 4, {spectral = true})
    a(gl.randn(2, 3))
    b:load_state_dict(a:state_dict())
    assert.same(a.weight_u:totable(), b.weight_u:totable())
    local x, before = gl.randn(2, 3), a.weight_u:totable()
    assert.same(a:eval()(x):totable(), b:eval()(x):totable())
    assert.same(before, a.weight_u:totable())
    local v = a.weight_u:matmul(a.weight:detach())
    local expected = x:matmul(a.weight:detach():t()) / v:norm() + a.bias:detach()
    assert.is_true(largest(a(x):detach() - expected) < 1e-5)
    assert.equal(2, #a:parameters())
    assert.is_nil(nn.Linear(3, 4).weight_u)
    assert.equal("Linear(3, 4, spectral = true)  N x 4  16 parameters", tostring(a))
  end)
end)

describe("normalization of what does not vary", function()
  it("gives 0, and no gradient that is not finite, whatever its size", function()
    for _, value in ipairs {0.1, 1 / 3, 1e-38, 1e7 / 3, 1e20 / 3, 1e38 / 3, -1e38 / 7} do
      local x = gl.full({7, 3}, value):requires_grad_()
      local images = gl.full({2, 3, 5, 3}, value):requires_grad_()
      for _, y in ipairs {x:batch_norm(), x:layer_norm(gl.ones(3)), images:batch_norm(), images:instance_norm()} do
        assert.equal(0, y:abs():max():item())
        y:square():sum():backward()
      end
      assert.equal(0, x.grad:abs():max():item())
      assert.equal(0, images.grad:abs():max():item())
    end
  end)
end)
