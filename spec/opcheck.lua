--- opcheck.lua: checks ops by the cases of spec/fixtures/ops.json: values and gradients against PyTorch's, gradients
--- against finite differences. spec/fixtures/cases.py says how a case is made.

local gl = require "genlat"

local opcheck = {}

--- Reads a JSON file of spec/fixtures.
function opcheck.read(name)
  local f = assert(io.open("spec/fixtures/" .. name))
  local text = f:read("a")
  f:close()
  return require("cjson").decode(text)
end

-- ---- a case --------------------------------------------------------------------------------------------------------

local function flatten(value, into)
  if type(value) ~= "table" then
    into[#into + 1] = value
  else
    for _, v in ipairs(value) do
      flatten(v, into)
    end
  end
  return into
end

--- The elements of a tensor as a plain list.
function opcheck.values(tensor) return flatten(tensor:totable(), {}) end

--- Leaves and what the op is given: views of the leaves, where the case says so. `data` stands in for their values.
function opcheck.inputs(case, data)
  local leaves, inputs = {}, {}
  for i, input in ipairs(case["in"]) do
    local leaf = gl.tensor(data and data[i] or input.data):reshape(input.shape)
    if input.dtype == "uint8" then leaf = leaf:byte() end
    if input.grad then leaf.requires_grad = true end
    leaves[i], inputs[i] = leaf, leaf
    for _, step in ipairs(input.view or {}) do
      inputs[i] = inputs[i][step[1]](inputs[i], table.unpack(step, 2))
    end
  end
  return leaves, inputs
end

--- Applies an op of the table to inputs, as a case says.
function opcheck.apply(row, case, inputs)
  if case.state then gl.rng_state(case.state[1] // 1 | 0, case.state[2] // 1 | 0) end
  local f = gl.core[row.name]
  local options = next(case.args) and {case.args} or {}
  if row.signature:find ":T%*" then return f(inputs, table.unpack(options)) end
  table.move(options, 1, 1, #inputs + 1, inputs)
  return f(table.unpack(inputs))
end

-- ---- comparison ----------------------------------------------------------------------------------------------------

-- The fixture's numbers are rounded to 9 digits. In float32 an element may be off by 1e-5 of itself and, as it may be
-- what remains of larger numbers, by 1e-6; in double by the fixture's rounding alone.
local tolerance = {
  float32 = {relative = 1e-5, absolute = 1e-6},
  float64 = {relative = 1e-8, absolute = 1e-9},
}

local function near(a, b, relative, absolute)
  return a == b or math.abs(a - b) <= relative * math.abs(b) + absolute -- infinities by the first, NaN by neither
end

--- nil where two lists agree, else a message that shows the first element that does not.
function opcheck.difference(what, got, expected, limits)
  if #got ~= #expected then return ("%s has %d elements, not %d"):format(what, #got, #expected) end
  for i, e in ipairs(expected) do
    if not near(got[i], e, limits.relative, limits.absolute) then
      return ("%s: element %d is %.9g, expected %.9g"):format(what, i, got[i], e)
    end
  end
end

local function shape_difference(got, expected)
  local a, b = table.concat(got, "x"), table.concat(expected, "x")
  b = b:gsub("%.0", "") -- JSON's numbers may come as floats
  if a ~= b then return ("the value's shape is %s, expected %s"):format(a, b) end
end

local function in_place_difference(row, case, limits)
  local leaves, inputs = opcheck.inputs(case)
  local first = inputs[1]
  if opcheck.apply(row, case, inputs) ~= first then return "the result is not the first argument" end
  return opcheck.difference("the changed tensor", opcheck.values(leaves[1]), case.out, limits)
end

--- nil where the op's value and gradients are PyTorch's, else a message.
function opcheck.torch_difference(row, case)
  local limits = tolerance[gl.info().dtype]
  if row.in_place then return in_place_difference(row, case, limits) end
  local leaves, inputs = opcheck.inputs(case)
  local y = opcheck.apply(row, case, inputs)
  local message = shape_difference(y.shape, case.shape)
    or opcheck.difference("the value", opcheck.values(y), case.out, limits)
  if message or not case.weight then return message end
  if y.requires_grad then y:backward(gl.tensor(case.weight):reshape(case.shape)) end
  for i, input in ipairs(case["in"]) do
    if input.grad then
      local got = leaves[i].grad and opcheck.values(leaves[i].grad) or {}
      message = opcheck.difference("gradient " .. i, got, input.grad, limits)
    elseif leaves[i].grad then
      message = ("argument %d has a gradient that nobody asked for"):format(i)
    end
    if message then return message end
  end
end

-- ---- finite differences --------------------------------------------------------------------------------------------

-- The weighted sum of the op's value at leaves of given values.
local function objective(row, case, data)
  local recording = gl.core.set_recording(false)
  local _, inputs = opcheck.inputs(case, data)
  local y = opcheck.values(opcheck.apply(row, case, inputs))
  gl.core.set_recording(recording)
  local sum = 0
  for i, weight in ipairs(case.weight) do
    sum = sum + weight * y[i]
  end
  return sum
end

-- (f(x + h) - f(x - h)) / 2h for each element of input i.
local function central_differences(row, case, i)
  local data, slope = {}, {}
  for k, input in ipairs(case["in"]) do
    data[k] = input.data
  end
  data[i] = table.move(data[i], 1, #data[i], 1, {})
  for e, x in ipairs(data[i]) do
    local above, below = x + 1e-6 * math.max(1, math.abs(x)), x - 1e-6 * math.max(1, math.abs(x))
    data[i][e] = above
    local high = objective(row, case, data)
    data[i][e] = below
    local low = objective(row, case, data)
    data[i][e] = x
    slope[e] = (high - low) / (above - below)
  end
  return slope
end

--- nil where the op's gradients are the slopes of its values, else a message. Needs the core in double precision.
function opcheck.slope_difference(row, case)
  assert(gl.info().dtype == "float64", "finite differences need the core in double precision (make f64)")
  local leaves, inputs = opcheck.inputs(case)
  opcheck.apply(row, case, inputs):backward(gl.tensor(case.weight):reshape(case.shape))
  for i, input in ipairs(case["in"]) do
    if input.grad then
      local message = opcheck.difference("gradient " .. i, opcheck.values(leaves[i].grad),
        central_differences(row, case, i), {relative = 1e-6, absolute = 1e-7})
      if message then return message end
    end
  end
end

-- ---- coverage ------------------------------------------------------------------------------------------------------

--- Can a case be checked by finite differences?
function opcheck.is_smooth(case) return case.weight ~= nil and case.smooth ~= false end

local function covered(cases, good)
  for _, case in ipairs(cases) do
    if good(case) then return true end
  end
end

--- nil where an op's cases are enough, else a message that says what is missing: a case; for a differentiable op one
--- with gradients and away from kinks; each of the arguments and each of an argument's words in some case.
function opcheck.missing(row, cases)
  if not cases or #cases == 0 then return row.name .. " has no case in spec/fixtures/families" end
  if row.differentiable and not covered(cases, opcheck.is_smooth) then
    return row.name .. " has no case with gradients in spec/fixtures/families"
  end
  for name, type, default in row.signature:gmatch "([%w_]+):([FPILBW])[?]?=?(%S*)" do
    if not covered(cases, function(case) return case.args[name] ~= nil end) then
      return ("%s has no case with %s in spec/fixtures/families"):format(row.name, name)
    end
    for word in (type == "W" and default or ""):gsub("^[^|]*|?", ""):gmatch "[^|]+" do
      if not covered(cases, function(case) return case.args[name] == word end) then
        return ("%s has no case with %s = %s in spec/fixtures/families"):format(row.name, name, word)
      end
    end
  end
end

return opcheck
