--- dots.lua: numbers of several series for each of a list of things, as dots in rows (Cleveland's dot plot), in an SVG.
--
--   local text = dots.svg {
--     title = "AUROC", series = {"elbo", "mse"}, rows = {{name = "0", values = {0.96, 0.97}}, ...}, reference = 0.5,
--   }

local known_fields, refuse = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local histogram = require "genlat.plot.histogram"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local dots = {}

local PAD, ROW, WIDTH = 24, 26, 620

local function check(o)
  if type(o.rows) ~= "table" or #o.rows == 0 or type(o.series) ~= "table" then
    refuse("dots.svg: needs series (names) and rows {name =, values =}")
  end
  for _, row in ipairs(o.rows) do
    if #row.values ~= #o.series then
      refuse("dots.svg: row %s has %d values, there are %d series", row.name, #row.values, #o.series)
    end
  end
end

-- The axis, wide enough for all values and the reference.
local function x_axis(o, from, to)
  local lo, hi = o.reference or math.huge, o.reference or -math.huge
  for _, row in ipairs(o.rows) do
    lo, hi = math.min(lo, table.unpack(row.values)), math.max(hi, table.unpack(row.values))
  end
  if lo == hi then lo, hi = lo - 0.5, hi + 0.5 end
  local margin = 0.04 * (hi - lo)
  return axis.new(lo - margin, hi + margin, from, to, (to - from) / 60)
end

local function rules(x, top, bottom, reference)
  local light = {}
  for _, v in ipairs(x.values) do
    light[#light + 1] = ("M%s %sV%s"):format(svg.number(x.at(v)), svg.number(top), svg.number(bottom))
  end
  local out = svg.element("path", theme.stroke("grid", {d = table.concat(light)}))
  if not reference then return out end
  local d = ("M%s %sV%s"):format(svg.number(x.at(reference)), svg.number(top), svg.number(bottom))
  return out .. svg.element("path", theme.stroke("muted", {d = d, stroke_dasharray = "5 4"}))
end

--- The rows as SVG text. rows: list of {name =, values = a number for each series, bold = true}; series: their names;
-- reference: a number to draw a dashed line at; title, subtitle, xlabel.
function dots.svg(o)
  known_fields("dots.svg", o, {"reference", "rows", "series", "xlabel", "title", "subtitle"})
  check(o)
  local gutter = 0
  for _, row in ipairs(o.rows) do
    gutter = math.max(gutter, svg.text_width(row.name, 13) + 16)
  end
  local heading, y = theme.heading(PAD, PAD, WIDTH - 2 * PAD, o.title, o.subtitle)
  y = PAD + y + 12
  local legend, legend_height = histogram.legend(o.series, PAD, y)
  y = y + legend_height + 12
  local x, bottom = x_axis(o, PAD + gutter, WIDTH - PAD), y + ROW * #o.rows
  local out = {heading, legend, rules(x, y, bottom, o.reference)}
  for i, row in ipairs(o.rows) do
    local middle = y + (i - 0.5) * ROW
    out[#out + 1] = theme.text(PAD, middle + 4, row.name, {size = 13, bold = row.bold})
    for s, value in ipairs(row.values) do
      out[#out + 1] = svg.element("circle", {cx = x.at(value), cy = middle, r = 5, fill = theme.color(s),
        fill_opacity = 0.85})
    end
  end
  for i, v in ipairs(x.values) do
    out[#out + 1] = theme.text(x.at(v), bottom + 18, x.labels[i], {size = 11.5, color = "muted", anchor = "middle"})
  end
  out[#out + 1] = theme.text((x.from + x.to) / 2, bottom + 38, o.xlabel or "", {size = 12.5, anchor = "middle"})
  return theme.document(WIDTH, bottom + 46 + PAD, o.title or "Dots", table.concat(out, "\n"))
end

return dots
