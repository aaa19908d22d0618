--- lenet5.lua: LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, sec. II.B), a classifier of small images.
--
--   C1 convolution 5 x 5, 6 maps; S2 subsampling 2 x 2; C3 convolution 5 x 5, 16 maps; S4 subsampling 2 x 2;
--   C5 120 units on all of S4; F6 84 units; the classes.
-- Their input is 32 x 32; one of 28 x 28 is padded by 2. Subsampling takes the largest of four, units are ReLU, and C3
-- sees all maps of S2: what the years since have shown to be simpler and better. `tanh = true` has their tanh and
-- means.

local check = require "genlat.check"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"

local LeNet5 = nn.class "LeNet5"

--- config: image {H, W, C}, classes, tanh (their units and subsampling), width (times as many maps and units).
function LeNet5:init(config)
  config = networks.config("lenet5", config, {
    image = {{28, 28, 1}}, classes = {10}, tanh = {false, check.flag}, width = {1, networks.size},
  })
  rawset(self, "config", config)
  rawset(self, "input_shape", config.image)
  local h, w, c = table.unpack(config.image)
  local padding = h == 28 and w == 28 and 2 or 0
  local side_h, side_w = ((h + 2 * padding - 4) // 2 - 4) // 2, ((w + 2 * padding - 4) // 2 - 4) // 2
  if side_h < 1 or side_w < 1 then
    check.fail("lenet5: images of %d x %d are too small: 16 x 16 is the least", h, w)
  end
  local k = config.width
  local function unit() return config.tanh and nn.Tanh() or nn.ReLU() end
  local function subsample() return config.tanh and nn.AvgPool2d(2) or nn.MaxPool2d(2) end
  self.features = nn.Sequential(
    nn.Conv2d(c, 6 * k, 5, {padding = padding}), unit(), subsample(),
    nn.Conv2d(6 * k, 16 * k, 5), unit(), subsample(),
    nn.Flatten(),
    nn.Linear(side_h * side_w * 16 * k, 120 * k), unit(),
    nn.Linear(120 * k, 84 * k), unit())
  self.output = nn.Linear(84 * k, config.classes)
end

--- The 84 numbers of F6, N x 84: what Fréchet distances are measured on.
function LeNet5:embed(x) return self.features(x) end

--- x: N x H x W x C -> logits N x classes
function LeNet5:forward(x) return self.output(self.features(x)) end

--- The float32 numbers of the widest tensor for an image: what C1 makes of it.
function LeNet5:widest()
  local h, w, c = table.unpack(self.config.image)
  return h * w * math.max(c, 6 * self.config.width)
end

return LeNet5
