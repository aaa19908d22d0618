--- images.lua: many images in one picture.
--
--   local sheet = images.grid(x, {columns = 10, scale = 2})    -- x: N x H x W x C, 0..1
--   gl.write_png("samples.png", sheet)

local check = require "genlat.check"
local core = require "genlat.core"

local images = {}

local GAP_SHADE = 0.22 -- between white-on-black images: seen, but quiet

local MOST = 5 << 20 -- numbers in a picture

--- How many images of shape {H, W, C}, in rows of so many columns, a picture is to show: `count`, or fewer rows where
-- images are so large that the picture would take much memory (more than `most` numbers, 5 million); one row at least.
--
--   gl.plot.images.fitting({256, 256, 3}, 100, 10)      --> 20
function images.fitting(shape, count, columns, most)
  local rows = (most or MOST) // (shape[1] * shape[2] * shape[3] * columns)
  return math.min(count, math.max(1, rows) * columns)
end

local OPTIONS = {columns = {check.whole(1)}, gap = {check.whole(0), 1}, scale = {check.whole(1), 2}}

--- N images side by side, row by row: a float tensor H' x W' x C, 0..1.
-- Options: columns (as many as make a square), gap in pixels (1; 0 for none), scale: each pixel as scale x scale (2).
function images.grid(x, options)
  local o = check.options("images.grid", options, OPTIONS)
  check.value("images.grid: images", x, check.tensor())
  if x.ndim ~= 4 then
    check.fail("images.grid: images are N x H x W x C, these are %s", table.concat(x.shape, "x"))
  end
  local n, h, w, c = table.unpack(x.shape)
  local columns = math.min(o.columns or math.ceil(math.sqrt(n)), n)
  local rows = (n + columns - 1) // columns
  local gap = o.gap
  local sheet = core.full({rows * (h + gap) + gap, columns * (w + gap) + gap, c}, GAP_SHADE)
  local values = x:detach()
  for i = 1, n do
    local top = (i - 1) // columns * (h + gap) + gap
    local left = (i - 1) % columns * (w + gap) + gap
    sheet:slice(1, top + 1, top + h):slice(2, left + 1, left + w):copy_(values:select(1, i))
  end
  return images.enlarge(sheet, o.scale)
end

--- H x W x C with each pixel as a square of scale x scale.
--
--   gl.write_png("big.png", gl.plot.images.enlarge(x[1], 8))
function images.enlarge(x, scale)
  scale = check.value("images.enlarge: scale", scale, check.whole(1))
  local h, w, c = table.unpack(x.shape)
  return x:reshape(h, 1, w, 1, c):expand(h, scale, w, scale, c):reshape(h * scale, w * scale, c)
end

--- Two batches as pairs: a[1] above b[1], a[2] above b[2], ... in `columns` columns, as one batch for images.grid.
--
--   gl.plot.images.grid(gl.plot.images.pairs(x, model:reconstruct(x), 10), {columns = 10})
function images.pairs(a, b, columns)
  columns = check.value("images.pairs: columns", columns, check.whole(1))
  local rows = {}
  for first = 1, #a, columns do
    local last = math.min(first + columns - 1, #a)
    rows[#rows + 1] = a:slice(1, first, last)
    rows[#rows + 1] = b:slice(1, first, last)
  end
  return core.cat(rows)
end

return images
