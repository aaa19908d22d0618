--- split.lua: one part of a data set (training or test), and its batches.

local check = require "genlat.check"
local core = require "genlat.core"
local text = require "genlat.text"

local Split = {}
Split.__index = Split

--- images: uint8 N x H x W x C; labels: float N from 1, or nil; factors: N x F, or nil. A data set tells its splits the
-- names of the classes, as split.classes.
function Split.new(images, labels, factors)
  return setmetatable({images = images, labels = labels, factors = factors, count = #images}, Split)
end

function Split:__tostring()
  local words = {("%d images of %s"):format(self.count, table.concat({table.unpack(self.images.shape, 2)}, " x "))}
  if self.labels then
    local classes = self.classes and #self.classes or math.tointeger(self.labels:max():item())
    words[#words + 1] = "labels of " .. text.count(classes, "class", "classes")
  end
  if self.factors then words[#words + 1] = ("%d factors each"):format(self.factors:size(2)) end
  return table.concat(words, ", ")
end

--- The number of batches of a size in one epoch; the last one may be smaller.
--
--   set.train:steps(128)
function Split:steps(size) return (self.count + check.value("steps: size", size, check.whole(1)) - 1) // size end

local BATCHES = {
  size = {check.whole(1), 128}, shuffle = {check.flag, true}, seed = {check.seed, 0}, epoch = {check.whole(0), 1},
  first = {check.whole(1), 1}, shift = {check.whole(0), 0},
  binarize = {check.word {"none", "dynamic", "threshold"}, "none"},
}

--- Batch after batch: step, images (float 0..1, n x H x W x C), labels (n).
-- Options: size (128); shuffle (true): in an order that depends on seed (0) and epoch (1) only; binarize ("none",
-- "dynamic", "threshold"); shift: each image moved by up to so many pixels at random, black coming in (0); first: the
-- step to begin with (1), to go on within an epoch.
function Split:batches(options)
  local o = check.options("batches", options, BATCHES)
  local size = o.size
  local order = o.shuffle and core.randperm(self.count, o.seed, o.epoch) or core.arange(self.count)
  local step, last = o.first - 1, self:steps(size)
  return function()
    step = step + 1
    if step > last then return nil end
    local first = (step - 1) * size + 1
    local count = math.min(size, self.count - first + 1)
    local x = core.batch(self.images, order, first, count, o.binarize)
    if o.shift > 0 then x = core.shift(x, o.shift) end
    local labels = self.labels and self.labels:index_select(order:slice(1, first, first + count - 1))
    return step, x, labels
  end
end

--- The first n images as floats, in their order.
--
--   local x, labels = set.test:head(10)
function Split:head(n)
  n = math.min(check.value("head: n", n, check.whole(1)), self.count)
  return core.batch(self.images, core.arange(n), 1, n), self.labels and self.labels:slice(1, 1, n)
end

return Split
