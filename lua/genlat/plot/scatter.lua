-- The latent map: points of a plane coloured by class or by a number, alone or as panels side by side.
local known_fields, fail = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local colormap = require "genlat.plot.colormap"
local labels = require "genlat.plot.labels"
local svg = require "genlat.plot.svg"
local text = require "genlat.text"
local theme = require "genlat.plot.theme"

local scatter = {}

local pad = 24       -- between the card's edge and what is on it
local row = 21       -- height of a line of the legend
local image_gap = 10 -- between a panel's picture and its caption
local shades = 40    -- colours for points that are coloured by a number
local palest = 0.18  -- where on the colour scale the least number is, so that its points show on white

-- Raises an error unless the map's data fit together.
local function check(map, who)
  local function refuse(...) fail("%s: %s", who, string.format(...)) end
  if type(map.x) ~= "table" or type(map.y) ~= "table" then refuse("x and y must be tables of numbers") end
  if #map.x ~= #map.y then refuse("x has %d numbers, y %d", #map.x, #map.y) end
  if map.label and #map.label ~= #map.x then refuse("x has %d numbers, label %d", #map.x, #map.label) end
  if map.value and #map.value ~= #map.x then refuse("x has %d numbers, value %d", #map.x, #map.value) end
  for i = 1, #map.x do
    if type(map.x[i]) ~= "number" or type(map.y[i]) ~= "number" then refuse("point %d is not two numbers", i) end
    local k = map.label and map.label[i] or 1
    if type(k) ~= "number" or k % 1 ~= 0 or k < 1 then refuse("label %d is %s, not a number from 1", i, k) end
    if map.label and map.classes and k > #map.classes then
      refuse("label %d is %d, but there are %d classes", i, k, #map.classes)
    end
  end
end

-- The least and greatest of the numbers that points are coloured by.
local function value_range(map)
  local lo, hi = math.huge, -math.huge
  for _, v in ipairs(map.value) do
    if axis.finite(v) then lo, hi = math.min(lo, v), math.max(hi, v) end
  end
  if lo > hi then return 0, 1 end
  if lo == hi then return lo - 0.5, hi + 0.5 end
  return lo, hi
end

-- The points of a map that are coloured by a number, as classes_of: a class for each shade, with its colour.
local function shades_of(map)
  local list, dropped = {}, 0
  local lo, hi = value_range(map)
  for k = 1, shades do
    list[k] = { x = {}, y = {}, color = colormap.hex("sequential", palest + (1 - palest) * (k - 1) / (shades - 1)) }
  end
  for i, v in ipairs(map.value) do
    local x, y = map.x[i], map.y[i]
    if axis.finite(x) and axis.finite(y) and axis.finite(v) then
      local c = list[math.floor((v - lo) / (hi - lo) * (shades - 1) + 0.5) + 1]
      c.x[#c.x + 1], c.y[#c.y + 1] = x, y
    else
      dropped = dropped + 1
    end
  end
  return list, dropped
end

-- The classes with the colours that suit their names.
local function colored(classes)
  local names = {}
  for k, c in ipairs(classes) do names[k] = c.name end
  for k, color in ipairs(theme.colors(names)) do classes[k].color = color end
  return classes
end

-- The classes of a map as a list of {name =, color =, n = (points, drawn or not), x =, y = (those that can be drawn)},
-- and the number of points that cannot be drawn.
local function classes_of(map)
  if map.value then return shades_of(map) end
  local list, dropped = {}, 0
  local function class(k)
    for new = #list + 1, k do
      list[new] = { name = tostring(map.classes and map.classes[new] or new), n = 0, x = {}, y = {} }
    end
    return list[k]
  end
  if map.label and map.classes then class(#map.classes) end
  for i = 1, #map.x do
    local c, x, y = class(map.label and map.label[i] // 1 or 1), map.x[i], map.y[i]
    c.n = c.n + 1
    if axis.finite(x) and axis.finite(y) then
      c.x[#c.x + 1], c.y[#c.y + 1] = x, y
    else
      dropped = dropped + 1
    end
  end
  return colored(list), dropped
end

-- The least and greatest number of the classes' coordinate `key` ("x" or "y"), with -reach..reach included; never an
-- empty range.
local function range(classes, key, reach)
  local lo, hi = math.huge, -math.huge
  if reach then lo, hi = -reach, reach end
  for _, c in ipairs(classes) do
    for _, v in ipairs(c[key]) do lo, hi = math.min(lo, v), math.max(hi, v) end
  end
  if lo > hi then return -1, 1 end
  local margin = lo == hi and math.max(1, math.abs(lo) * 0.05) or 0.03 * (hi - lo)
  return lo - margin, hi + margin
end

-- The two axes of a map drawn in that rectangle. Unless map.equal is false, a unit is as long on both.
local function axes(map, classes, left, top, width, height)
  local reach = map.prior and 2.15 or nil
  local x0, x1 = range(classes, "x", reach)
  local y0, y1 = range(classes, "y", reach)
  if map.equal ~= false then
    local unit = math.max((x1 - x0) / width, (y1 - y0) / height) -- per pixel
    local x, y = (x0 + x1) / 2, (y0 + y1) / 2
    x0, x1, y0, y1 = x - unit * width / 2, x + unit * width / 2, y - unit * height / 2, y + unit * height / 2
  end
  local count = math.min(width, height) / 62
  return axis.new(x0, x1, left, left + width, map.equal == false and width / 80 or count),
    axis.new(y0, y1, top + height, top, count)
end

-- All points. A point is a stroke of no length with round ends, some 14 bytes; the points of a class share paths, which
-- are drawn in a few rounds over all classes, so that no class hides another.
local function points(classes, x, y, area)
  local total, out = 0, {}
  for _, c in ipairs(classes) do total = total + #c.x end
  local diameter = math.max(2.2, math.min(6, math.sqrt(0.25 * area / math.max(total, 1))))
  local rounds = math.max(1, math.min(8, total // 100))
  for round = 1, rounds do
    for _, c in ipairs(classes) do
      local d = {}
      for i = round, #c.x, rounds do
        d[#d + 1] = ("M%s %sh0"):format(svg.number(x.at(c.x[i])), svg.number(y.at(c.y[i])))
      end
      if #d > 0 then out[#out + 1] = svg.element("path", { stroke = c.color, d = table.concat(d) }) end
    end
  end
  return svg.element("g", { class = "gl-points", fill = "none", stroke_width = diameter, stroke_linecap = "round",
    stroke_opacity = 0.65 }, table.concat(out, "\n"))
end

-- How many points fall within `radius` pixels of the pixel (px, py).
local function crowd(classes, x, y, px, py, radius)
  local n = 0
  for _, c in ipairs(classes) do
    for i = 1, #c.x do
      local dx, dy = x.at(c.x[i]) - px, y.at(c.y[i]) - py
      if dx * dx + dy * dy < radius * radius then n = n + 1 end
    end
  end
  return n
end

-- Dashed circles where a standard normal prior has its first and second standard deviation, named where it is emptiest.
local function prior(classes, x, y)
  local out = {}
  for deviations = 1, 2 do
    local rx, ry = x.scale * deviations, y.scale * deviations
    out[#out + 1] = svg.element("ellipse", theme.stroke("ink", { cx = x.at(0), cy = y.at(0), rx = math.abs(rx),
      ry = math.abs(ry), stroke_dasharray = "5 4", stroke_opacity = 0.6 }))
    local best_x, best_y, fewest
    for step = 0, 11 do
      local angle = (2 * step - 3) * math.pi / 12 -- never on an axis, the lower right first
      local px, py = x.at(0) + rx * math.cos(angle), y.at(0) + ry * math.sin(angle)
      local n = crowd(classes, x, y, px, py, 24)
      if not fewest or n < fewest then best_x, best_y, fewest = px, py, n end
    end
    out[#out + 1] = theme.text(best_x, best_y + 4, deviations .. "\u{3C3}", { size = 11.5, anchor = "middle",
      halo = 5 })
  end
  return table.concat(out)
end

local function median(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  return (sorted[(#sorted + 1) // 2] + sorted[#sorted // 2 + 1]) / 2
end

-- The name of each class at the median of its points, moved where names would lie on one another.
local function names(classes, x, y)
  local boxes, out = {}, {}
  for _, c in ipairs(classes) do
    if #c.x > 0 then
      boxes[#boxes + 1] = { name = c.name, x = x.at(median(c.x)), y = y.at(median(c.y)), height = 17,
        width = svg.text_width(c.name, 14) + 5 }
    end
  end
  labels.separate(boxes, x.from, y.to, x.to, y.from)
  for i, box in ipairs(boxes) do
    out[i] = theme.text(box.x, box.y + 5, box.name, { size = 14, bold = true, anchor = "middle", halo = 4 })
  end
  return table.concat(out)
end

-- One map in that rectangle, its numbers and names outside.
local function draw(map, classes, left, top, width, height)
  local x, y = axes(map, classes, left, top, width, height)
  local inside = points(classes, x, y, width * height) .. (map.prior and prior(classes, x, y) or "")
    .. (map.label and names(classes, x, y) or "")
  local shown = svg.clip(left, top, width, height, inside)
  if map.numbers == false then
    return svg.element("rect", theme.stroke("grid", { x = left, y = top, width = width, height = height })) .. shown
  end
  return axis.grid(x, y) .. "\n" .. shown .. "\n" .. axis.labels(x, y, map.xlabel, map.ylabel)
end

local function dot(x, y, color)
  return svg.element("circle", { cx = x, cy = y, r = 5, fill = color })
end

-- The legend as columns at the right, its top left corner at the origin: each class with its number of points. Returns
-- the SVG and its width.
local function legend(classes, height)
  local rows = math.max(1, height // row)
  local name_width, count_width = 0, 0
  for _, c in ipairs(classes) do
    name_width = math.max(name_width, svg.text_width(c.name, 13))
    count_width = math.max(count_width, svg.text_width(c.n, 12))
  end
  local column = 18 + name_width + 10 + count_width
  local out = {}
  for k, c in ipairs(classes) do
    local x, y = (k - 1) // rows * (column + 22), (k - 1) % rows * row
    out[#out + 1] = dot(x + 5, y + 7, c.color) .. theme.text(x + 18, y + 11.5, c.name, { size = 13 })
      .. theme.text(x + column, y + 11.5, c.n, { size = 12, color = "muted", anchor = "end" })
  end
  local columns = math.max(1, math.ceil(#classes / rows))
  return table.concat(out, "\n"), columns * column + (columns - 1) * 22
end

-- The colour bar at the right, its top left corner at the origin, below the name of the number. Returns the SVG and its
-- width.
local function value_bar(map, height)
  local lo, hi = value_range(map)
  local bar, width = colormap.bar("sequential", 0, 28, height - 28, lo, hi, palest)
  local name = map.value_name or ""
  return theme.text(0, 11.5, name, { size = 13 }) .. bar, math.max(width, svg.text_width(name, 13))
end

local function not_drawn(dropped)
  return text.count(dropped, "point") .. " not drawn: not finite numbers"
end

-- The map as an SVG picture (a string).
--   x, y      tables of numbers, a point each; points that are not finite are left out, and a note says how many
--   label     the class of each point, from 1 (optional: without it all points are alike)
--   classes   the names of the classes (optional: else their numbers)
--   value     instead of label: a number for each point, shown by its colour; value_name: what the number is
--   prior     true: circles at one and two standard deviations of the prior N(0, I)
--   equal     false: let the two axes have different units
--   numbers   false: no numbers and lines, for a map on which they mean nothing, such as t-SNE's
--   title, subtitle, xlabel, ylabel; width (760 pixels), height (by default such that the map is square)
function scatter.svg(map)
  known_fields("scatter.svg", map, {
    "classes", "equal", "height", "label", "numbers", "prior", "value", "value_name", "width", "x", "xlabel", "y",
    "ylabel", "title", "subtitle",
  })
  check(map, "scatter.svg")
  local width = map.width or 760
  local heading, heading_height = theme.heading(pad, pad, width - 2 * pad, map.title, map.subtitle)
  local left, top = pad + 34 + (map.ylabel and 22 or 0), pad + heading_height + (heading_height > 0 and 18 or 0)
  local classes, dropped = classes_of(map)
  local foot = (map.xlabel and 62 or 42) + (dropped > 0 and 22 or 0)
  local column, column_width = "", 0
  if map.label then
    column, column_width = legend(classes, (map.height or width) - top - foot)
    column_width = column_width + 26
  elseif map.value then
    column, column_width = value_bar(map, 320)
    column_width = column_width + 26
  end
  local plot_width = width - left - column_width - pad
  local height = map.height or top + plot_width + foot
  local plot = draw(map, classes, left, top, plot_width, height - top - foot)
  local shift = ("translate(%s %s)"):format(svg.number(left + plot_width + 26), svg.number(top + 4))
  local note = dropped > 0 and theme.text(left, height - 18, not_drawn(dropped), { color = "muted" }) or ""
  local label = (map.title or "Scatter plot") .. ": " .. text.count(#map.x, "point")
    .. (map.label and " of " .. text.count(#classes, "class", "classes") or "")
  return theme.document(width, height, label,
    heading .. plot .. svg.element("g", { transform = shift }, column) .. note)
end

-- A legend in lines across the page, names only; returns the SVG and its height.
local function flat_legend(names_list, left, top, width)
  local out, x, y, colors = {}, left, top, theme.colors(names_list)
  for k, name in ipairs(names_list) do
    local advance = 16 + svg.text_width(name, 13) + 18
    if x > left and x + advance > left + width then x, y = left, y + row end
    out[#out + 1] = dot(x + 5, y + 7, colors[k]) .. theme.text(x + 16, y + 11.5, name, { size = 13 })
    x = x + advance
  end
  return table.concat(out), #out > 0 and y - top + row or 0
end

-- The height of a row of panels: titles, square plots, the numbers under them, captions.
local function measure(list, size)
  local m = { title = 0, foot = 0, caption = 0 }
  for _, panel in ipairs(list) do
    if panel.title then m.title = 26 end
    if not panel.image then m.foot = math.max(m.foot, panel.xlabel and 46 or 26) end
    local notes = panel.caption and svg.wrap(panel.caption, 12.5, size) or {}
    m.caption = math.max(m.caption, 17 * #notes)
  end
  m.height = m.title + size + m.foot + (m.caption > 0 and image_gap + m.caption or 0)
  return m
end

-- One panel, a map or an image, its square at (left, top) below the title.
local function draw_panel(panel, left, top, size, m)
  local out = { panel.title and theme.text(left, top + 13, panel.title, { size = 14, bold = true }) or "" }
  top = top + m.title
  if panel.image then
    out[2] = svg.element("image", { x = left, y = top, width = size, height = size, href = panel.image,
      preserveAspectRatio = "xMidYMid", style = "image-rendering:pixelated" })
  else
    out[2] = draw(panel, panel.groups, left, top, size, size)
  end
  local notes = panel.caption and svg.wrap(panel.caption, 12.5, size) or {}
  out[3] = theme.lines(left, top + size + m.foot + image_gap + 11, notes, 17, { size = 12.5, color = "muted" })
  return table.concat(out)
end

-- What the panels share: the names of the classes.
local function shared_classes(o)
  if o.classes then return o.classes end
  for _, panel in ipairs(o) do
    if panel.label and panel.classes then return panel.classes end
  end
  return {}
end

-- The panels, checked, with the shared names, the points by class, and a note on points not drawn filled in.
local function checked(o)
  local list, any_map = {}, false
  for i, panel in ipairs(o) do
    list[i] = setmetatable({ classes = panel.classes or o.classes }, { __index = panel })
    if not panel.image then
      check(list[i], ("scatter.panels: panel %d"):format(i))
      local groups, dropped = classes_of(list[i])
      list[i].groups, any_map = groups, true
      if dropped > 0 then
        list[i].caption = (panel.caption and panel.caption .. " " or "") .. not_drawn(dropped) .. "."
      end
    end
  end
  return list, any_map
end

-- Several maps in one SVG picture, row by row. A panel is a table as for scatter.svg (title, x, y, label, prior ...) or
-- a picture {image = "data:image/png;base64,..."}, drawn in a square as large as the maps; both may have a caption.
--   columns (2), classes (the names for all panels), title, subtitle, width (980 pixels)
function scatter.panels(o)
  known_fields("scatter.panels", o, {"classes", "columns", "width", "title", "subtitle"})
  local list, any_map = checked(o)
  local width, columns = o.width or 980, o.columns or 2
  local out, y = {}, pad
  local heading, heading_height = theme.heading(pad, y, width - 2 * pad, o.title, o.subtitle)
  y = y + heading_height + (heading_height > 0 and 14 or 0)
  local key, key_height = flat_legend(shared_classes(o), pad, y, width - 2 * pad)
  out[1] = heading .. key
  y = y + key_height + (key_height > 0 and 14 or 0)
  local gutter, gap = any_map and 40 or 0, 30
  for _, panel in ipairs(list) do
    if panel.ylabel then gutter = 58 end
  end
  local cell = (width - 2 * pad - (columns - 1) * gap) / columns
  local size = cell - gutter
  for first = 1, #list, columns do
    local line = table.move(list, first, math.min(first + columns - 1, #list), 1, {})
    local m = measure(line, size)
    for i, panel in ipairs(line) do
      out[#out + 1] = draw_panel(panel, pad + (i - 1) * (cell + gap) + gutter, y, size, m)
    end
    y = y + m.height + 26
  end
  return theme.document(width, y - 26 + pad, o.title or "Latent maps", table.concat(out, "\n"))
end

return scatter
