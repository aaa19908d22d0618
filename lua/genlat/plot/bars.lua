--- bars.lua: numbers as upright bars, some of them highlighted.
--
--   local text = bars.svg {title = "...", values = {3, 1, 0.1}, names = {"a", "b", "c"}, strong = {true, true, false},
--     words = {"large", "small"}, ylabel = "KL, nats"}

local known_fields, refuse = require("genlat.check").names, require("genlat.check").fail
local axis = require "genlat.plot.axis"
local svg = require "genlat.plot.svg"
local theme = require "genlat.plot.theme"

local bars = {}

local pad = 24
local name_size = 11.5

local function check(o)
  if type(o.values) ~= "table" or #o.values == 0 then refuse("bars.svg: values is a list of numbers") end
  for i, v in ipairs(o.values) do
    if type(v) ~= "number" or not axis.finite(v) then
      refuse("bars.svg: value %d is not a finite number", i)
    end
  end
  for _, key in ipairs {"names", "strong"} do
    if o[key] and #o[key] ~= #o.values then
      refuse("bars.svg: %s: there are %d for %d values", key, #o[key], #o.values)
    end
  end
end

local function bar(strong, attributes)
  if not strong then return svg.element("rect", theme.fill("axis", attributes)) end
  attributes.fill = theme.color(1)
  return svg.element("rect", attributes)
end

-- The words for highlighted bars and for the others, in one line that ends at `right`.
local function legend(words, right, y)
  local out, x = {}, right
  for k = 2, 1, -1 do
    x = x - svg.text_width(words[k], 13)
    out[#out + 1] = theme.text(x, y + 11.5, words[k], {size = 13})
      .. bar(k == 1, {x = x - 18, y = y + 1, width = 12, height = 12, rx = 2})
    x = x - 18 - 20
  end
  return table.concat(out)
end

-- The names below the bars, as many as there is room for: every one, or every 2nd, 5th, 10th ... from the first.
local function names_below(o, at, step, y)
  local widest, out = 0, {}
  for _, name in ipairs(o.names) do
    widest = math.max(widest, svg.text_width(name, name_size) + 6)
  end
  local every = widest <= step and 1 or math.ceil(axis.step(0, widest / step, 1, true))
  for i = 1, #o.names, every do
    out[#out + 1] = theme.text(at(i), y + 18, o.names[i], {size = name_size, color = "muted", anchor = "middle"})
  end
  return table.concat(out)
end

--- Bars as SVG text.
--   values   a list of numbers, in the order in which they are drawn
--   names    what is written below each bar, where there is room
--   strong   list of true for bars to be highlighted and false for others (all); words: {of those, of these}, a legend
--   title, subtitle, xlabel, ylabel; width (760 pixels), height (400)
function bars.svg(o)
  known_fields("bars.svg", o, {
    "height", "names", "strong", "values", "width", "words", "xlabel", "ylabel", "title", "subtitle",
  })
  check(o)
  local width, height = o.width or 760, o.height or 400
  local heading, heading_height = theme.heading(pad, pad, width - 2 * pad, o.title, o.subtitle)
  local top = pad + heading_height + (o.words and 40 or 18)
  local bottom = height - pad - (o.names and 22 or 4) - (o.xlabel and 20 or 0)
  local least, most = math.min(0, table.unpack(o.values)), math.max(0, table.unpack(o.values))
  if least == most then most = 1 end
  local y = axis.new(least, most, bottom, top, (bottom - top) / 48)
  local left = pad + axis.gutter(y) + (o.ylabel and 22 or 0)
  local step = (width - pad - left) / #o.values
  local thickness = math.min(step * 0.8, 40)
  local function at(i) return left + (i - 0.5) * step end
  local x = {from = left, to = width - pad, values = {}, labels = {}, at = at}
  local out = {}
  for i, v in ipairs(o.values) do
    out[i] = bar(not o.strong or o.strong[i], {x = at(i) - thickness / 2, y = math.min(y.at(v), y.at(0)),
      width = thickness, height = math.abs(y.at(v) - y.at(0))})
  end
  return theme.document(width, height, o.title or "Bars", table.concat {
    heading, o.words and legend(o.words, width - pad, top - 28) or "", axis.rules(x, y), "\n",
    table.concat(out, "\n"), "\n", axis.labels(x, y, nil, o.ylabel), o.names and names_below(o, at, step, bottom) or "",
    o.xlabel and theme.text((left + width - pad) / 2, bottom + (o.names and 40 or 22), o.xlabel,
      {size = 12.5, anchor = "middle"}) or "",
  })
end

return bars
