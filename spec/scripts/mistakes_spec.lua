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
    "linear: input has 3 features, weight needs 4 (input 1x3, weight 2x4)"},
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
    "load_state_dict: weight is 2x3, the model has 2x2"},
  {"an image with other channels than the kernel",
    function() return gl.nn.Conv2d(1, 32, 4)(gl.zeros(64, 28, 28, 3)) end,
    "conv2d: input has 3 channels, weight needs 1 (input 64x28x28x3, weight 32x4x4x1)"},
  {"a kernel larger than the image", function() return gl.nn.Conv2d(1, 1, 5)(gl.zeros(1, 3, 9, 1)) end,
    "conv2d: output height floor((3 + 2*0 - 5) / 1) + 1 = -1: at least 1 is wanted"},
  {"an image without channels", function() return gl.nn.Conv2d(1, 1, 1)(gl.zeros(3, 3)) end,
    "conv2d: the input is N x H x W x C, not 3x3"},
  {"groups that do not divide the channels", function() return gl.nn.Conv2d(3, 4, 1, {groups = 2}) end,
    "Conv2d: 2 groups do not divide 3 inputs and 4 outputs"},
  {"a kernel of nothing", function() return gl.nn.Conv2d(1, 1, 0) end,
    "Conv2d: kernel is one whole number from 1 or two (height, width), not 0"},
  {"a weight with too few axes", function() return gl.zeros(1, 4, 4, 1):conv2d(gl.zeros(4, 4)) end,
    "conv2d: the weight is O x KH x KW x C/groups, not 4x4"},
  {"output padding as large as the stride",
    function() return gl.nn.ConvTranspose2d(1, 1, 3, {stride = 2, output_padding = 2})(gl.zeros(1, 2, 2, 1)) end,
    "conv_transpose2d: output padding 2 is not less than the stride 2"},
  {"padding that eats the image",
    function() return gl.nn.ConvTranspose2d(1, 1, 3, {padding = 2})(gl.zeros(1, 1, 1, 1)) end,
    "conv_transpose2d: output height (1 - 1) * 1 - 2*2 + 3 + 0 = -1: at least 1 is wanted"},
  {"a pool larger than the image", function() return gl.zeros(1, 3, 3, 1):max_pool2d(5) end,
    "max_pool2d: output height floor((3 + 2*0 - 5) / 5) + 1 = 0: at least 1 is wanted"},
  {"padding of more than half a window", function() return gl.zeros(1, 8, 8, 1):max_pool2d(2, 2, 2) end,
    "max_pool2d: padding 2x2 is more than half of kernel 2x2"},
  {"normalization of other channels", function() return gl.nn.BatchNorm(3)(gl.zeros(4, 5)) end,
    "batch_norm: weight is 3, the input (4x5) needs 5"},
  {"batch statistics of a single number", function() return gl.nn.BatchNorm(3)(gl.zeros(1, 3)) end,
    "batch_norm: training needs more than one value of each channel, the input is 1x3"},
  {"layer normalization of another shape", function() return gl.nn.LayerNorm(4)(gl.zeros(2, 5)) end,
    "layer_norm: weight is 4, which are not the last sizes of the input (2x5)"},
  {"an index without an embedding", function() return gl.nn.Embedding(3, 2)(gl.tensor {4}) end,
    "index_select: index 4 is not a whole number in 1..3"},
  {"channels that do not make squares of pixels", function() return gl.zeros(1, 2, 2, 3):pixel_shuffle(2) end,
    "pixel_shuffle: 3 channels are not a multiple of factor^2 = 4 (input 1x2x2x3)"},
  {"a scale of nothing", function() return gl.zeros(1, 2, 2, 3):upsample_nearest2d(0) end,
    "upsample_nearest2d: scale is one whole number from 1 or two (height, width), not 0"},
  {"all channels dropped", function() return gl.nn.Dropout2d(1) end,
    "Dropout2d: p is the share to drop, at least 0 and less than 1, not 1"},
  {"a summary of nothing", function() return gl.nn.ReLU():summary() end,
    "summary: say the shape of one input, such as m:summary(28, 28, 1)"},
  {"a DCGAN for images of any size", function() return gl.models.dcgan {image = {30, 30, 1}} end,
    "dcgan: images are squares whose side is 4, 5, 6 or 7 times a power of two (28, 32, 64, ...), not 30 x 30"},
  {"a loss that is none", function() return gl.models.gan {loss = "l2"} end,
    "gan: loss is gan, wasserstein or hinge, not l2"},
  {"a VGG that is none", function() return gl.models.vgg {configuration = "F"} end,
    "vgg: configuration is A, B, C, D or E, not F"},
  {"a LeNet-5 for tiny images", function() return gl.models.lenet5 {image = {12, 12, 1}} end,
    "lenet5: images of 12 x 12 are too small: 16 x 16 is the least"},
  {"more convolutions than halvings", function() return gl.models.vae {maps = {4, 4, 4}} end,
    "vae: 3 convolutions halve the image as often, and 28 x 28 cannot be halved 3 times"},
  {"a face with an attribute that is none", function() return gl.data.face {nose = 1} end,
    "face: there is no attribute nose (faces_factors() lists them)"},
  {"a GAN, which has no loss", function()
    local gan = gl.models.gan {image = {8, 8, 1}, hidden = {4}, latent = 2}
    gl.train.evaluate(gan, gl.data.load("digits", {train = 10, test = 10}).test)
  end, "train.evaluate: a GAN has no loss(x, labels); gl.metrics.evaluate measures what models draw"},
  {"notes that are none", function()
    return gl.models.save(folder:path "x", gl.models.vae {image = {8, 8, 1}, hidden = {4}, latent = 2}, 3)
  end, "models.save: notes is a table, not 3"},
  {"frames that are no images", function() return gl.write_gif(folder:path "x.gif", gl.zeros(3, 3)) end,
    "write_gif: frames are NxHxW, or NxHxWxC with 1 or 3 channels, this tensor is 3x3"},
  {"a folder option that is none", function() return gl.data.load(folder.name, {sise = 3}) end,
    "data.load: there is no option 'sise'; there are background, broken, cache, channels, fit, progress, size, "
      .. "test; did you mean 'size'?"},
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
  {"train_vae.lua", "--out FOLDER/text.txt", "FOLDER/text.txt: that is a file, not a folder"},
  {"train_gan.lua", "--loss l2", "train_gan: --loss: 'l2' is not one of gan, wasserstein, hinge (--help explains)"},
  {"train_dcgan.lua", "--maps 0", "train_dcgan: --maps: '0' is not a whole number from 1 (--help explains)"},
  {"train_dcgan.lua", "--size 20 --out FOLDER/run", "digits: images of 28 x 28 do not fit into 20 x 20"},
  {"train_vae.lua", "--maps 4,4,4 --out FOLDER/run",
    "vae: 3 convolutions halve the image as often, and 28 x 28 cannot be halved 3 times"},
  {"train_classifier.lua", "--model resnet",
    "train_classifier: --model: 'resnet' is not one of lenet5, vgg (--help explains)"},
  {"evaluate.lua", "FOLDER/nothing", "FOLDER/nothing: cannot be opened: No such file or directory"},
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
    for path in io.popen("ls scripts/*.lua"):lines() do
      local script = path:match "[^/]+$"
      local output, errors, status = shell.run(("'%s' scripts/%s"):format(old, script))
      assert.equal("", output)
      assert.equal(1, status)
      assert.equal("genlat needs Lua 5.4; this is Lua 5.1: run it with lua5.4\n", errors)
    end
  end)
end)
