-- Random shapes and views against plain Lua loops. The cases are the same in every run.

local gl = require "genlat"

-- The tests draw from a generator of their own: a linear congruential one, with Knuth's numbers.
local state
local function seed(n) state = n end
local function random(low, high)
  state = (state * 6364136223846793005 + 1442695040888963407)
  return low + (state >> 33) % (high - low + 1)
end

local function pick(list) return list[random(1, #list)] end

-- ---- arrays: what a tensor stands for, as shape and flat list in row-major order -----------------------------------

local function count(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end

local function flatten(value, list)
  if type(value) ~= "table" then
    list[#list + 1] = value
  else
    for _, item in ipairs(value) do flatten(item, list) end
  end
  return list
end

local function array(t) return {shape = t.shape, flat = flatten(t:totable(), {})} end

-- Position in the flat list of an index {i1, i2, ...}.
local function place(shape, index)
  local at = 0
  for axis, size in ipairs(shape) do at = at * size + index[axis] - 1 end
  return at + 1
end

-- Calls f(index) for every index of a shape in row-major order.
local function each(shape, f)
  local index = {}
  local function go(axis)
    if axis > #shape then return f(index) end
    for i = 1, shape[axis] do
      index[axis] = i
      go(axis + 1)
    end
  end
  go(1)
end

local function build(shape, f)
  local flat = {}
  each(shape, function(index) flat[#flat + 1] = f(index) end)
  return {shape = shape, flat = flat}
end

local function close(a, b)
  if a ~= a or b ~= b then return a ~= a and b ~= b end
  return a == b or math.abs(a - b) <= 1e-5 * (1 + math.abs(b))
end

local function check(expected, t, what)
  assert.equal(table.concat(expected.shape, "x"), table.concat(t.shape, "x"), what)
  local got = array(t)
  for i, value in ipairs(expected.flat) do
    if not close(got.flat[i], value) then
      error(("%s: element %d is %s, expected %s"):format(what, i, got.flat[i], value), 2)
    end
  end
end

-- ---- random tensors ----------------------------------------------------------------------------------------------

local function random_shape(least, most)
  local shape = {}
  for axis = 1, random(least, most) do shape[axis] = pick {1, 1, 2, 3, 4, 5} end
  return shape
end

local function contiguous(shape)
  local values = {}
  for i = 1, count(shape) do values[i] = random(-9, 9) / 4 end
  if #shape == 0 then return gl.tensor(values[1]) end
  return gl.tensor(values):reshape(shape)
end

-- A tensor of a shape whose elements lie in memory in some odd way: permuted, a slice with steps, a part, stretched.
local function odd(shape)
  if #shape == 0 then return contiguous({3})[random(1, 3)] end
  local way, axis = random(1, 5), random(1, #shape)
  if way == 1 then return contiguous(shape) end
  local larger = {table.unpack(shape)}
  if way == 2 then -- axis exchanged with the last
    larger[axis], larger[#shape] = shape[#shape], shape[axis]
    return contiguous(larger):transpose(axis, -1)
  elseif way == 3 then -- a slice of a larger one
    local step, first = random(1, 3), random(1, 3)
    larger[axis] = first + (shape[axis] - 1) * step + random(0, 2)
    return contiguous(larger):slice(axis, first, first + (shape[axis] - 1) * step, step)
  elseif way == 4 and #shape < 7 then -- one index of a further axis
    table.insert(larger, axis, 3)
    return contiguous(larger):select(axis, random(1, 3))
  end
  larger[axis] = 1
  return contiguous(larger):expand(shape)
end

-- A shape that stretches to `shape`: some leading axes left out, some sizes 1.
local function shrunk(shape)
  local small = {}
  for axis = random(1, #shape + 1), #shape do small[#small + 1] = random(1, 3) == 1 and 1 or shape[axis] end
  return small
end

local function stretched(a, shape, index)
  local own, extra = {}, #shape - #a.shape
  for axis, size in ipairs(a.shape) do own[axis] = size == 1 and 1 or index[axis + extra] end
  return a.flat[place(a.shape, own)]
end

-- ---- the properties ------------------------------------------------------------------------------------------------

describe("for random shapes and views", function()
  before_each(function() seed(20) end)

  local binary = {
    add = function(a, b) return a + b end,
    sub = function(a, b) return a - b end,
    mul = function(a, b) return a * b end,
    div = function(a, b) return a / b end,
    maximum = math.max,
    minimum = math.min,
    lt = function(a, b) return a < b and 1 or 0 end,
    eq = function(a, b) return a == b and 1 or 0 end,
  }
  local names = {"add", "sub", "mul", "div", "maximum", "minimum", "lt", "eq"}

  it("pairs of tensors are matched axis by axis", function()
    for case = 1, 500 do
      local shape, name = random_shape(0, 4), pick(names)
      local x, y = odd(shape), odd(shrunk(shape))
      if random(1, 2) == 1 then x, y = y, x end
      local a, b = array(x), array(y)
      local expected = build(shape, function(index)
        return binary[name](stretched(a, shape, index), stretched(b, shape, index))
      end)
      check(expected, x[name](x, y), ("case %d, %s"):format(case, name))
    end
  end)

  it("changes in place give what their namesakes give", function()
    for case = 1, 300 do
      local shape, name = random_shape(1, 4), pick {"add", "sub", "mul", "div"}
      local x = odd(shape):clone():transpose(random(1, #shape), random(1, #shape)) -- not stretched
      local y = odd(shrunk(x.shape))
      if random(1, 4) == 1 then y = x end
      local expected = array(x[name](x, y))
      local alias = x:reshape(x.shape)
      local shared = x:is_contiguous()
      x[name .. "_"](x, y)
      check(expected, x, ("case %d, %s_"):format(case, name))
      if shared then check(expected, alias, ("case %d, %s_, a view"):format(case, name)) end
    end
  end)

  local function fold(name, list)
    local sum, square, most, least = 0, 0, -math.huge, math.huge
    for _, v in ipairs(list) do
      sum, square, most, least = sum + v, square + v * v, math.max(most, v), math.min(least, v)
    end
    local mean, spread = sum / #list, 0
    for _, v in ipairs(list) do spread = spread + (v - mean) ^ 2 end
    return ({
      sum = sum, mean = mean, max = most, min = least, norm = math.sqrt(square), var = spread / (#list - 1),
    })[name]
  end

  it("axes are folded together", function()
    for case = 1, 500 do
      local shape, name = random_shape(0, 5), pick {"sum", "mean", "max", "min", "norm", "var"}
      local x, keepdim = odd(shape), random(1, 2) == 1
      local axes, folded = {}, {}
      for axis = 1, #shape do
        if random(1, 2) == 1 then
          folded[axis] = true
          table.insert(axes, random(1, #axes + 1), random(1, 2) == 1 and axis or axis - #shape - 1)
        end
      end
      for axis = 1, #axes == 0 and #shape or 0 do folded[axis] = true end -- none given: all
      local a, result = array(x), {}
      for axis = 1, #shape do
        if not folded[axis] then result[#result + 1] = shape[axis] elseif keepdim then result[#result + 1] = 1 end
      end
      local lists = {}
      each(shape, function(index)
        local to = {}
        for axis = 1, #shape do
          if not folded[axis] then to[#to + 1] = index[axis] elseif keepdim then to[#to + 1] = 1 end
        end
        local at = place(result, to)
        lists[at] = lists[at] or {}
        table.insert(lists[at], a.flat[place(shape, index)])
      end)
      local flat = {}
      for i, list in ipairs(lists) do flat[i] = fold(name, list) end
      check({shape = result, flat = flat}, x[name](x, axes, keepdim),
            ("case %d, %s over {%s} of %s"):format(case, name, table.concat(axes, ","), table.concat(shape, "x")))
    end
  end)

  it("views of views show the right elements", function()
    for case = 1, 400 do
      local x = odd(random_shape(1, 5))
      local a = array(x)
      for step = 1, random(1, 5) do
        local shape, ndim = a.shape, #a.shape
        local axis = random(1, ndim)
        local way = pick {"permute", "slice", "select", "flip", "unsqueeze", "reshape", "index_select"}
        local before = a
        if way == "permute" then
          local order, to = {}, {}
          for i = 1, ndim do table.insert(order, random(1, i), i) end
          for i, from in ipairs(order) do to[i] = shape[from] end
          a = build(to, function(index)
            local from = {}
            for i, o in ipairs(order) do from[o] = index[i] end
            return before.flat[place(shape, from)]
          end)
          x = x:permute(order)
        elseif way == "slice" or way == "index_select" or way == "flip" then
          local rows, first = {}, random(1, shape[axis])
          local last, every = random(first, shape[axis]), random(1, 3)
          if way == "slice" then
            for i = first, last, every do rows[#rows + 1] = i end
            x = x:slice(axis, first, random(1, 2) == 1 and last or last - shape[axis] - 1, every)
          elseif way == "flip" then
            for i = shape[axis], 1, -1 do rows[#rows + 1] = i end
            x = x:flip(axis)
          else
            for i = 1, random(1, 4) do rows[i] = random(1, shape[axis]) end
            x = x:index_select(rows, axis)
          end
          local to = {table.unpack(shape)}
          to[axis] = #rows
          a = build(to, function(index)
            local from = {table.unpack(index)}
            from[axis] = rows[index[axis]]
            return before.flat[place(shape, from)]
          end)
        elseif way == "select" and ndim > 1 then
          local i = random(1, shape[axis])
          local to = {table.unpack(shape)}
          table.remove(to, axis)
          a = build(to, function(index)
            local from = {table.unpack(index)}
            table.insert(from, axis, i)
            return before.flat[place(shape, from)]
          end)
          x = x:select(axis, i)
        elseif way == "unsqueeze" and ndim < 6 then
          local to = {table.unpack(shape)}
          table.insert(to, axis, 1)
          a = {shape = to, flat = a.flat}
          x = x:unsqueeze(axis)
        elseif way == "reshape" then
          a = {shape = {count(shape)}, flat = a.flat}
          x = x:reshape(-1)
        end
        check(a, x, ("case %d, step %d, %s"):format(case, step, way))
      end
    end
  end)

  it("parts of a tensor can be set through views", function()
    for case = 1, 300 do
      local x = contiguous(random_shape(1, 4))
      local shape, index = x.shape, {}
      for axis = 1, random(1, #shape) do
        local first = random(1, shape[axis])
        local last = random(first, shape[axis])
        index[axis] = pick {first, {first, last}, {first, last, 2}, {}}
      end
      local inside = function(at)
        for axis, want in ipairs(index) do
          local i = at[axis]
          if type(want) == "number" then
            if i ~= want then return false end
          elseif want[1] and (i < want[1] or i > want[2] or (i - want[1]) % (want[3] or 1) ~= 0) then
            return false
          end
        end
        return true
      end
      local before = array(x)
      local value = odd(shrunk(x[index].shape))
      local wide = array(value:expand(x[index].shape))
      local taken = 0
      local expected = build(shape, function(at)
        if not inside(at) then return before.flat[place(shape, at)] end
        taken = taken + 1
        return wide.flat[taken]
      end)
      x[index] = value
      check(expected, x, ("case %d"):format(case))
      x[index] = 7
      assert.equal(7, x[index]:min():item())
    end
  end)

  it("matrices of whatever layout are multiplied", function()
    for case = 1, 500 do
      local m, k, n, batch = random(1, 5), random(1, 5), random(1, 5), random(2, 3)
      local form = pick {"mm", "mm", "mm", "vm", "mv", "vv", "bb", "bm", "mb", "1b", "b1"}
      local left, right = form:sub(1, 1), form:sub(2, 2)
      local shapes = {
        m = {{m, k}, {k, n}}, v = {{k}, {k}}, b = {{batch, m, k}, {batch, k, n}}, ["1"] = {{1, m, k}, {1, k, n}},
      }
      local x, y = odd(shapes[left][1]), odd(shapes[right][2])
      local a, b = array(x), array(y)
      local shape = {}
      if (left .. right):find "[b1]" then shape[1] = batch end
      if left ~= "v" then shape[#shape + 1] = m end
      if right ~= "v" then shape[#shape + 1] = n end
      local expected = build(shape, function(index)
        local at, sum = {table.unpack(index)}, 0
        local column = right ~= "v" and table.remove(at) or 1
        local row = left ~= "v" and table.remove(at) or 1
        local image = at[1] or 1
        for i = 1, k do
          local ia = ({m = {row, i}, v = {i}, b = {image, row, i}, ["1"] = {1, row, i}})[left]
          local ib = ({m = {i, column}, v = {i}, b = {image, i, column}, ["1"] = {1, i, column}})[right]
          sum = sum + a.flat[place(a.shape, ia)] * b.flat[place(b.shape, ib)]
        end
        return sum
      end)
      check(expected, x:matmul(y), ("case %d, %s, %dx%d times %dx%d"):format(case, form, m, k, k, n))
    end
  end)

  it("cat and stack put tensors side by side", function()
    for case = 1, 150 do
      local shape = random_shape(1, 4)
      local axis, list, from = random(1, #shape), {}, {}
      for k = 1, random(1, 4) do
        local own = {table.unpack(shape)}
        own[axis] = random(1, 3)
        list[k] = odd(own)
        for i = 1, own[axis] do from[#from + 1] = {array(list[k]), i} end
      end
      local whole = {table.unpack(shape)}
      whole[axis] = #from
      local expected = build(whole, function(index)
        local own = {table.unpack(index)}
        local a = from[index[axis]][1]
        own[axis] = from[index[axis]][2]
        return a.flat[place(a.shape, own)]
      end)
      check(expected, gl.cat(list, axis), ("case %d, cat along %d"):format(case, axis))
      local stacked = gl.stack({list[1], list[1]}, axis)
      check(array(list[1]), stacked:select(axis, 2), ("case %d, stack"):format(case))
    end
  end)

  it("bytes are turned to floats and back", function()
    for case = 1, 150 do
      local shape = random_shape(1, 4)
      local x = odd(shape):mul(60):abs()
      local bytes = x:byte()
      assert.equal("uint8", bytes.dtype)
      local a = array(x)
      for i, v in ipairs(a.flat) do
        local floor = math.floor(v)
        local up = v - floor > 0.5 or (v - floor == 0.5 and floor % 2 == 1) -- halves to even
        a.flat[i] = math.min(255, up and floor + 1 or floor)
      end
      check(a, bytes, ("case %d"):format(case))
      check(a, bytes:transpose(1, -1):float():transpose(1, -1), ("case %d, float"):format(case))
      check(array(bytes:float():add(x)), bytes + x, ("case %d, with floats"):format(case))
    end
  end)

  -- Large enough for several threads.
  it("large views give what their copies give, for any number of threads", function()
    gl.seed(3)
    local base = gl.randn(2, 150, 160)
    local views = {
      base:permute(1, 3, 2), base:permute(3, 1, 2), base[{{}, {1, 150, 2}, {3, 158}}], base[1]:t(), base[{{}, 7}]:t(),
      base[{1, 3}]:expand(130, 160), base[{{}, {}, {5}}]:expand(2, 150, 156), base:flatten(),
      base:flatten():slice(1, 2, -1, 3),
    }
    local work = {
      exp = function(x) return x:exp() end,
      shifted = function(x) return x + x:mean(-1, true) end,
      sum = function(x) return x:sum() end,
      rows = function(x) return x:sum(-1) end,
      columns = function(x) return x:mean(1) end,
      most = function(x) return x:max(1) end,
      square = function(x) return x:matmul(x:transpose(-1, x.ndim > 1 and -2 or -1)) end,
      softmax = function(x) return x:softmax(1) end,
      byte = function(x) return x:mul(50):byte() end,
      changed = function(x) return x:clone():mul_(x):add_(x, 0.5) end,
      cat = function(x) return gl.cat({x, x}, -1) end,
    }
    local threads = gl.threads()
    for i, view in ipairs(views) do
      for name, f in pairs(work) do
        gl.threads(1)
        local expected = f(view:clone())
        local allowed = 1e-5 * math.max(1, expected:float():abs():max():item()) -- sums in float, in another order
        for n = 1, 3 do
          gl.threads(n)
          local error_size = (f(view):float() - expected:float()):abs():max():item()
          assert.is_true(error_size < allowed, ("view %d, %s, %d threads: off by %g"):format(i, name, n, error_size))
        end
      end
    end
    gl.threads(threads)
  end)
end)
