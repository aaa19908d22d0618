--- sheet.lua: rows of images with names at their left and headings above their columns, as one SVG that needs nothing
-- from outside.
--
--   local text = sheet.svg {
--     title = "Directions", subtitle = "runs/vae", columns = {"-2", "0", "+2"},
--     rows = {{name = "smile", note = "from class means", images = x}, ...},      -- x: N x H x W x C, 0..1
--   }

local known_fields, refuse = require("genlat.check").names, require("genlat.check").fail
local core = require "genlat.core"
local base64 = require "genlat.plot.base64"
local images = require "genlat.plot.images"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local sheet = {}

local pad = 24
local gap = 3 -- between images, in pixels of the picture
local name_size, note_size, head_size = 13, 11, 12
local most_name = 170 -- the widest a row's name gets before it is broken

--- A picture (H x W x C) as a data URI, for an <image> element's href.
function sheet.uri(picture) return "data:image/png;base64," .. base64.encode(core.png_encode(picture)) end

local function check(o)
  if type(o.rows) ~= "table" or #o.rows == 0 then refuse("sheet.svg: rows is a list of rows of images") end
  local shape
  for i, row in ipairs(o.rows) do
    local x = row.images
    if not x or x.ndim ~= 4 then refuse("sheet.svg: row %d: images are N x H x W x C", i) end
    local own = table.concat({table.unpack(x.shape, 2)}, "x")
    shape = shape or own
    if own ~= shape then refuse("sheet.svg: row %d has images of %s, row 1 of %s", i, own, shape) end
  end
end

-- The names of the rows, broken into lines, and the width they take.
local function names_of(rows)
  local list, width = {}, 0
  for i, row in ipairs(rows) do
    local name = row.name and svg.wrap(row.name, name_size, most_name) or {}
    local note = row.note and svg.wrap(row.note, note_size, most_name) or {}
    list[i] = {name = name, note = note, height = 17 * #name + 14 * #note}
    for _, line in ipairs(name) do width = math.max(width, svg.text_width(line, name_size)) end
    for _, line in ipairs(note) do width = math.max(width, svg.text_width(line, note_size)) end
  end
  return list, width > 0 and width + 14 or 0
end

-- How many times to enlarge images of that size: to about 64 pixels, fewer where a row would get too wide.
local function scale_for(h, columns)
  local wanted = math.max(1, 64 // h)
  while wanted > 1 and columns * (h * wanted + gap) > 1200 do wanted = wanted - 1 end
  return wanted
end

--- The rows as SVG text.
--   rows     list of {images = N x H x W x C, name =, note = (below the name, smaller)}; the rows may differ in N
--   columns  headings above the columns      title, subtitle, foot (a line below)
--   scale    each image pixel as scale x scale (so that an image is about 64 pixels wide)
--   mark     the number of a column to frame, such as the one that the walk starts from
function sheet.svg(o)
  known_fields("sheet.svg", o, {"columns", "foot", "mark", "rows", "scale", "title", "subtitle"})
  check(o)
  local _, h, w = table.unpack(o.rows[1].images.shape)
  local most = 0
  for _, row in ipairs(o.rows) do most = math.max(most, #row.images) end
  local scale = o.scale or scale_for(math.max(h, w), most)
  local cell_w, cell_h = w * scale + gap, h * scale + gap
  local names, gutter = names_of(o.rows)
  local width = math.max(2 * pad + gutter + most * cell_w, 360)
  local heading, heading_height = theme.heading(pad, pad, width - 2 * pad, o.title, o.subtitle)
  local y = pad + heading_height + (heading_height > 0 and 14 or 0)
  local out = {heading}
  if o.columns then
    for i, text in ipairs(o.columns) do
      out[#out + 1] = theme.text(pad + gutter + (i - 0.5) * cell_w - gap / 2, y + head_size, text,
        {size = head_size, color = "muted", anchor = "middle"})
    end
    y = y + head_size + 8
  end
  local first = y
  for i, row in ipairs(o.rows) do
    local n = #row.images
    local strip = images.grid(row.images, {columns = n, gap = 0, scale = 1})
    local height = math.max(cell_h, names[i].height + gap)
    local top = y + (height - gap - names[i].height) / 2
    out[#out + 1] = theme.lines(pad, top + 13, names[i].name, 17, {size = name_size})
    out[#out + 1] = theme.lines(pad, top + 17 * #names[i].name + 11, names[i].note, 14,
      {size = note_size, color = "muted"})
    for k = 1, n do
      local picture = strip:slice(2, (k - 1) * w + 1, k * w)
      out[#out + 1] = svg.element("image", {x = pad + gutter + (k - 1) * cell_w, y = y + (height - cell_h) / 2,
        width = w * scale, height = h * scale, href = sheet.uri(picture), style = "image-rendering:pixelated"})
    end
    y = y + height
  end
  if o.mark then
    out[#out + 1] = svg.element("rect", theme.stroke("ink", {x = pad + gutter + (o.mark - 1) * cell_w - gap / 2 - 0.5,
      y = first - gap / 2 - 0.5, width = cell_w + 1, height = y - first + 1, stroke_width = 1.5, rx = 2}))
  end
  if o.foot then
    local lines = svg.wrap(o.foot, 12, width - 2 * pad)
    out[#out + 1] = theme.lines(pad, y + 20, lines, 16, {size = 12, color = "muted"})
    y = y + 8 + 16 * #lines
  end
  return theme.document(width, y - gap + pad, o.title or "Images", table.concat(out, "\n"))
end

return sheet
