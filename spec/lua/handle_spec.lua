-- Objects of C's in Lua's hands: closed metatables, objects that are gone, Lua code that runs while C works on them.

local gl = require "genlat"
local core = gl.core

local folder = os.tmpname()
os.remove(folder)

-- What each kind of object is, how one is made, and a use of it.
local kinds = {
  {"genlat.Tensor", "tensor", function() return gl.ones(3) end, function(x) return x:sum():item() end},
  {"genlat.Optimizer", "optimizer", function() return gl.optim.Adam({gl.ones(3, {requires_grad = true})}) end,
    function(o) return o.lr end},
  {"genlat.Layer", "layer", function() return core.new_layer("Linear", 2, 3) end, core.layer_describe},
  {"genlat.Map", "map", function() return core.tsne(gl.randn(20, 3), 5, gl.randn(20, 2)) end,
    function(m) return m:step() end},
  {"genlat.Safetensors", "file", function()
    require("genlat.safetensors").save(folder .. "/x", {x = gl.ones(2)})
    return assert(core.safetensors_open(folder .. "/x"))
  end, function(f) return f:header() end},
  {"genlat.Output", "file", function() return assert(core.create_file(folder .. "/y")) end,
    function(f) return f:write "text" end},
}

-- Its finalizer, called by hand; debug.getmetatable sees what getmetatable does not.
local function collect(object) debug.getmetatable(object).__gc(object) end

-- A table that reads as the list, and runs f once, when its element `when` (0: its length) is asked for.
local function trap(list, when, f)
  local function run(i)
    if i == when and f then
      local once = f
      f = nil
      once()
    end
  end
  return setmetatable({}, {
    __len = function() run(0) return #list end,
    __index = function(_, i) run(i) return list[i] end,
  })
end

describe("an object", function()
  setup(function() assert(core.mkdirs(folder)) end)
  teardown(function() os.execute(("rm -r '%s'"):format(folder)) end)

  for _, kind in ipairs(kinds) do
    local name, noun, make, use = table.unpack(kind)

    it(name .. " has a closed metatable", function()
      local object = make()
      assert.same({__name = name}, getmetatable(object))
      assert.has_error(function() setmetatable(object, {}) end)
      assert.equal(name, core.kind_of(object))
      getmetatable(object).__name = "other"
      assert.equal(name, core.kind_of(object))
      getmetatable(object).__name = name
    end)

    it(name .. " that is gone answers with an error", function()
      local object = make()
      assert.has_no_error(function() use(object) end)
      collect(object)
      collect(object)
      local ok, message = pcall(use, object)
      assert.is_false(ok)
      assert.matches("this " .. noun .. " was %l+ already", message)
    end)

    it(name .. " is not another kind", function()
      for _, other in ipairs(kinds) do
        local gc = debug.getmetatable(other[3]()).__gc
        if other ~= kind then assert.has_error(function() gc(make()) end) end
        assert.has_error(function() gc() end)
        assert.has_error(function() gc {} end)
      end
      assert.is_nil(core.kind_of(io.stdout))
      assert.is_nil(core.kind_of {})
      assert.is_nil(core.kind_of(nil))
    end)
  end

  it("that is gone is named where it is an argument", function()
    local x = gl.ones(3, {requires_grad = true})
    local o = gl.optim.SGD {x}
    collect(x)
    local function says(text, f, ...)
      local ok, message = pcall(f, ...)
      assert.is_false(ok)
      assert.matches(text, message)
    end
    says("add: y: expected a tensor, got a tensor that was collected already", gl.add, gl.ones(3), x)
    says("cat: element 2 of the list is not a tensor but a tensor that was collected already", gl.cat, {gl.ones(3), x})
    says("this tensor was collected already", function() return x.shape end)
    says("this tensor was collected already", function() return #x end)
    says("this tensor was collected already", function() x[1] = 2 end)
    says("this tensor was collected already", tostring, x)
    says("got a tensor that was collected already", gl.nn.Linear(3, 2), x)
    says("clip_grad_norm: element 1", core.clip_grad_norm, {x}, 1)
    assert.has_no_error(function() o:step() end) -- it has its parameters itself
  end)
end)

describe("Lua code that runs while C reads its arguments", function()
  -- f is called with tables that collect their tensors when they are read; it raises an error or works.
  local function survives(f)
    local ok, message = pcall(f)
    if not ok then assert.matches("^%S+:%d+: ", message) end
    collectgarbage()
  end

  it("may collect the tensors of the call", function()
    for when = 0, 2 do
      for _, op in ipairs {"expand", "reshape", "sum", "permute", "mean"} do
        survives(function()
          local x = gl.ones(2, 2)
          return gl[op](x, trap({2, 2}, when, function() collect(x) end))
        end)
      end
      for _, op in ipairs {"cat", "stack"} do
        survives(function()
          local list = {gl.ones(2), gl.ones(2)}
          return gl[op](trap(list, when, function() collect(list[1]) collect(list[2]) end))
        end)
      end
      survives(function()
        local x = gl.ones(2, 2)
        return x[trap({1, 2}, when, function() collect(x) end)]
      end)
      survives(function()
        local x = gl.ones(2, 2)
        return x[{1, trap({1, 2}, when, function() collect(x) end)}]
      end)
      survives(function()
        local x = gl.ones(2, 2)
        x[1] = trap({1, 2}, when, function() collect(x) end)
      end)
      survives(function()
        local x = gl.ones(2)
        return gl.add(x, trap({1, 2}, when, function() collect(x) end))
      end)
      survives(function()
        local x = gl.ones(1, 2, 2, 1)
        return gl.conv2d(x, gl.ones(1, 1, 1, 1), {stride = trap({1, 1}, when, function() collect(x) end)})
      end)
      survives(function()
        local w = gl.ones(2, {requires_grad = true})
        return gl.optim.Adam(trap({w}, when, function() collect(w) end), {betas = {0.9, 0.99}})
      end)
      survives(function()
        local o = gl.optim.Adam({gl.ones(2, {requires_grad = true})})
        o.betas = trap({0.9, 0.99}, when, function() collect(o) end)
      end)
      survives(function()
        local o = gl.optim.Adam({gl.ones(2, {requires_grad = true})})
        o:set_steps(setmetatable({}, {__index = function() collect(o) return {1} end}))
      end)
    end
  end)

  it("may change the list, or leave by an error, and nothing is lost", function()
    collectgarbage()
    local before = gl.memory().live
    for when = 0, 2 do
      for _, op in ipairs {"cat", "stack"} do
        local list = {gl.ones(2), gl.ones(2)}
        survives(function() return gl[op](trap(list, when, function() list[2] = nil end)) end)
        survives(function() return gl[op](trap(list, when, function() list[2] = 3 end)) end)
        survives(function() return gl[op](trap(list, when, function() error "no" end)) end)
      end
      survives(function() return gl.tensor(trap({1, 2}, when, function() error "no" end)) end)
      survives(function() return gl.tensor {trap({1, 2}, when, function() error "no" end)} end)
      survives(function() return core.clip_grad_norm(trap({gl.ones(2)}, when, function() error "no" end), 1) end)
    end
    collectgarbage()
    assert.equal(before, gl.memory().live)
  end)

  it("gives lists that read as the plain ones", function()
    local plain = {gl.ones(2), gl.zeros(2)}
    assert.same({1, 1, 0, 0}, gl.cat(trap(plain)):totable())
    assert.same({{1, 0}, {1, 0}}, gl.stack(trap(plain), 2):totable())
    assert.same({{1, 2}, {3, 4}}, gl.tensor(trap {trap {1, 2}, {3, 4}}):totable())
    assert.same({2, 3}, gl.zeros(trap {2, 3}).shape)
    assert.equal(4, gl.tensor({{1, 2}, {3, 4}})[trap {2, 2}]:item())
    assert.same({0.5, 0.75}, gl.optim.Adam({gl.ones(1)}, {betas = trap {0.5, 0.75}}).betas)
  end)

  it("may be a finalizer, which collects the object that is worked on", function()
    local function with_finalizers(object, f)
      for n = 1, 40 do
        setmetatable({}, {__gc = function() collect(object) end})
        if n % 4 == 0 then collectgarbage "step" end
      end
      survives(f)
    end
    local function set_pause(percent) -- Lua 5.4's way, then 5.5's
      return pcall(collectgarbage, "setpause", percent) or collectgarbage("param", "pause", percent)
    end
    set_pause(50)
    for _ = 1, 20 do
      local o = gl.optim.Adam {gl.ones(2), gl.ones(3)}
      with_finalizers(o, function() return o:state(), tostring(o) end)
      local l = core.new_layer("Linear", 2, 3)
      with_finalizers(l, function() return core.layer_describe(l) end)
      local x = gl.ones(40, 40)
      with_finalizers(x, function() return tostring(x), x:totable(), x.shape end)
    end
    set_pause(200)
  end)
end)
