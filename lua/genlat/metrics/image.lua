--- image.lua: how like two images are, pixel by pixel. Images are N x H x W x C, values 0 to 1; results are one number
-- for each image.

local check = require "genlat.check"
local chunks = require "genlat.chunks"
local core = require "genlat.core"
local scope = require "genlat.scope"

local image = {}

-- Wang et al. 2004, sec. III.B: the window, and the constants for a dynamic range of 1.
local WINDOW, SIGMA, C1, C2 = 11, 1.5, 0.01 ^ 2, 0.03 ^ 2

local function check_pair(x, y, name)
  if x.ndim ~= 4 or table.concat(x.shape, "x") ~= table.concat(y.shape, "x") then
    error(("%s: expected two batches of images N x H x W x C of one shape, got %s and %s"):format(name,
      table.concat(x.shape, "x"), table.concat(y.shape, "x")), 3)
  end
end

--- The mean squared difference of pixels: N.
--
--   gl.metrics.mse(x, model:reconstruct(x)):mean()
function image.mse(x, y)
  check.arguments("mse", "x:tensor y:tensor", x, y)
  check_pair(x, y, "mse")
  return (x - y):square():flatten(2):mean(2)
end

--- The peak signal-to-noise ratio in decibels, 10 log10(1 / mse): N.
--
--   gl.metrics.psnr(x, model:reconstruct(x)):mean()
function image.psnr(x, y)
  check.arguments("psnr", "x:tensor y:tensor", x, y)
  check_pair(x, y, "psnr")
  return image.mse(x, y):log() * (-10 / math.log(10))
end

-- The window's weights along one axis, which add up to 1.
local function gaussian()
  local offset = core.arange(WINDOW) - (WINDOW + 1) / 2
  local weights = (offset:square() * (-0.5 / SIGMA ^ 2)):exp()
  return weights / weights:sum()
end

-- Weighted means over all whole windows in maps (M x H x W x 1), down and then across.
local function smooth(maps, weights)
  return maps:conv2d(weights:reshape(1, WINDOW, 1, 1)):conv2d(weights:reshape(1, 1, WINDOW, 1))
end

--- Structural similarity (Wang et al. 2004, eq. 13): N. The mean over channels and all places where the window of
-- 11 x 11 fits into the image; 1 for equal images.
--
--   gl.metrics.ssim(x, model:reconstruct(x)):mean()
function image.ssim(x, y)
  check.arguments("ssim", "x:tensor y:tensor", x, y)
  check_pair(x, y, "ssim")
  local n, h, w, c = table.unpack(x.shape)
  if h < WINDOW or w < WINDOW then
    error(("ssim: the window is %d x %d, the images are %d x %d"):format(WINDOW, WINDOW, h, w), 2)
  end
  local weights = gaussian()
  local function smoothed(maps) return smooth(maps:permute {1, 4, 2, 3}:reshape(n * c, h, w, 1), weights) end
  local mx, my = smoothed(x), smoothed(y)
  local vx, vy = smoothed(x * x) - mx * mx, smoothed(y * y) - my * my
  local covariance = smoothed(x * y) - mx * my
  local map = (mx * my * 2 + C1) * (covariance * 2 + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2))
  return map:reshape(n, -1):mean(2)
end

--- How a model gives a split's images back, on average over images: {mse =, psnr =, ssim =}; no ssim where images are
-- smaller than its window.
--
--   gl.metrics.reconstruction(model, set.test).psnr
function image.reconstruction(model, split)
  check.arguments("reconstruction", "model:model split:split", model, split)
  return scope.run({recording = false, eval = model}, function()
    local sums = {mse = 0, psnr = 0}
    for _, x, labels in split:batches {size = chunks.size(chunks.floats(model, split), 500), shuffle = false} do
      local y = model:reconstruct(x, labels)
      sums.mse = sums.mse + image.mse(x, y):sum():item()
      sums.psnr = sums.psnr + image.psnr(x, y):sum():item()
      if x:size(2) >= WINDOW and x:size(3) >= WINDOW then
        sums.ssim = (sums.ssim or 0) + image.ssim(x, y):sum():item()
      end
    end
    for name, sum in pairs(sums) do
      sums[name] = sum / split.count
    end
    return sums
  end)
end

return image
