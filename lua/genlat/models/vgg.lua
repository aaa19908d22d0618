--- vgg.lua: VGG A to E (Simonyan & Zisserman 2015, table 1): 3 x 3 convolutions in blocks, each block ended by max
-- pooling that halves the image.
--
-- Configurations A (11 weight layers), B (13), C (16, three of them 1 x 1), D (16: "VGG-16") and E (19), for images of
-- 224 x 224 with dense layers of 4096, 4096; for smaller ones (32 x 32) with `hidden` and batch normalization.

local check = require "genlat.check"
local nn = require "genlat.nn"
local networks = require "genlat.models.networks"

local VGG = nn.class "VGG"

-- Output maps of each convolution, block by block; a negative number is a 1 x 1 convolution.
local blocks = {
  A = {{64}, {128}, {256, 256}, {512, 512}, {512, 512}},
  B = {{64, 64}, {128, 128}, {256, 256}, {512, 512}, {512, 512}},
  C = {{64, 64}, {128, 128}, {256, 256, -256}, {512, 512, -512}, {512, 512, -512}},
  D = {{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}},
  E = {{64, 64}, {128, 128}, {256, 256, 256, 256}, {512, 512, 512, 512}, {512, 512, 512, 512}},
}

--- config: image {H, W, C} (sides divisible by 32), classes, configuration "A" to "E", hidden {sizes of the dense
-- layers}, normalized (batch normalization after each convolution; not in the paper), divide (all maps by this).
function VGG:init(config)
  config = networks.config("vgg", config, {
    image = {{224, 224, 3}}, classes = {1000}, configuration = {"D", check.word {"A", "B", "C", "D", "E"}},
    hidden = {{4096, 4096}}, normalized = {false, check.flag}, divide = {1, networks.size},
  })
  local h, w, c = table.unpack(config.image)
  if h % 32 ~= 0 or w % 32 ~= 0 then
    check.fail("vgg: five poolings halve the image: its sides are divisible by 32, not %d x %d", h, w)
  end
  rawset(self, "config", config)
  rawset(self, "input_shape", config.image)
  local layers = {}
  for _, block in ipairs(blocks[config.configuration]) do
    for _, size in ipairs(block) do
      local maps, kernel = math.max(1, math.abs(size) // config.divide), size < 0 and 1 or 3
      layers[#layers + 1] = nn.Conv2d(c, maps, kernel, {padding = kernel // 2, bias = not config.normalized})
      layers[#layers + 1] = config.normalized and nn.BatchNorm(maps, {slope = 0}) or nn.ReLU()
      c = maps
    end
    layers[#layers + 1] = nn.MaxPool2d(2)
  end
  self.features = nn.Sequential(table.unpack(layers))
  local dense, width = {nn.Flatten()}, h // 32 * (w // 32) * c
  for _, size in ipairs(config.hidden) do
    dense[#dense + 1] = nn.Linear(width, size)
    dense[#dense + 1] = nn.ReLU()
    dense[#dense + 1] = nn.Dropout(0.5)
    width = size
  end
  self.classifier = nn.Sequential(table.unpack(dense))
  self.output = nn.Linear(width, config.classes)
  self:apply(function(module) -- He et al. 2015, eq. 10: without it the deep ones do not begin to learn
    if module:name() == "Conv2d" then
      nn.init.kaiming_normal(module.weight)
      if module.bias then nn.init.constant(module.bias, 0) end
    end
  end)
end

--- The last hidden layer.
function VGG:embed(x) return self.classifier(self.features(x)) end

--- x: N x H x W x C -> logits N x classes
function VGG:forward(x) return self.output(self:embed(x)) end

--- The float32 numbers of the widest tensor for an image: what the first convolution makes of it.
function VGG:widest()
  local h, w, c = table.unpack(self.config.image)
  return h * w * math.max(c, 64 // self.config.divide)
end

return VGG
