-- Every op, loss and layer at extreme arguments, against the double-precision build: see spec/extremes.lua.
local gl = require "genlat"
local extremes = require "spec.extremes"

local MOST, LEAST = 3.4028234663852886e38, 1.1754943508222875e-38 -- of float32, with all its digits
local RELATIVE, ROUNDINGS = 1e-5, 8 -- of a result, and of how far nearby arguments move it
local DENORMAL = 2e-44

-- What is not the double-precision build's result, and why. Everything else is.
local EXCEPTIONS = {
  -- Terms are added up in float32. Where they leave it, or are nearly too large for it, the sum may be infinite, or NaN
  -- (infinity less infinity), though the true sum is in float32. Terms are products of arguments, or results.
  terms = {
    "matmul", "linear", "conv2d", "conv_transpose2d", "div", "pow", "bce_with_logits", "gaussian_nll", "batch_norm",
    "instance_norm",
  },
  -- The gradient is computed from the value, which is kept in float32: it is lost where the value leaves float32, or is
  -- so small that it has few digits.
  kept = {"norm", "std"},
  -- The gradient is a difference of numbers of about one size, and right to a rounding of the largest of them. Where
  -- arguments are of very different sizes, no digit of it need be left.
  differences = {"softmax", "cross_entropy", "batch_norm", "instance_norm", "layer_norm", "spectral_norm"},
  -- e^-x has left float32's range of numbers with all digits: what is smaller than that may be 0.
  vanishing = {"sigmoid", "softplus", "silu", "bce_with_logits"},
}

local is_exception = {}
for kind, names in pairs(EXCEPTIONS) do
  is_exception[kind] = {}
  for _, name in ipairs(names) do is_exception[kind][name] = true end
end

local function float32(x) return (string.unpack("f", string.pack("f", x))) end
local function is_finite(x) return x * 0 == 0 end

-- The results of the double-precision build: a function that reads the next list of numbers, nil for a mistake.
local function reader()
  local name = os.tmpname()
  local file = assert(io.open(name, "rb"))
  local interpreter = arg[-1] or "lua5.4"
  assert(os.execute(("'%s' spec/extremes.lua > '%s'"):format(interpreter, name)))
  local text, at = file:read "a", 1
  file:close()
  os.remove(name)
  return function()
    local packed
    packed, at = string.unpack("<s4", text, at)
    return packed ~= "!" and packed or nil
  end
end

local function numbers_of(packed) return {string.unpack("<" .. ("d"):rep(#packed // 8), packed)} end

-- The largest and the smallest size of a list's numbers, NaN and zeros left out.
local function sizes_of(list)
  local most, least = 0, math.huge
  for i = 1, #list - 1 do -- the last is where the text ends
    local size = math.abs(list[i])
    if size > 0 then most, least = math.max(most, size), math.min(least, size) end
  end
  return most, least
end

-- May `got` be a float32 result where the double-precision build's are the i-th of these lists? slack: an error that is
-- allowed.
local function fits(got, lists, i, slack)
  local low, high, nan = math.huge, -math.huge, 0
  for _, list in ipairs(lists) do
    local value = list[i]
    if value ~= value then nan = nan + 1 else low, high = math.min(low, value), math.max(high, value) end
  end
  if nan == #lists then return got ~= got end
  if nan > 0 or got == float32(low) or got == float32(high) then return true end
  local width = high > low and is_finite(high - low) and ROUNDINGS * (high - low) or 0
  return got >= float32(low - width - RELATIVE * math.abs(low) - slack)
    and got <= float32(high + width + RELATIVE * math.abs(high) + slack)
end

-- What the exceptions allow of an op's results: may they be not finite, errors of values and of gradients, and whether
-- gradients are compared.
local function allowed(op, exact, sizes)
  local most, least = sizes_of(exact)
  local slack = math.max(DENORMAL, is_exception.vanishing[op] and LEAST or 0)
  local rounding = 0
  if is_exception.differences[op] then rounding = 1e-4 * math.min(MOST, math.max(most, 1 / sizes.least)) end
  return is_exception.terms[op] and (most > MOST / 100 or sizes.product > MOST / 1e4),
    math.max(slack, is_exception.differences[op] and 1e-5 * math.min(MOST, most) or 0), math.max(slack, rounding),
    not (is_exception.kept[op] and (most > MOST or least < LEAST)
      or is_exception.differences[op] and sizes.most > 1e6 * sizes.least)
end

-- nil where a list of results is right, else a message. mine, and near (the first is exact): packed.
local function difference(op, mine, near, values, sizes)
  if not mine or not near[1] then return mine ~= near[1] and "an error in one build only" or nil end
  if #mine ~= #near[1] then return "another number of results" end
  local got, exact, lists = numbers_of(mine), numbers_of(near[1]), nil
  local unlimited, slack, slack_of_gradients, gradients = allowed(op, exact, sizes)
  for i = 1, gradients and #exact - 1 or values do
    local x, right = got[i], exact[i]
    local close = x == right or x ~= x and right ~= right or math.abs(x - right) <= 1e-6 * math.abs(right)
    if not close and not (unlimited and not is_finite(x)) then
      if not lists then
        lists = {}
        for k, packed in ipairs(near) do lists[k] = numbers_of(packed) end
      end
      if not fits(x, lists, i, i <= values and slack or slack_of_gradients) then
        return ("result %d is %g, right is %g (%g nearby)"):format(i, x, right, lists[2] and lists[2][i] or right)
      end
    end
  end
end

describe("at extreme arguments", function()
  it("every op and layer is as right in float32 as in double precision, values and gradients", function()
    local next_packed, wrong, swept = reader(), {}, {}
    extremes.each(function(name, op, compute)
      local near = {next_packed()}
      for _ = 1, extremes.NEAR do
        local packed = next_packed()
        if packed and near[1] and #packed == #near[1] then near[#near + 1] = packed end
      end
      local mine, values, sizes = extremes.packed(compute, 0)
      local message = difference(op, mine, near, values, sizes)
      if message then wrong[#wrong + 1] = name .. ": " .. message end
      if mine and near[1] then swept[op] = true end
    end)
    assert.equal("", table.concat(wrong, "\n", 1, math.min(#wrong, 20)))
    for _, row in ipairs(gl.core.op_table) do assert(swept[row.name], row.name .. " is not swept") end
  end)

  it("all exceptions are of ops that there are", function()
    for _, names in pairs(EXCEPTIONS) do
      for _, name in ipairs(names) do assert.is_table(gl.ops[name]) end
    end
  end)
end)
