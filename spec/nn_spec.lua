-- Modules and layers as a user writes and uses them.

local gl = require "genlat"
local nn = gl.nn

local function raises(message, f, ...)
  local ok, got = pcall(f, ...)
  assert.is_false(ok, "expected an error: " .. message)
  assert.equal(message, (got:gsub("^%S-:%d+: ", "")))
end

local function names(module)
  local list = {}
  for i, entry in ipairs(module:named_parameters()) do list[i] = entry[1] end
  return list
end

describe("a class of modules", function()
  local Net = nn.class "Net"
  function Net:init(hidden)
    self.second = nn.Linear(hidden, 2)
    self.first = nn.Linear(3, hidden)
    self.scale = nn.Parameter(gl.ones(2))
    self.constant = gl.ones(2)
    self:register_buffer("steps", gl.zeros(1))
  end
  function Net:forward(x) return self.second(self.first(x):relu()) * self.scale end

  it("makes instances that are called", function()
    local net = Net(4)
    local x = gl.randn(5, 3)
    local y = net(x)
    assert.same({5, 2}, y.shape)
    assert.is_true(y.requires_grad)
    assert.is_true(net.training)
    assert.equal("Net", net:name())
    assert.is_true(nn.is_module(net))
    assert.is_false(nn.is_module {} or nn.is_module(x) or nn.is_module(nil))
  end)

  it("returns all that forward returns", function()
    local Pair = nn.class "Pair"
    function Pair.forward(_, x, y) return x, nil, y end
    assert.equal(3, select("#", Pair()(1, 2)))
    local mean, _, logvar = Pair()(1, 2)
    assert.same({1, 2}, {mean, logvar})
  end)

  it("finds its parameters in the order of their definition", function()
    local net = Net(4)
    assert.same({"scale", "second.weight", "second.bias", "first.weight", "first.bias"}, names(net))
    assert.equal(#names(net), #net:parameters())
    assert.equal(2 + 4 * 2 + 2 + 3 * 4 + 4, net:parameter_count())
  end)

  it("finds modules and parameters in tables, at any depth", function()
    local Deep = nn.class "Deep"
    function Deep:init()
      self.blocks = {{nn.Linear(1, 2), nn.ReLU()}, {nn.Linear(2, 1, false)}}
      self.heads = {zeta = nn.Linear(1, 1), alpha = nn.Linear(1, 1)}
      self.scales = {nn.Parameter(gl.ones(1)), nn.Parameter(gl.ones(1))}
      self.config = {sizes = {1, 2}, name = "deep"}
      self.config.itself = self.config
    end
    local deep = Deep()
    assert.same({
      "scales.1", "scales.2", "blocks.1.1.weight", "blocks.1.1.bias", "blocks.2.1.weight", "heads.alpha.weight",
      "heads.alpha.bias", "heads.zeta.weight", "heads.zeta.bias",
    }, names(deep))
    table.insert(deep.blocks, nn.Linear(3, 3))
    assert.equal(11, #deep:parameters())
  end)

  it("lists what is shared once", function()
    local Tied = nn.class "Tied"
    function Tied:init()
      self.a = nn.Linear(2, 2)
      self.b = self.a
      self.weight = self.a.weight
      self.parent = self
    end
    local tied = Tied()
    assert.same({"weight", "a.bias"}, names(tied))
    assert.matches("^Tied", tostring(tied))
    tied.a = nil
    tied.a = nn.Linear(2, 2) -- set anew
    assert.same({"weight", "a.weight", "a.bias", "b.bias"}, names(tied))
  end)

  it("knows a parameter by requires_grad, however late, and not by what was computed", function()
    local Late = nn.class "Late"
    function Late:init()
      self.w = gl.ones(2)
      self.w.requires_grad = true
    end
    function Late:forward(x)
      self.last = self.w * x
      return self.last
    end
    local late = Late()
    late(2)
    assert.same({"w"}, names(late))
    late:freeze()
    assert.same({"w"}, names(late))
    late.w = nn.Parameter(gl.zeros(3))
    assert.equal(3, late:parameter_count())
  end)

  it("may be derived from another", function()
    local Wide = nn.class("Wide", Net)
    function Wide:init() Net.init(self, 10) end
    assert.same({1, 2}, Wide()(gl.ones(1, 3)).shape)
    assert.equal(10, #Wide().first.bias)
    local Named = nn.class("Named", nn.Linear)
    local layer = Named(3, 4)
    assert.same({4, 3}, layer.weight.shape)
    assert.equal(3, layer.inputs)
    assert.equal("Named(3, 4)  N x 4  16 parameters", tostring(layer))
  end)

  it("says what is missing", function()
    raises("Empty: write its forward(x)", nn.class "Empty"(), 1)
    raises("class: expected a name, got nil", nn.class)
    raises("Parameter: expected a tensor, got number", nn.Parameter, 1)
    raises("register_buffer: n: expected a tensor", function() Net(1):register_buffer("n", 3) end)
    raises("Sequential: argument 2 is not a module but a function", function()
      local s = nn.Sequential(nn.ReLU(), print)
      return s
    end)
  end)
end)

describe("a module", function()
  local function model() return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 1)) end

  it("hands its parameters on by name", function()
    local a, b = model(), model()
    local state = a:state_dict()
    assert.is_true(state["1.weight"] == a[1].weight)
    b:load_state_dict(state)
    local x = gl.randn(2, 3)
    assert.same(a:eval()(x):totable(), b:eval()(x):totable())
    assert.is_false(a[1].weight == b[1].weight)
    assert.is_true(b[1].weight.requires_grad)
  end)

  it("keeps buffers with its state, untrained", function()
    local Counter = nn.class "Counter"
    function Counter:init() self:register_buffer("n", gl.zeros(1)) end
    local a, b = Counter(), Counter()
    a.n = a.n + 5
    b:load_state_dict(a:state_dict())
    assert.equal(5, b.n:item())
    assert.equal(0, #a:parameters())
  end)

  it("keeps its state in a file, whatever its class", function()
    local path = os.tmpname()
    local net = gl.nn.Sequential(gl.nn.Linear(2, 3), gl.nn.BatchNorm(3))
    assert.is_true(net:save_state(path))
    local copy = gl.nn.Sequential(gl.nn.Linear(2, 3), gl.nn.BatchNorm(3))
    assert.equal(copy, copy:load_state(path))
    assert.same(net[1].weight:totable(), copy[1].weight:totable())
    local other = gl.nn.Sequential(gl.nn.Linear(2, 4))
    local before = other[1].weight:totable()
    local value, message = other:load_state(path)
    assert.is_nil(value)
    assert.equal(path .. ": load_state_dict: 1.bias is 3, the model has 4", message)
    assert.same(before, other[1].weight:totable())
    os.remove(path)
    value, message = net:load_state "/nowhere/x"
    assert.is_nil(value)
    assert.equal("/nowhere/x: cannot be opened: No such file or directory", message)
    assert.is_nil((net:save_state "/nowhere/x"))
  end)

  it("refuses a state of another model, and stays as it is", function()
    local a = model()
    local before = a[1].weight:totable()
    local function with(change)
      local state = {}
      for name, tensor in pairs(model():state_dict()) do state[name] = tensor end
      change(state)
      return function() a:load_state_dict(state) end
    end
    raises("load_state_dict: 4.bias is missing", with(function(s) s["4.bias"] = nil end))
    raises("add: element 1 is 16777217, which float32 does not hold",
           with(function(s) s["4.bias"] = gl.full(s["4.bias"].shape, (1 << 24) + 1, {dtype = "int64"}) end))
    raises("load_state_dict: the model has no 5.bias", with(function(s) s["5.bias"] = gl.ones(1) end))
    raises("load_state_dict: 1.weight is 3x4, the model has 4x3", with(function(s) s["1.weight"] = gl.ones(3, 4) end))
    raises("load_state_dict: 4.bias is not a tensor but a number", with(function(s) s["4.bias"] = 1 end))
    raises("load_state_dict: expected a table, got nil", a.load_state_dict, a)
    assert.same(before, a[1].weight:totable())
  end)

  it("switches dropout with train and eval", function()
    local m = nn.Sequential(nn.Sequential(nn.Dropout(0.5)))
    local x = gl.ones(1000)
    local share = m(x):eq(0):mean():item()
    assert.is_true(share > 0.4 and share < 0.6)
    assert.same({0, 2}, {m(x):min():item(), m(x):max():item()})
    assert.is_true(m:eval() == m)
    assert.is_false(m[1][1].training)
    assert.same(x:totable(), m(x):totable())
    m:train()
    assert.is_true(m(x):eq(0):sum():item() > 0)
  end)

  it("has no gradients computed while it is frozen", function()
    local front, back = nn.Linear(2, 3), nn.Linear(3, 1)
    back:freeze()
    back(front(gl.ones(4, 2))):sum():backward()
    assert.is_nil(back.weight.grad)
    assert.is_nil(back.bias.grad)
    assert.same({3, 2}, front.weight.grad.shape)
    assert.is_false(back(gl.ones(1, 3)).requires_grad)
    back:unfreeze()
    back(front(gl.ones(4, 2))):sum():backward()
    assert.same({1, 3}, back.weight.grad.shape)
    back:zero_grad()
    assert.is_nil(back.weight.grad)
    local y = back(gl.ones(1, 3)):sum()
    back:freeze() -- after it was recorded
    y:backward()
    assert.is_nil(back.weight.grad)
    local w = gl.ones(2, {requires_grad = true})
    local loss = w:square():sum()
    w.requires_grad = false
    loss:backward()
    assert.is_nil(w.grad)
  end)

  it("visits all modules by apply, each once", function()
    local m, seen = model(), {}
    assert.is_true(m:apply(function(x) seen[#seen + 1] = x:name() end) == m)
    assert.same({"Sequential", "Linear", "Tanh", "Dropout", "Linear"}, seen)
  end)

  it("prints as a tree with shapes and counts", function()
    local m = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Sequential(nn.Dropout(0.1), nn.Linear(400, 2, false)))
    assert.equal([[
Sequential                           N x 2    314,800 parameters
  1: Linear(784, 400)                N x 400  314,000 parameters
  2: ReLU                            N x 400
  3: Sequential                      N x 2    800 parameters
    1: Dropout(p = 0.1)              N x 400
    2: Linear(400, 2, bias = false)  N x 2    800 parameters]], tostring(m))
    local Named = nn.class "Named"
    function Named:init() self.name = "a field that hides a method" end
    assert.equal("Named", tostring(Named()))
  end)

  it("prints without changing anything", function()
    local m = model()
    m[3]:eval()
    gl.seed(1)
    local seed, counter = gl.core.rng_state()
    tostring(m)
    assert.same({seed, counter}, {gl.core.rng_state()})
    assert.is_true(m.training)
    assert.is_false(m[3].training)
    assert.is_nil(m[1].weight.grad)
    assert.is_true(m(gl.ones(1, 3)).requires_grad)
  end)
end)

describe("init", function()
  local init = nn.init
  local function moments(f, ...)
    gl.seed(1)
    local w = gl.zeros(200, 100, {requires_grad = true}) -- 200 outputs, 100 inputs
    assert.is_true(f(w, ...) == w)
    assert.is_true(w.requires_grad)
    return w:mean():item(), w:std():item(), w:abs():max():item()
  end
  local function near(expected, got) assert.is_true(math.abs(got - expected) < 0.03 * expected, got) end

  it("draws from the distributions of the papers", function()
    local mean, std, most, _ = moments(init.uniform, -2, 4)
    near(1, mean)
    near(6 / math.sqrt(12), std)
    near(4, most)
    mean, std = moments(init.normal, 5, 2)
    near(5, mean)
    near(2, std)
    _, std, most = moments(init.xavier_uniform)
    near(math.sqrt(2 / 300), std)
    near(math.sqrt(6 / 300), most)
    _, std = moments(init.xavier_normal, 3)
    near(3 * math.sqrt(2 / 300), std)
    _, std = moments(init.kaiming_normal)
    near(math.sqrt(2 / 100), std)
    _, std, most = moments(init.kaiming_uniform, 1)
    near(math.sqrt(1 / 100), std)
    near(math.sqrt(3 / 100), most)
    assert.same({7, 7}, init.constant(gl.zeros(2), 7):totable())
  end)

  it("wants weights where it speaks of inputs", function()
    raises("xavier_normal: a weight has at least 2 axes, this is 1", init.xavier_normal, gl.zeros(3))
  end)
end)

describe("summary", function()
  it("prints output shapes and parameter counts for an input of a shape", function()
    local m = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3, {stride = 2}), nn.Flatten())
    local lines, original = {}, print
    _G.print = function(text) lines[#lines + 1] = text end
    local ok, message = pcall(m.summary, m, 8, 8, 3)
    _G.print = original
    assert.is_true(ok, message)
    assert.equal([[
Sequential                          N x 128         5,088 parameters
  1: Conv2d(3, 16, 3)               N x 6 x 6 x 16  448 parameters
  2: ReLU                           N x 6 x 6 x 16
  3: Conv2d(16, 32, 3, stride = 2)  N x 2 x 2 x 32  4,640 parameters
  4: Flatten                        N x 128]], lines[1])
    assert.error_matches(function() m:summary() end, "say the shape of one input")
  end)
end)
