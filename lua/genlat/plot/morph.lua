--- morph.lua: a morph grid as one picture with axes: images decoded all over a plane, the numbers at which along its
-- left and bottom edges, and what the axes are called. SVG that needs nothing from outside.
--
--   local text = morph.svg {images = x, right = {-1.64, 0, 1.64}, up = {-1.64, 0, 1.64}, names = {"z1", "z2"},
--     units = {"standard deviations", "standard deviations"}, title = "Morph grid"}

local check = require "genlat.check"
local images = require "genlat.plot.images"
local sheet = require "genlat.plot.sheet"
local svg = require "genlat.plot.svg"
local text = require "genlat.text"
local theme = require "genlat.plot.theme"

local morph = {}

local pad = 24
local size = 720 -- pixels of the picture's longer side, about
local tick_size, name_size = 11, 12.5
local apart = {right = 40, up = 18} -- pixels between numbers, at least

-- With a true minus sign, and a point in every locale.
local function number(v)
  return (text.format("%.2f", v):gsub("^%-0%.00$", "0.00"):gsub("^%-", "\u{2212}"))
end

-- The numbers of an axis that there is room for, the first and the last among them, as {place, text}.
local function ticks(values, cell, least)
  local list, steps = {}, (#values - 1) // math.ceil(least / cell)
  for k = 0, steps do
    local i = 1 + math.floor(k * (#values - 1) / math.max(steps, 1) + 0.5)
    list[#list + 1] = {i, number(values[i])}
  end
  return list
end

local function axis_name(name, unit) return name ~= "" and unit and ("%s (%s)"):format(name, unit) or name end

-- The frame of a cell {x, y, width, height}; a dark one on a light one shows on any image.
local function frame(cell, color, thickness)
  return svg.element("rect", theme.stroke(color, {x = cell[1], y = cell[2], width = cell[3], height = cell[4],
    stroke_width = thickness}))
end

--- The picture as SVG text.
--   images      N x H x W x C, 0..1: #up rows of #right, the first row at the last of `up`, as latent.morph gives them
--   right, up   the numbers at which they were decoded
--   names       {of the axis to the right, of the axis upwards}; units: likewise
--   mark        {column, row from below} of an image to frame, such as the one that the numbers count from
--   title, subtitle, foot (a line below)
function morph.svg(o)
  check.names("morph.svg", o, {"foot", "images", "mark", "names", "right", "units", "up", "title", "subtitle"})
  check.value("morph.svg: images", o.images, check.tensor())
  for _, name in ipairs {"right", "up"} do
    check.value("morph.svg: " .. name, o[name], check.table)
  end
  local n, h, w = table.unpack(o.images.shape)
  local columns, rows = #o.right, #o.up
  if n ~= columns * rows then
    check.fail("morph.svg: %d images are not %d rows of %d", n, rows, columns)
  end
  local scale = math.max(1, math.floor(size / math.max(columns * w, rows * h)))
  local cell_w, cell_h = w * scale, h * scale
  local width, height = columns * cell_w, rows * cell_h
  local out = {}
  local has_up = rows > 1
  local left = pad + (has_up and 58 or 0)
  local total = math.max(left + width + pad, 360)
  local heading, heading_height = theme.heading(pad, pad, total - 2 * pad, o.title, o.subtitle)
  local top = pad + heading_height + (heading_height > 0 and 14 or 0)
  out[1] = heading
  out[2] = svg.element("image", {x = left, y = top, width = width, height = height,
    href = sheet.uri(images.grid(o.images, {columns = columns, gap = 0, scale = 1})),
    style = "image-rendering:pixelated"})
  if o.mark then
    local place = {left + (o.mark[1] - 1) * cell_w, top + height - o.mark[2] * cell_h, cell_w, cell_h}
    out[#out + 1] = frame(place, "paper", 4) .. frame(place, "ink", 1.5)
  end
  for _, tick in ipairs(ticks(o.right, cell_w, apart.right)) do
    out[#out + 1] = theme.text(left + (tick[1] - 0.5) * cell_w, top + height + 16, tick[2],
      {size = tick_size, color = "muted", anchor = "middle"})
  end
  local y = top + height + 36
  out[#out + 1] = theme.text(left + width / 2, y, axis_name(o.names[1], o.units[1]),
    {size = name_size, anchor = "middle"})
  if has_up then
    for _, tick in ipairs(ticks(o.up, cell_h, apart.up)) do
      out[#out + 1] = theme.text(left - 6, top + height - (tick[1] - 0.5) * cell_h + 4, tick[2],
        {size = tick_size, color = "muted", anchor = "end"})
    end
    local x, middle = pad + 10, top + height / 2
    out[#out + 1] = theme.text(x, middle, axis_name(o.names[2], o.units[2]), {size = name_size, anchor = "middle",
      transform = ("rotate(-90 %s %s)"):format(svg.number(x), svg.number(middle))})
  end
  if o.foot then
    local lines = svg.wrap(o.foot, 12, total - 2 * pad)
    out[#out + 1] = theme.lines(pad, y + 26, lines, 16, {size = 12, color = "muted"})
    y = y + 14 + 16 * #lines
  end
  return theme.document(total, y + pad, o.title or "Morph grid", table.concat(out, "\n"))
end

return morph
