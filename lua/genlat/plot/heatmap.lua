--- heatmap.lua: densities on a plane as heat maps side by side, in one scale, as one SVG.
--
--   local text = heatmap.svg {
--     title = "...", subtitle = "...", xlabel = "z1", ylabel = "z2", x = {-3, 3}, y = {-3, 3},
--     panels = {{values = q, title = "aggregate posterior"}, {values = p, title = "prior"}},
--     difference = {values = q - p, title = "difference", caption = "..."},
--   }

local known_fields, refuse = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local colormap = require "genlat.plot.colormap"
local sheet = require "genlat.plot.sheet"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local heatmap = {}

local pad, gap = 24, 26
local caption_size, caption_height = 12.5, 17
local bar_room = 62   -- of a colour bar with its numbers
local PEAKS = 0.005   -- the share of a panel that may lie beyond the scale

local function is_range(r)
  return type(r) == "table" and type(r[1]) == "number" and type(r[2]) == "number" and axis.finite(r[1])
    and axis.finite(r[2]) and r[1] < r[2]
end

local function check(o)
  if type(o.panels) ~= "table" or #o.panels == 0 then refuse("heatmap.svg: panels is a list of densities") end
  if not is_range(o.x) or not is_range(o.y) then refuse("heatmap.svg: x and y are {from, to}") end
  local all = table.move(o.panels, 1, #o.panels, 1, {})
  all[#all + 1] = o.difference
  for i, panel in ipairs(all) do
    if not panel.values or panel.values.ndim ~= 2 then
      refuse("heatmap.svg: panel %d: values are H x W", i)
    elseif not axis.finite((panel.values * 0):sum():item()) then
      refuse("heatmap.svg: panel %d has values that are not finite", i)
    end
  end
end

-- The end of the panels' scale: their greatest number or, where that stands out, the one that 0.5 % of a panel's cells
-- exceed, so that a few peaks leave colours to the rest; and whether there are such peaks.
local function most_of(panels)
  local most, highest = 1e-12, 0
  for _, panel in ipairs(panels) do
    local sizes = panel.values:abs():flatten():totable()
    table.sort(sizes)
    most = math.max(most, sizes[math.ceil(#sizes * (1 - PEAKS))])
    highest = math.max(highest, sizes[#sizes])
  end
  if highest < 1.25 * most then return math.max(highest, 1e-12), false end
  return most, true
end

-- The panels with their scales, the last of each scale with `bar`; and whether a number is beyond its scale.
local function with_scales(o)
  local list, most, peaks = {}, most_of(o.panels)
  for i, panel in ipairs(o.panels) do
    list[i] = setmetatable({scale = "sequential", from = 0, to = most, bar = i == #o.panels}, {__index = panel})
  end
  if o.difference then
    local reach, higher = most_of {o.difference}
    peaks = peaks or higher
    list[#list + 1] = setmetatable({scale = "diverging", from = -reach, to = reach, bar = true},
      {__index = o.difference})
  end
  return list, peaks
end

-- One heat map, its square at (left, top) below the title; `first`: it is the one with the numbers of the y axis.
-- Returns the SVG and the number of lines of its caption.
local function draw(o, panel, left, top, size, first)
  local x = axis.new(o.x[1], o.x[2], left, left + size, size / 62)
  local y = axis.new(o.y[1], o.y[2], top + size, top, size / 62)
  if not first then y.values, y.labels = {}, {} end
  local caption = panel.caption and svg.wrap(panel.caption, caption_size, size) or {}
  return table.concat {
    theme.text(left, top - 10, panel.title or "", {size = 14, bold = true}),
    svg.element("image", {x = left, y = top, width = size, height = size, preserveAspectRatio = "none",
      href = sheet.uri(colormap.picture(panel.scale, panel.values, panel.from, panel.to))}),
    svg.element("rect", theme.stroke("axis", {x = left, y = top, width = size, height = size})),
    axis.labels(x, y, o.xlabel, first and o.ylabel or nil),
    theme.lines(left, top + size + (o.xlabel and 62 or 40), caption, caption_height,
      {size = caption_size, color = "muted"}),
  }, #caption
end

--- Densities as SVG text.
--   panels        list of {values = H x W, its first row at the top, title =, caption =}; all in one scale, from 0
--   difference    a panel whose values have a sign, in a scale of its own around 0 (may be left out)
--   x, y          {from, to}: what the values' edges stand for
--   xlabel, ylabel, title, subtitle; width (1080 pixels)
-- Where peaks stand out, the scales end below them, and a line says so.
function heatmap.svg(o)
  known_fields("heatmap.svg", o, {"difference", "panels", "width", "x", "xlabel", "y", "ylabel", "title", "subtitle"})
  check(o)
  local width, list, peaks = o.width or 1080, with_scales(o)
  local gutter, bars = o.ylabel and 58 or 40, o.difference and 2 or 1
  local size = (width - 2 * pad - gutter - bars * bar_room - (#list - bars) * gap) / #list
  local heading, heading_height = theme.heading(pad, pad, width - 2 * pad, o.title, o.subtitle)
  local top = pad + heading_height + 40
  local out, left, lines = {heading}, pad + gutter, 0
  for i, panel in ipairs(list) do
    local drawn, captions = draw(o, panel, left, top, size, i == 1)
    out[#out + 1], lines = drawn, math.max(lines, captions)
    left = left + size
    if panel.bar then out[#out + 1] = (colormap.bar(panel.scale, left + 10, top, size, panel.from, panel.to)) end
    left = left + (panel.bar and bar_room or gap)
  end
  local foot = (o.xlabel and 46 or 24) + (lines > 0 and 8 + lines * caption_height or 0)
  if peaks then
    foot = foot + 24
    out[#out + 1] = theme.text(pad + gutter, top + size + foot,
      "Peaks, at most 0.5 % of the area, have the colour at the end of their scale.",
      {size = caption_size, color = "muted"})
  end
  return theme.document(width, top + size + foot + pad, o.title or "Densities", table.concat(out, "\n"))
end

return heatmap
