-- Every op of the table, by the cases of spec/fixtures/ops.json: its value and gradients against PyTorch's, its
-- gradients against finite differences in double precision. An op without cases fails.

local gl = require "genlat"
local opcheck = require "spec.opcheck"

local interpreter = 0
while arg[interpreter - 1] do interpreter = interpreter - 1 end

local all = opcheck.read "ops.json"

describe("op", function()
  local checked -- op's name -> case's number -> what spec/gradcheck.lua found, and its message

  setup(function()
    checked = setmetatable({}, {__index = function() return {} end})
    local pipe = assert(io.popen(("'%s' spec/gradcheck.lua 2>&1"):format(arg[interpreter])))
    local output = pipe:read "a"
    assert(pipe:close(), output .. "(spec/gradcheck.lua needs build/f64: make f64)")
    for found, name, number, message in output:gmatch "(%S+)\t(%S+)\t(%d+)\t([^\n]*)\n" do
      checked[name] = rawget(checked, name) or {}
      checked[name][tonumber(number)] = {found, message}
    end
  end)

  for _, row in ipairs(gl.core.op_table) do
    local cases = all[row.name] or {}

    describe(row.name, function()
      it("has the cases that it needs", function() assert.is_nil(opcheck.missing(row, all[row.name])) end)

      it(row.differentiable and "has PyTorch's value and gradients" or "has PyTorch's value", function()
        for number, case in ipairs(cases) do
          local message = opcheck.torch_difference(row, case)
          assert(not message, ("case %d: %s"):format(number, message))
        end
      end)

      it(row.differentiable and "has gradients that are its slopes" or "has PyTorch's value in float64", function()
        for number, case in ipairs(cases) do
          local found, message = table.unpack(checked[row.name][number] or {"FAIL", "was not checked"})
          local wanted = row.differentiable and opcheck.is_smooth(case) and "slope" or "value"
          assert(found == wanted, ("case %d: %s"):format(number, message))
        end
      end)
    end)
  end

  it("has no cases under a name that no op has", function()
    for name in pairs(all) do
      assert(gl.ops[name], name)
    end
  end)

  describe("check", function()
    it("fails a wrong gradient by finite differences", function() assert.equal("caught", checked.wrong[1][1]) end)

    it("fails a wrong value and a wrong gradient by PyTorch's", function()
      local wrong = {name = "wrong", signature = "x:T"}
      local case = all.exp[2]
      finally(function() gl.core.wrong = nil end)
      gl.core.wrong = gl.core.exp
      assert.is_nil(opcheck.torch_difference(wrong, case))
      gl.core.wrong = function(x) return x:exp():mul(1.0001) end
      assert.matches("^the value: element 1 is ", opcheck.torch_difference(wrong, case))
      gl.core.wrong = function(x) return x + (x:exp() - x):detach() end
      assert.matches("^gradient 1: element 1 is ", opcheck.torch_difference(wrong, case))
      gl.core.wrong = function(x) return x:exp():detach() end
      assert.matches("^gradient 1 has 0 elements", opcheck.torch_difference(wrong, case))
      gl.core.wrong = function(x) return x:exp():reshape(5, 1) end
      assert.equal("the value's shape is 5x1, expected 5", opcheck.torch_difference(wrong, case))
    end)

    it("fails an op that has not the cases that it needs", function()
      local row = {name = "new", signature = "x:T k:F=1 reduction:W=batch|sum", differentiable = true}
      local smooth = {args = {k = 2, reduction = "sum"}, weight = {1}}
      assert.is_nil(opcheck.missing(row, {smooth}))
      assert.matches("^new has no case in", opcheck.missing(row, nil))
      assert.matches("^new has no case in", opcheck.missing(row, {}))
      assert.matches("^new has no case with gradients", opcheck.missing(row, {{args = smooth.args}}))
      assert.matches("^new has no case with gradients",
        opcheck.missing(row, {{args = smooth.args, weight = {1}, smooth = false}}))
      assert.matches("^new has no case with k ", opcheck.missing(row, {{args = {reduction = "sum"}, weight = {1}}}))
      assert.matches("^new has no case with reduction = sum",
        opcheck.missing(row, {{args = {k = 1, reduction = "batch"}, weight = {1}}}))
      row.differentiable = false
      assert.is_nil(opcheck.missing(row, {{args = smooth.args}}))
    end)
  end)
end)

-- ---- what the cases are too small or too regular for ---------------------------------------------------------------

local function largest(x) return x:abs():max():item() end

describe("a large tensor", function()
  local threads = gl.threads()
  after_each(function() gl.threads(threads) end)

  -- The first case whose tensors have one shape and no views.
  local function plain_case(name)
    for _, case in ipairs(all[name]) do
      local shape = table.concat(case["in"][1].shape, " ")
      local plain = #shape > 0 and case.smooth ~= false
      for _, input in ipairs(case["in"]) do
        plain = plain and not input.view and not input.dtype and table.concat(input.shape, " ") == shape
      end
      if plain and (not case.args.reduction or case.args.reduction == "none") and #case.shape > 0 then return case end
    end
  end

  -- The value of an op and its gradients for a weight of 1 everywhere.
  local function run(name, case, inputs)
    for i, input in ipairs(case["in"]) do
      inputs[i].requires_grad = input.grad ~= nil
    end
    local y = opcheck.apply(gl.ops[name], case, table.move(inputs, 1, #inputs, 1, {}))
    local results = {y:detach()}
    if y.requires_grad then
      y:backward(gl.ones(y.shape))
      for i, input in ipairs(case["in"]) do
        results[#results + 1] = input.grad and inputs[i].grad or nil
      end
    end
    return results
  end

  local each = [[neg abs sign floor round square sqrt exp log sin cos tanh sigmoid softplus relu leaky_relu clamp elu
    silu gelu add sub mul div pow maximum minimum eq ne lt le gt ge where bce_with_logits mse_loss
    l1_loss gaussian_nll kl_normal]]
  for name in each:gmatch "%S+" do
    it("is worked on element by element, by any number of threads: " .. name, function()
      local case = plain_case(name)
      local copies, small = {4099, table.unpack(case["in"][1].shape)}, {}
      for i, input in ipairs(case["in"]) do
        small[i] = gl.tensor(input.data):reshape(input.shape)
      end
      local expected = run(name, case, small)
      for n = 1, 3 do
        gl.threads(n)
        local large = {}
        for i, x in ipairs(small) do
          large[i] = x:detach():expand(copies):contiguous()
        end
        for k, got in ipairs(run(name, case, large)) do
          assert.is_true(largest(got - expected[k]) <= 1e-6 * math.max(1, largest(expected[k])))
        end
      end
    end)
  end

  it("is summed exactly enough, along any axis", function()
    local rows, columns = 301, 403
    local x = gl.rand(rows, columns)
    local t, by_row, by_column, total = x:totable(), {}, {}, 0
    for i = 1, rows do
      for j = 1, columns do
        by_row[i], by_column[j] = (by_row[i] or 0) + t[i][j], (by_column[j] or 0) + t[i][j]
        total = total + t[i][j]
      end
    end
    for n = 1, 3 do
      gl.threads(n)
      assert.is_true(math.abs(x:sum():item() / total - 1) < 1e-6)
      assert.is_true(math.abs(x:transpose(1, 2):sum():item() / total - 1) < 1e-6)
      assert.is_true(largest(x:sum(2) / gl.tensor(by_row) - 1) < 1e-6)
      assert.is_true(largest(x:sum(1) / gl.tensor(by_column) - 1) < 1e-6)
      assert.is_true(math.abs(x:mse_loss(gl.zeros(rows, columns), "sum"):item() / x:square():sum():item() - 1) < 1e-6)
    end
  end)

  it("of images is pooled, resized and normalized alike by any number of threads", function()
    local x, w = gl.randn(5, 24, 30, 37), gl.randn(37)
    local wide = gl.randn(5, 24, 30, 36) -- channels in fours
    local layers = {
      function(v) return v:max_pool2d(3, 2, 1) end, function(v) return v:avg_pool2d({2, 3}) end,
      function(v) return v:adaptive_avg_pool2d(7) end, function(v) return v:upsample_nearest2d({1, 2}) end,
      function(v) return v:upsample_bilinear2d(2) end, function(v) return v:instance_norm(w) end,
      function(v) return v:layer_norm(w) end, function(v) return v:pixel_unshuffle(2) end,
      function() return wide:pixel_shuffle(2) end,
      function(v) return v:warp_affine(gl.tensor {{0.9, -0.2, 1.3}, {0.3, 1.1, -2.6}}) end,
    }
    for k, f in ipairs(layers) do
      local first
      for n = 1, 3 do
        gl.threads(n)
        local leaf = x:detach()
        leaf.requires_grad, w.requires_grad, w.grad = true, true, nil
        local y = f(leaf)
        if y.requires_grad then y:backward(y:detach() * 0.5) end
        local got = {y:detach(), leaf.grad or gl.zeros(1), w.grad or gl.zeros(1)}
        first = first or got
        for i = 1, 3 do
          assert(largest(got[i] - first[i]) <= 1e-5 * largest(first[i]), ("layer %d, result %d"):format(k, i))
        end
      end
    end
  end)

  it("is multiplied by another, split over threads by rows or columns", function()
    for _, size in ipairs {{131, 70, 65}, {65, 70, 131}, {600, 30, 17}} do
      local m, k, n = table.unpack(size)
      local a, b = gl.randn(m, k), gl.randn(n, k):transpose(1, 2)
      local ta, tb, expected = a:totable(), b:totable(), {}
      for i = 1, m do
        expected[i] = {}
        for j = 1, n do
          local sum = 0
          for l = 1, k do
            sum = sum + ta[i][l] * tb[l][j]
          end
          expected[i][j] = sum
        end
      end
      for threads_used = 1, 3 do
        gl.threads(threads_used)
        assert.is_true(largest(a:matmul(b) - gl.tensor(expected)) < 1e-4)
        assert.is_true(largest(a:linear(b:transpose(1, 2), gl.ones(n)) - gl.tensor(expected) - 1) < 1e-4)
      end
    end
  end)
end)

describe("what is not a number", function()
  local nan = 0 / 0

  local ops = [[neg abs square sqrt exp log sin cos tanh sigmoid softplus relu leaky_relu clamp elu silu gelu sum mean
    norm logsumexp max min var std softmax log_softmax cumsum]]
  for name in ops:gmatch "%S+" do
    it("stays visible through " .. name, function()
      local y = gl.core[name](gl.tensor {1, nan, 2})
      local last = opcheck.values(y)
      assert.is_true(last[math.min(2, #last)] ~= last[math.min(2, #last)])
    end)
  end

  it("stays visible through the largest of a window", function()
    local x = gl.tensor {1, nan, 2, 3}:reshape(1, 2, 2, 1)
    x.requires_grad = true
    local y = x:max_pool2d(2)
    assert.is_true(y:item() ~= y:item())
    y:backward()
    assert.same({0, 1, 0, 0}, x.grad:reshape(-1):totable())
  end)

  it("stays visible through ops of two tensors", function()
    for name in ("add sub mul div pow maximum minimum mse_loss l1_loss bce_with_logits"):gmatch "%S+" do
      for _, pair in ipairs {{nan, 3}, {3, nan}} do
        local y = gl.core[name](table.unpack(pair)):item()
        assert(y ~= y, name)
      end
    end
  end)
end)

describe("a change in place", function()
  it("reads its operand before it writes over it", function()
    local x = gl.tensor {{1, 2}, {3, 4}}
    x:add_(x:transpose(1, 2))
    assert.same({{2, 5}, {5, 8}}, x:totable())
    x:mul_(x[1])
    assert.same({{4, 25}, {10, 40}}, x:totable())
    local v = gl.arange(1, 4)
    v:slice(1, 2, 4):copy_(v:slice(1, 1, 3))
    assert.same({1, 1, 2, 3}, v:totable())
  end)

  it("rounds and clamps what goes into uint8", function()
    local x = gl.zeros(6, {dtype = "uint8"})
    x:copy_(gl.tensor {-1, 0.4, 0.6, 2.5, 255.4, 300})
    assert.same({0, 0, 1, 2, 255, 255}, x:totable())
    assert.has_error(function() x:add_(1) end, "add_: changes float32 tensors only, not uint8")
  end)
end)

describe("reshape", function()
  it("refuses sizes whose product no number holds", function()
    for _, sizes in ipairs {{-1, 1 << 32, 1 << 32}, {1 << 62, 4}, {3, -1}, {1 << 62, 1 << 62, -1}} do
      assert.error_matches(function() gl.ones(4):reshape(sizes) end, "4 elements, which do not make")
    end
  end)
end)
