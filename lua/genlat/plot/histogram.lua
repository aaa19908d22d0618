--- histogram.lua: how numbers of several groups are distributed, as histograms on one axis; panels in one SVG.
--
--   local text = histogram.panels {
--     title = "Scores", groups = {"normal", "anomalous"},
--     {title = "elbo", xlabel = "nats", values = {normal, anomalous}, note = "AUROC 0.963"}, ...
--   }                                                       -- normal, anomalous: lists of numbers

local known_fields, refuse = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local histogram = {}

local PAD, GAP, NOTE, GUTTER = 24, 36, 12, 40
local MOST, FEWEST = 50, 10 -- bins
local TAIL = 0.005 -- share of each group's numbers that may lie beyond each end of the axis

local function check(o)
  if type(o.groups) ~= "table" or #o == 0 then refuse("histogram.panels: needs groups (names) and panels") end
  for i, panel in ipairs(o) do
    if type(panel.values) ~= "table" or #panel.values ~= #o.groups then
      refuse("histogram.panels: panel %d: values is a list of numbers for each of %d groups", i, #o.groups)
    end
  end
end

-- The range that holds the numbers of each group but for its tails; never empty.
local function range(values)
  local lo, hi = math.huge, -math.huge
  for _, list in ipairs(values) do
    local sorted = {}
    for _, v in ipairs(list) do
      if axis.finite(v) then sorted[#sorted + 1] = v end
    end
    table.sort(sorted)
    local cut = math.floor(TAIL * #sorted)
    if #sorted > 0 then lo, hi = math.min(lo, sorted[1 + cut]), math.max(hi, sorted[#sorted - cut]) end
  end
  if lo > hi then return 0, 1 end
  if lo == hi then return lo - 0.5, hi + 0.5 end
  return lo, hi
end

-- How many bins suit the smallest group: few numbers in many bins would stand up as spikes over a flat large group.
local function bins_for(values)
  local fewest = math.huge
  for _, list in ipairs(values) do
    if #list > 0 then fewest = math.min(fewest, #list) end
  end
  if fewest == math.huge then return MOST end
  return math.floor(math.max(FEWEST, math.min(MOST, 2 * math.sqrt(fewest))))
end

-- The percentage of a group's numbers in each of n bins, and how many numbers are in none: beyond the axis, or NaN.
local function shares(list, lo, hi, n)
  local bins, beyond = {}, 0
  for b = 1, n do
    bins[b] = 0
  end
  for _, v in ipairs(list) do
    if v >= lo and v <= hi then
      local b = math.min(n, math.floor((v - lo) / (hi - lo) * n) + 1)
      bins[b] = bins[b] + 100 / #list
    else
      beyond = beyond + 1
    end
  end
  return bins, beyond
end

-- One group's histogram: an area with a line along its steps.
local function area(bins, x, y, color)
  local way, step, base = {}, (x.to - x.from) / #bins, y.from
  for b, share in ipairs(bins) do
    way[b] = ("V%sH%s"):format(svg.number(y.at(share)), svg.number(x.from + b * step))
  end
  local d = ("M%s %s%sV%s"):format(svg.number(x.from), svg.number(base), table.concat(way), svg.number(base))
  return svg.element("path", {d = d, fill = color, fill_opacity = 0.25, stroke = color, stroke_width = 1.5,
    stroke_linejoin = "round"})
end

-- The numbers along both axes, and under them what the lower one shows and how many numbers are beyond it.
local function words(x, y, xlabel, beyond)
  local out, middle = {}, (x.from + x.to) / 2
  for i, v in ipairs(x.values) do
    out[#out + 1] = theme.text(x.at(v), y.from + 18, x.labels[i], {size = 11.5, color = "muted", anchor = "middle"})
  end
  for i, v in ipairs(y.values) do
    out[#out + 1] = theme.text(x.from - 6, y.at(v) + 4, y.labels[i] .. " %", {size = 11, color = "muted",
      anchor = "end"})
  end
  out[#out + 1] = theme.text(middle, y.from + 38, xlabel or "", {size = NOTE, anchor = "middle"})
  if beyond > 0 then
    out[#out + 1] = theme.text(middle, y.from + 55, beyond .. " beyond the axis", {size = 11, color = "muted",
      anchor = "middle"})
  end
  return table.concat(out)
end

-- A panel from (left, top) on; returns the SVG and its height.
local function draw(panel, left, top, width, height)
  local lo, hi = range(panel.values)
  local all, most, beyond = {}, 1e-9, 0
  for g, list in ipairs(panel.values) do
    local bins, out = shares(list, lo, hi, bins_for(panel.values))
    all[g], beyond, most = bins, beyond + out, math.max(most, table.unpack(bins))
  end
  local x = axis.new(lo, hi, left + GUTTER, left + width, (width - GUTTER) / 45)
  local y = axis.new(0, most, top + 46 + height, top + 46, 3)
  local out = {
    theme.text(left, top + 13, panel.title or "", {size = 14, bold = true}),
    theme.text(left, top + 32, panel.note or "", {size = NOTE, color = "muted"}),
    axis.rules(x, y),
  }
  for g, bins in ipairs(all) do
    out[#out + 1] = area(bins, x, y, theme.color(g))
  end
  out[#out + 1] = words(x, y, panel.xlabel, beyond)
  return table.concat(out, "\n"), 46 + height + (beyond > 0 and 61 or 44)
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

--- The panels as SVG text. A bar is the percentage of its own group's numbers, so that a small group shows as well as a
-- large one; the axis leaves out half a percent of a group's numbers at either end, and a line below says how many are
-- beyond it. columns (as many as panels, at most 3), width (980 pixels), height (of each plot, 130), title, subtitle.
function histogram.panels(o)
  known_fields("histogram.panels", o, {"columns", "groups", "height", "width", "title", "subtitle"})
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
