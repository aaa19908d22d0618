--- edits.lua: simple edits of images, each by an amount, and how much of one is in other images: what steer.lua teaches
-- a latent space and measures it by.
--
--   local turned, mask = edits.apply("rotate", x, 20)              -- x: N x H x W x C, 0..1
--   local degrees = edits.measure("rotate", y, x).registration     -- N: y against the unedited x
--
-- An edit has a name, and
--   unit       of its amount; 0 changes nothing
--   says       which way a positive amount goes
--   range(h, w)  how far to go in images of that size: {least, most}
--   apply(images, amounts)  see edits.apply
--   measures   a list of {name =, needs =, of = function(images, reference, judge) -> N}: see edits.measure
-- The mask says where an edit's result is known: not where something would have come in from outside of the image.

local check = require "genlat.check"
local core = require "genlat.core"
local registration = require "genlat.latent.registration"

local edits = {names = {"shift_x", "shift_y", "rotate", "zoom", "thicken", "brighten"}}

local DARK = 0.25 -- the mean brightness of the outermost pixels, below which a ground counts as dark

-- Maps --------------------------------------------------------------------------------------------------------------

-- Images under a map of the plane: entries are the 2 x 3 matrix (numbers or N each) that says where the output's pixels
-- come from. Returns them, and where they are known.
local function warp(images, entries)
  local rows = {}
  for i, entry in ipairs(entries) do
    rows[i] = type(entry) == "number" and core.full({#images}, entry) or entry
  end
  local matrix = core.stack(rows, 2):reshape(#images, 2, 3)
  local n, h, w = table.unpack(images.shape)
  return images:warp_affine(matrix), core.ones(n, h, w, 1):warp_affine(matrix):gt(0.999)
end

local function everywhere(images)
  local n, h, w = table.unpack(images.shape)
  return core.ones(n, h, w, 1)
end

-- Moments of the ink, for light figures on a dark ground ------------------------------------------------------------

-- Pixels from the image's centre.
local function places(size) return core.arange(size) - (size + 1) / 2 end

-- The ink's centre of mass and its mean squares: x, y, x^2, y^2, each N, in pixels from the image's centre.
local function moments(images)
  local ink = images:mean(4)
  local x, y = places(ink:size(3)), places(ink:size(2))
  local columns, rows = ink:sum(2), ink:sum(3)
  local mass = columns:sum(2) + 1e-6
  return (columns * x):sum(2) / mass, (rows * y):sum(2) / mass, (columns * x:square()):sum(2) / mass,
    (rows * y:square()):sum(2) / mass
end

-- The logarithm of the ink's mean distance (root mean square) from its centre of mass, to the base 2.
local function log_extent(images)
  local x, y, xx, yy = moments(images)
  return (xx - x:square() + yy - y:square()):maximum(1e-6):log() / (2 * math.log(2))
end

-- The mean width of strokes, in pixels: twice the area over the perimeter, for a stroke much longer than wide. The
-- perimeter is the total variation, the mean of those of all level sets (the coarea formula, Fleming & Rishel 1960), by
-- differences along the diagonals of each square of four pixels. Each pixel counts with the largest of its neighbours
-- beside it: a stroke that is narrower than a pixel is darker, which makes its variation smaller, too.
local function stroke_width(images)
  local ink, ridge = images:mean(4), images:mean(4, true):max_pool2d(3, 1, 1):squeeze(4)
  local h, w = ink:size(2), ink:size(3)
  local function corner(row, column) return ink:slice(2, 1 + row, h - 1 + row):slice(3, 1 + column, w - 1 + column) end
  local falling, rising = corner(1, 1) - corner(0, 0), corner(1, 0) - corner(0, 1)
  local variation = ((falling:square() + rising:square()) / 2):sqrt():sum({2, 3})
  return (ink * ridge):sum({2, 3}) * 2 / (variation + 1e-6)
end

-- The logarithm of the ink's own mean brightness, sum x^2 / sum x, to the base 2.
local function log_brightness(images)
  local ink = images:mean(4)
  return ((ink:square():sum({2, 3}) + 1e-12) / (ink:sum({2, 3}) + 1e-6)):log() / math.log(2)
end

-- The edits ---------------------------------------------------------------------------------------------------------

-- A measure that looks at both sets of images alone: value(images) - value(reference).
local function difference(value)
  return function(images, reference) return value(images) - value(reference) end
end

-- The change of factors that a regressor (metrics.regressor) was trained to measure in real images, added up.
local function factor_change(...)
  local names = {...}
  return function(images, reference, judge)
    local change = judge:measure(images) - judge:measure(reference)
    local sum = 0
    for _, name in ipairs(names) do sum = change:select(2, judge:column(name)) + sum end
    return sum
  end
end

-- The amount whose edit of the reference is nearest.
local function registered(name)
  return {name = "registration", of = function(images, reference)
    local edit = edits[name]
    local range = edit.range(images:size(2), images:size(3))
    return registration.amounts(edit.apply, images, reference, {2 * range[1], 2 * range[2]})
  end}
end

edits.shift_x = {
  unit = "pixels", says = "to the right",
  range = function(_, w) return {-w / 14, w / 14} end,
  apply = function(images, a) return warp(images, {1, 0, -a, 0, 1, 0}) end,
  measures = {
    {name = "centre of mass", needs = "dark", of = difference(function(x) return (moments(x)) end)},
    registered "shift_x",
  },
}

edits.shift_y = {
  unit = "pixels", says = "down",
  range = function(h) return {-h / 14, h / 14} end,
  apply = function(images, a) return warp(images, {1, 0, 0, 0, 1, -a}) end,
  measures = {
    {name = "centre of mass", needs = "dark", of = difference(function(x) return (select(2, moments(x))) end)},
    registered "shift_y",
  },
}

edits.rotate = {
  unit = "degrees", says = "clockwise",
  range = function() return {-20, 20} end,
  apply = function(images, a)
    local angle = a * (math.pi / 180)
    local cosine, sine = angle:cos(), angle:sin()
    return warp(images, {cosine, sine, 0, -sine, cosine, 0})
  end,
  measures = {
    registered "rotate",
    {name = "regressor", needs = {"rotation", "slant"}, of = factor_change("rotation", "slant")},
  },
}

edits.zoom = { -- the amount is the logarithm of the factor to the base 2
  unit = "doublings", says = "larger",
  range = function() return {-0.4, 0.4} end,
  apply = function(images, a)
    local factor = (-a * math.log(2)):exp()
    return warp(images, {factor, 0, 0, 0, factor, 0})
  end,
  measures = {
    {name = "second moments", needs = "dark", of = difference(log_extent)}, registered "zoom",
  },
}

-- Grey dilation by discs of radii r (N, 0 or more), in steps of at most a pixel: the largest of the image and of itself
-- moved by the step's radius in eight directions.
local function dilate(images, r)
  r = r:minimum(images:size(2) + images:size(3)) -- beyond which there is nothing more to reach
  local steps = math.max(1, math.ceil(r:max():item() - 1e-6))
  r = r / steps
  for _ = 1, steps do
    local widest = images
    for k = 0, 7 do
      local x, y = math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)
      widest = widest:maximum((warp(images, {1, 0, r * x, 0, 1, r * y})))
    end
    images = widest
  end
  return images
end

-- Light strokes on a dark ground get wider by the amount, or thinner.
edits.thicken = {
  unit = "pixels", says = "wider", dark_only = true,
  range = function(h) return {-h / 28, h / 28} end,
  apply = function(images, a) -- erosion is the dilation of what is not there
    local thinner = a:lt(0):reshape(#images, 1, 1, 1)
    local turned = thinner:where(1 - images, images)
    local wider = dilate(turned, a:abs() / 2)
    return thinner:where(1 - wider, wider), everywhere(images)
  end,
  measures = {
    {name = "area / half perimeter", needs = "dark", of = difference(stroke_width)},
    {name = "regressor", needs = {"thickness"}, of = factor_change("thickness")},
  },
}

-- All values times 2 to the power of the amount, at most 1: black stays black.
edits.brighten = {
  unit = "stops", says = "brighter",
  range = function() return {-1, 1} end,
  apply = function(images, a)
    return (images * (a * math.log(2)):exp():reshape(#images, 1, 1, 1)):clamp(0, 1), everywhere(images)
  end,
  measures = {{name = "mean of ink", of = difference(log_brightness)}},
}

for _, name in ipairs(edits.names) do edits[name].name = name end

-- What others call --------------------------------------------------------------------------------------------------

--- An edit by its name; raises where there is none.
--
--   edits.get("rotate").unit                    -- "degrees"
function edits.get(name)
  return edits[check.known("edits", "edit", name, edits.names)]
end

--- The images (N x H x W x C, 0..1) edited by an amount, a number or N of them, in the edit's unit; and the mask, N x H
-- x W x 1: 1 where the result is known, 0 where it would have come from outside.
--
--   local moved, mask = edits.apply("shift_x", images, 1.5)
function edits.apply(name, images, amount)
  check.arguments("edits.apply", "name:text images:tensor amount:any", name, images, amount)
  local edit = edits.get(name)
  if images.ndim ~= 4 then
    error(("edits: images are N x H x W x C, these are %s"):format(table.concat(images.shape, "x")), 2)
  end
  if type(amount) == "number" then amount = core.full({#images}, amount) end
  if amount.ndim ~= 1 or #amount ~= #images then
    error(("edits: the amount is a number or %d numbers, not %s"):format(#images, table.concat(amount.shape, "x")), 2)
  end
  return edit.apply(images, amount)
end

--- Are these light figures on a dark ground? Grey images whose outermost pixels are dark on average.
--
--   edits.dark_ground(data.test:head(16))       -- true for digits
function edits.dark_ground(images)
  check.arguments("edits.dark_ground", "images:tensor", images)
  if images:size(4) > 1 then return false end
  local h, w = images:size(2), images:size(3)
  local rows = images:slice(2, 1, h, h - 1):mean():item()
  local columns = images:slice(3, 1, w, w - 1):mean():item()
  return (rows + columns) / 2 < DARK
end

--- Does an edit make sense for such images?
--
--   if edits.suits("thicken", images) then ... end
function edits.suits(name, images) return not edits.get(name).dark_only or edits.dark_ground(images) end

local function usable(measure, dark, judge)
  local needs = measure.needs
  if needs == "dark" then return dark end
  if not needs then return true end
  local known = {}
  for _, name in ipairs(judge and judge.names or {}) do known[name] = true end
  for _, name in ipairs(needs) do
    if not known[name] then return false end
  end
  return true
end

--- How much of an edit is in images, N x H x W x C, against the unedited reference (the same N): by each measure that
-- these images allow, a tensor of N amounts in the edit's unit; {[name] = N, names = the measures' names in order}.
-- judge: a regressor (metrics.regressor.of), for the measures that need one. dark: whether they are light figures on a
-- dark ground (edits.dark_ground of the reference).
--   centre of mass, second moments   of the ink, on dark grounds
--   registration   the amount whose edit of the reference comes nearest to the image (registration.lua)
--   regressor      the change of the factors that it measures: thickness; slant and rotation, added up, as each turns
--                  an upright stroke by so many degrees
--   area / half perimeter   of the ink: the strokes' mean width, on dark grounds
--   mean of ink    sum of squares over sum
--
--   local found = edits.measure("thicken", walked, images, {judge = gl.metrics.regressor.of(data)})
--   for _, name in ipairs(found.names) do print(name, found[name]:mean():item()) end
function edits.measure(name, images, reference, settings)
  check.arguments("edits.measure", "name:text images:tensor reference:tensor settings:table?",
    name, images, reference, settings)
  local edit = edits.get(name)
  settings = check.options("edits.measure", settings, {judge = {check.any}, dark = {check.flag}})
  local dark = settings.dark
  if dark == nil then dark = edits.dark_ground(reference) end
  local found = {names = {}}
  for _, measure in ipairs(edit.measures) do
    if usable(measure, dark, settings.judge) then
      found.names[#found.names + 1] = measure.name
      found[measure.name] = measure.of(images, reference, settings.judge):detach()
    end
  end
  return found
end

return edits
