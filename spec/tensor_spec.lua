-- Tensors as a user meets them: making, looking at, indexing, changing, printing, and what mistakes say.

local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"

local function raises(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok, "expected an error: " .. message)
  assert.equal(message, (got:gsub("^%S-:%d+: ", "")))
end

describe("making tensors", function()
  it("takes numbers and nested tables", function()
    assert.equal(3.5, gl.tensor(3.5):totable())
    assert.same({}, gl.tensor(3.5).shape)
    assert.same({{1, 2}, {3, 4}}, gl.tensor({{1, 2}, {3, 4}}):totable())
    assert.same({2, 1, 3}, gl.tensor({{{1, 2, 3}}, {{4, 5, 6}}}).shape)
  end)

  it("says what is wrong with a table", function()
    raises("tensor: the table is empty", gl.tensor, {})
    raises("tensor: the table is empty", gl.tensor, {{}, {1}})
    raises("tensor: the table is ragged: axis 2 has 2 elements here and 1 there", gl.tensor, {{1, 2}, {3}})
    raises("tensor: the table is ragged: a number where axis 2 has 2 elements", gl.tensor, {{1, 2}, 3})
    raises("tensor: element 2 is not a number but table", gl.tensor, {1, {2}})
    raises("tensor: element 2 is not a number but string", gl.tensor, {1, "2"})
    raises("tensor: element 1 is not a number but a tensor (stack and cat join tensors)", gl.tensor, {gl.ones(2)})
    raises("tensor: tables are nested more than 8 deep", gl.tensor, {{{{{{{{{1}}}}}}}}})
    local circular = {}
    circular[1] = circular
    raises("tensor: tables are nested more than 8 deep", gl.tensor, circular)
    raises("tensor: expected a number or a table of numbers, got nothing", gl.tensor)
    raises("tensor: expected a number or a table of numbers, got string", gl.tensor, "1")
    raises("tensor: expected a table of options, got string", gl.tensor, {1}, "uint8")
  end)

  it("fills a shape, given as a table or as numbers", function()
    assert.same({{0, 0, 0}, {0, 0, 0}}, gl.zeros(2, 3):totable())
    assert.same({{1, 1, 1}, {1, 1, 1}}, gl.ones({2, 3}):totable())
    assert.same({7, 7}, gl.full(2, 7):totable())
    assert.same({{7}, {7}}, gl.full({2, 1}, 7):totable())
    assert.same({}, gl.zeros().shape)
    assert.same({}, gl.zeros({}).shape)
    assert.same({1, 1, 1, 1, 1, 1, 1, 1}, gl.ones(1, 1, 1, 1, 1, 1, 1, 1).shape)
  end)

  it("takes the options dtype and requires_grad", function()
    assert.equal("uint8", gl.zeros(2, {dtype = "uint8"}).dtype)
    assert.equal("uint8", gl.zeros({2, dtype = "uint8"}).dtype)
    assert.equal("float32", gl.zeros({2}, {dtype = "float32"}).dtype)
    assert.is_true(gl.ones(2, {requires_grad = true}).requires_grad)
    assert.is_true(gl.tensor({1, 2}, {requires_grad = true}).requires_grad)
    assert.is_true(gl.full({2}, 1, {requires_grad = true}).requires_grad)
    assert.same({0, 2, 255}, gl.tensor({-3, 1.7, 999}, {dtype = "uint8"}):totable())
    raises("zeros: dtype is 'float32', 'uint8' or 'int64', not 'int'", gl.zeros, 2, {dtype = "int"})
    raises("zeros: dtype is 'float32', 'uint8' or 'int64', not boolean", gl.zeros, 2, {dtype = false})
    raises("zeros: options are given by name", gl.zeros, 2, {3})
    raises("full: options are given by name", gl.full, {2}, 1, {"uint8"})
    raises("tensor: options are given by name", gl.tensor, {2}, {1, dtype = "uint8"})
    raises("zeros: there is no option 'type' (it takes dtype and requires_grad)", gl.zeros, 2, {type = "uint8"})
    for _, make in ipairs {gl.zeros, gl.tensor} do
      for _, dtype in ipairs {"uint8", "int64"} do
        local _, message = pcall(make, 2, {dtype = dtype, requires_grad = true})
        assert.matches("a tensor of " .. dtype .. " has no gradient$", message)
      end
    end
    raises("rand: makes float32 tensors", gl.rand, 2, {dtype = "uint8"})
  end)

  it("copies a tensor", function()
    local x = gl.tensor({1, 2}, {requires_grad = true})
    local y, z = gl.tensor(x), gl.tensor(x, {requires_grad = true})
    assert.is_false(y.requires_grad)
    assert.is_true(z.requires_grad and z.is_leaf)
    y:fill_(5)
    assert.same({1, 2}, x:totable())
    assert.equal("uint8", gl.tensor(x:byte()).dtype)
    assert.equal("float32", gl.tensor(x:byte(), {dtype = "float32"}).dtype)
  end)

  it("refuses shapes that cannot be", function()
    raises("zeros: size 0 of axis 2: sizes are at least 1", gl.zeros, 2, 0)
    raises("zeros: size -1 of axis 1: sizes are at least 1", gl.zeros, -1)
    raises("zeros: at most 8 sizes, not 9", gl.zeros, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    raises("zeros: sizes: expected at most 8 whole numbers, got table", gl.zeros, {1, 1, 1, 1, 1, 1, 1, 1, 1})
    raises("zeros: sizes: expected whole numbers, got number with a fraction", gl.zeros, 2, 1.5)
    raises("zeros: sizes: expected at most 8 whole numbers, got string", gl.zeros, "2")
    raises("zeros: sizes: expected at most 8 whole numbers, got nothing", gl.zeros, nil)
    raises("zeros: shape 1099511627776x1099511627776 is too large", gl.zeros, 1 << 40, 1 << 40)
    raises("full: several sizes come in a table: full({2, 3}, 0)", gl.full, 2, 3, 7)
    raises("full: value: expected a number, got nothing (several sizes come in a table: full({2, 3}, 0))", gl.full, 2)
  end)

  it("has no memory for what is too large, and goes on", function()
    raises("zeros: out of memory (4503599627370496 bytes wanted)", gl.zeros, 1 << 50)
    assert.equal(0, gl.zeros(1):item())
  end)

  it("counts", function()
    assert.same({1, 2, 3}, gl.arange(3):totable())
    assert.same({0, 1, 2}, gl.arange(0, 2):totable())
    assert.same({5, 3, 1}, gl.arange(5, 1, -2):totable())
    assert.equal(11, #gl.arange(0, 1, 0.1))
    assert.same({0, 0.5, 1}, gl.linspace(0, 1, 3):totable())
    assert.same({4}, gl.linspace(4, 9, 1):totable())
    assert.same({{1, 0}, {0, 1}}, gl.eye(2):totable())
    raises("arange: that makes no elements", gl.arange, 0)
    raises("arange: that makes no finite number of elements", gl.arange, 0 / 0)
    raises("arange: the step cannot be 0", gl.arange, 1, 2, 0)
    raises("linspace: that makes no elements", gl.linspace, 0, 1, 0)
    raises("randperm: expected a number from 1 to 2^32 - 1, got 0", gl.randperm, 0)
    raises("threads: expected a number from 1 to 1024, got 0", gl.threads, 0)
  end)

  it("draws the same numbers after the same seed, for any number of threads", function()
    local threads = gl.threads()
    local function draw(n)
      gl.threads(n)
      gl.seed(5)
      return {gl.rand(100000):sum():item(), gl.randn(100000)[77777]:item(), gl.randperm(10):totable()}
    end
    assert.same(draw(1), draw(2))
    gl.threads(threads)
    local x, z = gl.rand(10000), gl.randn(10000)
    assert.is_true(x:min():item() >= 0 and x:max():item() < 1)
    assert.is_true(math.abs(x:mean():item() - 0.5) < 0.02)
    assert.is_true(math.abs(z:mean():item()) < 0.05 and math.abs(z:std():item() - 1) < 0.05)
    local order = gl.randperm(50):totable()
    table.sort(order)
    assert.same(gl.arange(50):totable(), order)
  end)
end)

describe("a tensor", function()
  local x
  before_each(function() x = gl.arange(6):reshape(2, 3) end)

  it("knows its shape", function()
    assert.same({2, 3}, x.shape)
    assert.same({2, 3}, x:size())
    assert.equal(3, x:size(-1))
    assert.equal(2, x.ndim)
    assert.equal(6, x:numel())
    assert.equal(2, #x)
    assert.equal(0, x:sum().ndim)
    raises("a single number has no length", function() return #x:sum() end)
    raises("size: there is no axis 3: the tensor has 2 axes", x.size, x, 3)
    raises("size: there is no axis 0: the tensor has 2 axes", x.size, x, 0)
  end)

  it("has no other fields", function()
    raises("a tensor has no field or method 'foo'", function() return x.foo end)
    raises("a tensor's field 'shape' cannot be set", function() x.shape = {6} end)
  end)

  it("becomes Lua numbers and tables", function()
    assert.same({{1, 2, 3}, {4, 5, 6}}, x:totable())
    assert.same({{1, 4}, {2, 5}, {3, 6}}, x:t():totable())
    assert.equal("float", math.type(x[{1, 2}]:item()))
    assert.equal("integer", math.type(x:byte()[{1, 2}]:item()))
    assert.equal("integer", math.type(x:byte():totable()[1][1]))
    raises("item: the tensor has 6 elements (2x3), not one", x.item, x)
  end)

  it("converts between types", function()
    local special = gl.tensor {-1, 0.5, 1.5, 254.6, 300, 0 / 0, 1 / 0, -1 / 0}
    assert.same({0, 0, 2, 255, 255, 0, 255, 0}, special:byte():totable())
    assert.equal("float32", x:byte():float().dtype)
    assert.is_true(x:float() == x)
    assert.equal("float32", (x:byte() + 1).dtype)
    assert.equal("uint8", x:byte():t()[{{1, 2}}].dtype)
    raises("add_: changes float32 tensors only, not uint8", function() x:byte():add_(1) end)
    raises("cat: tensor 2 is uint8, tensor 1 float32", gl.cat, {x, x:byte()})
    raises("a tensor of uint8 has no gradient", function() x:byte().requires_grad = true end)
  end)

  it("is copied by clone, with its gradient", function()
    local y = x:t():clone()
    assert.is_true(y:is_contiguous())
    y:zero_()
    assert.equal(21, x:sum():item())
    local w = gl.ones(2, {requires_grad = true})
    w:clone():square():sum():backward()
    assert.same({2, 2}, w.grad:totable())
    assert.is_false(gl.no_grad(function() return w:clone() end).requires_grad)
  end)
end)

describe("indexing", function()
  local x
  before_each(function() x = gl.arange(24):reshape(2, 3, 4) end)

  it("picks along the first axis by a number", function()
    assert.same({{13, 14, 15, 16}, {17, 18, 19, 20}, {21, 22, 23, 24}}, x[2]:totable())
    assert.same(x[2]:totable(), x[-1]:totable())
    assert.equal(24, x[2][3][4]:item())
    assert.equal(1, x[1.0][1][1]:item())
  end)

  it("picks along several axes by a table of numbers and ranges", function()
    assert.equal(24, x[{2, 3, 4}]:item())
    assert.same({9, 10, 11, 12}, x[{1, -1}]:totable())
    assert.same({{1, 3}, {5, 7}}, x[{1, {1, 2}, {1, 4, 2}}]:totable())
    assert.same({2, 2, 4}, x[{{}, {2}}].shape)
    assert.same({1, 3, 4}, x[{{2, 2}}].shape)
    assert.same({4, 8, 12}, x[{1, {}, -1}]:totable())
    assert.same(x:totable(), x[{}]:totable())
  end)

  it("shares memory with what it is a part of", function()
    x[2][3][4] = 0
    assert.equal(0, x[{2, 3, 4}]:item())
    x[1]:transpose(1, 2)[{{}, {1, 2}}]:fill_(-1)
    assert.same({{-1, -1, -1, -1}, {-1, -1, -1, -1}, {9, 10, 11, 12}}, x[1]:totable())
    x:reshape(6, 4):select(2, 1):copy_ {1, 2, 3, 4, 5, 6}
    assert.same({1, 2, 3}, x[{1, {}, 1}]:totable())
    x:permute(3, 1, 2):reshape(24):zero_() -- of other strides: a copy
    assert.equal(1, x[{1, 1, 1}]:item())
  end)

  it("says what is out of range", function()
    raises("index: 3 is not in 1..2, along axis 1 of 2x3x4", function() return x[3] end)
    raises("index: 0 is not in 1..2, along axis 1 of 2x3x4", function() return x[0] end)
    raises("index: -3 is not in 1..2, along axis 1 of 2x3x4", function() return x[-3] end)
    raises("index: -9223372036854775808 is not in 1..2, along axis 1 of 2x3x4",
           function() return x[math.mininteger] end)
    raises("index: 5 is not in 1..4, along axis 3 of 2x3x4", function() return x[{{}, {}, 5}] end)
    raises("slice: last index 4 is not in 1..3", function() return x[{1, {1, 4}}] end)
    raises("slice: the last index, 1, comes before the first, 2", function() return x[{1, {2, 1}}] end)
    raises("slice: step 0: a step is at least 1", function() return x[{1, {1, 2, 0}}] end)
    raises("index: 4 indices for a tensor with 3 axes (2x3x4)", function() return x[{1, 1, 1, 1}] end)
    raises("index: a single number has no parts (x:item() is its value)", function() return x:sum()[1] end)
    raises("index: 3 is not in 1..2, along axis 1 of 2x3x4", function() x[3] = 0 end)
  end)

  it("says what is no index", function()
    raises("index: expected a whole number, got 1.5", function() return x[1.5] end)
    raises("index: expected a whole number, got nan", function() return x[math.abs(0 / 0)] end)
    raises("index: expected a whole number or a range {first, last}, got string", function() return x[{"1"}] end)
    raises("index: expected whole numbers in a range {first, last, step}, got string",
           function() return x[{{1, "2"}}] end)
    raises("index: a tensor is indexed by a number, a table of them or a name, not by a boolean",
           function() return x[true] end)
  end)
end)

describe("assignment", function()
  local x
  before_each(function() x = gl.arange(6):reshape(2, 3) end)

  it("takes numbers, tables and tensors that stretch to the part", function()
    x[1] = 0
    x[{2, {1, 2}}] = {8, 9}
    assert.same({{0, 0, 0}, {8, 9, 6}}, x:totable())
    x[{}] = gl.tensor {{1}, {2}}
    assert.same({{1, 1, 1}, {2, 2, 2}}, x:totable())
    x[2] = gl.tensor({7, 8, 9}):byte()
    assert.same({7, 8, 9}, x[2]:totable())
    local bytes = gl.zeros(2, {dtype = "uint8"})
    bytes[1] = 300
    assert.same({255, 0}, bytes:totable())
  end)

  it("may read what it writes", function()
    x[1] = x[2]
    assert.same({{4, 5, 6}, {4, 5, 6}}, x:totable())
    x = gl.arange(4):reshape(2, 2)
    x:copy_(x:t())
    assert.same({{1, 3}, {2, 4}}, x:totable())
    x:add_(x)
    assert.same({{2, 6}, {4, 8}}, x:totable())
    x:add_(x:t())
    assert.same({{4, 10}, {10, 16}}, x:totable())
    x:mul_(x[1])
    assert.same({{16, 100}, {40, 160}}, x:totable())
    local line = gl.arange(5)
    line[{{2, 5}}] = line[{{1, 4}}]
    assert.same({1, 1, 2, 3, 4}, line:totable())
  end)

  it("says what does not fit, and changes nothing", function()
    raises("assignment: shapes 3 and 2 do not fit together (axes are matched from the last; sizes must be equal or 1)",
           function() x[1] = {1, 2} end)
    raises("assignment: shape 2x3 does not fit into 3", function() x[1] = x end)
    raises("assignment: expected a number, a table of numbers or a tensor, got nothing", function() x[1] = nil end)
    raises("assignment: expected a number, a table of numbers or a tensor, got string", function() x[1] = "1" end)
    assert.same({{1, 2, 3}, {4, 5, 6}}, x:totable())
  end)

  it("is not possible where elements share memory", function()
    local wide = gl.ones(1, 3):expand(2, 3)
    local message = "a stretched tensor (2x3, by expand) cannot be changed: its elements share memory; clone it first"
    raises("add_: " .. message, wide.add_, wide, x)
    raises("copy_: " .. message, wide.copy_, wide, x)
    raises("fill_: " .. message, wide.fill_, wide, 2)
    raises("zero_: " .. message, wide.zero_, wide)
    raises("normal_: " .. message, wide.normal_, wide)
    raises("assignment: " .. message, function() wide[1] = 2 end)
    assert.equal(6, wide:sum():item())
    assert.same({{2, 3, 4}, {5, 6, 7}}, wide:clone():add_(x):totable())
  end)

  it("is not recorded, and says so", function()
    local w = gl.ones(3, {requires_grad = true})
    raises("assignment: it is not recorded, and the tensor requires a gradient: use gl.no_grad",
           function() w[1] = 2 end)
    raises("assignment: it is not recorded, and the value requires a gradient: use gl.no_grad, or join the parts by " ..
           "stack or cat", function() x[1] = w end)
    raises("add_: a change in place is not recorded, and an argument requires a gradient: use add(), or gl.no_grad",
           function() w:add_(1) end)
    raises("zero_: a change in place is not recorded, and an argument requires a gradient: use gl.no_grad",
           function() w:zero_() end)
    gl.no_grad(function()
      w[1] = 2
      w:add_(1)
    end)
    assert.same({3, 2, 2}, w:totable())
    assert.is_true(w.requires_grad)
  end)
end)

describe("operators", function()
  it("are those of arithmetic", function()
    local x = gl.tensor {1, 2, 4}
    assert.same({2, 3, 5}, (x + 1):totable())
    assert.same({1, 0, -2}, (2 - x):totable())
    assert.same({2, 4, 8}, (x * 2):totable())
    assert.same({8, 4, 2}, (8 / x):totable())
    assert.same({1, 4, 16}, (x ^ 2):totable())
    assert.same({2, 4, 16}, (2 ^ x):totable())
    assert.same({-1, -2, -4}, (-x):totable())
    assert.same({2, 4, 7}, (x + {1, 2, 3}):totable())
    assert.same({{2, 3, 5}, {3, 4, 6}}, (x + {{1}, {2}}):totable())
  end)

  it("compare single numbers", function()
    local three = gl.tensor(3)
    assert.is_true(three < 4 and three <= 3 and 2 < three and three > gl.tensor {2})
    assert.is_false(three < 3)
    assert.is_false(gl.tensor(0 / 0) < 1)
    raises("< and <= compare single numbers, not a tensor of 2: use x:lt(y), x:le(y)",
           function() return gl.ones(2) < 3 end)
    raises("< and <= compare tensors and numbers, not string", function() return three < "4" end)
    assert.same({1, 0}, gl.tensor({1, 2}):lt(2):totable())
  end)

  it("let NaN through", function()
    local nan = 0 / 0
    local x = gl.tensor {1, nan, 3}
    for _, y in ipairs {x:max(), x:min(), x:sum(), x:relu()[2], x:clamp(0, 1)[2]} do
      assert.equal("nan", tostring(y))
    end
    for _, name in ipairs {"maximum", "minimum", "add", "pow"} do
      assert.equal("nan", tostring(x[name](x, 2)[2]))
      assert.equal("nan", tostring(gl[name](2, x)[2]))
    end
    assert.same({2, 2}, {x:argmax():item(), x:argmin():item()})
    assert.same({0, 0}, {x:eq(x)[2]:item(), x:lt(2)[2]:item()})
  end)

  it("tell whether two values are the same tensor", function()
    local x = gl.ones(2, {requires_grad = true})
    x:sum():backward()
    assert.is_true(x.grad == x.grad)
    assert.is_false(x == gl.ones(2))
    assert.is_false(x[1] == 1)
  end)

  it("say what is wrong", function()
    local x = gl.ones(2, 3)
    raises("add: y: expected a tensor, got string", function() return x + "1" end)
    raises("add: y: expected a tensor, got nothing", function() return x + nil end)
    raises("sub: x: expected a tensor, got boolean", function() return true - x end)
    raises("add: shapes 2x3 and 2 do not fit together (axes are matched from the last; sizes must be equal or 1)",
           function() return x + gl.ones(2) end)
  end)
end)

describe("arguments", function()
  local x = gl.arange(6):reshape(2, 3)

  it("come in order or by name", function()
    assert.same({5, 7, 9}, x:sum(1):totable())
    assert.same({{5, 7, 9}}, x:sum(1, true):totable())
    assert.same({{5, 7, 9}}, x:sum(1, {keepdim = true}):totable())
    assert.same({{5, 7, 9}}, x:sum({axis = 1, keepdim = true}):totable())
    assert.same({{5, 7, 9}}, gl.sum(x, {1}, true):totable())
    assert.equal(21, x:sum({1, 2}):item())
    assert.same({2, 3}, x:reshape(6):reshape(2, 3).shape)
    assert.same({2, 3}, x:reshape({2, -1}).shape)
  end)

  it("that are wrong are named", function()
    raises("sum: there is no option 'dim' (it takes [axis], keepdim = false)", x.sum, x, {dim = 1})
    raises("sum: 'keepdim' stands in the list of axis: options come after it, in a table of their own",
           x.sum, x, {1, keepdim = true})
    raises("cat: 'axis' stands in the list of tensors: options come after it, in a table of their own",
           gl.cat, {x, x, axis = 2})
    raises("sum: keepdim: expected true or false, got number", x.sum, x, 1, 1)
    raises("sum: axis: expected a whole number or a list of at most 8, got number with a fraction", x.sum, x, 1.5)
    raises("sum: there is no axis 3: the tensor has 2 axes", x.sum, x, 3)
    raises("sum: axis 2 is given twice", x.sum, x, {2, -1})
    raises("relu: too many arguments (it takes x)", x.relu, x, 1)
    raises("leaky_relu: slope: expected a number, got string", x.leaky_relu, x, "0.1")
    raises("exp: x: expected a tensor, got nothing", gl.exp)
    raises("cat: tensors: expected a list of tensors, got a tensor", gl.cat, x, x)
    raises("cat: element 2 of the list is not a tensor but number", gl.cat, {x, 2})
    raises("cat: the list of tensors is empty", gl.cat, {})
    raises("reshape: sizes is missing", x.reshape, x)
    raises("mse_loss: reduction is one of batch, sum, mean, none, not 'average'", x.mse_loss, x, x, "average")
    raises("backward: there is no option 'retain' (it takes gradient and retain_graph)", x.backward, x, {retain = true})
    raises("backward: gradient: expected a tensor, got number", x.backward, x, {gradient = 1})
    raises("grad: expected a tensor or nil, got number", function() x.grad = 1 end)
  end)

  it("of shapes are checked", function()
    raises("reshape: 2x3 has 6 elements, which do not make 4", x.reshape, x, 4)
    raises("reshape: 2x3 has 6 elements, which do not make 4x-1", x.reshape, x, 4, -1)
    raises("reshape: 2x3 has 6 elements, which do not make 4294967296x4294967296x6",
           x.reshape, x, 1 << 32, 1 << 32, 6)
    assert.has_error(function() x:reshape(1 << 62, 4, -1) end)
    raises("permute: 1 axes are named, 2x3 has 2", x.permute, x, 1)
    raises("permute: axis 1 is given twice", x.permute, x, 1, 1)
    raises("expand: 2x3 does not stretch to 4x3", x.expand, x, 4, 3)
    raises("matmul: x (2x3) has rows of 3, y (2x3) columns of 2: these must be equal", x.matmul, x, x)
    raises("t: x has 2 axes, not 1", x.t, x[1])
    raises("t: expected a tensor, got nil", x.t, nil)
  end)
end)

describe("an error", function()
  it("names the line of the caller, not one of genlat's", function()
    local mistakes = {
      function() return gl.zeros(0), nil end,
      function() return gl.ones(2)[3], nil end,
      function() return gl.nn.Linear(2), nil end,
      function() return gl.nn.Linear(3, 2)(gl.ones(2)), nil end,
      function() return gl.nn.Sequential(gl.nn.Linear(3, 2), gl.nn.ReLU())(gl.ones(2)), nil end,
      function() return gl.optim.Adam({}), nil end,
      function() return gl.optim.clip_grad_norm(gl.nn.Linear(2, 2)), nil end,
      function() return gl.optim.clip_grad_value(nil, 1), nil end,
      function() return gl.optim.Adam(gl.nn.Linear(2, 2), {rate = 1}), nil end,
      function() return gl.ones(3):t(), nil end,
      function() return gl.no_grad(function() return gl.ones(2) + gl.ones(3), nil end) end,
    }
    for i, f in ipairs(mistakes) do
      local _, message = pcall(f)
      assert.equal(("%s:%d: "):format(debug.getinfo(f, "S").short_src, debug.getinfo(f, "S").linedefined),
                   message:match "^%S-:%d+: ", ("mistake %d: %s"):format(i, message))
    end
  end)

  it("leaves a tensor that is used by a finalizer after its own without harm", function()
    local program = [[
      local gl = require "genlat"
      local function use(o) io.write(tostring(pcall(function() return #o.x end)), "\n") end
      local object = setmetatable({}, {__gc = use})
      object.x = gl.ones(3)
      os.exit(true, true)]]
    local output, _, status = shell.program(program)
    assert.equal("false\n", output)
    assert.equal(0, status)
  end)
end)

describe("views", function()
  it("have what numbers and vectors of one element have", function()
    local x = gl.arange(3):reshape(1, 3, 1)
    assert.same({3}, x:squeeze().shape)
    assert.same({3, 1}, x:squeeze(1).shape)
    assert.same({1, 3, 1}, x:squeeze(2).shape)
    assert.same({}, gl.ones(1, 1):squeeze().shape)
    assert.same({1}, gl.tensor(5):reshape(1).shape)
    assert.same({1}, gl.tensor(5):flatten().shape)
    assert.same({1, 1}, gl.tensor(5):expand(1, 1).shape)
    assert.same({1, 2, 3, 4}, gl.cat({gl.arange(4)}):totable())
  end)

  it("have at most eight axes", function()
    local x = gl.ones(1, 1, 1, 1, 1, 1, 1, 1)
    raises("unsqueeze: 1x1x1x1x1x1x1x1 has 8 axes already, the most there can be", x.unsqueeze, x, 1)
    raises("stack: 1x1x1x1x1x1x1x1 has 8 axes already, the most there can be", gl.stack, {x})
    assert.equal(1, x:sum({1, 3, 5, 7}):permute(4, 3, 2, 1):squeeze():item())
  end)

  it("are freed from the recording by detach", function()
    local w = gl.ones(2, {requires_grad = true})
    local y = (w * 2):detach()
    assert.is_false(y.requires_grad)
    assert.is_true(y.is_leaf)
    local z = w * w
    w:detach():fill_(3)
    raises("backward: argument 1 of mul (2) was changed in place after mul had used it",
           function() z:sum():backward() end)
  end)
end)

describe("int64", function()
  local big = (1 << 24) + 5

  it("holds whole numbers that float32 does not, in every view and copy", function()
    local x = gl.tensor({{1, big}, {-big, 1 << 52}}, {dtype = "int64"})
    assert.equal("int64", x.dtype)
    assert.same({{1, big}, {-big, 1 << 52}}, x:totable())
    assert.equal("integer", math.type(x[{1, 2}]:item()))
    assert.same({{1, -big}, {big, 1 << 52}}, x:t():totable())
    assert.same({-big, 1 << 52, 1, big}, gl.cat({x[2], x[1]}):totable())
    assert.same({{-big, 1 << 52}, {1, big}}, x:flip(1):clone():totable())
    x[{1, 1}] = -7.6
    x[2] = gl.tensor {3, 4}
    assert.same({{-8, big}, {3, 4}}, x:totable())
    assert.same({{0, 255}, {3, 4}}, x:byte():totable())
    assert.same({{-8, 16777220}, {3, 4}}, x:float():totable())
    assert.same({7, 0, 1 << 53, -(1 << 53)},
      gl.tensor({7, 0 / 0, math.huge, -math.huge}, {dtype = "int64"}):totable())
    assert.matches("int64", tostring(x))
    assert.matches("16777221", tostring(x))
    local full = gl.full({3}, big, {dtype = "int64"})
    assert.same({big, big, big}, full:totable())
    full:detach():zero_()
    assert.same({0, 0, 0}, full:totable())
  end)

  it("names places, and is computed with where float32 holds its numbers", function()
    local place = gl.tensor({3, 1}, {dtype = "int64"})
    assert.same({30, 10}, gl.tensor({10, 20, 30}):index_select(place):totable())
    assert.same({4, 2}, (place + 1):totable())
    assert.same({{0, 0, 1}, {1, 0, 0}}, place:one_hot(3):totable())
    place[1] = big
    for name, compute in pairs {
      add = function() return place + 1 end, eq = function() return place:eq(big) end,
      add_ = function() return gl.zeros(2):add_(place) end, one_hot = function() return place:one_hot(3) end,
      copy_ = function() return gl.zeros(2):copy_(place) end,
      assignment = function() gl.zeros(2)[{}] = place end,
    } do
      local ok, message = pcall(compute)
      assert.is_false(ok, name)
      assert.matches(name .. ": element 1 is 16777221, which float32 does not hold", message)
    end
    assert.error_matches(function() place:requires_grad_() end, "a tensor of int64 has no gradient")
    local w = gl.ones(2, {requires_grad = true})
    assert.error_matches(function() w.grad = place end, "element 1 is 16777221, which float32 does not hold")
    assert.error_matches(function() (w * 2):backward(place) end, "element 1 is 16777221, which float32 does not hold")
    assert.is_nil(w.grad)
  end)

  it("is what places beyond 2^24 come as, and exact", function()
    local x = gl.zeros(big)
    assert.equal("float32", x:slice(1, 6, big):argmax().dtype)
    assert.equal(1, x:argmax():item())
    x[big] = 5
    local place = x:argmax()
    assert.equal("int64", place.dtype)
    assert.equal(big, place:item())
    assert.equal(5, x:index_select(place:reshape(1)):item())
    x[big] = -5
    assert.equal(big, x:argmin():item())
    assert.same({{big}}, x:reshape(1, big):argmin(2, true):totable())
    assert.equal(1, x:count_nonzero():item())
    assert.same({"int64", big - 1}, {x:eq(0):count_nonzero().dtype, x:eq(0):count_nonzero():item()})
    x = gl.arange(big - 1, big + 1)
    assert.same({"int64", big - 1, big, big + 1}, {x.dtype, table.unpack(x:totable())})
    assert.same({-big, -big + 2}, gl.arange(-big, -big + 3, 2):totable())
    assert.equal("float32", gl.arange(1 << 24).dtype)
    assert.equal("float32", gl.arange(big, big + 1, 0.5).dtype)
  end)

  it("is what a long permutation comes as", function()
    local order = gl.randperm(big, 3)
    assert.equal("int64", order.dtype)
    local seen = gl.zeros(8) -- how many of the numbers are in each eighth, read from the ends
    local head = order:slice(1, 1, 2000):totable()
    local twice = {}
    for _, place in ipairs(head) do
      assert.is_true(place >= 1 and place <= big and not twice[place])
      twice[place] = true
      local eighth = (place - 1) * 8 // big + 1
      seen[eighth] = seen[eighth]:item() + 1
    end
    assert.is_true(seen:min():item() > 150)
    assert.error_matches(function() gl.randperm(1 << 32) end, "from 1 to 2%^32 %- 1")
  end)
end)
