-- Counts and lengths that Lua hands over: each is checked against both its limits, and read in one place.

local gl = require "genlat"
local core = gl.core

local lengths = {-1, -(1 << 32) + 4000, math.mininteger, 1 << 31, 1 << 32, (1 << 32) + 2, 1 << 57, math.maxinteger,
                 2.0 ^ 31, 1e300, -0.5, 1.5, 0 / 0, 1 / 0, "2", {}, true}

local function list_of(length, element)
  return setmetatable({}, {__len = function() return length end, __index = function() return element end})
end

local function refused(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches("^%S+:%d+: ", message)
  return message
end

local function form(channels, background)
  return {height = 1, width = 1, channels = channels, background = background, fit = "none"}
end

describe("a length", function()
  it("of a list is a whole number within its limits", function()
    local x, image = gl.ones(2), gl.ones(1, 2, 2, 1)
    for _, n in ipairs(lengths) do
      local tensors, numbers = list_of(n, x), list_of(n, 1)
      assert.matches("cat: tensors: the length of the list is", refused(gl.cat, tensors))
      assert.matches("stack: tensors: the length of the list is", refused(gl.stack, tensors))
      assert.matches("clip_grad_norm: tensors: the length", refused(core.clip_grad_norm, tensors, 1))
      assert.matches("clip_grad_value: tensors: the length", refused(core.clip_grad_value, tensors, 1))
      assert.matches("Adam: tensors: the length", refused(core.new_optimizer, "Adam", tensors))
      refused(core.safetensors_write, "x", "{}", tensors)
      for _, op in ipairs {"expand", "reshape", "permute", "sum", "squeeze"} do
        assert.matches(op .. ": %l+: ", refused(gl[op], x, numbers))
      end
      for _, make in ipairs {"zeros", "ones", "rand", "randn"} do
        assert.matches(make .. ": sizes: ", refused(gl[make], list_of(n, 1)))
      end
      refused(gl.full, numbers, 1)
      refused(gl.conv2d, image, gl.ones(1, 1, 1, 1), {padding = numbers})
      refused(gl.max_pool2d, image, numbers)
      refused(gl.nn.Conv2d, 1, 1, numbers)
      refused(gl.nn.LayerNorm, numbers)
      refused(function() return x[numbers] end)
      refused(gl.optim.Adam, {x}, {betas = numbers})
      refused(core.read_images, list_of(n, "a.png"), form(1, 0))
      refused(core.read_cifar10, list_of(n, "a"))
      refused(core.map_file, "x", 0, numbers)
    end
  end)

  it("of a table of numbers, too", function()
    for _, n in ipairs(lengths) do
      refused(gl.tensor, list_of(n, nil))
      refused(gl.tensor, {{1, 2}, list_of(n, 1)})
      refused(gl.add, gl.ones(2), list_of(n, nil))
    end
  end)
end)

describe("a whole number", function()
  local beyond = {1 << 31, 1 << 32, (1 << 32) + 1, math.maxinteger, math.mininteger, -1, 1.5, 0 / 0, "1", {}, true}

  it("is within its limits, and is not cut to fewer bits", function()
    local bytes = gl.ones(2, 3):byte()
    for _, n in ipairs(beyond) do
      assert.matches("threads: ", refused(core.threads, n))
      refused(core.batch, bytes, gl.ones(2), n, 1)
      refused(core.batch, bytes, gl.ones(2), 1, n)
      refused(core.shift, gl.ones(1, 2, 2, 1), n)
      refused(gl.eye, n)
      if n ~= 1 << 31 then refused(gl.randperm, n) end -- so many there may be, of 17 GB
      refused(core.digits, n)
      refused(core.faces, 1, 0, 1, n)
      refused(core.read_images, {"a.png"}, form(n, 0))
      refused(core.read_images, {"a.png"}, form(1, n))
      if n ~= -1 then refused(function() return gl.ones(2):size(n) end) end
    end
    for _, n in ipairs {256, 257, 1 << 32} do
      refused(core.read_images, {"a.png"}, form(1, n))
    end
    refused(core.isatty, 1 << 32)
    refused(core.isatty, -1)
    assert.equal(1, gl.threads(1) and gl.threads())
  end)

  it("may be a float, and is not a string", function()
    assert.same({1, 2, 3}, (function(t) table.sort(t) return t end)(gl.randperm(3.0):totable()))
    assert.matches("the seed is a whole number from 0 to 9007199254740992, not 1.5", refused(gl.seed, 1.5))
    assert.matches("the seed is a whole number from 0 to 9007199254740992, not ", refused(gl.seed, "1"))
    assert.matches("randperm: n is a whole number, not nothing", refused(gl.randperm))
  end)

  it("that is the path of an image is no path", function()
    refused(core.read_images, {{}}, form(1, 0))
    local _, problems = core.read_images({17, 18}, form(1, 0))
    assert.matches("^17: ", problems[1][2]) -- its text stays alive as long as it is used
  end)
end)
