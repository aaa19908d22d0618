--- histogram.lua: how numbers of several groups are distributed, as histograms on one axis; panels in one SVG.
--
--   local text = histogram.panels {
--     title = "Scores", groups = {"normal", "anomalous"},
--     {title = "elbo", xlabel = "nats", values = {normal, anomalous}, note = "AUROC 0.963"}, ...
--   }                                                       -- normal, anomalous: lists of numbers

local axis = require "genlat.plot.axis"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local histogram = {}

local PAD, GAP, NOTE = 24, 36, 12
local BINS = 50
local TAIL = 0.005 -- share of the numbers that may lie beyond each end of the axis

local function check(o)
  if type(o.groups) ~= "table" or #o == 0 then error("histogram.panels: wants groups (names) and panels", 3) end
  for i, panel in ipairs(o) do
    if type(panel.values) ~= "table" or #panel.values ~= #o.groups then
      error(("histogram.panels: panel %d: values is a list of numbers for each of %d groups"):format(i, #o.groups), 3)
    end
  end
end

-- The range that holds the numbers of all groups but for their tails; never empty.
local function range(values)
  local all = {}
  for _, list in ipairs(values) do
    for _, v in ipairs(list) do
      if axis.finite(v) then all[#all + 1] = v end
    end
  end
  if #all == 0 then return 0, 1 end
  table.sort(all)
  local cut = math.floor(TAIL * #all)
  local lo, hi = all[1 + cut], all[#all - cut]
  if lo == hi then return lo - 0.5, hi + 0.5 end
  return lo, hi
end

-- The share of a group's numbers in each bin; those beyond the axis are in its first and last.
local function shares(list, lo, hi)
  local bins = {}
  for b = 1, BINS do
    bins[b] = 0
  end
  for _, v in ipairs(list) do
    if v == v then
      local b = math.floor(math.max(0, math.min(0.999, (v - lo) / (hi - lo))) * BINS) + 1
      bins[b] = bins[b] + 1 / #list
    end
  end
  return bins
end

-- One group's histogram: an area with a line along its steps.
local function area(bins, most, x, base, height, color)
  local way, step = {}, (x.to - x.from) / BINS
  for b, share in ipairs(bins) do
    way[b] = ("V%sH%s"):format(svg.number(base - height * share / most), svg.number(x.from + b * step))
  end
  local d = ("M%s %s%sV%s"):format(svg.number(x.from), svg.number(base), table.concat(way), svg.number(base))
  return svg.element("path", {d = d, fill = color, fill_opacity = 0.25, stroke = color, stroke_width = 1.5,
    stroke_linejoin = "round"})
end

-- A panel from (left, top) on; returns the SVG and its height.
local function draw(panel, left, top, width, height)
  local lo, hi = range(panel.values)
  local x = axis.new(lo, hi, left, left + width, width / 70)
  local all, most, out = {}, 1e-9, {}
  for g, list in ipairs(panel.values) do
    all[g] = shares(list, lo, hi)
    most = math.max(most, table.unpack(all[g]))
  end
  local base = top + 46 + height
  out[1] = theme.text(left, top + 13, panel.title or "", {size = 14, bold = true})
    .. theme.text(left, top + 32, panel.note or "", {size = NOTE, color = "muted"})
  for g, bins in ipairs(all) do
    out[#out + 1] = area(bins, most, x, base, height, theme.color(g))
  end
  out[#out + 1] = axis.rules(x, {from = base, values = {}})
  for i, v in ipairs(x.values) do
    out[#out + 1] = theme.text(x.at(v), base + 18, x.labels[i], {size = 11.5, color = "muted", anchor = "middle"})
  end
  out[#out + 1] = theme.text(left + width / 2, base + 38, panel.xlabel or "", {size = NOTE, anchor = "middle"})
  return table.concat(out, "\n"), 46 + height + 44
end

--- Which colour stands for which name, from (left, top) on in one line; returns the SVG and its height.
function histogram.legend(names, left, top)
  local out = {}
  for i, name in ipairs(names) do
    out[#out + 1] = svg.element("rect", {x = left, y = top, width = 11, height = 11, rx = 2, fill = theme.color(i)})
      .. theme.text(left + 17, top + 10, name, {size = 12.5})
    left = left + 17 + svg.text_width(name, 12.5) + 18
  end
  return table.concat(out), 16
end

--- The panels as SVG text. Each group's area is 1, so that a small group shows as well as a large one; the axis ends
-- where half a percent of all numbers lie beyond it at either end, and these are counted in its last bins. columns (as
-- many as panels, at most 3), width (980 pixels), height (of each plot, 130), title, subtitle.
function histogram.panels(o)
  check(o)
  local columns = o.columns or math.min(#o, 3)
  local width = o.width or (columns == 1 and 520 or 980)
  local cell = (width - 2 * PAD - (columns - 1) * GAP) / columns
  local heading, y = theme.heading(PAD, PAD, width - 2 * PAD, o.title, o.subtitle)
  y = PAD + y + 12
  local legend, legend_height = histogram.legend(o.groups, PAD, y)
  y = y + legend_height + 16
  local out, tall = {heading, legend}, 0
  for i, panel in ipairs(o) do
    local column = (i - 1) % columns
    if column == 0 then y, tall = y + tall, 0 end
    local text, height = draw(panel, PAD + column * (cell + GAP), y, cell, o.height or 130)
    out[#out + 1], tall = text, math.max(tall, height + 14)
  end
  return theme.document(width, y + tall - 14 + PAD, o.title or "Histograms", table.concat(out, "\n"))
end

return histogram
