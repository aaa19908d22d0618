--- compress.lua: images as a few bytes: their latent vectors, rounded and entropy-coded; and two simpler ways to
-- compare with. What is lost is what the model does not keep and what the rounding takes. The decoder is not in the
-- bytes: who reads them has to have the model.
--
--   local bytes = compress.encode(space, images, labels, {step = 0.5})
--   local images, labels = compress.decode(space, bytes)                            -- or nil and a message
--
-- Rounding is in standard deviations of the prior, or of the Gaussian fitted to an autoencoder's latent vectors: k =
-- round(e / step), e = space:standardize(z). So dimensions that a VAE does not use, whose posteriors' means are all
-- near 0, round to 0 and cost almost nothing.
-- A file:
--   "GLZ1"; 4 bytes of hash of all that follows; 8 bytes of hash of the model (little-endian);
--   whole numbers of 7 bits a byte, the lowest first, 128 added to all bytes of a number but its last: N, H, W, C, the
--   latent dimensions, the classes (0: not conditional), the step in 65536ths, the greatest |k|;
--   the labels, then the k image by image, range-coded with counts of their own for the labels and for each dimension.
-- The counts of a dimension begin as the prior's density and follow what comes, see counts_of. Files are hostile: all
-- numbers are checked before they are used, and there are at most 8 images to a byte of range-coded data (zeros are
-- added where it takes less), so that a small file cannot ask for much.

local check = require "genlat.check"
local core = require "genlat.core"
local invert = require "genlat.latent.invert"
local metrics = require "genlat.metrics.image"
local range_coder = require "genlat.latent.range_coder"
local text = require "genlat.text"

local compress = {}

local MAGIC = "GLZ1"
local UNIT = 1 << 16 -- the step's
local LEAST_STEP, MOST_STEP = 1 / 128, 64
local MOST_INDEX = 1023 -- |k|: values beyond it, 8 standard deviations or more, are held there
local MOST_VALUES = 1 << 28 -- pixels times channels of all images: 1 GiB when decoded
local IMAGES_A_BYTE = 8
local PRIOR_WEIGHT = 4 -- as how many symbols the prior's density counts; 1 to 16 differ by less than 1 %

-- Whole numbers -------------------------------------------------------------------------------------------------------

local function pack_whole(...)
  local bytes = {}
  for _, value in ipairs {...} do
    while value > 127 do
      bytes[#bytes + 1] = string.char(value & 127 | 128)
      value = value >> 7
    end
    bytes[#bytes + 1] = string.char(value)
  end
  return table.concat(bytes)
end

-- n whole numbers from `place` on, below 2^35, as a list, and where they end; or nil.
local function unpack_whole(bytes, place, n)
  local list = {}
  for i = 1, n do
    local value, bits = 0, 0
    repeat
      local byte = bytes:byte(place)
      if not byte or bits > 28 then return nil end
      value = value | (byte & 127) << bits
      place, bits = place + 1, bits + 7
    until byte < 128
    list[i] = value
  end
  return list, place
end

-- The model's hash ----------------------------------------------------------------------------------------------------

-- Of the names and values of all its tensors and of the shape of its images: a file is for one trained model.
local function hash_of(model)
  local tensors = model:state_dict()
  local hash = core.hash(table.concat(model.config.image, " "))
  for _, name in ipairs(text.sorted_keys(tensors)) do
    hash = core.hash(name, hash)
    local values = tensors[name]:flatten():totable()
    for first = 1, #values, 128 do
      local last = math.min(first + 127, #values)
      hash = core.hash(string.pack("<" .. ("f"):rep(last - first + 1), table.unpack(values, first, last)), hash)
    end
  end
  return hash
end

-- Counts --------------------------------------------------------------------------------------------------------------

local ONE = 1 << 30

-- e^-x, both in fractions: x of 65536, 0 <= x < 32, the result of 2^30: the series at x / 32, squared five times.
local function exp_minus(x)
  local y, term, sum = x << 9, ONE, ONE
  for n = 1, 12 do
    term = -(term * y // ONE) // n
    sum = sum + term
  end
  for _ = 1, 5 do
    sum = sum * sum >> 30
  end
  return sum
end

-- Counts to begin with for k = -most .. most: 1 each, and PRIOR_WEIGHT symbols' worth that are shared out as the
-- density of N(0, 1) at k step / 65536. Integers only, so that all machines begin alike.
local function counts_of(step, most)
  local density, sum = {}, 0
  for k = -most, most do
    local at = math.min(math.abs(k) * step, 8 * UNIT)
    local x = at * at >> 17 -- e^2 / 2
    density[#density + 1] = x < 32 * UNIT and exp_minus(x) or 0
    sum = sum + density[#density]
  end
  local counts = {}
  for i, value in ipairs(density) do
    counts[i] = 1 + PRIOR_WEIGHT * range_coder.INCREMENT * value // sum
  end
  return range_coder.counts(counts)
end

local function even_counts(n)
  local counts = {}
  for i = 1, n do
    counts[i] = 1
  end
  return range_coder.counts(counts)
end

-- One for each of n columns.
local function several(n, make)
  local list = {}
  for i = 1, n do
    list[i] = make()
  end
  return list
end

-- Coding --------------------------------------------------------------------------------------------------------------

local function finish(head, payload, n)
  local body = head .. payload .. ("\0"):rep((n + IMAGES_A_BYTE - 1) // IMAGES_A_BYTE - #payload)
  return MAGIC .. string.pack("<I4", core.hash(body) & 0xFFFFFFFF) .. body
end

-- Latent vectors as rows of whole numbers k, and the greatest |k|.
local function quantized(space, z, step)
  local k = (space:standardize(z) * (UNIT / step)):round():clamp(-MOST_INDEX, MOST_INDEX)
  local most = k:abs():max():item()
  if most ~= most then error("compress: the encoder gives numbers that are not finite", 0) end
  return k:totable(), math.tointeger(most)
end

-- The bytes of latent vectors (N x latent) and labels (a list, or nil). step: in 65536ths.
local function pack(space, z, labels, step, hash)
  local rows, most = quantized(space, z, step)
  local h, w, c = table.unpack(space.image)
  local head = string.pack("<i8", hash) .. pack_whole(#rows, h, w, c, space.latent, labels and space.conditional or 0,
    step, most)
  local encoder = range_coder.encoder()
  if labels then
    local counts = even_counts(space.conditional)
    for _, label in ipairs(labels) do
      counts:encode(encoder, math.tointeger(label))
    end
  end
  local columns = several(space.latent, function() return counts_of(step, most) end)
  for _, row in ipairs(rows) do
    for i, k in ipairs(row) do
      columns[i]:encode(encoder, math.tointeger(k) + most + 1)
    end
  end
  return finish(head, encoder:finish(), #rows)
end

-- A file's numbers and its range-coded data; or nil and what is wrong with them.
local function read_head(space, bytes, hash)
  if bytes:sub(1, #MAGIC) ~= MAGIC then return nil, "this is no file of compressed images" end
  if #bytes < #MAGIC + 12 then return nil, "the file of compressed images is cut off" end
  local sum, own, place = string.unpack("<I4i8", bytes, #MAGIC + 1)
  if core.hash(bytes:sub(#MAGIC + 5)) & 0xFFFFFFFF ~= sum then return nil, "the compressed images are damaged" end
  if own ~= hash then return nil, "the images were compressed with another model than this one" end
  local numbers, first = unpack_whole(bytes, place, 8)
  if not numbers then return nil, "the compressed images are damaged" end
  local n, h, w, c, latent, classes, step, most = table.unpack(numbers)
  local shape = ("%d x %d x %d, %d"):format(h, w, c, latent)
  local wanted = ("%d x %d x %d, %d"):format(space.image[1], space.image[2], space.image[3], space.latent)
  if shape ~= wanted or classes ~= (space.conditional or 0) then
    return nil, ("the compressed images have the shape and latent dimensions %s, the model's are %s"):format(shape,
      wanted)
  elseif n < 1 or n > IMAGES_A_BYTE * (#bytes - first + 1) or n > MOST_VALUES // (h * w * c) then
    return nil, ("a file of %d bytes cannot hold %d compressed images"):format(#bytes, n)
  elseif step < LEAST_STEP * UNIT or step > MOST_STEP * UNIT or most > MOST_INDEX then
    return nil, "the compressed images have a step or numbers beyond what can be"
  end
  return {n = n, step = step, most = most, data = bytes:sub(first)}
end

-- The images and labels in the bytes; or nil and a message.
local function unpack_images(space, bytes, hash)
  local head, message = read_head(space, bytes, hash)
  if not head then return nil, message end
  local decoder, labels = range_coder.decoder(head.data), nil
  if space.conditional then
    local counts = even_counts(space.conditional)
    labels = {}
    for i = 1, head.n do
      labels[i] = counts:decode(decoder)
    end
    labels = core.tensor(labels)
  end
  local columns = several(space.latent, function() return counts_of(head.step, head.most) end)
  local rows = {}
  for i = 1, head.n do
    local row = {}
    for j, counts in ipairs(columns) do
      row[j] = counts:decode(decoder) - head.most - 1
    end
    rows[i] = row
  end
  local z = space:unstandardize(core.tensor(rows) * (head.step / UNIT))
  return space:decode(z, labels), labels
end

-- Checks of what callers give -----------------------------------------------------------------------------------------

local function check_images(space, images)
  images = space:as_images(images, "compress")
  local most = MOST_VALUES * #images // images:numel()
  if #images > most then check.fail("compress: a file holds %d images, not %d", most, #images) end
  return images
end

local STEP = check.that(check.number {least = LEAST_STEP, most = MOST_STEP},
  "a number from 1/128 to 64 standard deviations")

local function in_units(step) return math.floor(step * UNIT + 0.5) end

-- The label with which the model gives each image back best: N.
local function nearest_labels(space, images)
  local errors = {}
  for label = 1, space.conditional do
    local labels = core.full({#images}, label)
    errors[label] = metrics.mse(images, space:decode(space:encode(images, labels), labels))
  end
  return core.stack(errors, 2):argmin(2)
end

local function checked_labels(space, n, labels)
  labels = space:labels(n, labels)
  for _, label in ipairs(labels:totable()) do
    if label % 1 ~= 0 or label < 1 or label > space.conditional then
      error(("compress: a class is 1 to %d, not %s"):format(space.conditional, label), 4)
    end
  end
  if #labels ~= n then error(("compress: %d images, %d labels"):format(n, #labels), 4) end
  return labels
end

-- The latent vectors of images, and the labels of a conditional model as a list: by the encoder or, where there is
-- none, by optimization.
local function latents_of(space, images, labels, progress)
  if not space.conditional then
    labels = nil
  elseif labels then
    labels = checked_labels(space, #images, labels)
  end
  local z
  if space:has_encoder() then
    if space.conditional and not labels then labels = nearest_labels(space, images) end
    z = space:encode(images, labels)
  else
    local found = invert.invert(space, images, {labels = labels, progress = progress})
    z, labels = found.z, found.labels
  end
  return z, labels and labels:totable()
end

--- Images (N x H x W x C, 0..1) as bytes. labels, of a conditional model: N, or one class for all; left out, for each
-- image the class with which the model gives it back best. settings: step (0.5), of rounding, in standard deviations of
-- the prior: 1/128 to 64; the error it adds is about that of noise of step / sqrt 12; progress, as latent.invert has
-- it, which finds the latent vectors where there is no encoder.
--   compress.encode(space, space.data.test:head(100))
function compress.encode(space, images, labels, settings)
  check.arguments("compress.encode", "space:space images:tensor labels:tensor? settings:table?",
    space, images, labels, settings)
  images = check_images(space, images)
  settings = check.options("compress", settings, {step = {STEP, 0.5}, progress = {check.callable}})
  local step = in_units(settings.step)
  local z, list = latents_of(space, images, labels, settings.progress)
  return pack(space, z, list, step, hash_of(space.model))
end

--- The images in the bytes, N x H x W x C, and the labels N of a conditional model; or nil and a message where the
-- bytes are damaged or come from another model.
function compress.decode(space, bytes)
  check.arguments("compress.decode", "space:space", space)
  if type(bytes) ~= "string" then check.fail("compress: expected bytes, got %s", type(bytes)) end
  return unpack_images(space, bytes, hash_of(space.model))
end

-- What to compare with ------------------------------------------------------------------------------------------------

local function coded_pixels(rows, levels, shared)
  local encoder, first = range_coder.encoder(), even_counts(levels)
  local columns = several(#rows[1], function() return shared and first or even_counts(levels) end)
  for _, row in ipairs(rows) do
    for i, value in ipairs(row) do
      columns[i]:encode(encoder, math.tointeger(value) + 1)
    end
  end
  return encoder:finish()
end

--- Images (N x H x W x C, 0..1) made smaller by a whole number that divides H and W, each value the mean of its part,
-- rounded to 2^bits levels, and coded by the same coder: with counts for each place or, where that takes less, the same
-- ones for all. Returns how many bytes that takes, with a file's head, and the images, brought back to their size by
-- bilinear interpolation.
function compress.downsample(images, factor, bits)
  check.arguments("downsample", "images:tensor factor:count", images, factor)
  bits = check.value("downsample: bits", bits, check.whole(1, 8))
  if images.ndim ~= 4 then
    check.fail("downsample: expected images N x H x W x C, got a tensor of %s", table.concat(images.shape, "x"))
  end
  local n, h, w, c = table.unpack(images.shape)
  if h % factor ~= 0 or w % factor ~= 0 then
    check.fail("downsample: %d does not divide images of %d x %d", factor, h, w)
  end
  local levels = 1 << bits
  local small = (images:avg_pool2d(factor) * (levels - 1)):round():clamp(0, levels - 1)
  local rows = small:flatten(2):totable()
  local own, shared = coded_pixels(rows, levels, false), coded_pixels(rows, levels, true)
  local head = pack_whole(n, h, w, c, factor, bits, #own <= #shared and 0 or 1)
  local bytes = finish(head, #own <= #shared and own or shared, n)
  return #bytes, (small / (levels - 1)):upsample_bilinear2d(factor)
end

-- How like images y are to x: {mse =, psnr =, ssim =}, on average over images; no ssim of small ones.
local function quality(x, y)
  local ssim = x:size(2) >= 11 and x:size(3) >= 11 and metrics.ssim(x, y):mean():item() or nil
  return {mse = metrics.mse(x, y):mean():item(), psnr = metrics.psnr(x, y):mean():item(), ssim = ssim}
end

local SHOWN = 12 -- images of a point that are kept

local function point(x, y, bytes, what)
  local result = quality(x, y)
  result.bytes, result.images = bytes / #x, y:slice(1, 1, math.min(SHOWN, #y)):clone()
  for key, value in pairs(what) do
    result[key] = value
  end
  return result
end

-- The points that no other one beats in both bytes and mse, by bytes.
local function best_of(points)
  table.sort(points, function(a, b) return a.bytes < b.bytes end)
  local best = {}
  for _, candidate in ipairs(points) do
    if #best == 0 or candidate.mse < best[#best].mse then best[#best + 1] = candidate end
  end
  return best
end

local BITS = {8, 6, 4, 3, 2}
local MOST_SMALL = 1024 -- numbers in an image made smaller

local function downsampled(x)
  local points, _, h, w, c = {}, table.unpack(x.shape)
  for factor = 2, math.min(h, w) do
    if h % factor == 0 and w % factor == 0 and h * w * c // factor ^ 2 <= MOST_SMALL then
      for _, bits in ipairs(BITS) do
        local bytes, y = compress.downsample(x, factor, bits)
        points[#points + 1] = point(x, y, bytes, {height = h // factor, width = w // factor, bits = bits})
      end
    end
  end
  return best_of(points)
end

-- The mean size of files of one image each, for some of the images.
local function bytes_alone(space, z, labels, step, hash)
  local n, sum = math.min(#z, 20), 0
  for i = 1, n do
    sum = sum + #pack(space, z:slice(1, i, i), labels and {labels[i]}, step, hash)
  end
  return sum / n
end

-- The bytes of all images as one picture, row by row, about as many across as down; black where none is left.
local function png_sheet(x)
  local n, h, w, c = table.unpack(x.shape)
  local columns = math.ceil(math.sqrt(n))
  local rows = (n + columns - 1) // columns
  if n < rows * columns then x = core.cat {x, core.zeros(rows * columns - n, h, w, c)} end
  return #core.png_encode(x:reshape(rows, columns, h, w, c):permute(1, 3, 2, 4, 5):reshape(rows * h, columns * w, c))
end

local function png_alone(x)
  local sum = 0
  for i = 1, #x do
    sum = sum + #core.png_encode(x[i])
  end
  return sum
end

--- How many bytes images x (N x H x W x C) take at several steps, and how like them what comes back is. labels as in
-- encode. settings: steps (a list), progress as encode's. Returns
--   latents      points, one for each step, with step, and alone: the bytes of a file with a single image
--   downsampled  points, of all sizes and levels those that no other beats, with height, width, bits
--   exact        the latent vectors unrounded: a point without bytes
--   png          bytes of an image as a PNG file; png_sheet: of all of them as one picture, for each
-- A point is {bytes = (an image, of one file with all images and its head), mse =, psnr = (dB), ssim = (nil where
-- images are smaller than its window), images = (the first 12)}, all averages over images.
function compress.rate_distortion(space, x, labels, settings)
  check.arguments("compress.rate_distortion", "space:space x:tensor", space, x)
  x = check_images(space, x)
  settings = check.options("rate_distortion", settings, {
    steps = {check.list(STEP, {least = 1}), {}}, progress = {check.callable},
  })
  local hash = hash_of(space.model)
  local z, list = latents_of(space, x, labels, settings.progress)
  local exact = space:decode(z, list and core.tensor(list))
  local result = {latents = {}, exact = quality(x, exact)}
  for i, step in ipairs(settings.steps) do
    local units = in_units(step)
    local bytes = pack(space, z, list, units, hash)
    local y, message = unpack_images(space, bytes, hash)
    if not y then error(message, 0) end
    result.latents[i] = point(x, y, #bytes, {step = step, alone = bytes_alone(space, z, list, units, hash)})
  end
  result.exact.images = exact:slice(1, 1, math.min(SHOWN, #x)):clone()
  result.downsampled = downsampled(x)
  result.png, result.png_sheet = png_alone(x) / #x, png_sheet(x) / #x
  return result
end

return compress
