-- Wrong uses: each gives one clear line, and the scripts end with status 1 and no traceback.
local gl = require "genlat"
local shell = dofile "spec/scripts/shell.lua"
local Folder = dofile "spec/io/folder.lua"

local folder
setup(function()
  folder = Folder.new()
  folder:write("cut.png", "\137PNG\r\n\26\n")
  folder:write("text.txt", "hello")
end)
teardown(function() folder:remove() end)

local function tidy(text) return (text:gsub(folder.name:gsub("%p", "%%%0"), "FOLDER")) end

-- In the REPL or a program: the whole message, but for the position before it.
local in_a_program = {
  {"shapes that do not broadcast", function() return gl.zeros(2, 3) + gl.zeros(2, 4) end,
    "add: shapes 2x3 and 2x4 do not fit together (axes are matched from the last; sizes must be equal or 1)"},
  {"matrices that do not fit", function() return gl.zeros(2, 3):matmul(gl.zeros(2, 3)) end,
    "matmul: x (2x3) has rows of 3, y (2x3) columns of 2: these must be equal"},
  {"a layer of another width", function() return gl.nn.Linear(4, 2)(gl.zeros(1, 3)) end,
    "linear: input has 3 features, weight wants 4 (input 1x3, weight 2x4)"},
  {"a string for a tensor", function() return gl.exp("x") end, "exp: x: expected a tensor, got string"},
  {"a fraction for an axis", function() return gl.zeros(2):sum(1.5) end,
    "sum: axis: expected a whole number or a list of at most 8, got number with a fraction"},
  {"an axis that is not there", function() return gl.zeros(2, 2):sum(3) end,
    "sum: there is no axis 3: the tensor has 2 axes"},
  {"an index that is not there", function() return gl.zeros(2)[3] end, "index: 3 is not in 1..2, along axis 1 of 2"},
  {"a word that is none", function() return gl.zeros(2):mse_loss(gl.zeros(2), "avg") end,
    "mse_loss: reduction is one of batch, sum, mean, none, not 'avg'"},
  {"an option that is none", function() return gl.zeros(2):sum {axes = 1} end,
    "sum: there is no option 'axes' (it takes [axis], keepdim = false)"},
  {"an element count that does not divide", function() return gl.zeros(6):reshape(4, -1) end,
    "reshape: 6 has 6 elements, which do not make 4x-1"},
  {"a ragged table", function() return gl.tensor {{1, 2}, {3}} end,
    "tensor: the table is ragged: axis 2 has 2 elements here and 1 there"},
  {"a loss of several elements", function() gl.zeros(2, {requires_grad = true}):exp():backward() end,
    "backward: a loss has one element, this tensor is 2: sum it, or give the gradient to start from"},
  {"a second backward", function()
    local loss = gl.ones(2, {requires_grad = true}):exp():sum()
    loss:backward()
    loss:backward()
  end, "backward: this graph was freed by an earlier backward (keep it by backward{retain_graph = true}, or compute "
    .. "the loss again)"},
  {"a changed tensor that backward needs", function()
    local w, x = gl.ones(2, {requires_grad = true}), gl.ones(2)
    local loss = (w * x):sum()
    x:add_(1)
    loss:backward()
  end, "backward: argument 2 of mul (2) was changed in place after mul had used it"},
  {"a parameter changed in place", function() gl.ones(2, {requires_grad = true}):add_(1) end,
    "add_: a change in place is not recorded, and an argument requires a gradient: use add(), or gl.no_grad"},
  {"a label beyond the classes", function() return gl.zeros(1, 3):cross_entropy(gl.tensor {4}) end,
    "cross_entropy: label 4 is not a whole number in 1..3"},
  {"an optimizer without parameters", function() return gl.optim.Adam({}) end,
    "Adam: there are no parameters to train"},
  {"a setting that is none", function() return gl.optim.SGD(gl.nn.Linear(1, 1), {rate = 1}) end,
    "SGD: there is no option 'rate' (it takes lr = 0.01, momentum = 0, weight_decay = 0, nesterov = false)"},
  {"a class without forward", function() return gl.nn.class("Net")()(gl.zeros(1)) end, "Net: write its forward(x)"},
  {"state of another model", function() gl.nn.Linear(2, 2):load_state_dict(gl.nn.Linear(3, 2):state_dict()) end,
    "load_state_dict: weight is 2x3, the model wants 2x2"},
}

-- Functions that the world can fail: nil and the message.
local with_files = {
  {"a missing picture", function() return gl.read_png(folder:path "none.png") end,
    "FOLDER/none.png: cannot be opened: No such file or directory"},
  {"a picture that is cut off", function() return gl.read_png(folder:path "cut.png") end, "FOLDER/cut.png: .+"},
  {"a truncated gzip file", function()
    assert(gl.write_idx(folder:path "whole.gz", gl.zeros(40, 40, {dtype = "uint8"})))
    local whole = folder:read "whole.gz"
    folder:write("cut.gz", whole:sub(1, #whole // 2))
    return gl.read_idx(folder:path "cut.gz")
  end, "FOLDER/cut.gz: .*truncated.*"},
  {"text where an IDX file should be", function() return gl.read_idx(folder:path "text.txt") end,
    "FOLDER/text.txt: .+"},
  {"a model that is none", function() return gl.models.load(folder:path "text.txt") end, "FOLDER/text.txt: .+"},
}

-- Command lines: what a script writes to standard error.
local on_the_command_line = {
  {"train_vae.lua", "--epochs none", "train_vae: --epochs: 'none' is not a whole number from 1 (--help explains)"},
  {"train_vae.lua", "--hidden 5,x",
    "train_vae: --hidden: '5,x' is not a list of sizes such as 512,256 (--help explains)"},
  {"train_vae.lua", "--beta=-1", "train_vae: --beta: '-1' is not a number from 0 (--help explains)"},
  {"train_ae.lua", "--bta 3", "train_ae: unknown option '--bta' (--help explains)"},
  {"train_vae.lua", "--data /nowhere --out FOLDER/run",
    "there is no data set called /nowhere (digits, .+), and no such folder"},
  {"train_vae.lua", "--data FOLDER --out FOLDER/run",
    "FOLDER/cut.png: truncated: at least 16 bytes expected, 8 came"},
  {"train_vae.lua", "--out FOLDER/text.txt", "FOLDER/text.txt: .+"},
  {"interpolate.lua", "FOLDER/nothing",
    "FOLDER/nothing: cannot be opened: No such file or directory"},
  {"interpolate.lua", "", "interpolate: missing argument 'run' (--help explains)"},
}

local function is_one_line(text) assert.is_nil(text:gsub("\n$", ""):find("\n"), "more than one line:\n" .. text) end

-- A pattern that matches a text in which ".+" and ".*" alone are special.
local function plain(text)
  return "^" .. text:gsub("%p", "%%%0"):gsub("%%%.%%%+", ".+"):gsub("%%%.%%%*", ".*") .. "$"
end

describe("in a program,", function()
  for _, case in ipairs(in_a_program) do
    it(case[1] .. " gives one clear line at the caller's place", function()
      local ok, message = pcall(case[2])
      assert.is_false(ok)
      is_one_line(message)
      assert.equal(case[3], (message:gsub("^[%w%./_]+%.lua:%d+: ", "")))
    end)
  end

  for _, case in ipairs(with_files) do
    it(case[1] .. " gives nil and one clear line", function()
      local value, message = case[2]()
      assert.is_nil(value)
      is_one_line(message)
      assert.matches(plain(case[3]), tidy(message))
    end)
  end
end)

describe("on the command line,", function()
  for _, case in ipairs(on_the_command_line) do
    it(case[1] .. " " .. case[2] .. " gives one clear line and status 1", function()
      local output, errors, status = shell.script(case[1], (case[2]:gsub("FOLDER", folder.name)))
      assert.equal("", output)
      assert.equal(1, status)
      is_one_line(errors)
      assert.matches(plain(case[3]), (tidy(errors):gsub("\n$", "")))
    end)
  end

  local old = shell.run("command -v lua5.1 || command -v luajit"):match "^(%S+)";
  (old and it or pending)("another Lua is told in one line", function()
    for script in io.popen("ls scripts/*.lua"):lines() do
      script = script:match "[^/]+$"
      local output, errors, status = shell.run(("'%s' scripts/%s"):format(old, script))
      assert.equal("", output)
      assert.equal(1, status)
      assert.equal("genlat needs Lua 5.4; this is Lua 5.1: run it with lua5.4\n", errors)
    end
  end)
end)
