-- Calls of all ops with arguments of whatever kind: each works or raises an error, and nothing is lost. The sanitizers
-- of `make check-asan` look for what goes wrong unseen.

local gl = require "genlat"

local random = math.random
local function pick(list) return list[random(#list)] end

local nan, inf = 0 / 0, 1 / 0
local numbers = {
  0, 1, 2, 3, -1, -2, 8, 9, 0.5, nan, inf, -inf, 1e30, 1 << 50, 1 << 62, math.mininteger, math.maxinteger,
}

-- A tensor of up to 8 axes with odd values, sometimes of bytes, sometimes one that requires a gradient, often a view.
local function tensor()
  local shape = {}
  for i = 1, pick {0, 1, 1, 2, 2, 2, 3, 3, 4, 8} do shape[i] = pick {1, 1, 2, 3, 4} end
  local t = gl.randn(shape)
  if random(3) == 1 then t = t:mul(2):abs():add(1):round():clamp(1, 3) end
  if random(20) == 1 then t:fill_(pick {nan, inf, -inf, 0}) end
  if random(6) == 1 then t = t:mul(50):byte() elseif random(2) == 1 then t.requires_grad = true end
  local views = {
    function() return t:transpose(1, -1) end,
    function() return t:slice(random(3), 1, -1, random(2)) end,
    function() return t:select(random(3), 1) end,
    function() return t:expand(pick {2, 3}, table.unpack(t.shape)) end,
    function() return t:reshape(t.shape) end,
    function() return t end,
  }
  local ok, view = pcall(pick(views))
  return ok and view or t
end

local value = {
  T = function() return random(8) == 1 and pick {pick(numbers), {1, 2}, {{1, 2}, {3, 4}}, {{}}} or tensor() end,
  F = function() return pick {0.5, 0.1, 1, pick(numbers)} end,
  I = function() return random(4) == 1 and pick(numbers) or random(-3, 4) end,
  B = function() return random(2) == 1 end,
  W = function() return pick {"batch", "sum", "mean", "none", "x"} end,
  P = function() return {0.1, pick(numbers)} end,
  other = function() return pick {"a", "1", print, {}, {axis = 1}, {1, keepdim = true}, true, nil} end,
}
function value.L()
  if random(3) == 1 then return value.I() end
  local list = {}
  for i = 1, random(0, 9) do list[i] = value.I() end
  return list
end

local function tensors()
  local list, same = {}, random(2) == 1
  for i = 1, random(0, 4) do list[i] = same and list[1] or tensor() end
  return list
end

-- Arguments for a signature, sometimes of the wrong kind, sometimes too few; returns them and their number.
local function arguments(signature)
  local list, n = {}, 0
  for kind, many in signature:gmatch ":(%u)(%*?)" do
    n = n + 1
    if many == "*" then
      list[n] = tensors()
    else
      list[n] = value[random(15) == 1 and pick {"T", "F", "I", "L", "B", "W", "other"} or kind]()
    end
    if n > 1 and random(8) == 1 then break end
  end
  if n > 1 and random(8) == 1 then list[2] = list[1] end
  return list, n
end

describe("whatever is given to an op", function()
  it("it works or raises an error that names it, and nothing is lost", function()
    math.randomseed(7)
    local names = {}
    for name in pairs(gl.ops) do names[#names + 1] = name end
    table.sort(names)
    collectgarbage()
    collectgarbage()
    local live = gl.memory().live
    for case = 1, 12000 do
      local name = pick(names)
      local list, n = arguments(gl.ops[name].signature)
      local ok, y = pcall(gl[name], table.unpack(list, 1, n))
      if ok then
        if not y.is_leaf then pcall(function() y:backward(gl.ones(y.shape)) end) end
        assert.is_true(#tostring(y) > 0)
      else
        local about = y:match "^%S+:%d+: (.*)"
        local named = about and (about:find(name .. ": ", 1, true) == 1 or about:find "^tensor: ")
        assert.is_truthy(named, ("case %d: %s"):format(case, y))
      end
    end
    collectgarbage()
    collectgarbage()
    assert.equal(live, gl.memory().live)
  end)

  it("the logarithm of what has none is NaN, or minus infinity", function()
    local y = gl.tensor({-inf, -1e38, -1, -1e-40, -0.0, 0, nan, inf}):log():totable()
    for i = 1, 4 do assert.is_true(y[i] ~= y[i], i) end
    assert.same({-inf, -inf}, {y[5], y[6]})
    assert.is_true(y[7] ~= y[7] and y[8] == inf)
  end)

  it("indexing and assignment work or raise an error, too", function()
    math.randomseed(8)
    for _ = 1, 6000 do
      local x, index = tensor(), nil
      if random(3) == 1 then
        index = value.I()
      else
        index = {}
        for i = 1, random(0, 4) do
          index[i] = pick {value.I(), {}, {value.I()}, {value.I(), value.I()}, {1, -1, value.I()}, "1", print}
        end
      end
      pcall(function() return tostring(x[index]) end)
      local right = pick {tensor, value.F, value.T, value.other, function() return x end}()
      pcall(function() x[index] = right end)
    end
  end)
end)
