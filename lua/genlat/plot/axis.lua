-- Axes: ranges, ticks at 1, 2 or 5 times a power of ten, numbers as text, grid lines and labels.
local svg = require "genlat.plot.svg"
local text = require "genlat.text"
local theme = require "genlat.plot.theme"

local axis = {}

-- Whether v can be drawn: neither NaN nor infinite (nor so large that differences would be).
function axis.finite(v)
  return v == v and math.abs(v) < 1e300
end

-- The smallest step 1, 2 or 5 x 10^k that cuts lo..hi into at most `count` parts; with `integer` at least 1.
function axis.step(lo, hi, count, integer)
  local raw = (hi - lo) / count
  local power = 10.0 ^ math.floor(math.log(raw, 10))
  local step = 10 * power
  for _, factor in ipairs({ 1, 2, 5 }) do
    if factor * power >= raw * (1 - 1e-9) then
      step = factor * power
      break
    end
  end
  return integer and math.max(step, 1) or step
end

-- `s`, a number as text, with a true minus sign.
local function minus(s)
  return (s:gsub("-", "\u{2212}"))
end

-- The number v with `digits` significant digits, as 3e9 or 2e-7 where it is very large or small.
local function short(v, digits)
  return minus((text.format("%." .. digits .. "g", v):gsub("e%+?(-?)0*", "e%1")))
end

-- The text of tick v, with as many decimals as ticks `step` apart need.
local function tick_label(v, step)
  if math.max(math.abs(v), step) >= 1e6 or step < 1e-5 then return short(v, 4) end
  return minus(svg.number(v, math.max(0, math.ceil(-math.log(step, 10) - 1e-9))))
end

local MOST_TICKS = 100 -- which nobody counts

-- The ticks in lo..hi and their labels, about one per `count`-th part of the range; none where doubles have no numbers
-- between its ends.
function axis.ticks(lo, hi, count, integer)
  local step = axis.step(lo, hi, math.min(count, MOST_TICKS), integer)
  local first, last = math.ceil(lo / step - 1e-9), math.floor(hi / step + 1e-9)
  local values, labels = {}, {}
  if not (math.type(first) == "integer" and math.type(last) == "integer") then return values, labels end
  for i = first, math.min(last, first + 2 * MOST_TICKS) do
    values[#values + 1] = i * step
    labels[#labels + 1] = tick_label(i * step, step)
  end
  return values, labels
end

-- A measured value for reading: four significant digits or so, "nan" and "inf" as they are.
function axis.number(v)
  if v ~= v then return "nan" end
  if v == math.huge or v == -math.huge then return minus(v > 0 and "inf" or "-inf") end
  if v == 0 then return "0" end
  local size = math.abs(v)
  if size >= 1e6 or size < 1e-3 then return short(v, 3) end
  local decimals = size >= 1000 and 0 or size >= 100 and 1 or size >= 1 and 2 or size >= 0.1 and 3 or 4
  return minus(text.format("%." .. decimals .. "f", v))
end

-- An axis that shows lo..hi from pixel `from` to pixel `to`: at(v) is the pixel of v.
function axis.new(lo, hi, from, to, count, integer)
  local values, labels = axis.ticks(lo, hi, math.max(2, count), integer)
  local scale = (to - from) / (hi - lo)
  return { lo = lo, hi = hi, from = from, to = to, scale = scale, values = values, labels = labels,
    at = function(v) return from + (v - lo) * scale end }
end

-- The same on a logarithmic scale, 0 < lo < hi: ticks at the powers of ten, and at 2 and 5 times them if there is room.
function axis.log(lo, hi, from, to, count)
  local values, labels = {}, {}
  local decades = math.log(hi / lo, 10)
  local factors = decades * 3 <= count and {1, 2, 5} or {1}
  for power = math.floor(math.log(lo, 10)), math.ceil(math.log(hi, 10)) do
    for _, factor in ipairs(factors) do
      local v = factor * 10.0 ^ power
      if v >= lo * (1 - 1e-9) and v <= hi * (1 + 1e-9) then
        values[#values + 1] = v
        labels[#labels + 1] = tick_label(v, v)
      end
    end
  end
  local scale = (to - from) / math.log(hi / lo)
  return { lo = lo, hi = hi, from = from, to = to, scale = scale, values = values, labels = labels,
    at = function(v) return from + math.log(v / lo) * scale end }
end

-- For curves: light lines at the ticks of y, and the x axis at the bottom with a small mark at each tick.
function axis.rules(x, y)
  local light, base = {}, { ("M%s %sH%s"):format(svg.number(x.from), svg.number(y.from), svg.number(x.to)) }
  for _, v in ipairs(y.values) do
    light[#light + 1] = ("M%s %sH%s"):format(svg.number(x.from), svg.number(y.at(v)), svg.number(x.to))
  end
  for _, v in ipairs(x.values) do
    base[#base + 1] = ("M%s %sv4"):format(svg.number(x.at(v)), svg.number(y.from))
  end
  return svg.element("path", theme.stroke("grid", { d = table.concat(light) }))
    .. svg.element("path", theme.stroke("axis", { d = table.concat(base) }))
end

-- For maps: light lines at the ticks of x and of y, a darker one at zero.
function axis.grid(x, y)
  local light, zero = {}, {}
  local function line(v, d)
    local list = v == 0 and zero or light
    list[#list + 1] = d
  end
  for _, v in ipairs(x.values) do
    line(v, ("M%s %sV%s"):format(svg.number(x.at(v)), svg.number(y.to), svg.number(y.from)))
  end
  for _, v in ipairs(y.values) do
    line(v, ("M%s %sH%s"):format(svg.number(x.from), svg.number(y.at(v)), svg.number(x.to)))
  end
  local function path(name, list)
    return #list > 0 and svg.element("path", theme.stroke(name, { d = table.concat(list) })) or ""
  end
  return path("grid", light) .. path("axis", zero)
end

-- The numbers at the ticks, and the names of the axes where given.
function axis.labels(x, y, xlabel, ylabel)
  local out = {}
  local function add(...) out[#out + 1] = theme.text(...) end
  for i, v in ipairs(x.values) do
    add(x.at(v), y.from + 18, x.labels[i], { size = 11.5, color = "muted", anchor = "middle" })
  end
  for i, v in ipairs(y.values) do
    add(x.from - 8, y.at(v) + 4, y.labels[i], { size = 11.5, color = "muted", anchor = "end" })
  end
  if xlabel then add((x.from + x.to) / 2, y.from + 38, xlabel, { size = 12.5, anchor = "middle" }) end
  if ylabel then
    local left, middle = x.from - axis.gutter(y) - 4, (y.from + y.to) / 2
    local turn = ("rotate(-90 %s %s)"):format(svg.number(left), svg.number(middle))
    add(left, middle, ylabel, { size = 12.5, anchor = "middle", transform = turn })
  end
  return table.concat(out)
end

-- The room in pixels that the numbers of a y axis take at its left.
function axis.gutter(y)
  local widest = 0
  for _, label in ipairs(y.labels) do widest = math.max(widest, svg.text_width(label, 11.5)) end
  return widest + 10
end

return axis
